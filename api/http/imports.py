"""Files of facts, taken in as they arrive, of any size in bounded memory."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio
from anyio import from_thread, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.http.given import App, By
from api.http.problems import problem, problems
from api.http.words import Answer, DefaultStay, Digits, Flag
from infrastructure.imports import Outcome
from infrastructure.lines import Unreadable

router = APIRouter(prefix="/v1/imports", tags=["imports"])

AT_ONCE = 4
"""Imports that one process works on at a time; others wait their turn."""

MOST_REJECTS = 1_000

_BUFFER = 1 << 16
_KINDS = ("text/csv", "application/x-ndjson", "application/gzip", "application/octet-stream")


class RejectAnswer(Answer):
    line: int
    reason: str


class ImportAnswer(Answer):
    """`read = recorded + completed + duplicates + rejected`; `rejects` are the first thousand refused lines."""

    import_id: UUID | None = Field(None, description="null when the file brought nothing new")
    read: int
    recorded: int
    completed: int
    duplicates: int
    rejected: int
    seconds: float
    position: int
    rejects: list[RejectAnswer]


@dataclass(slots=True)
class Rejects:
    """Line numbers and reasons, without the lines, which are personal."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, line: int, reason: str, _: bytes) -> None:
        if len(self.kept) < MOST_REJECTS:
            self.kept.append({"line": line, "reason": reason})


class Upload(io.RawIOBase):
    """A request's body as a file, for a worker thread to read while the rest is still on its way."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left and not self._ended:
            self._left = from_thread.run(self._next)
            self._ended = not self._left
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    async def _next(self) -> bytes:
        """The next bytes; none at the end. Raises Unreadable when the sender went away."""
        try:
            async for chunk in self._chunks:
                if chunk:
                    return chunk
        except ClientDisconnect:
            raise Unreadable("the upload ended before the file did") from None
        return b""


async def _upload(request: Request) -> io.BufferedReader:
    """A kind that a web page cannot send without asking first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        raise HTTPException(415, f"send the file as {', '.join(_KINDS)}", {"Accept": ", ".join(_KINDS)})
    return io.BufferedReader(Upload(request.stream()), _BUFFER)


async def _turn(request: Request) -> anyio.CapacityLimiter:
    limiter: anyio.CapacityLimiter = request.app.state.imports
    return limiter


File = Annotated[io.BufferedReader, Depends(_upload)]
Turn = Annotated[anyio.CapacityLimiter, Depends(_turn)]


def _body(columns: str, line: str) -> dict[str, Any]:
    """A file is no value with a schema: it is read line by line, and each line is taken or refused."""
    content: dict[str, dict[str, Any]] = {kind: {"schema": {}} for kind in _KINDS}
    content["text/csv"]["example"] = f"{columns}\n{line}\n"
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/visits",
    response_model=ImportAnswer,
    response_model_exclude_unset=True,
    responses=problems(413, 415),
    openapi_extra=_body(
        "person,venue,check_in,check_out",
        "ref:ABC-1,HN-0001,2021-08-30T09:00:00+07:00,2021-08-30T09:30:00+07:00",
    ),
)
async def visits(
    file: File,
    turn: Turn,
    truyvet: App,
    by: By,
    register_venues: Flag = False,
    default_stay: Annotated[
        DefaultStay | None, Digits, Query(description="Minutes, of the venues that `register_venues` creates")
    ] = None,
) -> Response | dict[str, Any]:
    """CSV headed `person,venue,check_in,check_out[,visit_id,source]`, or NDJSON of the same names; also gzipped."""
    rejects = Rejects()
    work = partial(
        truyvet.imports.visits, file, register_venues=register_venues, default_stay_minutes=default_stay, by=by,
        reject=rejects.keep,
    )  # fmt: skip
    return _answer(await to_thread.run_sync(work, limiter=turn), rejects)


@router.post(
    "/quarantines",
    response_model=ImportAnswer,
    response_model_exclude_unset=True,
    responses=problems(413, 415),
    openapi_extra=_body("person,from,until", "ref:ABC-1,2021-08-30T09:00:00+07:00,"),
)
async def quarantines(file: File, turn: Turn, truyvet: App, by: By) -> Response | dict[str, Any]:
    """CSV with the header `person,from,until`, or NDJSON of the same names; also gzipped. `until` may be empty."""
    rejects = Rejects()
    work = partial(truyvet.imports.assigned_quarantines, file, by=by, reject=rejects.keep)
    return _answer(await to_thread.run_sync(work, limiter=turn), rejects)


def _answer(outcome: Outcome, rejects: Rejects) -> Response | dict[str, Any]:
    answer = outcome.as_dict() | {"rejects": rejects.kept}
    return answer if outcome.failure is None else problem(422, outcome.failure, more=answer)
