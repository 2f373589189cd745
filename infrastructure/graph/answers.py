"""Answers as columns that become domain objects only when looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from domain.contacts import Contact, Encounter, Overlap, Trace
from infrastructure.graph.arrays import Array
from infrastructure.graph.ids import Ids
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Encounters, Level, places

_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class TraceColumns:
    """n contacts by level, exposed_at and person; all columns of shape (n,), numbers of people as in ``people``.

    The infectors of contact i are ``via[via_first[i]:via_first[i + 1]]``. Iterating gives domain Contacts, with UUIDs,
    a few thousand built at a time. ``position`` is the one answered for.
    """

    position: int
    people: Ids
    venues: Ids
    person: Array  # uint32
    level: Array  # int64
    exposed_at: Array  # uint32 seconds
    encounters: Array  # int64
    contact_seconds: Array  # int64
    certain: Array  # bool
    via_first: Array  # int64, shape (n + 1,)
    via: Array  # uint32
    evidence: "EvidenceColumns | None" = None

    def __len__(self) -> int:
        return len(self.person)

    def __iter__(self) -> Iterator[Contact]:
        for low in range(0, len(self), _AT_ONCE):
            yield from self.contacts(low, low + _AT_ONCE)

    def contacts(self, low: int, high: int) -> list[Contact]:
        """The contacts from ``low`` up to, not including, ``high``."""
        high = min(high, len(self))
        first = self.via_first[low : high + 1] - self.via_first[low]
        via = self.people.uuids(self.via[self.via_first[low] : self.via_first[high]])
        columns = (self.level, self.exposed_at, self.encounters, self.contact_seconds, self.certain)
        return [
            Contact(person, level, exposed_at, encounters, seconds, tuple(via[start:end]), certain)
            for person, level, exposed_at, encounters, seconds, certain, start, end in zip(
                self.people.uuids(self.person[low:high]),
                *(column[low:high].tolist() for column in columns),
                first[:-1].tolist(),
                first[1:].tolist(),
                strict=True,
            )
        ]

    def encounters_of(self, low: int, high: int) -> list[Encounter]:
        """The encounters of the contacts from ``low`` up to, not including, ``high``. Needs ``evidence``."""
        if self.evidence is None:
            raise ValueError("the trace was asked for without evidence")
        first, last = (int(self.encounters[:place].sum()) for place in (low, high))
        return self.evidence.encounters(first, last, self.people, self.venues)

    def met(self) -> Iterator[Encounter]:
        """The encounters, by contact in this order and then by start; visits by position. Needs ``evidence``."""
        if self.evidence is None:
            raise ValueError("the trace was asked for without evidence")
        for low in range(0, len(self.evidence.columns.start), _AT_ONCE):
            yield from self.evidence.encounters(low, low + _AT_ONCE, self.people, self.venues)

    def to_domain(self) -> Trace:
        return Trace(list(self), list(self.met()) if self.evidence else [])


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceColumns:
    stays: Stays
    columns: Encounters

    def encounters(self, low: int, high: int, people: Ids, venues: Ids) -> list[Encounter]:
        some = Encounters(*(column[low:high] for column in self.columns))
        return [
            Encounter(*columns)
            for columns in zip(
                people.uuids(some.infector),
                people.uuids(some.contact),
                venues.uuids(some.venue),
                some.start.tolist(),
                some.end.tolist(),
                self.stays.visits(some.infector_stay),
                self.stays.visits(some.contact_stay),
                some.infector_observed.tolist(),
                some.contact_observed.tolist(),
                strict=True,
            )
        ]


def answer(
    position: int, people: Ids, venues: Ids, levels: list[Level], stays: Stays, *, evidence: bool
) -> TraceColumns:
    """The levels in their order."""
    person, depth, exposed_at, encounters, seconds, certain = map(
        np.concatenate, zip(_NO_CONTACTS, *map(_columns, range(1, len(levels) + 1), levels), strict=True)
    )
    infectors = np.cumsum([0, *(len(level.via) for level in levels)])
    firsts = [level.via_first[:-1] + base for level, base in zip(levels, infectors.tolist(), strict=False)]
    return TraceColumns(
        position, people, venues, person, depth, exposed_at, encounters, seconds, certain,
        np.concatenate([*firsts, infectors[-1:]]), np.concatenate([_NO_CONTACTS[0], *(level.via for level in levels)]),
        EvidenceColumns(stays, _evidence(levels, people, person, stays)) if evidence else None,
    )  # fmt: skip


def first_level(position: int, people: Ids, venues: Ids, level: Level) -> TraceColumns:
    """That level alone."""
    depth = np.ones(len(level.person), np.int64)
    columns = (level.exposed_at, level.encounters, level.seconds, level.certain, level.via_first, level.via)
    return TraceColumns(position, people, venues, level.person, depth, *columns)


_NO_CONTACTS: Final = tuple(np.empty(0, kind) for kind in (np.uint32, np.int64, np.uint32, np.int64, np.int64, bool))


def _columns(number: int, level: Level) -> tuple[Array, ...]:
    depth = np.full(len(level.person), number)
    return level.person, depth, level.exposed_at, level.encounters, level.seconds, level.certain


def _evidence(levels: list[Level], people: Ids, person: Array, stays: Stays) -> Encounters:
    types = (np.uint32,) * 5 + (np.int64,) * 2 + (bool,) * 2
    nothing = tuple(np.empty(0, kind) for kind in types)
    found = [level.evidence for level in levels if level.evidence is not None]
    met = Encounters(*map(np.concatenate, zip(nothing, *found, strict=True)))
    by_visit = [stays.column("visit", stay) for stay in (met.contact_stay, met.infector_stay)]
    by_infector = people.low[met.infector], people.high[met.infector]
    order = np.lexsort((*by_visit, *by_infector, met.end, met.start, places(person, met.contact)))
    return Encounters(*(column[order] for column in met))


@dataclass(frozen=True, slots=True, eq=False)
class OverlapColumns:
    """n overlaps by start, person_a and person_b; iterating gives domain Overlaps, visits by position.

    Each says at which venues it was where ``venues`` are given: for a whole with its parts.
    """

    position: int
    people: Ids
    venues: Ids | None
    stays: Stays
    person_a: Array  # uint32
    person_b: Array  # uint32
    start: Array  # uint32 seconds
    end: Array  # uint32 seconds
    certain: Array  # bool
    stay_a: Array  # int64
    stay_b: Array  # int64

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[Overlap]:
        for low in range(0, len(self), _AT_ONCE):
            part = slice(low, low + _AT_ONCE)
            yield from (
                Overlap(*columns)
                for columns in zip(
                    self.people.uuids(self.person_a[part]),
                    self.people.uuids(self.person_b[part]),
                    self.start[part].tolist(),
                    self.end[part].tolist(),
                    (self.end[part] - self.start[part]).tolist(),
                    self.certain[part].tolist(),
                    self.stays.visits(self.stay_a[part]),
                    self.stays.visits(self.stay_b[part]),
                    self._venues(self.stay_a[part]),
                    self._venues(self.stay_b[part]),
                    strict=True,
                )
            )

    def _venues(self, stays: Array) -> list[UUID] | list[None]:
        if self.venues is None:
            return [None] * len(stays)
        return self.venues.uuids((self.stays.column("key", stays) >> np.uint64(32)).astype(np.uint32))
