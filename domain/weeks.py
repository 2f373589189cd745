"""Weeks of reports: seven local days that may end on any day of the week."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from domain.errors import Malformed
from domain.times import Seconds, add_days, parse_date, start_of_day

DAYS: Final = 7

_SATURDAY: Final = 5  # as date.weekday() counts; Sunday follows
_ISO_WEEK: Final = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)


@dataclass(frozen=True)
class Week:
    """The seven local days that end with ``last``."""

    last: date

    @classmethod
    def ending(cls, text: str) -> "Week":
        """The week that ends on that date. Raises Malformed."""
        return _checked(parse_date(text))

    @classmethod
    def numbered(cls, text: str) -> "Week":
        """The week ``2021-W45``, Monday to Sunday as ISO 8601 counts them. Raises Malformed."""
        found = _ISO_WEEK.fullmatch(text)
        if found is None:
            raise Malformed("a week is written like 2021-W45")
        try:
            last = date.fromisocalendar(int(found[1]), int(found[2]), DAYS)
        except ValueError:
            raise Malformed(f"there is no week {text}: a year has 52 weeks or 53, from 01 on") from None
        return _checked(last)

    @property
    def first(self) -> date:
        return add_days(self.last, 1 - DAYS)

    @property
    def before(self) -> "Week":
        return Week(add_days(self.last, -DAYS))

    @cached_property
    def days(self) -> list[Seconds]:
        """When each of them begins, and when the last one ends."""
        return [start_of_day(add_days(self.first, number)) for number in range(DAYS + 1)]

    @property
    def begin(self) -> Seconds:
        return self.days[0]

    @property
    def end(self) -> Seconds:
        return self.days[-1]

    @cached_property
    def weekend(self) -> list[int]:
        """Which of the days are Saturday and Sunday."""
        return [number for number in range(DAYS) if add_days(self.first, number).weekday() >= _SATURDAY]


def _checked(last: date) -> Week:
    """A week that instants can tell, as they can the one before it. Raises Malformed."""
    start_of_day(last)
    week = Week(last)
    _ = week.before.days, week.days
    return week
