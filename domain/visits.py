"""A visit: one person at one venue, from a check-in to a check-out that may be unknown.

Every event repeats person, venue and the times that it leaves standing, so that a follower needs no earlier event.
"""

import re
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Conflict, Malformed, Refused
from domain.times import Seconds, parse_instant, to_datetime, to_text

CLOCK_TOLERANCE: Final[Seconds] = 5 * 60

_VISIT_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def parse_visit_id(text: str) -> str:
    if not _VISIT_ID.fullmatch(text):
        raise Malformed("a visit_id has 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
    return text


def check_times(check_in: Seconds, check_out: Seconds | None, now: Seconds) -> None:
    """Raises Refused for a check-out at or before its check-in, and for either in the future."""
    if check_out is not None and check_out <= check_in:
        raise Refused("the check-out is not after the check-in")
    if max(check_in, check_out or 0) > now + CLOCK_TOLERANCE:
        raise Refused(
            "the check-in lies in the future"
            if check_in > now + CLOCK_TOLERANCE
            else "the check-out lies in the future"
        )


class Visit(BaseAggregate[UUID]):
    TOPIC = "Visit"

    class Event(AggregateEvent):
        pass

    class CheckedIn(Event, AggregateCreated):
        """``check_out`` is there when it was known from the first."""

        TOPIC = "Visit.CheckedIn"
        visit_id: str
        person: str
        venue: str
        check_in: str
        check_out: str | None

    class CheckedOut(Event):
        TOPIC = "Visit.CheckedOut"
        visit_id: str
        person: str
        venue: str
        check_in: str
        check_out: str

        def apply(self, visit: "Visit") -> None:
            visit.check_out = parse_instant(self.check_out)
            visit.accepted |= {(start, visit.check_out) for start, end in visit.accepted if end is None}
            visit.accepted.add((visit.check_in, visit.check_out))

    class Corrected(Event):
        """From the old times to ``check_in`` and ``check_out``; None is an unknown check-out."""

        TOPIC = "Visit.Corrected"
        visit_id: str
        person: str
        venue: str
        old_check_in: str
        old_check_out: str | None
        check_in: str
        check_out: str | None
        reason: str | None

        def apply(self, visit: "Visit") -> None:
            visit.check_in = parse_instant(self.check_in)
            visit.check_out = parse_instant(self.check_out) if self.check_out else None
            visit.accepted.add((visit.check_in, visit.check_out))

    class Retracted(Event):
        TOPIC = "Visit.Retracted"
        visit_id: str
        person: str
        venue: str
        check_in: str
        check_out: str | None
        reason: str | None

        def apply(self, visit: "Visit") -> None:
            visit.retracted = True

    def __init__(self, visit_id: str, person: str, venue: str, check_in: str, check_out: str | None) -> None:
        self.visit_id = visit_id
        self.person = UUID(person)
        self.venue = UUID(venue)
        self.check_in = parse_instant(check_in)
        self.check_out = parse_instant(check_out) if check_out else None
        self.first_check_in = self.check_in
        self.accepted: set[tuple[Seconds, Seconds | None]] = {(self.check_in, self.check_out)}
        self.retracted = False

    @classmethod
    def begin(
        cls,
        stream: UUID,
        visit_id: str,
        person: UUID,
        venue: UUID,
        check_in: Seconds,
        check_out: Seconds | None,
        now: Seconds,
    ) -> "Visit":
        check_times(check_in, check_out, now)
        return cls._create(
            cls.CheckedIn,
            id=stream,
            timestamp=to_datetime(check_in),
            visit_id=parse_visit_id(visit_id),
            person=str(person),
            venue=str(venue),
            check_in=to_text(check_in),
            check_out=_text(check_out),
        )

    def take(self, check_in: Seconds, check_out: Seconds | None, now: Seconds) -> bool:
        """The same visit came in again: True when it supplied the missing check-out, False for a duplicate.

        Raises Conflict when it differs from everything accepted before.
        """
        if (check_in, check_out) in self.accepted:
            return False
        if check_out is None or self.check_out is not None or (check_in, None) not in self.accepted:
            raise Conflict("the visit is already recorded with other times")
        return self.end(check_out, now)

    def end(self, check_out: Seconds, now: Seconds) -> bool:
        """True when the check-out was recorded, False when this very one was known.

        Raises Conflict for another check-out than the known one, Refused for a retracted visit.
        """
        if (self.check_in, check_out) in self.accepted:
            return False
        self._refuse_when_retracted()
        if self.check_out is not None:
            raise Conflict("the visit has another check-out already; a correction changes it")
        check_times(self.check_in, check_out, now)
        self.trigger_event(
            self.CheckedOut, timestamp=to_datetime(check_out), **self._names(),
            check_in=to_text(self.check_in), check_out=to_text(check_out),
        )  # fmt: skip
        return True

    def correct(
        self, check_in: Seconds, check_out: Seconds | None, reason: str | None, happened: Seconds, now: Seconds
    ) -> bool:
        """True when the times changed; ``reason`` comes sealed."""
        if (check_in, check_out) == (self.check_in, self.check_out) and not self.retracted:
            return False
        self._refuse_when_retracted()
        check_times(check_in, check_out, now)
        self.trigger_event(
            self.Corrected, timestamp=to_datetime(happened), **self._names(),
            old_check_in=to_text(self.check_in), old_check_out=_text(self.check_out),
            check_in=to_text(check_in), check_out=_text(check_out), reason=reason,
        )  # fmt: skip
        return True

    def retract(self, reason: str | None, happened: Seconds) -> bool:
        """True when it counted until now; ``reason`` comes sealed."""
        if self.retracted:
            return False
        self.trigger_event(
            self.Retracted, timestamp=to_datetime(happened), **self._names(),
            check_in=to_text(self.check_in), check_out=_text(self.check_out), reason=reason,
        )  # fmt: skip
        return True

    def _names(self) -> dict[str, str]:
        return {"visit_id": self.visit_id, "person": str(self.person), "venue": str(self.venue)}

    def _refuse_when_retracted(self) -> None:
        if self.retracted:
            raise Refused("the visit was retracted")


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)
