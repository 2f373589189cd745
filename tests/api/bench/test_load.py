"""The client of the benchmarks."""

import asyncio

from api.bench.load import Connections, get

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _asked(answers: int, requests: int) -> list[int]:
    """The statuses that a client gets from a server which hangs up on each connection after so many answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_ANSWER)
        await reader.readuntil(b"\r\n\r\n")  # taken while it hangs up
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        connections = Connections(server.sockets[0].getsockname()[1])
        statuses = [(await connections.ask(number, get("/", {}), 0.0)).status for number in range(requests)]
        connections.close()
    return statuses


def test_a_connection_that_was_closed_meanwhile_is_no_error() -> None:
    assert asyncio.run(_asked(answers=1, requests=3)) == [200, 200, 200]


def test_who_never_answers_is_an_error() -> None:
    assert asyncio.run(_asked(answers=0, requests=2)) == [0, 0]
