"""Instants are whole seconds since 1970 in UTC; text carries an offset or is refused.

In events an instant is text, ``2021-08-30T02:00:00Z``; a date is ``2021-08-30``.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import Malformed

Seconds = int

LATEST: Final[Seconds] = 2**32 - 2
"""The last instant that the columns of the visit graph can hold: 2106-02-07."""

LOCAL: Final = ZoneInfo("Asia/Ho_Chi_Minh")

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)


def parse_instant(text: str) -> Seconds:
    """Whole seconds of an RFC 3339 instant; a fraction is cut off.

    Raises Malformed without an offset, for text that is no instant, and outside 1970 to 2106.
    """
    if not _INSTANT.fullmatch(text):
        hint = "carries no offset" if _INSTANT.fullmatch(text + "Z") else "is no instant"
        raise Malformed(f"the time {hint}; write it like 2021-08-30T09:00:00+07:00")
    try:
        return checked(int(datetime.fromisoformat(text if text[-1] != "z" else text.upper()).timestamp()))
    except (ValueError, OverflowError):
        raise Malformed("the time does not exist") from None


def from_datetime(moment: datetime) -> Seconds:
    """Whole seconds of an aware datetime; raises Malformed for a naive one."""
    if moment.tzinfo is None:
        raise Malformed("the time carries no offset; write it like 2021-08-30T09:00:00+07:00")
    return checked(_since_epoch(moment))


def checked(instant: Seconds) -> Seconds:
    if not 0 <= instant <= LATEST:
        raise Malformed("a time must lie between 1970 and 2106")
    return instant


def to_datetime(instant: Seconds) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def to_text(instant: Seconds) -> str:
    days, seconds = divmod(instant, 86_400)
    return f"{_day_text(days)}T{_clock_text(seconds)}Z"


@lru_cache(maxsize=4_096)
def _day_text(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


@lru_cache(maxsize=86_400)
def _clock_text(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def parse_date(text: str) -> date:
    """The date of ``2021-08-30``; raises Malformed."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Malformed("the date is none; write it like 2021-08-30")


def start_of_day(day: date, zone: ZoneInfo = LOCAL) -> Seconds:
    """The instant of 00:00 on that day in ``zone``."""
    return checked(_since_epoch(datetime(day.year, day.month, day.day, tzinfo=zone)))


def local_day(instant: Seconds) -> date:
    """The date of that instant in LOCAL."""
    return _day_of_quarter(instant // _QUARTER)


_QUARTER: Final[Seconds] = 15 * 60
"""Days begin on one in every time zone."""


@lru_cache(maxsize=65_536)
def _day_of_quarter(quarter: int) -> date:
    return datetime.fromtimestamp(quarter * _QUARTER, LOCAL).date()


def add_days(day: date, days: int) -> date:
    return day + timedelta(days=days)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def _since_epoch(moment: datetime) -> int:
    return (moment - _EPOCH) // _SECOND
