"""Guards: authorised at a venue together with a key, revoked together with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from application.access_keys import AccessKeys, KeyText, guard_stream, new_key_text
from application.log import Draft, Log, Recorded, load_own, settled
from application.people import People
from application.provenance import LOCAL, Provenance
from application.venues import Venues
from domain.errors import Refused, Unknown
from domain.guards import Guard
from domain.people import parse_identity
from domain.times import Seconds

PHONE = "guard's phone"
"""The sealed field of the number by which a guard was authorised."""


class Listed(Protocol):
    @property
    def guard_id(self) -> UUID: ...
    @property
    def person_id(self) -> UUID: ...
    @property
    def phone(self) -> str | None: ...


class _Wanted(NamedTuple):
    venue: UUID
    name: str
    since: Seconds | None
    until: Seconds | None


class Guards:
    def __init__(
        self, log: Log, people: People, venues: Venues, access_keys: AccessKeys, now: Callable[[], Seconds]
    ) -> None:
        self.log = log
        self.people = people
        self.venues = venues
        self.access_keys = access_keys
        self.now = now

    def authorise(
        self,
        venue: str,
        name: str,
        *,
        since: Seconds | None = None,
        until: Seconds | None = None,
        text: KeyText | None = None,
        by: Provenance = LOCAL,
    ) -> tuple[Recorded, KeyText]:
        """The authorisation's id and position, and the text of its key, which can be had here and never again.

        From now on when ``since`` is left out. Raises Malformed, Refused, and Unknown for a venue that is not there.
        """
        found, chosen = self.venues.get(venue), text or new_key_text()
        if found.closed_at is not None:
            raise Refused("the venue is closed for good")
        return self._authorise(_Wanted(found.id, name, since, until), chosen, by), chosen

    @settled
    def _authorise(self, wanted: _Wanted, text: KeyText, by: Provenance) -> Recorded:
        guard_id, now, draft = guard_stream(text.id), self.now(), Draft()
        if load_own(self.log, Guard, guard_id) is not None:
            return Recorded(guard_id, self.log.position_of(guard_id, 1))
        person = self.people.find_or_draft(wanted.name, draft)
        phone = self.people.seal_note(person, PHONE, _phone(wanted.name), draft)
        since = now if wanted.since is None else wanted.since
        guard = Guard.authorise(guard_id, wanted.venue, person, phone, text.id, since, wanted.until, now)
        self.access_keys.draft(
            draft, text, "guard", venue=wanted.venue, person=person,
            valid_from=since if since > now else None, expires_at=wanted.until,
        )  # fmt: skip
        draft.streams.append(guard)
        return Recorded(guard_id, self.log.save(draft, by))

    def revoke(self, venue: str, guard_id: UUID, by: Provenance = LOCAL) -> Recorded:
        """The same again is found. Raises Unknown, also for a guard of another venue."""
        guard = self.get(guard_id)
        if guard.venue != self.venues.get(venue).id:
            raise _unknown()
        return Recorded(guard_id, self.access_keys.revoke(guard.key, by).position)

    def get(self, guard_id: UUID) -> Guard:
        """Raises Unknown."""
        guard = self.log.load(Guard, guard_id)
        if guard is None:
            raise _unknown()
        return guard

    def phones(self, listed: Sequence[Listed]) -> Mapping[UUID, str]:
        """The numbers by which they were authorised, by the guards' ids; none of who is forgotten."""
        sealed = [(guard.guard_id, guard.person_id, guard.phone) for guard in listed if guard.phone is not None]
        secrets = self.people.vault.secrets({person for _, person, _ in sealed})
        return {
            guard_id: self.people.vault.open(secrets[person], PHONE, phone)
            for guard_id, person, phone in sealed
            if person in secrets
        }


def _unknown() -> Unknown:
    return Unknown("the venue has no guard with that id")


def _phone(name: str) -> str | None:
    identity = None if name.startswith("id:") else parse_identity(name)
    return identity.value if identity is not None and identity.scheme == "phone" else None
