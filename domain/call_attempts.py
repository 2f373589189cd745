"""Attempts to call somebody: as they are reported, and as they were recorded."""

from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import Malformed, Refused
from domain.next_calls import OUTCOMES
from domain.times import Seconds

DIRECTIONS: Final = ("outbound", "inbound")
"""``inbound``: they rang themselves."""

LONGEST_CALL_BACK: Final[Seconds] = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Report:
    """An attempt as it is reported; ``notes`` and ``answers`` come sealed, ``attempt_id`` is given or made up."""

    attempt_id: str
    outcome: str
    at: Seconds
    by: str
    call_back_at: Seconds | None = None
    has_symptoms: bool = False
    direction: str = "outbound"
    notes: str | None = None
    answers: str | None = None

    def check(self) -> None:
        """Raises Malformed, and Refused for a time to call back that makes no sense."""
        if self.outcome not in OUTCOMES:
            raise Malformed(f"an outcome is one of {', '.join(OUTCOMES)}")
        if self.direction not in DIRECTIONS:
            raise Malformed(f"a call is one of {', '.join(DIRECTIONS)}")
        if self.call_back_at is None:
            return
        if self.outcome != "call_back":
            raise Refused("call_back_at goes with the outcome call_back")
        if not self.at < self.call_back_at <= self.at + LONGEST_CALL_BACK:
            raise Refused("somebody is called back after the attempt, within 14 days")

    @property
    def is_abnormal(self) -> bool:
        return self.has_symptoms or self.outcome == "abnormal"


class Told(NamedTuple):
    """What whoever reports an attempt told of it by themselves."""

    attempt_id: str | None = None
    at: Seconds | None = None


class Follows(NamedTuple):
    """What follows an attempt: when they are called again, why no more, and with which reason the CDC is told."""

    due_at: Seconds | None
    closed: str | None
    passed_on: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that was recorded, as the ``version``-th event; ``escalation`` is what was passed on with it."""

    report: Report
    lease: UUID | None
    due_at: Seconds | None
    closed: str | None
    escalation: UUID | None
    version: int

    def is_like(self, report: Report, told: Told) -> bool:
        known = self.report
        return (known.outcome, known.by, known.direction, known.call_back_at) == (
            report.outcome, report.by, report.direction, report.call_back_at,
        ) and told.at in (None, known.at)  # fmt: skip
