"""Scans at doors, as many as came at the same time: looked up together, decided each on its own, saved in one commit.

A scan whose visit or person is being recorded by another scan of the same round waits for the next round, and finds
what that one recorded.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from application.log import Draft, Entry, Key, Log, Recorded, settled
from application.people import Description, People, check_name
from application.provenance import LOCAL, Answered, Provenance, Request
from application.venues import Venues, unknown_venue
from application.visit_keys import refuse_another, triple_keys, visit_stream
from domain.errors import Conflict, Refused, TruyvetError, Unknown
from domain.people import Person
from domain.times import Seconds
from domain.venues import Venue, parse_code
from domain.visits import Scan, Visit, check_clock_error, parse_visit_id


def everywhere(_: Venue) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Somebody comes to a venue. Raises Malformed for a name or id that is none.

    ``also`` are further identities of the person: whichever is known says who it is. ``at`` is now when left out; with
    a clock error it is the time that the device's clock showed. ``delegated`` when another than the visitor scans, on
    the visitor's behalf. ``admits`` says whether whoever scans may do so at the venue; to those who may not it looks
    unknown.
    """

    person: str
    venue: str
    at: Seconds | None = None
    check_out: Seconds | None = None
    visit_id: str | None = None
    scan: Scan = Scan()  # noqa: RUF009 # frozen
    delegated: bool = False
    also: tuple[str, ...] = ()
    description: Description | None = None
    admits: Callable[[Venue], bool] = everywhere
    by: Provenance = LOCAL

    def __post_init__(self) -> None:
        for name in self.names:
            check_name(name)
        parse_code(self.venue)
        if self.visit_id is not None:
            parse_visit_id(self.visit_id)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.person, *self.also)

    @property
    def tells_more(self) -> bool:
        return self.description is not None or bool(self.also)


@dataclass(frozen=True, slots=True)
class CheckOut:
    """Somebody leaves; ``at`` as for a check-in."""

    visit_id: str
    at: Seconds | None = None
    clock_error_seconds: Seconds | None = None
    delegated: bool = False
    by: Provenance = LOCAL

    def __post_init__(self) -> None:
        parse_visit_id(self.visit_id)
        check_clock_error(self.clock_error_seconds)


AnyScan = CheckIn | CheckOut


class Decided(NamedTuple):
    """What a scan comes to: an ``entry`` to be saved, or the ``position`` of what was recorded before."""

    visit_id: str
    entry: Entry | None = None
    position: int = 0


class Later(Exception):
    """Another scan of this round must be saved first."""


class Scans:
    def __init__(self, log: Log, people: People, venues: Venues, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.venues = venues
        self.now = now

    def record(self, scans: Sequence[AnyScan]) -> list[Recorded | TruyvetError]:
        """What each scan is answered, in their order; one that is refused takes no other with it."""
        answers: dict[int, Recorded | TruyvetError] = {}
        waiting = dict(enumerate(scans))
        fresh_ids = _random_ids(len(scans))
        while waiting:
            answers |= self._round(waiting, fresh_ids)
            waiting = {number: scan for number, scan in waiting.items() if number not in answers}
        return [answers[number] for number in range(len(scans))]

    @settled
    def _round(self, scans: Mapping[int, AnyScan], fresh_ids: Sequence[str]) -> dict[int, Recorded | TruyvetError]:
        """The answers of all that need not wait."""
        with self.log.together():
            decided, answers = self._decide(scans, fresh_ids)
        entries = [one.entry for one in decided.values() if one.entry is not None]
        positions = iter(self.log.save_all(entries) if entries else ())
        for number, one in decided.items():
            answers[number] = self._answer(scans[number], one, positions)
        return answers

    def _decide(
        self, scans: Mapping[int, AnyScan], fresh_ids: Sequence[str]
    ) -> tuple[dict[int, Decided], dict[int, Recorded | TruyvetError]]:
        """What is to be recorded, and the answers of those that are refused."""
        decided: dict[int, Decided] = {}
        refused: dict[int, Recorded | TruyvetError] = {}
        current = Round(self.log, self.people, self.venues, list(scans.values()), self.now())
        for number, scan in scans.items():
            try:
                decided[number] = current.decide(scan, fresh_ids[number])
            except Later:
                continue
            except TruyvetError as refusal:
                refused[number] = self._answered_after_all(scan) or refusal
        return decided, refused

    def _answer(self, scan: AnyScan, decided: Decided, positions: Iterable[int]) -> Recorded | TruyvetError:
        if decided.entry is not None:
            return Recorded(decided.visit_id, next(iter(positions)))
        if scan.by.request is None:
            return Recorded(decided.visit_id, decided.position)
        return _as_answered(scan.by.request, self.log.note(scan.by.request, decided.visit_id, decided.position))

    def _answered_after_all(self, scan: AnyScan) -> Recorded | TruyvetError | None:
        """A request that was answered just before it was looked up again is refused for what it did itself."""
        request = scan.by.request
        answered = {} if request is None else self.log.answered_all([request])
        return _as_answered(request, answered[request.key]) if request is not None and answered else None


class Round:
    """What is known of everything that the scans name, and what they are decided to be."""

    def __init__(self, log: Log, people: People, venues: Venues, scans: Sequence[AnyScan], now: Seconds) -> None:
        self.log = log
        self.people = people
        self.now = now
        self.taken: set[bytes] = set()
        requests = [scan.by.request for scan in scans if scan.by.request is not None]
        self.answered = log.answered_all(requests) if requests else {}
        named = {visit_stream(scan.visit_id) for scan in scans if scan.visit_id is not None}
        # first, so that whoever is in a visit that is found is found too
        self.visits = log.load_many(Visit, named) if named else {}
        arrivals = [scan for scan in scans if isinstance(scan, CheckIn)]
        self.told_of: dict[UUID, Person] = {}
        self.persons = people.find_known({name for arrival in arrivals for name in arrival.names})
        self.venues = venues.load_known({arrival.venue for arrival in arrivals})
        names = {name for arrival in arrivals if arrival.tells_more for name in arrival.names}
        told_of = {self.persons[name] for name in names & self.persons.keys()}
        self.told_of = log.load_many(Person, told_of) if told_of else {}
        keys = [key for arrival in arrivals for key in self._keys(arrival)]
        self.holders = log.holders(keys) if keys else {}
        self.visits |= log.load_many(Visit, held) if (held := set(self.holders.values()) - self.visits.keys()) else {}

    def decide(self, scan: AnyScan, fresh_id: str) -> Decided:
        """Raises Later, and what refuses the scan."""
        request = scan.by.request
        if request is not None and request.key in self.answered:
            answer = _as_answered(request, self.answered[request.key])
            if isinstance(answer, TruyvetError):
                raise answer
            return Decided(answer.id, position=answer.position)
        self._refuse_taken(*([request.key] if request is not None else ()))
        decided = self._check_in(scan, fresh_id) if isinstance(scan, CheckIn) else self._check_out(scan)
        self.taken |= {request.key} if request is not None else set()
        return decided

    def _check_in(self, scan: CheckIn, fresh_id: str) -> Decided:
        venue = self.venues.get(scan.venue)
        if venue is None or not scan.admits(venue):
            raise unknown_venue()
        keys = self._keys(scan)
        visit_id = scan.visit_id or fresh_id
        stream = visit_stream(visit_id)
        self._refuse_taken(*keys, stream.bytes, *self._person_keys(scan))
        existing = self.visits.get(stream)
        holders = [self.holders[key] for key in keys if key in self.holders]
        if existing is None and holders:
            existing = self.visits[holders[0]]
        if existing is not None:
            return self._again(scan, existing, venue.id)
        return self._begin(scan, venue, visit_id)

    def _begin(self, scan: CheckIn, venue: Venue, visit_id: str) -> Decided:
        at, stream, draft = self._at(scan), visit_stream(visit_id), Draft()
        if not venue.is_active_at(at):
            raise Refused("the venue was closed or suspended then")
        person = self._person(scan)
        further = scan.also if person is None else scan.names
        person = person or self.people.draft_named(scan.person, draft)
        visit = Visit.begin(stream, visit_id, person, venue.id, at, scan.check_out, self.now, scan.scan)
        known = self.told_of.get(person)
        self.people.identify_further(person, [name for name in further if name not in self.persons], draft, known)
        if scan.description is not None:
            self.people.describe(person, scan.description, draft, known)
        draft.streams.append(visit)
        draft.keys += [Key(key, stream.bytes) for key in self._keys_of(scan, person, venue.id)]
        self.taken |= {key.key for key in draft.keys} | {recorded.id.bytes for recorded in draft.streams}
        return Decided(visit_id, Entry(draft, _on_behalf(scan.by, person, delegated=scan.delegated)))

    def _again(self, scan: CheckIn, visit: Visit, venue: UUID) -> Decided:
        """The same visit came in again, perhaps with its check-out."""
        self._refuse_taken(visit.id.bytes)
        refuse_another(visit, scan.visit_id, self._person(scan), venue)
        is_first = scan.at is None or scan.at == visit.device_check_in
        check_in = visit.first_check_in if is_first else self._at(scan)
        if not visit.take(check_in, scan.check_out, self.now):
            return Decided(visit.visit_id, position=self.log.position_of(visit.id, 1))
        return self._ended(visit, _on_behalf(scan.by, visit.person, delegated=scan.delegated))

    def _check_out(self, scan: CheckOut) -> Decided:
        stream = visit_stream(scan.visit_id)
        self._refuse_taken(stream.bytes)
        visit = self.visits.get(stream)
        if visit is None:
            raise Unknown("there is no visit with that id")
        if scan.at is None and visit.check_out is not None:
            position = self.log.position_by(visit.id, Visit.CheckedOut.TOPIC, scan.by.correlation)
            if position is not None:  # this very request was sent before
                return Decided(visit.visit_id, position=position)
        version = visit.version
        if not visit.end(self._at(scan), self.now, scan.clock_error_seconds):
            return Decided(visit.visit_id, position=self.log.position_of(visit.id, version))
        return self._ended(visit, _on_behalf(scan.by, visit.person, delegated=scan.delegated))

    def _ended(self, visit: Visit, by: Provenance) -> Decided:
        self.taken.add(visit.id.bytes)
        return Decided(visit.visit_id, Entry(Draft([visit]), by))

    def _at(self, scan: AnyScan) -> Seconds:
        """True time, as far as it is known."""
        error = scan.scan.clock_error_seconds if isinstance(scan, CheckIn) else scan.clock_error_seconds
        return self.now if scan.at is None else scan.at - (error or 0)

    def _keys(self, scan: CheckIn) -> list[bytes]:
        """Those of its triple; none while the person or the venue is unknown."""
        person, venue = self._person(scan), self.venues.get(scan.venue)
        return [] if person is None or venue is None else self._keys_of(scan, person, venue.id)

    def _keys_of(self, scan: CheckIn, person: UUID, venue: UUID) -> list[bytes]:
        error = scan.scan.clock_error_seconds
        return triple_keys(person, venue, self._at(scan), None if scan.at is None else error)

    def _person(self, scan: CheckIn) -> UUID | None:
        """Who is known by the first name, or by a further one and not by another name of the first one's scheme.

        A code that nobody signed must not give somebody a second citizen number.
        """
        if scan.person in self.persons:
            return self.persons[scan.person]
        scheme = scan.person.partition(":")[0]
        others = (self.persons[name] for name in scan.also if name in self.persons)
        return next((other for other in others if scheme not in _schemes(self.told_of.get(other))), None)

    def _person_keys(self, scan: CheckIn) -> list[bytes]:
        """Of whoever else's scan registers the same person, or says more of them."""
        person = self._person(scan)
        fresh = [self.people.key(name) for name in scan.names if name not in self.persons]
        return fresh if person is None else [person.bytes, *fresh]

    def _refuse_taken(self, *keys: bytes) -> None:
        """Raises Later; those who come behind and need the same wait as well."""
        if not self.taken.isdisjoint(keys):
            self.taken |= set(keys)
            raise Later


def _schemes(person: Person | None) -> frozenset[str]:
    return frozenset() if person is None else frozenset(scheme for scheme, _ in person.identities)


def _random_ids(count: int) -> list[str]:
    """128 bits each, asked for together."""
    digits = os.urandom(16 * count).hex()
    return [digits[start : start + 32] for start in range(0, 32 * count, 32)]


def _on_behalf(by: Provenance, person: UUID, *, delegated: bool) -> Provenance:
    return replace(by, on_behalf_of=f"id:{person}") if delegated else by


def _as_answered(request: Request, answered: Answered) -> Recorded | TruyvetError:
    if answered.fingerprint != request.fingerprint:
        return Conflict("that Idempotency-Key came with another request before")
    return Recorded(answered.id, answered.position)
