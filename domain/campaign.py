"""The figures of a calling campaign: how many were called, how often, who was reached, how soon. docs/campaign.md.

A *call* is one attempt, or a declaration by phone. Calls and those passed on add up over days, units and campaigns;
people are counted once in each row, so that a person who was called on two days is one in the sum of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from typing import Final, NamedTuple
from uuid import UUID

from domain.times import Seconds
from domain.units import Unit

CONTACTS, RETURNEES, INBOUND = "contacts", "returnees", "inbound"
CAMPAIGNS: Final = (CONTACTS, RETURNEES, INBOUND)
"""Calls to contacts and to returnees, and those that came in."""
OUTBOUND, ALL = "outbound", "all"
SUMS: Final = (CONTACTS, RETURNEES, OUTBOUND, INBOUND, ALL)
"""The campaigns, and what they make together."""


class Called(NamedTuple):
    """The calls of a day with one person, who lives in that commune; None where it is not known."""

    day: date
    commune: str | None
    campaign: str
    person: UUID
    calls: int
    answered: int
    passed_on: int


class FirstCall(NamedTuple):
    """The first call to a contact of a case, so long after the case was confirmed."""

    day: date
    commune: str | None
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report: of all days where ``day`` is None, of people without a known unit where ``code`` is.

    ``answered`` counts calls, ``people`` those called, ``reached`` those of them who answered at least once. Shares are
    to four places, attempts per person to two, None where nobody was called.
    """

    day: date | None
    code: str | None
    name: str | None
    campaign: str
    calls: int
    answered: int
    people: int
    reached: int
    attempts_per_person: float | None
    reach_rate: float | None
    passed_on: int
    first_calls: int
    first_call_median_seconds: Seconds | None
    first_call_p90_seconds: Seconds | None


class Table(NamedTuple):
    """The whole; its units, and those of whom no unit is known; its days; each unit on each day that had any call.

    Of the first three there is a row for each of SUMS, of the last for each campaign.
    """

    total: list[Row]
    rows: list[Row]
    days: list[Row]
    details: list[Row]


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    answered: int = 0
    passed_on: int = 0
    people: set[UUID] = field(default_factory=set)
    reached: set[UUID] = field(default_factory=set)
    waits: list[Seconds] = field(default_factory=list)

    def add(self, called: Called) -> None:
        self.calls += called.calls
        self.answered += called.answered
        self.passed_on += called.passed_on
        self.people.add(called.person)
        if called.answered:
            self.reached.add(called.person)


_Place = tuple[date | None, str | None, str]
"""Day (None for all), unit (None for those who have none) and campaign."""

_WHOLE: Final = "whole"
"""Where the code of a unit could stand."""


def table(
    unit: Unit,
    below: Sequence[Unit],
    days: Sequence[date],
    called: Iterable[Called],
    first_calls: Iterable[FirstCall],
    unit_of: Mapping[str, str],
) -> Table:
    """``below`` are the units that have rows, ``unit_of`` has the one of each commune; others are left out."""
    tallies = _tallies(called, first_calls, unit_of)
    none = _Tally()

    def row(day: date | None, code: str | None, campaign: str, of: Unit | None) -> Row:
        return _row(day, of, campaign, tallies.get((day, code, campaign), none))

    places: list[tuple[str | None, Unit | None]] = [*((one.code, one) for one in below), (None, None)]
    return Table(
        total=[row(None, _WHOLE, campaign, unit) for campaign in SUMS],
        rows=[row(None, code, campaign, of) for (code, of), campaign in product(places, SUMS)],
        days=[row(day, _WHOLE, campaign, unit) for day, campaign in product(days, SUMS)],
        details=[
            row(day, code, campaign, of)
            for day, (code, of), campaign in product(days, places, CAMPAIGNS)
            if (day, code, campaign) in tallies
        ],
    )


def _tallies(
    called: Iterable[Called], first_calls: Iterable[FirstCall], unit_of: Mapping[str, str]
) -> Mapping[_Place, _Tally]:
    tallies: defaultdict[_Place, _Tally] = defaultdict(_Tally)
    for one in called:
        for place in _places(one.day, one.commune, one.campaign, unit_of):
            tallies[place].add(one)
    for first in first_calls:
        for place in _places(first.day, first.commune, CONTACTS, unit_of):
            tallies[place].waits.append(first.seconds)
    return tallies


def _places(day: date, commune: str | None, campaign: str, unit_of: Mapping[str, str]) -> Iterable[_Place]:
    """Everywhere that something counts."""
    if commune is not None and commune not in unit_of:
        return ()
    unit = None if commune is None else unit_of[commune]
    sums = (campaign, ALL) if campaign == INBOUND else (campaign, OUTBOUND, ALL)
    return product((day, None), (unit, _WHOLE), sums)


def _row(day: date | None, unit: Unit | None, campaign: str, tally: _Tally) -> Row:
    people, waits = len(tally.people), sorted(tally.waits)
    return Row(
        day=day,
        code=None if unit is None else unit.code,
        name=None if unit is None else unit.name,
        campaign=campaign,
        calls=tally.calls,
        answered=tally.answered,
        people=people,
        reached=len(tally.reached),
        attempts_per_person=round(tally.calls / people, 2) if people else None,
        reach_rate=round(len(tally.reached) / people, 4) if people else None,
        passed_on=tally.passed_on,
        first_calls=len(waits),
        first_call_median_seconds=percentile(waits, 50),
        first_call_p90_seconds=percentile(waits, 90),
    )


def percentile(ascending: Sequence[Seconds], share: int) -> Seconds | None:
    """The least of them that ``share`` % do not exceed (nearest rank); None of nothing."""
    return ascending[-(-share * len(ascending) // 100) - 1] if ascending else None
