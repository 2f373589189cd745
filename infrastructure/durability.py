"""Refusing a database that can lose what it has acknowledged."""

import os
from typing import Any

import psycopg
from psycopg.rows import tuple_row

OLDEST_SERVER = 150000  # PostgreSQL 15, as `server_version_num` writes it
# Only `off` acknowledges a commit before it is on the server's own disk: `local`, `on`, `remote_write` and
# `remote_apply` all wait for that, and differ in what they wait for on a standby.
MUST_NOT_BE_OFF = ("fsync", "full_page_writes", "synchronous_commit")
# With this the event store's library leaves out its ordering lock: readers of the log miss events.
NO_ORDERING = "POSTGRES_ENABLE_DB_FUNCTIONS"
_FALSY = {"", "0", "n", "no", "f", "false", "off"}


class UnsafeDatabase(Exception):
    """Events could be lost or missed with this setting, which the message names."""


def check_durable(connection: psycopg.Connection[Any]) -> None:
    """Look at the settings of this session, so connect as the role and to the database that will write.

    Raises UnsafeDatabase.
    """
    check_environment()
    check_version(connection.info.server_version)
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [list(MUST_NOT_BE_OFF)])
        settings: dict[str, str] = dict(cursor.fetchall())
    for name in MUST_NOT_BE_OFF:
        if settings[name] == "off":
            raise UnsafeDatabase(f"The database has {name} = off and can lose acknowledged events: set {name} = on")


def check_environment() -> None:
    """Raises UnsafeDatabase if POSTGRES_ENABLE_DB_FUNCTIONS is set."""
    if os.environ.get(NO_ORDERING, "").strip().lower() not in _FALSY:
        raise UnsafeDatabase(f"{NO_ORDERING} is set: readers of the log would miss events, so unset it")


def check_version(server_version: int) -> None:
    """Raises UnsafeDatabase for a server older than PostgreSQL 15; 150004 stands for 15.4."""
    if server_version < OLDEST_SERVER:
        major, oldest = server_version // 10_000, OLDEST_SERVER // 10_000
        raise UnsafeDatabase(f"The server is PostgreSQL {major} (server_version): {oldest} or newer is needed")
