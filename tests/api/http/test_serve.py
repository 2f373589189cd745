import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from api.http.serve import serve
from domain.errors import Malformed, Refused, Unavailable
from infrastructure.settings import Settings

PROGRAM = """
import sys
from pathlib import Path
from api.http.serve import serve
from infrastructure.settings import Settings
if __name__ == "__main__":
    serve(Settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2]), port=0, workers=int(sys.argv[3]))
"""

Serving = Callable[[int], "tuple[subprocess.Popen[str], httpx.Client]"]


@pytest.fixture
def serving(database_url: str, tmp_path: Path) -> Iterator[Serving]:
    with _program(tmp_path) as start:
        yield lambda workers: start(tmp_path / "data", database_url, workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_until_told_to_end_even_while_the_log_is_followed(serving: Serving, workers: int) -> None:
    process, client = serving(workers)
    body = {"name": "Cafe", "kind": "shop", "commune": "00001", "code": "cafe"}
    position = client.post("/v1/venues", json=body).json()["position"]
    assert client.get("/v1/health/ready").json()["position"] == position
    day = {"from": "2021-08-30T00:00:00Z", "to": "2021-08-31T00:00:00Z", "wait_for": position}
    assert client.get("/v1/venues/cafe/visits", params=day).json()["position"] == position
    with client.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as live:
        lines = live.iter_lines()
        assert next(line for line in lines if line.startswith("id:")) == "id: 1"
        process.send_signal(signal.SIGTERM)
        list(lines)
    assert process.wait(10) == 0
    with pytest.raises(httpx.ConnectError):
        client.get("/v1/health/live")


def test_connections_that_are_cut_do_not_end_it(serving: Serving, database_url: str) -> None:
    process, client = serving(1)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    answers = [client.get("/v1/events").status_code for _ in range(5)]
    assert answers[-1] == 200
    body = {"name": "Cafe", "kind": "shop", "commune": "00001", "code": "cafe"}
    position = client.post("/v1/venues", json=body).json()["position"]
    day = {"from": "2021-08-30T00:00:00Z", "to": "2021-08-31T00:00:00Z", "wait_for": position}
    assert client.get("/v1/venues/cafe/visits", params=day).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_it_answers_under_the_names_of_this_machine_only(serving: Serving) -> None:
    _, client = serving(1)
    port = client.base_url.port
    assert client.get("/v1/health/live", headers={"Host": f"localhost:{port}"}).status_code == 200
    assert client.get("/v1/health/live", headers={"Host": "rebound.example"}).status_code == 421


def test_other_hosts_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="only this machine"):
        serve(Settings(data_dir=tmp_path), host="0.0.0.0")  # noqa: S104 # that is the point


@pytest.mark.parametrize(("port", "workers"), [(70_000, 1), (0, 0)])
def test_ports_and_workers_that_are_none_are_refused(tmp_path: Path, port: int, workers: int) -> None:
    with pytest.raises(Malformed):
        serve(Settings(data_dir=tmp_path), port=port, workers=workers)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Unavailable, match="Address already in use"):
        serve(Settings(data_dir=tmp_path), port=taken.getsockname()[1])


@contextmanager
def _program(directory: Path) -> Iterator[Callable[[Path, str, int], tuple[subprocess.Popen[str], httpx.Client]]]:
    program = directory / "program.py"
    program.write_text(PROGRAM)
    started: list[subprocess.Popen[str]] = []

    def start(data_dir: Path, url: str, workers: int) -> tuple[subprocess.Popen[str], httpx.Client]:
        command = [sys.executable, str(program), str(data_dir), url, str(workers)]
        path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
        started.append(process)
        assert process.stderr is not None
        address = next(line for line in process.stderr if line.startswith("listening on ")).split()[-1]
        return process, httpx.Client(base_url=address, timeout=20)

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()
