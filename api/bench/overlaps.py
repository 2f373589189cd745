"""Who were together at the busiest venue, in windows of minutes to a day; and the F1 of many cases at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from api.bench.alternatives import SMALL, alternatives
from api.bench.ours import Ours
from api.bench.questions import Asked, AskedAt, AskedOfMany, same
from api.bench.results import Measurement, Times
from api.bench.rounds import TIMES, Asking, ask_all
from api.bench.stays import stay_columns
from api.bench.synthetic import DAY, START, Made, made
from api.simulation.kinds import MARKET, SCHOOL, WORKPLACE
from api.simulation.schedule import DAYS, SEED
from infrastructure.graph import warm_up

ALTERNATIVES: Final = ("duckdb", "postgres", "polars")
BUSIEST: Final = 300_000
"""Visits at the busiest venue."""
CASES: Final = 5_000

_LARGEST_SHARE = 0.06
"""Of all visits, at the busiest venue, where there are few."""
_WINDOWS: Final = {"5 minutes": 300, "15 minutes": 900}
_WINDOWS_OF_ONE: Final = {"1 hour": 3_600, "8 hours": 8 * 3_600, "1 day": DAY}
"""With a person who was there then: all pairs of a day would be millions."""
OF_EACH = 20
_CASE_DAYS = 3


def measure(count: int, against: Sequence[str]) -> Measurement:
    warm_up()
    data, venue = with_a_busy_venue(made(count))
    ours = Ours(data)
    questions = questions_at(data, venue)
    small = [name for name in against if name != "networkx" or count <= SMALL]
    with alternatives(small, stay_columns(data.visits, data.default_stay)) as others:
        everyone = [ours, *others]
        windows = [name for name in (*_WINDOWS, *_WINDOWS_OF_ONE) for _ in range(OF_EACH)]
        answered = ask_all([Asking(one.name, one.overlaps, one.met) for one in everyone], questions, same)
        cases, equal = many_cases(ours, [other for other in others if isinstance(other, AskedOfMany)], data)
    more = {
        "seed": SEED, "best_of": TIMES, "visits_of_the_venue": int((data.visits.venue == venue).sum()),
        "overlaps_most": max(answered.sizes),
        "windows": {name: _of_window(name, windows, answered.seconds) for name in dict.fromkeys(windows)},
        "many_cases": cases,
    }  # fmt: skip
    times = [Times(name, took) for name, took in answered.seconds.items()]
    return Measurement("overlaps", len(data), answered.equal and equal, times[0], times[1:], more)


def with_a_busy_venue(data: Made) -> tuple[Made, int]:
    """Visits to elsewhere, but for work and school, are to the busiest market instead until it has so many."""
    venue, kind = data.visits.venue.copy(), data.country.kind[data.visits.venue]
    busiest = int(np.argmax(np.bincount(venue, minlength=data.country.venues) * (data.country.kind == MARKET)))
    wanted = min(BUSIEST, int(len(venue) * _LARGEST_SHARE)) - int((venue == busiest).sum())
    elsewhere = np.flatnonzero((kind != SCHOOL) & (kind != WORKPLACE) & (venue != busiest))
    venue[np.random.default_rng(SEED).choice(elsewhere, max(wanted, 0), replace=False)] = busiest
    return replace(data, visits=replace(data.visits, venue=venue)), busiest


def questions_at(data: Made, venue: int) -> list[AskedAt]:
    """Windows that begin with the visit of somebody there."""
    there = np.flatnonzero(data.visits.venue == venue)
    lengths = [(length, False) for length in _WINDOWS.values()] + [
        (length, True) for length in _WINDOWS_OF_ONE.values()
    ]
    rows = np.random.default_rng(SEED).choice(there, len(lengths) * OF_EACH).tolist()
    asked = []
    for number, row in enumerate(rows):
        length, of_one = lengths[number // OF_EACH]
        start = int(data.visits.check_in[row])
        asked.append(AskedAt(venue, start, start + length, int(data.visits.person[row]) if of_one else None))
    return asked


def _of_window(name: str, windows: Sequence[str], seconds: dict[str, list[float | None]]) -> list[dict[str, Any]]:
    return [
        Times(system, [one for one, window in zip(took, windows, strict=True) if window == name]).as_dict()
        for system, took in seconds.items()
        if any(one is not None for one, window in zip(took, windows, strict=True) if window == name)
    ]


def many_cases(ours: Ours, others: Sequence[AskedOfMany], data: Made) -> tuple[dict[str, Any], bool]:
    """One pass over all cases, against one query for all."""
    rng = np.random.default_rng(CASES)
    people = rng.choice(np.unique(data.visits.person), min(CASES, data.country.people // 2), replace=False)
    start = START + DAY * rng.integers(0, DAYS - _CASE_DAYS, len(people))
    asked = [
        Asked(person, begin, begin + _CASE_DAYS * DAY, begin + _CASE_DAYS * DAY)
        for person, begin in zip(people.tolist(), start.tolist(), strict=True)
    ]
    everyone: Sequence[AskedOfMany] = [ours, *others]
    answered = ask_all([Asking(one.name, one.first_contacts, one.many) for one in everyone], [asked], same)
    found = ours.many(ours.first_contacts(asked))
    times = [Times(name, took).as_dict() for name, took in answered.seconds.items()]
    told = {"cases": len(asked), "contacts": len(found.person), "encounters": int(found.encounters.sum())}
    return told | {"systems": times}, answered.equal
