"""Venues: registered, amended, suspended, closed; and who was there."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi import Body as InBody
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.app import Truyvet
from api.http.access import Who
from api.http.given import App, Once, Writing
from api.http.lists import (
    InOrder,
    List,
    ListedPosition,
    LogPosition,
    Page,
    RegisterPosition,
    Rows,
    columns_of,
    list_responses,
)
from api.http.problems import problems
from api.http.visits import VISIT_COLUMNS, VISIT_EXAMPLE, VisitAnswer, VisitorAnswer, rows_seen_by
from api.http.words import (
    NOTHING,
    Answer,
    AnswerPosition,
    Body,
    Certainty,
    Commune,
    DefaultStay,
    Digits,
    Flag,
    Id,
    Instant,
    Kind,
    Latitude,
    Left,
    Longitude,
    MinMinutes,
    NewUuid,
    OpeningHours,
    PathId,
    PersonName,
    QueryInstant,
    QueryPerson,
    ShortText,
    Text,
)
from application.callers import Caller
from application.contacts import overlap_columns, overlap_row
from application.log import Recorded
from application.provenance import Provenance
from application.venues import unknown_venue
from domain.contacts import Overlap
from domain.errors import Forbidden, Refused, Unknown
from domain.times import Seconds, from_datetime, to_text
from domain.venues import Venue
from infrastructure.registers import VenueRow

router = APIRouter(prefix="/v1/venues", tags=["venues"])


class Coordinates(Body):
    """Both, or neither."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"latitude": ["longitude"], "longitude": ["latitude"]},
            "anyOf": [
                {"properties": {name: {"type": kind} for name in ("latitude", "longitude")}}
                for kind in ("number", "null")
            ],
        }
    )

    latitude: Latitude | None = Field(None, examples=[21.0285])
    longitude: Longitude | None = Field(None, examples=[105.8542])

    @model_validator(mode="after")
    def _come_together(self) -> "Coordinates":
        one_is_left_out = len(self.model_fields_set & {"latitude", "longitude"}) == 1
        if one_is_left_out or (self.latitude is None) != (self.longitude is None):
            raise PydanticCustomError("half_a_place", "latitude and longitude come together")
        return self


class NewVenue(Coordinates):
    name: ShortText = Field(examples=["Quán cà phê Hoa Sữa"])
    kind: Kind
    commune: Commune
    code: Id | None = Field(None, examples=["HN-0001"])
    registered_at: Instant | None = None
    address: Text | None = None
    default_stay_minutes: DefaultStay | None = None
    opening_hours: OpeningHours | None = None
    manager: PersonName | None = None
    part_of: Id | None = Field(None, description="The code or id of the venue that it lies in, as a stall in a market")
    venue_id: NewUuid | None = None


class VenueChanges(Coordinates):
    """What is left out stays; what may be unknown is unknown again with null."""

    name: Left[ShortText] = None
    default_stay_minutes: Left[DefaultStay] = Field(None, examples=[90])
    commune: Left[Commune] = None
    address: Text | None = None
    opening_hours: OpeningHours | None = None
    manager: PersonName | None = None


class StatusChange(Body):
    at: Instant | None = Field(None, description="Now when left out")


Change = Annotated[StatusChange, InBody()]
_NOW: Final = StatusChange()


_STATUSES: Final = ("active", "suspended", "closed")
Status = Annotated[str, Field(json_schema_extra={"enum": list(_STATUSES)}, pattern=f"^({'|'.join(_STATUSES)})$")]


class VenueAnswer(Answer):
    venue_id: UUID
    code: str | None
    name: str
    kind: str
    commune: str | None
    address: str | None
    latitude: float | None
    longitude: float | None
    default_stay_minutes: int
    opening_hours: str | None
    manager_id: UUID | None
    part_of: UUID | None
    status: Status
    status_since: str
    position: AnswerPosition


_COLUMNS: Final = columns_of(VenueAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "venue_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "code": "HN-0001", "name": "Quán cà phê Hoa Sữa",
    "kind": "restaurant", "commune": "00001", "address": None, "latitude": 21.0285, "longitude": 105.8542,
    "default_stay_minutes": 60, "opening_hours": "Mo-Sa 07:00-21:00",
    "manager_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "part_of": None, "status": "active",
    "status_since": "2021-08-01T00:00:00Z", "position": 17,
}  # fmt: skip


class OverlapAnswer(Answer):
    person_a: str
    person_b: str
    start: str
    end: str
    seconds: int
    certainty: Certainty
    visits_a: list[str]
    visits_b: list[str]
    venue_a: str | None = Field(None, description="With `parts` only: the venue of each side")
    venue_b: str | None = None


_OVERLAP_EXAMPLE = {
    "person_a": "phone:+84912345678", "person_b": "ref:ABC-1", "start": "2021-08-30T02:00:00Z",
    "end": "2021-08-30T02:20:00Z", "seconds": 1200, "certainty": "certain", "visits_a": ["pccovid:8841"],
    "visits_b": ["pccovid:8850"],
}  # fmt: skip
Parts = Annotated[Flag, Query(description="The venue and everything in it as one place")]


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def register(venue: NewVenue, truyvet: App, who: Who, once: Writing, response: Response) -> VenueAnswer:
    """Register a venue. The same again is found, not made twice."""
    who.reach_unit(venue.commune)
    if venue.part_of is not None:
        who.reach(venue.part_of)
    given: dict[str, Any] = venue.model_dump()
    recorded = once.record(lambda by: truyvet.venues.register(**given, by=by), UUID)
    response.headers["Location"] = f"/v1/venues/{recorded.id}"
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("", response_model=Page[VenueAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def venues(
    truyvet: App,
    position: RegisterPosition,
    listing: List,
    part_of: Annotated[Id | None, Query(description="Those that lie directly in this venue; its id or code")] = None,
    commune: Annotated[Commune | None, Query()] = None,
    kind: Annotated[Kind | None, Query()] = None,
) -> Response:
    """As they are now, in the order of their registration."""
    whole = None if part_of is None else truyvet.venues.find(part_of) or NOTHING
    read = partial(truyvet.registers.venues.page, part_of=whole, commune=commune, kind=kind)
    return listing.answer_in_order(position, InOrder(read, _listed, _COLUMNS))


@router.patch("/{venue_id}", responses=problems(400, 403, 404, 409, 413, 415))
def amend(venue_id: PathId, changes: VenueChanges, truyvet: App, who: Who, once: Writing) -> VenueAnswer:
    """Change what is given. Another commune, address or coordinates are a move."""
    if changes.commune is not None and who.area is not None:
        who.reach_unit(changes.commune)
    given: dict[str, Any] = changes.model_dump(exclude_unset=True)
    recorded = once.record(lambda by: truyvet.venues.amend(venue_id, **given, by=by), UUID)
    return _shown(truyvet, recorded.id, recorded.position)


@router.post("/{venue_id}/suspension", responses=problems(400, 403, 404, 409, 413, 415))
def suspend(venue_id: PathId, truyvet: App, once: Writing, change: Change = _NOW) -> VenueAnswer:
    """Let nobody check in from then on, until it is reactivated. Scans from before are taken when they come later."""
    return _changed(truyvet, once, lambda by: truyvet.venues.suspend(venue_id, change.at, by))


@router.post("/{venue_id}/reactivation", responses=problems(400, 403, 404, 409, 413, 415))
def reactivate(venue_id: PathId, truyvet: App, once: Writing, change: Change = _NOW) -> VenueAnswer:
    """End a suspension."""
    return _changed(truyvet, once, lambda by: truyvet.venues.reactivate(venue_id, change.at, by))


@router.post("/{venue_id}/closure", responses=problems(400, 403, 404, 409, 413, 415))
def close(venue_id: PathId, truyvet: App, once: Writing, change: Change = _NOW) -> VenueAnswer:
    """Close it for good. What lies in it is not closed with it."""
    return _changed(truyvet, once, lambda by: truyvet.venues.close(venue_id, change.at, by))


def _changed(truyvet: Truyvet, once: Once, command: Callable[[Provenance], Recorded]) -> VenueAnswer:
    recorded = once.record(command, UUID)
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("/{venue_id}", responses=problems(404, 504))
def get(venue_id: PathId, truyvet: App, position: LogPosition) -> VenueAnswer:
    """A venue, by its id or code."""
    return _shown(truyvet, truyvet.venues.get(venue_id).id, position)


@router.get("/{venue_id}/visits", response_model=Page[VisitAnswer] | Page[VisitorAnswer],
            responses=problems(404, 504) | list_responses(VISIT_EXAMPLE, VISIT_COLUMNS))  # fmt: skip
def visits(
    venue_id: PathId,
    truyvet: App,
    position: ListedPosition,
    listing: List,
    who: Who,
    start: Annotated[QueryInstant, Query(alias="from")],
    end: Annotated[QueryInstant, Query(alias="to")],
    parts: Parts = False,
) -> Response:
    """Who was there in `[from, to)`, by check-in; without a known check-out for the default stay.

    Managers see names and phones at a checkpoint, declaration codes at any other venue.
    """
    _check_window(start, end)
    _check_reach(truyvet, who, venue_id, parts=parts)
    _, found = truyvet.contacts.visits_of_venue(venue_id, start, end, as_of=position, parts=parts)
    return listing.answer(position, rows_seen_by(who, truyvet, found))


@router.get("/{venue_id}/overlaps", response_model=Page[OverlapAnswer],
            responses=problems(404, 504) | list_responses(_OVERLAP_EXAMPLE, tuple(_OVERLAP_EXAMPLE)))  # fmt: skip
def overlaps(
    venue_id: PathId,
    truyvet: App,
    position: ListedPosition,
    listing: List,
    who: Who,
    start: Annotated[QueryInstant, Query(alias="from")],
    end: Annotated[QueryInstant, Query(alias="to")],
    person: Annotated[QueryPerson | None, Query(description="Only this person's pairs; by `id:` or `ref:`")] = None,
    min_minutes: Annotated[MinMinutes, Digits] = 0,
    parts: Parts = False,
) -> Response:
    """Who were there together in `[from, to)`, by start."""
    _check_reach(truyvet, who, venue_id, parts=parts)
    _, found = truyvet.contacts.overlaps(
        venue_id, start, end, person=person, min_minutes=min_minutes, as_of=position, parts=parts
    )
    return listing.answer(position, Rows(found, _overlap_key, overlap_row, overlap_columns(parts=parts)))


def _overlap_key(overlap: Overlap) -> object:
    return overlap.visits_a, overlap.visits_b


def _check_window(start: Seconds, end: Seconds) -> None:
    if end <= start:
        raise Refused("the window ends after it begins")


def _check_reach(truyvet: Truyvet, who: Caller, venue: str, *, parts: bool) -> None:
    """Raises Forbidden for a whole of which the key reaches a part only."""
    if not parts or not who.is_bound:
        return
    for place in truyvet.contacts.within(venue):
        try:
            who.reach(place)
        except Unknown:
            raise Forbidden("this key does not reach everything in the venue") from None


def _shown(truyvet: Truyvet, venue_id: UUID, position: int) -> VenueAnswer:
    venue = truyvet.log.load(Venue, venue_id, position)
    if venue is None:
        raise unknown_venue()
    return VenueAnswer(
        venue_id=venue.id, code=venue.code, name=venue.name, kind=venue.kind, **venue.place._asdict(),
        default_stay_minutes=venue.default_stay_minutes, opening_hours=venue.opening_hours, manager_id=venue.manager,
        part_of=venue.part_of, status=venue.status, status_since=to_text(venue.status_since), position=position,
    )  # fmt: skip


def _listed(rows: Sequence[VenueRow]) -> list[dict[str, Any]]:
    same = [name for name in VenueAnswer.model_fields if name != "status_since"]
    return [
        VenueAnswer(
            **{name: getattr(row, name) for name in same}, status_since=to_text(from_datetime(row.status_since))
        ).model_dump(mode="json")
        for row in rows
    ]
