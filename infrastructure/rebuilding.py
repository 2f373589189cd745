"""`rebuild`: everything that follows from the log is dropped and made again from the log.

Registers and keys change in one transaction, on one snapshot, by whoever leads the registers. Killed in the middle,
all is as before. Writers go on: what they append after the snapshot is taken in afterwards, and their keys are not
touched, as only keys that the snapshot shows to be wrong are removed. Readers see the old rows until the commit.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import starmap

import psycopg
from eventsourcing.utils import retry
from psycopg import Connection, IsolationLevel
from psycopg.rows import DictRow

from infrastructure.follower import GraphFollower
from infrastructure.graph.blocks import Block
from infrastructure.key_table import KeyTable
from infrastructure.keys import KEYED, implied_keys
from infrastructure.log import BLOCK, copied
from infrastructure.registers import Registers
from infrastructure.replaying import REPLAYED, ahead, get_ready, ranges
from infrastructure.vault import SealedVault

_EVERYTHING = 2**63 - 1


def rebuild(vault: SealedVault, registers: Registers, graph: GraphFollower) -> dict[str, str]:
    """The checksum of each view, by its name; equal logs give equal checksums.

    Raises Undecodable, or Malformed from the graph, for an event that cannot be read; the views stay as they were.
    """
    get_ready(registers.log)
    with ThreadPoolExecutor(1, "rebuild") as aside:
        checksum = aside.submit(graph.rebuild)
        tables: dict[str, str] = _rebuild_tables(vault, registers)
        return tables | {"graph": checksum.result()}


@retry(psycopg.errors.SerializationFailure, max_attempts=5, wait=0.1)
def _rebuild_tables(vault: SealedVault, registers: Registers) -> dict[str, str]:
    with registers.leading() as connection, snapshot(connection):
        registers.projection.clear(connection)
        head = registers.projection.place(connection).head
        while registers.projection.advance(connection) < head:
            pass
        keys = KeyTable(connection)
        places = [*ranges(0, head, REPLAYED), (head, _EVERYTHING)]  # no key is dropped because the head was altered
        for block in ahead(starmap(partial(_keyed, connection), places)):
            keys.add(implied_keys(vault, block))
        keys.settle()
        corrected = keys.corrected()
        return checksums(connection, registers) | {"keys": corrected}


def _keyed(connection: Connection[DictRow], after: int, until: int) -> Block:
    return Block.of(copied(connection, BLOCK, {"after": after, "until": until, "topics": list(KEYED)}))


def checksums(connection: Connection[DictRow], registers: Registers) -> dict[str, str]:
    """SHA-256 over the rows of each table in the order of its key."""
    queries = {
        register.table: f"COPY (SELECT * FROM {register.table} ORDER BY position) TO STDOUT (FORMAT BINARY)"  # noqa: S608 # our own name
        for register in registers.projection.registers  # the names of our own tables
    }
    return {name: _sha256(connection, query) for name, query in queries.items()}


@contextmanager
def snapshot(connection: Connection[DictRow]) -> Iterator[None]:
    """One transaction that sees all tables as they are now, whatever others do meanwhile."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        connection.execute(b"SET LOCAL work_mem = '64MB'")  # to sort millions of events
        yield


def _sha256(connection: Connection[DictRow], query: str) -> str:
    digest = hashlib.sha256()
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for data in copy:
            digest.update(data)
    return digest.hexdigest()
