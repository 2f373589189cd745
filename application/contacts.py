"""The questions: who are the contacts, who overlapped at a venue, who was where. Nothing here records anything."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from application.cases import Cases
from application.contact_lists import (
    ContactList,
    NamedContact,
    NamedContacts,
    NamingByNumber,
    TraceColumns,
    in_order,
    named,
)
from application.log import Log
from application.people import People
from application.venues import Venues
from domain.cases import MOST_LEVELS
from domain.contacts import Contact, Encounter, Overlap, Question, Trace
from domain.errors import Refused, Unknown
from domain.rules import rule_set
from domain.times import Seconds, to_text
from domain.venues import Minutes, Venue

DAY: Final[Seconds] = 24 * 3600

_NAMED_AT_ONCE: Final = 50
"""Of many lists, so many are at hand while their people are named."""


class VisitRow(Protocol):
    @property
    def visit(self) -> int: ...
    @property
    def person(self) -> UUID: ...
    @property
    def venue(self) -> UUID: ...
    @property
    def check_in(self) -> Seconds: ...
    @property
    def check_out(self) -> Seconds | None: ...


class VisitGraph(Protocol):
    """The projection that answers; people and venues are UUIDs, a visit is the position of its first event."""

    @property
    def position(self) -> int: ...

    def trace(self, question: Question, as_of: int | None = None, *, evidence: bool = False) -> TraceColumns: ...

    def trace_many(self, questions: Sequence[Question], as_of: int | None = None) -> Iterable[TraceColumns]:
        """One answer for each question, in their order."""

    def overlaps(
        self, venue: UUID, start: Seconds, end: Seconds, person: UUID | None = None,
        min_seconds: Seconds = 0, as_of: int | None = None, *, parts: bool = False,
    ) -> Iterable[Overlap]: ...  # fmt: skip

    def within(self, venue: UUID, as_of: int | None = None) -> Sequence[UUID]: ...

    def visits_of_person(self, person: UUID, as_of: int | None = None) -> Sequence[VisitRow]: ...

    def visits_of_venue(
        self, venue: UUID, start: Seconds, end: Seconds, as_of: int | None = None, *, parts: bool = False
    ) -> Sequence[VisitRow]: ...


class IndexPerson(NamedTuple):
    """Whose contacts are asked for, in which window, up to which horizon."""

    person: str
    start: Seconds
    end: Seconds
    until: Seconds | None = None


@dataclass(frozen=True, slots=True)
class NamedVisit:
    """``overlapping`` are the person's visits elsewhere at the same time, as far as both check-outs are known."""

    visit_id: str
    person: str
    person_id: UUID
    venue: str
    venue_id: UUID
    check_in: Seconds
    check_out: Seconds | None
    overlapping: tuple[str, ...] = ()


class Contacts:
    def __init__(self, log: Log, graph: VisitGraph, people: People, venues: Venues, cases: Cases) -> None:
        self.log = log
        self.graph = graph
        self.people = people
        self.venues = venues
        self.cases = cases

    def trace(
        self,
        person: str,
        start: Seconds,
        end: Seconds | None,
        *,
        until: Seconds | None = None,
        levels: int = 2,
        min_minutes: Minutes = 15,
        as_of: int | None = None,
        evidence: bool = False,
    ) -> ContactList:
        """The contacts of a person in ``[start, end)``; an unknown person has none."""
        position = self._position(as_of)
        question = self.question(person, start, end, until=until, levels=levels, min_minutes=min_minutes)
        if question is None:
            return ContactList(position, person, [], [], {})
        return self._traced(question, position, evidence)

    def of_case(
        self,
        case_id: UUID,
        *,
        levels: int = 2,
        min_minutes: Minutes | None = None,
        as_of: int | None = None,
        evidence: bool = False,
    ) -> ContactList:
        """The contacts of a case under its rule set, whose minimum holds unless another is given.

        A withdrawn case has none. Raises Unknown.
        """
        position = self._position(as_of)
        question = self.question_of_case(case_id, position, levels=levels, min_minutes=min_minutes)
        if question is None:
            person = self.cases.get(case_id, position).person
            return ContactList(position, self.people.identities([person])[person], [], [], {})
        return self._traced(question, position, evidence)

    def question(
        self,
        person: str,
        start: Seconds,
        end: Seconds | None,
        *,
        until: Seconds | None = None,
        levels: int = 2,
        min_minutes: Minutes = 15,
    ) -> Question | None:
        """What to ask about a person; None for an unknown one. Raises Refused."""
        check_window(start, end, until)
        person_id = self.people.find(person)
        _check(levels, min_minutes)
        return None if person_id is None else Question(person_id, start, end, until, levels, min_minutes * 60)

    def question_of_case(
        self, case_id: UUID, as_of: int, *, levels: int = 2, min_minutes: Minutes | None = None
    ) -> Question | None:
        """What to ask about a case as known at a position; None for one that has no contacts. Raises Unknown."""
        case = self.cases.get(case_id, as_of)
        rules, window = rule_set(case.rules), case.window
        minimum = rules.min_minutes if min_minutes is None else min_minutes
        _check(levels, minimum)
        if case.withdrawn or (window.end is not None and window.end <= window.start):
            return None
        return Question(case.person, window.start, window.end, None, levels, minimum * 60)

    def listed(
        self, question: Question | None, as_of: int, *, certain: bool | None = None, evidence: bool = False
    ) -> Sequence[NamedContact]:
        """The same list for reading a part of it: only those are named that are looked at.

        Only the ``certain`` ones, or only the others, when that is said; nobody for a question of None.
        """
        if question is None:
            return []
        columns = self.graph.trace(question, as_of, evidence=evidence)
        name_encounters = self._named_encounters if evidence else None
        return NamedContacts(columns, certain, self.people.identities, name_encounters)

    def of_many(
        self,
        people: Sequence[IndexPerson],
        *,
        levels: int = 2,
        min_minutes: Minutes = 15,
        as_of: int | None = None,
    ) -> Iterator[tuple[IndexPerson, list[Contact]]]:
        """The contacts of each who is known, as ``trace`` tells them, in the order given. Raises Malformed, Refused."""
        _check(levels, min_minutes)
        position = self._position(as_of)
        ids = self.people.find_known({one.person for one in people})
        known = [one for one in people if one.person in ids]
        questions = [
            Question(ids[one.person], one.start, one.end, one.until, levels, min_minutes * 60) for one in known
        ]
        return self._of_many(known, self.graph.trace_many(questions, position))

    def _of_many(
        self, known: Sequence[IndexPerson], answers: Iterable[TraceColumns]
    ) -> Iterator[tuple[IndexPerson, list[Contact]]]:
        naming = NamingByNumber(self.people.identities)
        found = zip(known, answers, strict=True)
        while some := list(islice(found, _NAMED_AT_ONCE)):
            naming.learn([columns for _, columns in some])
            yield from ((one, naming.contacts(columns)) for one, columns in some)

    def _traced(self, question: Question, position: int, evidence: bool) -> ContactList:
        found = self.graph.trace(question, position, evidence=evidence).to_domain()
        return self._named(position, question.person, found)

    def _named(self, position: int, index: UUID, found: Trace) -> ContactList:
        names = self.people.identities({index, *(contact.person for contact in found.contacts)})
        contacts = sorted((named(contact, names) for contact in found.contacts), key=in_order)
        ids = {names[contact.person]: contact.person for contact in found.contacts}
        return ContactList(position, names[index], contacts, self._named_encounters(found.encounters, names), ids)

    def _named_encounters(self, encounters: list[Encounter], names: dict[UUID, str]) -> list[Encounter]:
        venues = self.venue_names({met.venue for met in encounters})
        visits = self.visit_ids({visit for met in encounters for visit in (*met.infector_visits, *met.contact_visits)})
        return [
            replace(
                met, infector=names[met.infector], contact=names[met.contact], venue=venues[met.venue],
                infector_visits=tuple(visits[v] for v in met.infector_visits),
                contact_visits=tuple(visits[v] for v in met.contact_visits),
            )
            for met in encounters
        ]  # fmt: skip

    def overlaps(
        self,
        venue: str,
        start: Seconds,
        end: Seconds,
        *,
        person: str | None = None,
        min_minutes: Minutes = 0,
        as_of: int | None = None,
        parts: bool = False,
    ) -> tuple[int, list[Overlap]]:
        """The position answered for, and who were at the venue together in ``[start, end)``. Raises Unknown.

        With ``parts``, the venue and everything in it are one place.
        """
        if end <= start:
            raise Refused("the window ends after it begins")
        position = self._position(as_of)
        venue_id = self._known_venue(venue)
        person_id = None if person is None else self.people.find(person)
        if person is not None and person_id is None:
            return position, []
        found = list(self.graph.overlaps(venue_id, start, end, person_id, min_minutes * 60, position, parts=parts))
        names = self.people.identities({p for overlap in found for p in (overlap.person_a, overlap.person_b)})
        visits = self.visit_ids({v for overlap in found for v in (*overlap.visits_a, *overlap.visits_b)})
        venues = self.venue_names({v for overlap in found for v in (overlap.venue_a, overlap.venue_b)}) if parts else {}
        named = [_named_overlap(overlap, names, visits, venues) for overlap in found]
        return position, sorted(named, key=lambda o: (o.start, o.person_a, o.person_b, o.visits_a, o.visits_b))

    def visits_of_person(self, person: str, *, as_of: int | None = None) -> tuple[int, list[NamedVisit]]:
        position = self._position(as_of)
        person_id = self.people.find(person)
        if person_id is None:
            return position, []
        return position, self._named_visits(self.graph.visits_of_person(person_id, position))

    def visits_of_venue(
        self, venue: str, start: Seconds, end: Seconds, *, as_of: int | None = None, parts: bool = False
    ) -> tuple[int, list[NamedVisit]]:
        """With ``parts``, those at everything in the venue, too."""
        position, venue_id = self._position(as_of), self._known_venue(venue)
        return position, self._named_visits(self.graph.visits_of_venue(venue_id, start, end, position, parts=parts))

    def open_visits(self, venue: str, at: Seconds, *, as_of: int | None = None) -> tuple[int, list[NamedVisit]]:
        """Who is there: came within the last day (or the default stay, if that is longer), has not checked out, and
        has not checked in anywhere since; each person's last visit. Raises Unknown."""
        position, found = self._position(as_of), self.venues.get(venue)
        since = at - max(DAY, found.default_stay_minutes * 60)
        rows = self.graph.visits_of_venue(found.id, since, at + 1, position)
        last = {row.person: row for row in rows if since < row.check_in <= at}
        return position, self._named_visits([row for row in last.values() if self._is_there(row, at, position)])

    def last_visit(self, person: str, venue: str, at: Seconds, *, as_of: int | None = None) -> str:
        """The id of a person's last visit at a venue as of an instant, or of the one that ended right then.

        Raises Unknown.
        """
        position, venue_id, person_id = self._position(as_of), self._known_venue(venue), self.people.find(person)
        rows = [] if person_id is None else self.graph.visits_of_person(person_id, position)
        here = [row for row in rows if row.venue == venue_id and row.check_in <= at]
        if not here:
            raise nobody_to_check_out()
        visit = next((row for row in here if row.check_out == at), here[-1]).visit
        return self.visit_ids([visit])[visit]

    def _is_there(self, visit: VisitRow, at: Seconds, position: int) -> bool:
        if visit.check_out is not None:
            return False
        others = self.graph.visits_of_person(visit.person, position)
        return not any(visit.check_in < other.check_in <= at for other in others)

    def within(self, venue: str, *, as_of: int | None = None) -> list[UUID]:
        """The venue and everything in it, as known at a position. Raises Unknown."""
        return list(self.graph.within(self._known_venue(venue), self._position(as_of)))

    def _named_visits(self, rows: Sequence[VisitRow]) -> list[NamedVisit]:
        people = self.people.identities({row.person for row in rows})
        venues = self.venue_names({row.venue for row in rows})
        ids = self.visit_ids({row.visit for row in rows})
        of_person: dict[UUID, list[VisitRow]] = defaultdict(list)
        for row in rows:
            of_person[row.person].append(row)
        return [
            NamedVisit(
                ids[row.visit], people[row.person], row.person, venues[row.venue], row.venue, row.check_in,
                row.check_out, tuple(ids[other.visit] for other in of_person[row.person] if _at_once(row, other)),
            )
            for row in rows
        ]  # fmt: skip

    def venue_names(self, venues: Iterable[UUID]) -> dict[UUID, str]:
        """The code of each venue, else its id."""
        known = self.log.load_many(Venue, venues)
        return {venue_id: venue.code or str(venue_id) for venue_id, venue in known.items()}

    def visit_ids(self, positions: Iterable[int]) -> dict[int, str]:
        """The visit ids that the events at these positions began."""
        return {position: state["visit_id"] for position, state in self.log.states_at(list(positions)).items()}

    def _known_venue(self, venue: str) -> UUID:
        return self.venues.get(venue).id

    def _position(self, as_of: int | None) -> int:
        return self.graph.position if as_of is None else as_of


def check_window(start: Seconds, end: Seconds | None, until: Seconds | None) -> None:
    """Raises Refused."""
    if end is not None and end <= start:
        raise Refused("the window ends after it begins")
    if until is not None and until <= start:
        raise Refused("the horizon lies after the start of the window")


def nobody_to_check_out() -> Unknown:
    return Unknown("that person has no visit there to check out from")


def contact_row(contact: Contact) -> dict[str, Any]:
    """A contact as the contract writes it out."""
    return {
        "person": contact.person,
        "level": contact.level,
        "exposed_at": to_text(contact.exposed_at),
        "encounters": contact.encounters,
        "contact_seconds": contact.contact_seconds,
        "via": list(contact.via),
        "certainty": "certain" if contact.certain else "possible",
    }


def encounter_row(met: Encounter) -> dict[str, Any]:
    """One piece of evidence: who met whom where, through which visits, and whose stay was imputed."""
    return {
        "infector": met.infector,
        "contact": met.contact,
        "venue": met.venue,
        "start": to_text(met.start),
        "end": to_text(met.end),
        "seconds": met.seconds,
        "infector_visits": list(met.infector_visits),
        "contact_visits": list(met.contact_visits),
        "imputed": [
            who for who, seen in (("infector", met.infector_observed), ("contact", met.contact_observed)) if not seen
        ],
    }


def overlap_columns(*, parts: bool) -> tuple[str, ...]:
    columns = ("person_a", "person_b", "start", "end", "seconds", "certainty", "visits_a", "visits_b")
    return (*columns, "venue_a", "venue_b") if parts else columns


def overlap_row(overlap: Overlap) -> dict[str, Any]:
    """The columns of semantics.md, and where each was when a whole was asked for with its parts."""
    places = {} if overlap.venue_a is None else {"venue_a": overlap.venue_a, "venue_b": overlap.venue_b}
    return {
        "person_a": overlap.person_a,
        "person_b": overlap.person_b,
        "start": to_text(overlap.start),
        "end": to_text(overlap.end),
        "seconds": overlap.seconds,
        "certainty": "certain" if overlap.certain else "possible",
        "visits_a": list(overlap.visits_a),
        "visits_b": list(overlap.visits_b),
        **places,
    }


def _named_overlap(
    overlap: Overlap, names: dict[UUID, str], visits: dict[int, str], venues: dict[UUID, str]
) -> Overlap:
    """Sides in the order of the names, which need not be that of the ids."""
    a = (names[overlap.person_a], tuple(visits[v] for v in overlap.visits_a), venues.get(overlap.venue_a))
    b = (names[overlap.person_b], tuple(visits[v] for v in overlap.visits_b), venues.get(overlap.venue_b))
    (person_a, visits_a, venue_a), (person_b, visits_b, venue_b) = sorted((a, b), key=lambda side: side[0])
    return replace(
        overlap, person_a=person_a, person_b=person_b, visits_a=visits_a, visits_b=visits_b,
        venue_a=venue_a, venue_b=venue_b,
    )  # fmt: skip


def _at_once(one: VisitRow, other: VisitRow) -> bool:
    if one.visit == other.visit or one.check_out is None or other.check_out is None:
        return False
    return max(one.check_in, other.check_in) < min(one.check_out, other.check_out)


def _check(levels: int, min_minutes: Minutes) -> None:
    if not 1 <= levels <= MOST_LEVELS:
        raise Refused(f"levels are 1 to {MOST_LEVELS}")
    if not 0 <= min_minutes <= 7 * 24 * 60:
        raise Refused("the minimum is 0 minutes to a week")
