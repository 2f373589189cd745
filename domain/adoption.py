"""The weekly adoption report: how many points each unit has, how many of them are used, and by how many scans.

A *point* is a venue that is registered and not closed, in the unit where it lies at the end of the week; also while it
is suspended. A *scan* is a visit's check-in that counts, in the unit where its venue lies at the end of the week. A
point with a scan in the week is *active*, one without *silent*. Every change is the difference from the report of the
week before as it would be made at the same position. Whatever is shown of a whole is added up from its parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Final, NamedTuple
from uuid import UUID

from domain.times import Seconds
from domain.units import Unit
from domain.weeks import Week


class VenueFact(NamedTuple):
    """What became of a venue: it was registered, moved or closed then; ``commune`` is where it lies from then on."""

    position: int
    venue: UUID
    kind: str
    happened_at: Seconds
    commune: str | None


REGISTERED, MOVED, CLOSED = "registered", "moved", "closed"


@dataclass(slots=True)
class Point:
    """A venue through time: where it was registered, and its moves in the order in which they happened."""

    venue: UUID
    registered_at: Seconds
    commune: str | None
    moves: tuple[VenueFact, ...] = ()
    closed_at: Seconds | None = None

    def commune_before(self, instant: Seconds) -> str | None:
        """Where it lay just before that; where it was registered, when it was only afterwards."""
        before = [move.commune for move in self.moves if move.happened_at < instant]
        return before[-1] if before else self.commune

    def is_open_before(self, instant: Seconds) -> bool:
        return self.registered_at < instant and (self.closed_at is None or self.closed_at >= instant)


def points(facts: Sequence[VenueFact]) -> list[Point]:
    """The points that ``facts`` tell of: of each its registration, and all in the order in which they happened."""
    found = {fact.venue: Point(fact.venue, fact.happened_at, fact.commune) for fact in facts if fact.kind == REGISTERED}
    for fact in facts:
        if fact.kind == MOVED:
            found[fact.venue].moves += (fact,)
        elif fact.kind == CLOSED:
            found[fact.venue].closed_at = fact.happened_at
    return list(found.values())


class WeekScans(NamedTuple):
    """Columns: the check-ins at each of some venues up to the end of a week, and in it."""

    total: Sequence[int]
    in_week: Sequence[int]
    weekend: Sequence[int]
    checked_out: Sequence[int]


class Figures(NamedTuple):
    """What can be added up, of one point or of many."""

    points: int
    new: int
    active: int
    total: int
    scans: int
    weekend: int
    checked_out: int


def by_unit(points: Sequence[Point], scans: WeekScans, week: Week, unit_of: Mapping[str, str]) -> dict[str, Figures]:
    """The figures of each unit; ``scans`` are those of ``points``, ``unit_of`` has the unit of each commune.

    A scan counts also where its venue is no point by then.
    """
    sums = {unit: [0] * len(Figures._fields) for unit in unit_of.values()}
    for point, total, in_week, weekend, checked_out in zip(points, *scans, strict=True):
        unit = unit_of.get(point.commune_before(week.end) or "")
        if unit is not None:
            is_open = point.is_open_before(week.end)
            is_new, is_active = is_open and point.registered_at >= week.begin, is_open and in_week > 0
            one = Figures(is_open, is_new, is_active, total, in_week, weekend, checked_out)
            sums[unit] = [*map(add, sums[unit], one)]
    return {unit: Figures(*of_unit) for unit, of_unit in sums.items()}


def added_up(parts: Iterable[Figures]) -> Figures:
    return Figures(*map(sum, zip(_NONE, *parts, strict=True)))


_NONE: Final = Figures(0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. Shares are fractions of the week's scans to four places, None when there were none.

    ``rank`` is by scans of the week, the most first; equal ones share it. ``rank_change`` is positive for a unit that
    climbed. Neither stands beside a total, nor does ``behind``: whether no point is active, or the active ones are a
    share of the points less than half as large as in the whole.
    """

    code: str
    name: str
    points: int
    points_new: int
    points_active: int
    points_silent: int
    scans: int
    scans_change: int
    scans_total: int
    weekend_share: float | None
    check_out_rate: float | None
    rank: int | None
    rank_change: int | None
    points_change: int
    points_active_change: int
    behind: bool | None


class Table(NamedTuple):
    total: Row
    rows: list[Row]


def table(unit: Unit, below: Sequence[Unit], now: Mapping[str, Figures], before: Mapping[str, Figures]) -> Table:
    """A row for each unit below, and the total, which is their sum; that of the unit itself where there are none.

    ``now`` and ``before`` are the figures by unit in this week and in the one before.
    """
    whole, earlier = added_up(now.values()), added_up(before.values())
    ranks, ranks_before = _ranks(now), _ranks(before)
    rows = [
        _row(
            one, now[one.code], before[one.code],
            ranks[one.code], ranks_before[one.code] - ranks[one.code], _is_behind(now[one.code], whole),
        )
        for one in below
    ]  # fmt: skip
    return Table(_row(unit, whole, earlier, None, None, None), rows)


def _row(
    unit: Unit, now: Figures, before: Figures, rank: int | None, rank_change: int | None, behind: bool | None
) -> Row:
    return Row(
        code=unit.code,
        name=unit.name,
        points=now.points,
        points_new=now.new,
        points_active=now.active,
        points_silent=now.points - now.active,
        scans=now.scans,
        scans_change=now.scans - before.scans,
        scans_total=now.total,
        weekend_share=_share(now.weekend, now.scans),
        check_out_rate=_share(now.checked_out, now.scans),
        rank=rank,
        rank_change=rank_change,
        points_change=now.points - before.points,
        points_active_change=now.active - before.active,
        behind=behind,
    )


def _ranks(of_units: Mapping[str, Figures]) -> dict[str, int]:
    """1, 2, 2, 4 for scans of 9, 7, 7, 0."""
    descending = sorted((one.scans for one in of_units.values()), reverse=True)
    return {unit: descending.index(one.scans) + 1 for unit, one in of_units.items()}


def _is_behind(one: Figures, whole: Figures) -> bool:
    return not one.active or 2 * one.active * whole.points < whole.active * one.points


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
