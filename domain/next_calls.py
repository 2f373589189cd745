"""What follows an attempt to call somebody: when to call again, or why no more. docs/calls.md.

The steps are asked in their order; the first that has something to say decides.
"""

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from domain.calling_hours import CallingHours
from domain.times import Seconds, add_days, local_day

OUTCOMES: Final = ("reached", "no_answer", "busy", "wrong_number", "refused", "language", "call_back", "abnormal")
ANSWERED: Final = frozenset({"reached", "abnormal"})
"""Outcomes of which somebody has answered the questions."""
FAILED: Final = frozenset({"no_answer", "busy", "wrong_number", "refused", "language"})

FOLLOWED_UP, UNREACHABLE, WRONG_NUMBER, REFUSED = "followed_up", "unreachable", "wrong_number", "refused"
"""Why nobody calls any more."""
PASSED_ON: Final = frozenset({UNREACHABLE, WRONG_NUMBER, REFUSED})
"""Calling alone has come to its end: the CDC is told."""

MOST_FAILURES: Final = 6
"""Failed attempts since the last answer, after which somebody is unreachable."""

FIRST_PAUSE: Final[dict[str, Seconds]] = {"busy": 600, "no_answer": 1_800, "language": 3_600, "call_back": 3_600}
"""Each further failed attempt doubles it."""


class Asked(NamedTuple):
    """What is known when an attempt has been made; ``failures`` since the last answer, this attempt included."""

    outcome: str
    at: Seconds
    call_back_at: Seconds | None
    failures: int
    refused_before: bool
    last_day: date
    """The day to which they are asked, local."""
    hours: CallingHours


class Next(NamedTuple):
    """The time of the next call, or why there is none."""

    due_at: Seconds | None = None
    closed: str | None = None


def end_of_follow_up(asked: Asked) -> Next | None:
    """An answer on the last day or later is the last one that is needed."""
    if asked.outcome in ANSWERED and local_day(asked.at) >= asked.last_day:
        return Next(closed=FOLLOWED_UP)
    return None


def daily_question(asked: Asked) -> Next | None:
    return _tomorrow(asked) if asked.outcome in ANSWERED else None


def as_they_asked(asked: Asked) -> Next | None:
    """At the time that they said, whatever the hours."""
    return None if asked.call_back_at is None else Next(asked.call_back_at)


def wrong_number(asked: Asked) -> Next | None:
    return Next(closed=WRONG_NUMBER) if asked.outcome == "wrong_number" else None


def refusal(asked: Asked) -> Next | None:
    """Once is a bad moment, and is tried on the next day; twice in a row is meant."""
    if asked.outcome != "refused":
        return None
    return Next(closed=REFUSED) if asked.refused_before else _tomorrow(asked)


def unreachable(asked: Asked) -> Next | None:
    return Next(closed=UNREACHABLE) if asked.failures >= MOST_FAILURES else None


def another_try(asked: Asked) -> Next:
    doublings = max(asked.failures - 1, 0)
    return Next(asked.hours.kept(asked.at + (FIRST_PAUSE[asked.outcome] << doublings)))


STEPS: Final[tuple[Callable[[Asked], Next | None], ...]] = (
    end_of_follow_up, daily_question, as_they_asked, wrong_number, refusal, unreachable, another_try,
)  # fmt: skip


def next_call(asked: Asked) -> Next:
    return next(step for ask in STEPS if (step := ask(asked)) is not None)


def _tomorrow(asked: Asked) -> Next:
    return Next(asked.hours.opening(add_days(local_day(asked.at), 1)))
