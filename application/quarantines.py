"""Quarantines: assigned, extended, released."""

from collections.abc import Callable
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, settled, unique_key
from application.people import People
from application.provenance import LOCAL, Provenance
from application.visits import REASON
from domain.errors import Conflict, Unknown
from domain.quarantines import Quarantine, parse_quarantine_id
from domain.times import Seconds


class Quarantines:
    def __init__(self, log: Log, people: People, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.now = now

    def assign(
        self,
        person: str,
        since: Seconds,
        until: Seconds | None = None,
        *,
        quarantine_id: str | None = None,
        kind: str | None = None,
        place: str | None = None,
        reason: str | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Record a quarantine, or find it: by its id, else by person and ``since``. Raises Conflict as visits do."""
        fresh_id = uuid4().hex
        return self._assign(person, since, until, quarantine_id, fresh_id, kind, place, reason, by)

    @settled
    def _assign(
        self,
        person: str,
        since: Seconds,
        until: Seconds | None,
        quarantine_id: str | None,
        fresh_id: str,
        kind: str | None,
        place: str | None,
        reason: str | None,
        by: Provenance,
    ) -> Recorded:
        draft = Draft()
        quarantine = self.draft(
            person, since, until, draft, quarantine_id=quarantine_id, fresh_id=fresh_id,
            kind=kind, place=place, reason=reason,
        )  # fmt: skip
        return self._save(quarantine, draft, by, known_version=1)

    def draft(
        self,
        person: str,
        since: Seconds,
        until: Seconds | None,
        draft: Draft,
        *,
        quarantine_id: str | None = None,
        fresh_id: str | None = None,
        kind: str | None = None,
        place: str | None = None,
        reason: str | None = None,
    ) -> Quarantine:
        """The quarantine, begun or completed in ``draft``; without pending events when nothing is new."""
        named = None if quarantine_id is None else self._named(quarantine_id)
        person_id = self.people.find_or_draft(person, draft)
        key = since_key(person_id, since)
        existing = named or self._holder(key)
        if existing is not None:
            _refuse_another(existing, quarantine_id, person_id, since)
            if kind not in (None, existing.kind) or place not in (None, existing.place):
                raise Conflict("the quarantine is already recorded with another kind or place")
            existing.take(until, self.now())
            draft.streams.append(existing)
            return existing
        chosen = quarantine_id or fresh_id or uuid4().hex
        note = self.people.seal_note(person_id, REASON, reason, draft)
        quarantine = Quarantine.assign(
            quarantine_stream(chosen), chosen, person_id, since, until, kind=kind, place=place, reason=note
        )
        draft.streams.append(quarantine)
        draft.keys.append(Key(key, quarantine.id.bytes))
        return quarantine

    def _named(self, quarantine_id: str) -> Quarantine | None:
        return self.log.load(Quarantine, quarantine_stream(parse_quarantine_id(quarantine_id)))

    def _holder(self, key: bytes) -> Quarantine | None:
        stream = self.log.holder(key)
        return None if stream is None else self.log.load(Quarantine, stream)

    @settled
    def extend(self, quarantine_id: str, until: Seconds | None, by: Provenance = LOCAL) -> Recorded:
        quarantine = self.get(quarantine_id)
        quarantine.extend(until, self.now())
        return self._save(quarantine, Draft([quarantine]), by)

    @settled
    def release(self, quarantine_id: str, at: Seconds, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        quarantine = self.get(quarantine_id)
        quarantine.release(at, self.people.seal_note(quarantine.person, REASON, reason, Draft()))
        return self._save(quarantine, Draft([quarantine]), by)

    def get(self, quarantine_id: str) -> Quarantine:
        """Raises Unknown."""
        quarantine = self._named(quarantine_id)
        if quarantine is None:
            raise Unknown("there is no quarantine with that id")
        return quarantine

    def _save(self, quarantine: Quarantine, draft: Draft, by: Provenance, known_version: int | None = None) -> Recorded:
        if not quarantine.pending_events:
            position = self.log.position_of(quarantine.id, known_version or quarantine.version)
            return Recorded(quarantine.quarantine_id, position)
        return Recorded(quarantine.quarantine_id, self.log.save(draft, by))


def since_key(person: UUID, since: Seconds) -> bytes:
    """The key of the quarantine that a person begins at an instant."""
    return unique_key("quarantine since", person.hex, str(since))


def _refuse_another(existing: Quarantine, quarantine_id: str | None, person: UUID, since: Seconds) -> None:
    if quarantine_id not in (None, existing.quarantine_id):
        raise Conflict("that person and start are recorded under another quarantine_id")
    if (existing.person, existing.since) != (person, since):
        raise Conflict("that quarantine_id belongs to another quarantine")


def quarantine_stream(quarantine_id: str) -> UUID:
    """The stream of a quarantine follows from its id, so that the id is unique without a key of its own."""
    return UUID(bytes=unique_key("quarantine", quarantine_id))
