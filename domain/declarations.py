"""A declaration: what a person says of themselves - on returning from elsewhere, or of their health."""

import re
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Malformed
from domain.times import Seconds, parse_instant, to_datetime, to_text

KINDS: Final = ("returnee", "health")
CHANNELS: Final = ("phone", "app", "web", "paper", "border")

_DECLARATION_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def parse_declaration_id(text: str) -> str:
    """Raises Malformed."""
    if not _DECLARATION_ID.fullmatch(text):
        raise Malformed("a declaration_id has 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
    return text


class Declaration(BaseAggregate[UUID]):
    """Stands as it was made: somebody who has more to say makes another."""

    TOPIC = "Declaration"

    class Event(AggregateEvent):
        pass

    class Made(Event, AggregateCreated):
        """``answers``, ``came_from`` and ``notes`` come sealed; ``commune`` is that of residence, where it was said.

        ``escalation`` is the id of the one that was raised with it, when the answers are abnormal.
        """

        TOPIC = "Declaration.Made"
        declaration_id: str
        person: str
        kind: str
        channel: str
        arrived_at: str | None
        came_from: str | None
        commune: str | None
        abnormal: bool
        answers: str | None
        notes: str | None
        escalation: str | None

    def __init__(
        self,
        declaration_id: str,
        person: str,
        kind: str,
        channel: str,
        arrived_at: str | None,
        came_from: str | None,
        commune: str | None,
        abnormal: bool,
        answers: str | None,
        notes: str | None,
        escalation: str | None,
    ) -> None:
        self.declaration_id = declaration_id
        self.person = UUID(person)
        self.kind = kind
        self.channel = channel
        self.arrived_at = None if arrived_at is None else parse_instant(arrived_at)
        self.came_from = came_from
        self.commune = commune
        self.abnormal = abnormal
        self.answers = answers
        self.notes = notes
        self.escalation = None if escalation is None else UUID(escalation)

    @classmethod
    def make(
        cls,
        stream: UUID,
        declaration_id: str,
        person: UUID,
        kind: str,
        channel: str,
        at: Seconds,
        *,
        arrived_at: Seconds | None = None,
        came_from: str | None = None,
        commune: str | None = None,
        abnormal: bool = False,
        answers: str | None = None,
        notes: str | None = None,
        escalation: UUID | None = None,
    ) -> "Declaration":
        """Raises Malformed for a kind or channel that is none."""
        if kind not in KINDS:
            raise Malformed(f"a declaration is one of {', '.join(KINDS)}")
        if channel not in CHANNELS:
            raise Malformed(f"a declaration comes by {', '.join(CHANNELS)}")
        return cls._create(
            cls.Made,
            id=stream,
            timestamp=to_datetime(at),
            declaration_id=parse_declaration_id(declaration_id),
            person=str(person),
            kind=kind,
            channel=channel,
            arrived_at=None if arrived_at is None else to_text(arrived_at),
            came_from=came_from,
            commune=commune,
            abnormal=abnormal,
            answers=answers,
            notes=notes,
            escalation=None if escalation is None else str(escalation),
        )
