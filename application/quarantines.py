"""Quarantines: assigned, extended, moved, released."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, settled, unique_key
from application.people import Note, People
from application.provenance import LOCAL, Provenance
from application.quarantine_grounds import Basis, measured
from application.sites import get_site
from application.visits import REASON
from domain.adherence import Coordinates, Metres, Spot
from domain.errors import Conflict, Refused, Unknown
from domain.quarantines import HOME, Quarantine, Whereabouts, check_text, parse_quarantine_id
from domain.sites import Site
from domain.times import Seconds
from domain.visits import CLOCK_TOLERANCE

COORDINATES: Final = "coordinates"
"""The sealed field of where somebody is confined, or said to be."""

PLACE: Final = "place"
"""The sealed field of what is said of the place where somebody is confined: at home it is an address."""


@dataclass(frozen=True, slots=True)
class Details:
    """Where somebody is confined, and why; ``kind`` is that of the site, where there is one.

    ``coordinates`` and ``radius`` are those of a home, with which reported positions are compared.
    """

    kind: str | None = None
    place: str | None = None
    site: UUID | None = None
    reason: str | None = None
    coordinates: Coordinates | None = None
    radius: Metres | None = None
    basis: Basis = field(default_factory=Basis)


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
        site: UUID | None = None,
        reason: str | None = None,
        case: UUID | None = None,
        declaration: str | None = None,
        order: str | None = None,
        rules: str | None = None,
        vaccination: str | None = None,
        coordinates: Coordinates | None = None,
        radius: Metres | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Record a quarantine, or find it: by its id, else by person and ``since``. Raises Conflict as visits do.

        Without ``until`` it is open, unless it comes from a case, declaration or order, or names ``rules``.
        """
        basis = Basis(case, declaration, order, rules, vaccination)
        details = Details(kind, place, site, reason, coordinates, radius, basis)
        return self._assign(person, since, until, quarantine_id, uuid4().hex, details, by)

    @settled
    def _assign(
        self,
        person: str,
        since: Seconds,
        until: Seconds | None,
        quarantine_id: str | None,
        fresh_id: str,
        details: Details,
        by: Provenance,
    ) -> Recorded:
        draft = Draft()
        quarantine = self.draft(
            person, since, until, draft, quarantine_id=quarantine_id, fresh_id=fresh_id, details=details
        )
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
        details: Details = Details(),
    ) -> Quarantine:
        """The quarantine, begun or completed in ``draft``; without pending events when nothing is new."""
        named = None if quarantine_id is None else self._named(quarantine_id)
        person_id = self.people.find_or_draft(person, draft)
        key = since_key(person_id, since)
        existing = named or self._holder(key)
        if existing is not None:
            _refuse_another(existing, quarantine_id, person_id, since)
            self._refuse_other_details(existing, details)
            self._refuse_other_spot(existing, details)
            if until is not None or not details.basis.gives_length:
                existing.take(until, self.now())
            draft.streams += self._with_site(existing)
            return existing
        chosen = quarantine_id or fresh_id or uuid4().hex
        quarantine = self._begun(chosen, person_id, since, until, details, draft)
        draft.keys.append(Key(key, quarantine.id.bytes))
        return quarantine

    def _begun(
        self, quarantine_id: str, person: UUID, since: Seconds, until: Seconds | None, details: Details, draft: Draft
    ) -> Quarantine:
        length = measured(self.log, details.basis, person, since, until)
        site = None if details.site is None else self._site(details.site, details.kind)
        kind = details.kind or (site.kind if site is not None else HOME if length.is_at_home else None)
        quarantine = Quarantine.assign(
            quarantine_stream(quarantine_id), quarantine_id, person, since, length.until,
            kind=kind, place=self._sealed_place(person, details.place, draft), site=details.site,
            grounds=length.grounds, reason=self.people.seal_note(person, REASON, details.reason, draft),
            coordinates=self._sealed(person, details.coordinates, draft), radius=details.radius,
        )  # fmt: skip
        if site is not None:
            site.take(quarantine_id, since, length.until, self.now())
            draft.streams.append(site)
        draft.streams.append(quarantine)
        return quarantine

    def _sealed(self, person: UUID, coordinates: Coordinates | None, draft: Draft) -> str | None:
        return self.people.seal_note(person, COORDINATES, None if coordinates is None else str(coordinates), draft)

    def _sealed_place(self, person: UUID, place: str | None, draft: Draft) -> str | None:
        check_text(place)
        return self.people.seal_note(person, PLACE, place, draft)

    def _refuse_other_details(self, existing: Quarantine, details: Details) -> None:
        """As far as any are given, and whatever became of the quarantine since."""
        first = existing.first_whereabouts
        (place,) = opened_places(self.people, [(existing.person, first)])
        given = ((details.kind, first.kind), (details.place, place), (details.site, first.site))
        if any(wanted not in (None, known) for wanted, known in given):
            raise Conflict("the quarantine is already recorded with another kind, place or site")
        if not details.basis.is_that_of(existing.grounds):
            raise Conflict("the quarantine is already recorded with another origin or other rules")

    def _refuse_other_spot(self, existing: Quarantine, details: Details) -> None:
        first = existing.adherence.spots[0]
        is_same = self._are_of(existing.person, first, details.coordinates)
        if not is_same or details.radius not in (None, first.radius):
            raise Conflict("the quarantine is already recorded with other coordinates or another radius")

    def _are_of(self, person: UUID, spot: Spot, coordinates: Coordinates | None) -> bool:
        """Whether these are the coordinates of a spot, or none are given."""
        if coordinates is None:
            return True
        return self.people.notes([Note(person, COORDINATES, spot.coordinates)]) == [str(coordinates)]

    def _site(self, site_id: UUID, kind: str | None) -> Site:
        site = get_site(self.log, site_id)
        if kind not in (None, site.kind):
            raise Refused(f"that site is a {site.kind}")
        return site

    def _with_site(self, quarantine: Quarantine) -> list[Site | Quarantine]:
        """What changes with a quarantine: its site hears until when the place is taken. Raises Refused when full."""
        if quarantine.site is None or not quarantine.pending_events:
            return [quarantine]
        site = get_site(self.log, quarantine.site)
        site.keep(quarantine.quarantine_id, quarantine.here_since, quarantine.until, self.now())
        return [site, quarantine]

    def _named(self, quarantine_id: str) -> Quarantine | None:
        return self.log.load(Quarantine, quarantine_stream(parse_quarantine_id(quarantine_id)))

    def _holder(self, key: bytes) -> Quarantine | None:
        stream = self.log.holder(key)
        return None if stream is None else self.log.load(Quarantine, stream)

    @settled
    def extend(self, quarantine_id: str, until: Seconds | None, by: Provenance = LOCAL) -> Recorded:
        quarantine = self.get(quarantine_id)
        quarantine.extend(until, self.now())
        return self._save(quarantine, Draft([*self._with_site(quarantine)]), by)

    @settled
    def release(self, quarantine_id: str, at: Seconds, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        quarantine = self.get(quarantine_id)
        quarantine.release(at, self.people.seal_note(quarantine.person, REASON, reason, Draft()))
        return self._save(quarantine, Draft([*self._with_site(quarantine)]), by)

    @settled
    def move(
        self,
        quarantine_id: str,
        kind: str,
        *,
        site: UUID | None = None,
        place: str | None = None,
        at: Seconds | None = None,
        reason: str | None = None,
        coordinates: Coordinates | None = None,
        radius: Metres | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """From ``at`` on, or from now; one that has not begun, from its beginning. Both sites hear of it."""
        quarantine, now = self.get(quarantine_id), self.now()
        if at is not None and at > now + CLOCK_TOLERANCE:
            raise Refused("the move lies in the future")
        left, moved_at = quarantine.site, max(now, quarantine.since) if at is None else at
        there = None if site is None else self._site(site, kind)
        known = self._known_spot(quarantine, Whereabouts(kind, place, site), moved_at)
        if known is not None and self._are_of(quarantine.person, known, coordinates):
            return self._save(quarantine, Draft(), by)
        quarantine.move(
            kind, moved_at, place=self._sealed_place(quarantine.person, place, Draft()), site=site,
            reason=self.people.seal_note(quarantine.person, REASON, reason, Draft()),
            coordinates=self._sealed(quarantine.person, coordinates, Draft()), radius=radius,
        )  # fmt: skip
        sites: list[Site] = []
        if left != site:
            if left is not None:
                sites.append(get_site(self.log, left))
                sites[0].free(quarantine_id, moved_at, now)
            if there is not None:
                sites.append(there)
                there.take(quarantine_id, moved_at, quarantine.until, now)
        return self._save(quarantine, Draft([*sites, quarantine]), by)

    def _known_spot(self, quarantine: Quarantine, wanted: Whereabouts, at: Seconds) -> Spot | None:
        """Where they are now, or were moved at that instant, if that is what is wanted, as anybody may say it."""
        known = quarantine.known_at(at)
        places = opened_places(self.people, [(quarantine.person, there) for there, _ in known])
        told = [there._replace(place=place, sealed_place=None) for (there, _), place in zip(known, places, strict=True)]
        return next((spot for there, (_, spot) in zip(told, known, strict=True) if there == wanted), None)

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


def opened_places(people: People, told: Iterable[tuple[UUID, Whereabouts]]) -> list[str | None]:
    """What was said of the places of people; nothing of those who were forgotten, or for those who may not know it."""
    asked = list(told)
    opened = people.notes(Note(person, PLACE, there.sealed_place) for person, there in asked)
    return [
        there.place if there.sealed_place is None else place for (_, there), place in zip(asked, opened, strict=True)
    ]


def quarantine_stream(quarantine_id: str) -> UUID:
    """The stream of a quarantine follows from its id, so that the id is unique without a key of its own."""
    return UUID(bytes=unique_key("quarantine", quarantine_id))
