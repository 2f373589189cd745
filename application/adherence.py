"""Adherence: positions that the confined report, breaches, and the policy that finds check-ins elsewhere."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush, nsmallest
from itertools import zip_longest
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.log import Draft, Entry, Fact, Log, Recorded, settled
from application.people import Note, People
from application.policies import because_of
from application.provenance import LOCAL, Provenance
from application.quarantines import COORDINATES, Quarantines
from application.visit_keys import visit_stream
from application.visits import REASON
from domain.adherence import Coordinates, Metres, Spot
from domain.errors import Refused, Unknown
from domain.quality import metres_between
from domain.quarantines import Quarantine
from domain.sites import Site
from domain.times import Seconds, parse_instant
from domain.venues import Venue
from domain.visits import Visit


class Adherence:
    def __init__(self, log: Log, people: People, quarantines: Quarantines, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.quarantines = quarantines
        self.now = now

    def report(
        self,
        quarantine_id: str,
        here: Coordinates,
        at: Seconds | None = None,
        accuracy: Metres | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Where somebody confined is; too far away is a breach, at once. The same again is found.

        Raises Unknown, Conflict for another position at that instant, and Refused outside the quarantine's time or
        where nobody said what place to compare with.
        """
        return self._report(quarantine_id, here, self.now() if at is None else at, accuracy, by)

    @settled
    def _report(
        self, quarantine_id: str, here: Coordinates, at: Seconds, accuracy: Metres | None, by: Provenance
    ) -> Recorded:
        quarantine = self.quarantines.get(quarantine_id)
        there = self._place(quarantine.person, quarantine.adherence.spot_at(at))
        sealed = self.people.seal_note(quarantine.person, COORDINATES, str(here), Draft())
        if not quarantine.report(at, sealed, round(metres_between(there, here)), accuracy, self.now()):
            version = quarantine.adherence.reports[at].version
            return Recorded(quarantine_id, self.log.position_of(quarantine.id, version))
        return Recorded(quarantine_id, self.log.save(Draft([quarantine]), by))

    def _place(self, person: UUID, spot: Spot) -> Coordinates:
        site = None if spot.site is None else self.log.load(Site, spot.site)
        if site is not None and site.latitude is not None and site.longitude is not None:
            return Coordinates(site.latitude, site.longitude)
        told = self.people.notes([Note(person, COORDINATES, spot.coordinates)])[0]
        if told is None:
            raise Refused("no coordinates are known of that quarantine to compare a position with")
        return Coordinates.read(told)

    @settled
    def dismiss(self, alert: int, reason: str, by: Provenance = LOCAL) -> Recorded:
        """The breach at that position is none; the same again is found. Raises Unknown."""
        breach = self.log.recordings_at([alert]).get(alert)
        if breach is None or breach.topic != Quarantine.Breached.TOPIC:
            raise Unknown("there is no alert with that id")
        quarantine = self.quarantines.get(breach.state["quarantine_id"])
        sealed = self.people.seal_note(quarantine.person, REASON, reason, Draft())
        if not quarantine.dismiss(breach.state["number"], sealed, self.now()):
            return Recorded(alert, self.log.position_of(quarantine.id, quarantine.version))
        return Recorded(alert, self.log.save(Draft([quarantine]), by))


class Confined(NamedTuple):
    """A quarantine as check-ins are compared with it; ``position`` is that of its assignment."""

    person: str
    stream: UUID
    since: Seconds
    until: Seconds | None
    completed: bool
    position: int
    breached: bool
    """At some time, whatever became of it."""

    def covers(self, at: Seconds) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class End(NamedTuple):
    until: Seconds
    position: int
    stream: UUID


class AdherencePolicy:
    """A check-in elsewhere during a quarantine is a breach; a quarantine whose end comes is completed.

    Who is confined is kept in memory, so that a check-in of anybody else costs a look into a dictionary. What is
    found there only says which streams to ask: they decide.
    """

    name = "adherence"

    def __init__(self, log: Log, confined: Callable[[], Iterable[Confined]], now: Callable[[], Seconds]) -> None:
        """``confined`` gives every quarantine that was not withdrawn, as of where this begins or of later."""
        self.log = log
        self.confined = confined
        self.now = now
        self._confined: dict[str, list[Confined]] = {}
        self._ends: list[End] = []

    @property
    def topics(self) -> frozenset[str]:
        """While nobody is confined, no visit matters."""
        return _OF_QUARANTINES | _OF_VISITS if self._confined else _OF_QUARANTINES

    @property
    def waking(self) -> frozenset[str]:
        return frozenset() if self._confined else frozenset({Quarantine.Assigned.TOPIC})

    def begin(self, position: int) -> None:  # noqa: ARG002 # what is known of later events is told again
        self._confined, self._ends = {}, []
        for confined in self.confined():
            self._keep(confined)

    def react(self, facts: Sequence[Fact], until: int) -> None:  # noqa: ARG002 # facts say their own positions
        concerned: dict[UUID, list[Fact]] = defaultdict(list)
        for fact in facts:
            for stream in self._concerned(fact):
                concerned[stream].append(fact)
        for one_of_each in zip_longest(*concerned.values()):
            pairs = zip(concerned, one_of_each, strict=True)
            due = [(stream, fact) for stream, fact in pairs if fact is not None]
            for first in range(0, len(due), _AT_ONCE):
                self._decide(dict(due[first : first + _AT_ONCE]))

    def tick(self) -> None:
        now = self.now()
        if not self._ends or self._ends[0].until > now:
            return
        due = [end for end in nsmallest(_AT_ONCE, self._ends) if end.until <= now]
        self._complete({end.stream: end.position for end in due}, now)
        for _ in due:
            heappop(self._ends)

    def _concerned(self, fact: Fact) -> Iterable[UUID]:
        """The quarantines that an event may break or mend."""
        mine = self._confined.get(fact.state["person"], ())
        if fact.topic in _OF_VISITS:
            instants = _instants(fact) if mine else ()
            return [one.stream for one in mine if one.position < fact.position and any(map(one.covers, instants))]
        known = next((one for one in mine if one.stream == fact.stream), None)
        self._remember(fact, known)
        is_news = known is not None and known.breached and fact.topic != Quarantine.Breached.TOPIC
        return (fact.stream,) if is_news else ()

    def _remember(self, fact: Fact, known: Confined | None) -> None:
        state = fact.state
        if fact.topic == Quarantine.Assigned.TOPIC:
            since, until = parse_instant(state["since"]), _until(state)
            self._keep(Confined(state["person"], fact.stream, since, until, False, fact.position, False))
        elif known is not None and fact.topic in _OF_ENDS:
            self._keep(known._replace(until=_until(state), completed=False))
        elif known is not None and fact.topic == Quarantine.Breached.TOPIC:
            self._keep(known._replace(breached=True))
        elif known is not None and fact.topic == Quarantine.Withdrawn.TOPIC:
            self._confined[known.person].remove(known)

    def _keep(self, confined: Confined) -> None:
        others = [one for one in self._confined.get(confined.person, ()) if one.stream != confined.stream]
        self._confined[confined.person] = [*others, confined]
        if confined.until is not None and not confined.completed:
            heappush(self._ends, End(confined.until, confined.position, confined.stream))

    @settled
    def _decide(self, due: Mapping[UUID, Fact]) -> None:
        """For each quarantine what one fact means to it."""
        visits = self.log.load_many(Visit, {fact.stream for fact in due.values() if fact.topic in _OF_VISITS})
        entries = []
        for quarantine in self.log.load_many(Quarantine, due).values():
            fact = due[quarantine.id]
            if fact.stream in visits:
                self._follow(quarantine, [visits[fact.stream]])
            else:
                self._reconsider(quarantine)
            if quarantine.pending_events:
                entries.append(Entry(Draft([quarantine]), because_of(self, fact)))
        if entries:
            self.log.save_all(entries)

    def _reconsider(self, quarantine: Quarantine) -> None:
        """It was extended, released, moved or withdrawn: what was a breach may be none now, or one again."""
        quarantine.drop_unconfined(self.now())
        shown = {breach.visit_id for breach in quarantine.adherence.breaches.values() if breach.visit_id is not None}
        self._follow(quarantine, self.log.load_many(Visit, map(visit_stream, sorted(shown))).values())

    def _follow(self, quarantine: Quarantine, visits: Iterable[Visit]) -> None:
        for visit in visits:
            quarantine.follow(visit, self.now(), elsewhere=self._is_elsewhere(quarantine, visit.venue))

    def _is_elsewhere(self, quarantine: Quarantine, venue: UUID) -> bool:
        """Than at one of the quarantine's sites, or at what lies in one."""
        sites = {spot.site for spot in quarantine.adherence.spots if spot.site is not None}
        venues = {site.venue for site in self.log.load_many(Site, sites).values()} if sites else set()
        return venues.isdisjoint(self._wholes(venue)) if venues else True

    def _wholes(self, venue: UUID) -> Iterator[UUID]:
        """The venue and everything that it lies in."""
        lies_in: UUID | None = venue
        while lies_in is not None:
            yield lies_in
            found = self.log.load(Venue, lies_in)
            lies_in = None if found is None else found.part_of

    @settled
    def _complete(self, due: Mapping[UUID, int], now: Seconds) -> None:
        """Time alone led to it; the cause that is named is the assignment."""
        entries = [
            Entry(Draft([quarantine]), Provenance(actor=f"policy:{self.name}", cause=due[quarantine.id]))
            for quarantine in self.log.load_many(Quarantine, due).values()
            if quarantine.complete(now)
        ]
        if entries:
            self.log.save_all(entries)


_AT_ONCE: Final = 500
"""Streams that are loaded and saved together; ends that one tick completes at most."""

_OF_VISITS: Final = frozenset({Visit.CheckedIn.TOPIC, Visit.Corrected.TOPIC, Visit.Retracted.TOPIC})
_OF_QUARANTINES: Final = frozenset({
    Quarantine.Assigned.TOPIC, Quarantine.Extended.TOPIC, Quarantine.Released.TOPIC, Quarantine.Moved.TOPIC,
    Quarantine.Withdrawn.TOPIC, Quarantine.Breached.TOPIC,
})  # fmt: skip
_OF_ENDS: Final = frozenset({Quarantine.Extended.TOPIC, Quarantine.Released.TOPIC})


def _instants(fact: Fact) -> list[Seconds]:
    """When the visit began, and began before it was corrected; none where a correction left that as it was."""
    known = [fact.state[name] for name in ("check_in", "old_check_in") if name in fact.state]
    return [] if len(known) != len(set(known)) else [parse_instant(text) for text in known]


def _until(state: Mapping[str, Any]) -> Seconds | None:
    return None if state["until"] is None else parse_instant(state["until"])
