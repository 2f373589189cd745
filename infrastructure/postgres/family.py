"""Parents, children and orphans: what keeps processes from being left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ORPHANS_PATIENCE = 5.0  # seconds per signal


def dying_with_us(how: signal.Signals) -> Callable[[], None] | None:
    """For a child to call before exec: it gets the signal when we die, of whatever. None on systems without prctl."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os._exit(1)

    return arm


def die_with_parent(how: signal.Signals) -> None:
    """From now on the calling process gets the signal when its parent dies, of whatever."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)


def adopt_orphans() -> None:
    """Become the parent of the backends that a killed `postgres` leaves behind, to end them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_orphans() -> None:
    """When `postgres` is dead, its backends must be too before it can start again: end them as it would have."""
    for how in (signal.SIGQUIT, signal.SIGKILL):
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        deadline = time.monotonic() + _ORPHANS_PATIENCE
        while time.monotonic() < deadline:
            try:
                ended, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not ended:
                time.sleep(0.01)


def is_another_program(pid: int, cluster: Path) -> bool:
    """Whether the process of this pid is certainly not the `postgres` of this cluster, or only its remains."""
    if sys.platform != "linux":
        command = ["/bin/ps", "-o", "comm=", "-p", str(pid)]
        named = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return not named.strip().endswith("postgres")
    try:
        named, _, state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        # A zombie stays until its parent looks: in a container whose first process never does, for ever.
        if not named.endswith("(postgres") or state.split()[0] in "ZX":
            return True
        return not Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return False


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []
