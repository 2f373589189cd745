"""Declarations: what people say of themselves, on the phone or by an app, triaged as the answers to a call are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from application.escalations import ANSWERS, NOTE, Escalations
from application.log import Draft, Log, Recorded, settled, unique_key
from application.people import Note, People
from application.provenance import LOCAL, Provenance
from domain.declarations import Declaration, parse_declaration_id
from domain.errors import Conflict, Refused, Unknown
from domain.people import Person
from domain.times import Seconds, from_datetime
from domain.triage import Answers, as_text, is_abnormal
from domain.visits import CLOCK_TOLERANCE

CAME_FROM: Final = "came from"
"""The sealed field of where a returnee was."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a declaration says; made just now where ``at`` is not told."""

    kind: str
    channel: str
    at: Seconds | None = None
    arrived_at: Seconds | None = None
    came_from: str | None = None
    answers: Answers = field(default_factory=Answers)
    notes: str | None = None


class Declarations:
    def __init__(self, log: Log, people: People, escalations: Escalations, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.escalations = escalations
        self.now = now

    def declare(
        self, person: str, told: Told, *, declaration_id: str | None = None, by: Provenance = LOCAL
    ) -> Recorded:
        """Record a declaration, or find it by its id; what is abnormal is passed on to the CDC with it.

        Raises Malformed, Refused for one that lies in the future, Conflict for an id that stands for another.
        """
        self.people.check_commune(told.answers.commune)
        if told.at is not None and told.at > self.now() + CLOCK_TOLERANCE:
            raise Refused("the declaration lies in the future")
        return self._declare(person, told, parse_declaration_id(declaration_id or uuid4().hex), by)

    @settled
    def _declare(self, person: str, told: Told, declaration_id: str, by: Provenance) -> Recorded:
        draft = Draft()
        person_id = self.people.find_or_draft(person, draft)
        existing = self.log.load(Declaration, declaration_stream(declaration_id))
        if existing is not None:
            self._refuse_another(existing, person_id, told)
            return Recorded(declaration_id, self.log.position_of(existing.id, existing.version))
        self._draft(declaration_id, person_id, told, draft)
        return Recorded(declaration_id, self.log.save(draft, by))

    def _draft(self, declaration_id: str, person: UUID, told: Told, draft: Draft) -> None:
        at, answers = self.now() if told.at is None else told.at, told.answers
        if answers.commune is not None:
            self.people.resides(person, answers.commune, draft, self.log.load(Person, person))
        raised = None
        if is_abnormal(answers):
            raised = self.escalations.draft(draft, person, "symptoms", "declaration", declaration_id, (), at, answers)
        declaration = Declaration.make(
            declaration_stream(declaration_id), declaration_id, person, told.kind, told.channel, at,
            arrived_at=told.arrived_at,
            came_from=self.people.seal_note(person, CAME_FROM, told.came_from, draft),
            commune=answers.commune,
            abnormal=raised is not None,
            answers=self.people.seal_note(person, ANSWERS, as_text(answers), draft),
            notes=self.people.seal_note(person, NOTE, told.notes, draft),
            escalation=None if raised is None else raised.id,
        )  # fmt: skip
        draft.streams.append(declaration)

    def _refuse_another(self, existing: Declaration, person: UUID, told: Told) -> None:
        at = from_datetime(existing.created_on)
        said = (
            existing.person,
            existing.kind,
            existing.channel,
            at,
            existing.arrived_at,
            opened(existing, self.people),
        )
        kept = Kept(told.came_from, as_text(told.answers), told.notes)
        if said != (person, told.kind, told.channel, at if told.at is None else told.at, told.arrived_at, kept):
            raise Conflict("that declaration_id belongs to another declaration")

    def get(self, declaration_id: str, as_of: int | None = None) -> Declaration:
        """Raises Unknown."""
        declaration = self.log.load(Declaration, declaration_stream(declaration_id), as_of)
        if declaration is None:
            raise Unknown("there is no declaration with that id")
        return declaration


class Kept(NamedTuple):
    """What stays sealed of a declaration."""

    came_from: str | None
    answers: str | None
    notes: str | None


def opened(declaration: Declaration, people: People) -> Kept:
    """What was sealed of a declaration; nothing of somebody who was forgotten, or for those who may not know it."""
    sealed = ((CAME_FROM, declaration.came_from), (ANSWERS, declaration.answers), (NOTE, declaration.notes))
    return Kept(*people.notes(Note(declaration.person, name, text) for name, text in sealed))


def declaration_stream(declaration_id: str) -> UUID:
    """The stream of a declaration follows from its id, so that the id is unique without a key of its own."""
    return UUID(bytes=unique_key("declaration", declaration_id))
