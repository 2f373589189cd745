"""A quarantine: one person confined in ``[since, until)``; open while ``until`` is unknown."""

import re
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Conflict, Malformed, Refused
from domain.times import Seconds, parse_instant, to_datetime, to_text

_QUARANTINE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def parse_quarantine_id(text: str) -> str:
    if not _QUARANTINE_ID.fullmatch(text):
        raise Malformed("a quarantine_id has 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
    return text


class Quarantine(BaseAggregate[UUID]):
    TOPIC = "Quarantine"

    class Event(AggregateEvent):
        pass

    class Assigned(Event, AggregateCreated):
        TOPIC = "Quarantine.Assigned"
        quarantine_id: str
        person: str
        since: str
        until: str | None
        kind: str | None
        place: str | None
        reason: str | None

    class Extended(Event):
        """``until`` moved, later or earlier, or became open."""

        TOPIC = "Quarantine.Extended"
        quarantine_id: str
        person: str
        since: str
        until: str | None

        def apply(self, quarantine: "Quarantine") -> None:
            quarantine._close(self.until)

    class Released(Event):
        TOPIC = "Quarantine.Released"
        quarantine_id: str
        person: str
        since: str
        until: str
        reason: str | None

        def apply(self, quarantine: "Quarantine") -> None:
            quarantine._close(self.until)

    class Withdrawn(Event):
        """It should never have been recorded, and confines nobody."""

        TOPIC = "Quarantine.Withdrawn"
        quarantine_id: str
        person: str
        since: str
        reason: str | None

        def apply(self, quarantine: "Quarantine") -> None:
            quarantine.withdrawn = True

    def __init__(
        self,
        quarantine_id: str,
        person: str,
        since: str,
        until: str | None,
        kind: str | None,
        place: str | None,
    ) -> None:
        self.quarantine_id = quarantine_id
        self.person = UUID(person)
        self.since = parse_instant(since)
        self.kind = kind
        self.place = place
        self.accepted: set[Seconds | None] = set()
        self.withdrawn = False
        self._close(until)

    @classmethod
    def assign(
        cls,
        stream: UUID,
        quarantine_id: str,
        person: UUID,
        since: Seconds,
        until: Seconds | None,
        *,
        kind: str | None = None,
        place: str | None = None,
        reason: str | None = None,
    ) -> "Quarantine":
        """``reason`` comes sealed. Raises Refused when ``until`` is not after ``since``."""
        _check_order(since, until)
        for text in (kind, place):
            _check_text(text)
        return cls._create(
            cls.Assigned,
            id=stream,
            timestamp=to_datetime(since),
            quarantine_id=parse_quarantine_id(quarantine_id),
            person=str(person),
            since=to_text(since),
            until=None if until is None else to_text(until),
            kind=kind,
            place=place,
            reason=reason,
        )

    def take(self, until: Seconds | None, happened: Seconds) -> bool:
        """The same quarantine came in again: True when it supplied the missing end, False for a duplicate."""
        if until in self.accepted:
            return False
        if self.until is not None:
            raise Conflict("the quarantine is already recorded with another end; extend or release it")
        return self.extend(until, happened)

    def extend(self, until: Seconds | None, happened: Seconds) -> bool:
        if until == self.until:
            return False
        self._refuse_when_withdrawn()
        _check_order(self.since, until)
        self.trigger_event(
            self.Extended, timestamp=to_datetime(happened), **self._names(),
            until=None if until is None else to_text(until),
        )  # fmt: skip
        return True

    def release(self, at: Seconds, reason: str | None) -> bool:
        if at == self.until:
            return False
        self._refuse_when_withdrawn()
        _check_order(self.since, at)
        self.trigger_event(
            self.Released, timestamp=to_datetime(at), **self._names(), until=to_text(at), reason=reason
        )  # fmt: skip
        return True

    def withdraw(self, reason: str | None, happened: Seconds) -> bool:
        """True when it stood until now; ``reason`` comes sealed."""
        if self.withdrawn:
            return False
        self.trigger_event(self.Withdrawn, timestamp=to_datetime(happened), **self._names(), reason=reason)
        return True

    def _refuse_when_withdrawn(self) -> None:
        if self.withdrawn:
            raise Refused("the quarantine was withdrawn")

    def _names(self) -> dict[str, str]:
        return {"quarantine_id": self.quarantine_id, "person": str(self.person), "since": to_text(self.since)}

    def _close(self, until: str | None) -> None:
        self.until = None if until is None else parse_instant(until)
        self.accepted.add(self.until)


def _check_order(since: Seconds, until: Seconds | None) -> None:
    if until is not None and until <= since:
        raise Refused("a quarantine ends after it begins")


def _check_text(text: str | None) -> None:
    if text is not None and not (0 < len(text) <= 200 and text.isprintable()):
        raise Refused("the kind and place of a quarantine have 1 to 200 printable characters")
