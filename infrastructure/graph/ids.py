"""UUIDs as small numbers, in order of first appearance, without a Python object for each."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np

from infrastructure.graph.arrays import Array

_HALVES = np.dtype(">u8")


def halves(ids: bytes) -> Array:
    """UUIDs of 16 bytes each, end to end, as uint64 of shape (n, 2)."""
    return np.frombuffer(ids, _HALVES).reshape(-1, 2).astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """An immutable table of n UUIDs: sorted, with the number of each and, the other way, the place of each number.

    ``high`` and ``low`` are the sorted halves, ``number`` and ``rank`` each other's inverse; 24 bytes an id.
    """

    high: Array
    low: Array
    number: Array
    rank: Array

    @classmethod
    def none(cls) -> "Ids":
        return cls(*(np.empty(0, np.uint64) for _ in range(2)), *(np.empty(0, np.uint32) for _ in range(2)))

    def __len__(self) -> int:
        return len(self.number)

    def number_of(self, one: UUID) -> int | None:
        number, known = self.numbers(halves(one.bytes))
        return int(number[0]) if known[0] else None

    def numbers(self, ids: Array) -> tuple[Array, Array]:
        """The numbers (uint32) of ``ids`` of shape (n, 2), and which of them are known; an unknown one gives 0."""
        high, low = np.ascontiguousarray(ids[:, 0]), ids[:, 1]
        place = np.searchsorted(self.high, high)
        place_or_0 = np.where(place < len(self), place, 0)
        if not len(self):
            return np.zeros(len(ids), np.uint32), np.zeros(len(ids), bool)
        behind = np.flatnonzero((self.high[place_or_0] == high) & (self.low[place_or_0] < low))
        place_or_0[behind] = self._among_same_high(place_or_0[behind], high[behind], low[behind])
        known = (self.high[place_or_0] == high) & (self.low[place_or_0] == low)
        return np.where(known, self.number[place_or_0], 0).astype(np.uint32), known

    def _among_same_high(self, place: Array, high: Array, low: Array) -> Array:
        """Where ids stand whose first half is that of ``place``, or the last such place; by halving."""
        last = np.searchsorted(self.high, high, "right") - 1
        while (place < last).any():
            middle = (place + last) >> 1
            lower = self.low[middle] < low
            place, last = np.where(lower, np.minimum(middle + 1, last), place), np.where(lower, last, middle)
        return place

    def with_new(self, ids: Array) -> tuple["Ids", Array]:
        """A table that knows all of ``ids`` (n, 2), and their numbers."""
        numbers, known = self.numbers(ids)
        if known.all():
            return self, numbers
        strange = ids[~known]
        new = strange[np.sort(_first_of_each(strange))]
        table = self._grown(new)
        return table, table.numbers(ids)[0]

    def _grown(self, new: Array) -> "Ids":
        number = np.concatenate([self.number, np.arange(len(self), len(self) + len(new), dtype=np.uint32)])
        high, low = np.concatenate([self.high, new[:, 0]]), np.concatenate([self.low, new[:, 1]])
        order = _sorted(high, low)
        number = number[order]
        rank = np.empty_like(number)
        rank[number] = np.arange(len(number), dtype=np.uint32)
        return Ids(high[order], low[order], number, rank)

    def bytes_of(self, numbers: Array) -> bytes:
        """The ids of these numbers, 16 bytes each, end to end."""
        place = self.rank[numbers]
        return np.stack([self.high[place], self.low[place]], axis=1).astype(_HALVES).tobytes()

    def uuids(self, numbers: Array) -> list[UUID]:
        ids = self.bytes_of(numbers)
        return [UUID(bytes=ids[at : at + 16]) for at in range(0, len(ids), 16)]

    @property
    def nbytes(self) -> int:
        return self.high.nbytes + self.low.nbytes + self.number.nbytes + self.rank.nbytes


def _sorted(high: Array, low: Array) -> Array:
    order = np.argsort(high, kind="stable")
    if (high[order][1:] == high[order][:-1]).any():
        return np.lexsort((low, high))
    return order


def _first_of_each(ids: Array) -> Array:
    """The first place of each distinct id of shape (n, 2)."""
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    sorted_ids = ids[order]
    new = np.ones(len(ids), bool)
    new[1:] = (sorted_ids[1:] != sorted_ids[:-1]).any(axis=1)
    return order[new]
