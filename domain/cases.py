"""A case: a confirmed infection, its dates, and the rule set that reads them."""

from datetime import date
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Refused
from domain.rules import CaseDates, Window, rule_set
from domain.times import Seconds, parse_date, parse_instant, to_datetime, to_text

MOST_LEVELS: Final = 10


class Case(BaseAggregate[UUID]):
    TOPIC = "Case"

    class Event(AggregateEvent):
        pass

    class Confirmed(Event, AggregateCreated):
        TOPIC = "Case.Confirmed"
        person: str
        rules: str
        onset: str | None
        sampled: str | None
        isolated_at: str | None
        cleared_at: str | None
        levels: int = 2
        """So deep its contacts are kept."""

    class Amended(Event):
        """All the dates as they stand after the amendment."""

        TOPIC = "Case.Amended"
        person: str
        rules: str
        onset: str | None
        sampled: str | None
        isolated_at: str | None
        cleared_at: str | None

        def apply(self, case: "Case") -> None:
            case._set(self.rules, self.onset, self.sampled, self.isolated_at, self.cleared_at)

    class Isolated(Event):
        TOPIC = "Case.Isolated"
        person: str
        isolated_at: str

        def apply(self, case: "Case") -> None:
            dates = _as_text(case.dates)
            case._set(case.rules, dates["onset"], dates["sampled"], self.isolated_at, dates["cleared_at"])

    class Withdrawn(Event):
        TOPIC = "Case.Withdrawn"
        person: str
        reason: str | None

        def apply(self, case: "Case") -> None:
            case.withdrawn = True

    class Closed(Event):
        """Its contacts are traced no more; the list stays as it is."""

        TOPIC = "Case.Closed"
        person: str
        reason: str | None

        def apply(self, case: "Case") -> None:
            case.closed = True

    class Reopened(Event):
        TOPIC = "Case.Reopened"
        person: str

        def apply(self, case: "Case") -> None:
            case.closed = False

    def __init__(
        self,
        person: str,
        rules: str,
        onset: str | None,
        sampled: str | None,
        isolated_at: str | None,
        cleared_at: str | None,
        levels: int,
    ) -> None:
        self.person = UUID(person)
        self.levels = levels
        self.withdrawn = False
        self.closed = False
        self._set(rules, onset, sampled, isolated_at, cleared_at)

    @property
    def window(self) -> Window:
        return rule_set(self.rules).window(self.dates)

    @property
    def is_open(self) -> bool:
        """Its contacts are kept up with what becomes known."""
        return not (self.withdrawn or self.closed)

    @classmethod
    def confirm(
        cls, case_id: UUID, person: UUID, dates: CaseDates, rules: str, happened: Seconds, levels: int = 2
    ) -> "Case":
        _check(rules, dates)
        if not 1 <= levels <= MOST_LEVELS:
            raise Refused(f"levels are 1 to {MOST_LEVELS}")
        return cls._create(
            cls.Confirmed, id=case_id, timestamp=to_datetime(happened), person=str(person), rules=rules,
            **_as_text(dates), levels=levels,
        )  # fmt: skip

    def amend(self, dates: CaseDates, rules: str, happened: Seconds) -> bool:
        """True when something changed."""
        if (dates, rules) == (self.dates, self.rules):
            return False
        self._refuse_when_withdrawn()
        _check(rules, dates)
        self.trigger_event(
            self.Amended, timestamp=to_datetime(happened), person=str(self.person), rules=rules, **_as_text(dates)
        )
        return True

    def isolate(self, at: Seconds) -> bool:
        if self.dates.isolated_at == at:
            return False
        self._refuse_when_withdrawn()
        self.trigger_event(self.Isolated, timestamp=to_datetime(at), person=str(self.person), isolated_at=to_text(at))
        return True

    def withdraw(self, reason: str | None, happened: Seconds) -> bool:
        """True when it stood until now; ``reason`` comes sealed."""
        if self.withdrawn:
            return False
        self.trigger_event(self.Withdrawn, timestamp=to_datetime(happened), person=str(self.person), reason=reason)
        return True

    def close(self, reason: str | None, happened: Seconds) -> bool:
        """True when it was open until now; ``reason`` comes sealed."""
        if self.closed:
            return False
        self._refuse_when_withdrawn()
        self.trigger_event(self.Closed, timestamp=to_datetime(happened), person=str(self.person), reason=reason)
        return True

    def reopen(self, happened: Seconds) -> bool:
        """True when it was closed until now."""
        self._refuse_when_withdrawn()
        if not self.closed:
            return False
        self.trigger_event(self.Reopened, timestamp=to_datetime(happened), person=str(self.person))
        return True

    def _set(
        self, rules: str, onset: str | None, sampled: str | None, isolated_at: str | None, cleared_at: str | None
    ) -> None:
        self.rules = rules
        self.dates = CaseDates(
            onset=None if onset is None else parse_date(onset),
            sampled=None if sampled is None else parse_date(sampled),
            isolated_at=None if isolated_at is None else parse_instant(isolated_at),
            cleared_at=None if cleared_at is None else parse_instant(cleared_at),
        )

    def _refuse_when_withdrawn(self) -> None:
        if self.withdrawn:
            raise Refused("the case was withdrawn")


def _check(rules: str, dates: CaseDates) -> None:
    rule_set(rules).window(dates)


def _as_text(dates: CaseDates) -> dict[str, str | None]:
    return {
        "onset": _day(dates.onset),
        "sampled": _day(dates.sampled),
        "isolated_at": None if dates.isolated_at is None else to_text(dates.isolated_at),
        "cleared_at": None if dates.cleared_at is None else to_text(dates.cleared_at),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
