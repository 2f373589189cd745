"""The visit graph in memory-mapped files: written aside, made durable, named when whole; a torn one is passed over.

Nothing is written into a file again and no name is given twice. So a column that is mapped from a save and does not
change is linked into the next one, not copied; it stays as long as a save has it.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints
from zlib import crc32

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.part import CHANGING
from infrastructure.graph.snapshot import Snapshot
from infrastructure.graph.tidying import Room, memory

_FORMAT: Final = 4
_KEPT: Final = 2
_MANIFEST: Final = "manifest.json"
_LOCK: Final = "lock"
_SAMPLE: Final = 1 << 16
_ABANDONED: Final = 3600
"""Seconds after which an unfinished save is nobody's."""


@contextmanager
def alone(directory: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether this process is the one that saves; with ``wait``, once it is. Raises OSError."""
    _make_private(directory)
    with (directory / _LOCK).open("w") as file:
        try:
            flock(file, LOCK_EX if wait else LOCK_EX | LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True  # closing the file lets go


@contextmanager
def scratch(directory: Path) -> Iterator[Room]:
    """Room in files that the next save takes over, for columns that do not change once they are made."""
    aside = directory / f"scratch.{os.getpid()}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()

    def room(name: str, kind: "np.dtype[Any]", length: int) -> Array:
        if name in CHANGING:
            return memory(name, kind, length)
        return np.asarray(np.lib.format.open_memmap(aside / _new_name(name), "w+", kind, (length,)))

    try:
        yield room
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def save(snapshot: Snapshot, directory: Path, log_id: str) -> None:
    """Writes ``directory/POSITION``; the newest saves stay. Raises OSError."""
    _make_private(directory)
    aside = directory / f"{snapshot.position}.{os.getpid()}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    told = _told(snapshot, lambda name, column: _keep(aside, name, column))
    files = {path.name: _seal(path) for path in aside.iterdir()}
    manifest = {"format": _FORMAT, "log": log_id, "graph": told, "files": files}
    with (aside / _MANIFEST).open("w") as file:
        json.dump(manifest, file)
        _make_durable(file)
    _sync(aside)
    final = directory / str(snapshot.position)
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)
    _sync(directory)
    _forget_older(directory)


def load(directory: Path, log_id: str, after: int = -1) -> Snapshot | None:
    """The newest whole save of this log behind ``after``, or None; files are mapped, not read, and never written to."""
    found = _newest(directory, log_id, after)
    try:
        return None if found is None else _snapshot(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def saved_position(directory: Path, log_id: str) -> int:
    """That of the newest whole save of this log, 0 where there is none."""
    found = _newest(directory, log_id)
    return 0 if found is None else int(found.path.name)


def forget(directory: Path) -> None:
    """All saves; whoever has mapped one keeps it."""
    for path in _saves(directory):
        shutil.rmtree(path, ignore_errors=True)


class _Save(NamedTuple):
    path: Path
    graph: dict[str, Any]


def _newest(directory: Path, log_id: str, after: int = -1) -> _Save | None:
    for path in _saves(directory):
        if int(path.name) <= after:
            return None
        try:
            manifest = json.loads((path / _MANIFEST).read_text())
            if manifest["format"] == _FORMAT and manifest["log"] == log_id and _is_whole(path, manifest["files"]):
                return _Save(path, manifest["graph"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _told(value: Any, keep: Callable[[str, Array], str], name: str = "snapshot") -> Any:
    """As JSON, a column as the name of its file; what begins with _ is made again."""
    if isinstance(value, np.ndarray):
        return keep(name, value)
    if is_dataclass(value):
        kept = (field.name for field in fields(value) if not field.name.startswith("_"))
        return {field: _told(getattr(value, field), keep, field) for field in kept}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {field: _told(getattr(value, field), keep, field) for field in value._fields}
    return [_told(one, keep, name) for one in value] if isinstance(value, tuple) else value


def _snapshot(save: _Save) -> Snapshot:
    def column(name: str, file: str) -> Array:
        return np.asarray(np.load(save.path / file, mmap_mode="c" if name in CHANGING else "r"))

    def made(kind: Any, told: Any, name: str) -> Any:
        if get_origin(kind) is np.ndarray:
            return column(name, told)
        if get_origin(kind) is tuple:
            return tuple(made(get_args(kind)[0], one, name) for one in told)
        if isinstance(told, dict):
            kinds = get_type_hints(kind)
            return kind(**{field: made(kinds[field], one, field) for field, one in told.items()})
        return told

    snapshot: Snapshot = made(Snapshot, save.graph, "snapshot")
    return snapshot


def _keep(aside: Path, name: str, column: Array) -> str:
    """The name of the file that has this column, which is linked where it is one already."""
    mapped = _mapped_file(column)
    if mapped is not None and name not in CHANGING:
        try:
            (aside / mapped.name).hardlink_to(mapped)
        except OSError:  # gone, on another disk, or one that links nothing: then a copy
            pass
        else:
            _sync(mapped)  # where it comes from scratch
            return mapped.name
    path = aside / _new_name(name)
    with path.open("wb") as file:
        np.save(file, column)
        _make_durable(file)
    return path.name


def _new_name(name: str) -> str:
    return f"{name}.{token_hex(8)}.npy"


def _mapped_file(column: Array) -> Path | None:
    """The file of which this is all."""
    mapped = column.base
    if not isinstance(mapped, np.memmap) or mapped.shape != column.shape or mapped.filename is None:
        return None
    return Path(mapped.filename)


def _make_private(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)  # who was where is nobody else's business


def _make_durable(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _seal(path: Path) -> list[int]:
    """Size, and a checksum of the beginning and the end: a file that was cut or half written differs."""
    size = path.stat().st_size
    with path.open("rb") as file:
        checksum = crc32(file.read(_SAMPLE))
        file.seek(max(size - _SAMPLE, 0))
        return [size, crc32(file.read(_SAMPLE), checksum)]


def _is_whole(path: Path, files: dict[str, list[int]]) -> bool:
    return all(_seal(path / name) == seal for name, seal in files.items())


def _saves(directory: Path) -> list[Path]:
    """The newest first."""
    found = [path for path in directory.glob("*") if path.name.isdecimal()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def _forget_older(directory: Path) -> None:
    abandoned = (path for path in directory.glob("*.partial") if time() - path.stat().st_mtime > _ABANDONED)
    for path in (*_saves(directory)[_KEPT:], *abandoned):
        shutil.rmtree(path, ignore_errors=True)
