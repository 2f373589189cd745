"""The weekly adoption report of a unit: its points and scans, those of the units below it, as known at a position."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.adoption import Row, VenueFact, WeekScans, by_unit, points, table
from domain.errors import Unknown
from domain.times import Seconds
from domain.units import Unit
from domain.weeks import Week


class Log(Protocol):
    def head(self) -> int: ...

    def recorded_at(self, position: int) -> datetime:
        """When the event at that position was recorded."""


class VisitGraph(Protocol):
    def wait_for(self, position: int, seconds: float) -> None: ...

    def week_scans(
        self, venues: Sequence[UUID], days: Sequence[Seconds], weekend: Sequence[int], as_of: int | None = None
    ) -> WeekScans: ...


class VenueHistory(Protocol):
    def of_communes(self, communes: Sequence[str], position: int) -> Sequence[VenueFact]: ...

    def outside(self, instant: Seconds, position: int) -> int: ...


class Registers(Protocol):
    @property
    def venue_history(self) -> VenueHistory: ...

    def wait_for(self, position: int, seconds: float) -> None: ...


class Units(Protocol):
    """The official list."""

    def named(self, code: str) -> Unit | None: ...

    def below(self, code: str) -> Sequence[Unit]: ...

    def venue_units(self, code: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Report:
    """``outside`` are the points that lie in no commune known, anywhere: they count for no unit."""

    unit: Unit
    week: Week
    position: int
    recorded_at: datetime | None
    """Of the event at the position; None where nothing is recorded."""
    total: Row
    rows: list[Row]
    outside: int


class Adoption:
    def __init__(self, log: Log, graph: VisitGraph, registers: Registers, units: Units) -> None:
        self.log = log
        self.graph = graph
        self.registers = registers
        self.units = units

    def report(self, code: str, week: Week, as_of: int | None = None) -> Report:
        """The same for the same position, whatever is recorded later.

        Raises Unknown, and TimedOut when a view has not read the log so far.
        """
        unit = self.units.named(code)
        if unit is None:
            raise Unknown("there is no unit with that code in the official list of November 2021")
        position = self.log.head() if as_of is None else as_of
        for view in (self.graph, self.registers):
            view.wait_for(position, 0)
        total, rows = self._counted(unit, week, position)
        outside = self.registers.venue_history.outside(week.end, position)
        recorded_at = self.log.recorded_at(position) if position else None
        return Report(unit, week, position, recorded_at, total, rows, outside)

    def _counted(self, unit: Unit, week: Week, position: int) -> tuple[Row, list[Row]]:
        below = self.units.below(unit.code)
        unit_of = {commune: one.code for one in below or [unit] for commune in self.units.venue_units(one.code)}
        known = points(self.registers.venue_history.of_communes(list(unit_of), position))
        venues = [point.venue for point in known]
        now, before = (
            by_unit(known, self.graph.week_scans(venues, one.days, one.weekend, position), one, unit_of)
            for one in (week, week.before)
        )
        return table(unit, below, now, before)


def report_content(report: Report) -> dict[str, Any]:
    """The report as the contract writes it out, and what came beside it."""
    unit = report.unit
    return {
        "unit": {"code": unit.code, "name": unit.name, "level": unit.level},
        "from": report.week.first.isoformat(),
        "to": report.week.last.isoformat(),
        "position": report.position,
        "recorded_at": recorded_text(report.recorded_at),
        "total": asdict(report.total),
        "rows": [asdict(row) for row in report.rows],
        "points_outside": report.outside,
    }


def recorded_text(recorded_at: datetime | None) -> str | None:
    return None if recorded_at is None else recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
