"""The guards of a venue: authorised by its manager, with a key; listed, revoked."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.app import Truyvet
from api.http.access import Who
from api.http.given import App, Writing
from api.http.lists import InOrder, List, Page, RegisterPosition, columns_of, list_responses
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Body, Instant, PathId, PathUuid, PersonName, Phone
from application.access_keys import new_key_text
from application.callers import Caller
from domain.errors import Forbidden
from domain.times import from_datetime, to_text
from infrastructure.registers import GuardRow

router = APIRouter(prefix="/v1/venues/{venue_id}/guards", tags=["guards"])


class NewGuard(Body):
    """By phone; those who may know the people may name another identity instead."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("phone", "person")]
        }
    )

    phone: Phone | None = None
    person: PersonName | None = None
    since: Instant | None = Field(None, alias="from", description="Now when left out; the key opens nothing before")
    until: Instant | None = Field(None, description="Until it is revoked when left out")

    @model_validator(mode="after")
    def _names_one(self) -> "NewGuard":
        if (self.phone is None) == (self.person is None):
            raise PydanticCustomError("guard", "give the guard's phone, or else the person")
        return self

    @property
    def name(self) -> str:
        return str(self.person) if self.phone is None else f"phone:{self.phone}"


class GuardAnswer(Answer):
    """The key is told once. When the same request is sent again it is null, as nothing is kept that could tell it:
    whoever lost it revokes the guard and authorises anew."""

    guard_id: UUID
    key_id: UUID
    key: str | None = Field(examples=["truyvet_0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10_…"])
    since: Annotated[str, Field(alias="from")]
    until: str | None
    position: AnswerPosition


class GuardRevoked(Answer):
    guard_id: UUID
    position: AnswerPosition


class ListedGuard(Answer):
    """`phone` as it was given when the guard was authorised; `person` and `person_id` are null to managers."""

    guard_id: UUID
    key_id: UUID
    phone: str | None
    person: str | None
    person_id: UUID | None
    since: Annotated[str, Field(alias="from")]
    until: str | None
    authorised_by: str | None
    revoked_at: str | None
    revoked_by: str | None
    position: AnswerPosition


_COLUMNS: Final = columns_of(ListedGuard)
_EXAMPLE: Final[dict[str, Any]] = {
    "guard_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "key_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10",
    "phone": "+84912345678", "person": None, "person_id": None, "from": "2021-08-30T02:00:00Z",
    "until": "2021-08-30T10:00:00Z", "authorised_by": "key:5d3c1f0e-7b39-4c47-9f0a-2f6d0a6f6c11",
    "revoked_at": None, "revoked_by": None, "position": 17,
}  # fmt: skip


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def authorise(venue_id: PathId, guard: NewGuard, truyvet: App, once: Writing) -> GuardAnswer:
    """Let somebody check visitors in and out here, with a key for nothing else. Its text is in this answer only."""
    if guard.person is not None and not once.who.sees_identities:
        raise Forbidden("this key may name a guard by phone only")
    text = new_key_text()
    recorded = once.record(
        lambda by: truyvet.guards.authorise(
            venue_id, guard.name, since=guard.since, until=guard.until, text=text, by=by
        )[0],
        UUID,
    )
    authorised = truyvet.guards.get(recorded.id)
    answer: dict[str, Any] = {
        "guard_id": recorded.id,
        "key_id": authorised.key,
        "key": str(text) if authorised.key == text.id else None,
        "from": to_text(authorised.since),
        "until": None if authorised.until is None else to_text(authorised.until),
        "position": recorded.position,
    }
    return GuardAnswer(**answer)


@router.get("", response_model=Page[ListedGuard],
            responses=problems(404, 504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def guards(venue_id: PathId, truyvet: App, position: RegisterPosition, listing: List, who: Who) -> Response:
    """As they are now, in the order of their authorisation."""
    page = partial(truyvet.registers.guards.page, venue=truyvet.venues.get(venue_id).id)
    return listing.answer_in_order(position, InOrder(page, partial(_listed, truyvet, who), _COLUMNS))


@router.post("/{guard_id}/revocation", responses=problems(400, 403, 404, 409, 413, 415))
def revoke(venue_id: PathId, guard_id: PathUuid, truyvet: App, once: Writing) -> GuardRevoked:
    """Let the guard's key open nothing any more, everywhere within a second."""
    recorded = once.record(lambda by: truyvet.guards.revoke(venue_id, guard_id, by), UUID)
    return GuardRevoked(guard_id=guard_id, position=recorded.position)


def _listed(truyvet: Truyvet, who: Caller, rows: Sequence[GuardRow]) -> list[dict[str, Any]]:
    phones = truyvet.guards.phones(rows)
    people = truyvet.people.identities({row.person_id for row in rows}) if who.sees_identities else {}
    return [
        {
            "guard_id": str(row.guard_id),
            "key_id": str(row.key_id),
            "phone": phones.get(row.guard_id),
            "person": people.get(row.person_id),
            "person_id": str(row.person_id) if who.sees_person_ids else None,
            "from": to_text(from_datetime(row.since)),
            "until": None if row.until is None else to_text(from_datetime(row.until)),
            "authorised_by": row.authorised_by,
            "revoked_at": None if row.revoked_at is None else to_text(from_datetime(row.revoked_at)),
            "revoked_by": row.revoked_by,
            "position": row.position,
        }
        for row in rows
    ]
