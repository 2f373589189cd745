"""The access keys: whose they are, what for, until when. Of the keys themselves nothing is here, not even the hash."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.access_keys import AccessKey
from domain.times import from_datetime, to_text
from infrastructure.registers.register import Change, Origin, Register, moment, plain

AccessKeyEvent: TypeAlias = AccessKey.Created | AccessKey.Revoked


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """``position`` is that of the creation."""

    key_id: UUID
    role: str
    venue_id: UUID | None
    area: str | None
    valid_from: datetime | None
    expires_at: datetime | None
    label: str | None
    person_id: UUID | None
    created_at: datetime
    created_by: str | None
    revoked_at: datetime | None
    revoked_by: str | None
    position: int

    def as_dict(self, person: str | None) -> dict[str, Any]:
        """The key as it is listed; ``person`` is what its holder is called."""
        return {
            "key_id": str(self.key_id),
            "role": self.role,
            "venue_id": None if self.venue_id is None else str(self.venue_id),
            "area": self.area,
            "valid_from": _text(self.valid_from),
            "expires_at": _text(self.expires_at),
            "label": self.label,
            "person": person,
            "person_id": None if self.person_id is None else str(self.person_id),
            "created_at": _text(self.created_at),
            "created_by": self.created_by,
            "revoked_at": _text(self.revoked_at),
            "revoked_by": self.revoked_by,
            "position": self.position,
        }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(from_datetime(moment))


PAGE: Final = """
-- Access keys in the order of their creation.
SELECT key_id, role, venue_id, area, valid_from, expires_at, label, person_id, created_at, created_by, revoked_at,
    revoked_by, position
FROM access_keys
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One access key.
SELECT key_id, role, venue_id, area, valid_from, expires_at, label, person_id, created_at, created_by, revoked_at,
    revoked_by, position
FROM access_keys WHERE key_id = %(id)s
"""

LIVE: Final = """
-- The keys of a role that still open something.
SELECT key_id, role, venue_id, area, valid_from, expires_at, label, person_id, created_at, created_by, revoked_at,
    revoked_by, position
FROM access_keys
WHERE role = %(role)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY position
"""

CREATE: Final = """
-- An access key is created.
INSERT INTO access_keys (key_id, role, venue_id, area, valid_from, expires_at, label, person_id, created_at,
    created_by, position)
VALUES (%(key_id)s, %(role)s, %(venue_id)s, %(area)s, %(valid_from)s, %(expires_at)s, %(label)s, %(person_id)s,
    %(created_at)s, %(created_by)s, %(position)s)
"""

REVOKE: Final = """
-- An access key opens nothing any more.
UPDATE access_keys SET revoked_at = %(revoked_at)s, revoked_by = %(revoked_by)s WHERE key_id = %(key_id)s
"""


class AccessKeyRegister(Register[AccessKeyEvent, AccessKeyRow]):
    table = "access_keys"
    events = get_args(AccessKeyEvent)
    row = AccessKeyRow
    page_sql = PAGE
    get_sql = GET

    def live(self, role: str) -> list[AccessKeyRow]:
        """Those of a role that are neither revoked nor expired."""
        return self._rows(LIVE, role=role)

    def change(self, event: AccessKeyEvent, origin: Origin) -> Change:
        match event:
            case AccessKey.Created():
                values = {
                    "key_id": origin.stream, "role": event.role, "venue_id": event.venue, "area": event.area,
                    "valid_from": moment(event.valid_from), "expires_at": moment(event.expires_at),
                    "label": plain(event.label), "person_id": event.person, "created_at": event.timestamp,
                    "created_by": origin.actor, "position": origin.position,
                }  # fmt: skip
                return Change(CREATE, values)
            case AccessKey.Revoked():
                values = {"key_id": origin.stream, "revoked_at": event.timestamp, "revoked_by": origin.actor}
                return Change(REVOKE, values)
            case _:
                assert_never(event)
