"""The table of keys beside what events imply: what is wrong is found, and only that is changed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from api.app import Truyvet
from infrastructure import key_table
from infrastructure.graph import blocks
from infrastructure.graph.blocks import Block
from infrastructure.key_table import KeyTable, key_rows
from infrastructure.keys import KEYED, implied_keys, keys_of_events
from tests.blocks import HEADER, NINE, TRAILER, check_in, copied, logged

Claims = Sequence[tuple[str, str, int]]
"""A key, a stream, a position."""


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection[DictRow]]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        yield connection


def key(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def stream(name: str) -> UUID:
    return UUID(bytes=key(name))


def table(connection: Connection[DictRow], claims: Claims, kept: Mapping[str, str]) -> KeyTable:
    for name, holder in kept.items():
        connection.execute("INSERT INTO keys VALUES (%s, %s)", [UUID(bytes=key(name)), stream(holder)])
    keys = KeyTable(connection)
    position = np.array([position for _, _, position in claims], np.int64)
    keys.add(key_rows(*(b"".join([key(claim[n]) for claim in claims]) for n in (0, 1)), position))
    keys.settle()
    return keys


def kept(connection: Connection[DictRow]) -> dict[bytes, UUID]:
    return {row["key"].bytes: row["stream"] for row in connection.execute("SELECT key, stream FROM keys")}


CLAIMS = [("a", "ann", 1), ("b", "bob", 2), ("c", "cai", 3), ("a", "bob", 4), ("b", "bob", 5)]


def test_what_is_wrong_is_found(connection: Connection[DictRow]) -> None:
    keys = table(connection, CLAIMS, {"b": "dan", "c": "cai", "e": "eve", "z": "zoe"})
    strays = sorted([stream("eve"), stream("zoe")])
    assert list(keys.differences()) == [
        "the events at positions 1 and 4 claim the same key",
        "the key of the event at position 1 is missing",
        f"the key of the event at position 2 is held by stream {stream('dan')}",
        *(f"stream {stray} holds a key that follows from no event" for stray in strays),
    ]


def test_the_first_who_claimed_a_key_has_it_again(connection: Connection[DictRow]) -> None:
    keys = table(connection, CLAIMS, {"b": "dan", "c": "cai", "e": "eve", "z": "zoe"})
    keys.corrected()
    assert kept(connection) == {key("a"): stream("ann"), key("b"): stream("bob"), key("c"): stream("cai")}


def test_the_order_in_which_claims_are_added_does_not_matter(connection: Connection[DictRow]) -> None:
    keys = table(connection, CLAIMS[::-1], {})
    keys.corrected()
    assert kept(connection)[key("a")] == stream("ann")


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_the_checksum_is_that_of_the_table(
    connection: Connection[DictRow], monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(key_table, "_IN_MEMORY", in_memory)
    monkeypatch.setattr(key_table, "_AT_ONCE", 100)
    many = [(f"key {n}", f"stream {n}", n) for n in range(300)]
    checksum = table(connection, many, {name: holder for name, holder, _ in many[:200]}).corrected()
    pile_by_pile = "SELECT key, stream FROM keys ORDER BY get_byte(uuid_send(key), 15) & 127, key"
    with connection.cursor().copy(f"COPY ({pile_by_pile}) TO STDOUT (FORMAT BINARY)") as rows:
        assert checksum == hashlib.sha256(b"".join(rows)).hexdigest()


def test_an_empty_table_of_no_events_is_whole(connection: Connection[DictRow]) -> None:
    keys = table(connection, [], {})
    assert list(keys.differences()) == []
    assert keys.corrected() == hashlib.sha256(HEADER + TRAILER).hexdigest()


@pytest.mark.parametrize("compiled", [False, True])
def test_blocks_imply_the_keys_of_their_events(truyvet: Truyvet, compiled: bool) -> None:
    if compiled and not blocks.warm_up():
        pytest.skip("numba is not installed: pip install truyvet[compiled]")
    states = (
        check_in("v1"), check_in("v2", 7), check_in("v3", NINE, NINE + 60), check_in("v4", clock_error_seconds=-5),
        check_in("v5").replace(b"abab", b"ABAB"),
    )  # fmt: skip
    block = Block.of(copied(logged(*states)), compiled=compiled)
    one_by_one = keys_of_events(truyvet.vault, block.events(np.arange(5)))
    assert len(one_by_one) == 6
    assert sorted(implied_keys(truyvet.vault, block).tolist()) == sorted(one_by_one.tolist())
    assert block.others(KEYED).tolist() == ([4] if compiled else [3, 4])
