"""The log itself: a page, the whole of it as a stream, or live as server-sent events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.http.access import Who
from api.http.given import App
from api.http.lists import (
    EVENTS,
    JSON,
    InOrder,
    List,
    LogPosition,
    Page,
    accepted,
    columns_of,
    list_responses,
)
from api.http.live import LastEventId, Source, Told, live
from api.http.problems import problems
from api.http.words import Answer, Digits, NewUuid, Position
from infrastructure.log import EventLog, RecordedEvent
from infrastructure.mapper import EVENTS as TYPES

router = APIRouter(prefix="/v1/events", tags=["events"])


class EventAnswer(Answer):
    position: int
    recorded_at: str
    type: str
    schema_: int = Field(alias="schema")
    stream: UUID
    version: int
    happened_at: str
    actor: str | None
    on_behalf_of: str | None
    source: str | None
    cause: int | None
    correlation: str | None
    basis: str | None
    data: dict[str, Any]


_COLUMNS = columns_of(EventAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "position": 17, "recorded_at": "2021-08-30T02:00:00.123456Z", "type": "Visit.CheckedIn", "schema": 1,
    "stream": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "version": 1, "happened_at": "2021-08-30T02:00:00Z",
    "actor": "local", "on_behalf_of": None, "source": None, "cause": None, "correlation": "c0ffee", "basis": None,
    "data": {"visit_id": "pccovid:8841"},
}  # fmt: skip


def _known_type(name: str) -> str:
    if name not in TYPES:
        raise PydanticCustomError("no_type", "there are no events of that type")
    return name


EventType = Annotated[str, AfterValidator(_known_type), Field(json_schema_extra={"enum": sorted(TYPES)})]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The events of that type and stream after a position; None for all."""

    log: EventLog
    topic: str | None
    stream: UUID | None

    def read(self, after: int, limit: int, *, until: int) -> list[RecordedEvent]:
        events = self.log.read(after, limit, topic=self.topic, stream=self.stream)
        return [event for event in events if event.position <= until]

    def told(self, after: int, limit: int, until: int) -> list[Told]:
        return [Told(event.position, event.as_dict()) for event in self.read(after, limit, until=until)]


@router.get("", response_model=Page[EventAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def events(
    request: Request,
    truyvet: App,
    who: Who,
    position: LogPosition,
    listing: List,
    after: Annotated[Position, Digits] = 0,
    type: Annotated[EventType | None, Query()] = None,  # noqa: A002 # the contract's word
    stream: Annotated[NewUuid | None, Query()] = None,
    last_event_id: LastEventId = None,
) -> Response:
    """In the order of positions. `Accept: text/event-stream` follows the log live, from `Last-Event-ID` if given."""
    wanted = Wanted(truyvet.log, type, stream)
    if accepted(request, (JSON, EVENTS)) == EVENTS:
        source = Source(wanted.told, truyvet.log.head, lambda: truyvet.graph.position)
        return live(request, truyvet.access_keys, who.key_id, source, int(last_event_id or after))
    return listing.answer_in_order(position, InOrder(wanted.read, _shown, _COLUMNS), after)


def _shown(found: Sequence[RecordedEvent]) -> list[dict[str, Any]]:
    return [event.as_dict() for event in found]
