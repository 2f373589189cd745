from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Malformed
from domain.times import LATEST, add_days, local_day, parse_instant, start_of_day, to_text


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2021-08-30T09:00:00+07:00", "2021-08-30T02:00:00Z"),
        ("2021-08-30T02:00:00Z", "2021-08-30T02:00:00Z"),
        ("2021-08-30t02:00:00z", "2021-08-30T02:00:00Z"),
        ("2021-08-30 02:00:00.999999Z", "2021-08-30T02:00:00Z"),
        ("2021-08-29T19:00:00-07:00", "2021-08-30T02:00:00Z"),
    ],
)
def test_an_instant(text: str, utc: str) -> None:
    assert to_text(parse_instant(text)) == utc


@pytest.mark.parametrize(
    "text",
    ["", "2021-08-30", "2021-08-30T09:00:00", "2021-W35-1T09:00:00Z", "2021-13-01T00:00:00Z", "2021-08-30T25:00:00Z",
     "1969-12-31T23:59:59Z", "2106-02-08T00:00:00Z", "1630288800", "2021-08-30T09:00:00Z\n", "2021-08-30T09:00Z",
     "2021-08-30T09:00:00+0700", "2021-08-30T09:00:00+07:60", "2021-08-30T09:00:00+24:00", "2021-08-30T09:00:00,5Z",
     "２021-08-30T09:00:00Z"],
)  # fmt: skip
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(Malformed):
        parse_instant(text)


@given(st.integers(0, LATEST))
def test_text_and_back(instant: int) -> None:
    assert parse_instant(to_text(instant)) == instant
    assert datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") == to_text(instant)


@given(st.integers(86_400, LATEST - 86_400))
def test_the_local_day(instant: int) -> None:
    assert start_of_day(local_day(instant)) <= instant < start_of_day(add_days(local_day(instant), 1))
