"""Answers as columns that become domain objects only when looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from domain.contacts import Contact, Encounter, Overlap, Trace
from infrastructure.graph.arrays import Array
from infrastructure.graph.ids import Ids
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Contacts, Encounters, places

_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class TraceColumns:
    """n contacts, as in Contacts: numbers of people as in ``people``.

    Iterating gives domain Contacts, with UUIDs, a few thousand built at a time. ``position`` is the one answered for.
    """

    position: int
    people: Ids
    venues: Ids
    person: Array
    level: Array
    exposed_at: Array
    encounters: Array
    contact_seconds: Array
    certain: Array
    via_first: Array
    via: Array
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
    """By contact in their order, and then by start."""

    stays: Stays
    columns: Encounters

    @classmethod
    def of(cls, met: Sequence[Encounters], contacts: Contacts, people: Ids, stays: Stays) -> "EvidenceColumns":
        types = (np.uint32,) * 5 + (np.int64,) * 2 + (bool,) * 2
        nothing = tuple(np.empty(0, kind) for kind in types)
        found = Encounters(*map(np.concatenate, zip(nothing, *met, strict=True)))
        by_visit = [stays.column("visit", stay) for stay in (found.contact_stay, found.infector_stay)]
        by_infector = people.low[found.infector], people.high[found.infector]
        order = np.lexsort((*by_visit, *by_infector, found.end, found.start, places(contacts.person, found.contact)))
        return cls(stays, Encounters(*(column[order] for column in found)))

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


@dataclass(frozen=True, slots=True, eq=False)
class OverlapColumns:
    """n overlaps by start, person_a and person_b; iterating gives domain Overlaps, visits by position, which are looked
    up only then.

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
    stay_a: Array  # uint32
    stay_b: Array  # uint32

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[Overlap]:
        for low in range(0, len(self), _AT_ONCE):
            part = slice(low, low + _AT_ONCE)
            self.stays.resolve(np.concatenate([self.person_a[part], self.person_b[part]]))
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
