"""Who is more urgent, and by how much."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.call_list import CallState, Priority, place, priority
from domain.times import parse_date

NOON, HOUR, DAY = 1_630_300_800, 3_600, 86_400
CALL = CallState(
    call_id=UUID(int=1), person_id=UUID(int=2), campaign="contacts", level=1, cases=[], exposed_at=NOON,
    last_exposed_at=NOON, certain=True, last_day=parse_date("2021-09-13"), incubation_ends=NOON + 14 * DAY,
    asked_at=NOON, due_at=NOON, attempts=0, failures=0, answered_at=None, last_attempt_at=None, last_outcome=None,
    held_by=None, held_until=None, status="open",
)  # fmt: skip

calls = st.builds(
    lambda level, exposed, certain, left, failures: replace(
        CALL, level=level, exposed_at=NOON - exposed, certain=certain, incubation_ends=NOON + left, failures=failures
    ),
    st.none() | st.integers(1, 10), st.integers(-HOUR, 40 * DAY), st.booleans(), st.integers(-40 * DAY, 30 * DAY),
    st.integers(0, 6),
)  # fmt: skip
"""Any call, as it may be at NOON."""


def test_the_parts_are_shown_and_added_up() -> None:
    assert priority(CALL, NOON) == Priority(1_200, 0, 100, 100, 0)
    assert priority(CALL, NOON).points == 1_400
    assert priority(CALL, NOON + 5 * DAY) == Priority(1_200, 100, 100, 64, 0)
    assert priority(replace(CALL, level=2, certain=False, failures=3), NOON + 20 * DAY) == Priority(600, 200, 0, 0, -60)
    assert [priority(replace(CALL, level=level), NOON).level for level in (1, 2, 3, 4, None)] == [1_200, 600, 0, 0, 300]
    assert priority(replace(CALL, failures=9), NOON).attempts == -100


@given(calls, calls)
def test_no_other_part_makes_up_for_a_smaller_level(one: CallState, other: CallState) -> None:
    nearer, further = replace(one, level=1), replace(other, level=2)
    assert priority(nearer, NOON).points > priority(further, NOON).points > priority(replace(one, level=3), NOON).points


@pytest.mark.parametrize(
    "less_urgent",
    [
        replace(CALL, level=2), replace(CALL, exposed_at=NOON + 12 * HOUR), replace(CALL, certain=False),
        replace(CALL, incubation_ends=NOON + 10 * DAY), replace(CALL, failures=1), replace(CALL, due_at=NOON + 1),
        replace(CALL, call_id=UUID(int=3)),
    ],
)  # fmt: skip
def test_the_list_is_sorted_by_each_part_then_by_due_at_and_id(less_urgent: CallState) -> None:
    later = NOON + DAY
    assert place(CALL, later) < place(less_urgent, later)


@given(calls, st.integers(0, 60))
def test_waiting_never_lowers_its_part_and_the_incubation_only_runs_out(call: CallState, days: int) -> None:
    now, later = priority(call, NOON), priority(call, NOON + days * DAY)
    assert later.waiting >= now.waiting
    assert later.incubation <= now.incubation
    assert 0 <= now.waiting <= 200
    assert 0 <= now.incubation <= 100
