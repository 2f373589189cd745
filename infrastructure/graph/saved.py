"""The visit graph in memory-mapped files: written aside, made durable, named when whole; a torn one is passed over."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any, Final
from zlib import crc32

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.confinements import Confinements
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import Part, Rows
from infrastructure.graph.places import Places
from infrastructure.graph.snapshot import Snapshot

_FORMAT: Final = 2
_KEPT: Final = 2
_MANIFEST: Final = "manifest.json"
_INDEXES: Final = ("by_person", "people", "first")
_ABOUT: Final = ("kind", "reach", "imputed_reach", "first_start", "last_start", "known_from", "known_until")
_CHANGING: Final = ("known_until", "flags")
_SAMPLE: Final = 1 << 16
_ABANDONED: Final = 3600
"""Seconds after which an unfinished save is nobody's."""


def save(snapshot: Snapshot, directory: Path, log_id: str) -> None:
    """Writes ``directory/POSITION``; the newest saves stay. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)  # who was where is nobody else's business
    aside = directory / f"{snapshot.position}.{os.getpid()}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    arrays = dict(_arrays(snapshot))
    for name, array in arrays.items():
        _write(aside / f"{name}.npy", array)
    manifest = {
        "format": _FORMAT,
        "log": log_id,
        "position": snapshot.position,
        "parts": [[getattr(part, name) for name in _ABOUT] for part in snapshot.parts],
        "files": {name: _seal(aside / f"{name}.npy") for name in arrays},
    }
    with (aside / _MANIFEST).open("w") as file:
        json.dump(manifest, file)
        _make_durable(file)
    _sync_directory(aside)
    final = directory / str(snapshot.position)
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)
    _sync_directory(directory)
    _forget_older(directory)


def load(directory: Path, log_id: str) -> Snapshot | None:
    """The newest whole save of this log, or None; its files are mapped, not read, and never written to."""
    for path in _saves(directory):
        try:
            manifest = json.loads((path / _MANIFEST).read_text())
            if manifest["format"] == _FORMAT and manifest["log"] == log_id and _is_whole(path, manifest["files"]):
                return _snapshot(path, manifest)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _arrays(snapshot: Snapshot) -> Iterator[tuple[str, Array]]:
    for name, ids in _id_tables(snapshot):
        for column in ("high", "low", "number", "rank"):
            yield f"{name}-{column}", getattr(ids, column)
    yield "default_stay", snapshot.default_stay
    yield "places", snapshot.places.columns
    yield "confinements", snapshot.confinements.columns
    yield "confinements-current", snapshot.confinements.current
    for number, part in enumerate(snapshot.parts):
        for column, array in part.rows._asdict().items():
            yield f"{number}-{column}", array
        for index in _INDEXES:
            yield f"{number}-{index}", getattr(part, index)


def _id_tables(snapshot: Snapshot) -> tuple[tuple[str, Ids], ...]:
    return ("people", snapshot.people), ("venues", snapshot.venues), ("quarantines", snapshot.confinements.ids)


def _snapshot(path: Path, manifest: dict[str, Any]) -> Snapshot:
    def column(name: str) -> Array:
        return np.asarray(np.load(path / f"{name}.npy", mmap_mode="c" if name.endswith(_CHANGING) else "r"))

    def ids(name: str) -> Ids:
        return Ids(*(column(f"{name}-{part}") for part in ("high", "low", "number", "rank")))

    def part(number: int, about: list[Any]) -> Part:
        rows = Rows(*(column(f"{number}-{field}") for field in Rows._fields))
        by_person, people, first = (column(f"{number}-{index}") for index in _INDEXES)
        return Part(rows, by_person, people, first, *about)

    return Snapshot(
        manifest["position"],
        tuple(part(number, about) for number, about in enumerate(manifest["parts"])),
        ids("people"),
        ids("venues"),
        np.array(column("default_stay")),
        Places(column("places")),
        Confinements(ids("quarantines"), column("confinements"), column("confinements-current")),
    )


def _write(path: Path, array: Array) -> None:
    with path.open("wb") as file:
        np.save(file, array)
        _make_durable(file)


def _make_durable(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
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
    return all(_seal(path / f"{name}.npy") == seal for name, seal in files.items())


def _saves(directory: Path) -> list[Path]:
    """The newest first."""
    found = [path for path in directory.glob("*") if path.name.isdecimal()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def _forget_older(directory: Path) -> None:
    abandoned = (path for path in directory.glob("*.partial") if time() - path.stat().st_mtime > _ABANDONED)
    for path in (*_saves(directory)[_KEPT:], *abandoned):
        shutil.rmtree(path, ignore_errors=True)
