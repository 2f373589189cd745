"""A fresh data directory for each run, in the place of the one that an earlier run made."""

import fcntl
import os
import shutil
import time
from pathlib import Path

from domain.errors import Refused, Unavailable
from infrastructure.postgres import PostgresUnavailable
from infrastructure.postgres.places import IN_PLACE_OF_HOME, Home, locked

MARKER = "made-by-truyvet-demo"
"""The file that says so: a directory without it is somebody's, and stays."""

_PATIENCE = 60.0  # seconds for the server of an earlier run to end
_LOOK_SECONDS = 0.1
_LOOKS = 5  # in a row that see somebody


def fresh_data_dir(path: Path) -> Path:
    """``path``, new and empty but for the marker. Raises Refused for a directory that is not ours, or in use."""
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        raise Refused(f"{path} is there already and was not made by the demo: move it away, or choose another --output")
    try:
        if path.exists():
            _delete(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        Home.at(path)  # makes it private, and passable for the local server where that runs as another user
    except PostgresUnavailable as error:
        raise Unavailable(str(error)) from error
    (path / MARKER).write_text("truyvet demo deletes this directory when it runs again.\n")
    return path


def _is_ours(path: Path) -> bool:
    return path.is_dir() and ((path / MARKER).is_file() or not any(path.iterdir()))


def _delete(path: Path) -> None:
    """With the server's files, which lie elsewhere when root runs it in a place that its user cannot reach."""
    home = Home.at(path)
    lock = home.open_lock("owner")
    try:
        _await_end(home, lock)
        elsewhere = home.path / "elsewhere"
        if elsewhere.is_symlink() and elsewhere.readlink().parent == IN_PLACE_OF_HOME:
            shutil.rmtree(elsewhere.readlink(), ignore_errors=True)
        shutil.rmtree(path)
    finally:
        os.close(lock)


def _await_end(home: Home, lock: int) -> None:
    """Until the owner of the server has gone, which it does shortly after its last user; with its lock then."""
    deadline, in_use = time.monotonic() + _PATIENCE, 0
    while not locked(lock, fcntl.LOCK_EX):
        in_use = in_use + 1 if _is_attached_to(home) else 0
        if in_use == _LOOKS or time.monotonic() > deadline:
            raise Refused(f"{home.path.parent} is in use: end the truyvet that runs there, or choose another --output")
        time.sleep(_LOOK_SECONDS)


def _is_attached_to(home: Home) -> bool:
    """Whether somebody shares the clients' lock. The owner takes it for itself to look, for a moment, and to end."""
    clients = home.open_lock("clients")
    try:
        return not locked(clients, fcntl.LOCK_EX) and locked(clients, fcntl.LOCK_SH)
    finally:
        os.close(clients)
