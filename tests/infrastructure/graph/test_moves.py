"""The moves that all compiled loops are made of, each against NumPy's own."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infrastructure.graph import warm_up
from infrastructure.graph.part import keys

VENUES = 5
LAST = 2**32 - 1

instants = st.integers(0, 50) | st.integers(LAST - 50, LAST - 1) | st.integers(1_630_000_000, 1_630_000_100)
rows = st.lists(st.tuples(st.integers(0, VENUES - 1), instants), min_size=1, max_size=60)


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    if not warm_up():
        pytest.skip("numba is not installed: pip install truyvet[compiled]")


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 3_000),
    st.sampled_from([1, 2**7, 2**11, 2**32, 2**64 - 1]),
    st.sampled_from([0, 1, 20, 52]),
    st.integers(0, 2**32),
)
@example(41, 2**64 - 1, 0, 0)
@example(20_000, 2**32, 0, 0)
def test_keys_come_in_order_and_equal_ones_as_they_came(count: int, most: int, shift: int, seed: int) -> None:
    from infrastructure.graph.compiling import order_of

    some = np.random.default_rng(seed).integers(0, most, count, np.uint64, endpoint=True) << np.uint64(shift)
    assert order_of(some).tolist() == np.argsort(some, kind="stable").tolist()


@settings(max_examples=1_000, deadline=None)
@given(
    some=rows,
    asked=st.lists(st.tuples(st.integers(0, VENUES + 2), instants, instants), min_size=1, max_size=12),
    first_start=instants,
    span=st.integers(1, 200) | st.just(LAST),
    indexed=st.booleans(),
)
def test_the_rows_at_a_venue_are_found_wherever_they_are_guessed(
    some: list[tuple[int, int]], asked: list[tuple[int, int, int]], first_start: int, span: int, *, indexed: bool
) -> None:
    from infrastructure.graph.compiling import at_venue

    venue, start = (np.array(column, np.uint32) for column in zip(*some, strict=True))
    key = np.sort(keys(venue, start))
    first = np.searchsorted(key, keys(np.arange(VENUES + 1), np.zeros(VENUES + 1, np.uint32))).astype(np.uint32)
    longest = np.arange(VENUES, dtype=np.uint32) * np.uint32(7)
    none = np.empty(0, np.uint32)
    reach = int(longest.max())
    before = 0
    for where, begin, finish in sorted((where, *sorted(times)) for where, *times in asked):
        furthest = int(longest[where]) if indexed and where < VENUES else reach
        since = max(begin - furthest, 0)
        index = (first, longest) if indexed else (none, none)
        low, high = at_venue(key, *index, where, begin, finish, reach, before, first_start, span)
        expected = np.searchsorted(key, keys(np.array([where, where]), np.array([since, finish]))).tolist()
        if finish > since and where < VENUES:
            assert [low, high] == [max(expected[0], before), max(expected)]
        else:
            assert low == high
        before = low


@settings(max_examples=100, deadline=None)
@given(people=st.lists(st.integers(0, 40), min_size=1, max_size=60), listed=st.booleans())
def test_the_rows_of_a_person_are_found(people: list[int], *, listed: bool) -> None:
    from infrastructure.graph.compiling import of_person

    in_order = np.sort(np.array(people, np.uint32))
    numbers = np.unique(in_order) if listed else np.arange(in_order[-1] + 1, dtype=np.uint32)
    first = np.searchsorted(in_order, [*numbers.tolist(), int(numbers[-1]) + 1]).astype(np.uint32)
    known = numbers if listed else np.empty(0, np.uint32)
    for person in range(45):
        low, high = of_person(known, first, person)
        assert in_order[low:high].tolist() == [one for one in sorted(people) if one == person]
