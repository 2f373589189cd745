"""The places of a site: never more taken at once than there are."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Conflict, Malformed, Refused
from domain.sites import Figures, Site, Taken, added_up, figures_of, most_at_once
from domain.times import Seconds

ID = UUID("5d3c1f0e-7b39-4c47-9f0a-2f6d0a6f6c11")


def site(capacity: int = 1, **more: object) -> Site:
    given = {"name": "KTX B", "kind": "facility", "commune": "14995", "capacity": capacity} | more
    return Site.register(ID, happened=0, **given)  # type: ignore[arg-type] # each is of its kind


def test_a_place_is_free_again_in_the_second_in_which_a_quarantine_ends() -> None:
    full = site(1)
    full.take("q1", 10, 20, 0)
    assert [full.taken_at(instant) for instant in (9, 10, 19, 20)] == [0, 1, 1, 0]
    full.take("q2", 20, 30, 0)
    full.take("q0", 5, 10, 0)
    for since, until in ((9, 11), (19, 21), (15, None), (0, 100)):
        with pytest.raises(Refused, match=r"the site is full: .* its places \(1\) are taken"):
            full.take("q3", since, until, 0)


def test_an_open_quarantine_takes_its_place_until_it_ends() -> None:
    full = site(1)
    full.take("q1", 10, None, 0)
    with pytest.raises(Refused):
        full.take("q2", 1_000_000, 1_000_001, 0)
    full.keep("q1", 10, 20, 0)
    full.take("q2", 20, None, 0)


def test_who_stays_longer_needs_a_free_place_for_that_time() -> None:
    full = site(1)
    full.take("q1", 10, 20, 0)
    full.take("q2", 30, 40, 0)
    full.keep("q1", 10, 30, 0)
    for until in (31, None):
        with pytest.raises(Refused):
            full.keep("q1", 10, until, 0)
    full.keep("q1", 10, None, 0, even_if_full=True)
    assert full.taken_at(35) == 2


def test_who_leaves_frees_the_place_from_then_on() -> None:
    full = site(1)
    full.take("q1", 10, 30, 0)
    full.free("q1", 20, 0)
    assert [full.taken_at(instant) for instant in (15, 20, 25)] == [1, 0, 0]
    with pytest.raises(Refused):
        full.take("q2", 19, 20, 0)
    full.take("q1", 25, 30, 0)
    assert [full.taken_at(instant) for instant in (15, 20, 25)] == [1, 0, 1]
    full.free("q1", 25, 0)
    assert full.taken_at(25) == 0


def test_an_end_before_the_arrival_frees_the_place_altogether() -> None:
    full = site(1)
    full.take("q1", 10, 30, 0)
    full.keep("q1", 10, 10, 0)
    assert full.taken_at(10) == 0
    full.keep("q1", 10, 15, 0)
    assert full.taken_at(10) == 1


def test_a_site_that_shrinks_turns_nobody_out_and_lets_nobody_in() -> None:
    full = site(2)
    full.take("q1", 10, 20, 0)
    full.take("q2", 10, 20, 0)
    full.change_capacity(1, 0)
    assert full.taken_at(10) == 2
    with pytest.raises(Refused):
        full.take("q3", 19, 21, 0)


def test_a_site_is_closed_when_nobody_is_confined_there_any_more_and_for_good() -> None:
    closed = site(2)
    closed.take("q1", 10, 20, 0)
    with pytest.raises(Refused, match="move them first"):
        closed.close(15, 100)
    closed.close(20, 100)
    closed.close(None, 200)
    with pytest.raises(Conflict):
        closed.close(30, 100)
    with pytest.raises(Refused, match="closed for good"):
        closed.take("q2", 30, 40, 0)


def test_cameras_are_reported_all_and_connected() -> None:
    watched = site()
    watched.report_cameras(12, 9, 0)
    watched.report_cameras(12, 9, 0)
    assert (watched.cameras, watched.version) == ((12, 9), 2)
    for registered, connected in ((5, 6), (-1, -1)):
        with pytest.raises(Refused, match="connected"):
            watched.report_cameras(registered, connected, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"name": "a\nb"}, {"kind": "home"}, {"capacity": 0}, {"latitude": 1.0},
     {"latitude": 91.0, "longitude": 0.0}],
)  # fmt: skip
def test_what_is_no_site_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((Malformed, Refused)):
        site(**wrong)


def test_figures_add_up() -> None:
    watched, dark = site(50), site(70)
    watched.report_cameras(12, 9, 0)
    dark.report_cameras(4, 0, 0)
    assert figures_of([watched, dark]) == Figures(2, 1, 16, 9, 120)
    assert added_up([figures_of([watched]), figures_of([dark])]) == figures_of([watched, dark])
    assert figures_of([]) == Figures(0, 0, 0, 0, 0)


spans = st.builds(
    lambda since, length: Taken(since, None if length is None else since + length),
    st.integers(0, 30), st.one_of(st.none(), st.integers(1, 12)),
)  # fmt: skip


@given(spans, st.lists(spans, max_size=8))
def test_most_at_once_is_the_largest_number_of_any_second(within: Taken, places: list[Taken]) -> None:
    def seconds() -> Iterator[Seconds]:
        return iter(range(within.since, min(within.end, 60)))

    counted = (sum(taken.since <= second < taken.end for taken in places) for second in seconds())
    assert most_at_once(within, places) == max(counted)


@given(st.integers(1, 3), st.lists(st.tuples(st.sampled_from("abcdef"), spans), max_size=20))
def test_never_more_places_are_taken_than_there_are(capacity: int, wishes: list[tuple[str, Taken]]) -> None:
    """Each wish is a person who comes, or, who is here already, one whose end moves."""
    full = site(capacity)
    for name, (since, until) in wishes:
        here = full.places.get(name)
        with suppress(Refused):
            full.take(name, since, until, 0) if here is None else full.keep(name, here.since, until, 0)
    assert all(full.taken_at(second) <= capacity for second in range(60))
