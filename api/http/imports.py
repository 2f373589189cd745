"""Files of facts: taken in as they arrive, of any size in bounded memory; listed, and retracted as a whole."""

import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import anyio
from anyio import from_thread, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Body as InBody
from pydantic import Field
from starlette.requests import ClientDisconnect

from api.http.given import App, By, Writing
from api.http.lists import InOrder, List, Page, RegisterPosition, columns_of, list_responses
from api.http.problems import problem, problems
from api.http.words import Answer, Body, DefaultStay, Digits, Flag, PathUuid, Text
from domain.times import from_datetime, to_text
from infrastructure.imports import DiallerFormat, Outcome
from infrastructure.lines import Unreadable
from infrastructure.registers import ImportRow

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

    import_id: UUID | None = Field(description="null when the file brought nothing new")
    read: int
    recorded: int
    completed: int
    duplicates: int
    rejected: int
    seconds: float
    position: int
    rejects: list[RejectAnswer]


class ListedImport(Answer):
    """The end and the counts are null while it runs, and when it was killed."""

    import_id: UUID
    kind: str
    begun_at: str
    ended_at: str | None
    sha256: str | None
    read: int | None
    recorded: int | None
    completed: int | None
    duplicates: int | None
    rejected: int | None
    failure: str | None = Field(description="Why reading stopped before the end, if it did")
    retracted_at: str | None
    actor: str | None
    position: int = Field(description="That of its first event")


_COLUMNS: Final = columns_of(ListedImport)
_EXAMPLE: Final[dict[str, Any]] = {
    "import_id": "9d2f4b61-0c57-4e0e-8d0b-3f1b7c2a6e55", "kind": "visits", "begun_at": "2021-08-30T02:00:00Z",
    "ended_at": "2021-08-30T02:00:07Z", "sha256": "0" * 64, "read": 2, "recorded": 1, "completed": 0, "duplicates": 1,
    "rejected": 0, "failure": None, "retracted_at": None, "actor": "local", "position": 17,
}  # fmt: skip


class ImportRetraction(Body):
    reason: Text | None = None


class ImportRetracted(Answer):
    import_id: UUID
    position: int


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
    """Whatever kind it is said to be: the content tells."""
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
    told = "The content tells what it is; Content-Type may be any of these, another or none."
    return {"requestBody": {"required": True, "description": told, "content": content}}


@router.post(
    "/visits",
    response_model=ImportAnswer,
    responses=problems(403),
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
    responses=problems(403),
    openapi_extra=_body("person,from,until", "ref:ABC-1,2021-08-30T09:00:00+07:00,"),
)
async def quarantines(file: File, turn: Turn, truyvet: App, by: By) -> Response | dict[str, Any]:
    """CSV with the header `person,from,until`, or NDJSON of the same names; also gzipped. `until` may be empty."""
    rejects = Rejects()
    work = partial(truyvet.imports.assigned_quarantines, file, by=by, reject=rejects.keep)
    return _answer(await to_thread.run_sync(work, limiter=turn), rejects)


@router.post(
    "/dispositions",
    response_model=ImportAnswer,
    responses=problems(403),
    openapi_extra=_body("call_id,outcome,at", "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10,reached,2021-09-01T09:00:00+07:00"),
)
async def dispositions(
    file: File,
    turn: Turn,
    truyvet: App,
    by: By,
    format: Annotated[DiallerFormat, Query(description="What wrote the file")] = DiallerFormat.generic,  # noqa: A002 # the parameter's name
) -> Response | dict[str, Any]:
    """What came of calls: CSV headed `call_id,outcome,at[,notes,call_back_at]` among other columns, or NDJSON; or as
    VICIdial or Asterisk writes it. The same attempt again is a duplicate."""
    rejects = Rejects()
    work = partial(truyvet.imports.dispositions, file, format, by=by, reject=rejects.keep)
    return _answer(await to_thread.run_sync(work, limiter=turn), rejects)


@router.get("", response_model=Page[ListedImport],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def imports(truyvet: App, position: RegisterPosition, listing: List) -> Response:
    """As they are now, in the order in which they began; a file that brought nothing new is not among them."""
    return listing.answer_in_order(position, InOrder(truyvet.registers.imports.page, _listed, _COLUMNS))


@router.post("/{import_id}/retraction", responses=problems(400, 403, 404, 409, 413, 415))
def retract(
    import_id: PathUuid,
    truyvet: App,
    once: Writing,
    retraction: Annotated[ImportRetraction, InBody()] = ImportRetraction(),  # noqa: B008 # nobody changes it
) -> ImportRetracted:
    """Let what the import brought no longer count; it stays in the log. The same again continues, or is found."""
    recorded = once.record(lambda by: truyvet.retraction.retract(import_id, retraction.reason, by), UUID, in_parts=True)
    return ImportRetracted(import_id=recorded.id, position=recorded.position)


def _listed(rows: Sequence[ImportRow]) -> list[dict[str, Any]]:
    return [_shown(row).model_dump(mode="json") for row in rows]


def _shown(row: ImportRow) -> ListedImport:
    return ListedImport(
        import_id=row.import_id, kind=row.kind, begun_at=to_text(from_datetime(row.begun_at)),
        ended_at=_text(row.ended_at), sha256=row.sha256, read=row.read, recorded=row.recorded,
        completed=row.completed, duplicates=row.duplicates, rejected=row.rejected, failure=row.failure,
        retracted_at=_text(row.retracted_at), actor=row.actor, position=row.position,
    )  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(from_datetime(moment))


def _answer(outcome: Outcome, rejects: Rejects) -> Response | dict[str, Any]:
    import_id = None if outcome.import_id is None else str(outcome.import_id)
    answer = {"import_id": import_id} | outcome.as_dict() | {"rejects": rejects.kept}
    return answer if outcome.failure is None else problem(422, outcome.failure, more=answer)
