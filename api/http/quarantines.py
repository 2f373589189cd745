"""Quarantines: assigned, extended, moved, released."""

from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from api.app import Truyvet
from api.http.given import App, Writing
from api.http.lists import (
    AsOf,
    InOrder,
    InOrderAsOf,
    List,
    LogPosition,
    Page,
    RegisterAsOf,
    columns_of,
    list_responses,
)
from api.http.problems import problems
from api.http.venues import Coordinates
from api.http.words import (
    Answer,
    AnswerPosition,
    Body,
    Id,
    Instant,
    Latitude,
    Longitude,
    NewUuid,
    Order,
    PathId,
    PersonName,
    QuarantineKind,
    QuarantineRuleSet,
    Radius,
    ShortText,
    Text,
    Vaccination,
)
from application.quarantines import opened_places, quarantine_stream
from domain.adherence import Coordinates as Place
from domain.errors import Unknown
from domain.quarantines import Grounds, Quarantine
from domain.times import Seconds, from_datetime, to_text
from infrastructure.registers import QuarantineRow

router = APIRouter(prefix="/v1/quarantines", tags=["quarantines"])


class NewQuarantine(Coordinates):
    person: PersonName
    since: Instant = Field(alias="from")
    until: Instant | None = Field(
        None, description="Open when left out; with an exposure, declaration, order or `rules`, what the rules say"
    )
    kind: ShortText | None = Field(None, examples=["home"], description="That of the site, where there is one")
    place: ShortText | None = None
    site: NewUuid | None = None
    case: NewUuid | None = Field(None, description="Of which the person is a contact, or which is the person's own")
    declaration: Id | None = Field(None, description="Of the person, on arrival")
    order: Order | None = None
    rules: QuarantineRuleSet | None = Field(None, description="Those in force on the first day when left out")
    vaccination: Vaccination | None = None
    radius_metres: Radius | None = None
    reason: Text | None = None
    quarantine_id: Id | None = None


class Extension(Body):
    until: Instant | None = Field(description="null leaves it open")


class Move(Coordinates):
    kind: QuarantineKind
    site: NewUuid | None = None
    place: ShortText | None = None
    radius_metres: Radius | None = None
    at: Instant | None = Field(None, description="Now when left out; its beginning, where that lies ahead")
    reason: Text | None = None


class NewPosition(Body):
    latitude: Latitude
    longitude: Longitude
    at: Instant | None = Field(None, description="Now when left out")
    accuracy_metres: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] | None = Field(
        None, description="By so much it may be wrong; 0 when left out"
    )


class PositionAnswer(Answer):
    """`within`: no farther than the radius from where the person is confined, as far as the position may be wrong."""

    quarantine_id: str
    at: str
    distance_metres: int
    within: bool
    position: AnswerPosition


class Release(Body):
    at: Instant
    reason: Text | None = None


class QuarantineAnswer(Answer):
    """`until` is null while it is open, `completed` says that it came; `rules` gave it, where they are named, and
    `monitored_until` with it. `breaches` are those that stand. `place` is null to those who may not know who it is, and
    when the person was forgotten."""

    quarantine_id: str
    person: str
    person_id: UUID
    since: Annotated[str, Field(alias="from")]
    until: str | None
    kind: str | None
    place: str | None
    site_id: UUID | None
    origin: str | None
    origin_id: str | None
    level: int | None
    rules: str | None
    vaccination: str | None
    monitored_until: str | None
    withdrawn: bool
    completed: bool
    breaches: int
    position: AnswerPosition


_COLUMNS: Final = columns_of(QuarantineAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "quarantine_id": "CDC:2021-17", "person": "phone:+84912345678", "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10",
    "from": "2021-08-30T02:00:00Z", "until": "2021-09-13T17:00:00Z", "kind": "home", "place": None, "site_id": None,
    "origin": "exposure", "origin_id": "5b0d6d3e-52a3-4b8e-8f0e-2f7c9b1f3a10", "level": 1, "rules": "vn-5599",
    "vaccination": None, "monitored_until": "2021-09-27T17:00:00Z", "withdrawn": False,
    "completed": False, "breaches": 0, "position": 17,
}  # fmt: skip


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def assign(quarantine: NewQuarantine, truyvet: App, once: Writing, response: Response) -> QuarantineAnswer:
    """Assign a quarantine; by its id, else by person and `from`, the same again is found. A full site refuses it."""
    given = _spot(quarantine.model_dump())
    recorded = once.record(lambda by: truyvet.quarantines.assign(**given, by=by))
    response.headers["Location"] = f"/v1/quarantines/{recorded.id}"
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("", response_model=Page[QuarantineAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def quarantines(truyvet: App, position: RegisterAsOf, listing: List, as_of: AsOf = None) -> Response:
    """In the order of their assignment, as they are now or were as of a position."""
    read = truyvet.registers.quarantines.page
    if as_of is None:
        return listing.answer_in_order(position, InOrder(read, partial(_listed, truyvet), _COLUMNS))
    return listing.answer_as_of(position, InOrderAsOf(read, partial(_listed_then, truyvet), _COLUMNS))


@router.get("/{quarantine_id}", responses=problems(404, 504))
def get(quarantine_id: PathId, truyvet: App, position: LogPosition) -> QuarantineAnswer:
    return _shown(truyvet, quarantine_id, position)


@router.post("/{quarantine_id}/extension", responses=problems(400, 403, 404, 409, 413, 415))
def extend(quarantine_id: PathId, extension: Extension, truyvet: App, once: Writing) -> QuarantineAnswer:
    """Give it another end, later or earlier, or none."""
    recorded = once.record(lambda by: truyvet.quarantines.extend(quarantine_id, extension.until, by=by))
    return _shown(truyvet, quarantine_id, recorded.position)


@router.post("/{quarantine_id}/move", responses=problems(400, 403, 404, 409, 413, 415))
def move(quarantine_id: PathId, move: Move, truyvet: App, once: Writing) -> QuarantineAnswer:
    """Confine the person elsewhere from then on. A full site refuses it."""
    given = _spot(move.model_dump())
    recorded = once.record(lambda by: truyvet.quarantines.move(quarantine_id, **given, by=by))
    return _shown(truyvet, quarantine_id, recorded.position)


@router.post("/{quarantine_id}/release", responses=problems(400, 403, 404, 409, 413, 415))
def release(quarantine_id: PathId, release: Release, truyvet: App, once: Writing) -> QuarantineAnswer:
    """End it."""
    recorded = once.record(lambda by: truyvet.quarantines.release(quarantine_id, release.at, release.reason, by=by))
    return _shown(truyvet, quarantine_id, recorded.position)


@router.post("/{quarantine_id}/positions", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def report(quarantine_id: PathId, reported: NewPosition, truyvet: App, once: Writing) -> PositionAnswer:
    """Where the person is, as their own app says; one that is too far away raises an alert at once."""
    here = Place(reported.latitude, reported.longitude)
    accuracy = None if reported.accuracy_metres is None else ceil(reported.accuracy_metres)
    recorded = once.record(lambda by: truyvet.adherence.report(quarantine_id, here, reported.at, accuracy, by))
    quarantine = truyvet.log.load(Quarantine, quarantine_stream(quarantine_id), recorded.position)
    assert quarantine is not None  # noqa: S101 # it was recorded up to there
    at, report = quarantine.adherence.last_report
    return PositionAnswer(
        quarantine_id=quarantine_id, at=to_text(at), distance_metres=report.distance, within=report.within,
        position=recorded.position,
    )  # fmt: skip


def _spot(given: dict[str, Any]) -> dict[str, Any]:
    """The body's latitude, longitude and radius in the words of the application."""
    latitude, longitude = given.pop("latitude"), given.pop("longitude")
    coordinates = None if latitude is None else Place(latitude, longitude)
    return given | {"coordinates": coordinates, "radius": given.pop("radius_metres")}


def _shown(truyvet: Truyvet, quarantine_id: str, position: int) -> QuarantineAnswer:
    quarantine = truyvet.log.load(Quarantine, quarantine_stream(quarantine_id), position)
    if quarantine is None:
        raise Unknown("there is no quarantine with that id")
    person = truyvet.people.identities([quarantine.person])[quarantine.person]
    (place,) = opened_places(truyvet.people, [(quarantine.person, quarantine.whereabouts)])
    return _of_stream(quarantine, person, place, position)


def _listed(truyvet: Truyvet, rows: Sequence[QuarantineRow]) -> list[dict[str, Any]]:
    people = truyvet.people.identities({row.person_id for row in rows})
    places = opened_places(truyvet.people, [(row.person_id, row.whereabouts) for row in rows])
    return [
        _of_row(row, people[row.person_id], place).model_dump(mode="json")
        for row, place in zip(rows, places, strict=True)
    ]


def _listed_then(truyvet: Truyvet, rows: Sequence[QuarantineRow], position: int) -> list[dict[str, Any]]:
    found = truyvet.log.load_many(Quarantine, [row.stream for row in rows], position)
    people = truyvet.people.identities({row.person_id for row in rows})
    places = opened_places(truyvet.people, [(row.person_id, found[row.stream].whereabouts) for row in rows])
    return [
        _of_stream(found[row.stream], people[row.person_id], place, row.position).model_dump(mode="json")
        for row, place in zip(rows, places, strict=True)
    ]


def _of_stream(quarantine: Quarantine, person: str, place: str | None, position: int) -> QuarantineAnswer:
    return _answer(
        quarantine, person=person, person_id=quarantine.person, place=place, since=quarantine.since,
        until=quarantine.until, grounds=quarantine.grounds, completed=quarantine.is_completed,
        breaches=len(quarantine.adherence.standing), position=position,
    )  # fmt: skip


def _of_row(row: QuarantineRow, person: str, place: str | None) -> QuarantineAnswer:
    return _answer(
        row, person=person, person_id=row.person_id, place=place, since=from_datetime(row.since),
        until=None if row.until is None else from_datetime(row.until),
        grounds=Grounds(row.origin, row.origin_id, row.level, row.rules, row.vaccination), completed=row.completed,
        breaches=row.breaches, position=row.position,
    )  # fmt: skip


def _answer(
    quarantine: Quarantine | QuarantineRow, *, person: str, person_id: UUID, place: str | None, since: Seconds,
    until: Seconds | None, grounds: Grounds, completed: bool, breaches: int, position: int,
) -> QuarantineAnswer:  # fmt: skip
    return QuarantineAnswer.model_validate(
        {
            "quarantine_id": quarantine.quarantine_id,
            "person": person,
            "person_id": person_id,
            "from": to_text(since),
            "until": _text(until),
            "kind": quarantine.kind,
            "place": place,
            "site_id": quarantine.whereabouts.site,
            **grounds._asdict(),
            "monitored_until": _text(grounds.monitored_until(until)),
            "withdrawn": quarantine.withdrawn,
            "completed": completed,
            "breaches": breaches,
            "position": position,
        }
    )


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)
