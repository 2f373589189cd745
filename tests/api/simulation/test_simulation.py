"""A simulated country: the same by the same seed, as plausible as told, every infection explained."""

import csv
import io
import json
from collections import defaultdict
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from api.simulation import Schedule, Simulation, Visits, writing
from api.simulation.country import NOWHERE
from api.simulation.infections import NEVER, NOBODY
from api.simulation.kinds import KINDS, NAMES, NO_CHECK_OUT
from api.simulation.naming import PEOPLE, VISITS, uuid_of, uuids
from infrastructure.graph import LoggedEvent
from infrastructure.graph.arrays import FOREVER
from infrastructure.graph.projection import read

DAYS = 14
COUNT = 20_000


@pytest.fixture(scope="module")
def spent() -> tuple[Simulation, Visits]:
    """All days of a simulation with many infected."""
    simulation = Simulation(Schedule.of_visits(COUNT, DAYS), infected=40)
    return simulation, Visits.together(list(simulation.days()))


def csv_of(seed: int = 1, visits: int = 2_000) -> bytes:
    return b"".join(writing.csv_blocks(Simulation(Schedule.of_visits(visits, 3), seed)))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert csv_of(seed=1) == csv_of(seed=1)
    assert csv_of(seed=1) != csv_of(seed=2)


def test_the_bytes_are_the_same_on_every_machine() -> None:
    lines = csv_of().decode().splitlines()

    assert len(lines) == 2_001
    assert lines[1] == "ref:p315,v4,2021-08-29T20:33:09Z,"
    assert lines[-1] == "ref:p315,v35,2021-09-01T16:59:59Z,2021-09-01T17:28:29Z"


def test_as_many_visits_as_asked_for_on_weekdays_more_than_at_weekends(spent: tuple[Simulation, Visits]) -> None:
    simulation, visits = spent
    days = np.bincount((visits.check_in - simulation.schedule.begin(0)) // 86_400)

    assert len(visits) == COUNT
    assert 1.3 < COUNT / simulation.country.people / DAYS < 1.4
    assert days.tolist() == [simulation.schedule.visits_on(day) for day in range(DAYS)]
    assert max(days[[5, 6, 12, 13]]) < 0.8 * min(np.delete(days, [5, 6, 12, 13]))


def test_visits_come_in_order_and_nobody_begins_two_at_once(spent: tuple[Simulation, Visits]) -> None:
    _, visits = spent

    assert (np.diff(visits.check_in) >= 0).all()
    assert (visits.check_out > visits.check_in).all()
    assert len(np.unique(visits.person * np.int64(2**32) + visits.check_in)) == COUNT


def test_each_kind_has_its_stays_and_its_missing_check_outs(spent: tuple[Simulation, Visits]) -> None:
    simulation, visits = spent
    kind, minutes = simulation.country.kind[visits.venue], (visits.check_out - visits.check_in) / 60

    for name in ("shop", "restaurant", "market", "school", "workplace"):
        of_kind = kind == NAMES.index(name)
        assert np.median(minutes[of_kind]) == pytest.approx(KINDS[name].stay, rel=0.15), name
        assert minutes[of_kind].max() <= KINDS[name].longest
        assert 1 - visits.observed[of_kind].mean() == pytest.approx(KINDS[name].no_check_out, abs=0.06), name
    assert 1 - visits.observed.mean() == pytest.approx(NO_CHECK_OUT[kind].mean(), abs=0.02)


def test_a_few_venues_draw_most_and_people_keep_near_home(spent: tuple[Simulation, Visits]) -> None:
    simulation = Simulation(Schedule.of_visits(60_000, 3), infected=0)
    country, visits = simulation.country, Visits.together(list(simulation.days()))
    busiest_first = np.sort(np.bincount(visits.venue, minlength=country.venues))[::-1]
    at_home = country.commune_of[visits.person] == country.commune[visits.venue]

    assert busiest_first[: country.venues // 20].sum() > 0.4 * len(visits)
    assert busiest_first[0] > 20 * np.median(busiest_first)
    assert len(country.units) > 10
    assert 0.6 < at_home.mean() < 0.95


def test_who_is_found_stays_at_home(spent: tuple[Simulation, Visits]) -> None:
    simulation, visits = spent
    isolated_at = np.full(simulation.country.people, NEVER)
    isolated_at[simulation.infections.how.person] = simulation.infections.isolated_at

    assert (simulation.infections.isolated_at < visits.check_in[-1]).any()
    assert (visits.check_in < isolated_at[visits.person]).all()


def test_every_infection_is_explained_by_an_overlap_or_a_household(spent: tuple[Simulation, Visits]) -> None:
    simulation, visits = spent
    found, how = simulation.infections, simulation.infections.how
    course = {person: number for number, person in enumerate(how.person.tolist())}
    stays = defaultdict(list)
    for person, venue, start, end in zip(*(column.tolist() for column in (visits.person, visits.venue, visits.check_in,
                                                                          visits.check_out)), strict=True):  # fmt: skip
        stays[person, venue].append((start, end))

    assert len(course) == len(found) > 100
    places = set()
    for person, at, infector, venue in zip(how.person.tolist(), how.infected_at.tolist(), how.infector.tolist(),
                                           how.venue.tolist(), strict=True):  # fmt: skip
        if infector == NOBODY:
            places.add("seed")
            continue
        by = course[infector]
        assert found.infectious_from[by] <= at < found.infectious_until[by]
        if venue == NOWHERE:
            places.add("household")
            assert simulation.country.household_of[person] == simulation.country.household_of[infector]
        else:
            places.add("venue")
            assert all(any(start <= at < end for start, end in stays[who, venue]) for who in (person, infector))
    assert places == {"seed", "household", "venue"}


def test_events_are_written_as_the_log_is() -> None:
    simulation = Simulation(Schedule.of_visits(500, 2))
    events = [json.loads(line) for line in b"".join(writing.event_blocks(simulation)).splitlines()]
    venues = simulation.country.venues

    assert [event["position"] for event in events] == list(range(1, venues + 501))
    assert {event["type"] for event in events[:venues]} == {"Venue.Registered"}
    assert {event["type"] for event in events[venues:]} == {"Visit.CheckedIn"}
    assert [event["recorded_at"] for event in events] == sorted(event["recorded_at"] for event in events)
    assert {event["data"]["person"] for event in events[venues:]} <= {
        str(uuid_of(PEOPLE, person)) for person in range(simulation.country.people)
    }
    facts = read([
        LoggedEvent(event["position"], event["type"], UUID(event["stream"]), json.dumps(as_kept(event)).encode())
        for event in events
    ])  # fmt: skip
    made = Visits.together(list(Simulation(Schedule.of_visits(500, 2)).days()))
    assert facts.visits.start.tolist() == made.check_in.tolist()
    assert facts.visits.person.tolist() == uuids(PEOPLE, made.person).tolist()
    assert (facts.visits.end != FOREVER).tolist() == made.observed.tolist()


def as_kept(event: dict[str, Any]) -> dict[str, Any]:
    return {"schema": event["schema"], "happened_at": event["happened_at"], **event["data"]}


def test_ids_differ_by_number_and_by_what_they_name() -> None:
    ids = np.concatenate([uuids(what, np.arange(5_000)) for what in (PEOPLE, VISITS)])

    assert len(np.unique(ids[:, 0])) == len(np.unique(ids[:, 1])) == 10_000


def test_parquet_has_what_csv_has() -> None:
    pl = pytest.importorskip("polars")
    file = io.BytesIO()
    writing.write_parquet(Simulation(Schedule.of_visits(2_000, 3), seed=1), file)
    frame = pl.read_parquet(io.BytesIO(file.getvalue()))

    expected = list(csv.DictReader(io.StringIO(csv_of().decode())))
    instant = pl.col("check_in", "check_out").dt.strftime("%Y-%m-%dT%H:%M:%SZ").fill_null("")
    assert frame.with_columns(instant).to_dicts() == expected
