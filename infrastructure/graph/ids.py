"""UUIDs as small numbers, in order of first appearance, without a Python object for each."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Final
from uuid import UUID

import numpy as np

from infrastructure.graph.arrays import Array, first_of_runs, mixed

_HALVES: Final = np.dtype(">u8")
_UPPER: Final = np.uint64(2**32 - 1 << 32)
_NUMBER: Final = np.uint64(2**32 - 1)
_ALL: Final = 2**64 - 1
_SMALL: Final = 1 << 12
"""Runs up to this length are put together at once."""


def halves(ids: bytes) -> Array:
    """UUIDs of 16 bytes each, end to end, as uint64 of shape (n, 2)."""
    return np.frombuffer(ids, _HALVES).reshape(-1, 2).astype(np.uint64)


class _Room:
    """A buffer behind the columns of several tables: the longest goes on in it, shorter ones see nothing of that."""

    def __init__(self, ids: Array, capacity: int) -> None:
        self.ids = np.empty((2, capacity), np.uint64)
        self.ids[:, : ids.shape[1]] = ids
        self.used = ids.shape[1]
        self._growing = Lock()

    def takes(self, new: Array, after: int) -> bool:
        """False where there is no room behind the first ``after`` ids, or another table has gone on there."""
        with self._growing:
            upto = after + new.shape[1]
            if after != self.used or upto > self.ids.shape[1]:
                return False
            self.ids[:, after:upto] = new
            self.used = upto
            return True


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """An immutable table of n UUIDs; ``high`` and ``low`` are their halves by number, 24 bytes an id in all.

    ``runs`` (uint64) find a number: each is sorted, half of a hash of the id << 32 | number, and more than twice as
    long as the next.
    """

    high: Array
    low: Array
    runs: tuple[Array, ...]
    _room: _Room | None = field(default=None, repr=False)

    @classmethod
    def none(cls) -> "Ids":
        return cls(np.empty(0, np.uint64), np.empty(0, np.uint64), ())

    def __len__(self) -> int:
        return len(self.high)

    def number_of(self, one: UUID) -> int | None:
        high, low = one.int >> 64, one.int & _ALL
        sought = _hash(high, low)
        for run in self.runs:
            place = int(run.searchsorted(np.uint64(sought)))
            while place < len(run) and (entry := int(run[place])) >> 32 == sought >> 32:
                number = entry - sought
                if self.high[number] == high and self.low[number] == low:
                    return number
                place += 1
        return None

    def numbers(self, ids: Array) -> tuple[Array, Array]:
        """The numbers (uint32) of ``ids`` of shape (n, 2), and which of them are known; an unknown one gives 0."""
        number, known = np.zeros(len(ids), np.uint32), np.zeros(len(ids), bool)
        if not self.runs:
            return number, known
        high, low = np.ascontiguousarray(ids[:, 0]), np.ascontiguousarray(ids[:, 1])
        hashes = _hashed(high, low)
        for run in self.runs:
            sought = np.flatnonzero(~known)
            place = np.searchsorted(run, hashes[sought])
            while len(sought):
                entry = run[np.minimum(place, len(run) - 1)]
                alike = (place < len(run)) & (entry & _UPPER == hashes[sought])
                sought, place, found = sought[alike], place[alike] + 1, (entry[alike] & _NUMBER).astype(np.uint32)
                same = (self.high[found] == high[sought]) & (self.low[found] == low[sought])
                number[sought[same]], known[sought[same]] = found[same], True
                sought, place = sought[~same], place[~same]
        return number, known

    def with_new(self, ids: Array) -> tuple["Ids", Array]:
        """A table that knows all of ``ids`` (n, 2), and their numbers."""
        numbers, known = self.numbers(ids)
        if known.all():
            return self, numbers
        strange = np.flatnonzero(~known)
        first, which = _distinct(ids[strange])
        numbers[strange] = which + np.uint32(len(self))
        return self._grown(ids[strange[first]].T), numbers

    def _grown(self, new: Array) -> "Ids":
        """With ``new`` ones, uint64 of shape (2, n)."""
        before, count = len(self), len(self) + new.shape[1]
        room = self._room
        if room is None or not room.takes(new, before):
            room = _Room(np.concatenate([np.stack([self.high, self.low]), new], axis=1), count + count // 4 + _SMALL)
        entries = _hashed(*new) | np.arange(before, count, dtype=np.uint64)
        high, low = room.ids[:, :count]
        return Ids(high, low, _with_run(self.runs, np.sort(entries)), room)

    def bytes_of(self, numbers: Array) -> bytes:
        """The ids of these numbers, 16 bytes each, end to end."""
        return np.stack([self.high[numbers], self.low[numbers]], axis=1).astype(_HALVES).tobytes()

    def uuids(self, numbers: Array) -> list[UUID]:
        ids = self.bytes_of(numbers)
        return [UUID(bytes=ids[at : at + 16]) for at in range(0, len(ids), 16)]

    @property
    def nbytes(self) -> int:
        return self.high.nbytes + self.low.nbytes + sum(run.nbytes for run in self.runs)


def _hashed(high: Array, low: Array) -> Array:
    """Whatever the ids have in common, their hashes are spread evenly; the lower half is free for a number."""
    return mixed(high ^ mixed(low)) & _UPPER


def _hash(high: int, low: int) -> int:
    """As _hashed(), of one: making arrays of it takes ten times as long."""
    return _mixed(high ^ _mixed(low)) >> 32 << 32


def _mixed(value: int) -> int:
    bits = (value + 0x9E3779B97F4A7C15) & _ALL
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & _ALL
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & _ALL
    return bits ^ bits >> 31


def _with_run(runs: tuple[Array, ...], new: Array) -> tuple[Array, ...]:
    """Runs that double in length are merged seldom enough that nobody waits: a stable sort merges what is sorted."""
    while runs and len(runs[-1]) <= max(2 * len(new), _SMALL):
        *rest, last = runs
        runs, new = tuple(rest), np.sort(np.concatenate([last, new]), kind="stable")
    return (*runs, new)


def _distinct(ids: Array) -> tuple[Array, Array]:
    """Where each distinct id of shape (n, 2) first stands, in that order, and for all ids which of these it is."""
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    new = first_of_runs(ids[order, 0]) | first_of_runs(ids[order, 1])
    first = order[new]
    by_appearance = np.argsort(first)
    which = np.empty(len(first), np.uint32)
    which[by_appearance] = np.arange(len(first), dtype=np.uint32)
    numbers = np.empty(len(ids), np.uint32)
    numbers[order] = which[np.cumsum(new) - 1]
    return first[by_appearance], numbers
