"""Clients that send requests over connections of their own, each waiting for its answer before it sends the next."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

CLIENTS: Final = 64


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
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_post_all(port, path, headers, bodies))


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _post_all(port: int, path: str, headers: dict[str, str], bodies: Sequence[bytes]) -> Answered:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{head}".encode()
    waiting, seconds, statuses = iter(bodies), list[float](), set[int]()
    started = time.perf_counter()
    await asyncio.gather(*(_client(port, start, waiting, seconds, statuses) for _ in range(CLIENTS)))
    return Answered(seconds, time.perf_counter() - started, frozenset(statuses))


async def _client(port: int, start: bytes, waiting: Iterator[bytes], seconds: list[float], statuses: set[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in waiting:
        sent = time.perf_counter()
        writer.write(start + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        statuses.add(await _answer(reader))
        seconds.append(time.perf_counter() - sent)
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status; the body is read and not looked at."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split(b" ", 2)[1])
