"""Escalations: what calls and declarations pass on to the CDC, and who took it."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID, uuid4

from application.log import Draft, Log, Recorded, settled
from application.people import Note, People
from application.provenance import LOCAL, Provenance
from domain.errors import Conflict, Unknown
from domain.escalations import Escalation
from domain.times import Seconds
from domain.triage import Answers, as_text

ANSWERS: Final = "answers"
"""The sealed field of the answers that somebody gave, whichever event they stand in."""

NOTE: Final = "note"
"""The sealed field of a remark about a person."""


class Escalations:
    def __init__(self, log: Log, people: People, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.now = now

    def draft(
        self,
        draft: Draft,
        person: UUID,
        reason: str,
        origin: str,
        origin_id: str,
        cases: Sequence[UUID],
        at: Seconds,
        answers: Answers | None = None,
    ) -> Escalation:
        """Add an escalation to what leads to it, so that both are recorded or neither."""
        sealed = self.people.seal_note(person, ANSWERS, None if answers is None else as_text(answers), draft)
        escalation = Escalation.escalate(uuid4(), person, reason, origin, origin_id, cases, sealed, at)
        draft.streams.append(escalation)
        return escalation

    @settled
    def acknowledge(self, escalation_id: UUID, note: str | None = None, by: Provenance = LOCAL) -> Recorded:
        """The same again is found. Raises Unknown, and Conflict where it was acknowledged with another note."""
        escalation = self.get(escalation_id)
        if escalation.acknowledged and note not in (None, self._note(escalation)):
            raise Conflict("the escalation was acknowledged already, with another note")
        escalation.acknowledge(self.people.seal_note(escalation.person, NOTE, note, Draft()), self.now())
        if not escalation.pending_events:
            return Recorded(escalation_id, self.log.position_of(escalation_id, escalation.version))
        return Recorded(escalation_id, self.log.save(Draft([escalation]), by))

    def get(self, escalation_id: UUID, as_of: int | None = None) -> Escalation:
        """Raises Unknown."""
        escalation = self.log.load(Escalation, escalation_id, as_of)
        if escalation is None:
            raise Unknown("there is no escalation with that id")
        return escalation

    def _note(self, escalation: Escalation) -> str | None:
        return self.people.notes([Note(escalation.person, NOTE, escalation.note)])[0]
