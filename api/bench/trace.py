"""F0 → F1 → F2 with counts, seconds, certainty and infectors, against the same questions elsewhere."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from api.bench.alternatives import NAMES, SMALL, alternatives
from api.bench.ours import Ours
from api.bench.questions import Asked, same
from api.bench.results import Measurement, Times
from api.bench.rounds import TIMES, Asking, ask_all
from api.bench.stays import stay_columns
from api.bench.synthetic import DAY, START, Made, made
from api.simulation.schedule import DAYS, SEED
from infrastructure.graph import warm_up
from infrastructure.graph.arrays import Array

ALTERNATIVES = NAMES
QUESTIONS = 100
_CANDIDATES = 400
_LONGEST_WINDOW = 8
_HORIZON_DAYS = 3
"""After the window, by when the F1 are confined."""
_CURVE_FROM = 100_000
_ALIKE = (100, 1_000)
"""Contacts of the questions of the curve."""
_QUESTIONS_ALIKE = 20


def measure(count: int, against: Sequence[str]) -> Measurement:
    """Raises Refused for an alternative that is none, or that is not installed."""
    compiled = warm_up()
    data = made(count)
    ours = Ours(data)
    questions = spread(*candidates(ours, data), QUESTIONS)
    left_out = [name for name in against if name == "networkx" and count > SMALL]
    with alternatives(
        [name for name in against if name not in left_out], stay_columns(data.visits, data.default_stay)
    ) as others:
        everyone = [ours, *others]
        for asked in questions[:3]:
            for system in everyone:
                system.trace(asked)
        answered = ask_all([Asking(one.name, one.trace, one.found) for one in everyone], questions, same)
    times = [Times(name, took) for name, took in answered.seconds.items()]
    more = {
        "seed": SEED,
        "questions": len(questions),
        "best_of": TIMES,
        "kernel": "numba" if compiled else "numpy",
        "contacts_median": int(np.median(answered.sizes)),
        "contacts_most": max(answered.sizes),
        "bytes_per_visit": round(ours.graph.nbytes / len(data), 1),
        "left_out": left_out,
    }
    return Measurement("trace", len(data), answered.equal, times[0], times[1:], more)


def curve(upto: int) -> Measurement:
    """Questions with answers of the same size, at ten times more visits each time."""
    warm_up()
    sizes = [_CURVE_FROM * 10**power for power in range(12) if _CURVE_FROM * 10**power < upto]
    rows: list[dict[str, Any]] = []
    for count in [*sizes, upto]:
        data = made(count)
        ours = Ours(data)
        found, contacts = candidates(ours, data)
        for many in _ALIKE:
            nearest = np.argsort(np.abs(np.log(np.maximum(contacts, 1) / many)), kind="stable")[:_QUESTIONS_ALIKE]
            answered = ask_all([Asking(ours.name, ours.trace, ours.found)], [found[n] for n in nearest.tolist()], same)
            times = Times(ours.name, answered.seconds[ours.name])
            rows.append({"visits": count, "contacts_median": int(np.median(answered.sizes)), **times.as_dict()})
    return Measurement("trace-curve", upto, True, times, [], {"seed": SEED, "best_of": TIMES, "curve": rows})


def candidates(ours: Ours, data: Made, seed: int = 7) -> tuple[list[Asked], Array]:
    """People infectious for 1 to 8 of the 28 days, and how many contacts each of them has: some."""
    rng = np.random.default_rng(seed)
    asked = []
    for person in rng.choice(np.unique(data.visits.person), min(_CANDIDATES, data.country.people)).tolist():
        days = int(rng.integers(1, _LONGEST_WINDOW + 1))
        start = START + DAY * int(rng.integers(0, DAYS - days - _HORIZON_DAYS))
        asked.append(Asked(person, start, start + days * DAY, start + (days + _HORIZON_DAYS) * DAY))
    contacts = [len(ours.trace(one)) for one in asked]
    return [one for one, many in zip(asked, contacts, strict=True) if many], np.array(
        [many for many in contacts if many]
    )


def spread(asked: Sequence[Asked], contacts: Array, count: int) -> list[Asked]:
    """So many of them, evenly from the one with fewest contacts to the one with most."""
    order = np.argsort(contacts, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [asked[number] for number in order[places].tolist()]
