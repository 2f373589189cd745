"""The visit graph: every fact about visits, venues and quarantines, as it was known at every position."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock, Thread
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from domain.adoption import WeekScans
from domain.contacts import Question
from domain.errors import Malformed, Refused
from domain.quality import Arrival, Elsewhere
from infrastructure.graph import arrivals, kernel, saved
from infrastructure.graph.answers import EvidenceColumns, OverlapColumns, TraceColumns
from infrastructure.graph.arrays import FOREVER, Array, all_ranges, mixed
from infrastructure.graph.blocks import Block
from infrastructure.graph.confinements import Confined, Confinements, KnownConfinements
from infrastructure.graph.facts import Facts, LoggedEvent, PlaceFacts, QuarantineFacts, StayFacts, VisitFacts
from infrastructure.graph.ids import Ids, halves
from infrastructure.graph.overlaps import by_passes, overlaps
from infrastructure.graph.part import OBSERVED, Part, Rows, keys, together
from infrastructure.graph.places import Places
from infrastructure.graph.projection import ends, read
from infrastructure.graph.scans import week_scans
from infrastructure.graph.snapshot import Snapshot
from infrastructure.graph.stays import Stays
from infrastructure.graph.tidying import Merge, Room, due, entirely_tidied, give_back, memory, tidied
from infrastructure.graph.trace import NOBODY, Contacts, Encounters, Tracer, Windows
from infrastructure.graph.versions import recorded, restayed

_AT_ONCE: Final = 1 << 18
"""Rows that the checksum looks at together."""


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
        self._tidying = Lock()

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

    def project(self, events: Sequence[LoggedEvent] | Block, position: int) -> None:
        """Takes in ``events``, all those of the log after the last position projected, up to ``position``.

        Raises Malformed for an event that cannot be read, ValueError for one that is out of order; then the graph
        answers as before.
        """
        with self._projecting:
            if len(events):
                first, last = ends(events)
                if not self.position < first <= last <= position:
                    raise ValueError(f"not the events from {self.position} to {position}")
            facts = read(events)
            self._snapshot = _after(self._snapshot, facts, position)
        self._tidy_aside()

    def take_in(self, facts: Facts, position: int) -> None:
        """Like ``project``, for facts that are columns already."""
        with self._projecting:
            self._snapshot = _after(self._snapshot, facts, position)
        self._tidy_aside()

    def compact(self) -> None:
        """Puts the rows of each kind together; questions are a little quicker afterwards."""
        with self._tidying, self._projecting:
            self._snapshot = replace(self._snapshot, parts=entirely_tidied(self._snapshot.parts))

    def tidy(self, room: Room = memory) -> None:
        """Puts long parts together, those that are mapped too, in ``room``; facts are projected meanwhile."""
        with self._tidying:
            while few := due(self._snapshot.parts, saver=True):
                self._swap(Merge(few, room))
        give_back()

    def take_up(self, snapshot: Snapshot) -> None:
        """Goes on from what another graph of the same log made, who has the same numbers."""
        with self._projecting:
            self._snapshot = snapshot
        give_back()

    def trace(self, question: Question, as_of: int | None = None, *, evidence: bool = False) -> TraceColumns:
        """The contacts of ``question.person`` (a UUID). Raises Refused for a position that is not projected yet."""
        now, position = self._at(as_of)
        index = now.people.number_of(question.person)
        tracer = self._tracing(now, position, question.min_seconds, question.until)
        contacts: Contacts = NOBODY
        met: Sequence[Encounters] = ()
        if index is not None and tracer.stays.parts:
            contacts, met = tracer.contacts(_first([index], [question]), question.levels, evidence=evidence)
        told = EvidenceColumns.of(met, contacts, now.people, tracer.stays) if evidence else None
        return TraceColumns(position, now.people, now.venues, *contacts, told)

    def trace_many(self, questions: Sequence[Question], as_of: int | None = None) -> Iterator[TraceColumns]:
        """The same as trace() for each, in their order; in one pass where one level is asked for."""
        now, position = self._at(as_of)
        if len({question.min_seconds for question in questions}) > 1 or any(q.levels > 1 for q in questions):
            yield from (self.trace(question, position) for question in questions)
            return
        people, known = now.people.numbers(halves(b"".join([question.person.bytes for question in questions])))
        asked = [question for question, is_known in zip(questions, known.tolist(), strict=True) if is_known]
        found: Iterator[Contacts] = iter(())
        if asked:
            tracer = self._tracing(now, position, asked[0].min_seconds, None)
            if tracer.stays.parts:
                found = iter(tracer.each(_first(people[known].tolist(), asked)))
        for is_known in known.tolist():
            yield TraceColumns(position, now.people, now.venues, *(next(found, NOBODY) if is_known else NOBODY))

    def _tracing(self, now: Snapshot, position: int, min_seconds: int, until: int | None) -> Tracer:
        people = len(now.people)
        confined = self._confined(now.confinements, position, people)
        return self._tracer()(Stays(now.parts, position), confined, now.people, min_seconds, until)

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
        stays = Stays(now.parts, position)
        venues = now.venues if parts else None
        pairing = kernel.pairing() if self._compiled is not False else by_passes
        return overlaps(stays, now.people, venues, at, *_window(start, end), one, min_seconds, pairing)

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
        """Keeps what is known now in memory-mapped files, while facts are projected. Raises OSError."""
        saved.save(self._snapshot, directory, self.log_id)

    @classmethod
    def load(
        cls, directory: Path, log_id: str, *, after: int = -1, compiled: bool | None = None
    ) -> "VisitGraph | None":
        """The newest whole save of the log ``log_id`` in ``directory`` behind position ``after``, or None."""
        snapshot = saved.load(directory, log_id, after)
        return None if snapshot is None else cls(log_id, snapshot, compiled=compiled)

    def checksum(self) -> str:
        """A hash of all that is and was known, whatever parts and numbers it is kept in."""
        now = self._snapshot
        digest = blake2b(digest_size=16)
        for column in (_sums_of_rows(now), *_told_venues(now), *_told_confinements(now)):
            digest.update(column if isinstance(column, bytes) else np.ascontiguousarray(column).tobytes())
        digest.update(str(now.position).encode())
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        now = self._snapshot
        tables = (now.people, now.venues, now.default_stay, now.places, now.confinements)
        return sum(part.nbytes for part in now.parts) + sum(table.nbytes for table in tables)

    def _tidy_aside(self) -> None:
        """In a thread of its own, unless that is going on."""
        if due(self._snapshot.parts) and self._tidying.acquire(blocking=False):
            Thread(target=self._tidied, name="tidying", daemon=True).start()

    def _tidied(self) -> None:
        try:
            while few := due(self._snapshot.parts):
                self._swap(Merge(few))
            give_back()
        finally:
            self._tidying.release()

    def _swap(self, merge: Merge) -> None:
        with self._projecting:
            self._snapshot = replace(self._snapshot, parts=tuple(merge.swapped(self._snapshot.parts)))

    def _at(self, as_of: int | None) -> tuple[Snapshot, int]:
        now = self._snapshot
        if as_of is not None and not 0 <= as_of <= now.position:
            raise Refused(f"position {as_of} lies beyond the last one, {now.position}")
        return now, now.position if as_of is None else as_of


def _first(people: Sequence[int], questions: Sequence[Question]) -> Windows:
    windows = [_window(question.start, question.end) for question in questions]
    return Windows(*(np.array(column, np.uint32) for column in (people, *zip(*windows, strict=True))))


def _after(now: Snapshot, facts: Facts, position: int) -> Snapshot:
    people, person, confined = _people_after(now.people, facts.visits, facts.quarantines)
    venues, venue = now.venues.with_new(facts.stays.venue)
    default_stay = _default_stays_after(now.default_stay, facts.stays, venue, len(venues))
    parts = _parts_after(list(now.parts), facts.visits, person, facts.stays, venue, venues, default_stay)
    for changed in np.flatnonzero(facts.stays.changed).tolist():
        default_stay[venue[changed]] = facts.stays.seconds[changed]
    return Snapshot(
        position, tidied(parts), people, venues, default_stay, _places_after(now.places, facts.places, venues),
        _confinements_after(now.confinements, facts.quarantines, confined),
    )  # fmt: skip


def _people_after(now: Ids, visits: VisitFacts, quarantines: QuarantineFacts) -> tuple[Ids, Array, Array]:
    """The numbers of both; in order of position, so that the same log gives the same ones in whatever batches."""
    order = np.argsort(np.concatenate([visits.position, quarantines.position]), kind="stable")
    people, in_order = now.with_new(np.concatenate([visits.person, quarantines.person])[order])
    numbers = np.empty_like(in_order)
    numbers[order] = in_order
    return people, numbers[: len(visits.position)], numbers[len(visits.position) :]


def _default_stays_after(now: Array, facts: StayFacts, venue: Array, venues: int) -> Array:
    """With those of newly registered venues, as a copy where any are told."""
    if not len(facts.position):
        return now
    default_stay = np.concatenate([now, np.zeros(venues - len(now), np.uint32)])
    default_stay[venue[~facts.changed]] = facts.seconds[~facts.changed]
    return default_stay


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
    if stays.changed.any():
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
    if not len(facts.position):
        return now
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


def _sums_of_rows(now: Snapshot) -> Array:
    """Of a number made of each row, and of another: the same in whatever order the rows stand."""
    sums = np.zeros(2, np.uint64)
    for part in now.parts:
        for first in range(0, len(part), _AT_ONCE):
            rows = part.rows.take(slice(first, first + _AT_ONCE))
            until = np.where(rows.known_until > now.position, FOREVER, rows.known_until)
            told = np.zeros(len(rows.key), np.uint64)
            for column in (
                keys(rows.visit, rows.known_from), keys(until, rows.start), keys(rows.end, rows.tag),
                (rows.flags & OBSERVED).astype(np.uint64), now.people.high[rows.person], now.people.low[rows.person],
                now.venues.high[rows.venue], now.venues.low[rows.venue],
            ):  # fmt: skip
                told = mixed(told ^ column)
            sums += np.array([told.sum(), mixed(told).sum()])
    return sums


def _told_venues(now: Snapshot) -> list[Array | bytes]:
    part, whole, position = now.places.columns
    places = [now.venues.bytes_of(part), now.venues.bytes_of(whole), position]
    in_order = np.lexsort((now.venues.low, now.venues.high))
    return [now.venues.bytes_of(in_order), now.default_stay[in_order], *places]


def _told_confinements(now: Snapshot) -> list[Array | bytes]:
    quarantine, person, *times = now.confinements.columns
    order = np.argsort(times[2], kind="stable")
    return [
        now.confinements.ids.bytes_of(quarantine[order]),
        now.people.bytes_of(person[order]),
        *(column[order] for column in times),
    ]
