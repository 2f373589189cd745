"""Visits: check-in, check-out, correction, retraction."""

from collections.abc import Callable
from types import EllipsisType
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, settled, unique_key
from application.people import People
from application.provenance import LOCAL, Provenance
from application.venues import Venues
from domain.errors import Conflict, Unknown
from domain.times import Seconds
from domain.visits import Visit, parse_visit_id

REASON = "reason"
"""The sealed field of the reason that a correction, retraction, release or withdrawal gives."""


class Visits:
    def __init__(self, log: Log, people: People, venues: Venues, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.venues = venues
        self.now = now

    def check_in(
        self,
        person: str,
        venue: str,
        at: Seconds | None = None,
        *,
        check_out: Seconds | None = None,
        visit_id: str | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Record a visit, or find it: the same input again gives the same answer; ``at`` is now when left out.

        Raises Conflict when the id, or the triple of person, venue and check-in, was recorded otherwise.
        """
        fresh_id = uuid4().hex
        return self._check_in(person, venue, at, check_out, visit_id, fresh_id, by)

    @settled
    def _check_in(
        self,
        person: str,
        venue: str,
        at: Seconds | None,
        check_out: Seconds | None,
        visit_id: str | None,
        fresh_id: str,
        by: Provenance,
    ) -> Recorded:
        named = None if visit_id is None else self.log.load(Visit, visit_stream(parse_visit_id(visit_id)))
        draft = Draft()
        person_id = self.people.find_or_draft(person, draft)
        venue_id = self.venues.find(venue)
        if venue_id is None:
            raise Unknown("there is no venue with that code or id")
        check_in = self.now() if at is None else at
        triple = triple_key(person_id, venue_id, check_in)
        existing = named or self._holder(triple)
        if existing is not None:
            refuse_another(existing, visit_id, person_id, venue_id)
            return self._take_again(existing, existing.first_check_in if at is None else at, check_out, by)
        chosen = visit_id or fresh_id
        stream = visit_stream(chosen)
        draft.streams.append(Visit.begin(stream, chosen, person_id, venue_id, check_in, check_out, self.now()))
        draft.keys.append(Key(triple, stream.bytes))
        return Recorded(chosen, self.log.save(draft, by))

    def _holder(self, triple: bytes) -> Visit | None:
        stream = self.log.holder(triple)
        return None if stream is None else self.log.load(Visit, stream)

    def _take_again(self, visit: Visit, check_in: Seconds, check_out: Seconds | None, by: Provenance) -> Recorded:
        if visit.take(check_in, check_out, self.now()):
            return Recorded(visit.visit_id, self.log.save(Draft([visit]), by))
        return Recorded(visit.visit_id, self.log.position_of(visit.id, 1))

    @settled
    def check_out(self, visit_id: str, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        visit = self.get(visit_id)
        visit.end(self.now() if at is None else at, self.now())
        return self._save(visit, Draft([visit]), by)

    @settled
    def correct(
        self,
        visit_id: str,
        *,
        check_in: Seconds | None = None,
        check_out: Seconds | EllipsisType | None = ...,
        reason: str | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """``check_out`` None makes the check-out unknown again; left out, it stays as it is."""
        visit, draft = self.get(visit_id), Draft()
        visit.correct(
            visit.check_in if check_in is None else check_in,
            visit.check_out if isinstance(check_out, EllipsisType) else check_out,
            self.people.seal_note(visit.person, REASON, reason, draft),
            self.now(),
            self.now(),
        )
        return self._save(visit, Draft([visit]), by)

    @settled
    def retract(self, visit_id: str, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        visit = self.get(visit_id)
        visit.retract(self.people.seal_note(visit.person, REASON, reason, Draft()), self.now())
        return self._save(visit, Draft([visit]), by)

    def get(self, visit_id: str) -> Visit:
        """Raises Unknown."""
        visit = self.log.load(Visit, visit_stream(parse_visit_id(visit_id)))
        if visit is None:
            raise Unknown("there is no visit with that id")
        return visit

    def _save(self, visit: Visit, draft: Draft, by: Provenance) -> Recorded:
        if not visit.pending_events:
            return Recorded(visit.visit_id, self.log.position_of(visit.id, visit.version))
        return Recorded(visit.visit_id, self.log.save(draft, by))


def visit_stream(visit_id: str) -> UUID:
    """The stream of a visit follows from its id, so that the id is unique without a key of its own."""
    return UUID(bytes=unique_key("visit", visit_id))


def triple_key(person: UUID | str, venue: UUID | str, check_in: Seconds) -> bytes:
    """The key of a visit's triple; people and venues as UUIDs or as their text."""
    return unique_key("triple", str(person), str(venue), str(check_in))


def refuse_another(existing: Visit, visit_id: str | None, person: UUID, venue: UUID) -> None:
    """Raises Conflict when what came in names another visit than the one that holds its id or triple."""
    if visit_id not in (None, existing.visit_id):
        raise Conflict("that person, venue and check-in are recorded under another visit_id")
    if (existing.person, existing.venue) != (person, venue):
        raise Conflict("that visit_id belongs to another visit")
