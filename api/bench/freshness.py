"""How soon after its entry into the log a visit is answerable in every worker, while many arrive."""

import asyncio
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.app import Truyvet, open_truyvet
from api.bench.load import Connections, get, run
from application.provenance import LOCAL
from domain.times import to_text
from domain.visits import Visit
from infrastructure.settings import Settings

ARRIVING: Final = 5_000
"""Visits a second, in as many parts as a second has."""
SECONDS: Final = 30
_PARTS: Final = 5
_LOOK_SECONDS: Final = 0.01
_CONNECTIONS: Final = 16
_PEOPLE: Final = 2_000_000
_VENUES: Final = 100_000
_WORKER: Final = 24
"""Letters of a request's id that are the same for all of one worker."""

_ARRIVED = """
SELECT notification_id, extract(epoch FROM recorded_at)::float8 AS recorded_at FROM events
WHERE notification_id > %s AND topic = %s ORDER BY notification_id
"""

Moves = dict[bytes, list[tuple[float, int]]]
"""When each worker was seen at which position."""


def freshness(truyvet: Truyvet, port: int, headers: dict[str, str]) -> dict[str, Any]:
    """``headers`` without X-Request-Id, so that each worker tells its own."""
    begun = truyvet.log.head()
    with _arriving(truyvet.settings.data_dir) as arriving:
        moves = run(_watched(port, headers, arriving))
        told, _ = arriving.communicate(timeout=60)
    with truyvet.database.connect() as connection:
        rows = connection.execute(_ARRIVED.encode(), [begun, Visit.CheckedIn.TOPIC]).fetchall()
    position, recorded = (np.array([row[name] for row in rows]) for name in ("notification_id", "recorded_at"))
    delays = np.concatenate([_delays(seen, position, recorded) for seen in moves.values()])
    return {
        **json.loads(told),
        "workers_seen": len(moves),
        "answerable_after_ms": {
            f"p{share}": round(float(np.percentile(delays, share)) * 1_000, 1) for share in (50, 99, 100)
        },
    }


async def _watched(port: int, headers: dict[str, str], arriving: "subprocess.Popen[str]") -> Moves:
    """Until all has arrived, and for two seconds more."""
    moves: Moves = defaultdict(list)
    until = [float("inf")]
    await asyncio.gather(*(_look(port, headers, moves, until) for _ in range(_CONNECTIONS)), _ended(arriving, until))
    return moves


async def _look(port: int, headers: dict[str, str], moves: Moves, until: list[float]) -> None:
    connections, request = Connections(port), get("/v1/health/ready", headers)
    while time.time() < until[0]:
        head, body = await connections.answer(request)
        moves[worker_of(head)].append((time.time(), json.loads(body)["projections"][0]["position"]))
        await asyncio.sleep(_LOOK_SECONDS * _CONNECTIONS)
    connections.close()


def worker_of(head: bytes) -> bytes:
    """What the ids of its requests begin with."""
    return head.partition(b"x-request-id: ")[2][:_WORKER]


async def _ended(arriving: "subprocess.Popen[str]", until: list[float]) -> None:
    while arriving.poll() is None:
        await asyncio.sleep(0.1)
    until[0] = time.time() + 2


def _delays(seen: list[tuple[float, int]], position: Any, recorded: Any) -> Any:
    """Of each visit, in one worker, from its entry into the log until the worker was first seen to know it."""
    moments, reached = (np.array(column) for column in zip(*sorted(seen), strict=True))
    first = np.searchsorted(np.maximum.accumulate(reached), position)
    return np.append(moments, np.inf)[first] - recorded


def arrive(data_dir: Path) -> None:
    rng = np.random.default_rng(ARRIVING)
    with open_truyvet(Settings(data_dir=data_dir, database_url=None)) as truyvet:
        started = time.perf_counter()
        for part in range(SECONDS * _PARTS):
            truyvet.imports.visits(BytesIO(_visits(rng)), register_venues=True, by=LOCAL)
            time.sleep(max(started + (part + 1) / _PARTS - time.perf_counter(), 0))
        took = time.perf_counter() - started
    sys.stdout.write(json.dumps({"visits": SECONDS * ARRIVING, "per_second": round(SECONDS * ARRIVING / took)}) + "\n")


def _visits(rng: np.random.Generator) -> bytes:
    now, count = to_text(int(time.time())), ARRIVING // _PARTS
    places = zip(rng.integers(0, _PEOPLE, count).tolist(), rng.integers(0, _VENUES, count).tolist(), strict=True)
    lines = "".join(f"ref:fresh:{person},fresh-{venue},{now},\n" for person, venue in places)
    return b"person,venue,check_in,check_out\n" + lines.encode()


@contextmanager
def _arriving(data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "api.bench.freshness", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    arrive(Path(sys.argv[1]))
