"""Around every request: its id, the bound of its body, its line in the log, and an answer when all else fails."""

import re
import secrets
import time
import traceback
from itertools import count
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem

LARGEST_BODY: Final = 1_000_000
"""Bytes of a JSON body."""

STREAMED: Final = frozenset({"/v1/imports/visits", "/v1/imports/quarantines", "/v1/imports/dispositions"})
"""Bodies sent there are of any size, and are read as they come."""

_PROCESS: Final = secrets.token_hex(12)
_numbers: Final = count()

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_DEEPEST = 12  # innermost frames of a failure that the log shows

_logger = structlog.get_logger(__name__)


class Requests:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Request(self.app, scope, receive, send).answer()
        else:
            await self.app(scope, receive, send)


class _Request:
    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.app = app
        self.scope = scope
        self.headers = Headers(scope=scope)
        self.id = _request_id(self.headers)
        self._receive = receive
        self._send = send
        self._status = 0
        self._received = 0

    async def answer(self) -> None:
        started = time.perf_counter()
        self.scope.setdefault("state", {})["request_id"] = self.id
        try:
            await self.app(self.scope, self.receive, self.send)
        except Exception as error:  # nobody else would answer, and nothing internal may be said
            _logger.error("a request failed", request_id=self.id, **_where(error))
            if self._status:
                raise
            detail = "something went wrong here; the request id finds it in the log"
            await problem(500, detail)(self.scope, self.receive, self.send)
        finally:
            self._log(time.perf_counter() - started)

    async def receive(self) -> Message:
        self._refuse_beyond(int(self.headers.get("content-length", 0)))
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._refuse_beyond(self._received)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self.id
        await self._send(message)

    def _refuse_beyond(self, size: int) -> None:
        if size > LARGEST_BODY and self.scope["path"] not in STREAMED:
            raise HTTPException(413, "a JSON body has at most 1 MB", {"Connection": "close"})

    def _log(self, seconds: float) -> None:
        """The route's template and no path, query or body: they may name people."""
        _logger.info(
            "request",
            method=self.scope["method"],
            route=getattr(self.scope.get("route"), "path", None),
            status=self._status,
            milliseconds=round(1000 * seconds, 1),
            request_id=self.id,
        )


def _request_id(headers: Headers) -> str:
    """Given, else the idempotency key of a write, so that it is known again, else one that no other request has."""
    for name in ("x-request-id", "idempotency-key"):
        if _REQUEST_ID.fullmatch(headers.get(name, "")):
            return headers[name]
    return f"{_PROCESS}{next(_numbers):08x}"


def _where(error: Exception) -> dict[str, object]:
    """Type and place of a failure; its text may repeat what a person said."""
    frames = traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
    return {"error": type(error).__name__, "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
