"""Scans at the door: check-ins and check-outs, live or delivered later, many in one commit."""

from dataclasses import replace
from typing import Annotated, Any, Final, NamedTuple, cast

from fastapi import APIRouter, Request, Response
from fastapi import Body as InBody
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from api.app import Truyvet
from api.http.access import Who, true_visit_id
from api.http.gathering import Gathering
from api.http.given import App, Once, Writing
from api.http.lists import JSON, HeadPosition, List, ListedPosition, Page, list_responses
from api.http.problems import problems
from api.http.rush import RushRoute
from api.http.visits import (
    VISIT_COLUMNS,
    VISIT_EXAMPLE,
    VisitAnswer,
    VisitorAnswer,
    VisitRecorded,
    rows_seen_by,
)
from api.http.words import Answer, Body, Id, Instant, PathId, PersonName, Scanned, Whole
from application import scans
from application.callers import Caller
from application.contacts import nobody_to_check_out
from application.log import Recorded
from application.people import Description
from domain.errors import Forbidden, HasLeft, TruyvetError
from domain.personal_qr import CARD, parse_personal_qr
from domain.visits import ASSURANCES, LARGEST_CLOCK_ERROR, Scan

router = APIRouter(prefix="/v1", tags=["scans"])
rush = APIRouter(prefix="/v1", tags=["scans"], route_class=RushRoute)

NEW: Final = "-"
"""Stands for the id of a visit that is still to be found."""


def _one_of(*names: str) -> dict[str, Any]:
    """Exactly one of these, and not null."""
    return {"oneOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in names]}


Assurance = Annotated[str, Field(json_schema_extra={"enum": list(ASSURANCES)}, pattern=f"^({'|'.join(ASSURANCES)})$")]
ClockError = Annotated[
    int,
    Field(
        ge=-LARGEST_CLOCK_ERROR,
        le=LARGEST_CLOCK_ERROR,
        description="Seconds that the device's clock is ahead of true time, estimated; `at` is what it showed",
    ),
    Whole,
]


class Visitor(Body):
    """Who, by name or by the text of a personal QR code; where, by code or id or by the text of the QR code there."""

    model_config = ConfigDict(
        json_schema_extra={"allOf": [_one_of("venue", "qr_code"), _one_of("person", "personal_qr")]}
    )

    venue: Id | None = Field(None, examples=["HN-0001"], description="The venue's code or id")
    qr_code: Scanned | None = Field(None, description="The text of the venue's QR code, instead of `venue`")
    person: PersonName | None = None
    personal_qr: Scanned | None = Field(None, description="The text of the visitor's QR code, instead of `person`")
    at: Instant | None = Field(None, description="Now when left out")
    clock_error_seconds: ClockError | None = None

    @model_validator(mode="after")
    def _names_each_once(self) -> "Visitor":
        if (self.venue is None) == (self.qr_code is None):
            raise PydanticCustomError("venue", "give the venue, or the text of its qr_code")
        if (self.person is None) == (self.personal_qr is None):
            raise PydanticCustomError("person", "give the person, or the text of a personal_qr")
        return self


class CheckIn(Visitor):
    visit_id: Id | None = None
    source: Id | None = Field(None, description="The system that the fact came from")
    assurance: Assurance | None = Field(None, description="How sure it is who came")
    device: Id | None = Field(None, description="The scanning device's id, of which a keyed hash is kept")


class CheckOut(Body):
    at: Instant | None = Field(None, description="Now when left out")
    clock_error_seconds: ClockError | None = None


class Closing(Body):
    at: Instant | None = Field(None, description="Now when left out")


class CheckedOut(Answer):
    checked_out: int = Field(description="How many were still there")
    position: int


Door = Gathering[scans.AnyScan, Recorded | TruyvetError]


def _door(request: Request) -> Door:
    return cast("Door", request.app.state.door)


@rush.post("/check-ins", status_code=201, response_model=VisitRecorded,
             responses=problems(400, 403, 404, 409, 413, 415))  # fmt: skip
async def check_in(visit: CheckIn, once: Writing, request: Request) -> Response:
    """Record that a person came to a venue. The same again gives the same answer."""
    truyvet, who, door = once.truyvet, once.who, _door(request)
    visitor = _named(visit, who)
    arrival = scans.CheckIn(
        visitor.person,
        await _venue(visit, truyvet),
        visit.at,
        visit_id=visit.visit_id,
        scan=Scan(visit.assurance or visitor.assurance, visit.clock_error_seconds, _hashed(visit.device, truyvet)),
        delegated=who.is_at_a_door,
        also=visitor.also,
        description=visitor.description,
        admits=who.reaches,
        by=once.provenance if visit.source is None else replace(once.provenance, source=visit.source),
    )
    return _answer(_told(await door(arrival), once, visit.visit_id), 201)


@rush.post("/visits/{visit_id}/check-out", response_model=VisitRecorded,
             responses=problems(400, 403, 404, 409, 413, 415))  # fmt: skip
async def check_out(
    visit_id: PathId,
    once: Writing,
    request: Request,
    left: Annotated[CheckOut, InBody()] = CheckOut(),  # noqa: B008 # frozen
) -> Response:
    """Record when the person left. Without `at`, the same X-Request-Id or Idempotency-Key gives the same answer."""
    departure = scans.CheckOut(
        true_visit_id(request, visit_id), left.at, left.clock_error_seconds, delegated=once.who.is_at_a_door,
        by=once.provenance,
    )  # fmt: skip
    return _answer(_told(await _door(request)(departure), once, visit_id), 200)


@router.post("/check-outs", response_model=VisitRecorded, responses=problems(400, 403, 404, 409, 413, 415, 504))
async def check_out_visitor(visitor: Visitor, once: Writing, request: Request, _: HeadPosition) -> Response:
    """Record when a person left a venue: the check-out of the person's last visit there."""
    truyvet, who = once.truyvet, once.who
    venue = await _venue(visitor, truyvet)
    left = scans.CheckOut(NEW, visitor.at, visitor.clock_error_seconds, delegated=who.is_at_a_door, by=once.provenance)
    departure = await run_in_threadpool(_departure, truyvet, who, _named(visitor, who).person, venue, left)
    answer = await _door(request)(departure)
    if isinstance(answer, HasLeft) and who.is_at_a_door:  # to them, who was there before looks like who never came
        raise nobody_to_check_out()
    return _answer(_told(answer, once), 200)


@router.post("/venues/{venue_id}/check-outs", responses=problems(400, 403, 404, 409, 413, 415, 504))
def check_out_all(
    venue_id: PathId,
    truyvet: App,
    once: Writing,
    _: HeadPosition,
    left: Annotated[Closing, InBody()] = Closing(),  # noqa: B008 # frozen
) -> CheckedOut:
    """Record that everybody who is still there left: at closing time."""
    recorded = once.record(lambda by: truyvet.doors.check_out_all(venue_id, left.at, by), in_parts=True)
    return CheckedOut(checked_out=int(recorded.id), position=recorded.position)


@router.get("/venues/{venue_id}/open-visits", response_model=Page[VisitAnswer] | Page[VisitorAnswer],
            responses=problems(404, 504) | list_responses(VISIT_EXAMPLE, VISIT_COLUMNS))  # fmt: skip
def open_visits(venue_id: PathId, truyvet: App, position: ListedPosition, listing: List, who: Who) -> Response:
    """Who is there now: neither checked out nor seen elsewhere since.

    Managers and guards see names and phones at a checkpoint, declaration codes at any other venue; guards none of those
    who have left, whatever position they ask for.
    """
    now = truyvet.visits.now()
    _, found = truyvet.contacts.open_visits(venue_id, now, as_of=position)
    rows = rows_seen_by(who, truyvet, found)
    if who.role == "guard":
        _, there = truyvet.contacts.open_visits(venue_id, now)
        still = {truyvet.visibility.alias(visit.visit_id) for visit in there}
        rows = replace(rows, kept=lambda visit: visit.visit_id in still)
    return listing.answer(position, rows)


def _departure(truyvet: Truyvet, who: Caller, person: str, venue: str, left: scans.CheckOut) -> scans.CheckOut:
    who.reach(venue)
    return truyvet.doors.departure(person, venue, left)


class _Named(NamedTuple):
    person: str
    also: tuple[str, ...] = ()
    description: Description | None = None
    assurance: str | None = None


def _named(visit: Visitor, who: Caller) -> _Named:
    """The visitor. What a phone shows is as sure as the phone; what a guard is told is not sure at all."""
    if visit.personal_qr is None:
        person = str(visit.person)
        if who.is_at_a_door and person.startswith("id:"):
            raise Forbidden("this key may not name people by id:")
        return _Named(person, assurance="none" if who.is_at_a_door else None)
    shown = parse_personal_qr(visit.personal_qr)
    # a phone may be that of a whole household: it says how to reach somebody, not who it is
    phones = [identity for identity in shown.identities if identity.startswith("phone:")]
    person, *also = [identity for identity in shown.identities if identity not in phones] or phones
    description = {"name": shown.name, "birth_date": shown.birth_date}
    if phones:
        description["phone"] = phones[0].removeprefix("phone:")
    return _Named(person, tuple(also), description, "document" if shown.format == CARD else "phone")


async def _venue(visit: Visitor, truyvet: Truyvet) -> str:
    """Its name. Raises what is wrong with a QR code."""
    if visit.qr_code is None:
        return str(visit.venue)
    at = truyvet.visits.now() if visit.at is None else visit.at - (visit.clock_error_seconds or 0)
    return str(await run_in_threadpool(truyvet.qr_codes.read, visit.qr_code, at))


def _hashed(device: str | None, truyvet: Truyvet) -> str | None:
    return None if device is None else truyvet.vault.pseudonym("device", device).hex()


def _told(answer: Recorded | TruyvetError, once: Once, name: str | None = None) -> Recorded | TruyvetError:
    """With the visit as who asks called it; who stands at a door is not told what others called it."""
    if isinstance(answer, TruyvetError) or not once.who.is_at_a_door:
        return answer
    return answer._replace(id=name or once.truyvet.visibility.alias(answer.id))


def _answer(answer: Recorded | TruyvetError, status: int) -> Response:
    if isinstance(answer, TruyvetError):
        raise answer
    # nothing in an id needs escaping
    return Response(f'{{"visit_id":"{answer.id}","position":{answer.position}}}', status, media_type=JSON)
