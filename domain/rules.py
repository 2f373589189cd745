"""The dated rule sets that turn the dates of a case into the infectious window of F0, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import Malformed
from domain.times import LOCAL, Seconds, add_days, start_of_day


@dataclass(frozen=True, slots=True)
class CaseDates:
    """What is known of a case: one of ``onset`` and ``sampled`` at least."""

    onset: date | None = None
    sampled: date | None = None
    isolated_at: Seconds | None = None
    cleared_at: Seconds | None = None

    @property
    def first_sign(self) -> date:
        day = self.onset or self.sampled
        if day is None:
            raise Malformed("a case needs the date of onset or of the positive sample")
        return day


@dataclass(frozen=True, slots=True)
class Window:
    """``[start, end)``; ``end`` is None while nothing is known to close it."""

    start: Seconds
    end: Seconds | None


@dataclass(frozen=True, slots=True)
class RuleSet:
    name: str
    days_before: int
    """Whole local days before onset (else sample) at which the window opens."""
    closed_by: tuple[str, ...]
    """The fields of CaseDates that close the window, the earliest known first."""
    days_after: int | None
    """The window closes at the end of this local day after onset (else sample), when given."""
    min_minutes: int
    """Shortest encounter that makes a contact, in minutes."""
    in_force: date
    source: str
    incubation_days: int = 14
    """Who was exposed falls ill within so many days, or not."""
    follow_up_days: int = 14
    """A contact is asked daily for so many days after the last exposure."""

    def clause(self, level: int) -> str:
        """Why an encounter makes a contact of that level, in a sentence."""
        length = f"of {self.min_minutes} minutes or more" if self.min_minutes else "of any length"
        if level == 1:
            closing = " or ".join(_CLOSINGS[field] for field in self.closed_by)
            after = "" if self.days_after is None else f", {self.days_after} days after it at the latest"
            when = f"from {self.days_before} days before onset, else the positive sample, until {closing}{after}"
            return f"contact {length} with F0 at one venue, {when}"
        passed_on = f"F{level - 1} from the moment of exposure until quarantine"
        return f"contact {length} at one venue with an {passed_on}"

    @property
    def version(self) -> str:
        """A rule set is amended as one of a later date."""
        return self.in_force.isoformat()

    def window(self, dates: CaseDates, zone: ZoneInfo = LOCAL) -> Window:
        start = start_of_day(add_days(dates.first_sign, -self.days_before), zone)
        ends = [end for field in self.closed_by if (end := getattr(dates, field)) is not None]
        if self.days_after is not None:
            ends.append(start_of_day(add_days(dates.first_sign, self.days_after + 1), zone))
        return Window(start, min(ends, default=None))


_CLOSINGS: Final[Mapping[str, str]] = {"isolated_at": "isolation", "cleared_at": "a negative test"}

DEFAULT_RULES: Final = "vn-11042"

RULES: Final[Mapping[str, RuleSet]] = {
    rules.name: rules
    for rules in (
        RuleSet(
            "vn-5053", 3, ("isolated_at",), None, 0, date(2020, 12, 3),
            "Decision 5053/QD-BYT of the Ministry of Health of Viet Nam, 3 December 2020",
        ),
        RuleSet(
            "vn-11042", 2, ("isolated_at", "cleared_at"), None, 15, date(2021, 12, 29),
            "Document 11042/BYT-DP of the Ministry of Health of Viet Nam, 29 December 2021",
        ),
        RuleSet(
            "who", 2, ("isolated_at",), 10, 15, date(2021, 2, 1),
            "World Health Organization, Contact tracing in the context of COVID-19, 1 February 2021",
        ),
    )
}  # fmt: skip


def rule_set(name: str) -> RuleSet:
    try:
        return RULES[name]
    except KeyError:
        raise Malformed(f"a rule set is one of {', '.join(RULES)}") from None
