"""The log itself: a page, the whole of it as a stream, or live as server-sent events."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from api.app import Truyvet
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
from api.http.problems import OUTAGES, problems
from api.http.words import Answer, Digits, NewUuid, Position
from application.access_keys import AccessKeys
from infrastructure.log import EventLog, RecordedEvent
from infrastructure.mapper import EVENTS as TYPES

router = APIRouter(prefix="/v1/events", tags=["events"])

_BATCH = 1_000
_LOOK_AT_VIEW_SECONDS = 0.05
_LOOK_AT_LOG_SECONDS = 0.4  # and at the key: what is known of one may be half a second old
_HEARTBEAT_SECONDS: Final = 15.0


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
    last_event_id: Annotated[str | None, Header(pattern="^[0-9]{1,18}$")] = None,
) -> Response:
    """In the order of positions. `Accept: text/event-stream` follows the log live, from `Last-Event-ID` if given."""
    wanted = Wanted(truyvet.log, type, stream)
    if accepted(request, (JSON, EVENTS)) == EVENTS:
        return _live(truyvet, who.key_id, wanted, int(last_event_id or after), request.app.state.stopping)
    return listing.answer_in_order(position, InOrder(wanted.read, _shown, _COLUMNS), after)


def _shown(found: Sequence[RecordedEvent]) -> list[dict[str, Any]]:
    return [event.as_dict() for event in found]


def _live(truyvet: Truyvet, key_id: UUID, wanted: Wanted, after: int, stopping: threading.Event) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}
    return StreamingResponse(_follow(truyvet, key_id, wanted, after, stopping), media_type=EVENTS, headers=headers)


async def _follow(
    truyvet: Truyvet, key_id: UUID, wanted: Wanted, after: int, stopping: threading.Event
) -> AsyncIterator[bytes]:
    """Until the reader goes, the key ends or the server stops; while the database is away nothing new is known."""
    yield b": the log from here\n\n"
    told = time.monotonic()
    while not stopping.is_set():
        is_live, found, after = await run_in_threadpool(_news, truyvet.access_keys, key_id, wanted, after)
        if not is_live:
            return
        if found:
            yield "".join(map(_sent, found)).encode()
            told = time.monotonic()
        elif time.monotonic() - told > _HEARTBEAT_SECONDS:
            yield b":\n\n"
            told = time.monotonic()
        if len(found) < _BATCH:
            await _until_moved(truyvet, after, stopping)


class _News(NamedTuple):
    """Whether the key is still good, what is new, and the position up to which everything is told then."""

    is_live: bool
    found: Sequence[RecordedEvent]
    after: int


def _news(keys: AccessKeys, key_id: UUID, wanted: Wanted, after: int) -> _News:
    try:
        if not keys.is_live(key_id):
            return _News(False, [], after)
        head = wanted.log.head()
        found = wanted.read(after, _BATCH, until=head)
    except OUTAGES:
        return _News(True, [], after)
    return _News(True, found, max(after, head if len(found) < _BATCH else found[-1].position))


async def _until_moved(truyvet: Truyvet, after: int, stopping: threading.Event) -> None:
    """The view of this process hears of an append at once; the log is looked at now and then all the same."""
    deadline = time.monotonic() + _LOOK_AT_LOG_SECONDS
    while truyvet.graph.position <= after and not stopping.is_set() and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_AT_VIEW_SECONDS)


def _sent(event: RecordedEvent) -> str:
    return f"id: {event.position}\ndata: {json.dumps(event.as_dict(), ensure_ascii=False)}\n\n"
