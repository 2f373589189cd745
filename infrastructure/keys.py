"""The keys that the log implies: what must be unique across streams, computed from the events again.

Each event on its own implies its keys, so that neither the order nor the streams matter.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow, tuple_row
from pydantic_core import from_json

from application.log import Secret
from application.people import IDENTITY
from application.quarantines import since_key
from application.venues import code_key
from application.visit_keys import triple_keys
from domain.errors import Unavailable
from domain.people import Identity, Person
from domain.quarantines import Quarantine
from domain.times import parse_instant
from domain.venues import Venue
from domain.visits import Visit
from infrastructure.reading import UNREADABLE, Placed, Undecodable
from infrastructure.vault import SealedVault

KEYED: Final = frozenset({
    Person.Registered.TOPIC, Person.Identified.TOPIC, Venue.Registered.TOPIC, Visit.CheckedIn.TOPIC,
    Quarantine.Assigned.TOPIC,
})  # fmt: skip
"""The events that imply keys."""

_NAMING: Final = frozenset({Person.Registered.TOPIC, Person.Identified.TOPIC})

CREATE: Final = """
-- What the log implies, for as long as the transaction lasts.
CREATE TEMPORARY TABLE implied_keys (
    key bytea NOT NULL, stream uuid NOT NULL, position bigint NOT NULL
) ON COMMIT DROP
"""

ADD: Final = """
-- The keys of a batch of events.
COPY implied_keys (key, stream, position) FROM STDIN (FORMAT BINARY)
"""

SETTLE: Final = """
-- Who holds each key: the first who claimed it.
CREATE TEMPORARY TABLE rightful_keys ON COMMIT DROP AS
SELECT DISTINCT ON (key) key, stream, position FROM implied_keys ORDER BY key, position
"""

TWICE: Final = """
-- Keys that a later event claims for another stream.
SELECT rightful_keys.position, implied_keys.position FROM implied_keys JOIN rightful_keys USING (key)
WHERE implied_keys.stream <> rightful_keys.stream ORDER BY 2
"""

MISHELD: Final = """
-- Keys that are missing, or that another stream holds than should.
SELECT position, keys.stream FROM rightful_keys LEFT JOIN keys USING (key)
WHERE keys.stream IS DISTINCT FROM rightful_keys.stream ORDER BY position
"""

STRAY: Final = """
-- Keys that should not be there.
SELECT keys.stream FROM keys LEFT JOIN rightful_keys USING (key) WHERE rightful_keys.key IS NULL ORDER BY keys.stream
"""

DROP_WRONG: Final = """
-- Keys that follow from no event, or belong to another stream, go.
DELETE FROM keys WHERE NOT EXISTS (
    SELECT FROM rightful_keys WHERE rightful_keys.key = keys.key AND rightful_keys.stream = keys.stream
)
"""

INSERT_MISSING: Final = """
-- Keys that are missing come back.
INSERT INTO keys (key, stream)
SELECT key, stream FROM rightful_keys WHERE NOT EXISTS (SELECT FROM keys WHERE keys.key = rightful_keys.key)
ON CONFLICT DO NOTHING
"""


class ImpliedKey(NamedTuple):
    """A key, the 16 bytes of the stream that holds it, and the position of the event that says so."""

    key: bytes
    stream: bytes
    position: int


def implied_keys(vault: SealedVault, events: Sequence[Placed]) -> list[ImpliedKey]:
    """The keys of events with topics in KEYED; none for people whom the vault has forgotten. Raises Undecodable."""
    secrets = vault.secrets({event.stream for event in events if event.topic in _NAMING})
    return [
        ImpliedKey(key, event.stream.bytes, event.position) for event in events for key in _keys(vault, secrets, event)
    ]


def _keys(vault: SealedVault, secrets: dict[UUID, Secret], event: Placed) -> list[bytes]:
    try:
        state = from_json(event.state, cache_strings="keys")
        if event.topic in _NAMING:
            return [_identity_key(vault, secrets[event.stream], state)] if event.stream in secrets else []
        return _plain_keys(event.topic, state)
    except Unavailable:
        raise Undecodable(event.position, event.topic, "its sealed identity cannot be opened") from None
    except UNREADABLE as error:
        raise Undecodable(event.position, event.topic, type(error).__name__) from error


def _plain_keys(topic: str, state: dict[str, Any]) -> list[bytes]:
    if topic == Visit.CheckedIn.TOPIC:
        check_in, clock_error = parse_instant(state["check_in"]), state.get("clock_error_seconds")
        return triple_keys(state["person"], state["venue"], check_in, clock_error)
    if topic == Quarantine.Assigned.TOPIC:
        return [since_key(UUID(state["person"]), parse_instant(state["since"]))]
    return [] if state["code"] is None else [code_key(state["code"])]


def _identity_key(vault: SealedVault, secret: Secret, state: dict[str, Any]) -> bytes:
    scheme, _, value = vault.open(secret, IDENTITY, state["sealed"]).partition(":")
    return vault.identity_key(Identity(scheme, value))


COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
_ROW: Final = struct.Struct(">hi16si16siq").pack


class KeyTable:
    """Compares the table ``keys`` with what the log implies, within one transaction."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self.connection = connection
        connection.execute(CREATE.encode())

    def add(self, implied: Iterable[ImpliedKey]) -> None:
        rows = b"".join([_ROW(3, 16, key, 16, stream, 8, position) for key, stream, position in implied])
        with self.connection.cursor() as cursor, cursor.copy(ADD.encode()) as copy:
            copy.write(COPY_HEADER + rows + COPY_TRAILER)

    def settle(self) -> None:
        """To be called when all are added."""
        self.connection.execute(b"ANALYZE implied_keys")
        self.connection.execute(SETTLE.encode())
        self.connection.execute(b"ANALYZE rightful_keys")

    def differences(self) -> Iterator[str]:
        for first, last in self._rows(TWICE):
            yield f"the events at positions {first} and {last} claim the same key"
        for position, stream in self._rows(MISHELD):
            state = "is missing" if stream is None else f"is held by stream {stream}"
            yield f"the key of the event at position {position} {state}"
        for (stream,) in self._rows(STRAY):
            yield f"stream {stream} holds a key that follows from no event"

    def correct(self) -> None:
        self.connection.execute(DROP_WRONG.encode())
        self.connection.execute(INSERT_MISSING.encode())

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor(row_factory=tuple_row) as rows:
            return rows.execute(sql.encode()).fetchall()
