"""Versions of visits as columns, kept in sorted, immutable parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import FOREVER, Array, find

OBSERVED: Final = np.uint8(1)
"""The check-out is known."""
ENTANGLED: Final = np.uint8(2)
"""The stay may be another than ``[start, end)``: see stays.py."""

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
    flags: Array  # uint8; ENTANGLED may be added

    @property
    def venue(self) -> Array:
        return (self.key >> _VENUE).astype(np.uint32)

    @property
    def start(self) -> Array:
        return (self.key & _START).astype(np.uint32)

    def take(self, which: Array) -> "Rows":
        return Rows(*(column[which] for column in self))

    def known_at(self, position: int) -> Array:
        return (self.known_from <= position) & (position < self.known_until)


def keys(venue: Array, start: Array) -> Array:
    return venue.astype(np.uint64) << _VENUE | start.astype(np.uint64)


def together(rows: Sequence[Rows]) -> Rows:
    return rows[0] if len(rows) == 1 else Rows(*map(np.concatenate, zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows sorted by venue and start, and by person. Only known_until and flags ever change, and only forwards.

    ``by_person`` are row numbers ordered by person and start; those of ``people[i]`` stand in
    ``[first[i], first[i + 1])``. No row lasts longer than ``reach`` seconds, none without check-out longer than
    ``imputed_reach``; all start from ``first_start`` to ``last_start``; none is known before ``known_from`` or from
    ``known_until`` on.
    """

    rows: Rows
    by_person: Array
    people: Array
    first: Array
    kind: str
    reach: int
    imputed_reach: int
    first_start: int
    last_start: int
    known_from: int
    known_until: int

    @classmethod
    def of(cls, rows: Rows, kind: str) -> "Part":
        rows = rows.take(np.argsort(rows.key, kind="stable"))
        by_person = np.argsort(keys(rows.person, rows.start), kind="stable").astype(np.uint32)
        return cls.indexed(rows, by_person, kind)

    @classmethod
    def indexed(cls, rows: Rows, by_person: Array, kind: str) -> "Part":
        person = rows.person[by_person]
        first = np.flatnonzero(np.concatenate([[True], person[1:] != person[:-1]]))
        length = rows.end - rows.start
        imputed = rows.flags & OBSERVED == 0
        return cls(
            rows, by_person, person[first], np.append(first, len(person)).astype(np.uint32), kind,
            reach=int(length.max()),
            imputed_reach=int(length[imputed].max(initial=0)),
            first_start=int(rows.start.min()),
            last_start=int(rows.start.max()),
            known_from=int(rows.known_from.min()),
            known_until=int(rows.known_until.max()),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.rows.key)

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
        at, known = find(self.people, person)
        low, high = self.first[at].astype(np.int64), self.first[at + 1].astype(np.int64)
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
    def nbytes(self) -> int:
        indexes = self.by_person.nbytes + self.people.nbytes + self.first.nbytes
        return sum(column.nbytes for column in self.rows) + indexes


def minus(instant: Array, seconds: int) -> Array:
    """Earlier by ``seconds``, not before 1970; uint32."""
    return instant - np.minimum(instant, np.uint32(seconds))


MIXED, PAST, SHORT, LONG, LONGEST = "mixed", "past", "short", "long", "longest"
"""Kinds of parts: small ones hold everything, in larger ones superseded versions and long stays stand apart."""

_LENGTHS: Final = ((SHORT, 3 * 3600), (LONG, 14 * 3600), (LONGEST, int(FOREVER)))
SMALL: Final = 1 << 14


def tidied(parts: Sequence[Part], *, entirely: bool = False) -> tuple[Part, ...]:
    """The same rows in few parts: of each kind one, or some of which each is more than twice the next."""
    mixed = [part for part in parts if part.kind == MIXED]
    of_kind = {kind: [part for part in parts if part.kind == kind] for kind in (PAST, SHORT, LONG, LONGEST)}
    if mixed and (entirely or sum(map(len, mixed)) >= SMALL):
        for part in sorted_out(together([part.rows for part in mixed])):
            of_kind[part.kind].append(part)
        mixed = []
    elif len(mixed) > 1:
        mixed = [Part.of(together([part.rows for part in mixed]), MIXED)]
    for same in of_kind.values():
        while len(same) > 1 and (entirely or len(same[-2]) <= max(2 * len(same[-1]), SMALL)):
            last, before = same.pop(), same.pop()
            same.append(merged(before, last))
    return (*(part for same in of_kind.values() for part in same), *mixed)


def merged(one: Part, other: Part) -> Part:
    return Part.of(together([one.rows, other.rows]), one.kind)


def sorted_out(rows: Rows) -> list[Part]:
    """One part for each kind of which there are rows."""
    length = rows.end - rows.start
    kind = np.searchsorted([longest for _, longest in _LENGTHS], length, "left") + 1
    kind[rows.known_until < FOREVER] = 0
    names = (PAST, *(name for name, _ in _LENGTHS))
    return [Part.of(rows.take(kind == k), name) for k, name in enumerate(names) if (kind == k).any()]
