"""Visits: correction and retraction; and how a visit is listed."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from api.app import Truyvet
from api.http.given import App, Writing
from api.http.lists import Rows
from api.http.problems import problems
from api.http.words import Answer, Body, Instant, Left, PathId, Text
from application.callers import Caller
from application.contacts import NamedVisit
from application.log import Recorded
from application.provenance import Provenance
from application.visibility import SeenVisit
from domain.times import to_text

router = APIRouter(prefix="/v1", tags=["visits"])


class Correction(Body):
    """What is left out stays as it is; a check-out of null makes it unknown again."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["check_in"]}, {"required": ["check_out"]}]})

    check_in: Left[Instant] = None
    check_out: Instant | None = None
    reason: Text

    @model_validator(mode="after")
    def _names_a_time(self) -> "Correction":
        if not self.model_fields_set & {"check_in", "check_out"}:
            raise PydanticCustomError("nothing_changes", "a correction names check_in or check_out")
        return self


class Retraction(Body):
    reason: Text


class VisitRecorded(Answer):
    visit_id: str
    position: int


class VisitAnswer(Answer):
    """`overlapping` are the same person's visits elsewhere at the same time."""

    visit_id: str
    person: str
    person_id: UUID
    venue: str
    venue_id: UUID
    check_in: str
    check_out: str | None
    overlapping: list[str]


VISIT_COLUMNS: Final = tuple(VisitAnswer.model_fields)
VISIT_EXAMPLE: Final[dict[str, Any]] = {
    "visit_id": "pccovid:8841", "person": "phone:+84912345678", "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10",
    "venue": "HN-0001", "venue_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "check_in": "2021-08-30T02:00:00Z",
    "check_out": None, "overlapping": [],
}  # fmt: skip


class VisitorAnswer(Answer):
    """What managers and guards see: name and phone at a checkpoint, as far as they are known, and a declaration code
    at any other kind of venue, the same at every visit of the person there. `visit_id` is an alias that they may use.
    """

    visit_id: str
    name: str | None
    phone: str | None
    declaration_code: str | None
    venue: str
    venue_id: UUID
    check_in: str
    check_out: str | None


VISITOR_COLUMNS: Final = tuple(VisitorAnswer.model_fields)


@router.post("/visits/{visit_id}/correction", responses=problems(400, 403, 404, 409, 413, 415))
def correct(visit_id: PathId, correction: Correction, truyvet: App, once: Writing) -> VisitRecorded:
    """Count the visit with other times; what was recorded stays in the log."""
    check_out = correction.check_out if "check_out" in correction.model_fields_set else ...

    def record(by: Provenance) -> Recorded:
        return truyvet.visits.correct(
            visit_id, check_in=correction.check_in, check_out=check_out, reason=correction.reason, by=by
        )

    return _answer(once.record(record))


@router.post("/visits/{visit_id}/retraction", responses=problems(400, 403, 404, 409, 413, 415))
def retract(visit_id: PathId, retraction: Retraction, truyvet: App, once: Writing) -> VisitRecorded:
    """Let the visit no longer count; it stays in the log."""
    return _answer(once.record(lambda by: truyvet.visits.retract(visit_id, retraction.reason, by)))


def _answer(recorded: Recorded) -> VisitRecorded:
    return VisitRecorded(visit_id=recorded.id, position=recorded.position)


def visit_rows(visits: list[NamedVisit]) -> Rows[NamedVisit]:
    return Rows(visits, lambda visit: visit.visit_id, _shown, VISIT_COLUMNS)


def rows_seen_by(who: Caller, truyvet: Truyvet, visits: list[NamedVisit]) -> Rows[Any]:
    """The visits of a venue as application/visibility.py says."""
    if who.sees_person_ids:
        return visit_rows(visits)
    return Rows(truyvet.visibility.seen(who, visits), lambda visit: visit.visit_id, _seen, VISITOR_COLUMNS)


def _seen(visit: SeenVisit) -> dict[str, Any]:
    return {
        "visit_id": visit.visit_id,
        "name": visit.name,
        "phone": visit.phone,
        "declaration_code": visit.declaration_code,
        "venue": visit.venue,
        "venue_id": str(visit.venue_id),
        "check_in": to_text(visit.check_in),
        "check_out": None if visit.check_out is None else to_text(visit.check_out),
    }


def _shown(visit: NamedVisit) -> dict[str, Any]:
    return {
        "visit_id": visit.visit_id,
        "person": visit.person,
        "person_id": str(visit.person_id),
        "venue": visit.venue,
        "venue_id": str(visit.venue_id),
        "check_in": to_text(visit.check_in),
        "check_out": None if visit.check_out is None else to_text(visit.check_out),
        "overlapping": list(visit.overlapping),
    }
