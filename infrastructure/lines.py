"""A file of facts, line by line: CSV or NDJSON, gzipped or not, of any size, in bounded memory.

A line that cannot be read is given as such and never stops the rest; a file that cannot be read raises Unreadable.
"""

import csv
import gzip
import hashlib
import io
import json
import string
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import IO, Any, NamedTuple, TypeVar

from domain.errors import TruyvetError

LONGEST_LINE = 64 * 1024
_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = "\ufeff".encode()
_PLAIN = (string.ascii_letters + string.digits + string.punctuation.replace('"', "")).encode()
"""What the fields of a plain line are made of: nothing that is quoted, stripped or decoded."""

T = TypeVar("T")


class Unreadable(TruyvetError):
    """The file as a whole: empty, no or a wrong header, a truncated archive."""


class Line(NamedTuple):
    """``values`` in the order of the columns asked for, empty text where one is missing; None with the ``problem``."""

    number: int
    raw: bytes
    values: tuple[str, ...] | None
    problem: str | None = None


class Table(NamedTuple):
    """Lines that could be split, column by column, and those that could not."""

    numbers: Sequence[int]
    raw: Sequence[bytes]
    columns: Sequence[Sequence[str]]
    unreadable: Sequence[Line] = ()


class Lines:
    """Iterate once over ``Line``, or ``tables``; ``sha256`` is that of the file's own bytes, whole after the last line.

    Among ``others``, columns that are not asked for are passed over, and a line may be longer than the header.
    Fields are divided by the first of ``separators`` that is in the header; only a comma can be quoted.
    """

    def __init__(
        self,
        file: IO[bytes],
        required: Sequence[str],
        optional: Sequence[str] = (),
        *,
        others: bool = False,
        separators: str = ",",
    ) -> None:
        self._hash = hashlib.sha256()
        self._file = file
        self.required = tuple(required)
        self.columns = (*required, *optional)
        self.others = others
        self.separators = separators
        self._parse: Callable[[int, bytes], Line] = self._parse_object
        self._plain_names: list[str] = []  # the columns of a file that may have plain lines

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[Line]:
        first, lines = self._begun()
        for number, raw in enumerate(lines, first):
            if raw.strip():
                yield self._parse(number, raw)

    def tables(self, size: int) -> Iterator[Table]:
        """At most ``size`` lines at once: where all are plain they are split together, else one by one."""
        number, lines = self._begun()
        for raw in in_batches(lines, size):
            numbers: Sequence[int] = range(number, number + len(raw))
            number += len(raw)
            if not all(map(bytes.strip, raw)):
                numbers = [number for number, line in zip(numbers, raw, strict=True) if line.strip()]
                raw = [line for line in raw if line.strip()]
            if raw:
                yield self._plain_table(numbers, raw) or self._table(map(self._parse, numbers, raw))

    def _begun(self) -> tuple[int, Iterator[bytes]]:
        """The number of the first line that says something, and the lines from there on; a header says how to parse."""
        lines = split_lines(self._unpacked())
        number, raw = next(((number, raw) for number, raw in enumerate(lines, start=1) if raw.strip()), (0, b""))
        if not raw:
            raise Unreadable("the file is empty")
        raw = raw.removeprefix(_BOM)
        if raw.lstrip().startswith(b"{"):
            return number, chain([raw], lines)
        self._parse = self._csv_parser(raw)
        return number + 1, lines

    def _csv_parser(self, header: bytes) -> Callable[[int, bytes], Line]:
        try:
            told = header.decode()
            separator = next((sign for sign in self.separators if sign in told), ",")
            names = next(csv.reader([told], delimiter=separator))
        except (UnicodeDecodeError, csv.Error):
            raise Unreadable("the file is neither CSV nor NDJSON in UTF-8") from None
        names = [name.strip() for name in names]
        self._check_header(names)
        width = len(names)
        self._plain_names = names if separator == "," else []
        chosen = itemgetter(*(names.index(column) if column in names else width for column in self.columns))

        def parse(number: int, raw: bytes) -> Line:
            if len(raw) > LONGEST_LINE:
                return Line(number, raw, None, f"the line is longer than {LONGEST_LINE} bytes")
            try:
                text = raw.decode()
                quoted = '"' in text and separator == ","
                cells = next(csv.reader([text], strict=True)) if quoted else text.split(separator)
            except UnicodeDecodeError:
                return Line(number, raw, None, "the line is not UTF-8")
            except csv.Error:
                return Line(number, raw, None, "a quoted field does not end")
            if len(cells) != width and not (self.others and len(cells) > width):
                return Line(number, raw, None, f"the line has {len(cells)} fields, the header {width}")
            cells[width:] = [""]
            values = chosen(cells)
            return Line(
                number, raw, values if text.isascii() and " " not in text and "\t" not in text else _stripped(values)
            )

        return parse

    def _plain_table(self, numbers: Sequence[int], raw: Sequence[bytes]) -> Table | None:
        """The same as line by line, in less time; None when a line is not plain."""
        width = len(self._plain_names)
        if {line.count(b",") for line in raw} != {width - 1} or max(map(len, raw)) > LONGEST_LINE:
            return None
        content = b",".join(raw)
        if content.translate(None, _PLAIN):
            return None
        cells = content.decode().split(",")
        columns = {name: cells[place::width] for place, name in enumerate(self._plain_names)}
        return Table(numbers, raw, [columns.get(name) or [""] * len(raw) for name in self.columns])

    def _table(self, read: Iterable[Line]) -> Table:
        lines = list(read)
        split = [line for line in lines if line.values is not None]
        columns = [[line.values[place] for line in split if line.values] for place in range(len(self.columns))]
        unreadable = [line for line in lines if line.values is None]
        return Table([line.number for line in split], [line.raw for line in split], columns, unreadable)

    def _check_header(self, names: list[str]) -> None:
        missing = [column for column in self.required if column not in names]
        if missing:
            raise Unreadable(f"the header lacks {', '.join(missing)}; it must be {','.join(self.required)}")
        known = [name for name in names if name in self.columns]
        if len(set(known)) != len(known) or (len(known) != len(names) and not self.others):
            raise Unreadable(f"the header may name each of {','.join(self.columns)} once and nothing else")

    def _parse_object(self, number: int, raw: bytes) -> Line:
        if len(raw) > LONGEST_LINE:
            return Line(number, raw, None, f"the line is longer than {LONGEST_LINE} bytes")
        try:
            fields = json.loads(raw)
        except UnicodeDecodeError:
            return Line(number, raw, None, "the line is not UTF-8")
        except (ValueError, RecursionError):
            return Line(number, raw, None, "the line is no JSON object")
        problem = self._object_problem(fields)
        if problem is not None:
            return Line(number, raw, None, problem)
        return Line(number, raw, tuple([(fields.get(column) or "").strip() for column in self.columns]))

    def _object_problem(self, fields: Any) -> str | None:
        if not isinstance(fields, dict):
            return "the line is no JSON object"
        if not (self.others or fields.keys() <= set(self.columns)):
            return f"an object has the names {', '.join(self.columns)} only"
        if not all(fields.get(column) is None or isinstance(fields[column], str) for column in self.columns):
            return "every value is text or null"
        return None

    def _unpacked(self) -> Iterator[bytes]:
        """Blocks of the content; raises Unreadable where an archive is damaged or ends too soon."""
        hashed = io.BufferedReader(_Hashing(self._file, self._hash))
        if hashed.peek(2)[:2] != _GZIP_MAGIC:
            while block := hashed.read(_BLOCK):
                yield block
            return
        with gzip.GzipFile(fileobj=hashed) as archive:
            try:
                while block := archive.read1(_BLOCK):
                    yield block
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise Unreadable("the gzip archive is truncated or damaged") from None


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size``; what came before an Unreadable is given first."""
    rest = iter(items)
    while True:
        batch: list[T] = []
        try:
            batch.extend(islice(rest, size))
        except Unreadable:
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch


def _stripped(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([value.strip() for value in values])


class _Hashing(io.RawIOBase):
    def __init__(self, file: IO[bytes], digest: "hashlib._Hash") -> None:
        self.file = file
        self.digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self.file.read(len(buffer))
        self.digest.update(block)
        buffer[: len(block)] = block
        return len(block)


def split_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines without their ends; one that is far too long keeps only a part, one cut off by an error is dropped."""
    pending = b""
    for block in blocks:
        lines = (pending + block).split(b"\n")
        pending = lines.pop()
        if len(pending) > 2 * LONGEST_LINE:
            pending = pending[: LONGEST_LINE + 1]
        for line in lines:
            yield line.removesuffix(b"\r")
    if pending:
        yield pending.removesuffix(b"\r")
