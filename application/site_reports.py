"""The report of quarantine sites of a unit: sites and cameras, those of the units below it, as known at a position."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from uuid import UUID

from application.log import Log
from domain.errors import Unknown
from domain.sites import Figures, Site, added_up, figures_of
from domain.units import Unit


class SiteRegister(Protocol):
    def of_communes(self, communes: Collection[str], until: int) -> Sequence[UUID]: ...


class Registers(Protocol):
    @property
    def sites(self) -> SiteRegister: ...

    def wait_for(self, position: int, seconds: float) -> None: ...


class Units(Protocol):
    """The official list."""

    def named(self, code: str) -> Unit | None: ...

    def below(self, code: str) -> Sequence[Unit]: ...

    def venue_units(self, code: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. A site is connected when one of its cameras is."""

    code: str
    name: str
    sites: int
    sites_connected: int
    cameras_registered: int
    cameras_connected: int
    capacity: int


@dataclass(frozen=True, slots=True)
class SiteReport:
    """``total`` is the sum of the rows; of a commune, itself."""

    unit: Unit
    position: int
    total: Row
    rows: list[Row]


class SiteReports:
    def __init__(self, log: Log, registers: Registers, units: Units) -> None:
        self.log = log
        self.registers = registers
        self.units = units

    def report(self, code: str, as_of: int | None = None) -> SiteReport:
        """The same for the same position, whatever is recorded later; sites that are closed do not count.

        Raises Unknown, and TimedOut when the registers have not read the log so far.
        """
        unit = self.units.named(code)
        if unit is None:
            raise Unknown("there is no unit with that code in the official list of November 2021")
        position = self.log.head() if as_of is None else as_of
        self.registers.wait_for(position, 0)
        below = self.units.below(code)
        unit_of = {commune: one.code for one in below or [unit] for commune in self.units.venue_units(one.code)}
        sites = self._by_unit(unit_of, position)
        figures = {one.code: figures_of(sites[one.code]) for one in below or [unit]}
        rows = [_row(one, figures[one.code]) for one in below]
        return SiteReport(unit, position, _row(unit, added_up(figures.values())), rows)

    def _by_unit(self, unit_of: dict[str, str], position: int) -> dict[str, list[Site]]:
        registered = self.registers.sites.of_communes(unit_of.keys(), position)
        by_unit: dict[str, list[Site]] = defaultdict(list)
        for site in self.log.load_many(Site, registered, position).values():
            if site.closed_at is None:
                by_unit[unit_of[site.commune]].append(site)
        return by_unit


def _row(unit: Unit, figures: Figures) -> Row:
    return Row(unit.code, unit.name, *figures)


def report_content(report: SiteReport) -> dict[str, Any]:
    """The report as JSON."""
    unit = report.unit
    return {
        "unit": {"code": unit.code, "name": unit.name, "level": unit.level},
        "position": report.position,
        "total": asdict(report.total),
        "rows": [asdict(row) for row in report.rows],
    }
