"""Calling hours: when people are called who have not said when, local time, such as ``08:00-20:00``."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.errors import Malformed
from domain.times import Seconds, add_days, local_day, start_of_day

PATTERN: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


@dataclass(frozen=True, slots=True)
class CallingHours:
    """``[opens, closes)``, in seconds after midnight."""

    opens: Seconds
    closes: Seconds

    def opening(self, day: date) -> Seconds:
        return start_of_day(day) + self.opens

    def kept(self, at: Seconds) -> Seconds:
        """The first instant at or after ``at`` that is within the hours."""
        day = local_day(at)
        midnight = start_of_day(day)
        if at < midnight + self.closes:
            return max(at, midnight + self.opens)
        return self.opening(add_days(day, 1))


def parse_calling_hours(text: str) -> CallingHours:
    """Raises Malformed."""
    if re.fullmatch(PATTERN, text):
        opens, closes = (int(time[:2]) * 3_600 + int(time[3:]) * 60 for time in text.split("-"))
        if opens < closes:
            return CallingHours(opens, closes)
    raise Malformed("calling hours are written like 08:00-20:00, and end after they begin")
