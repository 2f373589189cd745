"""The contacts of a trace as they are told: all of them at once, or those that are looked at."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, overload
from uuid import UUID

import networkx as nx

from domain.contacts import Contact, Encounter, Trace, contact_graph
from domain.times import Seconds

_AT_ONCE: Final = 1_000
"""So many are named together in a list that is read from its beginning to its end."""

Names: TypeAlias = dict[UUID, str]


class TraceColumns(Protocol):
    """Contacts by level, exposed_at and person; a column has a value for each, people are numbers there.

    The infectors of contact i are ``via[via_first[i]:via_first[i + 1]]``.
    """

    @property
    def people(self) -> Any: ...
    @property
    def person(self) -> Any: ...
    @property
    def level(self) -> Any: ...
    @property
    def exposed_at(self) -> Any: ...
    @property
    def encounters(self) -> Any: ...
    @property
    def contact_seconds(self) -> Any: ...
    @property
    def certain(self) -> Any: ...
    @property
    def via_first(self) -> Any: ...
    @property
    def via(self) -> Any: ...

    def __len__(self) -> int: ...

    def contacts(self, low: int, high: int) -> list[Contact]:
        """Those from ``low`` up to, not including, ``high``."""

    def encounters_of(self, low: int, high: int) -> list[Encounter]:
        """Those of the same contacts, in their order; of a trace with evidence."""

    def to_domain(self) -> Trace: ...


class ContactList(NamedTuple):
    """``person``, ``via``, ``infector``, ``contact`` and ``venue`` as they are named; ``person_ids`` by those names."""

    position: int
    person: str
    contacts: list[Contact]
    encounters: list[Encounter]
    person_ids: dict[str, UUID]

    def graph(self) -> nx.MultiDiGraph:
        """F0 → F1 → F2 with the encounters as edges; only those who are listed."""
        listed = {self.person, *(contact.person for contact in self.contacts)}
        met = [m for m in self.encounters if m.infector in listed and m.contact in listed]
        return contact_graph(self.person, self.contacts, met)

    def evidence(self) -> dict[str, list[Encounter]]:
        """The encounters of each contact."""
        found: dict[str, list[Encounter]] = {contact.person: [] for contact in self.contacts}
        for encounter in self.encounters:
            found.get(encounter.contact, []).append(encounter)
        return found


class NamedContact(NamedTuple):
    """People, venues and visits as they are named; ``encounters`` only where evidence was asked for."""

    contact: Contact
    person_id: UUID
    encounters: list[Encounter]


class NamedContacts(Sequence[NamedContact]):
    """By level, exposed_at and person. Those of one level and instant are named together, as names give their order."""

    def __init__(
        self,
        columns: TraceColumns,
        certain: bool | None,
        identities: Callable[[Iterable[UUID]], Names],
        name_encounters: Callable[[list[Encounter], Names], list[Encounter]] | None,
    ) -> None:
        """Only the ``certain`` ones, or only the others, when that is said."""
        self._columns = columns
        self._identities = identities
        self._name_encounters = name_encounters
        self._places: Sequence[int] = range(len(columns))
        if certain is not None:
            self._places = [place for place, one in enumerate(columns.certain.tolist()) if one == certain]

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, part: int) -> NamedContact: ...
    @overload
    def __getitem__(self, part: slice) -> list[NamedContact]: ...
    def __getitem__(self, part: int | slice) -> NamedContact | list[NamedContact]:
        if isinstance(part, int):
            return self[part : part + 1 or None][0]
        low, high, step = part.indices(len(self))
        first, last = self._boundary(low, -1), self._boundary(high, 1)
        return self._named(first, last)[low - first : high - first : step]

    def __iter__(self) -> Iterator[NamedContact]:
        low = 0
        while low < len(self):
            high = self._boundary(min(low + _AT_ONCE, len(self)), 1)
            yield from self._named(low, high)
            low = high

    def _boundary(self, number: int, step: int) -> int:
        """The nearest in that direction between two contacts that differ in level or instant."""
        while 0 < number < len(self) and self._when(number - 1) == self._when(number):
            number += step
        return number

    def _when(self, number: int) -> tuple[int, Seconds]:
        place = self._places[number]
        return self._columns.level[place], self._columns.exposed_at[place]

    def _named(self, low: int, high: int) -> list[NamedContact]:
        places = self._places[low:high]
        if not places:
            return []
        first, last = places[0], places[-1] + 1
        some = self._columns.contacts(first, last)
        found = [some[place - first] for place in places]
        names = self._identities({person for contact in found for person in (contact.person, *contact.via)})
        met = self._met(first, last, {contact.person for contact in found}, names)
        rows = [NamedContact(named(contact, names), contact.person, met[names[contact.person]]) for contact in found]
        return sorted(rows, key=lambda row: in_order(row.contact))

    def _met(self, low: int, high: int, contacts: set[UUID], names: Names) -> dict[str, list[Encounter]]:
        met: dict[str, list[Encounter]] = defaultdict(list)
        if self._name_encounters is not None:
            found = [one for one in self._columns.encounters_of(low, high) if one.contact in contacts]
            for one in self._name_encounters(found, names):
                met[one.contact].append(one)
        return met


class NamingByNumber:
    """For many lists in which the same people occur: each is looked up once."""

    def __init__(self, identities: Callable[[Iterable[UUID]], Names]) -> None:
        self._identities = identities
        self._names: dict[int, str] = {}

    def learn(self, lists: Iterable[TraceColumns]) -> None:
        """Look up who is in the lists, and was in none before."""
        unknown: dict[int, UUID] = {}
        for columns in lists:
            for numbers in (columns.person, columns.via):
                new = [place for place, number in enumerate(numbers.tolist()) if number not in self._names]
                unknown |= zip(numbers[new].tolist(), columns.people.uuids(numbers[new]), strict=True)
        names = self._identities(unknown.values())
        self._names |= {number: names[person] for number, person in unknown.items()}

    def contacts(self, columns: TraceColumns) -> list[Contact]:
        person, via = (
            [self._names[number] for number in numbers.tolist()] for numbers in (columns.person, columns.via)
        )
        first = columns.via_first.tolist()
        told = (columns.level, columns.exposed_at, columns.encounters, columns.contact_seconds)
        infectors = (tuple(sorted(via[start:end])) for start, end in pairwise(first))
        rows = zip(person, *(column.tolist() for column in told), infectors, columns.certain.tolist(), strict=True)
        return sorted((Contact(*row) for row in rows), key=in_order)


def named(contact: Contact, names: Names) -> Contact:
    return replace(contact, person=names[contact.person], via=tuple(sorted(names[person] for person in contact.via)))


def in_order(contact: Contact) -> tuple[int, Seconds, str]:
    return contact.level, contact.exposed_at, contact.person
