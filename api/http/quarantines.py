"""Quarantines: assigned, extended, released."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from api.app import Truyvet
from api.http.given import App, By, KeyName
from api.http.lists import LogPosition
from api.http.problems import problems
from api.http.words import Answer, Body, Id, Instant, PathId, PersonName, ShortText, Text
from application.quarantines import quarantine_stream
from domain.errors import Unknown
from domain.quarantines import Quarantine
from domain.times import to_text

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
    position: int


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def assign(quarantine: NewQuarantine, truyvet: App, by: By, key: KeyName, response: Response) -> QuarantineAnswer:
    """Assign a quarantine; by its id, else by person and `from`, the same again is found."""
    recorded = truyvet.quarantines.assign(
        quarantine.person, quarantine.since, quarantine.until,
        quarantine_id=quarantine.quarantine_id or key,
        kind=quarantine.kind, place=quarantine.place, reason=quarantine.reason, by=by,
    )  # fmt: skip
    response.headers["Location"] = f"/v1/quarantines/{recorded.id}"
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("/{quarantine_id}", responses=problems(404, 504))
def get(quarantine_id: PathId, truyvet: App, position: LogPosition) -> QuarantineAnswer:
    return _shown(truyvet, quarantine_id, position)


@router.post("/{quarantine_id}/extension", responses=problems(400, 403, 404, 409, 413, 415))
def extend(quarantine_id: PathId, extension: Extension, truyvet: App, by: By) -> QuarantineAnswer:
    """Give it another end, later or earlier, or none."""
    recorded = truyvet.quarantines.extend(quarantine_id, extension.until, by=by)
    return _shown(truyvet, quarantine_id, recorded.position)


@router.post("/{quarantine_id}/release", responses=problems(400, 403, 404, 409, 413, 415))
def release(quarantine_id: PathId, release: Release, truyvet: App, by: By) -> QuarantineAnswer:
    """End it."""
    recorded = truyvet.quarantines.release(quarantine_id, release.at, release.reason, by=by)
    return _shown(truyvet, quarantine_id, recorded.position)


def _shown(truyvet: Truyvet, quarantine_id: str, position: int) -> QuarantineAnswer:
    quarantine = truyvet.log.load(Quarantine, quarantine_stream(quarantine_id), position)
    if quarantine is None:
        raise Unknown("there is no quarantine with that id")
    return QuarantineAnswer.model_validate(
        {
            "quarantine_id": quarantine.quarantine_id,
            "person": truyvet.people.identities([quarantine.person])[quarantine.person],
            "person_id": quarantine.person,
            "from": to_text(quarantine.since),
            "until": None if quarantine.until is None else to_text(quarantine.until),
            "kind": quarantine.kind,
            "place": quarantine.place,
            "withdrawn": quarantine.withdrawn,
            "position": position,
        }
    )
