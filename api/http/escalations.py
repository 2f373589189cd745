"""The CDC's queue: who was passed on to it, why, and who took it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.app import Truyvet
from api.http.given import App, Writing
from api.http.lists import InOrder, List, Page, RegisterPosition, columns_of, list_responses
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Body, PathUuid, Text
from application.escalations import ANSWERS, NOTE
from application.people import Note
from domain.times import from_datetime, to_text
from domain.triage import from_text
from infrastructure.registers import EscalationRow

router = APIRouter(prefix="/v1/escalations", tags=["escalations"])


class Status(StrEnum):
    open = "open"
    acknowledged = "acknowledged"


class Acknowledgement(Body):
    note: Text | None = None


_NO_NOTE: Final = Acknowledgement()


class Acknowledged(Answer):
    escalation_id: UUID
    position: AnswerPosition


class EscalationAnswer(Answer):
    """`origin` is a call or a declaration. `symptoms` and `note` are null to those who may not know the people."""

    escalation_id: UUID
    status: Status
    person: str
    person_id: UUID
    reason: str
    symptoms: list[str] | None
    origin: str
    origin_id: str
    cases: list[UUID]
    raised_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    note: str | None
    position: AnswerPosition


_COLUMNS: Final = columns_of(EscalationAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "escalation_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "status": "open", "person": "phone:+84912345678",
    "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "reason": "symptoms", "symptoms": ["fever", "cough"],
    "origin": "declaration", "origin_id": "ncovi:8841", "cases": [], "raised_at": "2021-08-30T02:00:00Z",
    "acknowledged_at": None, "acknowledged_by": None, "note": None, "position": 17,
}  # fmt: skip


@router.get("", response_model=Page[EscalationAnswer], responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))
def escalations(
    truyvet: App,
    position: RegisterPosition,
    listing: List,
    status: Annotated[Status | None, Query(description="Of either status when left out")] = None,
) -> Response:
    """As they are now, in the order in which they were raised."""
    is_open = None if status is None else status is Status.open
    read = partial(truyvet.registers.escalations.page, is_open=is_open)
    return listing.answer_in_order(position, InOrder(read, partial(_listed, truyvet), _COLUMNS))


@router.post("/{escalation_id}/acknowledgement", responses=problems(400, 403, 404, 409, 413, 415))
def acknowledge(
    escalation_id: PathUuid, truyvet: App, once: Writing, acknowledgement: Acknowledgement = _NO_NOTE
) -> Acknowledged:
    """The CDC has taken it. The same again is found."""
    recorded = once.record(
        lambda by: truyvet.escalations.acknowledge(escalation_id, acknowledgement.note, by=by), UUID
    )  # fmt: skip
    return Acknowledged(escalation_id=recorded.id, position=recorded.position)


def _listed(truyvet: Truyvet, rows: Sequence[EscalationRow]) -> list[dict[str, Any]]:
    people = truyvet.people.identities({row.person_id for row in rows})
    answers = truyvet.people.notes(Note(row.person_id, ANSWERS, row.answers) for row in rows)
    notes = truyvet.people.notes(Note(row.person_id, NOTE, row.note) for row in rows)
    return [
        EscalationAnswer(
            escalation_id=row.escalation_id,
            status=Status.open if row.acknowledged_at is None else Status.acknowledged,
            person=people[row.person_id],
            person_id=row.person_id,
            reason=row.reason,
            symptoms=None if said is None else list(from_text(said).symptoms),
            origin=row.origin,
            origin_id=row.origin_id,
            cases=row.cases,
            raised_at=to_text(from_datetime(row.raised_at)),
            acknowledged_at=_text(row.acknowledged_at),
            acknowledged_by=row.acknowledged_by,
            note=note,
            position=row.position,
        ).model_dump(mode="json")
        for row, said, note in zip(rows, answers, notes, strict=True)
    ]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(from_datetime(moment))
