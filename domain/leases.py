"""Leases: whoever has claimed calls holds them until the lease ends, and nobody else does."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.times import Seconds, parse_instant, to_datetime, to_text


class Hold(NamedTuple):
    """Claimed by ``by`` until that time."""

    lease: UUID
    by: str
    until: Seconds


class Lease(BaseAggregate[UUID]):
    """The calls that one request has claimed, most urgent first."""

    TOPIC = "Lease"

    class Event(AggregateEvent):
        pass

    class Taken(Event, AggregateCreated):
        TOPIC = "Lease.Taken"
        by: str
        calls: list[str]
        held_until: str

    def __init__(self, by: str, calls: Sequence[str], held_until: str) -> None:
        self.by = by
        self.calls = [UUID(call) for call in calls]
        self.held_until = parse_instant(held_until)

    @classmethod
    def take(cls, calls: Sequence[UUID], hold: Hold, now: Seconds) -> "Lease":
        return cls._create(
            cls.Taken, id=hold.lease, timestamp=to_datetime(now), by=hold.by, calls=[str(call) for call in calls],
            held_until=to_text(hold.until),
        )  # fmt: skip
