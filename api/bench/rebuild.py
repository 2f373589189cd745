"""All views from the log again; a service from its start to ready; the memory of one and of two workers."""

import http.client
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from api.app import Truyvet, open_truyvet
from api.bench.results import Measurement, Rate
from api.bench.service import free_port, memory, own_directory, served, workers_of
from api.bench.synthetic import write_csv
from api.simulation.schedule import SEED
from application.provenance import LOCAL
from domain.errors import Refused
from infrastructure.graph import warm_up
from infrastructure.rebuilding import rebuild
from infrastructure.settings import Settings

ALTERNATIVES: Final = ()
_LOOK_SECONDS: Final = 0.01
_STARTS: Final = 3


def measure(count: int, against: Sequence[str], filled: Path | None = None) -> Measurement:
    """In a data directory of its own, or in one that is ``filled`` with visits and keeps them."""
    if against:
        raise Refused("rebuild is measured against nothing")
    warm_up()
    with own_directory() as directory:
        settings = Settings(data_dir=filled or directory / "data", database_url=None)
        with open_truyvet(settings) as truyvet:
            if filled is None:
                _fill(truyvet, directory / "visits.csv", count)
            truyvet.graph.catch_up()
            truyvet.registers.catch_up()
            count = truyvet.graph.columns.visits
            before, events = truyvet.graph.columns.checksum(), truyvet.log.head()
            started, used = time.perf_counter(), time.process_time()
            checksums = rebuild(truyvet.vault, truyvet.registers, truyvet.graph)
            seconds, used = time.perf_counter() - started, time.process_time() - used
        with open_truyvet(settings):  # the database runs, the service does not
            ready = [seconds_until_ready(settings.data_dir) for _ in range(_STARTS)]
            of_one, of_two = (memory_of_workers(settings.data_dir, workers) for workers in (1, 2))
    more = {
        "seed": SEED, "events": events, "seconds": round(seconds, 1), "cpu_seconds_of_python": round(used, 1),
        "restart_to_ready_seconds": [round(one, 2) for one in ready],
        "memory_one_worker": of_one, "memory_two_workers": of_two,
    }  # fmt: skip
    return Measurement("rebuild", count, checksums["graph"] == before, Rate("truyvet", events / seconds), [], more)


def _fill(truyvet: Truyvet, file: Path, count: int) -> None:
    write_csv(count, file)
    with file.open("rb") as content:
        truyvet.imports.visits(content, register_venues=True, by=LOCAL)
    file.unlink()


def seconds_until_ready(data_dir: Path) -> float:
    """Seconds from the start of a process to its first ``ready``."""
    port, started = free_port(), time.perf_counter()
    with served(data_dir, port):
        while _asked(port) != http.client.OK:
            time.sleep(_LOOK_SECONDS)
        return time.perf_counter() - started


def _asked(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/v1/health/ready")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def memory_of_workers(data_dir: Path, workers: int) -> list[dict[str, Any]]:
    """Of each worker, in MB, what several map counted by its share."""
    port = free_port()
    with served(data_dir, port, workers) as process:
        while _asked(port) != http.client.OK:
            time.sleep(_LOOK_SECONDS)
        return [memory(pid, data_dir / "graph") for pid in workers_of(process)]
