"""Binaries where the server's user can run them."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from infrastructure.postgres.account import Account
from infrastructure.postgres.binaries import PostgresUnavailable


def within_reach(binaries: Path, account: Account, ground: Path) -> Path:
    """The same binaries as they are, else a copy in `ground`.

    Only the wheel can be copied: a system's PostgreSQL knows the absolute paths of its parts.
    Raises PostgresUnavailable when those of the system are out of reach.
    """
    if account.may_execute(binaries / "postgres"):
        return binaries
    if binaries.parent.name != "pginstall":
        raise PostgresUnavailable(f"{account.name}, the user of the server, cannot execute {binaries}/postgres")
    package = binaries.parent.parent
    copy = ground / f"binaries-{_fingerprint(binaries / 'postgres')}"
    if not copy.exists():
        for old in (*ground.glob("binaries-*"), *ground.glob("copying-*")):
            shutil.rmtree(old, ignore_errors=True)
        _copy_wheel(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _fingerprint(program: Path) -> str:
    made = program.stat()
    return hashlib.sha256(f"{program} {made.st_mtime_ns} {made.st_size}".encode()).hexdigest()[:12]


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
    os.sync()  # the name must never stand for a half-written copy, not even after a power cut
    building.rename(copy)
