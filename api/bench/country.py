"""A country once, through the full path: simulated, imported, restarted, asked, rebuilt; time, disk and memory."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from api.app import Truyvet, open_truyvet
from api.bench.rebuild import memory_of_workers, seconds_until_ready
from api.bench.results import Measurement, Rate, Times
from api.bench.service import own_directory
from api.bench.synthetic import DAY, START
from api.simulation import Schedule
from api.simulation.naming import person_name
from api.simulation.schedule import DAYS, SEED
from domain.contacts import Question
from domain.errors import Refused, Unavailable
from infrastructure.graph import warm_up
from infrastructure.rebuilding import rebuild
from infrastructure.settings import Settings

ALTERNATIVES: Final = ()
_QUESTIONS: Final = 200
_MINIMUM: Final = 900
_GIGABYTE: Final = 1e9
_SIZES: Final = {
    "events": "SELECT pg_table_size('events')",
    "indexes of events": "SELECT pg_indexes_size('events')",
    "keys": "SELECT pg_total_relation_size('keys')",
    "vault": "SELECT pg_total_relation_size('vault')",
    "write-ahead log": "SELECT sum(size)::bigint FROM pg_ls_waldir()",
}


def measure(count: int, against: Sequence[str]) -> Measurement:
    if against:
        raise Refused("country is measured against nothing")
    warm_up()
    with own_directory() as directory:
        settings = Settings(data_dir=directory / "data", database_url=None)
        with open_truyvet(settings) as truyvet:  # the database runs through it all
            more: dict[str, Any] = {"seed": SEED, "days": DAYS} | _imported(settings.data_dir, count)
            more["gigabytes_on_disk"] = _disk(truyvet, settings.data_dir)
            _tell(more)
            for start in ("first_start", "restart"):  # the first time the registers read it all
                more[f"{start}_to_ready_seconds"] = round(seconds_until_ready(settings.data_dir), 2)
            more["memory_two_workers"] = memory_of_workers(settings.data_dir, 2)
            _tell(more)
        with open_truyvet(settings) as truyvet:
            truyvet.graph.catch_up()
            complete = truyvet.graph.columns.visits == count == more["recorded"]
            more["bytes_per_visit"] = round(truyvet.graph.columns.nbytes / count, 1)
            more |= _asked(truyvet, count)
            _tell(more)
            same, more["rebuild"] = _rebuilt(truyvet)
    per_second = count / float(more["import_seconds"])
    return Measurement("country", count, complete and same, Rate("truyvet", per_second), [], more)


def _imported(data_dir: Path, count: int) -> dict[str, Any]:
    """From one process to another, with no file in between, until the graph has it all."""
    command = [sys.executable, "-m", "api.cli", "--data-dir", str(data_dir)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    simulate = [*command, "simulate", "--visits", str(count), "--infected", "0"]
    importing = [*command, "import", "visits", "-", "--register-venues"]
    started = time.perf_counter()
    with subprocess.Popen(simulate, stdout=subprocess.PIPE, env=environment) as simulated:
        done = subprocess.run(importing, stdin=simulated.stdout, stdout=subprocess.PIPE, env=environment, check=False)
    if done.returncode or simulated.returncode:
        raise Unavailable("the country could not be imported")
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {
        "recorded": json.loads(done.stdout)["recorded"],
        "import_seconds": round(seconds, 1),
        "peak_gigabytes_of_a_process": round(peak / _GIGABYTE, 2),
    }


def _disk(truyvet: Truyvet, data_dir: Path) -> dict[str, float]:
    with truyvet.database.connect() as connection:
        sizes = {}
        for name, query in _SIZES.items():
            row = connection.execute(query.encode()).fetchone()
            sizes[name] = 0 if row is None else int(next(iter(row.values())))
    sizes["saved graph"] = sum(path.stat().st_size for path in (data_dir / "graph").rglob("*.npy"))
    return {name: round(size / _GIGABYTE, 2) for name, size in sizes.items()}


def _asked(truyvet: Truyvet, count: int) -> dict[str, Any]:
    """F0 → F1 → F2 of people by chance, each asked for the first time and then again."""
    people, seconds, contacts = Schedule.of_visits(count).people, [], []
    for number in range(_QUESTIONS):
        person = truyvet.people.find(person_name(number * (people // _QUESTIONS)))
        if person is None:
            continue
        start = START + DAY * (number % (DAYS - 7))
        question = Question(person, start, start + 3 * DAY, start + 6 * DAY, 2, _MINIMUM)
        for _ in range(2):
            began = time.perf_counter()
            found = truyvet.graph.trace(question, truyvet.graph.position)
            seconds.append(time.perf_counter() - began)
        contacts.append(len(list(found)))
    return {
        "traces": [Times("asked first", seconds[::2]).as_dict(), Times("asked again", seconds[1::2]).as_dict()],
        "contacts_median": sorted(contacts)[len(contacts) // 2],
        "contacts_most": max(contacts),
    }


def _rebuilt(truyvet: Truyvet) -> tuple[bool, dict[str, Any]]:
    before, events, started = truyvet.graph.columns.checksum(), truyvet.log.head(), time.perf_counter()
    same = rebuild(truyvet.vault, truyvet.registers, truyvet.graph)["graph"] == before
    seconds = time.perf_counter() - started
    return same, {"events": events, "seconds": round(seconds, 1), "per_second": round(events / seconds)}


def _tell(more: dict[str, Any]) -> None:
    print(json.dumps(more), file=sys.stderr, flush=True)  # noqa: T201 # it takes an hour
