import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import psycopg
import pytest
from psycopg.rows import dict_row

from infrastructure.durability import UnsafeDatabase, check_durable, check_version
from infrastructure.postgres import local_postgres
from infrastructure.postgres.places import Home, locked


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    data_dir = Path(tempfile.mkdtemp(prefix="truyvet-durability-"))
    data_dir.chmod(0o711)
    yield data_dir
    wait_for_the_end(data_dir)
    rmtree(data_dir)


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_can_lose_events_is_refused_by_the_name_of_the_setting(data_dir: Path, name: str) -> None:
    wait_for_the_end(data_dir)
    with (
        local_postgres(data_dir, grace=0, settings={name: "off"}) as conninfo,
        psycopg.connect(conninfo) as connection,
        pytest.raises(UnsafeDatabase, match=f"{name} = off"),
    ):
        check_durable(connection)


def test_our_own_server_is_durable(data_dir: Path) -> None:
    wait_for_the_end(data_dir)
    with local_postgres(data_dir, grace=0) as conninfo, psycopg.connect(conninfo, row_factory=dict_row) as connection:
        check_durable(connection)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize(("level", "safe"), [("off", False), ("local", True), ("remote_write", True)])
def test_what_counts_is_the_setting_of_the_role_that_writes(data_dir: Path, level: str, safe: bool) -> None:
    with local_postgres(data_dir, grace=0) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE truyvet SET synchronous_commit = {level}".encode())
        with psycopg.connect(conninfo) as connection:
            if safe:
                check_durable(connection)
            else:
                with pytest.raises(UnsafeDatabase, match="synchronous_commit"):
                    check_durable(connection)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("ALTER ROLE truyvet RESET ALL")


@pytest.mark.parametrize(("value", "safe"), [("yes", False), ("1", False), ("True", False), ("no", True), ("", True)])
def test_the_library_must_keep_its_ordering_lock(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, value: str, safe: bool
) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", value)
    with local_postgres(data_dir, grace=1) as conninfo, psycopg.connect(conninfo) as connection:
        if safe:
            check_durable(connection)
        else:
            with pytest.raises(UnsafeDatabase, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
                check_durable(connection)


def test_versions_before_15_are_refused() -> None:
    check_version(150000)
    with pytest.raises(UnsafeDatabase, match="PostgreSQL 14"):
        check_version(140012)


def wait_for_the_end(data_dir: Path) -> None:
    """Until no owner lives, so that the next server starts with the settings of the next test."""
    lock = Home.at(data_dir).open_lock("owner")
    deadline = time.monotonic() + 15
    while not locked(lock, fcntl.LOCK_EX):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.close(lock)
