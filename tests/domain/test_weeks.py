from datetime import date

import pytest

from domain.errors import Malformed
from domain.times import parse_instant
from domain.weeks import Week


def test_a_week_is_the_seven_local_days_that_end_with_a_date() -> None:
    week = Week.ending("2021-11-12")
    assert (week.first, week.last) == (date(2021, 11, 6), date(2021, 11, 12))
    assert week.begin == parse_instant("2021-11-06T00:00:00+07:00")
    assert week.end == parse_instant("2021-11-13T00:00:00+07:00")
    assert week.before == Week.ending("2021-11-05")
    assert week.before.end == week.begin


@pytest.mark.parametrize(
    ("last", "weekend"),
    [("2021-11-12", [0, 1]), ("2021-11-13", [0, 6]), ("2021-11-14", [5, 6]), ("2021-11-10", [2, 3])],
)
def test_saturday_and_sunday_wherever_they_stand(last: str, weekend: list[int]) -> None:
    assert Week.ending(last).weekend == weekend


@pytest.mark.parametrize(
    ("number", "first", "last"),
    [
        ("2021-W45", date(2021, 11, 8), date(2021, 11, 14)),
        ("2020-W53", date(2020, 12, 28), date(2021, 1, 3)),
        ("2021-W01", date(2021, 1, 4), date(2021, 1, 10)),
    ],
)
def test_a_numbered_week_is_that_of_iso_8601(number: str, first: date, last: date) -> None:
    assert (Week.numbered(number).first, Week.numbered(number).last) == (first, last)


@pytest.mark.parametrize("number", ["2021-W53", "2021-W00", "2021-W54", "0000-W01", "9999-W52"])
def test_weeks_that_do_not_exist_are_refused(number: str) -> None:
    with pytest.raises(Malformed):
        Week.numbered(number)


@pytest.mark.parametrize(
    "text", ["", "2021W45", "2021-w45", "2021-W4", "2021-W045", "2021-11-12", " 2021-W45", "²021-W45"]
)
def test_what_is_no_number_of_a_week(text: str) -> None:
    with pytest.raises(Malformed, match="2021-W45"):
        Week.numbered(text)


@pytest.mark.parametrize(
    "text", ["2021-02-30", "12/11/2021", "2021-W45", "", "0001-01-01", "1970-01-10", "2106-02-07", "9999-12-31"]
)
def test_what_no_week_ends_with(text: str) -> None:
    with pytest.raises(Malformed):
        Week.ending(text)


def test_the_first_week_with_one_before_it() -> None:
    assert Week.ending("1970-01-15").before.begin >= 0
