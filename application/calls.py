"""Calls: claimed by diallers, attempted, handed back; the list of those that are due."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, NamedTuple, Protocol
from uuid import UUID, uuid4

from application.escalations import ANSWERS, NOTE, Escalations
from application.log import Draft, Log, Recorded, settled, unique_key
from application.people import Note, People
from application.provenance import LOCAL, Provenance
from domain.call_attempts import Attempt, Report, Told
from domain.call_list import ALL, CallState, Filter, place
from domain.calling_hours import CallingHours
from domain.calls import Call
from domain.errors import Conflict, Refused, Unknown
from domain.leases import Hold, Lease
from domain.people import Person
from domain.times import Seconds, from_datetime
from domain.triage import Answers, as_text, is_abnormal
from domain.visits import CLOCK_TOLERANCE

_AT_ONCE: Final = 2_000
"""Streams that are loaded together."""


class CallList(Protocol):
    """The register of calls: it may be a moment behind."""

    def claimable(self, at: Seconds, limit: int, only: Filter = ALL, *, but: Collection[UUID] = ()) -> Sequence[UUID]:
        """The ids of due calls that nobody seems to hold, most urgent first."""

    def claiming_alone(self) -> AbstractContextManager[None]:
        """Nobody else claims within, in whichever process."""

    def overdue(self, today: date, limit: int) -> Sequence[UUID]:
        """The ids of open calls whose answer is waited for no more."""

    def requested(self, until: int) -> Sequence[UUID]:
        """The ids of all calls that had been requested by a position."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a dialler says of an attempt: now, by an id of ours, where that is left out."""

    outcome: str
    at: Seconds | None = None
    notes: str | None = None
    answers: Answers | None = None
    call_back_at: Seconds | None = None
    attempt_id: str | None = None
    direction: str = "outbound"


class Kept(NamedTuple):
    """What stays sealed of an attempt."""

    notes: str | None
    answers: str | None


class Calls:
    def __init__(
        self,
        log: Log,
        people: People,
        escalations: Escalations,
        calls: CallList,
        hours: CallingHours,
        now: Callable[[], Seconds],
    ) -> None:
        self.log = log
        self.people = people
        self.escalations = escalations
        self.calls = calls
        self.hours = hours
        self.now = now

    def get(self, call_id: UUID, as_of: int | None = None) -> Call:
        """Raises Unknown."""
        call = self.log.load(Call, call_id, as_of)
        if call is None:
            raise Unknown("there is no call with that id")
        return call

    def due_as_of(self, position: int, at: Seconds, only: Filter = ALL) -> list[CallState]:
        """What was due at an instant as known at a position, most urgent first."""
        requested = self.calls.requested(position)
        due = [
            call
            for first in range(0, len(requested), _AT_ONCE)
            for call in self._known(requested[first : first + _AT_ONCE], position, only)
            if call.due_at is not None and call.due_at <= at
        ]
        return sorted(due, key=lambda call: place(call, at))

    def _known(self, streams: Sequence[UUID], position: int, only: Filter) -> list[CallState]:
        calls = [call.state for call in self.log.load_many(Call, streams, position).values()]
        alike = [
            call
            for call in calls
            if only.campaign in (None, call.campaign) and only.level in (None, call.level)
        ]  # fmt: skip
        if only.communes is None:
            return alike
        people = self.log.load_many(Person, {call.person_id for call in alike}, position)
        return [call for call in alike if people[call.person_id].commune in only.communes]

    def claim(self, limit: int, seconds: Seconds, only: Filter = ALL, by: Provenance = LOCAL) -> Recorded:
        """Hold the most urgent calls that nobody holds, for so many seconds; the id of the lease."""
        return self._claim(uuid4(), limit, seconds, only, by)

    @settled
    def _claim(self, lease: UUID, limit: int, seconds: Seconds, only: Filter, by: Provenance) -> Recorded:
        with self.calls.claiming_alone():
            now = self.now()
            claimed = self._claimable(limit, now, only)
            if not claimed:
                return Recorded(lease, self.log.head())
            hold = Hold(lease, by.actor, now + seconds)
            for call in claimed:
                call.claim(hold, now)
            taken = Lease.take([call.id for call in claimed], hold, now)
            return Recorded(lease, self.log.save(Draft([*claimed, taken]), by))

    def _claimable(self, limit: int, now: Seconds, only: Filter) -> list[Call]:
        """The register proposes, the streams decide."""
        found: list[Call] = []
        seen: list[UUID] = []
        while len(found) < limit and (proposed := self.calls.claimable(now, limit - len(found), only, but=seen)):
            calls = self.log.load_many(Call, proposed)
            found += [calls[call] for call in proposed if call in calls and calls[call].is_claimable(now)]
            seen += proposed
        return found

    def claimed(self, lease: UUID, position: int) -> tuple[list[CallState], Seconds]:
        """What that lease has claimed, as of its position, most urgent first, and when."""
        taken = self.log.load(Lease, lease, position)
        if taken is None:
            return [], self.now()
        calls = self.log.load_many(Call, taken.calls, position)
        return [calls[call].state for call in taken.calls], from_datetime(taken.created_on)

    @settled
    def give_back(self, call_id: UUID, by: Provenance = LOCAL) -> Recorded:
        """Hold a call no more. Raises Conflict when somebody else holds it."""
        call = self.get(call_id)
        if not call.give_back(by.actor, self.now()):
            return Recorded(call_id, self.log.position_of(call_id, call.version))
        return Recorded(call_id, self.log.save(Draft([call]), by))

    def attempt(self, call_id: UUID, said: Said, by: Provenance = LOCAL) -> Recorded:
        """Record what came of a call, or find it; the call as of the answered position ends with that attempt.

        Raises Conflict when somebody else holds the call, Malformed and Refused for what makes no sense.
        """
        return self._attempt(call_id, said, uuid4().hex, by)

    @settled
    def _attempt(self, call_id: UUID, said: Said, fresh_id: str, by: Provenance) -> Recorded:
        call, draft = self.get(call_id), Draft()
        recorded = self.draft(call, said, fresh_id, draft, by)
        if recorded is not None:
            return Recorded(call_id, self.log.position_of(call_id, recorded.version))
        return Recorded(call_id, self.log.save(draft, by))

    def draft(self, call: Call, said: Said, fresh_id: str, draft: Draft, by: Provenance) -> Attempt | None:
        """Add an attempt and what follows to ``draft``; one that was recorded before is given back instead.

        Raises as ``attempt`` does.
        """
        now = self.now()
        if said.answers is not None:
            self.people.check_commune(said.answers.commune)
        if said.at is not None and said.at > now + CLOCK_TOLERANCE:
            raise Refused("the attempt lies in the future")
        report = Report(
            attempt_id=said.attempt_id or fresh_id,
            outcome=said.outcome,
            at=now if said.at is None else said.at,
            by=by.actor,
            call_back_at=said.call_back_at,
            has_symptoms=said.answers is not None and is_abnormal(said.answers),
            direction=said.direction,
        )
        recorded = call.recorded(report, Told(said.attempt_id, said.at), now)
        if recorded is not None:
            self._refuse_another(call, recorded, said)
            return recorded
        self._draft(call, self._sealed(call, report, said, draft), said.answers, draft, now)
        return None

    def _draft(self, call: Call, report: Report, answers: Answers | None, draft: Draft, now: Seconds) -> None:
        follows, raised = call.follows(report, self.hours, now), None
        if answers is not None and answers.commune is not None:
            self.people.resides(call.person, answers.commune, draft, self.log.load(Person, call.person))
        if follows.passed_on is not None:
            raised = self.escalations.draft(
                draft, call.person, follows.passed_on, "call", str(call.id), call.stands.cases, report.at, answers
            ).id
        call.attempt(report, follows, raised)
        draft.streams.append(call)

    def _sealed(self, call: Call, report: Report, said: Said, draft: Draft) -> Report:
        answers = None if said.answers is None else as_text(said.answers)
        return replace(
            report,
            notes=self.people.seal_note(call.person, NOTE, said.notes, draft),
            answers=self.people.seal_note(call.person, ANSWERS, answers, draft),
        )

    def _refuse_another(self, call: Call, recorded: Attempt, said: Said) -> None:
        (kept,) = opened(call, [recorded], self.people)
        if kept != (said.notes, None if said.answers is None else as_text(said.answers)):
            raise Conflict("that attempt was recorded with other notes or answers")


def opened(call: Call, attempts: Sequence[Attempt], people: People) -> list[Kept]:
    """What was sealed of attempts; nothing of somebody who was forgotten, or for those who may not know it."""
    notes = people.notes(Note(call.person, NOTE, attempt.report.notes) for attempt in attempts)
    answers = people.notes(Note(call.person, ANSWERS, attempt.report.answers) for attempt in attempts)
    return [Kept(*kept) for kept in zip(notes, answers, strict=True)]


def call_stream(person: UUID) -> UUID:
    """The calling of a person has one stream, so that nobody is called twice."""
    return UUID(bytes=unique_key("call", person.hex))
