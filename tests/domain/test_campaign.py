"""The figures of a calling campaign, from plain numbers."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.campaign import CAMPAIGNS, SUMS, Called, FirstCall, Row, Table, percentile, table
from domain.units import Unit

DISTRICT = Unit("387", "Huyện Quan Sơn", "district", "38")
HA, NA = Unit("1", "Xã Hạ", "commune", "387"), Unit("2", "Xã Na", "commune", "387")
UNIT_OF = {"1": "1", "2": "2"}
DAYS = [date(2021, 11, day) for day in (6, 7)]


def called(text: str) -> Called:
    """``"6 1 contacts ann 3/1/0"``: on the sixth, in commune 1 (``?`` is not known): three calls, one answered, none
    passed on."""
    day, commune, campaign, person, counts = text.split()
    where = None if commune == "?" else commune
    return Called(
        date(2021, 11, int(day)), where, campaign, UUID(bytes=person.encode().ljust(16)), *map(int, counts.split("/"))
    )


def made(*calls: str, first_calls: Sequence[FirstCall] = ()) -> Table:
    return table(DISTRICT, [HA, NA], DAYS, map(called, calls), first_calls, UNIT_OF)


def one(rows: list[Row], campaign: str, code: str | None = "387", day: date | None = None) -> Row:
    (found,) = [row for row in rows if (row.campaign, row.code, row.day) == (campaign, code, day)]
    return found


def test_attempts_and_reach_are_by_person() -> None:
    total = made("6 1 contacts ann 3/1/0", "7 1 contacts ann 1/1/1", "6 1 contacts bob 2/0/0").total
    row = one(total, "contacts")
    assert (row.calls, row.answered, row.people, row.reached, row.passed_on) == (6, 2, 2, 1, 1)
    assert (row.attempts_per_person, row.reach_rate) == (3.0, 0.5)


def test_a_person_is_counted_once_in_each_row() -> None:
    result = made(
        "6 1 contacts ann 1/1/0", "7 1 contacts ann 1/1/0", "7 1 returnees ann 1/0/0", "7 1 inbound ann 1/1/0"
    )
    people = {row.campaign: row.people for row in result.total}
    assert people == {"contacts": 1, "returnees": 1, "outbound": 1, "inbound": 1, "all": 1}
    assert [one(result.days, "contacts", day=day).people for day in DAYS] == [1, 1]
    assert (one(result.total, "outbound").calls, one(result.total, "all").calls) == (3, 4)


def test_people_of_no_known_residence_have_a_row_of_their_own_and_those_elsewhere_none() -> None:
    result = made("6 1 contacts ann 1/1/0", "6 ? contacts bob 2/0/0", "6 9 contacts cat 4/4/4")
    assert (one(result.rows, "contacts", "1").calls, one(result.rows, "contacts", None).calls) == (1, 2)
    assert one(result.total, "contacts").calls == 3
    assert one(result.rows, "contacts", None).name is None


def test_first_calls_are_those_of_contacts() -> None:
    waits = [FirstCall(DAYS[0], "1", 60 * minutes) for minutes in range(1, 10)]
    result = made(
        "6 1 contacts ann 1/0/0", first_calls=[*waits, FirstCall(DAYS[1], None, 6_000), FirstCall(DAYS[1], "9", 1)]
    )
    total = one(result.total, "contacts")
    assert (total.first_calls, total.first_call_median_seconds, total.first_call_p90_seconds) == (10, 300, 540)
    assert one(result.days, "contacts", day=DAYS[1]).first_call_median_seconds == 6_000
    assert one(result.total, "inbound").first_call_median_seconds is None


def test_where_nobody_was_called_nothing_is_divided() -> None:
    row = one(made().total, "all")
    assert (row.calls, row.people, row.attempts_per_person, row.reach_rate, row.first_calls) == (0, 0, None, None, 0)
    assert made().details == []
    assert len(made().days) == len(DAYS) * len(SUMS)


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([], 50, None), ([7], 50, 7), ([7], 90, 7), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (list(range(1, 11)), 90, 9),
     (list(range(1, 12)), 90, 10)],
)  # fmt: skip
def test_a_percentile_is_one_of_the_values(values: list[int], share: int, found: int | None) -> None:
    assert percentile(values, share) == found


COUNTS = st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 2))
CALLS = st.lists(
    st.builds(
        lambda day, commune, campaign, person, counts: Called(day, commune, campaign, UUID(int=person), *counts),
        st.sampled_from(DAYS), st.sampled_from([*UNIT_OF, None, "9"]), st.sampled_from(CAMPAIGNS), st.integers(1, 4),
        COUNTS,
    )
)  # fmt: skip


@given(CALLS)
def test_calls_add_up_over_days_units_and_campaigns(calls: list[Called]) -> None:
    result = table(DISTRICT, [HA, NA], DAYS, calls, [], UNIT_OF)
    here = [call for call in calls if call.commune != "9"]
    whole = sum(call.calls for call in here), sum(call.answered for call in here), sum(call.passed_on for call in here)
    sums: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for name, rows in result._asdict().items():
        for row in rows:
            if row.campaign in CAMPAIGNS:
                sums[name].append((row.calls, row.answered, row.passed_on))
    for rows in sums.values():
        assert tuple(map(sum, zip(*rows, strict=True))) == whole
    assert [(row.calls, row.answered, row.passed_on) for row in result.total if row.campaign == "all"] == [whole]
    assert one(result.total, "all").people == len({call.person for call in here})
