"""A batch of lines, and what it comes to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from application.log import Key, Secret
from domain.times import Seconds
from infrastructure.lines import Line

Reject = Callable[[int, str, bytes], None]
"""Receives line number, reason and line."""

Progress = Callable[[int], None]
"""Receives how many lines were read."""


@dataclass(slots=True)
class Tally:
    read: int = 0
    recorded: int = 0
    completed: int = 0
    duplicates: int = 0
    rejected: int = 0

    def add(self, other: "Tally") -> None:
        self.read += other.read
        self.recorded += other.recorded
        self.completed += other.completed
        self.duplicates += other.duplicates
        self.rejected += other.rejected

    def as_dict(self) -> dict[str, int]:
        return {
            "read": self.read, "recorded": self.recorded, "completed": self.completed,
            "duplicates": self.duplicates, "rejected": self.rejected,
        }  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """``import_id`` is None when nothing new was recorded."""

    tally: Tally
    seconds: float
    position: int
    failure: str | None = None
    import_id: UUID | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the command line prints it."""
        return self.tally.as_dict() | {"seconds": round(self.seconds, 3), "position": self.position}


class Row(NamedTuple):
    """A line of visits, read and in order, its person and venue still as named."""

    line: Line
    person: str
    venue: str
    check_in: Seconds
    check_out: Seconds | None
    visit_id: str | None
    source: str | None


@dataclass(slots=True)
class Batch:
    """What a batch of lines comes to before it is appended."""

    rows: list[bytes] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    rejects: list[tuple[int, str, bytes]] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    venues: dict[str, str] = field(default_factory=dict)
    begins: bool = False

    def reject(self, line: Line, problem: str) -> None:
        self.tally.rejected += 1
        self.rejects.append((line.number, problem, line.raw))
