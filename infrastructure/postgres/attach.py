"""Using the server: attach to the one that runs, or start the owner of a new one."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infrastructure.postgres.binaries import PostgresUnavailable, find_binaries
from infrastructure.postgres.places import PORT, READY, SUPERUSER, Address, Home, Request, locked

_GRACE = 1.5  # seconds a server stays up for the next command
_PATIENCE = 600.0  # seconds; crash recovery may take minutes
_CONNECTING_PATIENCE = 30.0  # seconds, where the server says that it accepts connections
_STARTS = 5  # owners that may be killed under our eyes
_LONGEST_LOG = 10 << 20  # bytes
_FOR_THE_OWNER = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")  # and no secret


@contextmanager
def local_postgres(
    data_dir: Path, *, database: str = "truyvet", grace: float = _GRACE, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yields a conninfo string for `database`, which is made if it is missing; the server stays up until the block ends.

    `grace` (seconds the server outlives its last user) and `settings` (of postgresql.conf, before all others) count where this
    call starts the server.
    Raises PostgresUnavailable.
    """
    home = Home.at(data_dir)
    clients = home.open_lock("clients")
    try:
        yield _reach(home, clients, database, grace, dict(settings or {}))
    finally:
        os.close(clients)


def ensure_running(data_dir: Path, *, database: str = "truyvet") -> str:
    """For a process inside `local_postgres` whose connections broke: starts an owner if none lives, and returns the conninfo.

    Raises PostgresUnavailable.
    """
    with local_postgres(data_dir, database=database) as conninfo:
        return conninfo


def _reach(home: Home, clients: int, database: str, grace: float, settings: dict[str, str]) -> str:
    import psycopg  # noqa: PLC0415 - slow, and the owner imports this package

    deadline = time.monotonic() + _PATIENCE
    trouble = "nobody has started it"
    starts = 0
    while time.monotonic() < deadline and starts < _STARTS:
        # While an owner is on its way out, it has the clients' lock to itself.
        if locked(clients, fcntl.LOCK_SH):
            starts += _owner_started(home, grace, settings)
            if address := home.address():
                try:
                    return _with_database(address, database)
                except psycopg.OperationalError as error:
                    trouble = str(error)
                    deadline = min(deadline, time.monotonic() + _CONNECTING_PATIENCE)
        time.sleep(0.02)
    raise PostgresUnavailable(f"The local server does not answer: {trouble} (see {home.log})")


def _owner_started(home: Home, grace: float, settings: dict[str, str]) -> bool:
    """Whoever gets the owner's lock starts the owner, and passes the lock on to it: so there is never a second one."""
    lock = home.open_lock("owner")
    try:
        if not locked(lock, fcntl.LOCK_EX):
            return False
        _start_owner(home, Request(str(home.path), str(find_binaries()), lock, grace, settings))
        return True
    finally:
        os.close(lock)


def _start_owner(home: Home, request: Request) -> None:
    root = str(Path(__file__).parents[2])
    environment = {name: value for name in _FOR_THE_OWNER if (value := os.environ.get(name)) is not None}
    command = [sys.executable, "-P", "-m", "infrastructure.postgres.owner", request.text()]
    with home.open_log(_LONGEST_LOG) as log:
        owner = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={**environment, "PYTHONPATH": root},
            pass_fds=(request.owner_lock,),
            start_new_session=True,
        )
    with owner:
        try:
            answer = owner.communicate(timeout=_PATIENCE)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            answer = f"The local server has not started within {_PATIENCE:.0f} s (see {home.log})"
    if answer not in {"", READY}:  # it says nothing when it is killed
        raise PostgresUnavailable(answer)


def _with_database(address: Address, database: str) -> str:
    """The conninfo of the database, made if missing. Raises psycopg.OperationalError while the server cannot be reached."""
    import psycopg  # noqa: PLC0415 - slow, and the owner imports this package
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415
    from psycopg.sql import SQL, Identifier  # noqa: PLC0415

    server = make_conninfo(
        host=address.socket_directory, port=PORT, user=SUPERUSER, requirepeer=address.runs_as, hostaddr="", sslmode="disable"
    )
    with psycopg.connect(server, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
        exists = "SELECT 1 FROM pg_database WHERE datname = %s"
        if not connection.execute(exists, [database]).fetchone():
            connection.execute("SELECT pg_advisory_lock(hashtext('truyvet: make a database'))")
            if not connection.execute(exists, [database]).fetchone():
                # What goes wrong in a session is told to that session, values and all; the log shall not have it.
                connection.execute("ALTER ROLE ALL SET log_min_messages = 'log'")
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
    return make_conninfo(server, dbname=database)
