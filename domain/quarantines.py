"""A quarantine: one person confined in ``[since, until)``; open while ``until`` is unknown."""

import re
from itertools import takewhile
from typing import Final, NamedTuple
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.adherence import (
    BY_HAND,
    CHECK_IN,
    DEFAULT_RADIUS,
    NOT_CONFINED,
    NOT_ELSEWHERE,
    POSITION,
    VISIT_RETRACTED,
    Adherence,
    Breach,
    Metres,
    Report,
    Spot,
    check_radius,
)
from domain.errors import Conflict, Malformed, Refused
from domain.quarantine_rules import quarantine_rules
from domain.times import Seconds, from_datetime, parse_instant, to_datetime, to_text
from domain.visits import CLOCK_TOLERANCE, Visit

_QUARANTINE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def parse_quarantine_id(text: str) -> str:
    if not _QUARANTINE_ID.fullmatch(text):
        raise Malformed("a quarantine_id has 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
    return text


HOME: Final = "home"
KINDS: Final = (HOME, "facility", "hospital")
"""Where people are confined; what was recorded before there were sites may say something else."""

EXPOSURE, CASE, DECLARATION, ORDER = "exposure", "case", "declaration", "order"
ORIGINS: Final = (EXPOSURE, CASE, DECLARATION, ORDER)
"""What a quarantine is assigned from: the exposure of a contact, a case itself, a returnee's declaration, an order."""

ORDER_NUMBER: Final = r"^[A-Za-z0-9Đđ./:_-]{1,64}$"


def parse_order(text: str) -> str:
    """The reference number of an order, like 1234/QĐ-UBND."""
    if not re.fullmatch(ORDER_NUMBER, text):
        raise Malformed("the number of an order has 1 to 64 of the characters A-Z a-z 0-9 Đ đ . / : _ -")
    return text


class Grounds(NamedTuple):
    """What a quarantine was assigned from, and what gave its length.

    ``origin_id`` is that of the case (also for an exposure) or declaration, or the number of the order; ``level`` that
    of the exposure; ``rules`` the rule set that gave the end, ``vaccination`` only where that set asks for it.
    """

    origin: str | None = None
    origin_id: str | None = None
    level: int | None = None
    rules: str | None = None
    vaccination: str | None = None

    def monitored_until(self, until: Seconds | None) -> Seconds | None:
        """When self-monitoring ends after it; None where no rules gave its length, or it is open."""
        if self.rules is None or until is None:
            return None
        return quarantine_rules(self.rules).monitored_until(until, self.level or 1, self.vaccination)


class Whereabouts(NamedTuple):
    """``site`` is the id of one. What else is said of the place may be an address: it comes sealed; ``place`` is what
    was recorded in the clear before that."""

    kind: str | None
    place: str | None
    site: UUID | None
    sealed_place: str | None = None


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
        coordinates: str | None = None
        radius_metres: Metres | None = None
        site: str | None = None
        origin: str | None = None
        origin_id: str | None = None
        level: int | None = None
        rules: str | None = None
        vaccination: str | None = None
        sealed_place: str | None = None

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

    class Moved(Event):
        """Confined elsewhere from ``happened_at`` on: all of where, as it is then; ``place`` and ``coordinates`` are
        sealed."""

        TOPIC = "Quarantine.Moved"
        quarantine_id: str
        person: str
        since: str
        kind: str
        place: str | None
        site: str | None
        coordinates: str | None
        radius_metres: Metres | None
        reason: str | None

        def apply(self, quarantine: "Quarantine") -> None:
            at = from_datetime(self.timestamp)
            there = Whereabouts(self.kind, None, _uuid(self.site), self.place)
            quarantine._settle(at, there, self.coordinates, self.radius_metres)

    class Withdrawn(Event):
        """It should never have been recorded, and confines nobody."""

        TOPIC = "Quarantine.Withdrawn"
        quarantine_id: str
        person: str
        since: str
        reason: str | None

        def apply(self, quarantine: "Quarantine") -> None:
            quarantine.withdrawn = True

    class PositionReported(Event):
        """Where the confined person said to be: ``coordinates`` are sealed, the way from where to be is not."""

        TOPIC = "Quarantine.PositionReported"
        quarantine_id: str
        person: str
        since: str
        at: str
        coordinates: str | None
        distance_metres: Metres
        accuracy_metres: Metres | None
        within: bool

        def apply(self, quarantine: "Quarantine") -> None:
            report = Report(self.distance_metres, self.within, self.originator_version)
            quarantine.adherence.reports[parse_instant(self.at)] = report

    class Breached(Event):
        """``visit_id`` and ``venue`` are the evidence of a check-in, ``distance_metres`` that of a position."""

        TOPIC = "Quarantine.Breached"
        quarantine_id: str
        person: str
        since: str
        number: int
        kind: str
        at: str
        visit_id: str | None
        venue: str | None
        distance_metres: Metres | None

        def apply(self, quarantine: "Quarantine") -> None:
            breach = Breach(self.number, parse_instant(self.at), self.visit_id)
            quarantine.adherence.breaches[self.number] = breach

    class BreachDismissed(Event):
        """It was none, after all; ``reason`` comes sealed."""

        TOPIC = "Quarantine.BreachDismissed"
        quarantine_id: str
        person: str
        since: str
        number: int
        why: str
        reason: str | None

        def apply(self, quarantine: "Quarantine") -> None:
            quarantine.adherence.breaches[self.number].dismissed = self.why

    class Completed(Event):
        """Its end came, with so many breaches that stand."""

        TOPIC = "Quarantine.Completed"
        quarantine_id: str
        person: str
        since: str
        until: str
        breaches: int

        def apply(self, quarantine: "Quarantine") -> None:
            quarantine.completed = parse_instant(self.until)

    def __init__(
        self,
        quarantine_id: str,
        person: str,
        since: str,
        until: str | None,
        kind: str | None,
        place: str | None,
        coordinates: str | None = None,
        radius_metres: Metres | None = None,
        site: str | None = None,
        origin: str | None = None,
        origin_id: str | None = None,
        level: int | None = None,
        rules: str | None = None,
        vaccination: str | None = None,
        sealed_place: str | None = None,
    ) -> None:
        self.quarantine_id = quarantine_id
        self.person = UUID(person)
        self.since = parse_instant(since)
        self.grounds = Grounds(origin, origin_id, level, rules, vaccination)
        self.moves: list[tuple[Seconds, Whereabouts]] = []
        self.accepted: set[Seconds | None] = set()
        self.withdrawn = False
        self.completed: Seconds | None = None
        self.adherence = Adherence()
        self._settle(self.since, Whereabouts(kind, place, _uuid(site), sealed_place), coordinates, radius_metres)
        self._close(until)

    @property
    def first_whereabouts(self) -> Whereabouts:
        return self.moves[0][1]

    @property
    def whereabouts(self) -> Whereabouts:
        """As they are known last."""
        return self.moves[-1][1]

    @property
    def here_since(self) -> Seconds:
        """When the person came to the site of now, or left the one before."""
        *_, (since, _) = takewhile(lambda move: move[1].site == self.site, reversed(self.moves))
        return since

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
        site: UUID | None = None,
        grounds: Grounds = Grounds(),  # noqa: B008 # a tuple, and never changed
        reason: str | None = None,
        coordinates: str | None = None,
        radius: Metres | None = None,
    ) -> "Quarantine":
        """``place``, ``reason`` and ``coordinates`` come sealed.

        Raises Refused when ``until`` is not after ``since``.
        """
        _check_order(since, until)
        check_text(kind)
        check_radius(radius)
        return cls._create(
            cls.Assigned,
            id=stream,
            timestamp=to_datetime(since),
            quarantine_id=parse_quarantine_id(quarantine_id),
            person=str(person),
            since=to_text(since),
            until=None if until is None else to_text(until),
            kind=kind,
            place=None,
            reason=reason,
            coordinates=coordinates,
            radius_metres=radius,
            site=None if site is None else str(site),
            **grounds._asdict(),
            sealed_place=place,
        )

    @property
    def is_completed(self) -> bool:
        return self.completed is not None and self.completed == self.until

    def confines_at(self, at: Seconds) -> bool:
        return not self.withdrawn and self.since <= at and (self.until is None or at < self.until)

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

    def move(
        self,
        kind: str,
        at: Seconds,
        *,
        place: str | None = None,
        site: UUID | None = None,
        reason: str | None = None,
        coordinates: str | None = None,
        radius: Metres | None = None,
    ) -> None:
        """Elsewhere than before: whether it is says who can open ``known_at``. ``place``, ``reason`` and
        ``coordinates`` come sealed.

        Raises Refused for an instant outside the quarantine, or before it was moved last.
        """
        self._refuse_when_withdrawn()
        if kind not in KINDS:
            raise Malformed(f"people are moved to one of {', '.join(KINDS)}")
        check_radius(radius)
        if not self.confines_at(at):
            raise Refused("the move is of a time outside the quarantine")
        if at < self.moves[-1][0]:
            raise Refused("the quarantine was moved at a later time already")
        self.trigger_event(
            self.Moved, timestamp=to_datetime(at), **self._names(), kind=kind, place=place,
            site=None if site is None else str(site), coordinates=coordinates, radius_metres=radius, reason=reason,
        )  # fmt: skip

    def known_at(self, at: Seconds) -> list[tuple[Whereabouts, Spot]]:
        """Where they are now, and after it where they were moved to at that instant."""
        known = [(there, spot) for (_, there), spot in zip(self.moves, self.adherence.spots, strict=True)]
        return [known[-1], *(move for move in known if move[1].since == at)]

    def withdraw(self, reason: str | None, happened: Seconds) -> bool:
        """True when it stood until now; ``reason`` comes sealed."""
        if self.withdrawn:
            return False
        self.trigger_event(self.Withdrawn, timestamp=to_datetime(happened), **self._names(), reason=reason)
        return True

    def report(
        self, at: Seconds, coordinates: str | None, distance: Metres, accuracy: Metres | None, now: Seconds
    ) -> bool:
        """True for a position that was not reported yet, so far from the spot; ``coordinates`` come sealed.

        Raises Conflict for another position at the same instant, Refused for an instant outside the quarantine.
        """
        known = self.adherence.reports.get(at)
        if known is not None and known.distance != distance:
            raise Conflict("another position was reported for that instant")
        if known is not None:
            return False
        self._refuse_when_withdrawn()
        if not self.confines_at(at):
            raise Refused("the position is of a time outside the quarantine")
        if at > now + CLOCK_TOLERANCE:
            raise Refused("the position is of a time in the future")
        within = self.adherence.spot_at(at).is_near(distance, accuracy)
        self.trigger_event(
            self.PositionReported, timestamp=to_datetime(at), **self._names(), at=to_text(at),
            coordinates=coordinates, distance_metres=distance, accuracy_metres=accuracy, within=within,
        )  # fmt: skip
        if not within and not self.adherence.is_known_absence(at):
            self._breach(POSITION, at, distance=distance)
        return True

    def follow(self, visit: Visit, happened: Seconds, *, elsewhere: bool) -> None:
        """What a visit of this person shows, as it is known now.

        A breach that stands is not told again, one that was dismissed by hand never.
        """
        known, why_none = self.adherence.shown_by(visit.visit_id), self._why_none(visit, elsewhere)
        if why_none is None and (known is None or known.dismissed not in (None, BY_HAND)):
            self._breach(CHECK_IN, visit.check_in, visit_id=visit.visit_id, venue=str(visit.venue))
        elif why_none is not None and known is not None and known.stands:
            self._dismiss(known, why_none, None, happened)

    def _why_none(self, visit: Visit, elsewhere: bool) -> str | None:
        if visit.retracted:
            return VISIT_RETRACTED
        if not self.confines_at(visit.check_in):
            return NOT_CONFINED
        return None if elsewhere else NOT_ELSEWHERE

    def drop_unconfined(self, happened: Seconds) -> None:
        """Breaches at instants that are no longer within the quarantine are none."""
        for breach in self.adherence.standing:
            if not self.confines_at(breach.at):
                self._dismiss(breach, NOT_CONFINED, None, happened)

    def dismiss(self, number: int, reason: str | None, happened: Seconds) -> bool:
        """True when the breach stood until now; ``reason`` comes sealed."""
        breach = self.adherence.breaches[number]
        if not breach.stands:
            return False
        self._dismiss(breach, BY_HAND, reason, happened)
        return True

    def complete(self, now: Seconds) -> bool:
        """True when the end has come, and that was not noted yet."""
        if self.withdrawn or self.is_completed or self.until is None or now < self.until:
            return False
        self.trigger_event(
            self.Completed, timestamp=to_datetime(self.until), **self._names(), until=to_text(self.until),
            breaches=len(self.adherence.standing),
        )  # fmt: skip
        return True

    def _breach(
        self, kind: str, at: Seconds, *, visit_id: str | None = None, venue: str | None = None,
        distance: Metres | None = None,
    ) -> None:  # fmt: skip
        self.trigger_event(
            self.Breached, timestamp=to_datetime(at), **self._names(), number=len(self.adherence.breaches) + 1,
            kind=kind, at=to_text(at), visit_id=visit_id, venue=venue, distance_metres=distance,
        )  # fmt: skip

    def _dismiss(self, breach: Breach, why: str, reason: str | None, happened: Seconds) -> None:
        self.trigger_event(
            self.BreachDismissed, timestamp=to_datetime(happened), **self._names(), number=breach.number, why=why,
            reason=reason,
        )  # fmt: skip

    def _refuse_when_withdrawn(self) -> None:
        if self.withdrawn:
            raise Refused("the quarantine was withdrawn")

    def _names(self) -> dict[str, str]:
        return {"quarantine_id": self.quarantine_id, "person": str(self.person), "since": to_text(self.since)}

    def _settle(self, at: Seconds, there: Whereabouts, coordinates: str | None, radius: Metres | None) -> None:
        self.moves.append((at, there))
        self.kind, self.site = there.kind, there.site
        self.adherence.spots.append(Spot(at, self.site, coordinates, radius or DEFAULT_RADIUS))

    def _close(self, until: str | None) -> None:
        self.until = None if until is None else parse_instant(until)
        self.accepted.add(self.until)


def _check_order(since: Seconds, until: Seconds | None) -> None:
    if until is not None and until <= since:
        raise Refused("a quarantine ends after it begins")


def check_text(text: str | None) -> None:
    """Raises Refused."""
    if text is not None and not (0 < len(text) <= 200 and text.isprintable()):
        raise Refused("the kind and place of a quarantine have 1 to 200 printable characters")


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
