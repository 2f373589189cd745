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
SUPERUSER = "truyvet"
READY = "ready"  # what an owner answers when its server accepts connections
IN_PLACE_OF_HOME = Path("/var/lib/truyvet")
_LONGEST_SOCKET = 100  # bytes; Linux allows 107, macOS 103
_ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Address:
    """Where a server listens, and the OS user that a client must find there."""

    socket_directory: str
    runs_as: str


@dataclass(frozen=True)
class Request:
    """What a process that starts an owner hands over, its lock on `owner` included (as a file descriptor). `grace` is in seconds."""

    home: str
    binaries: str
    owner_lock: int
    grace: float
    settings: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Request":
        return cls(**json.loads(text))

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Home:
    """`<data_dir>/postgresql`, made and checked by `at`."""

    path: Path

    @classmethod
    def at(cls, data_dir: Path) -> "Home":
        """The home in `data_dir`; makes both when they are missing.

        Raises PostgresUnavailable when it cannot be written, or belongs to another OS user.
        """
        try:
            account = Account.for_server()
        except KeyError:
            raise PostgresUnavailable(f"PostgreSQL needs an OS user with a name, and uid {os.geteuid()} gives none") from None
        data_dir = Path(os.path.realpath(data_dir))
        try:
            if not data_dir.exists():
                data_dir.parent.mkdir(parents=True, exist_ok=True)
                _private_directory(data_dir, account)
            home = data_dir / "postgresql"
            _private_directory(home, account)
        except OSError as error:
            raise PostgresUnavailable(f"The data directory {data_dir} cannot be used: {error.strerror}") from None
        return cls(home)

    @property
    def log(self) -> Path:
        return self.path / "log"

    def open_lock(self, name: str) -> int:
        """A file descriptor of the lock file `owner` or `clients`, not locked yet."""
        return os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def open_log(self, longest: int) -> BinaryIO:
        """The log, to append to; begun anew, the old one kept as `log.old`, when it has more than `longest` bytes."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > longest:
                self.log.rename(self.path / "log.old")
        return os.fdopen(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600), "ab")

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
            (self.path / "address").unlink(missing_ok=True)

    def ground(self, account: Account) -> Path:
        """The directory that holds the cluster: this one if the server's user can pass it, else one in /var/lib/truyvet.

        Raises PostgresUnavailable when data that are known to exist cannot be reached.
        """
        link = self.path / _ELSEWHERE
        if link.is_symlink():
            place = link.readlink()
            if not place.is_dir():
                raise PostgresUnavailable(f"The data of {self.path} are kept in {place}, which is missing")
            return place
        if account.may_execute(self.path):
            return self.path
        if (self.path / "cluster").exists():
            raise PostgresUnavailable(f"The user {account.name}, whom PostgreSQL runs as, can no longer pass to {self.path}")
        place = IN_PLACE_OF_HOME / secrets.token_hex(8)
        IN_PLACE_OF_HOME.mkdir(mode=0o711, exist_ok=True)
        _private_directory(place, account)
        link.symlink_to(place)
        return place

    def sockets(self, account: Account) -> Path:
        """The socket directory: the same one each time, made again if it is gone, another one if it is not ours any more."""
        link = self.path / "sockets"
        if link.is_symlink() and _claimed(link.readlink(), account):
            return link.readlink()
        place = _short_directory(account)
        with suppress(FileNotFoundError):
            link.unlink()
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
        raise PostgresUnavailable(f"{path} belongs to another OS user: run as that user, or choose another data directory")
    if account.is_another:
        os.chown(path, -1, account.gid)
        path.chmod(0o710)
    else:
        path.chmod(0o700)


def _claimed(place: Path, account: Account) -> bool:
    """Make sure that a socket directory is there and private to the server's user; false if somebody else has that name."""
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid} or found.st_mode & 0o077:
        return False
    if account.is_another:
        os.chown(place, account.uid, account.gid)
    return True


def _short_directory(account: Account) -> Path:
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - the names in it are random, the modes 0700
        longest = len(os.fsencode(base / "truyvet-12345678" / f".s.PGSQL.{PORT}"))
        if longest <= _LONGEST_SOCKET and not set(str(base)) & {",", '"'} and account.may_execute(base):
            place = Path(tempfile.mkdtemp(prefix="truyvet-", dir=base))
            _claimed(place, account)
            return place
    raise PostgresUnavailable(f"The user {account.name} cannot pass to /tmp, where the server's socket would be")
