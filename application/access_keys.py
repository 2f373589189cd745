"""Access keys: created, revoked, and known again when they are shown."""

import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from application.callers import Caller, Places, actor_of
from application.log import Draft, Log, Recorded, load_own, settled, unique_key
from application.people import People
from application.provenance import LOCAL, Provenance
from application.recent import Recent
from application.venues import Venues
from domain.access_keys import AccessKey
from domain.errors import Malformed, Refused, Unknown
from domain.guards import Guard
from domain.times import Seconds

MEMORY_SECONDS: Final = 0.5
"""So long a process may go on with what it knows of a key; a revocation is effective everywhere after this time."""

_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(
    r"truyvet_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII
)


class KeyText(NamedTuple):
    """What the holder of a key shows: ``truyvet_<id>_<secret>``. Kept by nobody else."""

    id: UUID
    secret: str

    def __str__(self) -> str:
        return f"truyvet_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.id})"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()


def new_key_text() -> KeyText:
    return KeyText(uuid4(), secrets.token_urlsafe(_SECRET_BYTES))


def read_key_text(text: str) -> KeyText | None:
    found = _TEXT.fullmatch(text)
    return None if found is None else KeyText(UUID(found[1]), found[2])


def guard_stream(key_id: UUID) -> UUID:
    """The stream of a guard's authorisation follows from the key, so that each is found from the other."""
    return UUID(bytes=unique_key("guard", str(key_id)))


class _Held(NamedTuple):
    key: AccessKey
    caller: Caller


class AccessKeys:
    def __init__(
        self,
        log: Log,
        people: People,
        venues: Venues,
        places: Places,
        units: Callable[[str], object | None],
        now: Callable[[], Seconds],
    ) -> None:
        """``units`` gives the unit with an official code, None for an unknown one."""
        self.log = log
        self.people = people
        self.venues = venues
        self.places = places
        self.units = units
        self.now = now
        self._recent = Recent(self._look, MEMORY_SECONDS)

    def create(
        self,
        role: str,
        *,
        venue: str | None = None,
        area: str | None = None,
        expires_at: Seconds | None = None,
        label: str | None = None,
        person: str | None = None,
        text: KeyText | None = None,
        by: Provenance = LOCAL,
    ) -> tuple[Recorded, KeyText]:
        """The key's id and position, and its text, which can be had here and never again.

        ``venue`` and ``person`` by name. Raises Malformed, Refused, and Unknown for a venue that is not there.
        """
        chosen = text or new_key_text()
        venue_id = None if venue is None else self.venues.get(venue).id
        return self._create(role, venue_id, area, expires_at, label, person, chosen, by), chosen

    @settled
    def _create(
        self,
        role: str,
        venue: UUID | None,
        area: str | None,
        expires_at: Seconds | None,
        label: str | None,
        person: str | None,
        text: KeyText,
        by: Provenance,
    ) -> Recorded:
        existing = load_own(self.log, AccessKey, text.id)
        if existing is not None and existing.sha256 == text.sha256:
            return Recorded(text.id, self.log.position_of(text.id, 1))
        draft = Draft()
        holder = None if person is None else self.people.find_or_draft(person, draft)
        self.draft(draft, text, role, venue=venue, area=area, expires_at=expires_at, label=label, person=holder)
        return Recorded(text.id, self.log.save(draft, by))

    def draft(
        self,
        draft: Draft,
        text: KeyText,
        role: str,
        *,
        venue: UUID | None = None,
        area: str | None = None,
        valid_from: Seconds | None = None,
        expires_at: Seconds | None = None,
        label: str | None = None,
        person: UUID | None = None,
    ) -> None:
        """Add a key to what a command records."""
        if area is not None and self.units(area) is None:
            raise Malformed("area is no code of the official list of November 2021")
        draft.streams.append(
            AccessKey.create(
                text.id, role, text.sha256, self.now(), venue=venue, area=area,
                valid_from=valid_from, expires_at=expires_at, label=label, person=person,
            )
        )  # fmt: skip

    @settled
    def revoke(self, key_id: UUID, by: Provenance = LOCAL) -> Recorded:
        """The same again is found; with a guard's key goes the authorisation.

        Raises Unknown, and Refused for the key that asks: it might be the last one.
        """
        if by.actor == actor_of(key_id):
            raise Refused("a key does not revoke itself: use another one, or truyvet keys revoke")
        key, draft = self.get(key_id), Draft()
        if not key.revoke(self.now()):
            return Recorded(key_id, self.log.position_of(key_id, key.version))
        guard = self.log.load(Guard, guard_stream(key_id))
        if guard is not None:
            guard.revoke(self.now())
            draft.streams.append(guard)
        draft.streams.append(key)
        return Recorded(key_id, self.log.save(draft, by))

    def get(self, key_id: UUID) -> AccessKey:
        """Raises Unknown."""
        key = self.log.load(AccessKey, key_id)
        if key is None:
            raise Unknown("there is no access key with that id")
        return key

    def recognise(self, text: str) -> Caller | None:
        """Whose key it is, when that is known without looking in the log; else ``authenticate`` tells."""
        shown = read_key_text(text)
        return None if shown is None else self._admitted(shown, self._recent.known(shown.id))

    def authenticate(self, text: str) -> Caller | None:
        """Whose key it is; None alike for an unknown, wrong, revoked or expired one."""
        shown = read_key_text(text)
        return None if shown is None else self._admitted(shown, self._recent.look_up(shown.id))

    def is_live(self, key_id: UUID) -> bool:
        """For what goes on after its key was shown; no older than what ``recognise`` knows."""
        held = self._recent.get(key_id)
        return held is not None and held.key.is_live(self.now())

    def _admitted(self, shown: KeyText, held: _Held | None) -> Caller | None:
        if held is None or not held.key.admits(shown.sha256, self.now()):
            return None
        return held.caller

    def _look(self, key_id: UUID) -> _Held | None:
        key = self.log.load(AccessKey, key_id)
        if key is None:
            return None
        return _Held(key, Caller(key_id, key.role, key.venue, key.area, key.person, places=self.places))
