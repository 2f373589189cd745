"""A visit: one person at one venue, from a check-in to a check-out that may be unknown.

Every event repeats person, venue and the times that it leaves standing, so that a follower needs no earlier event.
"""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Conflict, HasLeft, Malformed, Refused
from domain.times import Seconds, parse_instant, to_datetime, to_text

CLOCK_TOLERANCE: Final[Seconds] = 5 * 60
LARGEST_CLOCK_ERROR: Final[Seconds] = 366 * 24 * 3600

ASSURANCES: Final = ("none", "phone", "one_time_code", "document")
"""How sure it is who came: as they said, by a phone that was seen, by a code sent to it, by a document."""

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


@dataclass(frozen=True, slots=True)
class Scan:
    """How a check-in was taken down.

    ``clock_error_seconds`` is what the scanning device's clock was ahead of true time, as estimated: the check-in is
    the device's time less this. ``device`` is a keyed hash of the device's id.
    """

    assurance: str | None = None
    clock_error_seconds: Seconds | None = None
    device: str | None = None


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
        assurance: str | None = None
        clock_error_seconds: Seconds | None = None
        device: str | None = None

    class CheckedOut(Event):
        TOPIC = "Visit.CheckedOut"
        visit_id: str
        person: str
        venue: str
        check_in: str
        check_out: str
        clock_error_seconds: Seconds | None = None

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

    def __init__(
        self,
        visit_id: str,
        person: str,
        venue: str,
        check_in: str,
        check_out: str | None,
        assurance: str | None,
        clock_error_seconds: Seconds | None,
        device: str | None,
    ) -> None:
        self.visit_id = visit_id
        self.person = UUID(person)
        self.venue = UUID(venue)
        self.check_in = parse_instant(check_in)
        self.check_out = parse_instant(check_out) if check_out else None
        self.first_check_in = self.check_in
        self.scan = Scan(assurance, clock_error_seconds, device)
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
        scan: Scan = Scan(),
    ) -> "Visit":
        check_times(check_in, check_out, now)
        _check_scan(scan)
        return cls._create(
            cls.CheckedIn,
            id=stream,
            timestamp=to_datetime(check_in),
            visit_id=parse_visit_id(visit_id),
            person=str(person),
            venue=str(venue),
            check_in=to_text(check_in),
            check_out=_text(check_out),
            assurance=scan.assurance,
            clock_error_seconds=scan.clock_error_seconds,
            device=scan.device,
        )

    @property
    def device_check_in(self) -> Seconds | None:
        """The first check-in as the scanning device's clock showed it; None where nothing is known of the clock."""
        error = self.scan.clock_error_seconds
        return None if error is None else self.first_check_in + error

    def take(self, check_in: Seconds, check_out: Seconds | None, now: Seconds) -> bool:
        """The same visit came in again: True when it supplied the missing check-out, False for a duplicate.

        Raises Conflict when it differs from everything accepted before.
        """
        if (check_in, check_out) in self.accepted:
            return False
        if check_out is None or self.check_out is not None or (check_in, None) not in self.accepted:
            raise Conflict("the visit is already recorded with other times")
        return self.end(check_out, now)

    def end(self, check_out: Seconds, now: Seconds, clock_error_seconds: Seconds | None = None) -> bool:
        """True when the check-out was recorded, False when this very one was known.

        Raises HasLeft for another check-out than the known one, Refused for a retracted visit.
        """
        if (self.check_in, check_out) in self.accepted:
            return False
        self._refuse_when_retracted()
        if self.check_out is not None:
            raise HasLeft("the visit has another check-out already; a correction changes it")
        check_times(self.check_in, check_out, now)
        self.trigger_event(
            self.CheckedOut, timestamp=to_datetime(check_out), **self._names(),
            check_in=to_text(self.check_in), check_out=to_text(check_out), clock_error_seconds=clock_error_seconds,
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


def check_clock_error(seconds: Seconds | None) -> None:
    if seconds is not None and abs(seconds) > LARGEST_CLOCK_ERROR:
        raise Refused("a clock that is wrong by more than a year tells no time")


def _check_scan(scan: Scan) -> None:
    if scan.assurance not in (None, *ASSURANCES):
        raise Malformed(f"the assurance of an identity is one of {', '.join(ASSURANCES)}")
    check_clock_error(scan.clock_error_seconds)


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)
