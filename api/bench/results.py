"""What a measurement says, as the contract writes it out."""

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.table import Table

from api.cli.output import console, write_line


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each question, in the order asked."""

    name: str
    seconds: list[float]

    def as_dict(self) -> dict[str, Any]:
        p99 = quantiles(self.seconds, n=100)[98] if len(self.seconds) > 1 else self.seconds[0]
        return {
            "name": self.name,
            "median_ms": _ms(median(self.seconds)),
            "p99_ms": _ms(p99),
            "worst_ms": _ms(max(self.seconds)),
        }


@dataclass(frozen=True, slots=True)
class Rate:
    name: str
    per_second: float

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "per_second": round(self.per_second)}


@dataclass(frozen=True, slots=True)
class Measurement:
    """``ratios`` are more than 1 where ours is ahead; ``more`` is what else is worth knowing."""

    name: str
    visits: int
    answers_equal: bool
    ours: Times | Rate
    alternatives: list[Times] | list[Rate]
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def ratios(self) -> dict[str, float | None]:
        ratios = self._ratios()
        if not ratios:
            return {"median": None, "worst": None}
        return {"median": round(median(ratios), 2), "worst": round(min(ratios), 2)}

    def _ratios(self) -> list[float]:
        if isinstance(self.ours, Rate):
            theirs = [other.per_second for other in self.alternatives if isinstance(other, Rate)]
            return [self.ours.per_second / max(theirs)] if theirs else []
        others = [other.seconds for other in self.alternatives if isinstance(other, Times)]
        fastest = [min(question) for question in zip(*others, strict=True)]
        return [theirs / ours for theirs, ours in zip(fastest, self.ours.seconds, strict=bool(fastest))]

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "visits": self.visits,
            "answers_equal": self.answers_equal,
            "ours": self.ours.as_dict(),
            "alternatives": [other.as_dict() for other in self.alternatives],
            "ratios": self.ratios,
            **self.more,
            "machine": machine(),
        }


def show(measurement: Measurement, as_json: bool) -> None:
    if as_json:
        write_line(measurement.as_dict())
        return
    everyone = [measurement.ours.as_dict(), *(other.as_dict() for other in measurement.alternatives)]
    table = Table(*everyone[0], title=f"{measurement.name}, {measurement.visits:,} visits", title_justify="left")
    for row in everyone:
        table.add_row(*[f"{value:,}" if isinstance(value, int | float) else value for value in row.values()])
    console().print(table)
    facts = {"answers equal": measurement.answers_equal} | measurement.ratios | measurement.more
    for name, value in facts.items():
        console().print(f"{name}: {value}")


def machine() -> dict[str, str]:
    packages = ("truyvet", "numpy", "eventsourcing", "psycopg", "duckdb")
    return {
        "cpu": _cpu(),
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except ImportError:
        return "not installed"


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
