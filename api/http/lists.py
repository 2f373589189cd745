"""Reads: the position that they answer for, and lists as pages or as streams.

A page says where the next begins with a cursor: the position it is pinned to, the key of its last row and the question
that it belongs to. Keys and questions are hashed, since a cursor travels in URLs and logs.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Annotated, Any, Final, Generic, Protocol, TypeVar

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from api.app import Truyvet
from api.csv_cells import csv_line
from api.http.given import App
from api.http.turns import aside
from api.http.words import Answer, Digits, Position, QueryAsOf
from application.as_of import position_as_of
from domain.errors import Malformed, TimedOut
from domain.times import LATEST, Seconds

T = TypeVar("T")
PlacedT = TypeVar("PlacedT", bound="Placed")
PlacedT_co = TypeVar("PlacedT_co", bound="Placed", covariant=True)

LONGEST_WAIT_SECONDS: Final = 9.5
"""With the way there and back, within the 10 s of the contract."""
MOST_ITEMS: Final = 10_000
JSON, CSV, NDJSON, EVENTS = "application/json", "text/csv", "application/x-ndjson", "text/event-stream"
POSITION_HEADER: Final = "X-Position"

_LOOK_AGAIN_SECONDS = 0.01
_ROWS_AT_ONCE = 500
_READ_AT_ONCE = 1_000
_DIGITS = 18


class Page(Answer, Generic[T]):
    items: list[T]
    next: str | None
    position: int


class Cursor(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    position: Position = Field(alias="p")
    key: str = Field(alias="k", max_length=64)
    question: str = Field(alias="q", max_length=64)
    instant: Annotated[int, Field(ge=0, le=LATEST)] | None = Field(None, alias="t")
    """Of a list whose order changes with time: when it was sorted."""

    number: Annotated[int, Field(ge=1, le=LATEST)] | None = Field(None, alias="n")
    """How many rows came up to there, so that the place need not be looked for."""

    @property
    def place(self) -> int:
        """The key, where it is a position. Raises Malformed."""
        if not (self.key.isascii() and self.key.isdecimal() and len(self.key) <= _DIGITS):
            raise Malformed("that is no cursor of ours")
        return int(self.key)

    def text(self) -> str:
        said = self.model_dump_json(by_alias=True, exclude_none=True)
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    try:
        padded = text + "=" * (-len(text) % 4)
        return Cursor.model_validate_json(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, ValidationError):
        raise Malformed("that is no cursor of ours") from None


def digest(*parts: object) -> str:
    return blake2b(json.dumps(parts, default=str).encode(), digest_size=16).hexdigest()


def _every(_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """A whole list: ``key`` tells its rows apart, ``shown`` writes one out; ``columns`` are those of the CSV.

    Rows that are not to be ``kept`` have their place in the list, and are not written out.
    """

    rows: Sequence[T]
    key: Callable[[T], object]
    shown: Callable[[T], dict[str, Any]]
    columns: Sequence[str]
    kept: Callable[[T], bool] = _every

    def written(self, rows: Iterable[T]) -> Iterator[dict[str, Any]]:
        return map(self.shown, filter(self.kept, rows))


class Placed(Protocol):
    @property
    def position(self) -> int: ...


class Read(Protocol[PlacedT_co]):
    def __call__(self, after: int, limit: int, *, until: int) -> Sequence[PlacedT_co]:
        """At most ``limit`` rows with positions in ``(after, until]``, in that order."""


@dataclass(frozen=True, slots=True)
class InOrder(Generic[PlacedT]):
    """A list in the order of positions, of any length: read and written out piece by piece."""

    read: Read[PlacedT]
    shown: Callable[[Sequence[PlacedT]], list[dict[str, Any]]]
    columns: Sequence[str]

    def all(self, after: int, until: int) -> Iterator[dict[str, Any]]:
        while rows := self.read(after, _READ_AT_ONCE, until=until):
            yield from self.shown(rows)
            after = rows[-1].position


@dataclass(frozen=True, slots=True)
class InOrderAsOf(Generic[PlacedT]):
    """The same, with each row shown as it was at the position of the list, whatever became of it since."""

    read: Read[PlacedT]
    shown: Callable[[Sequence[PlacedT], int], list[dict[str, Any]]]
    columns: Sequence[str]

    def at(self, position: int) -> InOrder[PlacedT]:
        return InOrder(self.read, lambda rows: self.shown(rows, position), self.columns)


@dataclass(frozen=True, slots=True)
class Listing:
    """How much of a list is wanted, in which form, and after which row."""

    limit: int
    cursor: Cursor | None
    question: str
    media_type: str

    def answer(self, position: int, found: Rows[T]) -> Response:
        if self.media_type == JSON:
            return self.page(position, found)
        return stream(self.media_type, position, found.columns, found.written(found.rows))

    def page(self, position: int, found: Rows[T]) -> Response:
        first = 0 if self.cursor is None else self._place_after(self.cursor, found)
        last = first + self.limit
        rows = found.rows[first:last]
        following = None
        if last < len(found.rows):
            following = self.cursor_after(position, digest(found.key(rows[-1])), number=last)
        return page(position, list(found.written(rows)), following)

    def answer_in_order(self, position: int, found: InOrder[PlacedT], after: int = 0) -> Response:
        """The rows after a position, up to the one that the first page was pinned to."""
        if self.media_type != JSON:
            return stream(self.media_type, position, found.columns, found.all(after, position))
        if self.cursor is not None:
            position, after = self._pinned(position), self.cursor.place
        rows = found.read(after, self.limit + 1, until=position)
        shown = rows[: self.limit]
        following = self.cursor_after(position, str(shown[-1].position)) if len(rows) > len(shown) else None
        return page(position, found.shown(shown), following)

    def answer_as_of(self, position: int, found: InOrderAsOf[PlacedT], after: int = 0) -> Response:
        pinned = self._pinned(position)
        return self.answer_in_order(pinned, found.at(pinned), after)

    def _pinned(self, position: int) -> int:
        """The position of the first page; a stream is all of the list, and begins anew."""
        if self.cursor is None or self.media_type != JSON:
            return position
        return min(self.cursor.position, position)

    def cursor_after(self, position: int, key: str, instant: Seconds | None = None, number: int | None = None) -> str:
        return Cursor(p=position, k=key, q=self.question, t=instant, n=number).text()

    def _place_after(self, cursor: Cursor, found: Rows[T]) -> int:
        known = cursor.number or 0
        if any(digest(found.key(row)) == cursor.key for row in found.rows[max(known - 1, 0) : known]):
            return known
        for place, row in enumerate(found.rows, start=1):
            if digest(found.key(row)) == cursor.key:
                return place
        raise Malformed("that is no cursor of ours")


def page(position: int, items: list[dict[str, Any]], following: str | None) -> Response:
    headers = {POSITION_HEADER: str(position), "Vary": "Accept"}
    return JSONResponse({"items": items, "next": following, "position": position}, headers=headers)


def stream(media_type: str, position: int, columns: Sequence[str], items: Iterable[dict[str, Any]]) -> Response:
    """The whole list, written as it is read."""
    lines = csv_lines(columns, items) if media_type == CSV else map(_json_line, items)
    headers = {POSITION_HEADER: str(position), "Vary": "Accept"}
    return StreamingResponse(_blocks(lines), media_type=media_type, headers=headers)


def csv_lines(columns: Sequence[str], items: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield csv_line(columns)
    for item in items:
        yield csv_line([item[column] for column in columns])


def _json_line(item: dict[str, Any]) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"


def _blocks(lines: Iterator[str]) -> Iterator[bytes]:
    while block := "".join(islice(lines, _ROWS_AT_ONCE)):
        yield block.encode()


def accepted(request: Request, offers: Sequence[str]) -> str:
    """The offer that the Accept header likes best; the first one when it likes none or all the same."""
    wishes = dict(_wish(part) for part in request.headers.get("accept", "*/*").split(","))
    return max(offers, key=lambda offer: _liking(offer, wishes))


def _liking(offer: str, wishes: Mapping[str, float]) -> tuple[float, int]:
    """How much, and how expressly; the most express wish counts."""
    for expressly, pattern in ((2, offer), (1, offer.partition("/")[0] + "/*"), (0, "*/*")):
        if pattern in wishes:
            return wishes[pattern], expressly
    return 0.0, 0


def _wish(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    weights = [piece[2:] for piece in parameters if piece.startswith("q=")]
    try:
        return kind.lower(), float(weights[0]) if weights else 1.0
    except ValueError:
        return kind.lower(), 1.0


async def _cursor(
    cursor: Annotated[str | None, Query(max_length=512, description="`next` of the page before")] = None,
) -> Cursor | None:
    return None if cursor is None else read_cursor(cursor)


_PAGING = {"cursor", "limit", "wait_for"}


async def listing(
    request: Request,
    cursor: Annotated[Cursor | None, Depends(_cursor)],
    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS), Digits, Query()] = 100,
) -> Listing:
    asked = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _PAGING)
    question = digest(request.url.path, asked, (await request.body()).hex())
    if cursor is not None and cursor.question != question:
        raise Malformed("the cursor belongs to another question")
    return Listing(limit, cursor, question, accepted(request, (JSON, CSV, NDJSON)))


WaitFor = Annotated[
    Position | None, Digits, Query(description="Wait until this position is in the view: at most 10 s, else 504")
]
AsOf = Annotated[QueryAsOf | None, Query()]


async def log_position(truyvet: App, wait_for: WaitFor = None, as_of: AsOf = None) -> int:
    """The position of a read of the log itself."""
    await _reached(truyvet.log.head, wait_for or 0)
    return await run_in_threadpool(_in_log, truyvet, as_of)


async def view_position(truyvet: App, wait_for: WaitFor = None, as_of: AsOf = None) -> int:
    """The position of a read of the view."""
    return await pinned(truyvet, wait_for, as_of, None)


async def listed_position(
    truyvet: App,
    cursor: Annotated[Cursor | None, Depends(_cursor)],
    wait_for: WaitFor = None,
    as_of: AsOf = None,
) -> int:
    """The position of a list of the view; a cursor brings its own."""
    return await pinned(truyvet, wait_for, as_of, cursor)


async def head_position(truyvet: App) -> int:
    """The end of the log, which the view has reached: for a write that depends on what is so now."""
    head = await run_in_threadpool(truyvet.log.head)
    await _in_view(truyvet, head)
    return head


async def register_position(truyvet: App, wait_for: WaitFor = None) -> int:
    """The position of a list of what is so now."""

    def reached() -> int:
        return truyvet.registers.position

    await _reached(reached, wait_for or 0)
    return await run_in_threadpool(reached)


async def register_as_of(truyvet: App, wait_for: WaitFor = None, as_of: AsOf = None) -> int:
    """The position of a list of what was so then: now, unless another is asked for."""
    if as_of is None:
        return await register_position(truyvet, wait_for)
    position = await log_position(truyvet, wait_for, as_of)
    await _reached(lambda: truyvet.registers.position, position)
    return position


async def followed_as_of(truyvet: App, wait_for: WaitFor = None, as_of: AsOf = None) -> int:
    """The same of a list that policies make: with what came of ``wait_for``, and of that."""
    if as_of is not None or wait_for is None:
        return await register_as_of(truyvet, wait_for, as_of)
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    await _reached(lambda: truyvet.policies.position, wait_for, deadline)
    recorded = await run_in_threadpool(truyvet.log.head)
    await _reached(lambda: truyvet.policies.position, recorded, deadline)
    recorded = await run_in_threadpool(truyvet.log.head)
    await _reached(lambda: truyvet.registers.position, recorded, deadline)
    return recorded


async def policy_position(
    truyvet: App,
    cursor: Annotated[Cursor | None, Depends(_cursor)],
    wait_for: WaitFor = None,
    as_of: AsOf = None,
) -> int:
    """The position of a read of what policies recorded; they have reacted to ``wait_for`` then."""
    await _reached(lambda: truyvet.policies.position, wait_for or 0)
    return await run_in_threadpool(_in_log, truyvet, as_of if cursor is None else str(cursor.position))


async def views_position(truyvet: App, wait_for: WaitFor = None, as_of: AsOf = None) -> int:
    """The position of a read of several views: the end of the log unless another is asked for."""
    position = await log_position(truyvet, wait_for, as_of)
    await _in_view(truyvet, position)
    await _reached(lambda: truyvet.registers.position, position)
    return position


async def pinned(truyvet: Truyvet, wait_for: int | None, as_of: str | None, cursor: Cursor | None) -> int:
    """Where the view is now unless another position is asked for, which it may still have to reach."""
    text = as_of if cursor is None else str(cursor.position)
    if text is None:
        await _in_view(truyvet, wait_for or 0)
        return truyvet.graph.position
    position = await run_in_threadpool(_in_log, truyvet, text)
    await _in_view(truyvet, max(position, wait_for or 0))
    return position


def _in_log(truyvet: Truyvet, as_of: str | None) -> int:
    return truyvet.log.head() if as_of is None else position_as_of(truyvet.log, as_of)


async def _in_view(truyvet: Truyvet, position: int) -> None:
    if truyvet.graph.position >= position:
        return
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    async with aside():
        while truyvet.graph.position < position:
            await _wait(deadline, truyvet.graph.position, position)


async def _reached(head: Callable[[], int], position: int, deadline: float | None = None) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS if deadline is None else deadline
    if not position or await run_in_threadpool(head) >= position:
        return
    async with aside():
        while (reached := await run_in_threadpool(head)) < position:
            await _wait(deadline, reached, position)


async def _wait(deadline: float, reached: int, position: int) -> None:
    if time.monotonic() > deadline:
        raise TimedOut(f"position {reached} is reached, {position} was waited for")
    await asyncio.sleep(_LOOK_AGAIN_SECONDS)


List = Annotated[Listing, Depends(listing)]
LogPosition = Annotated[int, Depends(log_position)]
ViewPosition = Annotated[int, Depends(view_position)]
ListedPosition = Annotated[int, Depends(listed_position)]
HeadPosition = Annotated[int, Depends(head_position)]
PolicyPosition = Annotated[int, Depends(policy_position)]
RegisterPosition = Annotated[int, Depends(register_position)]
FollowedAsOf = Annotated[int, Depends(followed_as_of)]
RegisterAsOf = Annotated[int, Depends(register_as_of)]
ViewsPosition = Annotated[int, Depends(views_position)]


def columns_of(answer: type[Answer]) -> tuple[str, ...]:
    return tuple(info.alias or name for name, info in answer.model_fields.items())


def list_responses(example: dict[str, Any], columns: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    """How a list looks, for the OpenAPI document."""
    line = next(islice(csv_lines(columns, [example]), 1, None))
    return {
        200: {
            "description": "A page, or the whole list as a stream",
            "headers": {POSITION_HEADER: {"schema": {"type": "integer"}, "description": "What the answer is as of"}},
            "content": {
                JSON: {"example": {"items": [example], "next": None, "position": 17}},
                CSV: {"schema": {"type": "string"}, "example": ",".join(columns) + "\n" + line},
                NDJSON: {"schema": {"type": "string"}, "example": _json_line(example)},
            },
        }
    }
