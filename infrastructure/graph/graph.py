"""The visit graph: every fact about visits, venues and quarantines, as it was known at every position."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from uuid import UUID

import numpy as np

from domain.adoption import WeekScans
from domain.contacts import Question
from domain.errors import Malformed, Refused
from domain.quality import Arrival, Elsewhere
from infrastructure.graph import arrivals, kernel, saved
from infrastructure.graph.answers import OverlapColumns, TraceColumns, answer
from infrastructure.graph.arrays import FOREVER, Array, all_ranges
from infrastructure.graph.confinements import Confined, Confinements, KnownConfinements
from infrastructure.graph.ids import Ids, halves
from infrastructure.graph.overlaps import overlaps
from infrastructure.graph.part import OBSERVED, Part, Rows, tidied, together
from infrastructure.graph.places import Places
from infrastructure.graph.projection import (
    Facts,
    LoggedEvent,
    PlaceFacts,
    QuarantineFacts,
    StayFacts,
    VisitFacts,
    read,
)
from infrastructure.graph.scans import week_scans
from infrastructure.graph.snapshot import Snapshot
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Tracer, Windows
from infrastructure.graph.versions import recorded, restayed


class VisitRow(NamedTuple):
    """A visit as known at a position; ``visit`` is the position of its first event."""

    visit: int
    person: UUID
    venue: UUID
    check_in: int
    check_out: int | None


class VisitGraph:
    """Answers as of any position, while one thread at a time projects further events."""

    def __init__(self, log_id: str = "", snapshot: Snapshot | None = None, *, compiled: bool | None = None) -> None:
        """``compiled``: whether traces run in the loops of loops.py; None: once warm_up() has brought them in."""
        self.log_id = log_id
        self._compiled = compiled
        self._known_confinements: KnownConfinements | None = None
        self._snapshot = snapshot or Snapshot.empty()
        self._projecting = Lock()

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def position(self) -> int:
        """The last position projected."""
        return self._snapshot.position

    @property
    def visits(self) -> int:
        """How many versions of visits are kept."""
        return sum(map(len, self._snapshot.parts))

    def project(self, events: Sequence[LoggedEvent], position: int) -> None:
        """Takes in ``events``, all those of the log after the last position projected, up to ``position``.

        Raises Malformed for an event that cannot be read, ValueError for one that is out of order; then the graph
        answers as before.
        """
        with self._projecting:
            if events and not self.position < events[0].position <= events[-1].position <= position:
                raise ValueError(f"not the events from {self.position} to {position}")
            facts = read(events)
            self._snapshot = _after(self._snapshot, facts, position)

    def compact(self) -> None:
        """Puts the rows of each kind together; questions are a little quicker afterwards."""
        with self._projecting:
            self._snapshot = replace(self._snapshot, parts=tidied(self._snapshot.parts, entirely=True))

    def trace(self, question: Question, as_of: int | None = None, *, evidence: bool = False) -> TraceColumns:
        """The contacts of ``question.person`` (a UUID). Raises Refused for a position that is not projected yet."""
        now, position = self._at(as_of)
        people = len(now.people)
        index = now.people.number_of(question.person)
        tracer = self._tracer()(
            Stays(now.parts, position, people),
            self._confined(now.confinements, position, people),
            people,
            question.min_seconds,
            question.until,
        )
        levels = []
        if index is not None and tracer.stays.parts:
            window = _window(question.start, question.end)
            first = Windows(*(np.array([value], np.uint32) for value in (index, *window)))
            levels = tracer.levels(first, question.levels, evidence=evidence)
        return answer(position, now.people, now.venues, levels, tracer, evidence=evidence)

    def confined(self, as_of: int) -> KnownConfinements:
        """Who is in quarantine, as known at a position."""
        now, position = self._at(as_of)
        return self._confined(now.confinements, position, len(now.people))

    def _confined(self, confinements: Confinements, position: int, people: int) -> KnownConfinements:
        """The same as for the question before, where nothing about quarantines lies between."""
        known = self._known_confinements
        if known is None or not known.hold(confinements, position, people):
            self._known_confinements = known = KnownConfinements(confinements, position, people)
        return known

    def _tracer(self) -> type[Tracer]:
        compiled = kernel.tracer() if self._compiled is not False else None
        if self._compiled and compiled is None:
            raise RuntimeError("warm_up() first: the compiled loops are not there")
        return compiled or Tracer

    def overlaps(
        self,
        venue: UUID,
        start: int,
        end: int,
        person: UUID | None = None,
        min_seconds: int = 0,
        as_of: int | None = None,
        *,
        parts: bool = False,
    ) -> OverlapColumns:
        """Who were at ``venue`` together in ``[start, end)``; pairs with ``person`` only, when given.

        With ``parts``, the venue and everything in it are one place.
        """
        now, position = self._at(as_of)
        at = _numbers(now, venue, position, parts=parts)
        one = None if person is None else now.people.number_of(person)
        if person is not None and one is None:
            at = at[:0]
        stays = Stays(now.parts, position, len(now.people))
        venues = now.venues if parts else None
        return overlaps(stays, now.people, venues, at, *_window(start, end), one, min_seconds)

    def within(self, venue: UUID, as_of: int | None = None) -> list[UUID]:
        """The venue and everything in it; nothing for one that is not known."""
        now, position = self._at(as_of)
        return now.venues.uuids(_numbers(now, venue, position, parts=True))

    def visits_of_person(self, person: UUID, as_of: int | None = None) -> list[VisitRow]:
        """By check-in."""
        now, position = self._at(as_of)
        number = now.people.number_of(person)
        own = np.array([] if number is None else [number], np.uint32)
        found = [part.rows.take(part.by_person[all_ranges(*part.of_people(own))[1]]) for part in now.parts]
        return _visit_rows(now, found, position)

    def visits_of_venue(
        self, venue: UUID, start: int, end: int, as_of: int | None = None, *, parts: bool = False
    ) -> list[VisitRow]:
        """By check-in: those that overlap ``[start, end)``, one without check-out taken to last the default stay.

        With ``parts``, those at everything in the venue, too.
        """
        now, position = self._at(as_of)
        since, until = _window(start, end)
        at = _numbers(now, venue, position, parts=parts)
        window = [np.full(len(at), instant, np.uint32) for instant in (since, until)]
        found = [part.rows.take(all_ranges(*part.reaching(at, *window))[1]) for part in now.parts]
        return _visit_rows(now, [rows.take(rows.end > since) for rows in found], position)

    def week_scans(
        self, venues: Sequence[UUID], days: Sequence[int], weekend: Sequence[int], as_of: int | None = None
    ) -> WeekScans:
        """At each venue. ``days`` are where the days of the week begin and its last one ends, ``weekend`` which of
        them make the weekend."""
        now, position = self._at(as_of)
        numbers, known = now.venues.numbers(halves(b"".join([venue.bytes for venue in venues])))
        columns = week_scans(now.parts, position, numbers, np.array(days, np.uint32), weekend)
        return WeekScans(*(np.where(known, column, 0).tolist() for column in columns))

    def arrivals(
        self, venue: UUID, start: int, end: int, near: int, as_of: int | None = None
    ) -> tuple[list[Arrival], list[Elsewhere], list[Elsewhere]]:
        """The visits at a venue that begin in ``[start, end)``, the hops of at most ``near`` seconds from them to other
        venues, and those doubled elsewhere. domain/quality.py, "Watched"; people are numbers there."""
        now, position = self._at(as_of)
        number = now.venues.number_of(venue)
        if number is None:
            return [], [], []
        here = arrivals.arrivals(now.parts, position, number, *_window(start, end))
        related = np.union1d(now.places.within(number, position), now.places.beyond(number, position))
        there = arrivals.elsewhere(now.parts, position, here, near, related)
        hops, doubled = arrivals.hops(here, there, near), arrivals.doubled(here, there)
        return arrivals.told(here), hops.told(now.venues), doubled.told(now.venues)

    def last_check_in(self, venue: UUID, as_of: int | None = None) -> int | None:
        """Of the visits that count; None where there is none."""
        now, position = self._at(as_of)
        number = now.venues.number_of(venue)
        if number is None:
            return None
        rows = arrivals.arrivals(now.parts, position, number, *_window(0, None))
        return int(rows.start[-1]) if len(rows.key) else None

    def save(self, directory: Path) -> None:
        """Keeps what is known now in memory-mapped files. Raises OSError."""
        with self._projecting:
            saved.save(self._snapshot, directory, self.log_id)

    @classmethod
    def load(cls, directory: Path, log_id: str, *, compiled: bool | None = None) -> "VisitGraph | None":
        """The newest whole save of the log ``log_id`` in ``directory``, or None."""
        snapshot = saved.load(directory, log_id)
        return None if snapshot is None else cls(log_id, snapshot, compiled=compiled)

    def checksum(self) -> str:
        """A hash of all that is and was known, whatever parts and numbers it is kept in."""
        now = self._snapshot
        digest = blake2b(digest_size=16)
        for column in (*_told_rows(now), *_told_venues(now), *_told_confinements(now)):
            digest.update(column if isinstance(column, bytes) else np.ascontiguousarray(column).tobytes())
        digest.update(str(now.position).encode())
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        now = self._snapshot
        tables = (now.people, now.venues, now.default_stay, now.places, now.confinements)
        return sum(part.nbytes for part in now.parts) + sum(table.nbytes for table in tables)

    def _at(self, as_of: int | None) -> tuple[Snapshot, int]:
        now = self._snapshot
        if as_of is not None and not 0 <= as_of <= now.position:
            raise Refused(f"position {as_of} lies beyond the last one, {now.position}")
        return now, now.position if as_of is None else as_of


def _after(now: Snapshot, facts: Facts, position: int) -> Snapshot:
    people, numbers = now.people.with_new(np.concatenate([facts.visits.person, facts.quarantines.person]))
    person, confined = np.split(numbers, [len(facts.visits.position)])
    venues, default_stay, venue = _venues_after(now, facts.stays)
    parts = _parts_after(list(now.parts), facts.visits, person, facts.stays, venue, venues, default_stay)
    for changed in np.flatnonzero(facts.stays.changed).tolist():
        default_stay[venue[changed]] = facts.stays.seconds[changed]
    return Snapshot(
        position, tidied(parts), people, venues, default_stay, _places_after(now.places, facts.places, venues),
        _confinements_after(now.confinements, facts.quarantines, confined),
    )  # fmt: skip


def _venues_after(now: Snapshot, facts: StayFacts) -> tuple[Ids, Array, Array]:
    """The venues, with the default stays of those newly registered."""
    venues, venue = now.venues.with_new(facts.venue)
    default_stay = np.concatenate([now.default_stay, np.zeros(len(venues) - len(now.venues), np.uint32)])
    default_stay[venue[~facts.changed]] = facts.seconds[~facts.changed]
    return venues, default_stay, venue


def _parts_after(
    parts: list[Part],
    facts: VisitFacts,
    person: Array,
    stays: StayFacts,
    stay_venue: Array,
    venues: Ids,
    default_stay: Array,
) -> list[Part]:
    """Facts about visits in runs between those changes of default stays that concern them."""
    venue, known = venues.numbers(facts.venue)
    if not known.all():
        position = int(facts.position[~known][0])
        raise Malformed(f"the event at position {position} is at a venue that was never registered")
    default_stay = default_stay.copy()
    done = 0
    for changes in _runs(stays, stay_venue, facts.position):
        upto = int(np.searchsorted(facts.position, changes[0][0])) if changes else len(facts.position)
        run = slice(done, upto)
        some = VisitFacts(*(column[run] for column in facts))
        parts += [part for part in [recorded(parts, some, person[run], venue[run], default_stay)] if part]
        parts += [part for part in [restayed(parts, changes)] if part]
        for _, changed, seconds in changes:
            default_stay[changed] = seconds
        done = upto
    return parts


def _runs(stays: StayFacts, venue: Array, visits: Array) -> list[list[tuple[int, int, int]]]:
    """Changes of default stays (position, venue, seconds), together while no visit and no same venue lies between.

    The last run is empty: it stands for what follows all changes.
    """
    runs: list[list[tuple[int, int, int]]] = []
    visits_before = np.searchsorted(visits, stays.position)
    previous = -1
    for n in np.flatnonzero(stays.changed).tolist():
        change = (int(stays.position[n]), int(venue[n]), int(stays.seconds[n]))
        if visits_before[n] != previous or change[1] in {other for _, other, _ in runs[-1]}:
            runs.append([])
        runs[-1].append(change)
        previous = int(visits_before[n])
    return [*runs, []]


def _places_after(now: Places, facts: PlaceFacts, venues: Ids) -> Places:
    part, _ = venues.numbers(facts.part)
    whole, known = venues.numbers(facts.whole)
    if not known.all():
        raise Malformed(f"the event at position {facts.position[~known][0]} is in a venue that was never registered")
    return now.with_new(part, whole, facts.position)


def _confinements_after(now: Confinements, facts: QuarantineFacts, person: Array) -> Confinements:
    ids, number = now.ids.with_new(facts.stream)
    columns = (facts.position, number, person, facts.since, facts.until)
    return now.after(ids, [Confined(*row) for row in zip(*(column.tolist() for column in columns), strict=True)])


def _numbers(now: Snapshot, venue: UUID, position: int, *, parts: bool) -> Array:
    """The number (uint32) of the venue, if it has one; with ``parts``, and of everything in it."""
    number = now.venues.number_of(venue)
    if number is None:
        return np.empty(0, np.uint32)
    return now.places.within(number, position) if parts else np.array([number], np.uint32)


def _window(start: int, end: int | None) -> tuple[int, int]:
    last = int(FOREVER)
    return min(max(start, 0), last), last if end is None else min(max(end, 0), last)


def _visit_rows(now: Snapshot, found: list[Rows], position: int) -> list[VisitRow]:
    if not found:
        return []
    rows = together(found)
    rows = rows.take(rows.known_at(position))
    rows = rows.take(np.lexsort((rows.visit, rows.start)))
    ends = np.where(rows.flags & OBSERVED != 0, rows.end, FOREVER).tolist()
    return [
        VisitRow(visit, person, venue, start, None if end == FOREVER else end)
        for visit, person, venue, start, end in zip(
            rows.visit.tolist(),
            now.people.uuids(rows.person),
            now.venues.uuids(rows.venue),
            rows.start.tolist(),
            ends,
            strict=True,
        )
    ]


def _told_rows(now: Snapshot) -> list[Array | bytes]:
    if not now.parts:
        return []
    rows = together([part.rows for part in now.parts])
    rows = rows.take(np.lexsort((rows.visit, rows.known_from)))
    until = np.where(rows.known_until > now.position, FOREVER, rows.known_until)
    plain: list[Array | bytes] = [rows.visit, rows.known_from, until, rows.start, rows.end, rows.tag]
    return [*plain, rows.flags & OBSERVED, now.people.bytes_of(rows.person), now.venues.bytes_of(rows.venue)]


def _told_venues(now: Snapshot) -> list[Array | bytes]:
    part, whole, position = now.places.columns
    places = [now.venues.bytes_of(part), now.venues.bytes_of(whole), position]
    return [now.venues.bytes_of(now.venues.number), now.default_stay[now.venues.number], *places]


def _told_confinements(now: Snapshot) -> list[Array | bytes]:
    quarantine, person, *times = now.confinements.columns
    order = np.argsort(times[2], kind="stable")
    return [
        now.confinements.ids.bytes_of(quarantine[order]),
        now.people.bytes_of(person[order]),
        *(column[order] for column in times),
    ]
