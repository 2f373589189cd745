import pytest

from domain.calling_hours import CallingHours, parse_calling_hours
from domain.errors import Malformed
from domain.times import local_day, parse_instant, to_text

HOURS = parse_calling_hours("08:00-20:00")


def kept(local: str, hours: CallingHours = HOURS) -> str:
    return to_text(hours.kept(parse_instant(f"2021-08-{local}:00+07:00")))


@pytest.mark.parametrize(
    ("at", "first"),
    [
        ("30T07:59", "2021-08-30T01:00:00Z"),
        ("30T08:00", "2021-08-30T01:00:00Z"),
        ("30T12:34", "2021-08-30T05:34:00Z"),
        ("30T19:59", "2021-08-30T12:59:00Z"),
        ("30T20:00", "2021-08-31T01:00:00Z"),
        ("31T23:00", "2021-09-01T01:00:00Z"),
        ("30T00:30", "2021-08-30T01:00:00Z"),
    ],
)
def test_a_time_outside_waits_for_the_next_opening(at: str, first: str) -> None:
    assert kept(at) == first


def test_around_the_clock_nothing_waits() -> None:
    assert kept("30T23:59", parse_calling_hours("00:00-24:00")) == "2021-08-30T16:59:00Z"


def test_a_day_opens_in_the_morning_local_time() -> None:
    assert to_text(HOURS.opening(local_day(parse_instant("2021-08-30T18:00:00Z")))) == "2021-08-31T01:00:00Z"


@pytest.mark.parametrize(
    "text", ["", "8:00-20:00", "20:00-08:00", "08:00-08:00", "08:00-24:30", "08:00-20:00\n", "24:00-24:00"]
)
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="08:00-20:00"):
        parse_calling_hours(text)
