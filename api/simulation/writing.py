"""A simulation as files: visits as CSV, events or Parquet; the venues; who was truly infected; the cases found."""

import csv
import json
from collections.abc import Iterator
from typing import IO, Any, Final

import numpy as np

from api.simulation.columns import Array, Visits
from api.simulation.country import NOWHERE
from api.simulation.infections import NEVER, NOBODY
from api.simulation.kinds import DEFAULT_STAY_MINUTES, NAMES
from api.simulation.naming import PEOPLE, VENUES, VISITS, person_name, uuid_of, uuids, venue_code
from api.simulation.simulation import Simulation
from api.simulation.text import instants, lines, numbered, uuid_texts
from domain.errors import Unavailable
from domain.times import Seconds, local_day, to_text

_AT_ONCE: Final = 250_000
"""Lines of text in memory."""
_NULL: Final = b"null"
_PROVENANCE: Final = (
    b'", "actor": "local", "on_behalf_of": null, "source": "simulation", "cause": null, "correlation": null, '
    b'"basis": null, "data": {"visit_id": "'
)


def csv_blocks(simulation: Simulation) -> Iterator[bytes]:
    """For ``truyvet import visits --register-venues``; ``check_out`` is empty where nobody saw it."""
    people, venues = _names(simulation)
    yield b"person,venue,check_in,check_out\n"
    for _, some in _some(simulation):
        end = np.where(some.observed, instants(some.check_out), b"")
        yield lines([people[some.person], b",", venues[some.venue], b",", instants(some.check_in), b",", end, b"\n"])


def event_blocks(simulation: Simulation) -> Iterator[bytes]:
    """As ``truyvet events`` writes them: the venues, then the visits of each day, recorded when it was over."""
    country = simulation.country
    begin = simulation.schedule.begin(0)
    for venue in range(country.venues):
        yield _registered(simulation, venue, begin)
    position = country.venues
    people, venues = (
        uuid_texts(uuids(what, np.arange(count)))
        for what, count in ((PEOPLE, country.people), (VENUES, country.venues))
    )
    for day, some in _some(simulation):
        number = np.arange(position + 1, position + 1 + len(some))
        own, start = uuid_texts(uuids(VISITS, number)), instants(some.check_in)
        end = np.where(some.observed, np.char.add(np.char.add(b'"', instants(some.check_out)), b'"'), _NULL)
        recorded_at = to_text(simulation.schedule.begin(day + 1)).encode()
        yield lines([
            b'{"position": ', number.astype("S"), b', "recorded_at": "' + recorded_at,
            b'", "type": "Visit.CheckedIn", "schema": 1, "stream": "', own, b'", "version": 1, "happened_at": "', start,
            _PROVENANCE, own, b'", "person": "', people[some.person], b'", "venue": "',
            venues[some.venue], b'", "check_in": "', start, b'", "check_out": ', end, b"}}\n",
        ])  # fmt: skip
        position += len(some)


def write_parquet(simulation: Simulation, file: IO[bytes]) -> None:
    """Columns person, venue, check_in and check_out, day by day. Raises Unavailable without polars."""
    try:
        import polars as pl
        from polars.io.plugins import register_io_source
    except ImportError:
        raise Unavailable("install truyvet[bench] to write Parquet") from None
    instant = pl.Datetime("ms", "UTC")
    schema = {"person": pl.String(), "venue": pl.String(), "check_in": instant, "check_out": instant}
    people, venues = (pl.Series(names.astype(str)) for names in _names(simulation))

    def frames(*_with_what: Any) -> Iterator[pl.DataFrame]:
        for _, some in _some(simulation):
            end = np.where(some.observed, some.check_out * 1_000, np.iinfo(np.int64).min)
            yield pl.DataFrame({
                "person": people.gather(some.person),
                "venue": venues.gather(some.venue),
                "check_in": pl.Series(some.check_in * 1_000).cast(instant),
                "check_out": pl.Series(end.astype("datetime64[ms]")).cast(instant),
            })  # fmt: skip

    register_io_source(frames, schema=schema).sink_parquet(file)


def write_venues(simulation: Simulation, file: IO[str]) -> None:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["venue", "kind", "commune", "default_stay_minutes"])
    for venue in range(simulation.country.venues):
        rows.writerow([venue_code(venue), *_described(simulation, venue)])


def write_infections(simulation: Simulation, file: IO[str]) -> None:
    """The truth: who was infected when, by whom, at which venue or in which household."""
    found = simulation.infections
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["person", "infected_at", "infector", "venue", "household", "infectious_from", "infectious_until",
                   "onset", "isolated_at"])  # fmt: skip
    columns = (found.how.person, found.how.infected_at, found.how.infector, found.how.venue,
               found.infectious_from, found.infectious_until, found.onset, found.isolated_at)  # fmt: skip
    for person, at, infector, venue, begins, ends, onset, isolated in zip(
        *map(np.ndarray.tolist, columns), strict=True
    ):
        by = "" if infector == NOBODY else person_name(infector)
        where = "" if venue == NOWHERE else venue_code(venue)
        household = simulation.country.household_of[person] if by and not where else ""
        rows.writerow([person_name(person), to_text(at), by, where, household, to_text(begins), to_text(ends),
                       _day_or_empty(onset), _or_empty(isolated)])  # fmt: skip


def write_cases(simulation: Simulation, file: IO[str]) -> None:
    """Those found by the end, with the windows in which they are traced, for ``truyvet trace --cases``."""
    found, end = simulation.infections, simulation.schedule.begin(simulation.schedule.days)
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["person", "from", "to"])
    known = np.flatnonzero(found.isolated_at <= end)
    for one in known[np.argsort(found.isolated_at[known], kind="stable")].tolist():
        window = (found.window_from[one], found.isolated_at[one])
        rows.writerow([person_name(int(found.how.person[one])), *(to_text(int(instant)) for instant in window)])


def _some(simulation: Simulation) -> Iterator[tuple[int, Visits]]:
    """The visits in their order, so many at once, and on which day they begin."""
    for day, visits in enumerate(simulation.days()):
        for low in range(0, len(visits), _AT_ONCE):
            yield day, visits.take(slice(low, low + _AT_ONCE))


def _names(simulation: Simulation) -> tuple[Array, Array]:
    return numbered(person_name, simulation.country.people), numbered(venue_code, simulation.country.venues)


def _described(simulation: Simulation, venue: int) -> tuple[str, str, int]:
    kind = int(simulation.country.kind[venue])
    return (
        NAMES[kind],
        simulation.country.units[int(simulation.country.commune[venue])],
        int(DEFAULT_STAY_MINUTES[kind]),
    )


def _registered(simulation: Simulation, venue: int, at: Seconds) -> bytes:
    kind, commune, stay = _described(simulation, venue)
    code = venue_code(venue)
    event = {
        "position": venue + 1, "recorded_at": to_text(at), "type": "Venue.Registered", "schema": 1,
        "stream": str(uuid_of(VENUES, venue)), "version": 1, "happened_at": to_text(at), "actor": "local",
        "on_behalf_of": None, "source": "simulation", "cause": None, "correlation": None, "basis": None,
        "data": {"code": code, "name": code, "kind": kind, "commune": commune, "address": None,
                 "default_stay_minutes": stay},
    }  # fmt: skip
    return json.dumps(event).encode() + b"\n"


def _or_empty(instant: Seconds) -> str:
    return "" if instant == NEVER else to_text(instant)


def _day_or_empty(instant: Seconds) -> str:
    return "" if instant == NEVER else local_day(instant).isoformat()
