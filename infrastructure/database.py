"""One pool of connections to PostgreSQL, and the schema, which only migrations change."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import resources
from typing import Any, NamedTuple

import psycopg
from eventsourcing.postgres import ConnectionPool, PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from domain.errors import Unavailable

LOCK_TIMEOUT_SECONDS = 30
POOL_TIMEOUT_SECONDS = 5
"""So long a request waits for a connection, and so long the pool goes on trying to have one for it."""

_shared: ContextVar[Connection[DictRow] | None] = ContextVar("_shared", default=None)

_MIGRATING = 7_479_001  # any fixed number: the advisory lock that migrations hold
_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    number     integer     PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class Database(PostgresDatastore):
    """The library's datastore on a connection string, so that every libpq option works."""

    def __init__(self, conninfo: str, *, pool_size: int = 2, most: int = 20) -> None:
        super().__init__(dbname="", host="", port="", user="", password="", lock_timeout=LOCK_TIMEOUT_SECONDS)
        self.conninfo = conninfo
        self.pool.close()
        self.pool = ConnectionPool(
            conninfo,
            connection_class=Connection[DictRow],
            kwargs={"row_factory": dict_row, "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s -c timezone=UTC"},
            min_size=pool_size,
            max_size=most,
            open=False,
            configure=self.after_connect_func(),
            check=ConnectionPool.check_connection,
            timeout=POOL_TIMEOUT_SECONDS,
            reconnect_timeout=POOL_TIMEOUT_SECONDS,
        )

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        shared = _shared.get()
        if shared is not None:
            yield shared
            return
        with super().get_connection() as connection:
            yield connection

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """One connection for all questions asked within: one from the pool is first asked whether it still works."""
        with self.get_connection() as connection:
            token = _shared.set(connection)
            try:
                yield
            finally:
                _shared.reset(token)

    @contextmanager
    def connect(self) -> Iterator[Connection[DictRow]]:
        """A connection of its own, for what outlives a transaction: LISTEN, advisory locks."""
        with psycopg.connect(self.conninfo, row_factory=dict_row, autocommit=True) as connection:
            yield connection


class Migration(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The numbered .sql files, in order."""
    files = (f for f in resources.files("infrastructure").joinpath("migrations").iterdir() if f.name.endswith(".sql"))
    return sorted(Migration(int(f.name[:4]), f.name, f.read_text(encoding="utf-8")) for f in files)


def migrate(connection: Connection[Any]) -> list[str]:
    """Apply what is missing, each once, under an advisory lock; the names of those applied now.

    Raises Unavailable when an applied file has changed since, or the database is newer than this program.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATING])
        connection.execute(_MIGRATIONS_TABLE)
        rows = connection.execute("SELECT number, sha256 FROM migrations").fetchall()
        applied = {row["number"]: row["sha256"] for row in rows}
        known = migrations()
        _check_history(applied, known)
        missing = [migration for migration in known if migration.number not in applied]
        for migration in missing:
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO migrations (number, name, sha256) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.sha256],
            )
        return [migration.name for migration in missing]


def _check_history(applied: dict[int, str], known: list[Migration]) -> None:
    checksums = {migration.number: migration.sha256 for migration in known}
    for number, sha256 in sorted(applied.items()):
        if number not in checksums:
            raise Unavailable(f"the database has migration {number:04}, which this version of truyvet does not know")
        if checksums[number] != sha256:
            raise Unavailable(f"migration {number:04} was changed after it had been applied")
