"""Versions of visits as columns, kept in sorted, immutable parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import FOREVER, Array, all_ranges, find, first_of_runs

OBSERVED: Final = np.uint8(1)
"""The check-out is known."""
ENTANGLED: Final = np.uint8(2)
"""The stay may be another than ``[start, end)``: see stays.py."""
BESIDE: Final = np.uint8(8)
"""The stay is ``[start, end)``, but that of an earlier row may depend on it."""
SUPERSEDED: Final = np.uint8(4)
"""Another version follows from ``known_until`` on; without this flag that column need not be looked at."""

_MARKS: Final = ENTANGLED | BESIDE
_VENUE: Final = np.uint64(32)
_START: Final = np.uint64(2**32 - 1)


class Rows(NamedTuple):
    """n versions of visits, 33 bytes each: what was known of a visit in positions ``[known_from, known_until)``.

    ``key`` is venue << 32 | start. ``end`` is the check-out, or where none is known the check-in and the default stay
    of the venue as known then. ``visit`` is the position of the visit's first event, ``tag`` tells two visits of one
    person at one venue and instant apart.
    """

    key: Array  # uint64
    end: Array  # uint32 seconds
    person: Array  # uint32
    visit: Array  # uint32
    known_from: Array  # uint32
    known_until: Array  # uint32, FOREVER while current; changes when a version is superseded
    tag: Array  # uint32
    flags: Array  # uint8; all but OBSERVED may be added

    @property
    def venue(self) -> Array:
        return (self.key >> _VENUE).astype(np.uint32)

    @property
    def start(self) -> Array:
        return (self.key & _START).astype(np.uint32)

    def take(self, which: Array | slice) -> "Rows":
        return Rows(*(column[which] for column in self))

    def known_at(self, position: int) -> Array:
        return (self.known_from <= position) & (position < self.known_until)

    def supersede(self, row: Array, position: Array | int) -> None:
        """Another version takes the place of these rows; whoever reads meanwhile answers for an earlier position."""
        self.known_until[row] = position
        self.flags[row] |= SUPERSEDED


CHANGING_ROWS: Final = ("known_until", "flags")
CHANGING: Final = (*CHANGING_ROWS, "entangled")
"""Columns of Rows, and of a Part."""


def keys(venue: Array, start: Array) -> Array:
    return venue.astype(np.uint64) << _VENUE | start.astype(np.uint64)


def together(rows: Sequence[Rows]) -> Rows:
    return rows[0] if len(rows) == 1 else Rows(*map(np.concatenate, zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Part:
    """Rows sorted by venue and start, and by person. Only what is CHANGING ever changes, and only forwards.

    ``by_person`` are row numbers ordered by person and start. Those of person p stand in ``[first_of_person[p],
    first_of_person[p + 1])``; where that would take more room than the rows, those of ``people[i]`` in
    ``[first_of_person[i], first_of_person[i + 1])``. Which of them are ENTANGLED or BESIDE is told by ``entangled``
    in the same order, bit by bit from the lowest of each byte, for their flags lie far apart. The rows of venue v
    begin at ``first_of_venue[v]``, the longest of them lasts ``reach_of_venue[v]`` seconds; both are empty in small
    parts. No row lasts longer than ``reach`` seconds, none without check-out longer than ``imputed_reach``; all start
    from ``first_start`` to ``last_start``; none is known before ``known_from`` or from ``known_until`` on, all are
    from ``all_known_from`` on.
    """

    rows: Rows
    by_person: Array
    entangled: Array
    people: Array
    first_of_person: Array
    first_of_venue: Array
    reach_of_venue: Array
    kind: str
    reach: int
    imputed_reach: int
    first_start: int
    last_start: int
    known_from: int
    all_known_from: int
    known_until: int

    @classmethod
    def of(cls, rows: Rows, kind: str) -> "Part":
        rows = rows.take(np.argsort(rows.key, kind="stable"))
        by_person = np.argsort(keys(rows.person, rows.start), kind="stable").astype(np.uint32)
        return cls.indexed(rows, by_person, kind)

    @classmethod
    def indexed(cls, rows: Rows, by_person: Array, kind: str) -> "Part":
        """Of rows in order, whose flags it may change."""
        rows.flags[rows.known_until < FOREVER] |= SUPERSEDED
        length = rows.end - rows.start
        imputed = rows.flags & OBSERVED == 0
        entangled = np.packbits(rows.flags[by_person] & _MARKS != 0, bitorder="little")
        return cls(
            rows, by_person, entangled, *_by_person(rows.person[by_person]), *_by_venue(rows.key, length), kind,
            reach=int(length.max()),
            imputed_reach=int(length[imputed].max(initial=0)),
            first_start=int(rows.start.min()),
            last_start=int(rows.start.max()),
            known_from=int(rows.known_from.min()),
            all_known_from=int(rows.known_from.max()),
            known_until=int(rows.known_until.max()),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.rows.key)

    def mark(self, place: Array, flags: Array | np.uint8) -> None:
        """Adds ``flags``, one for all or each place its own, to the rows in these places of ``by_person``."""
        bits = np.where(flags & _MARKS != 0, np.uint8(1) << (place & 7).astype(np.uint8), np.uint8(0))
        np.bitwise_or.at(self.entangled, place >> 3, bits)  # first: who reads meanwhile looks here for what is marked
        self.rows.flags[self.by_person[place]] |= flags

    def places(self, row: Array) -> Array:
        """Where these rows stand in ``by_person``."""
        start = self.rows.start[row]
        which, at = all_ranges(*self.of_people_between(self.rows.person[row], start, start + np.uint32(1)))
        places: Array = at[self.by_person[at] == row[which]]
        return places

    def may_know_at(self, position: int) -> bool:
        return self.known_from <= position < self.known_until

    def at_venue(self, venue: Array, after: Array, before: Array) -> tuple[Array, Array]:
        """Ranges of rows at each venue (uint32) with after <= start < before (uint32)."""
        return np.searchsorted(self.rows.key, keys(venue, after)), np.searchsorted(self.rows.key, keys(venue, before))

    def reaching(self, venue: Array, start: Array, end: Array) -> tuple[Array, Array]:
        """Ranges of the rows that may overlap ``[start, end)`` at each venue."""
        return self.at_venue(venue, minus(start, self.reach), end)

    def of_people(self, person: Array) -> tuple[Array, Array]:
        """Ranges in ``by_person`` of all rows of each person."""
        if len(self.people):
            at, known = find(self.people, person)
        else:
            known = person < len(self.first_of_person) - 1
            at = np.where(known, person, 0)
        low, high = (self.first_of_person[place].astype(np.int64) for place in (at, at + 1))
        return np.where(known, low, 0), np.where(known, high, 0)

    def of_people_between(self, person: Array, after: Array, before: Array) -> tuple[Array, Array]:
        """Ranges in ``by_person`` of the rows of each person with after <= start < before (uint32)."""
        some = np.flatnonzero((after <= self.last_start) & (before > self.first_start))
        low, high = np.zeros((2, len(person)), np.int64)
        first, last = self.of_people(person[some])
        low[some], high[some] = self._bisected(first, last, after[some]), self._bisected(first, last, before[some])
        return low, high

    def _bisected(self, low: Array, high: Array, start: Array) -> Array:
        """The first place in ``[low, high)`` of ``by_person`` whose row starts at ``start`` or later, else ``high``."""
        while (low < high).any():
            middle = (low + high) >> 1
            row = self.by_person[np.minimum(middle, len(self) - 1)]
            later = (low < high) & ((self.rows.key[row] & _START) < start)
            low, high = np.where(later, middle + 1, low), np.where(later, high, np.minimum(middle, high))
        return low

    @property
    def is_mapped(self) -> bool:
        """Whether it lies in files, as saved.py writes them, that processes share."""
        return isinstance(self.rows.key.base, np.memmap)

    @property
    def nbytes(self) -> int:
        people = (self.by_person, self.entangled, self.people, self.first_of_person)
        return sum(column.nbytes for column in (*self.rows, *people, self.first_of_venue, self.reach_of_venue))


def _by_person(person: Array) -> tuple[Array, Array]:
    """``people`` and ``first_of_person`` of the persons in order."""
    new = np.flatnonzero(first_of_runs(person))
    if int(person[-1]) > 2 * len(new):
        return person[new], np.append(new, len(person)).astype(np.uint32)
    numbers = np.arange(int(person[-1]) + 2)
    return np.empty(0, np.uint32), np.searchsorted(person, numbers).astype(np.uint32)


def _by_venue(key: Array, length: Array) -> tuple[Array, Array]:
    """``first_of_venue`` and ``reach_of_venue`` of the rows in order, and how long they last."""
    venues = int(key[-1] >> _VENUE) + 1
    if venues > 8 * len(key):
        return np.empty(0, np.uint32), np.empty(0, np.uint32)
    first = np.searchsorted(key, np.arange(venues + 1, dtype=np.uint64) << _VENUE)
    reach = np.maximum.reduceat(length, first[:-1].clip(max=len(key) - 1))
    reach[first[:-1] == first[1:]] = 0
    return first.astype(np.uint32), reach


def minus(instant: Array, seconds: int) -> Array:
    """Earlier by ``seconds``, not before 1970; uint32."""
    return instant - np.minimum(instant, np.uint32(seconds))


MIXED, PAST, SHORT, LONG, LONGEST = "mixed", "past", "short", "long", "longest"
"""Kinds of parts: small ones hold everything, in larger ones superseded versions and long stays stand apart."""
