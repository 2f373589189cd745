"""Why somebody is called: as a contact of a case, or as a returnee who has declared an arrival."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain.rules import rule_set
from domain.times import LATEST, Seconds, add_days, local_day, parse_date, parse_instant, to_text

CONTACTS, RETURNEES = "contacts", "returnees"
CAMPAIGNS: Final = (CONTACTS, RETURNEES)


class Origin(NamedTuple):
    """A ``case`` or a ``declaration``, and its id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is called: exposed in ``[exposed_at, last_exposed_at)``; ``level`` is None for an arrival."""

    origin: Origin
    level: int | None
    exposed_at: Seconds
    last_exposed_at: Seconds
    certain: bool
    rules: str

    @classmethod
    def told(cls, origin: Origin, said: Mapping[str, Any]) -> "Reason":
        return cls(
            origin, said["level"], parse_instant(said["exposed_at"]), parse_instant(said["last_exposed_at"]),
            said["certainty"] == "certain", said["rules"],
        )  # fmt: skip

    def said(self) -> dict[str, Any]:
        """As events say it."""
        return {
            "level": self.level,
            "exposed_at": to_text(self.exposed_at),
            "last_exposed_at": to_text(self.last_exposed_at),
            "certainty": _certainty(self.certain),
            "rules": self.rules,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What all reasons say together: the smallest level, and whether it is certain; the longest follow-up."""

    campaign: str
    """Who is a contact is called as one."""
    level: int | None
    cases: tuple[UUID, ...]
    exposed_at: Seconds
    last_exposed_at: Seconds
    certain: bool
    last_day: date
    """Asked daily to this day, local."""
    incubation_ends: Seconds

    @classmethod
    def told(cls, said: Mapping[str, Any]) -> "Standing":
        return cls(
            campaign=said["campaign"],
            level=said["level"],
            cases=tuple(map(UUID, said["cases"])),
            exposed_at=parse_instant(said["exposed_at"]),
            last_exposed_at=parse_instant(said["last_exposed_at"]),
            certain=said["certainty"] == "certain",
            last_day=parse_date(said["last_day"]),
            incubation_ends=parse_instant(said["incubation_ends"]),
        )

    def said(self) -> dict[str, Any]:
        """As events say it."""
        return {
            "campaign": self.campaign,
            "level": self.level,
            "cases": [str(case) for case in self.cases],
            "exposed_at": to_text(self.exposed_at),
            "last_exposed_at": to_text(self.last_exposed_at),
            "certainty": _certainty(self.certain),
            "last_day": self.last_day.isoformat(),
            "incubation_ends": to_text(self.incubation_ends),
        }

    def is_more_urgent_than(self, other: "Standing") -> bool:
        return self.level is not None and (other.level is None or self.level < other.level)


def standing(reasons: Collection[Reason]) -> Standing:
    levels = [reason.level for reason in reasons if reason.level is not None]
    level = min(levels, default=None)
    cases = tuple(sorted(UUID(reason.origin.id) for reason in reasons if reason.origin.kind == "case"))
    return Standing(
        campaign=CONTACTS if cases else RETURNEES,
        level=level,
        cases=cases,
        exposed_at=min(reason.exposed_at for reason in reasons),
        last_exposed_at=max(reason.last_exposed_at for reason in reasons),
        certain=any(reason.certain for reason in reasons if reason.level == level),
        last_day=max(map(_last_day, reasons)),
        incubation_ends=max(map(_incubation_ends, reasons)),
    )


def _last_day(reason: Reason) -> date:
    return add_days(local_day(reason.last_exposed_at), rule_set(reason.rules).follow_up_days)


def _incubation_ends(reason: Reason) -> Seconds:
    return min(reason.last_exposed_at + rule_set(reason.rules).incubation_days * 86_400, LATEST)


def _certainty(certain: bool) -> str:
    return "certain" if certain else "possible"
