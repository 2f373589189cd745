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
from infrastructure.postgres.places import PORT, Address, Home, locked
from infrastructure.postgres.request import READY, Request
from infrastructure.postgres.settings import DISCREET_SESSIONS, SUPERUSER

# psycopg is imported where it is used: it takes longer than all the rest, and the owner imports this package too.

_GRACE = 1.5  # seconds a server stays up for the next command
_PATIENCE = 600.0  # seconds; crash recovery may take minutes
_REFUSALS = 2000  # 0.02 s apart, by a server that is said to accept connections
_STARTS = 5  # owners that end without a word: killed under our eyes
_FOR_THE_OWNER = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")  # and no secret


@contextmanager
def local_postgres(
    data_dir: Path, *, database: str = "truyvet", grace: float = _GRACE, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yields a conninfo string for `database`, made if it is missing; the server stays up until the block ends.

    `grace` (seconds that the server outlives its last user) and `settings` (as in postgresql.conf, stronger than ours)
    count when this call is the one that starts the server.
    Raises PostgresUnavailable.
    """
    home = Home.at(data_dir)
    clients = home.open_lock("clients")
    try:
        yield _reach(home, clients, database, grace, dict(settings or {}))
    finally:
        os.close(clients)


def ensure_running(
    data_dir: Path, *, database: str = "truyvet", grace: float = _GRACE, settings: Mapping[str, str] | None = None
) -> str:
    """For a process inside `local_postgres` whose connections broke: the conninfo, with a new owner if none lives.

    Give it what `local_postgres` was given.
    Raises PostgresUnavailable.
    """
    with local_postgres(data_dir, database=database, grace=grace, settings=settings) as conninfo:
        return conninfo


def _reach(home: Home, clients: int, database: str, grace: float, settings: dict[str, str]) -> str:
    import psycopg

    deadline = time.monotonic() + _PATIENCE
    trouble, refusals, starts = "nobody has started it", 0, 0
    while time.monotonic() < deadline and refusals < _REFUSALS and starts < _STARTS:
        # An owner on its way out has the clients' lock to itself.
        if locked(clients, fcntl.LOCK_SH):
            starts += _started_owner(home, grace, settings)
            if address := home.address():
                try:
                    return _with_database(address, database)
                except psycopg.OperationalError as error:
                    trouble, refusals = str(error), refusals + 1
            else:
                refusals = 0
        time.sleep(0.02)
    raise PostgresUnavailable(f"The local server does not answer: {trouble} (see {home.log})")


def _started_owner(home: Home, grace: float, settings: dict[str, str]) -> bool:
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
    environment = {name: os.environ[name] for name in _FOR_THE_OWNER if name in os.environ}
    with home.open_log() as log:
        launcher = subprocess.Popen(  # leaves the owner behind, detached
            [sys.executable, "-P", "-m", "infrastructure.postgres.owner", request.text()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            pass_fds=(request.owner_lock,),
            start_new_session=True,
        )
    with launcher:
        try:
            answer = launcher.communicate(timeout=_PATIENCE)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            answer = f"The local server has not started within {_PATIENCE:.0f} s (see {home.log})"
    if answer not in {"", READY}:
        raise PostgresUnavailable(answer)


def _with_database(address: Address, database: str) -> str:
    """The conninfo of the database, made if missing. Raises psycopg.OperationalError when there is no connecting."""
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.sql import SQL, Identifier

    server = make_conninfo(
        host=address.socket_directory,
        hostaddr="",  # else PGHOSTADDR of the environment would win
        port=PORT,
        user=SUPERUSER,
        requirepeer=address.runs_as,
    )
    with psycopg.connect(server, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
        exists = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(exists, [database]).fetchone() is None:
            connection.execute("SELECT pg_advisory_lock(hashtext('truyvet: make a database'))")
            if connection.execute(exists, [database]).fetchone() is None:
                connection.execute(DISCREET_SESSIONS)
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
    return make_conninfo(server, dbname=database)
