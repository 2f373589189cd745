"""Contacts of mixed cases over HTTP while check-ins arrive; twice as many as can be answered; freshness and memory."""

import asyncio
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

import numpy as np

from api.app import Truyvet, open_truyvet
from api.bench.freshness import freshness, worker_of
from api.bench.load import Connections, Reply, at_rate, get, in_turn, post, run
from api.bench.results import Measurement, Times
from api.bench.service import free_port, memory, served, workers_of
from api.bench.synthetic import write_csv
from application.provenance import LOCAL
from domain.errors import Refused
from domain.rules import CaseDates
from domain.times import local_day, parse_instant
from domain.visits import Visit
from infrastructure.graph import kernel, warm_up
from infrastructure.settings import Settings

ALTERNATIVES: Final = ()
WORKERS: Final = 2
CLIENTS: Final = 32
CASES: Final = 100
CHECK_INS: Final = 1_000
"""A second."""
PEOPLE: Final = 50_000
SECONDS: Final = 30
OVERLOAD_SECONDS: Final = 60
SEED: Final = 32

_VENUES: Final = 300
_ISOLATED_AFTER: Final = (43_200, 86_400, 172_800, 259_200)
"""Seconds from the visit that leads to a case."""
_WARM_UP: Final = 400
_LOOK_SECONDS: Final = 0.25
_ANSWERED: Final = (200, 201)
_SENT_AWAY: Final = (429, 503)
_LONGEST_CATCH_UP_SECONDS: Final = 3_600.0


class Load:
    """What is asked and recorded: contacts of cases, and check-ins whose ids tell in the log what became of them."""

    def __init__(self, truyvet: Truyvet) -> None:
        self.headers = {"Authorization": f"Bearer {truyvet.access_keys.create('admin')[1]}"}
        self.cases = list(_cases(truyvet))
        self.questions = [get(f"/v1/cases/{case}/contacts", self.headers) for case in self.cases]
        self.venues = [str(truyvet.venues.register(f"Venue {n}", "shop").id) for n in range(_VENUES)]
        self.statuses: dict[str, int] = {}
        self._arrivals = arrivals(self.venues)
        self._run = secrets.token_hex(4)

    async def check_in(self, port: int, per_second: float, seconds: float) -> list[Reply]:
        ids = [f"bench:{self._run}:{len(self.statuses) + n}" for n in range(int(per_second * seconds))]
        requests = (self._check_in(visit_id, arrival) for visit_id, arrival in zip(ids, self._arrivals, strict=False))
        replies = await at_rate(port, requests, per_second, seconds)
        self.statuses |= {ids[reply.number]: reply.status for reply in replies}
        return replies

    def _check_in(self, visit_id: str, arrival: dict[str, str]) -> bytes:
        return post("/v1/check-ins", self.headers, json.dumps(arrival | {"visit_id": visit_id}).encode())


def arrivals(venues: Sequence[str]) -> Iterator[dict[str, str]]:
    """Who is where; people come in turn, since nobody checks in twice at a venue within a second."""
    rng = random.Random(SEED)  # noqa: S311 # a load, no secret
    for number in cycle(range(PEOPLE)):
        yield {"venue": rng.choice(venues), "person": f"ref:live:{number}"}


def measure(count: int, against: Sequence[str], data_dir: Path | None = None) -> Measurement:
    """On ``count`` visits that are made up, or on what is in ``data_dir``; that stays, with what is recorded here."""
    if against:
        raise Refused("serve is measured against nothing")
    warm_up()  # so that the services under test find it compiled
    with _directory(data_dir) as directory, open_truyvet(Settings(data_dir=directory, database_url=None)) as truyvet:
        _fill(truyvet, directory, count)
        visits, begun = truyvet.graph.columns.visits, truyvet.log.head()
        load = Load(truyvet)
        _catch_up(truyvet)
        _tell(f"{visits:,} visits are there")
        alone = _memory(directory, load, 1)
        port = free_port()
        with served(directory, port, WORKERS) as process:
            _warm(port, load, WORKERS)
            of_workers = [memory(pid, directory / "graph") for pid in workers_of(process)]
            steady, asked = run(_steady(port, load))
            _tell(json.dumps(steady))
            overload = run(_overload(port, load, 2 * steady["questions"]["per_second"]))
            _tell(json.dumps(overload))
            fresh = freshness(truyvet, port, load.headers)
        kept = _kept(truyvet, begun, load.statuses)
        for case in load.cases:
            truyvet.cases.close(case)
    more = {
        "workers": WORKERS, "clients": CLIENTS, "steady": steady, "twice_the_capacity": overload, "check_ins": kept,
        "freshness": fresh, "memory": {"one_worker_alone": alone, "each_of_two": of_workers},
    }  # fmt: skip
    return Measurement("serve", visits, not (kept["lost"] or kept["twice"]), asked, [], more)


async def _steady(port: int, load: Load) -> tuple[dict[str, Any], Times]:
    asked, recorded, health = await asyncio.gather(
        in_turn(port, cycle(load.questions), CLIENTS, SECONDS),
        load.check_in(port, CHECK_INS, SECONDS),
        _health(port, SECONDS),
    )
    told = {"questions": _told(asked, SECONDS), "check_ins": _told(recorded, SECONDS), "health_worst_ms": health}
    return told, Times("truyvet", [reply.seconds for reply in asked if reply.status == 200])


async def _overload(port: int, load: Load, questions: float) -> dict[str, Any]:
    """Nobody waits for the answers to others."""
    asked, recorded, health = await asyncio.gather(
        at_rate(port, cycle(load.questions), questions, OVERLOAD_SECONDS),
        load.check_in(port, 2 * CHECK_INS, OVERLOAD_SECONDS),
        _health(port, OVERLOAD_SECONDS),
    )
    return {
        "questions": _told(asked, OVERLOAD_SECONDS), "check_ins": _told(recorded, OVERLOAD_SECONDS),
        "health_worst_ms": health,
    }  # fmt: skip


async def _health(port: int, seconds: float) -> float:
    connections, slowest, until = Connections(port), 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for path in ("/v1/health/live", "/v1/health/ready"):
            reply = await connections.ask(0, get(path, {}), time.perf_counter())
            slowest = max(slowest, reply.seconds if reply.status == 200 else float("inf"))
        await asyncio.sleep(_LOOK_SECONDS)
    connections.close()
    return _ms(slowest)


def _told(replies: Sequence[Reply], seconds: float) -> dict[str, Any]:
    """Of what was answered, and of what was sent away and told when to come again; anything else is an error."""
    answered = [reply.seconds for reply in replies if reply.status in _ANSWERED]
    away = [reply for reply in replies if reply.status in _SENT_AWAY and b"\r\nretry-after: " in reply.head]
    return {
        "asked_per_second": round(len(replies) / seconds, 1),
        "per_second": round(len(answered) / seconds, 1),
        **_percentiles(answered),
        "sent_away": round(len(away) / max(len(replies), 1), 4),
        "sent_away_after": _percentiles([reply.seconds for reply in away]),
        "errors": len(replies) - len(answered) - len(away),
        "other_statuses": sorted({reply.status for reply in replies}.difference(_ANSWERED, _SENT_AWAY)),
        "late_p99_ms": _percentiles([reply.late for reply in replies])["p99_ms"],
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{share}_ms": _ms(float(np.percentile(seconds, share))) for share in (50, 99, 100) if len(seconds)}


def _kept(truyvet: Truyvet, begun: int, statuses: dict[str, int]) -> dict[str, int]:
    """What the log says of the check-ins that were sent."""
    recorded = Counter(
        event.as_dict()["data"]["visit_id"]
        for event in truyvet.log.read_all(begun)
        if event.type == Visit.CheckedIn.TOPIC
    )
    acknowledged = {visit for visit, status in statuses.items() if status == 201}
    away = {visit for visit, status in statuses.items() if status in _SENT_AWAY}
    return {
        "sent": len(statuses),
        "acknowledged": len(acknowledged),
        "lost": len(acknowledged - recorded.keys()),
        "twice": sum(recorded[visit] > 1 for visit in statuses),
        "sent_away": len(away),
        "sent_away_and_recorded": len(away & recorded.keys()),
    }


def _cases(truyvet: Truyvet) -> Iterator[UUID]:
    """People who were somewhere, taken for cases soon after; of their contacts only F1 are kept."""
    for person, check_in, isolated_after in islice(_visitors(truyvet), CASES):
        dates = CaseDates(onset=local_day(check_in + isolated_after), isolated_at=check_in + isolated_after)
        yield UUID(str(truyvet.cases.confirm(f"id:{person}", dates, levels=1).id))


def _visitors(truyvet: Truyvet) -> Iterator[tuple[str, int, int]]:
    rng, head = random.Random(SEED), truyvet.log.head()  # noqa: S311 # as above
    while True:
        event = truyvet.log.read(rng.randrange(head), 1)[0]
        if event.type == Visit.CheckedIn.TOPIC:
            data = event.as_dict()["data"]
            check_in = parse_instant(data["check_in"])
            if check_in + 2 * _ISOLATED_AFTER[-1] < truyvet.cases.now():  # what was brought to measure is later
                yield data["person"], check_in, rng.choice(_ISOLATED_AFTER)


def _memory(directory: Path, load: Load, workers: int) -> dict[str, float]:
    port = free_port()
    with served(directory, port, workers) as process:
        _warm(port, load, workers)
        return memory(workers_of(process)[0], directory / "graph")


def _warm(port: int, load: Load, workers: int) -> None:
    """Until every worker is there and runs compiled, and has answered some questions."""
    while len(seen := {run(_ready(port)) for _ in range(8 * workers)}) < workers or None in seen:
        time.sleep(_LOOK_SECONDS)
    run(in_turn(port, islice(cycle(load.questions), _WARM_UP), 8 * workers))


async def _ready(port: int) -> bytes | None:
    """Which worker it is that answered; None for one that is not ready."""
    connections = Connections(port)
    head, body = await connections.answer(get("/v1/health/ready", {}))
    connections.close()
    is_ready = b" 200 " in head.partition(b"\r\n")[0] and json.loads(body)["compiled"] == (kernel.tracer() is not None)
    return worker_of(head) if is_ready else None


def _fill(truyvet: Truyvet, directory: Path, count: int) -> None:
    truyvet.graph.catch_up()
    if truyvet.graph.columns.visits:
        return
    file = directory / "visits.csv"
    write_csv(count, file)
    with file.open("rb") as content:
        truyvet.imports.visits(content, register_venues=True, by=LOCAL)
    file.unlink()
    truyvet.graph.catch_up()


def _catch_up(truyvet: Truyvet) -> None:
    truyvet.graph.catch_up()
    truyvet.registers.catch_up()
    truyvet.policies.catch_up(_LONGEST_CATCH_UP_SECONDS)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with TemporaryDirectory(prefix="truyvet-bench-") as made:
        Path(made).chmod(0o711)
        yield Path(made) / "data"


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)  # noqa: T201 # it takes minutes


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)
