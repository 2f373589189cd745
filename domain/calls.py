"""Calls: all the calling of one person, however many cases name them. docs/calls.md.

The reasons to call come from cases and declarations; while one of them stands, somebody is called until they have
answered on the last day. Diallers claim a call under a lease, and report what came of it.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.call_attempts import Attempt, Follows, Report, Told
from domain.call_list import CallState
from domain.call_reasons import Origin, Reason, Standing, standing
from domain.calling_hours import CallingHours
from domain.errors import Conflict, Refused
from domain.leases import Hold
from domain.next_calls import ANSWERED, FAILED, FOLLOWED_UP, PASSED_ON, REFUSED, Asked, next_call
from domain.times import Seconds, add_days, from_datetime, local_day, parse_instant, to_datetime, to_text

OPEN, WITHDRAWN, CASE, MISSED = "open", "withdrawn", "case", "missed"
STATUSES: Final = (OPEN, FOLLOWED_UP, *sorted(PASSED_ON), WITHDRAWN, CASE, MISSED)
"""``open``, or why nobody calls."""

EXTENSION_DAYS: Final = 7
"""So long after the last day an answer is still waited for."""

_A_DAY: Final[Seconds] = 86_400


class Call(BaseAggregate[UUID]):
    """``heard`` is the position of the last event that each origin was heard of by: what is older changes nothing."""

    TOPIC = "Call"

    class Event(AggregateEvent):
        pass

    class Requested(Event, AggregateCreated):
        """``reason`` is what the origin said in the event at position ``as_of``; ``stands`` what all say together."""

        TOPIC = "Call.Requested"
        person: str
        origin: str
        origin_id: str
        as_of: int
        reason: dict[str, Any]
        stands: dict[str, Any]
        due_at: str

    class ReasonGiven(Event):
        """A further origin, or one that says something else than before."""

        TOPIC = "Call.ReasonGiven"
        origin: str
        origin_id: str
        as_of: int
        reason: dict[str, Any]
        stands: dict[str, Any]

        def apply(self, call: "Call") -> None:
            call._hear(Origin(self.origin, self.origin_id), self.as_of, self.reason, self.stands)

    class ReasonWithdrawn(Event):
        """Others remain."""

        TOPIC = "Call.ReasonWithdrawn"
        origin: str
        origin_id: str
        as_of: int
        stands: dict[str, Any]

        def apply(self, call: "Call") -> None:
            call._hear(Origin(self.origin, self.origin_id), self.as_of, None, self.stands)

    class Withdrawn(Event):
        """The last reason was."""

        TOPIC = "Call.Withdrawn"
        origin: str
        origin_id: str
        as_of: int

        def apply(self, call: "Call") -> None:
            call._hear(Origin(self.origin, self.origin_id), self.as_of, None, None)
            call._close(WITHDRAWN)

    class BroughtForward(Event):
        """More urgent than before."""

        TOPIC = "Call.BroughtForward"
        due_at: str

        def apply(self, call: "Call") -> None:
            call.due_at = parse_instant(self.due_at)

    class Reopened(Event):
        """To be called again, as if for the first time: ``why`` is exposed, extended or no_case."""

        TOPIC = "Call.Reopened"
        due_at: str
        why: str

        def apply(self, call: "Call") -> None:
            call.status, call.due_at = OPEN, parse_instant(self.due_at)
            call.asked_at = from_datetime(self.timestamp)
            call.answered_at, call.failures = None, 0

    class Closed(Event):
        """Without an attempt: the answer that there is suffices, or none was had for too long."""

        TOPIC = "Call.Closed"
        why: str

        def apply(self, call: "Call") -> None:
            call._close(self.why)

    class BecameCase(Event):
        """Whoever is a case is not called as a contact."""

        TOPIC = "Call.BecameCase"
        case: str
        as_of: int

        def apply(self, call: "Call") -> None:
            call.own_cases.add(UUID(self.case))
            call.heard[_own(self.case)] = self.as_of
            call._close(CASE)

    class CeasedToBeCase(Event):
        """The case was withdrawn, or closed."""

        TOPIC = "Call.CeasedToBeCase"
        case: str
        as_of: int

        def apply(self, call: "Call") -> None:
            call.own_cases.discard(UUID(self.case))
            call.heard[_own(self.case)] = self.as_of

    class Claimed(Event):
        TOPIC = "Call.Claimed"
        lease: str
        by: str
        held_until: str

        def apply(self, call: "Call") -> None:
            call.hold = Hold(UUID(self.lease), self.by, parse_instant(self.held_until))

    class Returned(Event):
        """Handed back without an attempt."""

        TOPIC = "Call.Returned"
        lease: str

        def apply(self, call: "Call") -> None:
            call.hold = None

    class Attempted(Event):
        """What came of a call, and what follows: due again, or closed with a reason, or neither where it was closed.

        ``campaign``, ``level`` and ``cases`` are what they were called for, ``failures`` those since the last answer.
        """

        TOPIC = "Call.Attempted"
        attempt_id: str
        person: str
        outcome: str
        by: str
        lease: str | None
        direction: str
        call_back_at: str | None
        abnormal: bool
        symptoms: bool
        notes: str | None
        answers: str | None
        campaign: str
        level: int | None
        cases: list[str]
        failures: int
        due_at: str | None
        closed: str | None
        escalation: str | None

        def apply(self, call: "Call") -> None:
            call._count(self)

    def __init__(
        self,
        person: str,
        origin: str,
        origin_id: str,
        as_of: int,
        reason: Mapping[str, Any],
        stands: Mapping[str, Any],
        due_at: str,
    ) -> None:
        self.person = UUID(person)
        self.reasons: dict[Origin, Reason] = {}
        self.heard: dict[Origin, int] = {}
        self.own_cases: set[UUID] = set()
        self.status = OPEN
        self.due_at: Seconds | None = parse_instant(due_at)
        self.asked_at = from_datetime(self.created_on)
        self.attempts: list[Attempt] = []
        self.failures = 0
        self.answered_at: Seconds | None = None
        self.hold: Hold | None = None
        self._hear(Origin(origin, origin_id), as_of, reason, stands)

    @classmethod
    def request(cls, stream: UUID, person: UUID, reason: Reason, as_of: int, now: Seconds) -> "Call":
        """Due at once, or on arrival."""
        return cls._create(
            cls.Requested,
            id=stream,
            timestamp=to_datetime(now),
            person=str(person),
            **_origin(reason.origin, as_of),
            reason=reason.said(),
            stands=standing([reason]).said(),
            due_at=to_text(max(now, reason.exposed_at)),
        )

    # --- why somebody is called

    def give(self, reason: Reason, as_of: int, hours: CallingHours, now: Seconds) -> None:
        """What an origin says as of a position; nothing when it is known, or when something later is."""
        known = self.reasons.get(reason.origin)
        if self._has_heard(reason.origin, as_of) or known == reason:
            return
        before = self.stands if self.reasons else None
        stands = standing((self.reasons | {reason.origin: reason}).values())
        self.trigger_event(
            self.ReasonGiven, timestamp=to_datetime(now), **_origin(reason.origin, as_of),
            reason=reason.said(), stands=stands.said(),
        )  # fmt: skip
        self._reconsider(before, known is None, hours, now)

    def take_back(self, origin: Origin, as_of: int, hours: CallingHours, now: Seconds) -> None:
        """An origin is a reason no more; without any reason, nobody calls."""
        if self._has_heard(origin, as_of) or origin not in self.reasons:
            return
        before = self.stands
        others = [reason for known, reason in self.reasons.items() if known != origin]
        if not others:
            self.trigger_event(self.Withdrawn, timestamp=to_datetime(now), **_origin(origin, as_of))
            return
        self.trigger_event(
            self.ReasonWithdrawn, timestamp=to_datetime(now), **_origin(origin, as_of),
            stands=standing(others).said(),
        )  # fmt: skip
        self._reconsider(before, False, hours, now)

    def become_case(self, case: UUID, as_of: int, now: Seconds) -> None:
        if not self._has_heard(_own(str(case)), as_of) and case not in self.own_cases:
            self.trigger_event(self.BecameCase, timestamp=to_datetime(now), case=str(case), as_of=as_of)

    def cease_to_be_case(self, case: UUID, as_of: int, now: Seconds, *, never_was: bool) -> None:
        """A case that was withdrawn never was one: the contact is called again, who may have been one since."""
        if self._has_heard(_own(str(case)), as_of) or case not in self.own_cases:
            return
        self.trigger_event(self.CeasedToBeCase, timestamp=to_datetime(now), case=str(case), as_of=as_of)
        if never_was and not self.own_cases and self.reasons and not self._is_followed_up:
            self._reopen(now, "no_case", now)

    def miss(self, now: Seconds) -> bool:
        """True when an answer was waited for too long, and is waited for no more."""
        if self.status != OPEN or self.is_held(now) or not self._is_overdue(now):
            return False
        self.trigger_event(self.Closed, timestamp=to_datetime(now), why=MISSED)
        return True

    def _reconsider(self, before: Standing | None, is_new: bool, hours: CallingHours, now: Seconds) -> None:
        """What the reasons as they stand now change, after those of ``before``."""
        if self.own_cases:
            return
        is_urgent = before is None or self.stands.is_more_urgent_than(before)
        if self.status == OPEN:
            if self._is_followed_up:
                self.trigger_event(self.Closed, timestamp=to_datetime(now), why=FOLLOWED_UP)
            elif is_urgent and self.due_at is not None and self.due_at > now:
                self.trigger_event(self.BroughtForward, timestamp=to_datetime(now), due_at=to_text(now))
        elif self._is_followed_up:
            return
        elif is_urgent or is_new:
            self._reopen(now, "exposed", now)
        elif self.status in (FOLLOWED_UP, MISSED) and before is not None and self.stands.last_day > before.last_day:
            self._reopen(max(now, self._day_after_answer(hours, now)), "extended", now)

    def _reopen(self, due_at: Seconds, why: str, now: Seconds) -> None:
        self.trigger_event(self.Reopened, timestamp=to_datetime(now), due_at=to_text(due_at), why=why)

    @property
    def _is_followed_up(self) -> bool:
        return self.answered_at is not None and local_day(self.answered_at) >= self.stands.last_day

    def _is_overdue(self, now: Seconds) -> bool:
        last = max(self.stands.last_day, local_day(self.asked_at))
        return local_day(now) > add_days(last, EXTENSION_DAYS)

    def _day_after_answer(self, hours: CallingHours, now: Seconds) -> Seconds:
        return now if self.answered_at is None else hours.opening(add_days(local_day(self.answered_at), 1))

    # --- who calls

    def is_held(self, now: Seconds) -> bool:
        return self.hold is not None and now < self.hold.until

    def is_claimable(self, now: Seconds) -> bool:
        return self.due_at is not None and self.due_at <= now and not self.is_held(now)

    def claim(self, hold: Hold, now: Seconds) -> None:
        """Raises Conflict for a call that somebody holds, Refused for one that is not due."""
        if self.is_held(now):
            raise Conflict("the call is held already")
        if not self.is_claimable(now):
            raise Refused("the call is not due")
        self.trigger_event(
            self.Claimed, timestamp=to_datetime(now), lease=str(hold.lease), by=hold.by, held_until=to_text(hold.until)
        )

    def give_back(self, by: str, now: Seconds) -> bool:
        """True when it was held until now. Raises Conflict when somebody else holds it."""
        self._check_holder(by, now)
        if self.hold is None or not self.is_held(now):
            return False
        self.trigger_event(self.Returned, timestamp=to_datetime(now), lease=str(self.hold.lease))
        return True

    def _check_holder(self, by: str, now: Seconds) -> None:
        if self.hold is not None and self.is_held(now) and self.hold.by != by:
            raise Conflict("somebody else holds the call")

    # --- what came of it

    def recorded(self, report: Report, told: Told, now: Seconds) -> Attempt | None:
        """The same attempt, when it was recorded before. Raises Conflict for its id with another content.

        Without an id it is known by what, when and who; where no time was told either, it is the one that ended the
        last lease, until the next call is due.
        """
        for attempt in reversed(self.attempts):
            alike = attempt.is_like(report, told)
            if attempt.report.attempt_id == told.attempt_id and not alike:
                raise Conflict("that attempt_id belongs to another attempt")
            if alike and told.attempt_id in (None, attempt.report.attempt_id):
                return attempt if told != Told() or self._ended_the_lease(attempt, now) else None
        return None

    def _ended_the_lease(self, attempt: Attempt, now: Seconds) -> bool:
        until = attempt.report.at + _A_DAY if self.due_at is None else self.due_at
        return attempt is self.attempts[-1] and attempt.lease is not None and self.hold is None and now < until

    def follows(self, report: Report, hours: CallingHours, now: Seconds) -> Follows:
        """What follows an attempt. One that was made before another that is known already changes nothing of it.

        Raises Conflict when somebody else holds the call, Malformed and Refused for a report that makes no sense.
        """
        self._check_holder(report.by, now)
        report.check()
        goes_on = self.status == OPEN or (self.status in PASSED_ON and report.outcome in ANSWERED)
        due_at, closed = self.due_at, None
        if goes_on and not self._is_late(report):
            due_at, closed = next_call(
                Asked(
                    outcome=report.outcome,
                    at=report.at,
                    call_back_at=report.call_back_at,
                    failures=self._failures_with(report),
                    refused_before=self.failures > 0 and self.last is not None and self.last.outcome == REFUSED,
                    last_day=self.stands.last_day,
                    hours=hours,
                )
            )
        if report.is_abnormal:
            return Follows(due_at, closed, "symptoms" if report.has_symptoms else "abnormal")
        return Follows(due_at, closed, closed if closed in PASSED_ON else None)

    def attempt(self, report: Report, follows: Follows, escalation: UUID | None) -> None:
        self.trigger_event(
            self.Attempted,
            timestamp=to_datetime(report.at),
            attempt_id=report.attempt_id,
            person=str(self.person),
            outcome=report.outcome,
            by=report.by,
            lease=str(self.hold.lease) if self.hold is not None and self.hold.by == report.by else None,
            direction=report.direction,
            call_back_at=_text(report.call_back_at),
            abnormal=report.is_abnormal,
            symptoms=report.has_symptoms,
            notes=report.notes,
            answers=report.answers,
            campaign=self.stands.campaign,
            level=self.stands.level,
            cases=[str(case) for case in self.stands.cases],
            failures=self._failures_with(report),
            due_at=_text(follows.due_at),
            closed=follows.closed,
            escalation=None if escalation is None else str(escalation),
        )

    @property
    def last(self) -> Report | None:
        """The attempt that was made last, whenever it was reported."""
        newest_first = (attempt.report for attempt in reversed(self.attempts))
        return max(newest_first, key=lambda made: made.at, default=None)

    @property
    def state(self) -> CallState:
        return CallState(
            call_id=self.id,
            person_id=self.person,
            campaign=self.stands.campaign,
            level=self.stands.level,
            cases=list(self.stands.cases),
            exposed_at=self.stands.exposed_at,
            last_exposed_at=self.stands.last_exposed_at,
            certain=self.stands.certain,
            last_day=self.stands.last_day,
            incubation_ends=self.stands.incubation_ends,
            asked_at=self.asked_at,
            due_at=self.due_at,
            attempts=len(self.attempts),
            failures=self.failures,
            answered_at=self.answered_at,
            last_attempt_at=None if self.last is None else self.last.at,
            last_outcome=None if self.last is None else self.last.outcome,
            held_by=None if self.hold is None else self.hold.by,
            held_until=None if self.hold is None else self.hold.until,
            status=self.status,
        )

    def _is_late(self, report: Report) -> bool:
        return self.last is not None and report.at < self.last.at

    def _failures_with(self, report: Report) -> int:
        if self._is_late(report):
            return self.failures
        return 0 if report.outcome in ANSWERED else self.failures + (report.outcome in FAILED)

    def _count(self, event: "Call.Attempted") -> None:
        report = Report(
            event.attempt_id, event.outcome, from_datetime(event.timestamp), event.by, _seconds(event.call_back_at),
            event.symptoms, event.direction, event.notes, event.answers,
        )  # fmt: skip
        if report.outcome in ANSWERED:
            self.answered_at = max(report.at, self.answered_at or 0)
        self.attempts.append(
            Attempt(
                report=report,
                lease=_uuid(event.lease),
                due_at=_seconds(event.due_at),
                closed=event.closed,
                escalation=_uuid(event.escalation),
                version=event.originator_version,
            )
        )
        self.failures, self.hold = event.failures, None
        self.due_at = _seconds(event.due_at)
        if event.closed is not None or self.due_at is not None:
            self.status = event.closed or OPEN

    def _hear(
        self, origin: Origin, as_of: int, reason: Mapping[str, Any] | None, stands: Mapping[str, Any] | None
    ) -> None:
        self.heard[origin] = as_of
        self.reasons.pop(origin, None)
        if reason is not None:
            self.reasons[origin] = Reason.told(origin, reason)
        if stands is not None:
            self.stands = Standing.told(stands)

    def _has_heard(self, origin: Origin, as_of: int) -> bool:
        return as_of <= self.heard.get(origin, 0)

    def _close(self, why: str) -> None:
        self.status, self.due_at, self.hold = why, None, None


# --- as events say it


def _own(case: str) -> Origin:
    """What is heard of a case of the person's own; no reason to call."""
    return Origin("own case", case)


def _origin(origin: Origin, as_of: int) -> dict[str, Any]:
    return {"origin": origin.kind, "origin_id": origin.id, "as_of": as_of}


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)


def _seconds(text: str | None) -> Seconds | None:
    return None if text is None else parse_instant(text)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
