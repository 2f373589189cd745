"""Lists that are followed live, as server-sent events, each with its position as its id."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.http.lists import EVENTS
from api.http.problems import OUTAGES
from application.access_keys import AccessKeys

LastEventId = Annotated[str | None, Header(pattern="^[0-9]{1,18}$")]

_BATCH = 1_000
_LOOK_SECONDS = 0.05
_LOOK_AT_LOG_SECONDS = 0.4  # and at the key: what is known of one may be half a second old
_HEARTBEAT_SECONDS: Final = 15.0


class Told(NamedTuple):
    position: int
    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the news come from."""

    read: Callable[[int, int, int], Sequence[Told]]
    """``read(after, limit, until)`` gives at most ``limit`` with positions in ``(after, until]``, in order."""
    head: Callable[[], int]
    """The position up to which everything can be read."""
    heard: Callable[[], int]
    """The same as this process knows it without asking: it may be late."""


def live(request: Request, keys: AccessKeys, key_id: UUID, source: Source, after: int) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"}
    followed = follow(keys, key_id, source, after, request.app.state.stopping)
    return StreamingResponse(followed, media_type=EVENTS, headers=headers)


async def follow(
    keys: AccessKeys, key_id: UUID, source: Source, after: int, stopping: threading.Event
) -> AsyncIterator[bytes]:
    """Until the reader goes, the key ends or the server stops; while the database is away nothing new is known."""
    yield b": what comes from here on\n\n"
    told = time.monotonic()
    while not stopping.is_set():
        is_live, found, after = await run_in_threadpool(_news, keys, key_id, source, after)
        if not is_live:
            return
        if found:
            yield "".join(map(_sent, found)).encode()
            told = time.monotonic()
        elif time.monotonic() - told > _HEARTBEAT_SECONDS:
            yield b":\n\n"
            told = time.monotonic()
        if len(found) < _BATCH:
            await _until_moved(source, after, stopping)


class _News(NamedTuple):
    """Whether the key is still good, what is new, and the position up to which everything is told then."""

    is_live: bool
    found: Sequence[Told]
    after: int


def _news(keys: AccessKeys, key_id: UUID, source: Source, after: int) -> _News:
    try:
        if not keys.is_live(key_id):
            return _News(False, [], after)
        head = source.head()
        found = source.read(after, _BATCH, head)
    except OUTAGES:
        return _News(True, [], after)
    return _News(True, found, max(after, head if len(found) < _BATCH else found[-1].position))


async def _until_moved(source: Source, after: int, stopping: threading.Event) -> None:
    """This process hears of an append at once; the log is looked at now and then all the same."""
    deadline = time.monotonic() + _LOOK_AT_LOG_SECONDS
    while source.heard() <= after and not stopping.is_set() and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)


def _sent(told: Told) -> str:
    return f"id: {told.position}\ndata: {json.dumps(told.item, ensure_ascii=False)}\n\n"
