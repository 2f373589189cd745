import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import Truyvet
from api.http import create_app
from api.http.serve import LoopbackOnly, following, serve
from application.access_keys import read_key_text
from domain.errors import Malformed, Refused, TimedOut, Unavailable
from infrastructure.admin_key import FILE_NAME
from infrastructure.registers import Registers
from infrastructure.settings import Settings
from tests.api.http.asking import FIRST, bearer

PROGRAM = """
import sys
from pathlib import Path
from api.http.serve import serve
from infrastructure.settings import Settings
if __name__ == "__main__":
    serve(Settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2] or None), port=0, workers=int(sys.argv[3]))
"""


class Served(NamedTuple):
    """A server that answers, a client with the first admin key, and what the server said on stderr until then."""

    process: "subprocess.Popen[str]"
    client: httpx.Client
    said: list[str]


Serving = Callable[[int], Served]


@pytest.fixture
def serving(database_url: str, tmp_path: Path) -> Iterator[Serving]:
    with _program(tmp_path) as start:
        yield lambda workers: start(tmp_path / "data", database_url, workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_until_told_to_end_even_while_the_log_is_followed(serving: Serving, workers: int) -> None:
    process, client, _ = serving(workers)
    body = {"name": "Cafe", "kind": "shop", "commune": "00001", "code": "cafe"}
    position = client.post("/v1/venues", json=body).json()["position"]
    assert client.get("/v1/health/ready").json()["position"] == position
    day = {"from": "2021-08-30T00:00:00Z", "to": "2021-08-31T00:00:00Z", "wait_for": position}
    assert client.get("/v1/venues/cafe/visits", params=day).json()["position"] == position
    assert [venue["code"] for venue in client.get("/v1/venues", params={"wait_for": position}).json()["items"]] == [
        "cafe"
    ]
    views = client.get("/v1/health/ready").json()["projections"]
    assert {view["name"]: view["error"] for view in views} == {"visit graph": None, "registers": None, "policies": None}
    with client.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as live:
        lines = live.iter_lines()
        assert next(line for line in lines if line.startswith("id:")) == "id: 1"  # the admin key
        process.send_signal(signal.SIGTERM)
        list(lines)
    assert process.wait(10) == 0
    with pytest.raises(httpx.ConnectError):
        client.get("/v1/health/live")


def test_connections_that_are_cut_do_not_end_it(serving: Serving, database_url: str) -> None:
    process, client, _ = serving(1)
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
    _, client, _ = serving(1)
    port = client.base_url.port
    assert client.get("/v1/health/live", headers={"Host": f"localhost:{port}"}).status_code == 200
    assert client.get("/v1/health/live", headers={"Host": "rebound.example"}).status_code == 421


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_admin_key_is_made_once_in_a_file_for_its_owner_alone(
    serving: Serving, database_url: str, tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "data" / FILE_NAME
    for _ in range(2):
        process, client, said = serving(workers)
        assert said[0] == f"an admin's access key is in {path}\n"
        assert path.stat().st_mode & 0o777 == 0o600
        assert [key["label"] for key in client.get("/v1/keys", params={"wait_for": 1}).json()["items"]] == ["the first"]
        process.send_signal(signal.SIGTERM)
        said += process.communicate(timeout=20)[1].splitlines()
        key = read_key_text(path.read_text().strip())
        assert key is not None
        assert key.secret not in "".join(said)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_revocation_is_effective_in_every_worker_within_a_second(serving: Serving, workers: int) -> None:
    process, client, _ = serving(workers)
    created = client.post("/v1/keys", json={"role": "auditor"}).json()
    auditor = bearer(created["key"])
    connections = [httpx.Client(base_url=client.base_url, headers=auditor) for _ in range(8)]
    assert {one.get("/v1/keys").status_code for one in connections} == {200}
    client.post(f"/v1/keys/{created['key_id']}/revocation")
    time.sleep(1)
    assert {one.get("/v1/keys").status_code for one in connections} == {401}
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_connections_are_divided_among_the_workers_and_no_second_server_takes_the_port(
    serving: Serving, tmp_path: Path
) -> None:
    process, client, _ = serving(2)
    port = client.base_url.port or 0
    _eventually(lambda: min(_answered_by(port, 32)) > 3, 20)  # the second one begins a moment later
    with pytest.raises(Unavailable, match="Address already in use"):
        serve(Settings(data_dir=tmp_path), port=port, workers=2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def _answered_by(port: int, count: int) -> list[int]:
    """How many of so many connections each of two workers answered: request ids begin alike in one process."""
    connections = [HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(count)]
    for one in connections:
        one.request("GET", "/v1/health/live")
    workers = Counter(one.getresponse().headers["X-Request-Id"][:-8] for one in connections)
    return [*workers.values(), 0][:2]


@pytest.fixture
def door(truyvet: Truyvet) -> Iterator[TestClient]:
    _, key = truyvet.access_keys.create("admin")
    app = LoopbackOnly(create_app(truyvet))
    with TestClient(app, base_url="http://127.0.0.1:8000", headers=bearer(key)) as client:
        yield client


@pytest.mark.parametrize(
    "origin", ["https://page.example", "http://127.0.0.1:3000", "http://localhost:8000", "http://127.0.0.1", "null", ""]
)
def test_a_page_of_another_host_changes_nothing(door: TestClient, truyvet: Truyvet, origin: str) -> None:
    content = b"person,venue,check_in,check_out\nref:ann,cafe,2021-08-30T09:00:00+07:00,\n"
    for path in ("/v1/imports/visits?register_venues=true", "/v1/venues", "/v1/check-ins"):
        refused = door.post(path, content=content, headers={"Origin": origin})
        assert refused.status_code == refused.json()["status"] == 403
        assert refused.headers["content-type"] == "application/problem+json"
    assert door.patch("/v1/venues/cafe", json={}, headers={"Origin": origin}).status_code == 403
    assert door.get("/v1/events", headers={"Origin": origin}).status_code == 200
    assert truyvet.log.head() == FIRST - 1


def test_a_page_of_our_own_and_what_is_no_page_may_change_something(door: TestClient) -> None:
    body = {"name": "Cafe", "kind": "shop", "commune": "00001"}
    assert door.post("/v1/venues", json=body).status_code == 201
    assert door.post("/v1/venues", json=body, headers={"Origin": "http://127.0.0.1:8000"}).status_code == 201
    named = {"Host": "localhost:8000", "Origin": "http://localhost:8000"}
    assert door.post("/v1/venues", json=body, headers=named).status_code == 201


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_after_kill_9_of_the_owner_of_the_local_server_it_recovers_by_itself(tmp_path: Path, open_dir: Path) -> None:
    data_dir = open_dir / "data"
    with _program(tmp_path) as start:
        process, client, _ = start(data_dir, "", 1)
        body = {"name": "Cafe", "kind": "shop", "commune": "00001", "code": "cafe"}
        assert client.post("/v1/venues", json=body).status_code == 201
        killed = _owner(data_dir)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        at = time.monotonic()
        _eventually(lambda: _owner(data_dir) not in (None, killed), 10)
        _eventually(lambda: client.get("/v1/health/ready").status_code == 200, 10 - (time.monotonic() - at))
        recorded = client.post("/v1/check-ins", json={"venue": "cafe", "person": "ref:ann"})
        assert recorded.status_code == 201
        seen = client.get("/v1/events", params={"wait_for": recorded.json()["position"]}).json()
        assert seen["items"][-1]["type"] == "Visit.CheckedIn"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    _eventually(lambda: _owner(data_dir) is None, 15)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """Passable, unlike pytest's own: started by root, the local server runs as another user."""
    path = Path(tempfile.mkdtemp(prefix="truyvet-serve-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def _owner(data_dir: Path) -> int | None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if b"infrastructure.postgres.owner" in command and os.fsencode(data_dir) in command:
                return int(process.name)
    return None


def _eventually(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_registers_that_are_far_behind_keep_nobody_waiting(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a large import they read for minutes what the graph knows already."""
    waited: list[float] = []
    here = threading.get_ident()

    def far_behind(_: Registers, seconds: float = 60.0) -> int:
        if threading.get_ident() == here:  # policies wait for registers, too, in a thread of their own
            waited.append(seconds)
        raise TimedOut("the registers are at position 1")

    monkeypatch.setattr(Registers, "catch_up", far_behind)
    with following(Settings(data_dir=tmp_path / "data", database_url=database_url)) as truyvet:
        assert truyvet.graph.catch_up() == truyvet.log.head()
    assert max(waited) <= 5


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
def _program(directory: Path) -> Iterator[Callable[[Path, str, int], Served]]:
    program = directory / "program.py"
    program.write_text(PROGRAM)
    started: list[subprocess.Popen[str]] = []

    def start(data_dir: Path, url: str, workers: int) -> Served:
        command = [sys.executable, str(program), str(data_dir), url, str(workers)]
        path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
        started.append(process)
        assert process.stderr is not None
        said = []
        while not (said and said[-1].startswith("listening on ")):
            said.append(process.stderr.readline())
        key = (data_dir / FILE_NAME).read_text().strip()
        client = httpx.Client(base_url=said[-1].split()[-1], timeout=20, headers=bearer(key))
        return Served(process, client, said)

    try:
        yield start
    finally:
        for process in started:
            process.terminate()  # killed, it would leave its workers behind
            process.communicate(timeout=20)
