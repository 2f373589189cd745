"""Son La province, made up by a seed over the figures that it reported for a week of 2021; the dates are ours.

Only the sums are the province's. Where the points lie, which are used, and by whom is drawn: a few places draw most
visitors, weekends are nearly empty, most visitors never scan out. Nobody in it exists.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.app import Truyvet
from api.simulation.naming import VENUES, uuid_of
from application.log import Draft, Key
from application.provenance import LOCAL
from application.venues import code_key
from domain.errors import Refused
from domain.times import to_text
from domain.venues import Venue
from domain.weeks import Week
from infrastructure.communes import venue_units

PROVINCE: Final = "14"
WEEK: Final = Week.numbered("2021-W45")
POINTS: Final = 12_661
NEW_POINTS: Final = 2_684
ACTIVE: Final = 3_318
ACTIVE_CHANGE: Final = 793
SCANS: Final = 342_842
WEEK_SCANS: Final = 108_435
SEED: Final = 14_2021

_SCANS_BEFORE = 86_000  # in the week before, of which the active points alone were published
_USED_EARLIER = 2_000  # points in the weeks before that one
_PEOPLE = 12_000
_CHECKED_OUT = 0.3
_DAY = 86_400
_EARLIER_DAYS = 28  # with scans, before those two weeks
_REGISTERING_DAYS = 30  # before the first scans
_DAY_WEIGHTS = np.array([10, 10, 10, 10, 10, 4, 2])  # Monday to Sunday
_AT_ONCE = 1_000

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Province:
    """n points and m scans, by check-in; times are seconds since 1970, ``point`` and ``person`` are numbers."""

    commune: list[str]  # of each point
    registered_at: Numbers  # shape (n,)
    point: Numbers  # shape (m,), as are the others
    person: Numbers
    check_in: Numbers
    check_out: Numbers
    observed: NDArray[np.bool_]


def province(seed: int = SEED) -> Province:
    rng = np.random.default_rng(seed)
    old = POINTS - NEW_POINTS
    registered_at = _registered(rng, old)
    week, before, earlier = WEEK.begin, WEEK.before.begin, WEEK.before.begin - _EARLIER_DAYS * _DAY
    parts = [
        _scans(rng, _some(rng, POINTS, ACTIVE), WEEK_SCANS, week, 1, registered_at),
        _scans(rng, _some(rng, old, ACTIVE - ACTIVE_CHANGE), _SCANS_BEFORE, before, 1, registered_at),
        _scans(
            rng, _some(rng, old, _USED_EARLIER), SCANS - WEEK_SCANS - _SCANS_BEFORE, earlier, _EARLIER_DAYS // 7,
            registered_at,
        ),
    ]  # fmt: skip
    point, check_in = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(check_in, kind="stable")
    point, check_in = point[order], check_in[order]
    stay = np.clip(rng.lognormal(7.2, 0.8, SCANS), 60, 4 * 3_600).astype(np.int64)
    return Province(
        _communes(rng), registered_at, point, _people(rng, point, check_in), check_in, check_in + stay,
        rng.random(SCANS) < _CHECKED_OUT,
    )  # fmt: skip


def record(truyvet: Truyvet, made: Province) -> None:
    """Everything into the log, and the views up to it."""
    for low in range(0, POINTS, _AT_ONCE):
        venues = [_venue(made, number) for number in range(low, min(low + _AT_ONCE, POINTS))]
        truyvet.log.save(
            Draft(list(venues), [Key(code_key(venue.code or ""), venue.id.bytes) for venue in venues]), LOCAL
        )
    outcome = truyvet.imports.visits(io.BytesIO("".join(_csv(made)).encode()), by=LOCAL)
    if outcome.tally.recorded != SCANS:
        raise Refused(f"{outcome.tally.recorded:,} of {SCANS:,} scans were recorded")
    truyvet.graph.catch_up()
    truyvet.registers.catch_up()


def _registered(rng: np.random.Generator, old: int) -> Numbers:
    """Between 7 and 8 in the morning, before anybody comes: the old ones before all scans, the new ones in the week."""
    first = WEEK.before.begin - (_EARLIER_DAYS + _REGISTERING_DAYS) * _DAY
    days = np.concatenate([
        first + _DAY * np.sort(rng.integers(0, _REGISTERING_DAYS, old)),
        WEEK.begin + _DAY * np.sort(rng.integers(0, 5, NEW_POINTS)),
    ])  # fmt: skip
    return days + rng.integers(7 * 3_600, 8 * 3_600, POINTS)


def _communes(rng: np.random.Generator) -> list[str]:
    communes = venue_units(PROVINCE)
    weights = rng.lognormal(0, 0.8, len(communes))
    return [communes[number] for number in rng.choice(len(communes), POINTS, p=weights / weights.sum())]


def _some(rng: np.random.Generator, among: int, count: int) -> Numbers:
    return np.sort(rng.choice(among, count, replace=False))


def _scans(
    rng: np.random.Generator, points: Numbers, count: int, begin: int, weeks: int, registered_at: Numbers
) -> tuple[Numbers, Numbers]:
    """Points and check-ins: each point at least once, on no day before it was registered, from 8 to 20 o'clock."""
    draw = rng.pareto(1.1, len(points)) + 0.1
    point = np.repeat(points, 1 + rng.multinomial(count - len(points), draw / draw.sum()))
    weights = np.tile(_DAY_WEIGHTS, weeks)
    day = rng.choice(len(weights), count, p=weights / weights.sum())
    day = np.maximum(day, (registered_at[point] - begin) // _DAY)
    return point, begin + day * _DAY + rng.integers(8 * 3_600, 20 * 3_600, count)


def _people(rng: np.random.Generator, point: Numbers, check_in: Numbers) -> Numbers:
    """Drawn again while anybody would come to one place twice in one second, which is one visit."""
    person = rng.integers(0, _PEOPLE, len(point))
    while True:
        _, first = np.unique(np.stack([point, check_in, person]), axis=1, return_index=True)
        again = np.delete(np.arange(len(point)), first)
        if not len(again):
            return person
        person[again] = rng.integers(0, _PEOPLE, len(again))


def _venue(made: Province, number: int) -> Venue:
    return Venue.register(
        uuid_of(VENUES, number), f"Point {number}", "other", int(made.registered_at[number]),
        code=f"son-la:{number}", commune=made.commune[number],
    )  # fmt: skip


def _csv(made: Province) -> Iterator[str]:
    yield "person,venue,check_in,check_out\n"
    columns = (made.person, made.point, made.check_in, made.check_out, made.observed)
    for person, point, check_in, check_out, observed in zip(*(column.tolist() for column in columns), strict=True):
        end = to_text(check_out) if observed else ""
        yield f"ref:son-la:{person},son-la:{point},{to_text(check_in)},{end}\n"
