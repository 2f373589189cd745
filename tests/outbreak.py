"""A tiny notation for outbreaks: ``Outbreak("ann cafe 9-11", "bob cafe 10-?")``.

Times are hours of 30 August 2021 in UTC (``9``, ``9:30``, ``33`` is nine on the next day), ``?`` is unknown or open.
Every fact becomes one event of the log; the same facts feed the reference and the columns. Names become UUIDs that
sort like the names.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain import contacts, stays
from domain.contacts import Confinement, Question
from domain.stays import KnownVisit
from domain.times import to_text
from infrastructure.graph import LoggedEvent, VisitGraph

MIDNIGHT = 1630281600
"""2021-08-30T00:00:00Z."""


def at(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return MIDNIGHT + int(hours) * 3600 + int(minutes or 0) * 60


def span(text: str) -> tuple[int, int | None]:
    start, end = text.split("-")
    return at(start), None if end == "?" else at(end)


def uuid(name: str) -> UUID:
    return UUID(bytes=name.encode().ljust(16, b"\0"))


def name(of: UUID) -> str:
    return of.bytes.rstrip(b"\0").decode()


def asked(person: str, window: str = "0-?", **options: Any) -> Question:
    start, end = span(window)
    return Question(person, start, end, **options)


@dataclass
class Known:
    """What is known at a position, in words of the reference."""

    visits: dict[int, KnownVisit] = field(default_factory=dict)
    stays: dict[str, int] = field(default_factory=dict)
    confinements: dict[str, Confinement] = field(default_factory=dict)
    part_of: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Known":
        return Known(dict(self.visits), dict(self.stays), dict(self.confinements), dict(self.part_of))

    def graph(self) -> Any:
        return contacts.visit_graph(stays.stays(self.visits.values(), self.stays))

    def trace(self, question: Question) -> contacts.Trace:
        return contacts.trace(self.graph(), self.confinements.values(), question)

    def overlaps(self, venue: str, *args: Any, parts: bool = False) -> list[contacts.Overlap]:
        return contacts.overlaps(self.graph(), venue, *args, parts=self.within(venue) if parts else None)

    def within(self, venue: str) -> set[str]:
        return contacts.within(venue, self.part_of)


class Outbreak:
    def __init__(self, *visits: str, default_stay: int = 60) -> None:
        """``default_stay`` in minutes holds for venues until another is set."""
        self.default_stay = default_stay
        self.events: list[LoggedEvent] = []
        self.history: list[Known] = [Known()]
        for visit in visits:
            self.visit(visit)

    @property
    def position(self) -> int:
        return len(self.events)

    @property
    def known(self) -> Known:
        return self.history[-1]

    def visit(self, text: str) -> int:
        """``"ann cafe 9-11"``; gives the position, which names the visit."""
        person, venue, times = text.split()
        return self.check_in(person, venue, *span(times))

    def check_in(self, person: str, venue: str, start: int, end: int | None) -> int:
        if venue not in self.known.stays:
            self.stay(venue, self.default_stay)
        visit = self.position + 1
        known = self.known.copy()
        known.visits[visit] = KnownVisit(visit, person, venue, start, end)
        return self._says(known, "Visit.CheckedIn", visit, **_names(known.visits[visit]), **_times(start, end))

    def check_out(self, visit: int, end: int) -> int:
        known = self.known.copy()
        known.visits[visit] = replace(known.visits[visit], check_out=end)
        start = known.visits[visit].check_in
        return self._says(known, "Visit.CheckedOut", visit, **_names(known.visits[visit]), **_times(start, end))

    def correct(self, visit: int, times: str) -> int:
        return self.correct_to(visit, *span(times))

    def correct_to(self, visit: int, start: int, end: int | None) -> int:
        known = self.known.copy()
        old = known.visits[visit]
        known.visits[visit] = replace(old, check_in=start, check_out=end)
        before = {f"old_{name}": time for name, time in _times(old.check_in, old.check_out).items()}
        return self._says(known, "Visit.Corrected", visit, **_names(old), **before, **_times(start, end), reason=None)

    def retract(self, visit: int) -> int:
        known = self.known.copy()
        old = known.visits.pop(visit)
        return self._says(
            known, "Visit.Retracted", visit, **_names(old), **_times(old.check_in, old.check_out), reason=None
        )

    def stay(self, venue: str, minutes: int) -> int:
        known = self.known.copy()
        topic = "Venue.DefaultStayChanged" if venue in known.stays else "Venue.Registered"
        known.stays[venue] = minutes * 60
        return self._says(known, topic, uuid(venue), name=venue, default_stay_minutes=minutes)

    def part(self, venue: str, whole: str) -> int:
        """Registers a venue, the whole too where it is not known yet."""
        if whole not in self.known.stays:
            self.stay(whole, self.default_stay)
        known = self.known.copy()
        known.stays[venue] = self.default_stay * 60
        known.part_of[venue] = whole
        details = {"name": venue, "default_stay_minutes": self.default_stay, "part_of": str(uuid(whole))}
        return self._says(known, "Venue.Registered", uuid(venue), **details)

    def confine(self, text: str, quarantine: str | None = None) -> str:
        """``"bob 10-?"``; gives a name for the quarantine."""
        person, times = text.split()
        return self.assign(person, *span(times), quarantine=quarantine)

    def assign(self, person: str, since: int, until: int | None, quarantine: str | None = None) -> str:
        quarantine = quarantine or f"q{self.position}"
        return self._confines("Quarantine.Assigned", quarantine, Confinement(person, since, until))

    def extend(self, quarantine: str, until: int | None) -> str:
        changed = replace(self.known.confinements[quarantine], until=until)
        return self._confines("Quarantine.Extended", quarantine, changed)

    def release(self, quarantine: str, until: int) -> str:
        changed = replace(self.known.confinements[quarantine], until=until)
        return self._confines("Quarantine.Released", quarantine, changed)

    def rename(self, venue: str) -> int:
        """An event that says nothing about tracing."""
        return self._says(self.known.copy(), "Venue.Renamed", uuid(venue), name="another")

    def graph(self, *batches: int) -> VisitGraph:
        """All events projected, cut into batches after these positions."""
        graph = VisitGraph("this log")
        for upto in (*sorted(batches), self.position):
            if upto > graph.position:
                graph.project(self.events[graph.position : upto], upto)
        return graph

    def _confines(self, topic: str, quarantine: str, is_now: Confinement) -> str:
        known = self.known.copy()
        known.confinements[quarantine] = is_now
        until = None if is_now.until is None else to_text(is_now.until)
        person = str(uuid(is_now.person))
        self._says(known, topic, uuid(quarantine), person=person, since=to_text(is_now.since), until=until)
        return quarantine

    def _says(self, known: Known, topic: str, about: UUID | int, **fields: Any) -> int:
        position = self.position + 1
        stream = about if isinstance(about, UUID) else UUID(int=about)
        state = json.dumps({"happened_at": to_text(MIDNIGHT), **fields}).encode()
        self.events.append(LoggedEvent(position, topic, stream, state))
        self.history.append(known)
        return position


def by_uuid(question: Question) -> Question:
    return replace(question, person=uuid(question.person))


def by_name(found: Any) -> Any:
    """The same answer with names where it has UUIDs."""
    if isinstance(found, UUID):
        return name(found)
    if isinstance(found, list | tuple):
        return type(found)(map(by_name, found))
    if isinstance(found, contacts.Trace):
        return contacts.Trace(by_name(found.contacts), by_name(found.encounters))
    if isinstance(found, contacts.Contact | contacts.Encounter | contacts.Overlap):
        return replace(found, **{slot: by_name(getattr(found, slot)) for slot in found.__slots__})
    return found


def _names(visit: KnownVisit) -> dict[str, Any]:
    return {"visit_id": str(visit.visit), "person": str(uuid(visit.person)), "venue": str(uuid(visit.venue))}


def _times(start: int, end: int | None) -> dict[str, str | None]:
    return {"check_in": to_text(start), "check_out": None if end is None else to_text(end)}
