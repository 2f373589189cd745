"""Declarations: what people say of themselves, by app, at the border, or on the phone."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from api.http.given import App, Writing
from api.http.lists import LogPosition
from api.http.problems import problems
from api.http.triage import Answered
from api.http.words import Answer, AnswerPosition, Id, Instant, PathId, PersonName, ShortText, Text
from application.declarations import Told, opened
from domain.declarations import CHANNELS, KINDS
from domain.errors import Forbidden
from domain.times import from_datetime, to_text
from domain.triage import from_text

router = APIRouter(prefix="/v1/declarations", tags=["declarations"])

Kind = Annotated[str, Field(pattern=f"^({'|'.join(KINDS)})$", json_schema_extra={"enum": list(KINDS)})]
Channel = Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$", json_schema_extra={"enum": list(CHANNELS)})]


class NewDeclaration(Answered):
    person: PersonName
    kind: Kind
    channel: Channel = Field(description="`phone` is a call that came in; a caller's key may record no other")
    at: Instant | None = Field(None, description="Now when left out")
    arrived_at: Instant | None = Field(None, description="When a returnee arrived, or will")
    came_from: ShortText | None = Field(None, examples=["Bình Dương"])
    notes: Text | None = None
    declaration_id: Id | None = None


class DeclarationMade(Answer):
    """`escalation_id` is that of the CDC's queue when it is abnormal, else null."""

    declaration_id: str
    abnormal: bool
    escalation_id: UUID | None
    position: AnswerPosition


class DeclarationAnswer(Answer):
    """What the person said is null to those who may not know who it is, and when the person was forgotten."""

    declaration_id: str
    person: str
    person_id: UUID
    kind: str
    channel: str
    at: str
    arrived_at: str | None
    came_from: str | None
    symptoms: list[str] | None
    household: int | None
    address: str | None
    commune: str | None
    notes: str | None
    abnormal: bool
    escalation_id: UUID | None
    position: AnswerPosition


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def declare(declaration: NewDeclaration, truyvet: App, once: Writing, response: Response) -> DeclarationMade:
    """Record a declaration; by its id the same again is found. It is triaged as the answers to a call are."""
    if once.who.role == "caller" and declaration.channel != "phone":
        raise Forbidden("a caller's key may record declarations by phone only")
    said: dict[str, Any] = declaration.model_dump(exclude={*Answered.model_fields, "person", "declaration_id"})
    told = Told(**said, answers=declaration.answers)
    recorded = once.record(
        lambda by: truyvet.declarations.declare(
            declaration.person, told, declaration_id=declaration.declaration_id, by=by
        )
    )
    made = truyvet.declarations.get(recorded.id, recorded.position)
    response.headers["Location"] = f"/v1/declarations/{recorded.id}"
    return DeclarationMade(
        declaration_id=recorded.id, abnormal=made.abnormal, escalation_id=made.escalation, position=recorded.position
    )


@router.get("/{declaration_id}", responses=problems(404, 504))
def get(declaration_id: PathId, truyvet: App, position: LogPosition) -> DeclarationAnswer:
    made = truyvet.declarations.get(declaration_id, position)
    kept = opened(made, truyvet.people)
    answers = None if kept.answers is None else from_text(kept.answers)
    return DeclarationAnswer(
        declaration_id=made.declaration_id,
        person=truyvet.people.identities([made.person])[made.person],
        person_id=made.person,
        kind=made.kind,
        channel=made.channel,
        at=to_text(from_datetime(made.created_on)),
        arrived_at=None if made.arrived_at is None else to_text(made.arrived_at),
        came_from=kept.came_from,
        symptoms=None if answers is None else list(answers.symptoms),
        household=None if answers is None else answers.household,
        address=None if answers is None else answers.address,
        commune=made.commune,
        notes=kept.notes,
        abnormal=made.abnormal,
        escalation_id=made.escalation,
        position=position,
    )
