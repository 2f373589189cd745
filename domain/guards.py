"""A guard: one authorisation of one person's phone at one venue, with the access key that goes with it."""

from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Refused
from domain.times import Seconds, parse_instant, to_datetime, to_text


class Guard(BaseAggregate[UUID]):
    """Holds in ``[since, until)``, without an end while ``until`` is None, unless it is revoked."""

    TOPIC = "Guard"

    class Event(AggregateEvent):
        pass

    class Authorised(Event, AggregateCreated):
        """``key`` is the id of the access key; ``phone`` is the number that was named, sealed with the person's key."""

        TOPIC = "Guard.Authorised"
        venue: str
        person: str
        phone: str | None
        key: str
        since: str
        until: str | None

    class Revoked(Event):
        TOPIC = "Guard.Revoked"

        def apply(self, guard: "Guard") -> None:
            guard.revoked = True

    def __init__(self, venue: str, person: str, phone: str | None, key: str, since: str, until: str | None) -> None:
        self.venue = UUID(venue)
        self.person = UUID(person)
        self.phone = phone
        self.key = UUID(key)
        self.since = parse_instant(since)
        self.until = None if until is None else parse_instant(until)
        self.revoked = False

    @classmethod
    def authorise(
        cls,
        guard_id: UUID,
        venue: UUID,
        person: UUID,
        phone: str | None,
        key: UUID,
        since: Seconds,
        until: Seconds | None,
        at: Seconds,
    ) -> "Guard":
        """``phone`` comes sealed. Raises Refused for an end that is not after the beginning, or not ahead."""
        if until is not None and until <= since:
            raise Refused("the authorisation of a guard ends after it begins")
        if until is not None and until <= at:
            raise Refused("the authorisation of a guard ends in the future")
        return cls._create(
            cls.Authorised,
            id=guard_id,
            timestamp=to_datetime(at),
            venue=str(venue),
            person=str(person),
            phone=phone,
            key=str(key),
            since=to_text(since),
            until=None if until is None else to_text(until),
        )

    def revoke(self, at: Seconds) -> bool:
        """True when it was not revoked before."""
        if self.revoked:
            return False
        self.trigger_event(self.Revoked, timestamp=to_datetime(at))
        return True
