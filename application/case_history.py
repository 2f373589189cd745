"""How the list of a case changed, and why somebody is in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.cases import Cases
from application.contact_lists import ContactList
from application.contacts import Contacts
from application.exposures import exposures_stream
from application.log import Log, Recording
from application.people import People
from domain.contacts import Contact, Encounter
from domain.errors import Refused, Unknown
from domain.exposures import Exposures
from domain.rules import RuleSet, rule_set
from domain.times import Seconds

ADDED, REVISED, WITHDRAWN = "added", "revised", "withdrawn"

_CHANGES: Final[Mapping[str, str]] = {
    Exposures.Identified.TOPIC: ADDED, Exposures.Revised.TOPIC: REVISED, Exposures.Withdrawn.TOPIC: WITHDRAWN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` and ``after`` are what the event said of the contact; None when there is nothing to say."""

    position: int
    recorded_at: datetime
    change: str
    person: str
    person_id: UUID
    level: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    cause: Recording | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one contact, between two positions."""

    change: str
    person: str
    person_id: UUID
    before: Contact | None
    after: Contact | None


class KnownVisit(NamedTuple):
    """A visit that is evidence; where the check-out is unknown, the end of the stay was imputed."""

    visit_id: str
    person: str
    venue: str
    check_in: Seconds
    check_out: Seconds | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """``path`` leads from F0 to the contact, each hop the first encounter through which the next was exposed."""

    position: int
    contact: Contact
    person_id: UUID
    rules: RuleSet
    path: list[Encounter]
    encounters: list[Encounter]
    visits: dict[str, KnownVisit]


class CaseHistory:
    def __init__(self, log: Log, people: People, cases: Cases, contacts: Contacts) -> None:
        self.log = log
        self.people = people
        self.cases = cases
        self.contacts = contacts

    def changes(self, case_id: UUID, as_of: int) -> list[Change]:
        """In the order in which they were recorded. Raises Unknown."""
        self.cases.get(case_id, as_of)
        told = [one for one in self.log.history(exposures_stream(case_id), as_of) if one.topic in _CHANGES]
        causes = self.log.recordings_at({one.cause for one in told if one.cause is not None})
        names = self.people.identities({UUID(one.state["person"]) for one in told})
        return list(_changes(told, causes, names))

    def difference(self, case_id: UUID, since: int, until: int) -> list[Difference]:
        """What a trace finds at ``until`` otherwise than at ``since``; nobody before the case was known.

        Raises Unknown, and Refused for positions in the wrong order.
        """
        if since > until:
            raise Refused("the first position comes before the second")
        levels = self.cases.get(case_id, until).levels
        before, after = self._known(case_id, levels, since), self._known(case_id, levels, until)
        names = before.person_ids | after.person_ids
        was, now = _by_person(before), _by_person(after)
        differing = [name for name in names if was.get(name) != now.get(name)]
        found = [_difference(names[name], name, was.get(name), now.get(name)) for name in differing]
        return sorted(found, key=lambda one: (_level(one), one.person))

    def evidence(self, case_id: UUID, person: UUID, as_of: int) -> Evidence:
        """Why a person is a contact of a case. Raises Unknown, also for who is none."""
        case = self.cases.get(case_id, as_of)
        found = self.contacts.of_case(case_id, levels=case.levels, as_of=as_of, evidence=True)
        named = {person_id: name for name, person_id in found.person_ids.items()}
        if person not in named:
            raise Unknown("that person is no contact of the case at that position")
        contact = next(contact for contact in found.contacts if contact.person == named[person])
        met = found.evidence()
        path = _path(contact, met)
        encounters = met[contact.person]
        visits = self._visits([*path, *encounters], found.person_ids | {found.person: case.person}, as_of)
        return Evidence(as_of, contact, person, rule_set(case.rules), path, encounters, visits)

    def _known(self, case_id: UUID, levels: int, position: int) -> ContactList:
        try:
            return self.contacts.of_case(case_id, levels=levels, as_of=position)
        except Unknown:
            return ContactList(position, "", [], [], {})

    def _visits(self, met: list[Encounter], ids: Mapping[str, UUID], as_of: int) -> dict[str, KnownVisit]:
        wanted = {visit for one in met for visit in (*one.infector_visits, *one.contact_visits)}
        people = {name for one in met for name in (one.infector, one.contact)}
        known: dict[str, KnownVisit] = {}
        for name in sorted(people):
            _, visits = self.contacts.visits_of_person(f"id:{ids[name]}", as_of=as_of)
            for one in visits:
                if one.visit_id in wanted:
                    known[one.visit_id] = KnownVisit(one.visit_id, name, one.venue, one.check_in, one.check_out)
        return known


def _changes(told: list[Recording], causes: Mapping[int, Recording], names: Mapping[UUID, str]) -> Iterator[Change]:
    standing: dict[UUID, Mapping[str, Any]] = {}
    for one in told:
        person, change = UUID(one.state["person"]), _CHANGES[one.topic]
        before, after = standing.pop(person, None), None
        if change != WITHDRAWN:
            after = standing[person] = one.state
        yield Change(
            one.position, one.recorded_at, change, names[person], person, one.state["level"], before, after,
            None if one.cause is None else causes.get(one.cause),
        )  # fmt: skip


def _by_person(found: ContactList) -> dict[str, Contact]:
    return {contact.person: contact for contact in found.contacts}


def _difference(person_id: UUID, person: str, before: Contact | None, after: Contact | None) -> Difference:
    change = ADDED if before is None else WITHDRAWN if after is None else REVISED
    return Difference(change, person, person_id, before, after)


def _level(difference: Difference) -> int:
    known = difference.after or difference.before
    return 0 if known is None else known.level


def _path(contact: Contact, met: Mapping[str, list[Encounter]]) -> list[Encounter]:
    """Backwards: the last time that each infector was exposed before, as an earlier window may be closed by then."""
    path = [met[contact.person][0]]
    while path[-1].infector in met:
        path.append([one for one in met[path[-1].infector] if one.start <= path[-1].start][-1])
    return path[::-1]
