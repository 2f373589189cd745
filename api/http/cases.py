"""Cases: confirmed, amended, isolated, withdrawn; their contacts."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import networkx as nx
from fastapi import APIRouter, Query, Request, Response
from fastapi import Body as InBody
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.app import Truyvet
from api.http.contacts import CONTACT_COLUMNS, CONTACT_EXAMPLE, ContactAnswer, contact_rows, is_certain
from api.http.given import App, Writing
from api.http.lists import (
    JSON,
    POSITION_HEADER,
    AsOf,
    InOrder,
    InOrderAsOf,
    List,
    ListedPosition,
    LogPosition,
    Page,
    RegisterAsOf,
    ViewPosition,
    accepted,
    columns_of,
    list_responses,
)
from api.http.problems import problems
from api.http.words import (
    Answer,
    AnswerPosition,
    Body,
    Certainty,
    Day,
    Digits,
    Flag,
    Instant,
    Left,
    Levels,
    MinMinutes,
    NewUuid,
    PathUuid,
    PersonName,
    Rules,
    Text,
)
from domain.cases import Case
from domain.rules import DEFAULT_RULES, CaseDates, rule_set
from domain.times import Seconds, from_datetime, to_text
from infrastructure.registers import CaseRow

router = APIRouter(prefix="/v1/cases", tags=["cases"])

GRAPHML = "application/graphml+xml"


def _needs(*names: str) -> dict[str, Any]:
    """One of these at least, and not null."""
    return {"anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in names]}


class NewCase(Body):
    model_config = ConfigDict(json_schema_extra=_needs("onset", "sampled"))

    person: PersonName
    onset: Day | None = Field(None, description="The date of first symptoms; else `sampled` is needed")
    sampled: Day | None = Field(None, description="The date of the positive sample")
    isolated_at: Instant | None = None
    cleared_at: Instant | None = None
    rules: Rules = DEFAULT_RULES
    levels: Left[Levels] = Field(None, description="So deep its contacts are kept; as deep as usual when left out")
    case_id: NewUuid | None = None

    @model_validator(mode="after")
    def _has_a_first_sign(self) -> "NewCase":
        if self.onset is None and self.sampled is None:
            raise PydanticCustomError("no_date", "a case needs the date of onset or of the positive sample")
        return self


class Amendment(Body):
    """What is left out stays; a date of null is unknown again."""

    onset: Day | None = None
    sampled: Day | None = None
    isolated_at: Instant | None = None
    cleared_at: Instant | None = None
    rules: Left[Rules] = None


class Isolation(Body):
    at: Instant


class Withdrawal(Body):
    reason: Text


class Closure(Body):
    reason: Text | None = None


class WindowAnswer(Answer):
    """`to` is null while nothing is known to close it."""

    start: str = Field(alias="from")
    end: str | None = Field(alias="to")


class CaseAnswer(Answer):
    case_id: UUID
    person: str
    person_id: UUID
    rules: str
    window: WindowAnswer
    onset: str | None
    sampled: str | None
    isolated_at: str | None
    cleared_at: str | None
    withdrawn: bool
    closed: bool
    levels: int
    position: AnswerPosition


_COLUMNS: Final = columns_of(CaseAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "case_id": "5b0d6d3e-52a3-4b8e-8f0e-2f7c9b1f3a10", "person": "phone:+84912345678",
    "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "rules": DEFAULT_RULES,
    "window": {"from": "2021-08-27T17:00:00Z", "to": None}, "onset": "2021-08-30", "sampled": None,
    "isolated_at": None, "cleared_at": None, "withdrawn": False, "closed": False,
    "levels": 2, "position": 17,
}  # fmt: skip


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def confirm(case: NewCase, truyvet: App, once: Writing, response: Response) -> CaseAnswer:
    """Confirm a case; its rule set gives the window of F0."""
    dates = CaseDates(case.onset, case.sampled, case.isolated_at, case.cleared_at)
    recorded = once.record(
        lambda by: truyvet.cases.confirm(
            case.person, dates, case.rules, levels=case.levels, case_id=case.case_id, by=by
        ),
        UUID,
    )
    response.headers["Location"] = f"/v1/cases/{recorded.id}"
    return _shown(truyvet, recorded.id, recorded.position)


@router.get("", response_model=Page[CaseAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def cases(truyvet: App, position: RegisterAsOf, listing: List, as_of: AsOf = None) -> Response:
    """In the order of their confirmation, as they are now or were as of a position."""
    read = truyvet.registers.cases.page
    if as_of is None:
        return listing.answer_in_order(position, InOrder(read, partial(_listed, truyvet), _COLUMNS))
    return listing.answer_as_of(position, InOrderAsOf(read, partial(_listed_then, truyvet), _COLUMNS))


@router.get("/{case_id}", responses=problems(404, 504))
def get(case_id: PathUuid, truyvet: App, position: LogPosition) -> CaseAnswer:
    return _shown(truyvet, case_id, position)


@router.post("/{case_id}/amendment", responses=problems(400, 403, 404, 409, 413, 415))
def amend(case_id: PathUuid, amendment: Amendment, truyvet: App, once: Writing) -> CaseAnswer:
    """Change the dates that are given."""
    changes: dict[str, Any] = amendment.model_dump(exclude_unset=True)
    recorded = once.record(lambda by: truyvet.cases.amend(case_id, **changes, by=by), UUID)
    return _shown(truyvet, case_id, recorded.position)


@router.post("/{case_id}/isolation", responses=problems(400, 403, 404, 409, 413, 415))
def isolate(case_id: PathUuid, isolation: Isolation, truyvet: App, once: Writing) -> CaseAnswer:
    """Record when the person was isolated."""
    recorded = once.record(lambda by: truyvet.cases.isolate(case_id, isolation.at, by=by), UUID)
    return _shown(truyvet, case_id, recorded.position)


@router.post("/{case_id}/withdrawal", responses=problems(400, 403, 404, 409, 413, 415))
def withdraw(case_id: PathUuid, withdrawal: Withdrawal, truyvet: App, once: Writing) -> CaseAnswer:
    """It was no case; it has no contacts any more."""
    recorded = once.record(lambda by: truyvet.cases.withdraw(case_id, withdrawal.reason, by=by), UUID)
    return _shown(truyvet, case_id, recorded.position)


@router.post("/{case_id}/closure", responses=problems(400, 403, 404, 409, 413, 415))
def close(
    case_id: PathUuid,
    truyvet: App,
    once: Writing,
    closure: Annotated[Closure, InBody()] = Closure(),  # noqa: B008 # nobody changes it
) -> CaseAnswer:
    """Its contacts are traced no more; the list stays as it is."""
    recorded = once.record(lambda by: truyvet.cases.close(case_id, closure.reason, by=by), UUID)
    return _shown(truyvet, case_id, recorded.position)


@router.post("/{case_id}/reopening", responses=problems(400, 403, 404, 409, 413))
def reopen(case_id: PathUuid, truyvet: App, once: Writing) -> CaseAnswer:
    """Its contacts are kept up again, with what became known meanwhile."""
    recorded = once.record(lambda by: truyvet.cases.reopen(case_id, by=by), UUID)
    return _shown(truyvet, case_id, recorded.position)


@router.get("/{case_id}/contacts", response_model=Page[ContactAnswer],
            responses=problems(404, 504) | list_responses(CONTACT_EXAMPLE, CONTACT_COLUMNS))  # fmt: skip
def contacts(
    case_id: PathUuid,
    truyvet: App,
    position: ListedPosition,
    listing: List,
    levels: Annotated[Levels, Digits] = 2,
    min_minutes: Annotated[MinMinutes | None, Digits, Query(description="That of the rule set when left out")] = None,
    certainty: Certainty | None = None,
    evidence: Annotated[Flag, Query(description="With each encounter; not in CSV")] = False,
) -> Response:
    """F1, F2, … by level, exposed_at and person."""
    with truyvet.log.together():
        question = truyvet.contacts.question_of_case(case_id, position, levels=levels, min_minutes=min_minutes)
        found = truyvet.contacts.listed(question, position, certain=is_certain(certainty), evidence=evidence)
        return listing.answer(position, contact_rows(found, evidence=evidence))


_GRAPH_EXAMPLE = {
    "directed": True, "multigraph": True, "graph": {"position": 17},
    "nodes": [{"level": 0, "id": "ref:ABC-1"}], "edges": [],
}  # fmt: skip


@router.get("/{case_id}/contact-graph", response_model=dict[str, Any],
            responses=problems(404, 504) | {200: {
                "description": "Node-link JSON, or GraphML",
                "content": {JSON: {"example": _GRAPH_EXAMPLE}, GRAPHML: {"schema": {"type": "string"}}},
            }})  # fmt: skip
def contact_graph(
    case_id: PathUuid,
    request: Request,
    truyvet: App,
    position: ViewPosition,
    levels: Annotated[Levels, Digits] = 2,
    min_minutes: Annotated[MinMinutes | None, Digits, Query(description="That of the rule set when left out")] = None,
) -> Response:
    """F0 → F1 → F2 … with every encounter as an edge."""
    found = truyvet.contacts.of_case(case_id, levels=levels, min_minutes=min_minutes, as_of=position, evidence=True)
    graph = found.graph()
    graph.graph["position"] = position
    headers = {POSITION_HEADER: str(position), "Vary": "Accept"}
    if accepted(request, (JSON, GRAPHML)) == GRAPHML:
        return Response("\n".join(nx.generate_graphml(graph)), media_type=GRAPHML, headers=headers)
    return JSONResponse(nx.node_link_data(graph, edges="edges"), headers=headers)


def _shown(truyvet: Truyvet, case_id: UUID, position: int) -> CaseAnswer:
    case: Case = truyvet.cases.get(case_id, position)
    person = truyvet.people.identities([case.person])[case.person]
    return _answer(case, case_id=case_id, person_id=case.person, person=person, dates=case.dates, position=position)


def _listed(truyvet: Truyvet, rows: Sequence[CaseRow]) -> list[dict[str, Any]]:
    people = truyvet.people.identities({row.person_id for row in rows})
    return [
        _answer(
            row, case_id=row.case_id, person_id=row.person_id, person=people[row.person_id], dates=_dates(row),
            position=row.position,
        ).model_dump(mode="json")
        for row in rows
    ]  # fmt: skip


def _listed_then(truyvet: Truyvet, rows: Sequence[CaseRow], position: int) -> list[dict[str, Any]]:
    found = truyvet.log.load_many(Case, [row.case_id for row in rows], position)
    people = truyvet.people.identities({row.person_id for row in rows})
    return [
        _answer(
            found[row.case_id], case_id=row.case_id, person_id=row.person_id, person=people[row.person_id],
            dates=found[row.case_id].dates, position=row.position,
        ).model_dump(mode="json")
        for row in rows
    ]  # fmt: skip


def _dates(row: CaseRow) -> CaseDates:
    return CaseDates(row.onset, row.sampled, _seconds(row.isolated_at), _seconds(row.cleared_at))


def _answer(
    case: Case | CaseRow, *, case_id: UUID, person_id: UUID, person: str, dates: CaseDates, position: int
) -> CaseAnswer:
    window = rule_set(case.rules).window(dates)
    return CaseAnswer(
        case_id=case_id,
        person=person,
        person_id=person_id,
        rules=case.rules,
        window=WindowAnswer.model_validate({"from": to_text(window.start), "to": _text(window.end)}),
        onset=None if dates.onset is None else dates.onset.isoformat(),
        sampled=None if dates.sampled is None else dates.sampled.isoformat(),
        isolated_at=_text(dates.isolated_at),
        cleared_at=_text(dates.cleared_at),
        withdrawn=case.withdrawn,
        closed=case.closed,
        levels=case.levels,
        position=position,
    )


def _seconds(moment: datetime | None) -> Seconds | None:
    return None if moment is None else from_datetime(moment)


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)
