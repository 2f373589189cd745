"""Each rule at its threshold and just short of it."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import quality
from domain.quality import Arrival, Elsewhere, Flag, Watched, flags, metres_between

MIDNIGHT = 1_630_256_400
"""2021-08-30T00:00:00+07:00, a Monday."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
NINE = MIDNIGHT + 9 * HOUR
HA_NOI, HO_CHI_MINH_CITY = (21.028, 105.854), (10.776, 106.701)


def watched(arrivals: Sequence[Arrival], **more: Any) -> Watched:
    nothing_else = Watched("restaurant", HOUR, sorted(arrivals, key=lambda a: (a.check_in, a.visit)), {}, [], [], {})
    return replace(nothing_else, **more)


def coming(*times: int, person: str = "", stay: int | None = HOUR) -> list[Arrival]:
    """One visit at each instant, of one person or of as many people."""
    return [Arrival(n, person or f"p{n}", at, None if stay is None else at + stay) for n, at in enumerate(times)]


def flagged(arrivals: Sequence[Arrival], **more: Any) -> dict[str, int]:
    return {flag.name: flag.count for flag in flags(watched(arrivals, **more))}


def hop(seconds: int, venue: str = "far") -> dict[str, Any]:
    return {"hops": [Elsewhere(0, venue, seconds)]}


def test_an_ordinary_fortnight_has_no_flag() -> None:
    days = [coming(*(NINE + day * DAY + n * 7 * MINUTE for n in range(12))) for day in range(14)]
    arrivals = [a._replace(visit=(day, a.visit)) for day, some in enumerate(days) for a in some]
    assert flagged(arrivals) == {}
    assert flagged([]) == {}


class TestOnePhoneForManyPeople:
    @pytest.mark.parametrize(("scans", "apart", "count"), [(3, 300, 3), (3, 301, 0), (2, 1, 0), (5, 1, 5)])
    def test_three_scans_of_one_person_within_ten_minutes(self, scans: int, apart: int, count: int) -> None:
        arrivals = coming(*(NINE + n * apart for n in range(scans)), person="ann")
        assert flagged(arrivals).get("shared_phone", 0) == count

    def test_the_scans_of_different_people_are_none_of_its_business(self) -> None:
        assert "shared_phone" not in flagged(coming(*(NINE + n for n in range(9))))

    @pytest.mark.parametrize(("people", "count"), [(4, 4), (3, 0)])
    def test_four_people_by_one_device_in_a_day(self, people: int, count: int) -> None:
        arrivals = coming(*(NINE + n * HOUR for n in range(people)))
        devices = {arrival.visit: "a device" for arrival in arrivals}
        assert flagged(arrivals, devices=devices).get("shared_phone", 0) == count

    def test_one_person_often_by_one_device_is_that_person_s_own(self) -> None:
        arrivals = coming(*(NINE + n * HOUR for n in range(6)), person="ann")
        assert flagged(arrivals, devices=dict.fromkeys(range(6), "a device")) == {}

    def test_a_day_ends_at_midnight_in_viet_nam(self) -> None:
        before, after = coming(*(MIDNIGHT - 1 - n * HOUR for n in range(2))), coming(MIDNIGHT, MIDNIGHT + HOUR)
        arrivals = [*before, *(a._replace(visit=a.visit + 2, person=f"q{a.visit}") for a in after)]
        devices = dict.fromkeys(range(4), "a device")
        assert flagged(arrivals, devices=devices) == {}
        later = [a._replace(check_in=a.check_in + 2 * HOUR, check_out=None) for a in arrivals]
        assert flagged(later, devices=devices) == {"shared_phone": 4}


class TestImpossiblyFast:
    @pytest.mark.parametrize(("seconds", "names"), [(0, 1), (30, 1), (31, 0)])
    def test_here_and_elsewhere_within_half_a_minute(self, seconds: int, names: int) -> None:
        assert flagged(coming(NINE), **hop(seconds)).get("fast_succession", 0) == names

    @pytest.mark.parametrize(
        ("metres", "seconds", "is_impossible"),
        [
            (10_001, 180, True), (10_000, 180, False),  # 200 km/h
            (1_000, 1, False), (1_001, 1, True),
            (299_000, 5_399, False), (300_000, 5_399, True),
            (300_000, 5_400, False), (751_000, 5_400, True),  # 500 km/h where there was time to fly
        ],
    )  # fmt: skip
    def test_far_away_too_soon(self, metres: float, seconds: int, is_impossible: bool) -> None:
        found = flagged(coming(NINE), **hop(seconds), metres={"far": metres})
        assert ("impossible_distance" in found) is is_impossible

    def test_without_coordinates_nothing_is_far(self) -> None:
        assert flagged(coming(NINE), **hop(60)) == {}

    @pytest.mark.parametrize(("seconds", "count"), [(300, 1), (299, 0)])
    def test_at_two_venues_at_once(self, seconds: int, count: int) -> None:
        found = flagged(coming(NINE), doubled=[Elsewhere(0, "gym", seconds)])
        assert found.get("two_places", 0) == count


class TestOneScanADay:
    def test_on_most_days_with_any(self) -> None:
        five_days = [NINE + day * DAY for day in range(5)]
        assert flagged(coming(*five_days))["one_scan_a_day"] == 5
        assert flagged(coming(*five_days, NINE + HOUR, NINE + DAY + HOUR))["one_scan_a_day"] == 3

    def test_not_on_half_of_them_and_not_in_four_days(self) -> None:
        days = [NINE + day * DAY for day in range(6)]
        twice = [NINE + day * DAY + HOUR for day in range(3)]
        assert "one_scan_a_day" not in flagged(coming(*days, *twice))
        assert "one_scan_a_day" not in flagged(coming(*days[:4]))


class TestBursts:
    def test_more_than_two_a_second_for_a_minute(self) -> None:
        assert flagged(coming(*(NINE + n % 61 for n in range(121))))["burst"] == 121
        assert "burst" not in flagged(coming(*(NINE + n % 61 for n in range(120))))
        assert "burst" not in flagged(coming(*(NINE + n for n in range(0, 3_600, 2))))

    def test_ten_thousand_in_one_burst(self) -> None:
        found = {flag.name: flag for flag in flags(watched(coming(*(NINE + n // 40 for n in range(10_000)))))}
        assert found["burst"].count == 10_000
        assert len(found["burst"].examples) == quality.EXAMPLES

    @pytest.mark.parametrize(("at_once", "days", "count"), [(41, 5, 41), (40, 5, 0), (41, 4, 0)])
    def test_ten_times_the_busiest_minute_of_a_usual_day(self, at_once: int, days: int, count: int) -> None:
        usual = [NINE + day * DAY + n for day in range(1, days) for n in range(4)]
        burst = [NINE + n % 60 for n in range(at_once)]
        assert flagged(coming(*usual, *burst)).get("burst", 0) == count

    @pytest.mark.parametrize(("at_once", "count"), [(31, 31), (30, 0)])
    def test_a_coach_is_none(self, at_once: int, count: int) -> None:
        usual = [NINE + day * DAY for day in range(1, 6)]
        assert flagged(coming(*usual, *[NINE] * at_once)).get("burst", 0) == count

    def test_an_hour_that_is_crowded_every_day_is_usual(self) -> None:
        school = [NINE + day * DAY + n for day in range(5) for n in range(50)]
        assert "burst" not in flagged(coming(*school))


class TestCheckOuts:
    @pytest.mark.parametrize(("stay", "count"), [(12 * HOUR + 1, 1), (12 * HOUR, 0), (None, 0)])
    def test_more_than_twelve_hours(self, stay: int | None, count: int) -> None:
        assert flagged(coming(NINE, stay=stay)).get("long_stays", 0) == count

    def test_a_venue_where_people_stay_longer(self) -> None:
        night, day = coming(NINE, stay=14 * HOUR), coming(NINE, stay=25 * HOUR)
        assert "long_stays" not in flagged(night, default_stay=14 * HOUR)
        assert "long_stays" in flagged(night, default_stay=14 * HOUR - 1)
        assert "long_stays" not in flagged(day, kind="hotel")
        assert "long_stays" not in flagged(day, kind="hospital")

    @pytest.mark.parametrize(("visits", "out", "count"), [(20, 0, 20), (19, 0, 0), (20, 1, 0), (40, 1, 39), (60, 3, 0)])
    def test_a_rate_near_zero(self, visits: int, out: int, count: int) -> None:
        arrivals = coming(*(NINE + n * 5 * MINUTE for n in range(visits)), stay=None)
        arrivals[:out] = [a._replace(check_out=a.check_in + HOUR) for a in arrivals[:out]]
        assert flagged(arrivals).get("no_check_outs", 0) == count


def test_a_flag_counts_all_and_names_twenty_in_the_order_of_their_check_ins() -> None:
    arrivals = coming(*(NINE + n * 5 * MINUTE for n in reversed(range(25))), NINE + 3 * HOUR, stay=None)
    arrivals[-1] = arrivals[-1]._replace(check_out=NINE + 4 * HOUR)
    (flag,) = flags(watched(arrivals))
    assert (flag.name, flag.count, flag.share) == ("no_check_outs", 25, 25 / 26)
    assert flag.examples == tuple(reversed(range(5, 25)))


def test_every_rule_has_its_stable_name_and_says_itself_in_both_languages() -> None:
    assert [rule.points_at.__name__ for rule in quality.RULES] == [
        "shared_phone", "fast_succession", "impossible_distance", "two_places", "one_scan_a_day", "burst", "long_stays",
        "no_check_outs",
    ]  # fmt: skip
    assert all(rule.english.endswith(".") and rule.vietnamese.endswith(".") for rule in quality.RULES)
    assert flags(watched(coming(NINE, stay=13 * HOUR)))[0].says == {
        "en": "Check-outs come more than 12 hours after their check-ins.",
        "vi": "Lượt quét ra cách lượt quét vào hơn 12 giờ.",
    }


def test_distances_over_the_ground() -> None:
    assert metres_between(HA_NOI, HO_CHI_MINH_CITY) == pytest.approx(1_143_500, rel=0.002)
    assert metres_between(HA_NOI, HA_NOI) == 0
    assert metres_between((0, 0), (0, 180)) == pytest.approx(3.14159265 * 6_371_000)


@st.composite
def visits(draw: st.DrawFn) -> list[Arrival]:
    times = st.tuples(st.integers(0, 40), st.none() | st.integers(1, 60))
    drawn = draw(st.lists(st.tuples(st.sampled_from("abc"), times), min_size=1, max_size=40))
    return [
        Arrival(n, person, NINE + at * 4 * MINUTE, None if stay is None else NINE + (at + 5 * stay) * 4 * MINUTE)
        for n, (person, (at, stay)) in enumerate(drawn)
    ]


@given(visits(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_known_does_not_matter(arrivals: list[Arrival], random: Random) -> None:
    """Within one instant; arrivals come by check-in."""
    devices = {arrival.visit: "abc"[arrival.visit % 3] for arrival in arrivals if arrival.visit % 4}
    hops = [Elsewhere(a.visit, "far", a.visit * 7) for a in arrivals]
    known = watched(arrivals, devices=devices, hops=hops, doubled=hops, metres={"far": 2_000})
    shuffled = sorted(random.sample(arrivals, len(arrivals)), key=lambda arrival: arrival.check_in)
    other = replace(known, arrivals=shuffled, hops=hops[::-1], doubled=hops[::-1])

    def told(found: list[Flag]) -> list[object]:
        return [(flag.name, flag.count, flag.share) for flag in found]

    assert told(flags(known)) == told(flags(other))


@given(visits())
def test_a_flag_is_about_visits_that_are_there(arrivals: list[Arrival]) -> None:
    for flag in flags(watched(arrivals)):
        assert set(flag.examples) <= {arrival.visit for arrival in arrivals}
        assert 1 <= len(flag.examples) <= flag.count <= len(arrivals)
        assert flag.share == flag.count / len(arrivals)
