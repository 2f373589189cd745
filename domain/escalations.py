"""An escalation: somebody whom the CDC must look at, and why; it waits until an epidemiologist acknowledges it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.times import Seconds, to_datetime

ORIGINS: Final = ("call", "declaration")


class Escalation(BaseAggregate[UUID]):
    TOPIC = "Escalation"

    class Event(AggregateEvent):
        pass

    class Raised(Event, AggregateCreated):
        """``origin_id`` is the call's or the declaration's; ``answers`` come sealed with the person's key."""

        TOPIC = "Escalation.Raised"
        person: str
        reason: str
        origin: str
        origin_id: str
        cases: list[str]
        answers: str | None

    class Acknowledged(Event):
        """Somebody at the CDC has taken it; ``note`` comes sealed."""

        TOPIC = "Escalation.Acknowledged"
        person: str
        note: str | None

        def apply(self, escalation: "Escalation") -> None:
            escalation.acknowledged = True
            escalation.note = self.note

    def __init__(
        self, person: str, reason: str, origin: str, origin_id: str, cases: Sequence[str], answers: str | None
    ) -> None:
        self.person = UUID(person)
        self.reason = reason
        self.origin = origin
        self.origin_id = origin_id
        self.cases = tuple(map(UUID, cases))
        self.answers = answers
        self.acknowledged = False
        self.note: str | None = None

    @classmethod
    def escalate(
        cls,
        escalation_id: UUID,
        person: UUID,
        reason: str,
        origin: str,
        origin_id: str,
        cases: Sequence[UUID],
        answers: str | None,
        at: Seconds,
    ) -> "Escalation":
        return cls._create(
            cls.Raised,
            id=escalation_id,
            timestamp=to_datetime(at),
            person=str(person),
            reason=reason,
            origin=origin,
            origin_id=origin_id,
            cases=[str(case) for case in cases],
            answers=answers,
        )

    def acknowledge(self, note: str | None, at: Seconds) -> bool:
        """True when nobody had before."""
        if self.acknowledged:
            return False
        self.trigger_event(self.Acknowledged, timestamp=to_datetime(at), person=str(self.person), note=note)
        return True
