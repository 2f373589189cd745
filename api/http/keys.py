"""Access keys: created, listed, revoked."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from api.app import Truyvet
from api.http.given import App, Writing
from api.http.lists import InOrder, List, Page, RegisterPosition, columns_of, list_responses
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Body, Id, Instant, PathUuid, PersonName
from application.access_keys import new_key_text
from domain.access_keys import LONGEST_LABEL, ROLES
from infrastructure.registers import AccessKeyRow

router = APIRouter(prefix="/v1/keys", tags=["access keys"])

Role = Annotated[str, Field(json_schema_extra={"enum": list(ROLES)}, pattern=f"^({'|'.join(ROLES)})$")]
UnitCode = Annotated[str, Field(pattern="^([0-9]{2}|[0-9]{3}|[0-9]{5})$", examples=["387"])]
Label = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=LONGEST_LABEL)]


class NewKey(Body):
    """Bound to a venue, or to an area and the venues in it, or to neither; a guard's key is bound to a venue."""

    role: Role
    venue: Id | None = Field(None, examples=["HN-0001"], description="A venue's code or id")
    area: UnitCode | None = Field(None, description="A commune, district or province, by its official code")
    expires_at: Instant | None = Field(None, description="Never when left out")
    label: Label | None = Field(None, examples=["gate 7"], description="What it is for; nothing personal")
    person: PersonName | None = Field(None, description="Whose it is, where that is one person")


class KeyCreated(Answer):
    """The key is told once: when the same request is sent again, it is null."""

    key_id: UUID
    key: str | None = Field(examples=["truyvet_0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10_…"])
    role: str
    position: AnswerPosition


class KeyRevoked(Answer):
    key_id: UUID
    position: AnswerPosition


class ListedKey(Answer):
    key_id: UUID
    role: str
    venue_id: UUID | None
    area: str | None
    valid_from: str | None
    expires_at: str | None
    label: str | None
    person: str | None
    person_id: UUID | None
    created_at: str
    created_by: str | None
    revoked_at: str | None
    revoked_by: str | None
    position: AnswerPosition


_COLUMNS: Final = columns_of(ListedKey)
_EXAMPLE: Final[dict[str, Any]] = {
    "key_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "role": "guard",
    "venue_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "area": None, "valid_from": None,
    "expires_at": "2021-09-30T02:00:00Z", "label": "gate 7", "person": None, "person_id": None,
    "created_at": "2021-08-30T02:00:00Z", "created_by": "local", "revoked_at": None, "revoked_by": None, "position": 17,
}  # fmt: skip


@router.post("", status_code=201, responses=problems(400, 404, 409, 413, 415))
def create(wanted: NewKey, truyvet: App, once: Writing, response: Response) -> KeyCreated:
    """Create a key. Its text is in this answer and nowhere else."""
    response.headers["Cache-Control"] = "no-store"
    text = new_key_text()
    given: dict[str, Any] = wanted.model_dump()
    recorded = once.record(lambda by: truyvet.access_keys.create(**given, text=text, by=by)[0], UUID)
    key = str(text) if recorded.id == text.id else None
    return KeyCreated(key_id=recorded.id, key=key, role=wanted.role, position=recorded.position)


@router.get("", response_model=Page[ListedKey],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def keys(truyvet: App, position: RegisterPosition, listing: List) -> Response:
    """As they are now, in the order of their creation; the keys themselves are kept nowhere."""
    return listing.answer_in_order(
        position, InOrder(truyvet.registers.access_keys.page, partial(_listed, truyvet), _COLUMNS)
    )


@router.post("/{key_id}/revocation", responses=problems(400, 404, 409, 413, 415))
def revoke(key_id: PathUuid, truyvet: App, once: Writing) -> KeyRevoked:
    """Let a key open nothing any more, everywhere within a second."""
    recorded = once.record(lambda by: truyvet.access_keys.revoke(key_id, by), UUID)
    return KeyRevoked(key_id=key_id, position=recorded.position)


def _listed(truyvet: Truyvet, rows: Sequence[AccessKeyRow]) -> list[dict[str, Any]]:
    people = truyvet.people.identities({row.person_id for row in rows if row.person_id is not None})
    return [row.as_dict(people.get(row.person_id) if row.person_id else None) for row in rows]
