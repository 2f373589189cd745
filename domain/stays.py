"""A stay: what tracing sees of a visit, or of several that continue into one another. semantics.md, "Stay"."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from domain.times import Seconds

Id: TypeAlias = Any
"""Names a person, a venue or a visit: a UUID, a name, a position; hashable, and orderable among its like."""


@dataclass(frozen=True, slots=True)
class KnownVisit:
    """A visit with the times that are known of it now; ``check_out`` is None when unknown."""

    visit: Id
    person: Id
    venue: Id
    check_in: Seconds
    check_out: Seconds | None


@dataclass(frozen=True, slots=True)
class Stay:
    """``[start, end)`` of one person at one venue; ``observed`` when its end was, ``visits`` in order of check-in."""

    person: Id
    venue: Id
    start: Seconds
    end: Seconds
    observed: bool
    visits: tuple[Id, ...]


def stays(visits: Iterable[KnownVisit], default_stay: Mapping[Id, Seconds]) -> list[Stay]:
    """The stays of all ``visits``, which come in the order in which they were first recorded.

    ``default_stay`` gives the seconds for each venue at which a check-out is missing.
    """
    of_person: dict[Id, list[KnownVisit]] = defaultdict(list)
    for visit in visits:
        of_person[visit.person].append(visit)
    return [stay for own in of_person.values() for stay in _stays_of_one(own, default_stay)]


def _stays_of_one(visits: Sequence[KnownVisit], default_stay: Mapping[Id, Seconds]) -> Iterable[Stay]:
    by_check_in = sorted(visits, key=lambda visit: visit.check_in)
    instants = sorted({visit.check_in for visit in visits})
    first_recorded: dict[tuple[Id, Seconds], KnownVisit] = {}
    for visit in visits:
        first_recorded.setdefault((visit.venue, visit.check_in), visit)

    def next_check_in(visit: KnownVisit) -> Seconds | None:
        """The person's next check-in anywhere, strictly later."""
        later = bisect_right(instants, visit.check_in)
        return instants[later] if later < len(instants) else None

    def continues_into(visit: KnownVisit) -> KnownVisit | None:
        """Without check-out, and the next check-in, within the default stay, is at the same venue: one stay."""
        following = next_check_in(visit)
        if visit.check_out is not None or following is None:
            return None
        in_time = following <= visit.check_in + default_stay[visit.venue]
        return first_recorded.get((visit.venue, following)) if in_time else None

    def end(visit: KnownVisit) -> Seconds:
        """A known check-out; otherwise the default stay, cut by the next check-in."""
        if visit.check_out is not None:
            return visit.check_out
        following = next_check_in(visit)
        by_default = visit.check_in + default_stay[visit.venue]
        return by_default if following is None else min(by_default, following)

    last_of: dict[KnownVisit, KnownVisit] = {}
    for visit in reversed(by_check_in):
        into = continues_into(visit)
        last_of[visit] = last_of[into] if into else visit

    joined: dict[KnownVisit, list[KnownVisit]] = defaultdict(list)
    for visit in by_check_in:
        joined[last_of[visit]].append(visit)
    for last, together in joined.items():
        yield Stay(
            person=last.person,
            venue=last.venue,
            start=together[0].check_in,
            end=end(last),
            observed=last.check_out is not None,
            visits=tuple(visit.visit for visit in together),
        )
