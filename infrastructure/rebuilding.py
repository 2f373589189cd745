"""`rebuild`: everything that follows from the log is dropped and made again from the log.

Registers and keys change in one transaction, on one snapshot, by whoever leads the registers. Killed in the middle,
all is as before. Writers go on: what they append after the snapshot is taken in afterwards, and their keys are not
touched, as only keys that the snapshot shows to be wrong are removed. Readers see the old rows until the commit.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

import psycopg
from eventsourcing.utils import retry
from psycopg import Connection, IsolationLevel
from psycopg.rows import DictRow, args_row

from infrastructure.follower import GraphFollower
from infrastructure.keys import KEYED, KeyTable, implied_keys
from infrastructure.reading import Placed
from infrastructure.registers import Registers
from infrastructure.vault import SealedVault

_BATCH = 10_000
Row = TypeVar("Row")

KEYED_EVENTS: Final = """
-- The events that imply keys, in order.
SELECT notification_id AS position, originator_id AS stream, originator_version AS version, topic, state FROM events
WHERE topic = ANY(%s) ORDER BY notification_id
"""

KEYS: Final = "COPY (SELECT key, stream FROM keys ORDER BY key) TO STDOUT (FORMAT BINARY)"


def rebuild(vault: SealedVault, registers: Registers, graph: GraphFollower) -> dict[str, str]:
    """The checksum of each view, by its name; equal logs give equal checksums.

    Raises Undecodable, or Malformed from the graph, for an event that cannot be read; the views stay as they were.
    """
    tables: dict[str, str] = _rebuild_tables(vault, registers)
    return tables | {"graph": graph.rebuild()}


@retry(psycopg.errors.SerializationFailure, max_attempts=5, wait=0.1)
def _rebuild_tables(vault: SealedVault, registers: Registers) -> dict[str, str]:
    with registers.leading() as connection, snapshot(connection):
        registers.projection.clear(connection)
        head = registers.projection.place(connection).head
        while registers.projection.advance(connection) < head:
            pass
        keys = KeyTable(connection)
        for events in ahead(batches(connection, KEYED_EVENTS, [list(KEYED)], Placed)):
            keys.add(implied_keys(vault, events))
        keys.settle()
        keys.correct()
        return checksums(connection, registers)


def checksums(connection: Connection[DictRow], registers: Registers) -> dict[str, str]:
    """SHA-256 over the rows of each table in the order of its key."""
    queries = {
        register.table: f"COPY (SELECT * FROM {register.table} ORDER BY position) TO STDOUT (FORMAT BINARY)"  # noqa: S608 # our own name
        for register in registers.projection.registers  # the names of our own tables
    } | {"keys": KEYS}
    return {name: _sha256(connection, query) for name, query in queries.items()}


@contextmanager
def snapshot(connection: Connection[DictRow]) -> Iterator[None]:
    """One transaction that sees all tables as they are now, whatever others do meanwhile."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        connection.execute(b"SET LOCAL work_mem = '64MB'")  # to sort and join the keys of millions of events
        yield


def batches(connection: Connection[DictRow], sql: str, values: list[object], row: type[Row]) -> Iterator[list[Row]]:
    """The rows of a query, in lists, whatever their number."""
    with connection.cursor(name="batches", row_factory=args_row(row)) as rows:
        rows.execute(sql.encode(), values, binary=True)
        while batch := rows.fetchmany(_BATCH):
            yield batch


def ahead(lists: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """The same lists; while one is looked at, the next one is fetched."""
    with ThreadPoolExecutor(1, "ahead") as fetching:
        coming = fetching.submit(next, lists, None)
        while (found := coming.result()) is not None:
            coming = fetching.submit(next, lists, None)
            yield found


def _sha256(connection: Connection[DictRow], query: str) -> str:
    digest = hashlib.sha256()
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for data in copy:
            digest.update(data)
    return digest.hexdigest()
