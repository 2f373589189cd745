"""How long a quarantine lasts: the dated rule sets that were in force, as data.

Days are whole and local. They are counted from the day of the last exposure, for returnees from that of arrival: with
14 of them a quarantine lasts to the end of the fourteenth day after it. Self-monitoring follows on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from domain.errors import Malformed, Refused
from domain.times import Seconds, add_days, local_day, start_of_day

FULL: Final = "full"
VACCINATIONS: Final = (FULL, "partial", "none")
"""Full: the last dose 14 days to 6 months ago, or recovered within 6 months, as 10696/BYT-MT says it."""


class Length(NamedTuple):
    days: int
    monitoring_days: int
    """Of self-monitoring afterwards."""


@dataclass(frozen=True, slots=True)
class QuarantineRules:
    name: str
    in_force: date
    contact: Length
    """Of an F1; also of returnees, and by order."""
    source: str
    vaccinated: Length | None = None
    """Of an F1 who is fully vaccinated, at home; None where it makes no difference."""
    further_days: int = 14
    """At home, of F2, F3, …: no source of ours gives them. They are the incubation of the rule sets of cases."""

    def asks_for_vaccination(self, level: int) -> bool:
        return level == 1 and self.vaccinated is not None

    def length(self, level: int, vaccination: str | None = None) -> Length:
        if level > 1:
            return Length(self.further_days, 0)
        return self.vaccinated if self.vaccinated is not None and vaccination == FULL else self.contact

    def until(self, counted_from: Seconds, level: int, vaccination: str | None = None) -> Seconds:
        """When the quarantine ends; ``counted_from`` is the last exposure, or the arrival."""
        return start_of_day(add_days(local_day(counted_from), self.length(level, vaccination).days + 1))

    def monitored_until(self, until: Seconds, level: int, vaccination: str | None = None) -> Seconds:
        """When the self-monitoring ends after a quarantine that ended then."""
        last_day = local_day(until - 1)
        return start_of_day(add_days(last_day, self.length(level, vaccination).monitoring_days + 1))


QUARANTINE_RULES: Final[Mapping[str, QuarantineRules]] = {
    rules.name: rules
    for rules in (
        QuarantineRules(
            "vn-878", date(2020, 3, 12), Length(14, 14),
            "Decision 878/QD-BYT of the Ministry of Health of Viet Nam, 12 March 2020; its days as Viet Nam News"
            " recalls them on 5 May 2021",
        ),
        QuarantineRules(
            "vn-2021-05-05", date(2021, 5, 5), Length(21, 7),
            "The Minister of Health of Viet Nam, 5 May 2021, by Viet Nam News of that day",
        ),
        QuarantineRules(
            "vn-5599", date(2021, 7, 14), Length(14, 14),
            "Document 5599/BYT-MT of the Ministry of Health of Viet Nam, 14 July 2021",
        ),
        QuarantineRules(
            "vn-10696", date(2021, 12, 16), Length(14, 14),
            "Document 10696/BYT-MT of the Ministry of Health of Viet Nam, 16 December 2021; for those who are not fully"
            " vaccinated 5599/BYT-MT",
            vaccinated=Length(7, 7),
        ),
    )
}  # fmt: skip
"""The oldest first."""


def quarantine_rules(name: str) -> QuarantineRules:
    try:
        return QUARANTINE_RULES[name]
    except KeyError:
        raise Malformed(f"a rule set for quarantine is one of {', '.join(QUARANTINE_RULES)}") from None


def rules_in_force(day: date) -> QuarantineRules:
    """Raises Refused for a day before the first of them."""
    found = [rules for rules in QUARANTINE_RULES.values() if rules.in_force <= day]
    if not found:
        raise Refused("no rule set for quarantine was in force on that day; name one, or say until when")
    return found[-1]


def parse_vaccination(text: str) -> str:
    if text not in VACCINATIONS:
        raise Malformed(f"vaccination is one of {', '.join(VACCINATIONS)}")
    return text
