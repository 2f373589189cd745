"""Clients that send requests over connections of their own: each after the answer before, or at a rate of their own."""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

CLIENTS: Final = 64

T = TypeVar("T")


class Reply(NamedTuple):
    """To which request, counted from 0; ``seconds`` since it was due, of which it was ``late`` in being sent.

    Status 0: the connection broke.
    """

    number: int
    status: int
    seconds: float
    late: float
    head: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """``seconds`` of each request, in the order of their ends, and of all together; ``statuses`` that came."""

    seconds: list[float]
    whole: float
    statuses: frozenset[int]

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.whole


def post_all(port: int, path: str, headers: dict[str, str], bodies: Sequence[bytes]) -> Answered:
    """Send every body once from 64 clients on this machine."""
    started = time.perf_counter()
    replies = run(in_turn(port, (post(path, headers, body) for body in bodies), CLIENTS))
    whole = time.perf_counter() - started
    return Answered([reply.seconds for reply in replies], whole, frozenset(reply.status for reply in replies))


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def get(path: str, headers: dict[str, str]) -> bytes:
    return f"GET {path} HTTP/1.1\r\n{_head(headers)}\r\n".encode()


def post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    head = _head(headers | {"Content-Type": "application/json", "Content-Length": str(len(body))})
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def in_turn(
    port: int, requests: Iterable[bytes], clients: int = CLIENTS, seconds: float | None = None
) -> list[Reply]:
    """From so many clients, each waiting for its answer; no more after ``seconds``."""
    waiting, replies, connections = enumerate(requests), list[Reply](), Connections(port)
    until = None if seconds is None else time.perf_counter() + seconds
    await asyncio.gather(*(_client(connections, waiting, until, replies) for _ in range(clients)))
    connections.close()
    return replies


async def at_rate(port: int, requests: Iterable[bytes], per_second: float, seconds: float) -> list[Reply]:
    """However long the answers take, as people do who do not know of each other."""
    replies, connections, started = list[Reply](), Connections(port), time.perf_counter()
    async with asyncio.TaskGroup() as sending:
        for number, request in zip(range(int(per_second * seconds)), requests, strict=False):
            due = started + number / per_second
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            sending.create_task(_send(connections, number, request, due, replies))
    connections.close()
    return replies


class Connections:
    """As many as are needed at once; one that is free is used again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, number: int, request: bytes, due: float) -> Reply:
        late = time.perf_counter() - due
        try:
            head, _ = await self.answer(request)
        except (OSError, asyncio.IncompleteReadError):
            head = b"http/1.1 0"
        return Reply(number, int(head.split(b" ", 2)[1]), time.perf_counter() - due, late, head)

    async def answer(self, request: bytes) -> tuple[bytes, bytes]:
        """The head in small letters, and the body.

        A connection that was free for long may be closed by the other side while it is taken: then another is.
        """
        while connection := self._still_open():
            try:
                return await self._answer(*connection, request)
            except (ConnectionError, asyncio.IncompleteReadError) as closed:
                if getattr(closed, "partial", b""):
                    raise
        return await self._answer(*await asyncio.open_connection("127.0.0.1", self.port), request)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> tuple[bytes, bytes]:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        self._free.append((reader, writer))
        return head, body

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()

    def _still_open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
        return None


async def _client(
    connections: Connections, waiting: Iterator[tuple[int, bytes]], until: float | None, replies: list[Reply]
) -> None:
    for number, request in waiting:
        now = time.perf_counter()
        if until is not None and now > until:
            return
        await _send(connections, number, request, now, replies)


async def _send(connections: Connections, number: int, request: bytes, due: float, replies: list[Reply]) -> None:
    replies.append(await connections.ask(number, request, due))


def _head(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in ({"Host": "127.0.0.1"} | headers).items())


def _loop_factory() -> Any:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None
