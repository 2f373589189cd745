"""The call list is sorted in SQL: by the points that the domain gives."""

from dataclasses import asdict, replace
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from domain.call_list import CallState, place
from tests.domain.test_call_list import NOON, calls

INSERT = """
INSERT INTO calls (call_id, person_id, campaign, level, cases, exposed_at, last_exposed_at, certain, last_day,
    incubation_ends, asked_at, due_at, attempts, failures, held_until, status, position)
VALUES (%(call_id)s, %(person_id)s, %(campaign)s, %(level)s, '{}', %(exposed_at)s, %(last_exposed_at)s, %(certain)s,
    %(last_day)s, %(incubation_ends)s, %(asked_at)s, %(due_at)s, %(attempts)s, %(failures)s, %(held_until)s,
    %(status)s, %(position)s)
"""

due = st.builds(
    lambda call, number, due_at, held_until: replace(
        call, call_id=UUID(int=number), due_at=due_at, held_until=held_until
    ),
    calls, st.integers(1, 2**128 - 1), st.integers(NOON - 3, NOON + 1) | st.none(),
    st.none() | st.integers(NOON - 1, NOON + 1),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(due, max_size=30, unique_by=lambda call: call.call_id))
def test_sql_and_domain_agree(truyvet: Truyvet, known: list[CallState]) -> None:
    register = truyvet.registers.calls
    with truyvet.database.transaction(commit=True) as cursor:
        cursor.execute("DELETE FROM calls")
        cursor.executemany(INSERT, [asdict(call) | {"position": number} for number, call in enumerate(known)])
    listed = sorted(
        (call for call in known if call.due_at is not None and call.due_at <= NOON), key=lambda call: place(call, NOON)
    )
    free = [call for call in listed if call.held_until is None or call.held_until <= NOON]
    assert [row.call_id for row in register.due(NOON, 100)] == [call.call_id for call in listed]
    assert register.claimable(NOON, 100) == [call.call_id for call in free]
    assert register.claimable(NOON, 5, but=[call.call_id for call in free[:3]]) == [call.call_id for call in free[3:8]]
    for number, call in enumerate(listed):
        rest = register.due(NOON, 100, after=place(call, NOON))
        assert [row.call_id for row in rest] == [later.call_id for later in listed[number + 1 :]]
