"""One real PostgreSQL for the whole run, a fresh database cloned from a migrated template for each test."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from api.app import Truyvet, build
from infrastructure.database import Database, migrate
from infrastructure.postgres import local_postgres
from infrastructure.postgres.binaries import OVERRIDE
from infrastructure.settings import Settings

SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")
RUN_DIRECTORY = "TRUYVET_TEST_RUN"
SERVER_GRACE_SECONDS = 1.0
TEMPLATE = "truyvet_template"
_MAKING_TEMPLATE = 7_479_999  # any fixed number: the advisory lock of the workers of one run
_numbers = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """One directory for the run, which the workers of a parallel run inherit.

    Not pytest's own: as root the server runs as another user, who must be able to reach its data.
    """
    if RUN_DIRECTORY not in os.environ:
        os.environ[RUN_DIRECTORY] = tempfile.mkdtemp(prefix="truyvet-tests-")
        Path(os.environ[RUN_DIRECTORY]).chmod(0o711)
        config.add_cleanup(_remove_run_directory)


def _remove_run_directory() -> None:
    time.sleep(SERVER_GRACE_SECONDS + 0.5)
    shutil.rmtree(os.environ.pop(RUN_DIRECTORY), ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Conninfo of the run's server; the workers of a parallel run share one."""
    with _server("postgresql") as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def server_15() -> Iterator[str]:
    """Conninfo of a PostgreSQL 15, the oldest that is supported; skipped where its binaries are missing."""
    if not (SYSTEM_15 / "postgres").exists():
        pytest.skip("no binaries of PostgreSQL 15 on this machine")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # only while it starts: others look for their own binaries
            patch.setenv(OVERRIDE, str(SYSTEM_15))
            conninfo = stack.enter_context(_server("postgresql-15"))
        yield conninfo


@pytest.fixture
def database_url(server: str) -> Iterator[str]:
    """Conninfo of a fresh, migrated, empty database."""
    with fresh_database(server) as conninfo:
        yield conninfo


@pytest.fixture(params=["server", "server_15"])
def any_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same on every server that is supported."""
    with fresh_database(request.getfixturevalue(request.param)) as conninfo:
        yield conninfo


@pytest.fixture
def truyvet(database_url: str, tmp_path: Path) -> Iterator[Truyvet]:
    """Everything on an empty database; its views move when a test says ``catch_up``."""
    with opened(database_url, tmp_path / "data") as truyvet:
        yield truyvet


@pytest.fixture
def truyvet_again(database_url: str, tmp_path: Path) -> Iterator[Callable[[], Truyvet]]:
    """Further ones on the same database and data directory, as other processes would be."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(opened(database_url, tmp_path / "data"))


@contextmanager
def opened(conninfo: str, data_dir: Path) -> Iterator[Truyvet]:
    database = Database(conninfo)
    try:
        truyvet = build(Settings(data_dir=data_dir, database_url=conninfo), database)
        yield truyvet
        truyvet.graph.stop()
        truyvet.registers.stop()
        truyvet.policies.stop()
    finally:
        database.close()


@contextmanager
def _server(name: str) -> Iterator[str]:
    data_dir = Path(os.environ[RUN_DIRECTORY]) / name
    with local_postgres(data_dir, database="postgres", grace=SERVER_GRACE_SECONDS) as conninfo:
        _make_template(conninfo)
        yield conninfo


def _make_template(conninfo: str) -> None:
    with _connection(conninfo) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_MAKING_TEMPLATE])
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {TEMPLATE}_unfinished")
            with _connection(make_conninfo(conninfo, dbname=f"{TEMPLATE}_unfinished")) as template:
                migrate(template)
            connection.execute(f"ALTER DATABASE {TEMPLATE}_unfinished RENAME TO {TEMPLATE}")


@contextmanager
def fresh_database(conninfo: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with _connection(conninfo) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        fresh = make_conninfo(conninfo, dbname=name)
        with _connection(fresh) as own:
            own.execute("UPDATE log_head SET log_id = gen_random_uuid()")
        try:
            yield fresh
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _connection(conninfo: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(conninfo, autocommit=True, row_factory=dict_row)
