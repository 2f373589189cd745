"""Calls: claimed by diallers under a lease, attempted, handed back."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field

from api.app import Truyvet
from api.http.call_list import ListedCall, instant, listed, only
from api.http.given import App, Writing
from api.http.lists import AsOf, LogPosition
from api.http.problems import problems
from api.http.triage import Answered
from api.http.words import (
    UNIT,
    Answer,
    AnswerPosition,
    Body,
    Campaign,
    Direction,
    Id,
    Instant,
    Levels,
    Outcome,
    PathUuid,
    Text,
    Whole,
)
from application.calls import Kept, Said, opened
from domain.call_attempts import Attempt
from domain.calls import STATUSES, Call
from domain.times import Seconds, to_text
from domain.triage import from_text

router = APIRouter(prefix="/v1/calls", tags=["calls"])

MOST_CLAIMED: Final = 1_000
LONGEST_LEASE: Final[Seconds] = 86_400

Status = Annotated[str, Field(json_schema_extra={"enum": list(STATUSES)})]


class Claim(Body):
    limit: Annotated[int, Field(ge=1, le=MOST_CLAIMED), Whole] = 10
    lease_seconds: Annotated[int, Field(ge=1, le=LONGEST_LEASE), Whole] = 600
    campaign: Campaign | None = None
    level: Levels | None = None
    unit: Annotated[str, Field(pattern=UNIT, examples=["387"])] | None = Field(
        None, description="Of people who said that they live in it"
    )


class Claimed(Answer):
    """`items` are those that this request has claimed, held until its lease ends."""

    lease_id: UUID
    items: list[ListedCall]
    position: AnswerPosition


class NewAttempt(Body):
    """`answers` are those to the call script; a symptom, or the outcome `abnormal`, is passed on to the CDC."""

    outcome: Outcome
    at: Instant | None = Field(None, description="Now when left out")
    notes: Text | None = None
    answers: Answered | None = None
    call_back_at: Instant | None = Field(None, description="With the outcome `call_back`, when they said")
    direction: Direction = "outbound"
    attempt_id: Id | None = Field(None, description="By which the same attempt is known again")


class AttemptAnswer(Answer):
    """`status` is `open` when they are called again at `due_at`, else why they are not."""

    call_id: UUID
    attempt_id: str
    outcome: Outcome
    at: str
    by: str
    direction: Direction
    call_back_at: str | None
    abnormal: bool
    escalation_id: UUID | None
    status: Status
    due_at: str | None
    position: AnswerPosition


class Returned(Answer):
    call_id: UUID
    position: AnswerPosition


class AnswersAnswer(Answer):
    symptoms: list[str]
    household: int | None
    address: str | None
    commune: str | None


class MadeAttempt(Answer):
    """`notes` and `answers` are null to those who may not know the people. What followed: `due_at`, or `closed`."""

    attempt_id: str
    outcome: Outcome
    at: str
    by: str
    direction: Direction
    notes: str | None
    answers: AnswersAnswer | None
    call_back_at: str | None
    abnormal: bool
    escalation_id: UUID | None
    due_at: str | None
    closed: str | None


class ReasonAnswer(Answer):
    """`origin` is a case or a declaration."""

    origin: str
    origin_id: str
    level: int | None
    exposed_at: str
    last_exposed_at: str
    certainty: str
    rules: str


class CallAnswer(ListedCall):
    status: Status
    asked_at: str = Field(description="When the call was requested, or reopened")
    answered_at: str | None
    reasons: list[ReasonAnswer]
    history: list[MadeAttempt] = Field(description="The attempts in the order in which they were recorded")
    position: AnswerPosition


@router.post("/claim", responses=problems(400, 403, 404, 409, 413, 415))
def claim(claim: Claim, truyvet: App, once: Writing) -> Claimed:
    """Hold the most urgent calls that nobody holds; nobody else gets them until they are attempted or returned, or
    until the lease ends."""
    those = only(claim.campaign, claim.level, claim.unit)
    recorded = once.record(lambda by: truyvet.calls.claim(claim.limit, claim.lease_seconds, those, by), UUID)
    items = listed(truyvet, *truyvet.calls.claimed(recorded.id, recorded.position))
    return Claimed(lease_id=recorded.id, items=[ListedCall(**item) for item in items], position=recorded.position)


@router.get("/{call_id}", responses=problems(404, 504))
def get(call_id: PathUuid, request: Request, truyvet: App, position: LogPosition, as_of: AsOf = None) -> CallAnswer:
    """A call with its reasons and attempts."""
    if request.path_params["call_id"] == "claim":
        raise HTTPException(405, headers={"Allow": "POST"})
    call = truyvet.calls.get(call_id, position)
    (item,) = listed(truyvet, [call.state], instant(truyvet, as_of, position))
    return CallAnswer(
        **item,
        status=call.status,
        asked_at=to_text(call.asked_at),
        answered_at=_text(call.answered_at),
        reasons=[
            ReasonAnswer(origin=reason.origin.kind, origin_id=reason.origin.id, **reason.said())
            for reason in call.reasons.values()
        ],
        history=_history(truyvet, call),
        position=position,
    )


@router.post("/{call_id}/attempts", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def attempt(call_id: PathUuid, attempt: NewAttempt, truyvet: App, once: Writing) -> AttemptAnswer:
    """Report what came of a call; the answer says what follows. The same again is found."""
    said = Said(
        outcome=attempt.outcome,
        at=attempt.at,
        notes=attempt.notes,
        answers=None if attempt.answers is None else attempt.answers.answers,
        call_back_at=attempt.call_back_at,
        attempt_id=attempt.attempt_id,
        direction=attempt.direction,
    )
    recorded = once.record(lambda by: truyvet.calls.attempt(call_id, said, by), UUID)
    call = truyvet.calls.get(call_id, recorded.position)
    made = call.attempts[-1]
    return AttemptAnswer(
        call_id=call_id, status=call.status, due_at=_text(made.due_at), position=recorded.position,
        **_made(made),
    )  # fmt: skip


@router.post("/{call_id}/return", responses=problems(400, 403, 404, 409, 413, 415))
def give_back(call_id: PathUuid, truyvet: App, once: Writing) -> Returned:
    """Hand a claimed call back without an attempt."""
    recorded = once.record(lambda by: truyvet.calls.give_back(call_id, by), UUID)
    return Returned(call_id=recorded.id, position=recorded.position)


def _history(truyvet: Truyvet, call: Call) -> list[MadeAttempt]:
    kept: Sequence[Kept] = opened(call, call.attempts, truyvet.people)
    return [
        MadeAttempt(
            notes=notes, answers=_answers(answers), due_at=_text(made.due_at), closed=made.closed, **_made(made)
        )
        for made, (notes, answers) in zip(call.attempts, kept, strict=True)
    ]


def _made(attempt: Attempt) -> dict[str, Any]:
    report = attempt.report
    return {
        "attempt_id": report.attempt_id,
        "outcome": report.outcome,
        "at": to_text(report.at),
        "by": report.by,
        "direction": report.direction,
        "call_back_at": _text(report.call_back_at),
        "abnormal": report.is_abnormal,
        "escalation_id": attempt.escalation,
    }


def _answers(said: str | None) -> AnswersAnswer | None:
    if said is None:
        return None
    answers = from_text(said)
    return AnswersAnswer(
        symptoms=list(answers.symptoms), household=answers.household, address=answers.address, commune=answers.commune
    )


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)
