"""Quarantines: assigned, extended, released."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from api.app import Truyvet
from api.http.given import App, Writing
from api.http.lists import InOrder, List, LogPosition, Page, RegisterPosition, columns_of, list_responses
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Body, Id, Instant, PathId, PersonName, ShortText, Text
from application.quarantines import quarantine_stream
from domain.errors import Unknown
from domain.quarantines import Quarantine
from domain.times import Seconds, from_datetime, to_text
from infrastructure.registers import QuarantineRow

router = APIRouter(prefix="/v1/quarantines", tags=["quarantines"])


class NewQuarantine(Body):
    person: PersonName
    since: Instant = Field(alias="from")
    until: Instant | None = Field(None, description="Open when left out")
    kind: ShortText | None = Field(None, examples=["home"])
    place: ShortText | None = None
    reason: Text | None = None
    quarantine_id: Id | None = None


class Extension(Body):
    until: Instant | None = Field(description="null leaves it open")


class Release(Body):
    at: Instant
    reason: Text | None = None


class QuarantineAnswer(Answer):
    """`until` is null while it is open."""

    quarantine_id: str
    person: str
    person_id: UUID
    since: Annotated[str, Field(alias="from")]
    until: str | None
    kind: str | None
    place: str | None
    withdrawn: bool
    position: AnswerPosition


_COLUMNS: Final = columns_of(QuarantineAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "quarantine_id": "CDC:2021-17", "person": "phone:+84912345678", "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10",
    "from": "2021-08-30T02:00:00Z", "until": None, "kind": "home", "place": None, "withdrawn": False, "position": 17,
}  # fmt: skip


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def assign(quarantine: NewQuarantine, truyvet: App, once: Writing, response: Response) -> QuarantineAnswer:
    """Assign a quarantine; by its id, else by person and `from`, the same again is found."""
    given: dict[str, Any] = quarantine.model_dump()
    recorded = once.record(lambda by: truyvet.quarantines.assign(**given, by=by))
    response.headers["Location"] = f"/v1/quarantines/{recorded.id}"
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("", response_model=Page[QuarantineAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def quarantines(truyvet: App, position: RegisterPosition, listing: List) -> Response:
    """As they are now, in the order of their assignment."""
    found = InOrder(truyvet.registers.quarantines.page, partial(_listed, truyvet), _COLUMNS)
    return listing.answer_in_order(position, found)


@router.get("/{quarantine_id}", responses=problems(404, 504))
def get(quarantine_id: PathId, truyvet: App, position: LogPosition) -> QuarantineAnswer:
    return _shown(truyvet, quarantine_id, position)


@router.post("/{quarantine_id}/extension", responses=problems(400, 403, 404, 409, 413, 415))
def extend(quarantine_id: PathId, extension: Extension, truyvet: App, once: Writing) -> QuarantineAnswer:
    """Give it another end, later or earlier, or none."""
    recorded = once.record(lambda by: truyvet.quarantines.extend(quarantine_id, extension.until, by=by))
    return _shown(truyvet, quarantine_id, recorded.position)


@router.post("/{quarantine_id}/release", responses=problems(400, 403, 404, 409, 413, 415))
def release(quarantine_id: PathId, release: Release, truyvet: App, once: Writing) -> QuarantineAnswer:
    """End it."""
    recorded = once.record(lambda by: truyvet.quarantines.release(quarantine_id, release.at, release.reason, by=by))
    return _shown(truyvet, quarantine_id, recorded.position)


def _shown(truyvet: Truyvet, quarantine_id: str, position: int) -> QuarantineAnswer:
    quarantine = truyvet.log.load(Quarantine, quarantine_stream(quarantine_id), position)
    if quarantine is None:
        raise Unknown("there is no quarantine with that id")
    person = truyvet.people.identities([quarantine.person])[quarantine.person]
    return _answer(
        quarantine, person_id=quarantine.person, person=person, since=quarantine.since, until=quarantine.until,
        position=position,
    )  # fmt: skip


def _listed(truyvet: Truyvet, rows: Sequence[QuarantineRow]) -> list[dict[str, Any]]:
    people = truyvet.people.identities({row.person_id for row in rows})
    return [
        _answer(
            row, person_id=row.person_id, person=people[row.person_id], since=from_datetime(row.since),
            until=None if row.until is None else from_datetime(row.until), position=row.position,
        ).model_dump(mode="json")
        for row in rows
    ]  # fmt: skip


def _answer(
    quarantine: Quarantine | QuarantineRow, *, person_id: UUID, person: str, since: Seconds, until: Seconds | None,
    position: int,
) -> QuarantineAnswer:  # fmt: skip
    return QuarantineAnswer.model_validate(
        {
            "quarantine_id": quarantine.quarantine_id,
            "person": person,
            "person_id": person_id,
            "from": to_text(since),
            "until": None if until is None else to_text(until),
            "kind": quarantine.kind,
            "place": quarantine.place,
            "withdrawn": quarantine.withdrawn,
            "position": position,
        }
    )
