"""How the list of a case changed, what differs between two positions, and why somebody is in it."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.case_rows import change_row, difference_row, evidence_row
from api.http.contacts import CONTACT_EXAMPLE, EncounterAnswer
from api.http.given import App
from api.http.lists import (
    List,
    ListedPosition,
    Page,
    PolicyPosition,
    Rows,
    ViewPosition,
    columns_of,
    list_responses,
)
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Certainty, PathPerson, PathUuid, QueryAsOf
from api.reports.words import Language
from application.as_of import position_as_of

router = APIRouter(prefix="/v1/cases", tags=["cases"])


class CauseAnswer(Answer):
    """The event that led to a change."""

    position: int
    type: str
    recorded_at: str
    in_words: str


class ExposureAnswer(Answer):
    """A contact as the log keeps it: people by id; `visits` are evidence, `as_of` the position it was computed at."""

    level: int
    exposed_at: str
    last_exposed_at: str
    encounters: int
    contact_seconds: int
    certainty: Certainty
    via: list[UUID]
    visits: list[str]
    rules: str
    rules_version: str
    as_of: int


class ChangeAnswer(Answer):
    """`change` is added, revised or withdrawn."""

    change: str
    person: str
    person_id: UUID
    level: int
    position: int
    recorded_at: str
    cause: CauseAnswer | None
    in_words: str
    before: ExposureAnswer | None
    after: ExposureAnswer | None


class KnownContact(Answer):
    level: int
    exposed_at: str
    encounters: int
    contact_seconds: int
    via: list[str]
    certainty: Certainty


class DifferenceAnswer(Answer):
    """`change` is added, revised or withdrawn."""

    change: str
    person: str
    person_id: UUID
    before: KnownContact | None
    after: KnownContact | None


class EvidenceVisit(Answer):
    """`check_out` is null where none is known: then the end of the stay was imputed."""

    visit_id: str
    person: str
    venue: str
    check_in: str
    check_out: str | None
    observed: bool


class ExplainedEncounter(EncounterAnswer):
    minutes: float


class RulesAnswer(Answer):
    name: str
    version: str
    min_minutes: int
    clause: str
    source: str


class EvidenceAnswer(Answer):
    """`path` leads from F0 to the contact, a hop for each level; `encounters` are all that qualify."""

    person: str
    person_id: UUID
    level: int
    exposed_at: str
    encounters: int
    contact_seconds: int
    via: list[str]
    certainty: Certainty
    rules: RulesAnswer
    path: list[ExplainedEncounter]
    evidence: list[ExplainedEncounter]
    visits: list[EvidenceVisit]
    position: AnswerPosition


_EXPOSURE: Final[dict[str, Any]] = {
    "level": 1, "exposed_at": "2021-08-30T02:00:00Z", "last_exposed_at": "2021-08-30T02:20:00Z", "encounters": 1,
    "contact_seconds": 1200, "certainty": "certain", "via": ["5b0d6d3e-52a3-4b8e-8f0e-2f7c9b1f3a10"],
    "visits": ["pccovid:8841", "pccovid:8842"], "rules": "vn-11042", "rules_version": "2021-12-29", "as_of": 17,
}  # fmt: skip
_CAUSE: Final[dict[str, Any]] = {
    "position": 17, "type": "Case.Confirmed", "recorded_at": "2021-08-31T02:00:00.000001Z",
    "in_words": "case confirmed recorded on 2021-08-31 09:00",
}  # fmt: skip
_CHANGE_COLUMNS: Final = columns_of(ChangeAnswer)
_CHANGE: Final[dict[str, Any]] = {
    "change": "added", "person": "phone:+84912345678", "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "level": 1,
    "position": 19, "recorded_at": "2021-08-31T02:00:00.200000Z", "cause": _CAUSE,
    "in_words": "added: case confirmed recorded on 2021-08-31 09:00", "before": None, "after": _EXPOSURE,
}  # fmt: skip
_CONTACT: Final = {name: value for name, value in CONTACT_EXAMPLE.items() if not name.startswith("person")}
_DIFFERENCE_COLUMNS: Final = columns_of(DifferenceAnswer)
_DIFFERENCE: Final[dict[str, Any]] = {
    "change": "added", "person": "phone:+84912345678", "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10",
    "before": None, "after": _CONTACT,
}  # fmt: skip


@router.get("/{case_id}/history", response_model=Page[ChangeAnswer],
            responses=problems(404, 504) | list_responses(_CHANGE, _CHANGE_COLUMNS))  # fmt: skip
def history(
    case_id: PathUuid,
    truyvet: App,
    position: PolicyPosition,
    listing: List,
    lang: Annotated[Language, Query()] = Language.en,
) -> Response:
    """How the list changed, each change with the event that caused it; `wait_for` an event and what comes of it."""
    found = truyvet.case_history.changes(case_id, position)
    rows = Rows(found, lambda change: change.position, lambda change: change_row(change, lang), _CHANGE_COLUMNS)
    return listing.answer(position, rows)


@router.get("/{case_id}/difference", response_model=Page[DifferenceAnswer],
            responses=problems(404, 504) | list_responses(_DIFFERENCE, _DIFFERENCE_COLUMNS))  # fmt: skip
def difference(
    case_id: PathUuid, truyvet: App, position: ListedPosition, listing: List, since: Annotated[QueryAsOf, Query()]
) -> Response:
    """What is otherwise as of `as_of` (now when left out) than it was as of `since`."""
    found = truyvet.case_history.difference(case_id, position_as_of(truyvet.log, since), position)
    return listing.answer(position, Rows(found, lambda one: one.person_id, difference_row, _DIFFERENCE_COLUMNS))


@router.get("/{case_id}/contacts/{person_id}/evidence", responses=problems(404, 504))
def evidence(case_id: PathUuid, person_id: PathPerson, truyvet: App, position: ViewPosition) -> EvidenceAnswer:
    """Why a person is a contact: the path from F0, each encounter, what was observed and what imputed, the clause."""
    return EvidenceAnswer.model_validate(evidence_row(truyvet.case_history.evidence(case_id, person_id, position)))
