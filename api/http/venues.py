"""Venues: registered, amended, and who was there."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.app import Truyvet
from api.http.given import App, Writing
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
from api.http.visits import VISIT_COLUMNS, VISIT_EXAMPLE, VisitAnswer, visit_rows
from api.http.words import (
    Answer,
    AnswerPosition,
    Body,
    Certainty,
    DefaultStay,
    Digits,
    Id,
    Instant,
    Kind,
    Left,
    MinMinutes,
    NewUuid,
    PathId,
    QueryInstant,
    QueryPerson,
    ShortText,
    Text,
)
from application.contacts import overlap_row
from domain.contacts import Overlap
from domain.errors import Refused, Unknown
from domain.times import Seconds
from domain.venues import Venue
from infrastructure.registers import VenueRow

router = APIRouter(prefix="/v1/venues", tags=["venues"])


class NewVenue(Body):
    name: ShortText = Field(examples=["Quán cà phê Hoa Sữa"])
    kind: Kind
    commune: Annotated[str, Field(pattern=r"^\d{3,5}$", examples=["00001"], description="Official code, November 2021")]
    code: Id | None = Field(None, examples=["HN-0001"])
    registered_at: Instant | None = None
    address: Text | None = None
    default_stay_minutes: DefaultStay | None = None
    venue_id: NewUuid | None = None


class VenueChanges(Body):
    name: Left[ShortText] = None
    default_stay_minutes: Left[DefaultStay] = Field(None, examples=[90])


class VenueAnswer(Answer):
    venue_id: UUID
    code: str | None
    name: str
    kind: str
    commune: str | None
    address: str | None
    default_stay_minutes: int
    position: AnswerPosition


_COLUMNS: Final = columns_of(VenueAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "venue_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "code": "HN-0001", "name": "Quán cà phê Hoa Sữa",
    "kind": "restaurant", "commune": "00001", "address": None, "default_stay_minutes": 60, "position": 17,
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


_OVERLAP_EXAMPLE = {
    "person_a": "phone:+84912345678", "person_b": "ref:ABC-1", "start": "2021-08-30T02:00:00Z",
    "end": "2021-08-30T02:20:00Z", "seconds": 1200, "certainty": "certain", "visits_a": ["pccovid:8841"],
    "visits_b": ["pccovid:8850"],
}  # fmt: skip
_OVERLAP_COLUMNS = tuple(OverlapAnswer.model_fields)


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def register(venue: NewVenue, truyvet: App, once: Writing, response: Response) -> VenueAnswer:
    """Register a venue. The same again is found, not made twice."""
    given: dict[str, Any] = venue.model_dump()
    recorded = once.record(lambda by: truyvet.venues.register(**given, by=by), UUID)
    response.headers["Location"] = f"/v1/venues/{recorded.id}"
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("", response_model=Page[VenueAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def venues(truyvet: App, position: RegisterPosition, listing: List) -> Response:
    """As they are now, in the order of their registration."""
    return listing.answer_in_order(position, InOrder(truyvet.registers.venues.page, _listed, _COLUMNS))


@router.patch("/{venue_id}", responses=problems(400, 403, 404, 409, 413, 415))
def amend(venue_id: PathId, changes: VenueChanges, truyvet: App, once: Writing) -> VenueAnswer:
    """Change a venue's name or default stay; what is left out stays."""
    given: dict[str, Any] = changes.model_dump()
    recorded = once.record(lambda by: truyvet.venues.amend(venue_id, **given, by=by), UUID)
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("/{venue_id}", responses=problems(404, 504))
def get(venue_id: PathId, truyvet: App, position: LogPosition) -> VenueAnswer:
    """A venue, by its id or code."""
    return _shown(truyvet, truyvet.venues.get(venue_id).id, position)


@router.get("/{venue_id}/visits", response_model=Page[VisitAnswer],
            responses=problems(404, 504) | list_responses(VISIT_EXAMPLE, VISIT_COLUMNS))  # fmt: skip
def visits(
    venue_id: PathId,
    truyvet: App,
    position: ListedPosition,
    listing: List,
    start: Annotated[QueryInstant, Query(alias="from")],
    end: Annotated[QueryInstant, Query(alias="to")],
) -> Response:
    """Who was there in `[from, to)`, by check-in; without a known check-out for the default stay."""
    _check_window(start, end)
    _, found = truyvet.contacts.visits_of_venue(venue_id, start, end, as_of=position)
    return listing.answer(position, visit_rows(found))


@router.get("/{venue_id}/overlaps", response_model=Page[OverlapAnswer],
            responses=problems(404, 504) | list_responses(_OVERLAP_EXAMPLE, _OVERLAP_COLUMNS))  # fmt: skip
def overlaps(
    venue_id: PathId,
    truyvet: App,
    position: ListedPosition,
    listing: List,
    start: Annotated[QueryInstant, Query(alias="from")],
    end: Annotated[QueryInstant, Query(alias="to")],
    person: Annotated[QueryPerson | None, Query(description="Only this person's pairs; by `id:` or `ref:`")] = None,
    min_minutes: Annotated[MinMinutes, Digits] = 0,
) -> Response:
    """Who were there together in `[from, to)`, by start."""
    _, found = truyvet.contacts.overlaps(venue_id, start, end, person=person, min_minutes=min_minutes, as_of=position)
    return listing.answer(position, Rows(found, _overlap_key, overlap_row, _OVERLAP_COLUMNS))


def _overlap_key(overlap: Overlap) -> object:
    return overlap.visits_a, overlap.visits_b


def _check_window(start: Seconds, end: Seconds) -> None:
    if end <= start:
        raise Refused("the window ends after it begins")


def _shown(truyvet: Truyvet, venue_id: UUID, position: int) -> VenueAnswer:
    venue = truyvet.log.load(Venue, venue_id, position)
    if venue is None:
        raise Unknown("there is no venue with that code or id")
    return VenueAnswer(
        venue_id=venue.id, code=venue.code, name=venue.name, kind=venue.kind, commune=venue.commune,
        address=venue.address, default_stay_minutes=venue.default_stay_minutes, position=position,
    )  # fmt: skip


def _listed(rows: Sequence[VenueRow]) -> list[dict[str, Any]]:
    return [VenueAnswer.model_validate(row, from_attributes=True).model_dump(mode="json") for row in rows]
