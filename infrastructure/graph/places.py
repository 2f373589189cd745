"""Which venues lie in which: a stall in a market. It is told once, when the part is registered."""

from dataclasses import dataclass

import numpy as np

from infrastructure.graph.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The n venues that lie in another, in order of registration; immutable.

    ``columns`` (uint32, shape (3, n)) are the part and the whole, as numbers of venues, and the position that says so.
    """

    columns: Array

    @classmethod
    def none(cls) -> "Places":
        return cls(np.empty((3, 0), np.uint32))

    def with_new(self, part: Array, whole: Array, position: Array) -> "Places":
        return Places(np.concatenate([self.columns, np.stack([part, whole, position])], axis=1)) if len(part) else self

    def within(self, venue: int, position: int) -> Array:
        """The venue and everything in it (uint32), as known at ``position``."""
        part, whole, known_from = self.columns
        found = np.array([venue], np.uint32)
        while True:
            more = np.union1d(found, part[np.isin(whole, found) & (known_from <= position)])
            if len(more) == len(found):
                return more
            found = more

    def beyond(self, venue: int, position: int) -> Array:
        """The venue and everything that it lies in (uint32), as known at ``position``."""
        part, whole, known_from = self.columns
        found = np.array([venue], np.uint32)
        while True:
            more = np.union1d(found, whole[np.isin(part, found) & (known_from <= position)])
            if len(more) == len(found):
                return more
            found = more

    @property
    def nbytes(self) -> int:
        return self.columns.nbytes
