from datetime import date

import pytest

from domain.errors import Malformed
from domain.rules import RULES, CaseDates, rule_set
from domain.times import parse_instant, to_text

ONSET = date(2021, 8, 30)
ISOLATED = parse_instant("2021-09-02T08:00:00+07:00")
CLEARED = parse_instant("2021-09-01T08:00:00+07:00")


def window(rules: str, dates: CaseDates) -> tuple[str, str | None]:
    found = rule_set(rules).window(dates)
    return to_text(found.start), None if found.end is None else to_text(found.end)


def test_5053_opens_three_days_before_onset_at_midnight_in_viet_nam_and_closes_at_isolation() -> None:
    dates = CaseDates(onset=ONSET, isolated_at=ISOLATED, cleared_at=CLEARED)
    assert window("vn-5053", dates) == ("2021-08-26T17:00:00Z", "2021-09-02T01:00:00Z")


def test_11042_opens_two_days_before_and_closes_at_the_earliest_of_isolation_and_negative_test() -> None:
    dates = CaseDates(onset=ONSET, isolated_at=ISOLATED, cleared_at=CLEARED)
    assert window("vn-11042", dates) == ("2021-08-27T17:00:00Z", "2021-09-01T01:00:00Z")


def test_who_closes_at_the_end_of_the_tenth_day_after_onset_unless_isolated_before() -> None:
    assert window("who", CaseDates(onset=ONSET)) == ("2021-08-27T17:00:00Z", "2021-09-09T17:00:00Z")
    assert window("who", CaseDates(onset=ONSET, isolated_at=ISOLATED))[1] == "2021-09-02T01:00:00Z"


def test_without_onset_the_sample_counts_and_without_a_closing_date_the_window_is_open() -> None:
    assert window("vn-11042", CaseDates(sampled=ONSET)) == ("2021-08-27T17:00:00Z", None)
    assert window("vn-11042", CaseDates(onset=date(2021, 8, 28), sampled=ONSET))[0] == "2021-08-25T17:00:00Z"


def test_a_case_without_any_sign_and_an_unknown_rule_set_are_refused() -> None:
    with pytest.raises(Malformed):
        rule_set("who").window(CaseDates())
    with pytest.raises(Malformed, match="vn-5053, vn-11042, who"):
        rule_set("cdc")


def test_every_rule_set_says_since_when_and_on_what_ground() -> None:
    assert {(name, rules.min_minutes) for name, rules in RULES.items()} == {
        ("vn-5053", 0),
        ("vn-11042", 15),
        ("who", 15),
    }
    assert all(rules.source and rules.in_force.year in (2020, 2021) for rules in RULES.values())
