"""`postgres` as a direct child: made, started, ended."""

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

from infrastructure.postgres.account import Account
from infrastructure.postgres.binaries import OVERRIDE, PostgresUnavailable, major_version
from infrastructure.postgres.family import dying_with_us, end_orphans, is_another_program
from infrastructure.postgres.settings import SUPERUSER, server_settings, write_access_rules

_LEFTOVERS_PATIENCE = 120.0  # seconds for a server whose owner was killed to write its checkpoint
_STILL_ENDING = ('lock file "', "pre-existing shared memory block")  # what a new server says while an old one lives
_STOPPING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))  # fast, immediate, by force


@dataclass
class Server:
    """One cluster and the process that serves it.

    `pause` sleeps for some seconds, or less when a child ends, and raises when this process is asked to end.
    """

    binaries: Path
    ground: Path
    sockets: Path
    account: Account
    log: Path
    settings: Mapping[str, str]
    pause: Callable[[float], None]
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def cluster(self) -> Path:
        return self.ground / "cluster"

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def make(self) -> None:
        """initdb, unless it was done; under another name until it is, so that, killed, it leaves nothing that counts.

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
        write_access_rules(self.ground)
        deadline = time.monotonic() + _LEFTOVERS_PATIENCE
        while True:
            mark = self.log.stat().st_size
            self.child = self._launch()
            while self.is_running:
                if self._accepts_connections():
                    return
                self.pause(0.01)
            last_words = self._logged_since(mark)
            if not any(sign in last_words for sign in _STILL_ENDING) or time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL did not start: {_reason(last_words)} (see {self.log})")
            self._hurry_predecessor()
            self.pause(0.05)

    def stop(self) -> None:
        """Fast shutdown, then harder ones; leaves no process."""
        for how, patience in _STOPPING:
            if self.child is None or not self.is_running:
                break
            self.child.send_signal(how)
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        end_orphans()

    def _initdb(self, making: Path) -> None:
        mark = self.log.stat().st_size
        command: list[str | Path] = [
            self.binaries / "initdb",
            "-D",
            making,
            "-U",
            SUPERUSER,
            "--auth=reject",
            "--no-instructions",
        ]
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
                f" set {OVERRIDE} to the bin directory of a PostgreSQL {made_by}"
            )

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {**server_settings(self.sockets, self.ground), **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self.account.popen(
            [self.binaries / "postgres", "-D", self.cluster, *options],
            output=sys.stderr.fileno(),
            environment=self._pid_to_ignore(),
            before_exec=dying_with_us(signal.SIGINT),
        )

    def _accepts_connections(self) -> bool:
        """What pg_ctl looks at: the status in the eighth line of postmaster.pid, when the first is our child's pid."""
        lines = self._pid_file()
        ours = self.child is not None and lines[:1] == [str(self.child.pid)]
        return ours and len(lines) >= 8 and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _predecessor(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].isdecimal() else None

    def _pid_to_ignore(self) -> dict[str, str]:
        """After a crash another program, or a zombie, may have the pid in postmaster.pid, above all in a container.

        `postgres` would take it for its living predecessor and not start. It ignores the pid in this variable, and
        still checks for itself that no process uses the cluster's shared memory.
        """
        pid = self._predecessor()
        return {"PG_GRANDPARENT_PID": str(pid)} if pid and is_another_program(pid, self.cluster) else {}

    def _hurry_predecessor(self) -> None:
        # Where no signal follows the death of a parent, a server outlives its killed owner.
        pid = self._predecessor()
        if sys.platform != "linux" and pid and not is_another_program(pid, self.cluster):
            os.kill(pid, signal.SIGINT)

    def _logged_since(self, mark: int) -> str:
        with self.log.open(errors="replace") as log:
            log.seek(mark)
            return log.read()


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _reason(log: str) -> str:
    """The line of a log that tells most: the last error, else the last line, without time and pid."""
    lines = [line for line in log.splitlines() if line.strip()] or ["it ended without a word"]
    errors = [line for line in lines if any(level in line for level in ("FATAL:", "PANIC:", "error:"))]
    telling = (errors or lines)[-1]
    return telling.partition("] ")[2] or telling
