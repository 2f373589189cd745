"""The same numbers as a dict would give, whatever the ids have in common and however the table grew."""

from threading import Barrier, Thread
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.graph.arrays import Array
from infrastructure.graph.ids import Ids, halves

half = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
ids = st.builds(lambda high, low: UUID(int=high << 64 | low), half, half)


def columns(some: list[UUID]) -> Array:
    return halves(b"".join(one.bytes for one in some))


def check(table: Ids, expected: dict[UUID, int], others: list[UUID]) -> None:
    known = list(expected)
    assert (len(table), table.uuids(np.arange(len(table)))) == (len(known), known)
    numbers, is_known = table.numbers(columns([*known, *others]))
    assert numbers.tolist() == [expected.get(one, 0) for one in [*known, *others]]
    assert is_known.tolist() == [one in expected for one in [*known, *others]]
    assert [table.number_of(one) for one in [*known, *others]] == [expected.get(one) for one in [*known, *others]]


@pytest.fixture(params=[1, 4096])
def _short_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.graph.ids._SMALL", request.param)


@pytest.mark.usefixtures("_short_runs")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.lists(st.lists(ids, max_size=20), max_size=12), st.lists(ids, max_size=5))
def test_a_dict_gives_the_same_numbers(data: st.DataObject, batches: list[list[UUID]], others: list[UUID]) -> None:
    """Every table stays as it was, also when two go on from the same one."""
    made: list[tuple[Ids, dict[UUID, int]]] = [(Ids.none(), {})]
    for batch in batches:
        table, expected = data.draw(st.sampled_from([made[-1], made[-1], *made]))
        expected = dict(expected)
        wanted = [expected.setdefault(one, len(expected)) for one in batch]
        table, numbers = table.with_new(columns(batch))
        assert numbers.tolist() == wanted
        made.append((table, expected))
    for table, expected in made:
        check(table, expected, others)


def test_what_is_found_among_equal_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.graph.ids._hashed", lambda high, _: high & np.uint64(3 << 32))
    monkeypatch.setattr("infrastructure.graph.ids._hash", lambda high, _: high & 3 << 32)
    some = [UUID(int=(n % 5) << 96 | n * 7919 % 1000) for n in range(500)]
    table, _ = Ids.none().with_new(columns(some[:300]))
    table, more = table.with_new(columns(some))

    assert more.tolist() == list(range(500))
    check(table, {one: number for number, one in enumerate(some)}, [UUID(int=1 << 96 | 999), UUID(int=1 << 100)])


def test_a_few_new_ids_move_none_of_the_others() -> None:
    table, _ = Ids.none().with_new(columns([UUID(int=n) for n in range(10_000)]))
    more, _ = table.with_new(columns([UUID(int=n) for n in range(9_990, 10_010)]))

    assert np.shares_memory(more.high, table.high)
    assert more.runs[0] is table.runs[0]
    assert (len(table), len(more)) == (10_000, 10_010)


def test_two_tables_that_go_on_at_once_do_not_mix() -> None:
    table, _ = Ids.none().with_new(columns([UUID(int=n) for n in range(100)]))
    together = Barrier(8)
    grown: dict[int, Ids] = {}

    def grow(mine: int) -> None:
        together.wait()
        grown[mine], _ = table.with_new(columns([UUID(int=mine << 64 | n) for n in range(200)]))

    threads = [Thread(target=grow, args=[mine]) for mine in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, own in grown.items():
        assert own.uuids(np.arange(100, 300)) == [UUID(int=mine << 64 | n) for n in range(200)]
