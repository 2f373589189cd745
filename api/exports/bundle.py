"""An export: the list split into parts, each part into files, and a manifest that says what is in them.

Whole or refused: the files together hold as many calls as the list had at that position. The same position, instant and
question give the same bytes. Memory does not grow with the list.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from api.exports.generic import GENERIC
from api.exports.leads import Form, Lead
from api.exports.sinks import Sink
from domain.errors import Unavailable
from domain.times import Seconds, to_text

Filters = Mapping[str, str | int | None]
"""As they were asked for, by their names."""

SCHEMA: Final = "truyvet.call-list/1"
MANIFEST: Final = "manifest.json"
UNKNOWN: Final = "unknown"
"""The part of those whose commune nobody knows."""
WHOLE: Final = "calls"

_IN_MEMORY: Final = 1 << 16
_BLOCK: Final = 1 << 16


class Split(StrEnum):
    none = "none"
    commune = "commune"
    """Of residence, as decision 5053 has lists passed on."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, and what it was answered from: ``calls`` of the list as of ``position``, due ``at``."""

    form: Form
    split: Split
    filters: Filters
    position: int
    at: Seconds
    calls: int


def part_of(lead: Lead, split: Split) -> str:
    return WHOLE if split == Split.none else lead.commune or UNKNOWN


def export(asked: Asked, leads: Iterable[Lead], sink: Sink) -> dict[str, Any]:
    """The manifest without its files, which are many. ``leads`` come with those of a part together.

    Raises Unavailable when they are not as many as the list has calls.
    """
    with SpooledTemporaryFile(_IN_MEMORY) as told:
        files = _Files(sink, told)
        for part, of_part in groupby(leads, lambda lead: part_of(lead, asked.split)):
            _write_part(files, asked.form, part, of_part)
        if files.calls != asked.calls:
            raise Unavailable(f"the list has {asked.calls} calls and {files.calls} were written; export it again")
        manifest = _manifest(asked, files)
        with sink(MANIFEST) as file:
            file.write(json.dumps(manifest, ensure_ascii=False)[:-1].encode() + b', "files": [\n')
            told.seek(0)
            shutil.copyfileobj(told, file)
            file.write(b"\n]}\n")
    return manifest


def _manifest(asked: Asked, files: "_Files") -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "format": asked.form.name,
        "split": asked.split.value,
        "filters": dict(asked.filters),
        "position": asked.position,
        "at": to_text(asked.at),
        "calls": files.calls,
        "without_phone": files.without_phone,
        "file_count": files.number,
    }


def _write_part(files: "_Files", form: Form, part: str, leads: Iterable[Lead]) -> None:
    """Those with a phone as they come; the others are kept aside until then, and get a file of their own."""
    with SpooledTemporaryFile(_IN_MEMORY) as aside:
        without = 0

        def with_phone() -> Iterator[Lead]:
            nonlocal without
            for lead in leads:
                if lead.phone is not None:
                    yield lead
                else:
                    aside.write(GENERIC.text(lead).encode())
                    without += 1

        for path, of_file in groupby(with_phone(), lambda lead: form.path(part, lead)):
            with files.opened(path, form.header) as file:
                for lead in of_file:
                    file.add(form.text(lead).encode())
        if without:
            aside.seek(0)
            with files.opened(f"{part}-without-phone.csv", GENERIC.header) as file:
                while block := aside.read(_BLOCK):
                    file.add(block, calls=0)
                file.calls = without
        files.without_phone += without


@dataclass(slots=True)
class _File:
    file: IO[bytes]
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size: int = 0
    calls: int = 0

    def add(self, block: bytes, calls: int = 1) -> None:
        self.file.write(block)
        self.sha256.update(block)
        self.size += len(block)
        self.calls += calls


@dataclass(slots=True)
class _Files:
    """What was written so far; ``told`` receives a line of the manifest for each file."""

    sink: Sink
    told: IO[bytes]
    calls: int = 0
    without_phone: int = 0
    number: int = 0

    @contextmanager
    def opened(self, path: str, header: str) -> Iterator[_File]:
        with self.sink(path) as opened:
            file = _File(opened)
            file.add(header.encode(), calls=0)
            yield file
        line = {"path": path, "calls": file.calls, "bytes": file.size, "sha256": file.sha256.hexdigest()}
        self.told.write((b",\n" if self.number else b"") + json.dumps(line).encode())
        self.number += 1
        self.calls += file.calls
