"""What the contacts of open cases depend on, so that a new fact leads to the few cases that it may concern.

For each case is kept who is in its list and when that matters: of the index person and of contacts who pass on (the
*explorers*) the time in which they do, of the others the time of the stays that are evidence; and where explorers were
then. A fact concerns a case when it is about somebody in the list at such a time, or about a visit that may overlap an
explorer's. That may be one too many, never one too few: whatever else changes is neither evidence of a contact nor can
it become one. A stay depends on the person's next check-in within the default stay of its venue, hence the margin.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID
from zlib import crc32

import numpy as np

from application.exposures import Found, TracedContact
from application.log import Fact
from domain.contacts import Confinement, Question, open_windows
from domain.quarantines import Quarantine
from domain.times import LATEST, Seconds, parse_instant
from domain.venues import LONGEST_DEFAULT_STAY, Venue
from domain.visits import Visit
from infrastructure.follower import GraphFollower
from infrastructure.graph import TraceColumns, VisitGraph
from infrastructure.graph.arrays import FOREVER, Array, all_ranges, distinct, find, first_of_runs, mixed
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import keys, minus
from infrastructure.graph.projection import instants, instants_or_forever, uuids
from infrastructure.graph.snapshot import Snapshot

_ARRIVING: Final = frozenset({Visit.CheckedIn.TOPIC, Visit.CheckedOut.TOPIC})
_ALTERING: Final = frozenset({Visit.Corrected.TOPIC, Visit.Retracted.TOPIC})
_CONFINING: Final = frozenset({
    Quarantine.Assigned.TOPIC, Quarantine.Extended.TOPIC, Quarantine.Released.TOPIC, Quarantine.Withdrawn.TOPIC,
})  # fmt: skip
_LONGEST: Final[Seconds] = LONGEST_DEFAULT_STAY * 60

READ: Final = _ARRIVING | _ALTERING | _CONFINING | {Venue.DefaultStayChanged.TOPIC}
"""The events that a trace depends on, beside those of the case itself."""


class Seen(NamedTuple):
    """Facts as columns: whom they are about and when, at which venue who may have been when, and whose default stay
    changed. What is about a person at any time is from 0 to FOREVER."""

    person_position: Array  # int64
    person: Array  # uint32
    since: Array  # uint32 seconds
    until: Array  # uint32 seconds
    visit_position: Array  # int64
    venue: Array  # uint32
    start: Array  # uint32 seconds
    end: Array  # uint32 seconds
    changed_position: Array  # int64
    changed_venue: Array  # uint32

    @property
    def positions(self) -> Array:
        return distinct(np.concatenate([self.person_position, self.visit_position, self.changed_position]))


class Dependence(NamedTuple):
    """Of one case: its list as ``contact`` (uint32, sorted) and what was found of each as ``digest`` (uint64);
    ``people`` (uint32, sorted) with the index person, and ``since`` when and ``until`` when (uint32 seconds, inclusive)
    what they do matters; where explorers were, as ``key`` (venue << 32 | start, sorted) and ``last_end``, the latest
    end of those so far at that venue; ``venues`` (uint32, sorted), at any time."""

    contact: Array
    digest: Array
    people: Array
    since: Array
    until: Array
    key: Array
    last_end: Array
    venues: Array

    def positions(self, seen: Seen) -> Array:
        """Of the facts that concern the case; sorted."""
        at, about = find(self.people, seen.person)
        if len(self.people):
            about &= (seen.since <= self.until[at]) & (self.since[at] <= seen.until)
        before = np.searchsorted(self.key, keys(seen.venue, seen.end)) - 1
        near = before >= 0
        before[~near] = 0
        if len(self.key):
            near &= (self.key[before] >> np.uint64(32) == seen.venue) & (self.last_end[before] > seen.start)
        lasting = find(self.venues, seen.changed_venue)[1]
        return distinct(np.concatenate([
            seen.person_position[about], seen.visit_position[near], seen.changed_position[lasting],
        ]))  # fmt: skip


class Watching:
    """Of the visit graph of this process, whose numbers of people and venues it keeps."""

    def __init__(self, graph: GraphFollower) -> None:
        self._follower = graph
        self._graph: VisitGraph | None = None
        self._cases: dict[UUID, Dependence] = {}
        self._in_lists = np.zeros(0, np.int32)  # of how many cases is each person in the list
        self._until = np.zeros(0, np.uint32)  # when the last explorer leaves each venue
        self._never_seen: dict[UUID, UUID] = {}  # index people of whom the graph knows nothing, by case

    @property
    def is_current(self) -> bool:
        """Whether what is kept still holds: a graph that was rebuilt has other numbers."""
        return self._graph is self._follower.columns

    @property
    def cases(self) -> frozenset[UUID]:
        return frozenset(self._cases)

    def clear(self) -> None:
        self._graph = self._follower.columns
        self._cases.clear()
        self._never_seen.clear()
        self._in_lists[:] = 0
        self._until[:] = 0

    def forget(self, case: UUID) -> None:
        self._never_seen.pop(case, None)
        known = self._cases.pop(case, None)
        if known is not None:
            self._in_lists[known.people] -= 1

    def read(self, facts: Sequence[Fact]) -> Seen:
        snapshot = self._columns.snapshot
        visits = [fact for fact in facts if fact.topic in _ARRIVING]
        changes = [fact for fact in facts if fact.topic == Venue.DefaultStayChanged.TOPIC]
        altered = [self._around(fact) for fact in facts if fact.topic in _ALTERING]
        people = [fact for fact in facts if fact.topic != Venue.DefaultStayChanged.TOPIC]
        person_position, person = _numbered(snapshot.people, people, [fact.state["person"] for fact in people])
        since, until = _times(people)
        arrived = _stays(snapshot, visits)
        position, venue, start, end = map(np.concatenate, zip(arrived, *altered, strict=True))
        changed_position, changed = _numbered(snapshot.venues, changes, [str(fact.stream) for fact in changes])
        return Seen(
            person_position, person, since, until, position, venue, start, end, changed_position, changed
        )  # fmt: skip

    def concerned(self, seen: Seen) -> Mapping[UUID, Sequence[int]]:
        """The cases, and the positions of the facts that concern each."""
        self._make_room()
        self._recognise()
        about = self._in_lists[seen.person] > 0
        near = self._until[seen.venue] > seen.start
        few = seen._replace(
            person_position=seen.person_position[about], person=seen.person[about], since=seen.since[about],
            until=seen.until[about],
            visit_position=seen.visit_position[near], venue=seen.venue[near], start=seen.start[near],
            end=seen.end[near],
        )  # fmt: skip
        if not len(few.positions):
            return {}
        found = {case: known.positions(few).tolist() for case, known in self._cases.items()}
        return {case: positions for case, positions in found.items() if positions}

    def concerning(self, case: UUID, seen: Seen, after: int) -> Sequence[int]:
        """The positions of the facts after a position that concern one case."""
        known = self._cases.get(case)
        if known is None:
            return []
        positions = known.positions(seen)
        found: list[int] = positions[positions > after].tolist()
        return found

    def trace(self, case: UUID, question: Question, rules: str, as_of: int) -> Found:
        """What differs from what was found before; all there is, when nothing is known of the case."""
        columns, dependence = self._traced(question, rules, as_of)
        before = self._cases.get(case)
        self._keep(case, question.person, dependence)
        if before is None:
            return Found(_told(columns, np.arange(len(columns))), None)
        changed = np.flatnonzero(_differs(before, dependence)[np.argsort(np.argsort(columns.person))])
        gone = before.contact[~find(dependence.contact, before.contact)[1]]
        return Found(_told(columns, changed), columns.people.uuids(gone))

    def remember(self, case: UUID, question: Question, rules: str, as_of: int) -> None:
        """As if it had just been traced."""
        self._keep(case, question.person, self._traced(question, rules, as_of)[1])

    def is_the_same(self, case: UUID, question: Question, rules: str, as_of: int) -> bool:
        """Whether a trace finds what was found before; if so, that is remembered."""
        before, dependence = self._cases.get(case), self._traced(question, rules, as_of)[1]
        if before is None or len(before.contact) != len(dependence.contact) or _differs(before, dependence).any():
            return False
        self._keep(case, question.person, dependence)
        return True

    @property
    def _columns(self) -> VisitGraph:
        assert self._graph is not None  # noqa: S101 # clear() comes first
        return self._graph

    def _traced(self, question: Question, rules: str, as_of: int) -> tuple[TraceColumns, Dependence]:
        columns = self._columns.trace(question, as_of, evidence=True)
        snapshot = self._columns.snapshot
        person, since, until = self._explorers(columns, question, as_of)
        key, last_end, venues = _explored(snapshot, person, since, until, as_of)
        order = np.argsort(columns.person)
        known = _with_margin(snapshot, person, since, until), _evidence_times(columns, snapshot)
        people, first, last = _united(*map(np.concatenate, zip(*known, strict=True)))
        return columns, Dependence(
            columns.person[order], _digests(columns, rules)[order], people, first, last, key, last_end, venues
        )

    def _explorers(self, columns: TraceColumns, question: Question, as_of: int) -> tuple[Array, Array, Array]:
        """Who pass on, since when and until when: the index person, and contacts of all but the last level."""
        passing_on = np.flatnonzero(columns.level < question.levels)
        person, since = columns.person[passing_on], columns.exposed_at[passing_on]
        until = np.full(len(person), FOREVER, np.uint32)
        confined = self._columns.confined(as_of)
        for place in np.flatnonzero(confined.ever[person]).tolist():
            until[place] = _stops(confined.of(int(person[place])), _last_exposed(columns, int(passing_on[place])))
        index = self._columns.snapshot.people.number_of(question.person)
        if index is None:
            return person, since, until
        end = int(FOREVER) if question.end is None else max(question.end, question.start)
        return _and(person, index), _and(since, question.start), _and(until, end)

    def _keep(self, case: UUID, index_person: UUID, dependence: Dependence) -> None:
        self._make_room()
        self.forget(case)
        if not len(dependence.people):
            self._never_seen[case] = index_person
        self._cases[case] = dependence
        self._in_lists[dependence.people] += 1
        venue = (dependence.key >> np.uint64(32)).astype(np.int64)
        np.maximum.at(self._until, venue, dependence.last_end)

    def _recognise(self) -> None:
        """Index people who have come to be known to the graph."""
        for case, person in list(self._never_seen.items()):
            number = self._columns.snapshot.people.number_of(person)
            if number is not None:
                del self._never_seen[case]
                self._cases[case] = self._cases[case]._replace(
                    people=np.array([number], np.uint32), since=np.zeros(1, np.uint32), until=np.array([FOREVER]),
                )  # fmt: skip
                self._in_lists[number] += 1

    def _make_room(self) -> None:
        snapshot = self._columns.snapshot
        self._in_lists = _grown(self._in_lists, len(snapshot.people))
        self._until = _grown(self._until, len(snapshot.venues))

    def _around(self, fact: Fact) -> tuple[Array, ...]:
        """A visit that is changed or taken back, as it was and is, and the person's others whose stays it may end."""
        snapshot, state = self._columns.snapshot, fact.state
        own = np.array([_known(snapshot.people, state["person"])], np.uint32)
        times = [parse_instant(state[name]) for name in ("old_check_in", "check_in") if name in state]
        since, until = max(min(times) - _LONGEST, 0), max(times)
        found = []
        for part in snapshot.parts:
            rows = part.rows.take(part.by_person[all_ranges(*part.of_people(own))[1]])
            near = (rows.start >= since) & (rows.start <= until)
            found.append((np.full(int(near.sum()), fact.position), rows.venue[near], rows.start[near], rows.end[near]))
        return tuple(map(np.concatenate, zip(*found, strict=True)))


def _and(column: Array, value: int) -> Array:
    return np.append(column, np.uint32(value))


def _known(ids: Ids, text: str) -> int:
    number = ids.number_of(UUID(text))
    assert number is not None  # noqa: S101 # the graph has read the event
    return number


def _grown(column: Array, size: int) -> Array:
    return column if len(column) >= size else np.concatenate([column, np.zeros(2 * size - len(column), column.dtype)])


def _numbered(ids: Ids, facts: Sequence[Fact], texts: list[str]) -> tuple[Array, Array]:
    """The positions of the facts whose UUIDs have a number, and those."""
    number, known = ids.numbers(uuids(texts))
    return np.array([fact.position for fact in facts], np.int64)[known], number[known]


def _times(facts: Sequence[Fact]) -> tuple[Array, Array]:
    """From the earliest to the latest instant that each fact tells; a quarantine may matter at any time."""
    since, until = np.zeros(len(facts), np.uint32), np.full(len(facts), FOREVER)
    visits = [number for number, fact in enumerate(facts) if fact.topic not in _CONFINING]
    told = [_told_times(facts[number].state) for number in visits]
    since[visits] = instants([min(times) for times in told])
    until[visits] = instants([max(times) for times in told])
    return since, until


def _told_times(state: Mapping[str, Any]) -> list[str]:
    """As text, which sorts as they do."""
    times = (state.get(name) for name in ("check_in", "check_out", "old_check_in", "old_check_out"))
    return [time for time in times if time is not None]


def _stays(snapshot: Snapshot, visits: Sequence[Fact]) -> tuple[Array, ...]:
    """Position, venue and the longest time that each visit may have lasted."""
    position, venue = _numbered(snapshot.venues, visits, [fact.state["venue"] for fact in visits])
    start = instants([fact.state["check_in"] for fact in visits])
    end = instants_or_forever([fact.state["check_out"] for fact in visits])
    imputed = np.minimum(start.astype(np.int64) + snapshot.default_stay[venue], LATEST).astype(np.uint32)
    return position, venue, start, np.where(end == FOREVER, imputed, end)


def _explored(snapshot: Snapshot, person: Array, since: Array, until: Array, as_of: int) -> tuple[Array, Array, Array]:
    """Where these people may have been in ``[since, until)``, as the columns of Dependence; and all their venues."""
    found = [(np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.uint32))]
    for part in snapshot.parts:
        which, at = all_ranges(*part.of_people(person))
        row = part.by_person[at]
        rows = part.rows.take(row)
        known = rows.known_at(as_of)
        during = known & (rows.end > since[which]) & (rows.start < until[which])
        found.append((rows.key[during], rows.end[during], rows.venue[known]))
    key, end, venue = map(np.concatenate, zip(*found, strict=True))
    order = np.argsort(key, kind="stable")
    return key[order], _latest_so_far(key[order] >> np.uint64(32), end[order]), distinct(venue)


def _with_margin(snapshot: Snapshot, person: Array, since: Array, until: Array) -> tuple[Array, Array, Array]:
    """A visit from before may last into that time, or be joined with one that does."""
    longest = int(snapshot.default_stay.max(initial=0))
    return person, minus(since, longest), until


def _evidence_times(columns: TraceColumns, snapshot: Snapshot) -> tuple[Array, Array, Array]:
    """When the stays of each contact were that are evidence."""
    if not len(columns):
        return columns.person, columns.exposed_at, columns.exposed_at
    assert columns.evidence is not None  # noqa: S101 # it was asked for
    start, end = columns.evidence.stays.spans(columns.evidence.columns.contact_stay)
    first = _first_encounters(columns)[:-1]
    return _with_margin(snapshot, columns.person, np.minimum.reduceat(start, first), np.maximum.reduceat(end, first))


def _last_exposed(columns: TraceColumns, place: int) -> Seconds:
    """When the last encounter of a contact began."""
    assert columns.evidence is not None  # noqa: S101 # it was asked for
    met = columns.evidence.columns
    return int(met.start[met.contact == columns.person[place]].max())


def _stops(confinements: Sequence[Confinement], exposed_at: Seconds) -> Seconds:
    """When who was exposed then for the last time passes on no more."""
    windows = open_windows([exposed_at], confinements, None)
    return windows[0][1] if windows else exposed_at


def _united(person: Array, since: Array, until: Array) -> tuple[Array, Array, Array]:
    """Each person once, sorted, from the earliest to the latest time."""
    order = np.argsort(person, kind="stable")
    person, since, until = person[order], since[order], until[order]
    first = np.flatnonzero(first_of_runs(person))
    if not len(first):
        return person, since, until
    return person[first], np.minimum.reduceat(since, first), np.maximum.reduceat(until, first)


def _latest_so_far(venue: Array, end: Array) -> Array:
    """The running maximum of ``end`` within each run of a venue."""
    together = venue.astype(np.uint64) << np.uint64(32) | end.astype(np.uint64)
    return (np.maximum.accumulate(together) & np.uint64(2**32 - 1)).astype(np.uint32)


def _differs(before: Dependence, now: Dependence) -> Array:
    """Which contacts of ``now`` are new or otherwise than ``before``; in the order of ``now.contact``."""
    at, known = find(before.contact, now.contact)
    if not len(before.contact):
        return ~known
    differs: Array = ~known | (before.digest[at] != now.digest)
    return differs


def _digests(columns: TraceColumns, rules: str) -> Array:
    """A number (uint64) for all that is known of each contact."""
    if not len(columns):
        return np.empty(0, np.uint64)
    assert columns.evidence is not None  # noqa: S101 # it was asked for
    met, stays = columns.evidence.columns, columns.evidence.stays
    digest: Array
    one = mixed(stays.digests(met.infector_stay)) ^ stays.digests(met.contact_stay)
    one = mixed(one ^ keys(met.start, met.end)) ^ (met.infector_observed * 2 + met.contact_observed).astype(np.uint64)
    digest = np.add.reduceat(mixed(one), _first_encounters(columns)[:-1])
    digest ^= np.add.reduceat(mixed(columns.via.astype(np.uint64)), columns.via_first[:-1])
    for column in (columns.level, columns.certain, np.full(len(columns), crc32(rules.encode()))):
        digest = mixed(digest ^ column.astype(np.uint64))
    return digest


def _first_encounters(columns: TraceColumns) -> Array:
    """Where the encounters of each contact begin, and where the last ones end; shape (n + 1,)."""
    assert columns.evidence is not None  # noqa: S101 # it was asked for
    order = np.argsort(columns.person)
    at, _ = find(columns.person[order], columns.evidence.columns.contact)
    first: Array = np.searchsorted(order[at], np.arange(len(columns) + 1))
    return first


def _told(columns: TraceColumns, which: Array) -> list[TracedContact]:
    if not len(which):
        return []
    assert columns.evidence is not None  # noqa: S101 # it was asked for
    met, stays = columns.evidence.columns, columns.evidence.stays
    first = _first_encounters(columns)
    last_end = np.maximum.reduceat(met.end, first[:-1])[which].tolist()
    _, rows = all_ranges(first[which], first[which + 1])
    visits = [
        {*infector, *contact}
        for infector, contact in zip(
            stays.visits(met.infector_stay[rows]), stays.visits(met.contact_stay[rows]), strict=True
        )
    ]
    of_each = np.split(np.arange(len(rows)), np.cumsum(first[which + 1] - first[which])[:-1])
    return [
        TracedContact(contact, last, tuple(sorted(set().union(*(visits[n] for n in some.tolist())))))
        for contact, last, some in zip(_contacts(columns, which), last_end, of_each, strict=True)
    ]


def _contacts(columns: TraceColumns, which: Array) -> Iterator[Any]:
    if len(which) == len(columns):
        yield from columns
        return
    for place in which.tolist():
        yield from columns.contacts(place, place + 1)
