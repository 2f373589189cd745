"""Requests take turns: so many of a kind are worked on at once, some more wait a moment, the others are sent away.

A process that takes in whatever comes answers nobody in time, and no check-in while it traces. What is sent away has
done nothing, and may come again. A request has its turn while it is worked on: neither while it waits for a position
nor while its client reads the answer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

import anyio
from anyio import CapacityLimiter, WouldBlock
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.access import is_open
from api.http.problems import problem
from api.http.requests import STREAMED
from domain.errors import Unavailable

QUESTIONS, CHECK_INS, WRITES = "questions", "check_ins", "writes"

LONGEST_WAIT_SECONDS: Final = 2.0

_WAITING: Final = 16
"""So many wait for each that is worked on."""

_CHECK_INS_AT_ONCE: Final = 125  # they are recorded together
_WRITES_AT_ONCE: Final = 8
_MOST_ASIDE: Final = 100
_CHECK_IN_PATHS: Final = ("/v1/check-ins", "/v1/check-outs")
_READS: Final = ("GET", "HEAD")
_LIVE: Final = (b"content-type", b"text/event-stream")

_detail: Final = "there is more to do than can be done now; try again"


class Turns:
    """Of one kind of requests."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._limiter = CapacityLimiter(at_once)
        self._most_waiting = waiting
        self.aside = 0
        self.refused = 0

    async def take(self, request: object) -> bool:
        """Whether it is the request's turn, perhaps after a moment."""
        try:
            self._limiter.acquire_on_behalf_of_nowait(request)
        except WouldBlock:
            return await self._wait(request)
        return True

    async def _wait(self, request: object) -> bool:
        if self._limiter.statistics().tasks_waiting < self._most_waiting:
            with anyio.move_on_after(LONGEST_WAIT_SECONDS):
                await self._limiter.acquire_on_behalf_of(request)
                return True
        self.refused += 1
        return False

    async def take_at_last(self, request: object) -> None:
        await self._limiter.acquire_on_behalf_of(request)

    def leave(self, request: object) -> None:
        self._limiter.release_on_behalf_of(request)


def all_turns(questions_at_once: int) -> dict[str, Turns]:
    return {
        QUESTIONS: Turns(questions_at_once, _WAITING * questions_at_once),
        CHECK_INS: Turns(_CHECK_INS_AT_ONCE, _CHECK_INS_AT_ONCE),
        WRITES: Turns(_WRITES_AT_ONCE, _WAITING * _WRITES_AT_ONCE),
    }


class TakingTurns:
    """503 for those that are sent away. Health and documents are always answered; imports have turns of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]) or scope["path"] in STREAMED:
            await self.app(scope, receive, send)
            return
        turns: Turns = scope["app"].state.turns[_kind(scope["method"], scope["path"])]
        await _Request(self.app, turns).answer(scope, receive, send)


class _Request:
    def __init__(self, app: ASGIApp, turns: Turns) -> None:
        self.app = app
        self.turns = turns
        self.is_live = False
        self._has_turn = False

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self.take():
            await problem(503, _detail)(scope, receive, send)
            return
        _answered.set(self)
        try:
            await self.app(scope, receive, lambda message: self.send(send, message))
        finally:
            self.leave()

    async def take(self) -> bool:
        self._has_turn = await self.turns.take(self)
        return self._has_turn

    def leave(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self.turns.leave(self)

    async def send(self, send: Send, message: Message) -> None:
        """What is followed live goes on without a turn; each piece of a long list takes one."""
        if message["type"] == "http.response.start":
            self.is_live = any(name == _LIVE[0] and kind.startswith(_LIVE[1]) for name, kind in message["headers"])
            await send(message)
            return
        self.leave()
        await send(message)
        if message.get("more_body", False) and not self.is_live:
            await self.turns.take_at_last(self)
            self._has_turn = True


_answered: Final[ContextVar[_Request | None]] = ContextVar("_answered", default=None)


@asynccontextmanager
async def aside() -> AsyncIterator[None]:
    """While the request only waits, it is others' turn. Raises Unavailable when too many do, now or afterwards."""
    request = _answered.get()
    if request is None:
        yield
        return
    if request.turns.aside >= _MOST_ASIDE:
        request.turns.refused += 1
        raise Unavailable(_detail)
    request.leave()
    request.turns.aside += 1
    try:
        yield
    finally:
        request.turns.aside -= 1
    if not await request.take():
        raise Unavailable(_detail)


def _kind(method: str, path: str) -> str:
    if method in _READS or path == "/v1/traces":
        return QUESTIONS
    return CHECK_INS if path in _CHECK_IN_PATHS or path.endswith("/check-out") else WRITES
