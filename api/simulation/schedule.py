"""How many visits there are on which day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.errors import Refused
from domain.times import Seconds, add_days, start_of_day

FIRST_DAY: Final = date(2021, 8, 30)
"""A Monday."""
DAYS: Final = 28
SEED: Final = 20211112

_OF_HUNDRED: Final = (150, 150, 150, 150, 155, 110, 85)
"""Visits of a hundred people, Monday to Sunday."""
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """``visits`` of ``people`` over ``days`` from ``first`` on."""

    first: date
    days: int
    people: int
    visits: int

    @classmethod
    def of_visits(cls, visits: int, days: int = DAYS, first: date = FIRST_DAY) -> "Schedule":
        people = max(1, round(100 * visits / sum(_weights(first, _checked(days)))))
        return cls(first, days, people, visits)

    @classmethod
    def of_people(cls, people: int, days: int = DAYS, first: date = FIRST_DAY) -> "Schedule":
        return cls(first, days, people, people * sum(_weights(first, _checked(days))) // 100)

    def begin(self, day: int) -> Seconds:
        return start_of_day(add_days(self.first, day))

    def is_weekend(self, day: int) -> bool:
        return add_days(self.first, day).weekday() >= _SATURDAY

    def visits_on(self, day: int) -> int:
        """They add up to ``visits``."""
        weights = _weights(self.first, self.days)
        whole = sum(weights)
        return self.visits * sum(weights[: day + 1]) // whole - self.visits * sum(weights[:day]) // whole


def _weights(first: date, days: int) -> Sequence[int]:
    return [_OF_HUNDRED[(first.weekday() + day) % 7] for day in range(days)]


def _checked(days: int) -> int:
    if not 1 <= days <= 366:
        raise Refused("1 to 366 days are simulated")
    return days
