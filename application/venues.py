"""Venues: registered, amended, suspended, reactivated, closed; named by id or by code."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypedDict, Unpack
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, load_own, settled, unique_key
from application.people import People
from application.provenance import LOCAL, Provenance
from domain.errors import Conflict, Refused, Unknown
from domain.times import Seconds
from domain.venues import Minutes, Place, Venue, parse_code
from domain.visits import CLOCK_TOLERANCE


class Changes(TypedDict, total=False):
    """What an amendment changes; None makes it unknown again, where it may be unknown."""

    name: str
    default_stay_minutes: Minutes
    commune: str
    address: str | None
    latitude: float | None
    longitude: float | None
    opening_hours: str | None
    manager: str | None


class Venues:
    def __init__(self, log: Log, people: People, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
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
        latitude: float | None = None,
        longitude: float | None = None,
        default_stay_minutes: Minutes | None = None,
        opening_hours: str | None = None,
        manager: str | None = None,
        part_of: str | None = None,
        venue_id: UUID | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Raises Conflict when the code or the id stands for another venue; the same again is found, not made twice.

        ``manager`` names a person, ``part_of`` the venue in which this one lies. Raises Unknown for a venue there.
        """
        self.people.check_commune(commune)
        at = self.now() if registered_at is None else registered_at
        if at > self.now() + CLOCK_TOLERANCE:
            raise Refused("the registration lies in the future")
        details = _Details(name, kind, commune, code, address, latitude, longitude, default_stay_minutes, opening_hours)
        return self._register(details, manager, part_of, at, venue_id, uuid4(), by)

    @settled
    def _register(
        self,
        details: "_Details",
        manager: str | None,
        part_of: str | None,
        at: Seconds,
        given_id: UUID | None,
        fresh_id: UUID,
        by: Provenance,
    ) -> Recorded:
        venue_id = given_id or fresh_id
        holder = None if details.code is None else self.log.holder(code_key(parse_code(details.code)))
        if holder is not None and given_id not in (None, holder):
            raise Conflict("that code belongs to another venue already")
        self._refuse_another_name(venue_id, details.code)
        is_there = holder is not None or load_own(self.log, Venue, venue_id) is not None
        draft = Draft()
        venue = Venue.register(
            venue_id,
            at=at,
            **details._asdict(),
            manager=None if manager is None else self.people.find_or_draft(manager, draft),
            part_of=None if part_of is None else self.get(part_of).id,
        )
        if is_there:  # looked up before the manager, whom a twin of this may have registered in between
            return self._same(holder or venue_id, venue)
        draft.streams.append(venue)
        if venue.code is not None:
            draft.keys.append(Key(code_key(venue.code), venue.id.bytes))
        return Recorded(venue.id, self.log.save(draft, by))

    def _refuse_another_name(self, venue_id: UUID, code: str | None) -> None:
        """Raises Conflict when the id is another venue's code, or the code another venue's id."""
        holder = self.log.holder(code_key(str(venue_id)))
        named = None if code is None else _as_id(code)
        if holder not in (None, venue_id) or (
            named not in (None, venue_id) and self.log.load(Venue, named) is not None
        ):
            raise Conflict("that code or id belongs to another venue already")

    def _same(self, existing: UUID, wanted: Venue) -> Recorded:
        """The same registration again is found, whatever became of the venue since."""
        position = self.log.position_of(existing, 1)
        registered = self.log.load(Venue, existing, position)
        if registered is None or _content(registered) != _content(wanted):
            raise Conflict("that code or id belongs to another venue already")
        return Recorded(existing, position)

    @settled
    def amend(self, venue: str, *, by: Provenance = LOCAL, **changes: Unpack[Changes]) -> Recorded:
        """Change what is given; another commune, address or coordinates are a move."""
        self.people.check_commune(changes.get("commune"))
        found, draft, now = self.get(venue), Draft(), self.now()
        if "name" in changes:
            found.rename(changes["name"], now)
        if "default_stay_minutes" in changes:
            found.change_default_stay(changes["default_stay_minutes"], now)
        found.move(_moved(found.place, changes), now)
        if "opening_hours" in changes:
            found.change_opening_hours(changes["opening_hours"], now)
        if "manager" in changes:
            name = changes["manager"]
            found.change_manager(None if name is None else self.people.find_or_draft(name, draft), now)
        return self._save(found, draft, by)

    @settled
    def suspend(self, venue: str, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        found = self.get(venue)
        found.suspend(at, self.now())
        return self._save(found, Draft(), by)

    @settled
    def reactivate(self, venue: str, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        found = self.get(venue)
        found.reactivate(at, self.now())
        return self._save(found, Draft(), by)

    @settled
    def close(self, venue: str, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        """What lies in the venue is not closed with it."""
        found = self.get(venue)
        found.close(at, self.now())
        return self._save(found, Draft(), by)

    def _save(self, venue: Venue, draft: Draft, by: Provenance) -> Recorded:
        if not venue.pending_events:
            return Recorded(venue.id, self.log.position_of(venue.id, venue.version))
        draft.streams.append(venue)
        return Recorded(venue.id, self.log.save(draft, by))

    def find(self, name: str) -> UUID | None:
        """The id of the venue with that code or id; None for an unknown one."""
        return self.find_many([name]).get(name)

    def find_many(self, names: Iterable[str]) -> dict[str, UUID]:
        """The ids of those that are known, by the code or id that names them.

        An id comes before a code that looks like it: nobody takes over a venue by the choice of a code.
        """
        by_id, by_code = self._named(names)
        return by_code | {name: venue.id for name, venue in by_id.items()}

    def load_known(self, names: Iterable[str]) -> dict[str, Venue]:
        """The same, loaded."""
        by_id, by_code = self._named(names)
        venues = self.log.load_many(Venue, set(by_code.values())) if by_code else {}
        return by_id | {name: venues[venue_id] for name, venue_id in by_code.items()}

    def _named(self, names: Iterable[str]) -> tuple[dict[str, Venue], dict[str, UUID]]:
        """Those whose id it is, which had to be loaded to know that; those whose code it is."""
        codes = {name: parse_code(name) for name in names}
        ids = {name: venue_id for name in codes if (venue_id := _as_id(name)) is not None}
        venues = self.log.load_many(Venue, set(ids.values())) if ids else {}
        by_id = {name: venues[venue_id] for name, venue_id in ids.items() if venue_id in venues}
        keys = {name: code_key(code) for name, code in codes.items() if name not in by_id}
        holders = self.log.holders(list(keys.values())) if keys else {}
        return by_id, {name: holders[key] for name, key in keys.items() if key in holders}

    def get(self, name: str) -> Venue:
        """Raises Unknown."""
        venue = self.load_known([name]).get(name)
        if venue is None:
            raise unknown_venue()
        return venue


class _Details(NamedTuple):
    name: str
    kind: str
    commune: str | None
    code: str | None
    address: str | None
    latitude: float | None
    longitude: float | None
    default_stay_minutes: Minutes | None
    opening_hours: str | None


def _content(venue: Venue) -> tuple[object, ...]:
    return (
        venue.code, venue.name, venue.kind, venue.place, venue.default_stay_minutes, venue.opening_hours,
        venue.manager, venue.part_of,
    )  # fmt: skip


def _moved(place: Place, changes: Changes) -> Place:
    return Place(
        changes.get("commune", place.commune),
        changes.get("address", place.address),
        changes.get("latitude", place.latitude),
        changes.get("longitude", place.longitude),
    )


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def unknown_venue() -> Unknown:
    return Unknown("there is no venue with that code or id")


def code_key(code: str) -> bytes:
    return unique_key("venue code", code)
