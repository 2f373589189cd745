"""Blocks of the log: the bytes of a binary COPY of many events, read as columns without an object for each event.

The columns of the COPY are position, version, topic, stream and state, none of which is ever NULL.
Nearly all events are check-ins in the one form in which the mapper writes them. Those become columns here, by compiled
loops or by NumPy; whatever else there is, an odd check-in too, is given out event by event for others to read.
"""

import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from domain.people import Person
from domain.quarantines import Quarantine
from domain.venues import Venue
from domain.visits import Visit
from infrastructure.graph.arrays import Array
from infrastructure.graph.plain import BEFORE_VISIT_ID, BEHIND_VISIT_ID, PlainCheckIns, pieces, plain_check_ins
from infrastructure.reading import Placed

TOPICS: Final = (
    Visit.CheckedIn.TOPIC, Visit.CheckedOut.TOPIC, Visit.Corrected.TOPIC, Visit.Retracted.TOPIC,
    Venue.Registered.TOPIC, Venue.DefaultStayChanged.TOPIC,
    Quarantine.Assigned.TOPIC, Quarantine.Extended.TOPIC, Quarantine.Released.TOPIC, Quarantine.Withdrawn.TOPIC,
    Person.Registered.TOPIC, Person.Identified.TOPIC,
)  # fmt: skip
"""The events that anybody looks for in a block."""

OTHER: Final = len(TOPICS)
_CODES: Final = {topic.encode(): code for code, topic in enumerate(TOPICS)}

_loops: ModuleType | None = None


def warm_up() -> bool:
    """Blocks are read by compiled loops from then on, where numba is; it takes a second to import."""
    global _loops  # what is there holds for the process
    if _loops is not None:
        return True
    try:
        import numba  # noqa: F401 # only whether it is there
    except ImportError:
        return False
    from infrastructure.graph import parsing

    parsing.try_out()
    _loops = parsing
    return True


_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_FIRST: Final = struct.Struct(">hiqiqi")  # fields, then length and value of position and version, the topic's length
_LENGTH: Final = struct.Struct(">i")


class Places(NamedTuple):
    """n events of a block, and where their parts stand in it (int64)."""

    position: Array  # int64
    version: Array  # int64
    code: Array  # uint8, of TOPICS or OTHER
    topic: Array
    stream: Array
    state: Array
    end: Array  # of the state


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The events of a block; ``check_ins`` are those that need no further reading."""

    data: bytes | bytearray
    places: Places
    check_ins: PlainCheckIns

    @classmethod
    def of(cls, data: bytes | bytearray, *, compiled: bool = True) -> "Block":
        """``compiled``: by the loops of parsing.py, once warm_up() has brought them in."""
        characters = _characters(data)
        loops = _loops if compiled else None
        if loops is None:
            places = _places(data)
            return cls(data, places, plain_check_ins(characters, places.state, places.end, _plain_rows(places)))
        places = Places(*loops.places(characters, len(_BEGIN), *_TABLE))
        return cls(data, places, PlainCheckIns(*loops.check_ins(characters, places.state, places.end, places.code)))

    def __len__(self) -> int:
        return len(self.places.position)

    def others(self, topics: Collection[str]) -> Array:
        """The rows of those topics that are not among ``check_ins``."""
        wanted = np.zeros(OTHER + 1, bool)
        wanted[[TOPICS.index(topic) for topic in topics]] = True
        some = wanted[self.places.code]
        some[self.check_ins.row] = False
        return np.flatnonzero(some)

    def events(self, rows: Array) -> list[Placed]:
        """What stands in these rows, as it is."""
        position, version, _, topic, stream, state, end = (column[rows].tolist() for column in self.places)
        topics = [self.data[begin : end - _LENGTH.size].decode() for begin, end in zip(topic, stream, strict=True)]
        streams = [UUID(bytes=bytes(self.data[begin : begin + 16])) for begin in stream]
        states = [bytes(self.data[begin:end]) for begin, end in zip(state, end, strict=True)]
        return list(map(Placed, position, streams, version, topics, states))

    def pieces(self, at: Array, size: int) -> Array:
        """The bytes from each of these places on; uint8 of shape (n, size)."""
        return pieces(_characters(self.data), at, size)

    def visit_ids(self, check_ins: PlainCheckIns) -> list[str]:
        begins = (self.places.state[check_ins.row] + BEFORE_VISIT_ID).tolist()
        ends = (check_ins.person_at - BEHIND_VISIT_ID).tolist()
        return [self.data[begin:end].decode("ascii") for begin, end in zip(begins, ends, strict=True)]

    def texts(self, at: Array, size: int) -> list[str]:
        """The same as ASCII."""
        text = self.pieces(at, size).tobytes().decode("ascii")
        return [text[begin : begin + size] for begin in range(0, len(text), size)]


def whole_streams(rows: Iterable[bytes | bytearray | memoryview], size: int) -> Iterator[bytearray]:
    """A COPY stream by stream as several blocks of about ``size`` bytes, each of which ends where a stream does."""
    block, last = bytearray(), b""
    for row in rows:
        if len(block) >= size and len(row) > len(_END):
            before, last = last, _stream_of(row)
            if before not in (b"", last):
                yield block + _END
                block, last = bytearray(_BEGIN), b""
        block += row
    yield block


def _stream_of(row: bytes | bytearray | memoryview) -> bytes:
    at = _FIRST.unpack_from(row)[-1] + _FIRST.size + _LENGTH.size
    return bytes(row[at : at + 16])


def _characters(data: bytes | bytearray) -> Array:
    return np.frombuffer(memoryview(data).toreadonly(), np.uint8)


_TABLE: Final = (
    np.array([[*topic, *bytes(32 - len(topic))] for topic in _CODES], np.uint8),
    np.array([len(topic) for topic in _CODES], np.int64),
)
"""TOPICS, as the loops take them."""


def _places(data: bytes | bytearray) -> Places:
    columns = np.array(list(_walked(data)), np.int64).reshape(-1, len(Places._fields)).T
    return Places(*columns)._replace(code=columns[2].astype(np.uint8))


def _walked(data: bytes | bytearray) -> Iterator[tuple[int, ...]]:
    """The Places of each event."""
    at, last = len(_BEGIN), len(data) - len(_END)
    while at < last:
        _, _, position, _, version, size = _FIRST.unpack_from(data, at)
        topic = at + _FIRST.size
        stream = topic + size + _LENGTH.size
        state = stream + 16 + _LENGTH.size
        (length,) = _LENGTH.unpack_from(data, stream + 16)
        at = state + length
        yield position, version, _CODES.get(bytes(data[topic : topic + size]), OTHER), topic, stream, state, at


def _plain_rows(places: Places) -> Array:
    return np.flatnonzero(places.code == 0)
