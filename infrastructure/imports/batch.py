"""A batch of lines, and what it comes to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from application.log import Secret
from domain.times import Seconds
from infrastructure.imports.instants import NONE, Instants
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


class Rows(NamedTuple):
    """The same of many lines, column by column; NONE and empty text stand for what a line does not say.

    Once they are found, people and venues stand here by their ids.
    """

    numbers: Sequence[int]
    raw: Sequence[bytes]
    person: Sequence[str]
    venue: Sequence[str]
    check_in: Instants
    check_out: Instants
    visit_id: Sequence[str]
    source: Sequence[str]

    def line(self, index: int) -> Line:
        return Line(self.numbers[index], self.raw[index], None)

    def row(self, index: int) -> Row:
        check_in, check_out = int(self.check_in[index]), int(self.check_out[index])
        return Row(
            self.line(index), self.person[index], self.venue[index], check_in, None if check_out == NONE else check_out,
            self.visit_id[index] or None, self.source[index] or None,
        )  # fmt: skip

    def only(self, which: NDArray[np.bool_]) -> "Rows":
        if which.all():
            return self
        chosen = which.tolist()
        return Rows(
            list(compress(self.numbers, chosen)), list(compress(self.raw, chosen)),
            list(compress(self.person, chosen)), list(compress(self.venue, chosen)),
            self.check_in[which], self.check_out[which],
            list(compress(self.visit_id, chosen)), list(compress(self.source, chosen)),
        )  # fmt: skip


@dataclass(slots=True)
class Batch:
    """What a batch of lines comes to before it is appended; ``holders`` are the streams that claim the ``keys``."""

    rows: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    holders: list[bytes] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    rejects: list[tuple[int, str, bytes]] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    venues: dict[str, str] = field(default_factory=dict)
    begins: bool = False

    def claim(self, key: bytes, stream: bytes) -> None:
        self.keys.append(key)
        self.holders.append(stream)

    def reject(self, line: Line, problem: str) -> None:
        self.tally.rejected += 1
        self.rejects.append((line.number, problem, line.raw))
