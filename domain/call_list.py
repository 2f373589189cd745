"""The call list: a call as it is listed, and how urgent it is, as a sum of points whose parts are shown.

docs/calls.md says why they are so many. A smaller level outweighs everything else together. The list is sorted in SQL
(registers/calls.py); a test holds both equal.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from domain.times import Seconds

DAY: Final[Seconds] = 86_400
LEVEL_POINTS: Final = {1: 1_200, 2: 600}
"""Of F3 and further there are none."""
RETURNEE_POINTS: Final = 300
LONGEST_WAIT: Final[Seconds] = 10 * DAY
LONGEST_INCUBATION: Final[Seconds] = 14 * DAY
MOST_COUNTED_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class CallState:
    """A call as lists show it; ``attempts`` are all there were, ``failures`` those since the last answer."""

    call_id: UUID
    person_id: UUID
    campaign: str
    level: int | None
    cases: Sequence[UUID]
    exposed_at: Seconds
    last_exposed_at: Seconds
    certain: bool
    last_day: date
    incubation_ends: Seconds
    asked_at: Seconds
    due_at: Seconds | None
    attempts: int
    failures: int
    answered_at: Seconds | None
    last_attempt_at: Seconds | None
    last_outcome: str | None
    held_by: str | None
    held_until: Seconds | None
    status: str

    @property
    def purpose(self) -> str:
        return "first_call" if self.answered_at is None else "follow_up"


class Filter(NamedTuple):
    """Which calls: of a campaign, of a level, of people who live in one of these communes; all where it is not said."""

    campaign: str | None = None
    level: int | None = None
    communes: Collection[str] | None = None


ALL: Final = Filter()


class Priority(NamedTuple):
    level: int
    waiting: int
    """Up to 200 for the time since the first exposure: who was exposed long ago may infect others by now."""
    certainty: int
    incubation: int
    """Up to 100 for what is left of the incubation: the more, the more can still be prevented."""
    attempts: int
    """Less by 20 for each failed attempt since the last answer, so that others get their turn."""

    @property
    def points(self) -> int:
        return sum(self)


def priority(call: CallState, at: Seconds) -> Priority:
    left = _clipped(call.incubation_ends - at, LONGEST_INCUBATION)
    return Priority(
        level=RETURNEE_POINTS if call.level is None else LEVEL_POINTS.get(call.level, 0),
        waiting=_clipped(at - call.exposed_at, LONGEST_WAIT) * 200 // LONGEST_WAIT,
        certainty=100 if call.certain else 0,
        incubation=left * 100 // LONGEST_INCUBATION,
        attempts=-20 * min(call.failures, MOST_COUNTED_FAILURES),
    )


class Place(NamedTuple):
    """Where a call stands in the list, which begins with the smallest."""

    points: int
    """Less than nothing for what is urgent."""
    due_at: Seconds
    call_id: UUID


def place(call: CallState, at: Seconds) -> Place:
    """Of a call that is due at that instant."""
    return Place(-priority(call, at).points, at if call.due_at is None else call.due_at, call.call_id)


def _clipped(span: Seconds, longest: Seconds) -> Seconds:
    return min(max(span, 0), longest)
