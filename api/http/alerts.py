"""Alerts: the breaches of quarantines, listed or live as server-sent events, and what is on its way to others."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.app import Truyvet
from api.http.access import Who
from api.http.given import App, Writing
from api.http.lists import (
    EVENTS,
    JSON,
    FollowedAsOf,
    InOrder,
    InOrderAsOf,
    List,
    LogPosition,
    Page,
    accepted,
    columns_of,
    list_responses,
)
from api.http.live import LastEventId, Source, Told, live
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Body, Digits, Flag, PathPosition, Position, Text
from domain.quarantines import Quarantine
from domain.times import from_datetime, to_text
from infrastructure.outbox import Alert
from infrastructure.registers import BreachRow

router = APIRouter(prefix="/v1", tags=["alerts"])


class State(StrEnum):
    """`completed`: the end of the quarantine came, and nobody had dismissed it."""

    open = "open"
    dismissed = "dismissed"
    completed = "completed"


class Dismissal(Body):
    reason: Text


class AlertAnswer(Answer):
    """A breach: by a check-in, whose visit and venue are its evidence, or by a position, whose distance is.

    `level` is that of the exposure that the quarantine was assigned from, `dismissed` why it is none.
    """

    alert_id: int
    state: State
    quarantine_id: str
    person: str
    person_id: UUID
    level: int | None
    kind: str
    at: str
    visit_id: str | None
    venue_id: UUID | None
    distance_metres: int | None
    dismissed: str | None
    position: AnswerPosition


class Dismissed(Answer):
    alert_id: int
    position: AnswerPosition


class DeliveryAnswer(Answer):
    """`content` is what is posted; `failure` is why that failed last."""

    position: AnswerPosition
    type: str
    content: dict[str, Any]
    attempts: int
    due_at: str
    failure: str | None
    delivered_at: str | None


_COLUMNS: Final = columns_of(AlertAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "alert_id": 17, "state": "open", "quarantine_id": "CDC:2021-17", "person": "phone:+84912345678",
    "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "level": 1, "kind": "check_in",
    "at": "2021-08-30T02:00:00Z", "visit_id": "pccovid:8841", "venue_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e",
    "distance_metres": None, "dismissed": None, "position": 17,
}  # fmt: skip
_DELIVERY_COLUMNS: Final = columns_of(DeliveryAnswer)
_DELIVERY_EXAMPLE: Final[dict[str, Any]] = {
    "position": 17, "type": "Quarantine.Breached", "content": {"data": {"quarantine_id": "CDC:2021-17"}},
    "attempts": 1, "due_at": "2021-08-30T02:00:00Z", "failure": None, "delivered_at": "2021-08-30T02:00:00Z",
}  # fmt: skip


@router.get("/alerts", response_model=Page[AlertAnswer], responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))
def alerts(
    request: Request,
    truyvet: App,
    who: Who,
    position: FollowedAsOf,
    listing: List,
    after: Annotated[Position, Digits] = 0,
    last_event_id: LastEventId = None,
) -> Response:
    """In the order in which they were raised. `Accept: text/event-stream` tells each as it is raised and again when it
    is dismissed, from `Last-Event-ID` if given."""
    if accepted(request, (JSON, EVENTS)) == EVENTS:
        return live(request, truyvet.access_keys, who.key_id, _news(truyvet), int(last_event_id or after))
    found = InOrderAsOf(truyvet.registers.breaches.page, partial(_listed, truyvet), _COLUMNS)
    return listing.answer_as_of(position, found, after)


@router.post("/alerts/{alert_id}/dismissal", responses=problems(400, 403, 404, 409, 413, 415))
def dismiss(alert_id: PathPosition, dismissal: Dismissal, truyvet: App, once: Writing) -> Dismissed:
    """It was no breach, for a reason that is sealed with the person's key. The same again is found."""
    recorded = once.record(lambda by: truyvet.adherence.dismiss(alert_id, dismissal.reason, by))
    return Dismissed(alert_id=alert_id, position=recorded.position)


@router.get("/outbox", response_model=Page[DeliveryAnswer],
            responses=problems(504) | list_responses(_DELIVERY_EXAMPLE, _DELIVERY_COLUMNS))  # fmt: skip
def outbox(
    truyvet: App, position: LogPosition, listing: List, delivered: Annotated[Flag | None, Query()] = None
) -> Response:
    """The alerts that are posted to whom the server was told, as they are now, in the order of their events."""
    read = partial(truyvet.outbox.page, delivered=delivered)
    return listing.answer_in_order(position, InOrder(read, _deliveries, _DELIVERY_COLUMNS))


def _news(truyvet: Truyvet) -> Source:
    def read(after: int, limit: int, until: int) -> list[Told]:
        rows = truyvet.registers.breaches.news(after, limit, until=until)
        items = _listed(truyvet, rows, until)
        return [Told(row.changed, item) for row, item in zip(rows, items, strict=True)]

    registers = truyvet.registers
    return Source(read, lambda: registers.position, lambda: registers.status.position)


def _listed(truyvet: Truyvet, rows: Sequence[BreachRow], position: int) -> list[dict[str, Any]]:
    people = truyvet.people.identities({row.person_id for row in rows})
    quarantines = truyvet.log.load_many(Quarantine, {row.stream for row in rows}, position)
    return [_answer(row, people[row.person_id], quarantines[row.stream]).model_dump(mode="json") for row in rows]


def _answer(row: BreachRow, person: str, quarantine: Quarantine) -> AlertAnswer:
    """As the breach was when the quarantine was as it is here."""
    dismissed = quarantine.adherence.breaches[row.number].dismissed
    return AlertAnswer(
        alert_id=row.position,
        state=State.dismissed if dismissed else State.completed if quarantine.is_completed else State.open,
        quarantine_id=quarantine.quarantine_id,
        person=person,
        person_id=row.person_id,
        level=quarantine.grounds.level,
        kind=row.kind,
        at=_text(row.at),
        visit_id=row.visit_id,
        venue_id=row.venue_id,
        distance_metres=row.distance_metres,
        dismissed=dismissed,
        position=row.position,
    )


def _deliveries(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    return [
        DeliveryAnswer(
            position=alert.position,
            type=alert.content["type"],
            content=alert.content,
            attempts=alert.attempts,
            due_at=_text(alert.due_at),
            failure=alert.failure,
            delivered_at=None if alert.delivered_at is None else _text(alert.delivered_at),
        ).model_dump(mode="json")
        for alert in alerts
    ]


def _text(moment: datetime) -> str:
    return to_text(from_datetime(moment))
