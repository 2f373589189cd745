"""The table ``keys`` beside the keys that the log implies, also where there are too many of them to hold in memory.

Both are laid on piles by the last bits of their keys, which lie in temporary files once they are large. So a pile of
the one can be compared with the same pile of the other. The first bits of many keys are alike: they are a time.
"""

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from psycopg import Connection
from psycopg.rows import DictRow

from infrastructure.graph.arrays import Array
from infrastructure.graph.ids import halves

KEPT: Final = """
-- All keys.
COPY keys (key, stream) TO STDOUT (FORMAT BINARY)
"""

DROP: Final = """
-- Keys that follow from no event, or belong to another stream, go.
DELETE FROM keys WHERE key = ANY(%b::uuid[])
"""

INSERT: Final = """
-- Keys that are missing come back.
INSERT INTO keys (key, stream) SELECT * FROM unnest(%b::uuid[], %b::uuid[]) ON CONFLICT DO NOTHING
"""

_PILES: Final = 128
_PILE: Final = np.uint64(_PILES - 1)
_IN_MEMORY: Final = 1 << 19  # bytes of each pile
_AT_ONCE: Final = 1 << 24  # bytes
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_COPIED: Final = np.dtype([
    ("fields", ">i2"), ("key_length", ">i4"), ("key", ">u8", 2), ("stream_length", ">i4"), ("stream", ">u8", 2),
])  # fmt: skip
"""A row of the table as COPY writes it."""


class Piles:
    """Rows (uint64) that begin with the halves of a key."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._files = [SpooledTemporaryFile(_IN_MEMORY) for _ in range(_PILES)]  # noqa: SIM115 # for as long as this

    def add(self, rows: Array) -> None:
        pile = (rows[:, 1] & _PILE).astype(np.uint8)
        order = np.argsort(pile, kind="stable")
        upto = np.cumsum(np.bincount(pile, minlength=_PILES))[:-1]
        for file, some in zip(self._files, np.split(rows[order], upto), strict=True):
            file.write(some.tobytes())

    def __iter__(self) -> Iterator[Array]:
        """Each pile in order."""
        for file in self._files:
            file.seek(0)
            yield _in_order(np.frombuffer(file.read(), np.uint64).reshape(-1, self.columns))


class KeyTable:
    """Compares the table with what the log implies, within one transaction."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self.connection = connection
        self._implied = Piles(5)
        self._kept = Piles(4)

    def add(self, rows: Array) -> None:
        """Rows of ``key_rows``."""
        self._implied.add(rows)

    def settle(self) -> None:
        """To be called when all are added."""
        for rows in _kept(self.connection):
            self._kept.add(rows)

    def differences(self) -> Iterator[str]:
        claimed: list[list[int]] = []
        wrong: list[tuple[int, bytes]] = []
        stray: list[bytes] = []
        for pile in self._compared():
            claimed += pile.claimed.tolist()
            wrong += zip(pile.rightful[pile.wrong, 4].tolist(), pile.wrong_holders(), strict=True)
            stray += _ids(pile.kept[pile.stray, 2:])
        for first, last in sorted(claimed, key=lambda positions: positions[1]):
            yield f"the events at positions {first} and {last} claim the same key"
        for position, holder in sorted(wrong):
            state = f"is held by stream {UUID(bytes=holder)}" if holder else "is missing"
            yield f"the key of the event at position {position} {state}"
        for stream in sorted(stray):
            yield f"stream {UUID(bytes=stream)} holds a key that follows from no event"

    def corrected(self) -> str:
        """SHA-256 of the rows, pile by pile, now that the table holds what the log implies."""
        digest = hashlib.sha256(_HEADER)
        for pile in self._compared():
            self._correct(pile)
            digest.update(_copied(pile.rightful))
        digest.update(_TRAILER)
        return digest.hexdigest()

    def _correct(self, pile: "_Compared") -> None:
        drop = pile.stray
        drop[pile.holder[pile.wrong & (pile.holder >= 0)]] = True
        if drop.any():
            self.connection.execute(DROP.encode(), [_uuids(pile.kept[drop, :2])])
        missing = pile.rightful[pile.wrong]
        if len(missing):
            self.connection.execute(INSERT.encode(), [_uuids(missing[:, :2]), _uuids(missing[:, 2:4])])

    def _compared(self) -> Iterator["_Compared"]:
        for implied, kept in zip(self._implied, self._kept, strict=True):
            rightful, claimed = _settled(implied)
            yield _Compared(rightful, kept, claimed, _holders(rightful, kept))


class _Compared(NamedTuple):
    """A pile of rightful keys (uint64, shape (n, 5)) and the same of those that are kept (shape (m, 4))."""

    rightful: Array
    kept: Array
    claimed: Array  # int64, shape (k, 2): positions of the rightful claim, and of a later one for another stream
    holder: Array  # int64: the row in ``kept`` of each rightful key, -1 where it is missing

    @property
    def wrong(self) -> Array:
        """Which rightful keys are missing or in other hands."""
        wrong = self.holder < 0
        held = ~wrong
        wrong[held] = (self.rightful[held, 2:4] != self.kept[self.holder[held], 2:]).any(axis=1)
        return wrong

    @property
    def stray(self) -> Array:
        """Which of those kept follow from no event."""
        stray = np.ones(len(self.kept), bool)
        stray[self.holder[self.holder >= 0]] = False
        return stray

    def wrong_holders(self) -> list[bytes]:
        """The streams that hold the keys that are wrong, nothing where none does."""
        return [_ids(self.kept[[row], 2:])[0] if row >= 0 else b"" for row in self.holder[self.wrong].tolist()]


def key_rows(keys: bytes, streams: bytes, position: Array) -> Array:
    """The halves of the key and of the stream that holds it, 16 bytes each, end to end, and the position of the event
    that says so; uint64, shape (n, 5)."""
    return np.concatenate([halves(keys), halves(streams), position.astype(np.uint64)[:, None]], axis=1)


def _kept(connection: Connection[DictRow]) -> Iterator[Array]:
    """The rows of the table."""
    data, begin = bytearray(), len(_HEADER)
    with connection.cursor() as cursor, cursor.copy(KEPT.encode()) as copy:
        for some in copy:
            data += some
            if len(data) >= _AT_ONCE:
                rows = _rows(data, begin)
                yield rows
                data, begin = data[begin + len(rows) * _COPIED.itemsize :], 0
    yield _rows(data, begin)


def _rows(data: bytearray, begin: int) -> Array:
    rows = np.frombuffer(data, _COPIED, (len(data) - begin) // _COPIED.itemsize, begin)
    return np.concatenate([rows["key"], rows["stream"]], axis=1).astype(np.uint64)


def _copied(rows: Array) -> bytes:
    """As COPY writes them."""
    copied = np.empty(len(rows), _COPIED)
    copied["fields"], copied["key_length"], copied["stream_length"] = 2, 16, 16
    copied["key"], copied["stream"] = rows[:, :2], rows[:, 2:4]
    return copied.tobytes()


def _ids(halves_of_ids: Array) -> list[bytes]:
    ids = halves_of_ids.astype(">u8").tobytes()
    return [ids[at : at + 16] for at in range(0, len(ids), 16)]


def _uuids(halves_of_ids: Array) -> list[UUID]:
    return [UUID(bytes=one) for one in _ids(halves_of_ids)]


def _in_order(rows: Array) -> Array:
    """By key, then by position where there is one."""
    rows = rows[np.argsort(rows[:, 0])]
    if (rows[1:, 0] == rows[:-1, 0]).any():
        rows = rows[np.lexsort((*rows.T[4:], rows[:, 1], rows[:, 0]))]
    return rows


def _settled(implied: Array) -> tuple[Array, Array]:
    """The first claim of each key is the rightful one; and what others claimed later."""
    again = np.zeros(len(implied), bool)
    again[1:] = (implied[1:, :2] == implied[:-1, :2]).all(axis=1)
    rightful, later = implied[~again], implied[again]
    first = rightful[np.cumsum(~again)[again] - 1]
    differs = (first[:, 2:4] != later[:, 2:4]).any(axis=1)
    return rightful, np.stack([first[differs, 4], later[differs, 4]], axis=1).astype(np.int64)


def _holders(rightful: Array, kept: Array) -> Array:
    """By rightful key the row in ``kept``, -1 where it is missing; both are in order."""
    if len(rightful) == len(kept) and (rightful[:, :2] == kept[:, :2]).all():
        return np.arange(len(kept))
    both = np.concatenate([rightful[:, :2], kept[:, :2]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    pairs = np.flatnonzero((both[order[1:]] == both[order[:-1]]).all(axis=1))
    holder = np.full(len(rightful), -1)
    holder[order[pairs]] = order[pairs + 1] - len(rightful)
    return holder
