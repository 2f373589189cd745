"""How long a quarantine lasts, by the rule set of its day."""

from datetime import date

import pytest

from domain.errors import Malformed, Refused
from domain.quarantine_rules import QUARANTINE_RULES, QuarantineRules, quarantine_rules, rules_in_force
from domain.times import Seconds, parse_instant


def on(text: str) -> Seconds:
    """``"2021-07-20 09:00"``, local."""
    return parse_instant(f"{text.replace(' ', 'T')}:00+07:00")


def until(rules: QuarantineRules, last_exposure: str, level: int = 1, vaccination: str | None = None) -> Seconds:
    return rules.until(on(last_exposure), level, vaccination)


@pytest.mark.parametrize(
    ("day", "name", "days", "monitoring_days"),
    [
        (date(2020, 3, 12), "vn-878", 14, 14),
        (date(2021, 5, 4), "vn-878", 14, 14),
        (date(2021, 5, 5), "vn-2021-05-05", 21, 7),
        (date(2021, 7, 13), "vn-2021-05-05", 21, 7),
        (date(2021, 7, 14), "vn-5599", 14, 14),
        (date(2021, 12, 15), "vn-5599", 14, 14),
        (date(2021, 12, 16), "vn-10696", 14, 14),
    ],
)
def test_the_rule_set_in_force_on_a_day_gives_the_length_of_an_f1(
    day: date, name: str, days: int, monitoring_days: int
) -> None:
    rules = rules_in_force(day)
    assert (rules.name, rules.length(1)) == (name, (days, monitoring_days))


def test_before_the_first_one_no_rules_were_in_force() -> None:
    with pytest.raises(Refused, match="no rule set"):
        rules_in_force(date(2020, 3, 11))


def test_each_rule_set_names_its_source_and_comes_after_the_one_before() -> None:
    assert all(rules.source for rules in QUARANTINE_RULES.values())
    days = [rules.in_force for rules in QUARANTINE_RULES.values()]
    assert days == sorted(set(days))
    with pytest.raises(Malformed, match="vn-10696"):
        quarantine_rules("vn-11042")


def test_full_vaccination_shortens_an_f1_s_quarantine_from_16_december_2021_only() -> None:
    assert quarantine_rules("vn-10696").length(1, "full") == (7, 7)
    for rules, level, vaccination in (("vn-10696", 1, "partial"), ("vn-10696", 1, None), ("vn-5599", 1, "full")):
        assert quarantine_rules(rules).length(level, vaccination) == (14, 14)
    assert [rules.name for rules in QUARANTINE_RULES.values() if rules.asks_for_vaccination(1)] == ["vn-10696"]
    assert not quarantine_rules("vn-10696").asks_for_vaccination(2)


def test_f2_and_f3_stay_at_home_for_the_days_that_the_rule_set_sets() -> None:
    for level in (2, 3):
        assert quarantine_rules("vn-2021-05-05").length(level, "full") == (14, 0)


def test_days_are_whole_local_ones_after_the_day_of_the_last_exposure() -> None:
    rules = quarantine_rules("vn-5599")
    assert until(rules, "2021-07-20 00:00") == until(rules, "2021-07-20 23:59") == on("2021-08-04 00:00")
    assert until(rules, "2021-07-20 06:00") == until(rules, "2021-07-20 07:00")  # the same day here, two days in UTC
    assert until(rules, "2021-07-21 00:00") == on("2021-08-05 00:00")


def test_self_monitoring_follows_on_the_quarantine() -> None:
    rules = quarantine_rules("vn-10696")
    end = until(rules, "2021-12-20 09:00", vaccination="full")
    assert end == on("2021-12-28 00:00")
    assert rules.monitored_until(end, 1, "full") == on("2022-01-04 00:00")
    assert rules.monitored_until(on("2021-12-27 12:00"), 1, "full") == on("2022-01-04 00:00")
    assert rules.monitored_until(end, 2) == end
