"""The figures of the calling campaigns in a unit, day by day, as known at a position."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from application.adoption import Units, recorded_text
from domain.campaign import Called, FirstCall, Row, Table, table
from domain.cases import Case
from domain.errors import Refused, Unknown
from domain.times import Seconds, add_days, from_datetime, local_day, start_of_day
from domain.units import Unit

MOST_DAYS: Final = 366


class CaseCall(NamedTuple):
    """The first call to a person as a contact of a case."""

    case: UUID
    commune: str | None
    at: Seconds


class Log(Protocol):
    def head(self) -> int: ...

    def recorded_at(self, position: int) -> datetime: ...

    def load_many(self, kind: type[Case], streams: Iterable[UUID], as_of: int | None = None) -> dict[UUID, Case]: ...


class CampaignHistory(Protocol):
    def called(self, since: Seconds, until: Seconds, communes: Sequence[str], position: int) -> Sequence[Called]: ...

    def first_calls(
        self, since: Seconds, until: Seconds, communes: Sequence[str], position: int
    ) -> Sequence[CaseCall]: ...


class Registers(Protocol):
    @property
    def campaign_history(self) -> CampaignHistory: ...

    def wait_for(self, position: int, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Report:
    unit: Unit
    first: date
    last: date
    position: int
    recorded_at: datetime | None
    """Of the event at the position; None where nothing is recorded."""
    table: Table


class Campaign:
    def __init__(self, log: Log, registers: Registers, units: Units) -> None:
        self.log = log
        self.registers = registers
        self.units = units

    def report(self, code: str, first: date, last: date, as_of: int | None = None) -> Report:
        """The same for the same position, whatever is recorded later.

        Raises Unknown, Refused for a period that makes no sense, TimedOut when the registers have not read so far.
        """
        unit = self.units.named(code)
        if unit is None:
            raise Unknown("there is no unit with that code in the official list of November 2021")
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Refused(f"the period has 1 to {MOST_DAYS} days")
        position = self.log.head() if as_of is None else as_of
        self.registers.wait_for(position, 0)
        recorded_at = self.log.recorded_at(position) if position else None
        return Report(unit, first, last, position, recorded_at, self._table(unit, first, last, position))

    def _table(self, unit: Unit, first: date, last: date, position: int) -> Table:
        below = self.units.below(unit.code) or [unit]
        unit_of = {commune: one.code for one in below for commune in self.units.venue_units(one.code)}
        asked = (start_of_day(first), start_of_day(add_days(last, 1)), list(unit_of), position)
        called = self.registers.campaign_history.called(*asked)
        first_calls = self._waits(self.registers.campaign_history.first_calls(*asked), position)
        days = [add_days(first, number) for number in range((last - first).days + 1)]
        return table(unit, below, days, called, first_calls, unit_of)

    def _waits(self, calls: Sequence[CaseCall], position: int) -> list[FirstCall]:
        cases = self.log.load_many(Case, {call.case for call in calls}, position)
        return [
            FirstCall(local_day(call.at), call.commune, max(0, call.at - from_datetime(cases[call.case].created_on)))
            for call in calls
        ]


def report_content(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    unit, told = report.unit, report.table._asdict()
    return {
        "unit": {"code": unit.code, "name": unit.name, "level": unit.level},
        "from": report.first.isoformat(),
        "to": report.last.isoformat(),
        "position": report.position,
        "recorded_at": recorded_text(report.recorded_at),
        **{name: [_said(row) for row in rows] for name, rows in told.items()},
    }


def _said(row: Row) -> dict[str, Any]:
    return asdict(row) | {"day": None if row.day is None else row.day.isoformat()}
