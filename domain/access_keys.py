"""An access key: what its holder may do, where and until when. The key's text is nowhere; the hash of it is."""

import hmac
import re
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Malformed, Refused
from domain.times import Seconds, parse_instant, to_datetime, to_text

ROLES: Final = ("admin", "gateway", "guard", "manager", "epidemiologist", "auditor", "caller")

LONGEST_LABEL: Final = 80

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def parse_role(text: str) -> str:
    """Raises Malformed."""
    if text not in ROLES:
        raise Malformed(f"a role is one of {', '.join(ROLES)}")
    return text


class AccessKey(BaseAggregate[UUID]):
    """``role`` is what it may do; bound to a venue or an area (the code of a unit), it reaches nothing else."""

    TOPIC = "AccessKey"

    class Event(AggregateEvent):
        pass

    class Created(Event, AggregateCreated):
        """``label`` says what it is for, ``person`` whose it is, where that is one person.

        It opens something from ``valid_from`` on, at once when that is None.
        """

        TOPIC = "AccessKey.Created"
        role: str
        venue: str | None
        area: str | None
        expires_at: str | None
        sha256: str
        label: str | None
        person: str | None
        valid_from: str | None = None

    class Revoked(Event):
        TOPIC = "AccessKey.Revoked"

        def apply(self, key: "AccessKey") -> None:
            key.revoked = True

    def __init__(
        self,
        role: str,
        venue: str | None,
        area: str | None,
        expires_at: str | None,
        sha256: str,
        label: str | None,
        person: str | None,
        valid_from: str | None,
    ) -> None:
        self.role = role
        self.venue = None if venue is None else UUID(venue)
        self.area = area
        self.expires_at = None if expires_at is None else parse_instant(expires_at)
        self.sha256 = sha256
        self.label = label
        self.person = None if person is None else UUID(person)
        self.valid_from = None if valid_from is None else parse_instant(valid_from)
        self.revoked = False

    @classmethod
    def create(
        cls,
        key_id: UUID,
        role: str,
        sha256: str,
        at: Seconds,
        *,
        venue: UUID | None = None,
        area: str | None = None,
        valid_from: Seconds | None = None,
        expires_at: Seconds | None = None,
        label: str | None = None,
        person: UUID | None = None,
    ) -> "AccessKey":
        """``sha256`` is that of the key's secret, hexadecimal.

        Raises Malformed for a role that is none, Refused for a place that the role cannot have and an end in the past.
        """
        _check_place(parse_role(role), venue, area)
        if not _SHA256.fullmatch(sha256):
            raise Malformed("the hash of a key is a SHA-256")
        if expires_at is not None and expires_at <= at:
            raise Refused("a key expires in the future")
        if expires_at is not None and valid_from is not None and expires_at <= valid_from:
            raise Refused("a key expires after it becomes valid")
        return cls._create(
            cls.Created,
            id=key_id,
            timestamp=to_datetime(at),
            role=role,
            venue=None if venue is None else str(venue),
            area=area,
            expires_at=None if expires_at is None else to_text(expires_at),
            sha256=sha256,
            label=None if label is None else _checked_label(label),
            person=None if person is None else str(person),
            valid_from=None if valid_from is None else to_text(valid_from),
        )

    def revoke(self, at: Seconds) -> bool:
        """True when it was valid until now."""
        if self.revoked:
            return False
        self.trigger_event(self.Revoked, timestamp=to_datetime(at))
        return True

    def is_live(self, at: Seconds) -> bool:
        has_begun = self.valid_from is None or self.valid_from <= at
        return not self.revoked and has_begun and (self.expires_at is None or at < self.expires_at)

    def admits(self, sha256: str, at: Seconds) -> bool:
        """Whether the secret with that hash opens anything at ``at``; takes as long whatever the hash is."""
        return hmac.compare_digest(sha256, self.sha256) and self.is_live(at)


def _check_place(role: str, venue: UUID | None, area: str | None) -> None:
    if venue is not None and area is not None:
        raise Refused("a key is bound to a venue or to an area, not to both")
    match role:
        case "admin" if venue is not None or area is not None:
            raise Refused("an admin's key is bound to no place")
        case "guard" if venue is None:
            raise Refused("a guard's key is bound to a venue")
        case "manager" if venue is None and area is None:
            raise Refused("a manager's key is bound to a venue or an area")


def _checked_label(label: str) -> str:
    if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
        raise Refused(f"a key's label has 1 to {LONGEST_LABEL} printable characters")
    return label
