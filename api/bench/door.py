"""Live check-ins over HTTP, 64 clients at once, against a bare service that does one INSERT for each."""

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from api.app import Truyvet, open_truyvet
from api.bench.bare import CONNINFO
from api.bench.load import CLIENTS, Answered, post_all
from api.bench.results import Measurement, Rate
from api.bench.service import free_port, running, served
from domain.errors import Refused, Unavailable
from domain.times import to_text
from domain.visits import Visit
from infrastructure.graph import warm_up
from infrastructure.settings import Settings

ALTERNATIVES = ("fastapi",)
ROUNDS: Final = 7
VENUES: Final = 300
SEED: Final = 64

_DATABASE = "bare"
_PATH = "/v1/check-ins"
_WARM_UP = 500


def measure(count: int, against: Sequence[str]) -> Measurement:
    """``count`` check-ins for each service, in rounds that take turns; half of the visitors have come before."""
    if not set(against) <= set(ALTERNATIVES):
        raise Refused(f"door is measured against {', '.join(ALTERNATIVES)}")
    warm_up()  # so that the service under test finds it compiled
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="truyvet-bench-")))
        directory.chmod(0o711)
        settings = Settings(data_dir=directory / "data", database_url=None)
        truyvet = stack.enter_context(open_truyvet(settings))
        venues = [str(truyvet.venues.register(f"Venue {n}", "shop").id) for n in range(VENUES)]
        ours = stack.enter_context(_truyvet(settings, truyvet))
        bare = stack.enter_context(_bare(truyvet)) if against else None
        requests = _Requests(venues)
        rounds: list[tuple[Answered, Answered | None]] = []
        for number in range(ROUNDS + 1):
            bodies = requests.make(count // ROUNDS if number else _WARM_UP)
            rounds.append((ours.post(bodies), bare.post(bodies) if bare else None))
        services = [ours, bare] if bare else [ours]
        complete = all(service.recorded() == requests.made for service in services)
    return _measurement(rounds[1:], complete)


def _measurement(rounds: Sequence[tuple[Answered, Answered | None]], complete: bool) -> Measurement:
    ours, bare = [one for one, _ in rounds], [other for _, other in rounds if other is not None]
    more: dict[str, Any] = {"clients": CLIENTS, "rounds": len(rounds), "truyvet": _latencies(ours)}
    if bare:
        pairs = list(zip(ours, bare, strict=True))
        more["fastapi"] = _latencies(bare)
        more["throughput_ratios"] = [round(one.per_second / other.per_second, 2) for one, other in pairs]
        more["p99_ratio"] = round(_percentile(ours, 99) / _percentile(bare, 99), 2)
    rates = [Rate("fastapi", median(other.per_second for other in bare))] if bare else []
    rate = Rate("truyvet", median(one.per_second for one in ours))
    return Measurement("door", sum(len(one.seconds) for one in ours), complete, rate, rates, more)


def _latencies(rounds: Sequence[Answered]) -> dict[str, float]:
    return {f"p{share}_ms": round(_percentile(rounds, share) * 1_000, 1) for share in (50, 99)}


def _percentile(rounds: Sequence[Answered], share: float) -> float:
    return float(np.percentile([seconds for one in rounds for seconds in one.seconds], share))


class _Requests:
    def __init__(self, venues: Sequence[str]) -> None:
        self.venues = venues
        self.rng = random.Random(SEED)  # noqa: S311 # a load, no secret
        self.people: list[str] = []
        self.made = 0

    def make(self, count: int) -> list[bytes]:
        self.made += count
        return [json.dumps(self._one()).encode() for _ in range(count)]

    def _one(self) -> dict[str, str]:
        if not self.people or self.rng.random() < 0.5:
            self.people.append(f"ref:visitor-{len(self.people)}")
        return {
            "venue": self.rng.choice(self.venues),
            "person": self.rng.choice(self.people[-20_000:]),
            "at": to_text(int(time.time()) - self.rng.randrange(86_400)),
        }


class _Service:
    """``counted`` says in SQL how many check-ins were recorded."""

    def __init__(self, port: int, conninfo: str, counted: str, headers: dict[str, str]) -> None:
        self.port = port
        self.conninfo = conninfo
        self.counted = counted
        self.headers = headers

    def post(self, bodies: Sequence[bytes]) -> Answered:
        answered = post_all(self.port, _PATH, self.headers, bodies)
        if answered.statuses != {201}:
            raise Unavailable(f"a service answered {sorted(answered.statuses)}")
        return answered

    def recorded(self) -> int:
        with psycopg.connect(self.conninfo) as connection:
            row = connection.execute(self.counted.encode()).fetchone()
        return 0 if row is None else int(row[0])


@contextmanager
def _truyvet(settings: Settings, truyvet: Truyvet) -> Iterator[_Service]:
    _, key = truyvet.access_keys.create("gateway")
    port = free_port()
    with served(settings.data_dir, port):
        counted = f"SELECT count(*) FROM events WHERE topic = '{Visit.CheckedIn.TOPIC}'"  # noqa: S608 # our own name
        yield _Service(port, truyvet.database.conninfo, counted, {"Authorization": f"Bearer {key}"})


@contextmanager
def _bare(truyvet: Truyvet) -> Iterator[_Service]:
    """In a database of its own on the same server."""
    with truyvet.database.connect() as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}".encode())
    conninfo, port = make_conninfo(truyvet.database.conninfo, dbname=_DATABASE), free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.bench.bare:application", "--port", str(port)]
    with running([*command, "--no-access-log", "--log-level", "critical"], port, {CONNINFO: conninfo}):
        yield _Service(port, conninfo, "SELECT count(*) FROM check_ins", {})
