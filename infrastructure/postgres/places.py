"""Where everything lies, and the two locks that say who is there."""

import fcntl
import json
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from infrastructure.postgres.account import Account
from infrastructure.postgres.binaries import PostgresUnavailable

PORT = "5432"  # part of the socket's name, nothing listens on it
IN_PLACE_OF_HOME = Path("/var/lib/truyvet")
_LONGEST_SOCKET = 100  # bytes; Linux allows 107, macOS 103
_LONGEST_LOG = 10 << 20  # bytes


@dataclass(frozen=True)
class Address:
    """Where a server listens, and the OS user that a client must find there."""

    socket_directory: str
    runs_as: str


@dataclass(frozen=True)
class Home:
    """`<data_dir>/postgresql`, made and checked by `at`. Whoever can write to `data_dir` is trusted."""

    path: Path

    @classmethod
    def at(cls, data_dir: Path) -> "Home":
        """The home in `data_dir`; makes both when they are missing.

        Raises PostgresUnavailable when it cannot be written, or belongs to another OS user.
        """
        account = Account.for_server()
        data_dir = Path(os.path.realpath(data_dir))
        home = data_dir / "postgresql"
        try:
            if not data_dir.exists():
                data_dir.parent.mkdir(parents=True, exist_ok=True)
                _private_directory(data_dir, account)
            _private_directory(home, account)
        except OSError as error:
            raise PostgresUnavailable(f"The data directory {data_dir} cannot be used: {error.strerror}") from None
        return cls(home)

    @property
    def log(self) -> Path:
        return self.path / "log"

    def open_log(self) -> BinaryIO:
        """The log, to append to; begun anew, with the old one kept as `log.old`, when it has become long."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > _LONGEST_LOG:
                self.log.rename(self.path / "log.old")
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600), "ab")

    def open_lock(self, name: str) -> int:
        """A file descriptor of the lock file `owner` or `clients`, not locked yet."""
        return os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def address(self) -> Address | None:
        try:
            return Address(**json.loads((self.path / "address").read_text()))
        except FileNotFoundError:
            return None

    def publish(self, address: Address) -> None:
        draft = self.path / "address.new"
        draft.write_text(json.dumps(asdict(address)))
        draft.rename(self.path / "address")

    def withdraw(self) -> None:
        with suppress(OSError):  # the whole directory may be gone
            (self.path / "address").unlink()

    def account(self) -> Account:
        """Whoever the cluster belongs to, even if a user `postgres` has come into being since; else whoever it will."""
        for cluster in (self.path / "cluster", self.path / "elsewhere" / "cluster"):
            if cluster.exists():
                return Account.of(cluster.stat().st_uid)
        return Account.for_server()

    def ground(self, account: Account) -> Path:
        """What holds the cluster: this directory if the server's user can pass it, else one in /var/lib/truyvet.

        Raises PostgresUnavailable when data that are known to exist cannot be reached.
        """
        link = self.path / "elsewhere"
        if link.is_symlink():
            place = link.readlink()
            if not place.is_dir():
                raise PostgresUnavailable(f"The data of {self.path} are kept in {place}, which is missing")
            return place
        if account.may_execute(self.path):
            return self.path
        if (self.path / "cluster").exists():
            raise PostgresUnavailable(f"{account.name}, the user of the server, can no longer pass to {self.path}")
        place = IN_PLACE_OF_HOME / secrets.token_hex(8)
        _private_directory(IN_PLACE_OF_HOME, account)
        IN_PLACE_OF_HOME.chmod(0o711)
        _private_directory(place, account)
        link.symlink_to(place)
        return place

    def sockets(self, account: Account) -> Path:
        """The socket directory: the same each time, made again if it is gone, another one if it is no longer ours."""
        link = self.path / "sockets"
        if link.is_symlink() and _claimed(link.readlink(), account):
            return link.readlink()
        place = _short_directory(account)
        link.unlink(missing_ok=True)
        link.symlink_to(place)
        return place


def locked(lock: int, how: int) -> bool:
    """Whether the lock (fcntl.LOCK_SH or LOCK_EX) could be had without waiting."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private_directory(path: Path, account: Account) -> None:
    """Ours alone; where the server runs as another user, that user's group may pass."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PostgresUnavailable(f"{path} belongs to another OS user: run as that one, or choose another directory")
    if account.is_another:
        os.chown(path, -1, account.gid)
    path.chmod(0o710 if account.is_another else 0o700)


def _claimed(place: Path, account: Account) -> bool:
    """Make sure that a directory is there and private to the server's user; false if somebody else has that name."""
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    ours = {os.geteuid(), account.uid}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o077:
        return False
    if account.is_another:
        os.chown(place, account.uid, account.gid)
    return True


def _short_directory(account: Account) -> Path:
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 # random names of mode 0700 in it
        length = len(os.fsencode(base / "truyvet-12345678" / f".s.PGSQL.{PORT}"))
        if length <= _LONGEST_SOCKET and not {",", '"'} & set(str(base)) and account.may_execute(base):
            place = Path(tempfile.mkdtemp(prefix="truyvet-", dir=base))
            _claimed(place, account)
            return place
    raise PostgresUnavailable(f"{account.name}, the user of the server, cannot pass to /tmp, where its socket would be")
