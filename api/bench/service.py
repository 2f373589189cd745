"""A service under test as a process of its own, and the memory of its workers."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

from domain.errors import Unavailable

_START_SECONDS: Final = 180.0
"""The longest that a service may take to answer at all."""
_STOP_SECONDS: Final = 60
_KILOBYTE: Final = 1024


@contextmanager
def own_directory() -> Iterator[Path]:
    """It is removed in the end, although a server that is stopping may write into it for a moment yet."""
    path = Path(mkdtemp(prefix="truyvet-bench-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        for _ in range(_STOP_SECONDS):
            rmtree(path, ignore_errors=True)
            if not path.exists():
                break
            time.sleep(1)


@contextmanager
def served(data_dir: Path, port: int, workers: int = 1) -> Iterator["subprocess.Popen[bytes]"]:
    """``truyvet serve`` on the local database of a data directory."""
    command = [sys.executable, "-m", "api.cli", "--data-dir", str(data_dir), "serve", "--port", str(port)]
    with running([*command, "--workers", str(workers)], port, {}) as process:
        yield process


@contextmanager
def running(command: Sequence[str], port: int, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command, env=os.environ | environment | {"PYTHONPATH": root}, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_until_it_answers(process, port)
            yield process
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """The processes that answer: the service itself, or those that it began to share its socket."""
    begun = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    return [pid for pid in begun if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()] or [process.pid]


def memory(pid: int, files: Path) -> dict[str, float]:
    """MB of a process, what it shares counted by its share: in all, and of the files below a directory."""
    found, of_files, is_file = 0, 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            kilobytes = int(value.split()[0])
            found += kilobytes
            of_files += kilobytes * is_file
        elif "-" in name.split(" ")[0]:  # the head of the next mapping
            is_file = str(files) in line
    return {"all_mb": _megabytes(found), "columns_mb": _megabytes(of_files)}


def _megabytes(kilobytes: int) -> float:
    return round(kilobytes * _KILOBYTE / 1e6, 1)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise Unavailable("a service does not start")
