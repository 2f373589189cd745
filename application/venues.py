"""Venues: registered, renamed, their default stay changed; named by id or by code."""

from collections.abc import Callable, Iterable
from typing import NamedTuple
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, load_own, settled, unique_key
from application.provenance import LOCAL, Provenance
from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.times import Seconds
from domain.venues import Minutes, Venue, parse_code
from domain.visits import CLOCK_TOLERANCE


class Venues:
    def __init__(self, log: Log, communes: Callable[[str], bool], now: Callable[[], Seconds]) -> None:
        """``communes`` says whether an official code is that of a commune (or of a district without communes)."""
        self.log = log
        self.communes = communes
        self.now = now

    def register(
        self,
        name: str,
        kind: str,
        *,
        commune: str | None = None,
        code: str | None = None,
        registered_at: Seconds | None = None,
        address: str | None = None,
        default_stay_minutes: Minutes | None = None,
        venue_id: UUID | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Raises Conflict when the code or the id stands for another venue; the same again is found, not made twice."""
        if commune is not None and not self.communes(commune):
            raise Malformed("commune is no code of the official list of November 2021")
        at = self.now() if registered_at is None else registered_at
        if at > self.now() + CLOCK_TOLERANCE:
            raise Refused("the registration lies in the future")
        details = _Details(name, kind, commune, code, address, default_stay_minutes)
        return self._register(details, at, venue_id, uuid4(), by)

    @settled
    def _register(
        self, details: "_Details", at: Seconds, given_id: UUID | None, fresh_id: UUID, by: Provenance
    ) -> Recorded:
        venue = Venue.register(given_id or fresh_id, at=at, **details._asdict())
        holder = None if venue.code is None else self.log.holder(code_key(venue.code))
        if holder is not None and given_id not in (None, holder):
            raise Conflict("that code belongs to another venue already")
        if holder is not None or load_own(self.log, Venue, venue.id) is not None:
            return self._same(holder or venue.id, venue)
        keys = [Key(code_key(venue.code), venue.id.bytes)] if venue.code is not None else []
        return Recorded(venue.id, self.log.save(Draft([venue], keys), by))

    def _same(self, existing: UUID, wanted: Venue) -> Recorded:
        """The same registration again is found, whatever became of the venue since."""
        position = self.log.position_of(existing, 1)
        registered = self.log.load(Venue, existing, position)
        if registered is None or _content(registered) != _content(wanted):
            raise Conflict("that code or id belongs to another venue already")
        return Recorded(existing, position)

    @settled
    def amend(
        self,
        venue: str,
        *,
        name: str | None = None,
        default_stay_minutes: Minutes | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        found = self.get(venue)
        if name is not None:
            found.rename(name, self.now())
        if default_stay_minutes is not None:
            found.change_default_stay(default_stay_minutes, self.now())
        if not found.pending_events:
            return Recorded(found.id, self.log.position_of(found.id, found.version))
        return Recorded(found.id, self.log.save(Draft([found]), by))

    def find(self, name: str) -> UUID | None:
        """The id of the venue with that code or id; None for an unknown one."""
        return self.find_many([name]).get(name)

    def find_many(self, names: Iterable[str]) -> dict[str, UUID]:
        """The ids of those that are known, by the code or id that names them."""
        keys = {name: code_key(parse_code(name)) for name in names}
        holders = self.log.holders(list(keys.values()))
        found = {name: holders[key] for name, key in keys.items() if key in holders}
        ids = {name: venue_id for name in keys.keys() - found.keys() if (venue_id := _as_id(name)) is not None}
        known = self.log.load_many(Venue, ids.values()) if ids else {}
        return found | {name: venue_id for name, venue_id in ids.items() if venue_id in known}

    def get(self, name: str) -> Venue:
        """Raises Unknown."""
        venue_id = self.find(name)
        venue = None if venue_id is None else self.log.load(Venue, venue_id)
        if venue is None:
            raise Unknown("there is no venue with that code or id")
        return venue


class _Details(NamedTuple):
    name: str
    kind: str
    commune: str | None
    code: str | None
    address: str | None
    default_stay_minutes: Minutes | None


def _content(venue: Venue) -> tuple[object, ...]:
    return venue.code, venue.name, venue.kind, venue.commune, venue.address, venue.default_stay_minutes


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def code_key(code: str) -> bytes:
    return unique_key("venue code", code)
