"""`postgres` as a direct child: made, started, ended."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from infrastructure.postgres.account import Account
from infrastructure.postgres.binaries import PostgresUnavailable, major_version
from infrastructure.postgres.places import PORT, SUPERUSER

MEBIBYTE = 1 << 20
_LEFTOVERS_PATIENCE = 120.0  # seconds for a server whose owner was killed to write its checkpoint
_STILL_ENDING = ('lock file "', "pre-existing shared memory block")  # what a new server says while an old one lives
_STOPPING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))  # fast, immediate, by force

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_MODEST = {
    "max_connections": "60",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
# The log must carry no personal data: neither statements nor parameters, nor the DETAIL that quotes a row.
_DISCREET = {
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}


class Pause(Protocol):
    """Sleeps for some seconds, or less when a child ends; raises when this process is asked to end."""

    def __call__(self, seconds: float) -> None: ...


@dataclass
class Server:
    """One cluster and the process that serves it."""

    binaries: Path
    ground: Path
    sockets: Path
    account: Account
    log: Path
    settings: Mapping[str, str]
    pause: Pause
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def cluster(self) -> Path:
        return self.ground / "cluster"

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def make(self) -> None:
        """initdb, unless it has been done. It works under another name, so killed half-way it leaves nothing that counts.

        Raises PostgresUnavailable when initdb fails, or the cluster is of another major version.
        """
        if self.cluster.exists():
            self._check_version()
            return
        for abandoned in self.ground.glob("making-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix="making-", dir=self.ground))
        if self.account.is_another:
            os.chown(making, self.account.uid, self.account.gid)
        self._initdb(making)
        making.rename(self.cluster)
        _sync_directory(self.ground)

    def start(self) -> None:
        """Returns when the server accepts connections, after crash recovery if need be.

        Raises PostgresUnavailable with the server's own last word when it does not start.
        """
        self._write_access_rules()
        patience = time.monotonic() + _LEFTOVERS_PATIENCE
        while True:
            mark = self.log.stat().st_size
            self.child = self._launch()
            while self.is_running:
                if self._accepts_connections():
                    return
                self.pause(0.01)
            last_words = self._logged_since(mark)
            if not any(sign in last_words for sign in _STILL_ENDING) or time.monotonic() > patience:
                raise PostgresUnavailable(f"PostgreSQL did not start: {_reason(last_words)} (see {self.log})")
            self._hurry_predecessor()
            self.pause(0.05)

    def stop(self) -> None:
        """Fast shutdown, then harder ones; leaves no process."""
        for how, patience in _STOPPING:
            if not self.is_running or self.child is None:
                break
            self.child.send_signal(how)
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        end_orphans()

    def _initdb(self, making: Path) -> None:
        mark = self.log.stat().st_size
        command = [self.binaries / "initdb", "-D", making, "-U", SUPERUSER, "--auth=reject", "--no-instructions"]
        command += ["--no-locale", "--encoding=UTF8", "--data-checksums"]
        self.child = self.account.popen(command, output=sys.stderr.fileno(), before_exec=dying_with_us(signal.SIGKILL))
        while self.is_running:
            self.pause(0.05)
        if self.child.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            raise PostgresUnavailable(f"initdb failed: {_reason(self._logged_since(mark))} (see {self.log})")

    def _check_version(self) -> None:
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        have = major_version(self.binaries)
        if made_by != str(have):
            raise PostgresUnavailable(
                f"The data in {self.cluster} were made by PostgreSQL {made_by}, and this is {have}:"
                f" set TRUYVET_POSTGRES_BIN to the bin directory of a PostgreSQL {made_by}"
            )

    def _write_access_rules(self) -> None:
        # Beside the cluster, not in it: where the server runs as another user, it cannot change who gets in,
        # and root does not write into a directory of that user.
        client = Account.of(os.geteuid()).name
        rules = f"local all {SUPERUSER} peer map=truyvet\nlocal all all scram-sha-256\n"
        names = f'truyvet "{client}" {SUPERUSER}\n'
        for path, text in ((self._rules, rules), (self._names, names)):
            path.write_text(text)
            path.chmod(0o644)  # the directory is what is private; the server's user has to read it

    @property
    def _rules(self) -> Path:
        return self.ground / "hba.conf"

    @property
    def _names(self) -> Path:
        return self.ground / "ident.conf"

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            **{"listen_addresses": "", "port": PORT, "unix_socket_permissions": "0700"},
            **{"unix_socket_directories": f'"{self.sockets}"', "hba_file": self._rules, "ident_file": self._names},
            **{"shared_buffers": _shared_buffers()},
            **({"wal_sync_method": "fsync_writethrough"} if sys.platform == "darwin" else {}),
            **_DURABLE,
            **_MODEST,
            **_DISCREET,
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self.account.popen(
            [self.binaries / "postgres", "-D", self.cluster, *options],
            output=sys.stderr.fileno(),
            environment=self._pid_to_ignore(),
            before_exec=dying_with_us(signal.SIGINT),
        )

    def _accepts_connections(self) -> bool:
        """What pg_ctl does: the eighth line of postmaster.pid, when the first is our child's pid."""
        lines = self._pid_file()
        return len(lines) >= 8 and self.child is not None and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _predecessor(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].isdecimal() else None

    def _pid_to_ignore(self) -> dict[str, str]:
        """After a crash another program may have the pid in postmaster.pid, above all in a container: `postgres` would wait for it.

        It ignores the pid in this variable, and still checks for itself that no process uses the cluster's shared memory.
        """
        pid = self._predecessor()
        return {"PG_GRANDPARENT_PID": str(pid)} if pid and _is_another_program(pid, self.cluster) else {}

    def _hurry_predecessor(self) -> None:
        # Where no signal follows the death of a parent, a server outlives its killed owner.
        pid = self._predecessor()
        if sys.platform != "linux" and pid and not _is_another_program(pid, self.cluster):
            os.kill(pid, signal.SIGINT)

    def _logged_since(self, mark: int) -> str:
        with self.log.open(errors="replace") as log:
            log.seek(mark)
            return log.read()


def dying_with_us(how: signal.Signals) -> Callable[[], None] | None:
    """For a child to call before exec: it gets the signal when we die, by whatever cause. Nothing on systems without prctl."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    owner = os.getpid()

    def arm() -> None:
        libc.prctl(1, how)  # PR_SET_PDEATHSIG
        if os.getppid() != owner:
            os._exit(1)

    return arm


def adopt_orphans() -> None:
    """Become the parent of the backends that a killed `postgres` leaves behind, to end them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def end_orphans() -> None:
    """When `postgres` is dead, its backends must be too before it can start again: end them as it would have."""
    for how in (signal.SIGQUIT, signal.SIGKILL):
        for pid in _children():
            os.kill(pid, how)
        deadline = time.monotonic() + 5.0
        while time.monotonic() < deadline:
            try:
                ended, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not ended:
                time.sleep(0.01)


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def _is_another_program(pid: int, cluster: Path) -> bool:
    try:
        if sys.platform == "linux":
            named = Path(f"/proc/{pid}/comm").read_text().strip()
            return named != "postgres" or not os.path.samefile(f"/proc/{pid}/cwd", cluster)
        named = subprocess.run(["/bin/ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        return not named.strip().endswith("postgres")
    except OSError:
        return False


def _shared_buffers() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MEBIBYTE
    return f"{max(32, min(256, memory // 8))}MB"


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _reason(log: str) -> str:
    """The line of a log that tells most: the last error, else the last line, without time and pid."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if any(level in line for level in ("FATAL:", "PANIC:", "error:"))]
    return (errors or lines or ["it ended without a word"])[-1].partition("] ")[2] or (errors or lines or ["it ended without a word"])[-1]
