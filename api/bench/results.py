"""What a measurement says, as the contract writes it out."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

_PACKAGES = ("truyvet", "numpy", "numba", "eventsourcing", "psycopg", "duckdb", "polars", "networkx")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each question, in the same order for everybody; None where it was not asked."""

    name: str
    seconds: Sequence[float | None]

    def as_dict(self) -> dict[str, Any]:
        taken = [seconds for seconds in self.seconds if seconds is not None]
        p99 = quantiles(taken, n=100, method="inclusive")[98] if len(taken) > 1 else taken[0]
        told = {
            "name": self.name,
            "median_ms": _ms(median(taken)),
            "p99_ms": _ms(p99),
            "worst_ms": _ms(max(taken)),
        }
        return told if len(taken) == len(self.seconds) else told | {"asked": len(taken)}


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
    alternatives: Sequence[Times] | Sequence[Rate]
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
        fastest = [min(filter(None, question), default=None) for question in zip(*others, strict=True)]
        both = zip(fastest, self.ours.seconds, strict=bool(fastest))
        return [theirs / ours for theirs, ours in both if theirs and ours]

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


def machine() -> dict[str, str]:
    return {
        "cpu": _cpu(),
        "memory": _memory(),
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
    }


def _cpu() -> str:
    lines = _lines("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.processor() or platform.machine()


def _memory() -> str:
    kilobytes = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal:")]
    return f"{kilobytes[0] / 2**20:.0f} GiB" if kilobytes else "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _version(package: str) -> str:
    try:
        return version(package)
    except ImportError:
        return "not installed"


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
