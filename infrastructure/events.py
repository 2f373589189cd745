"""The event store: the library's recorder, with positions without gaps, recorded_at, COPY and keys across streams.

How an append goes, in one transaction: the keys first (unique, in order, so that two writers of the same key meet there
and not behind the ordering lock), then the ordering lock (the row of ``log_head``, which gives positions and
recorded_at), then the events by binary COPY, then the commit, which releases the lock. What can be done before the lock
is done before it.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent, Tracking
from eventsourcing.postgres import PostgresProcessRecorder
from eventsourcing.utils import retry
from numpy.typing import NDArray
from psycopg import Cursor
from psycopg.rows import DictRow

from application.log import Secret
from application.provenance import LOCAL, Provenance, Request
from infrastructure.database import Database

_COLUMNS = (
    "notification_id, recorded_at, originator_id, originator_version, topic, state, "
    "actor, on_behalf_of, source, cause, correlation, basis"
)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_TRAILER = struct.pack(">h", -1)
_UNPLACED = struct.pack(">hiqiq", 12, 8, 0, 8, 0)
"""How a row begins before its position and time are known, and where they go."""
_POSITION, _TIME = 6, 18
_KEY = struct.Struct(">hi16si16s").pack
_NULL = struct.pack(">i", -1)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Appended:
    """The positions ``first`` to ``last`` of one append, and when it entered the log."""

    first: int
    last: int
    recorded_at: datetime


def copy_row(stream: bytes, version: int, topic: bytes, state: bytes, provenance: bytes) -> bytes:
    """An event as a row of the binary COPY, less its position and time, which the ordering lock gives."""
    return b"".join((
        b"\0\0\0\x10", stream, b"\0\0\0\x08", version.to_bytes(8), len(topic).to_bytes(4), topic,
        len(state).to_bytes(4), state, provenance,
    ))  # fmt: skip


def copy_provenance(provenance: Provenance) -> bytes:
    """The last six columns of a COPY row."""
    cause = _NULL if provenance.cause is None else struct.pack(">iq", 8, provenance.cause)
    return b"".join((
        _text(provenance.actor), _text(provenance.on_behalf_of), _text(provenance.source), cause,
        _text(provenance.correlation), _text(provenance.basis),
    ))  # fmt: skip


class Answer(NamedTuple):
    """A request that is answered with ``id`` and the position of the ``rows``-th event of an append."""

    request: Request
    id: str | None
    rows: int


class EventRecorder(PostgresProcessRecorder):
    """Raises the library's IntegrityError when a key or a place in a stream is taken."""

    def __init__(self, database: Database, *, events_table_name: str = "events") -> None:
        if database.enable_db_functions:
            raise ValueError("database functions drop the ordering lock")
        super().__init__(database, events_table_name=events_table_name, tracking_table_name="tracking")

    def create_table(self) -> None:
        """Tables come from the migrations."""

    @retry((InterfaceError, OperationalError), max_attempts=2, wait=0.1)
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int]:
        """The library's way in; what ``append`` takes and ``provenance`` may come along."""
        provenance = copy_provenance(kwargs.get("provenance", LOCAL))
        rows = [
            copy_row(_uuid(e.originator_id).bytes, e.originator_version, e.topic.encode(), e.state, provenance)
            for e in stored_events
        ]
        appended = self.append(
            rows, keys=kwargs.get("keys", ()), secrets=kwargs.get("secrets", ()), tracking=kwargs.get("tracking")
        )
        return list(range(appended.first, appended.last + 1)) if appended else []

    def append(
        self,
        rows: Sequence[bytes],
        *,
        keys: Iterable[tuple[bytes, bytes]] = (),
        secrets: Iterable[Secret] = (),
        tracking: Tracking | None = None,
        answers: Sequence[Answer] = (),
        turn: Callable[[], None] | None = None,
    ) -> Appended | None:
        """Append rows of ``copy_row`` with their keys, all or nothing; None when there were no rows.

        Of a key come its 16 bytes and those of the stream that holds it. ``turn`` returns when these events may follow
        those before them; the keys are taken by then, the ordering lock is not.
        """
        with self.datastore.transaction(commit=True) as cursor:
            if tracking is not None:
                self._insert_tracking(cursor, tracking)
            _insert_keys(cursor, keys)
            _insert_secrets(cursor, secrets)
            if not rows:
                return None
            self._notify_channel(cursor)
            content = _Content(rows)
            if turn is not None:
                turn()
            appended = self._take_positions(cursor, len(rows))
            _insert_answers(cursor, answers, appended)
            self._copy(cursor, content.at(appended))
        return appended

    def _take_positions(self, cursor: Cursor[DictRow], count: int) -> Appended:
        cursor.execute(
            "UPDATE log_head SET position = position + %s, recorded_at = greatest(recorded_at, clock_timestamp()) "
            "RETURNING position, recorded_at",
            [count],
            prepare=True,
        )
        head = cursor.fetchone()
        assert head is not None  # noqa: S101 # migrations insert the row
        return Appended(head["position"] - count + 1, head["position"], head["recorded_at"])

    def _copy(self, cursor: Cursor[DictRow], content: bytearray) -> None:
        # the name of the table is ours, never input
        statement = f"COPY {self.events_table_name} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(statement.encode()) as copy:
            copy.write(content)


class _Content:
    """What a COPY sends for the rows: all but their positions and time."""

    def __init__(self, rows: Sequence[bytes]) -> None:
        self._content = bytearray().join((_COPY_HEADER, _UNPLACED, _UNPLACED.join(rows), _COPY_TRAILER))
        lengths = (len(_UNPLACED) + len(row) for row in rows)
        self._starts = np.fromiter(accumulate(lengths, initial=len(_COPY_HEADER)), np.int64, len(rows))

    def at(self, appended: Appended) -> bytearray:
        microseconds = (appended.recorded_at - _POSTGRES_EPOCH) // timedelta(microseconds=1)
        self._write(_POSITION, np.arange(appended.first, appended.last + 1))
        self._write(_TIME, np.array([microseconds]))
        return self._content

    def _write(self, place: int, numbers: NDArray[np.int64]) -> None:
        characters = numbers.astype(">i8").view(np.uint8).reshape(-1, 8)
        np.frombuffer(self._content, np.uint8)[self._starts[:, None] + np.arange(place, place + 8)] = characters


def _insert_keys(cursor: Cursor[DictRow], keys: Iterable[tuple[bytes, bytes]]) -> None:
    """In order, so that two writers never wait for each other in a circle."""
    rows = sorted([_KEY(2, 16, key, 16, stream) for key, stream in keys])
    if rows:
        with cursor.copy(b"COPY keys (key, stream) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_COPY_HEADER + b"".join(rows) + _COPY_TRAILER)


def _insert_secrets(cursor: Cursor[DictRow], secrets: Iterable[Secret]) -> None:
    ordered = sorted(secrets)
    if ordered:
        cursor.execute(
            "INSERT INTO vault SELECT * FROM unnest(%b::uuid[], %b::bytea[])",
            [[secret.subject for secret in ordered], [secret.wrapped_key for secret in ordered]],
        )


def _insert_answers(cursor: Cursor[DictRow], answers: Sequence[Answer], appended: Appended) -> None:
    ordered = sorted(answers, key=lambda answer: answer.request.key)
    if ordered:
        cursor.executemany(
            b"INSERT INTO requests (key, fingerprint, answer_id, position) VALUES (%s, %s, %s, %s)",
            [
                (answer.request.key, answer.request.fingerprint, answer.id, appended.first + answer.rows - 1)
                for answer in ordered
            ],
        )


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return len(encoded).to_bytes(4) + encoded


def _uuid(stream: UUID | str) -> UUID:
    return stream if isinstance(stream, UUID) else UUID(stream)
