"""The guards: who was authorised at which venue, since when and until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.guards import Guard
from infrastructure.registers.register import Change, Origin, Register, moment

GuardEvent: TypeAlias = Guard.Authorised | Guard.Revoked


@dataclass(frozen=True, slots=True)
class GuardRow:
    """``phone`` is sealed, ``position`` that of the authorisation."""

    guard_id: UUID
    venue_id: UUID
    person_id: UUID
    phone: str | None
    key_id: UUID
    since: datetime
    until: datetime | None
    authorised_by: str | None
    revoked_at: datetime | None
    revoked_by: str | None
    position: int


PAGE: Final = """
-- Guards in the order of their authorisation, of one venue when it is given.
SELECT guard_id, venue_id, person_id, phone, key_id, since, until, authorised_by, revoked_at, revoked_by, position
FROM guards
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s)
    AND (%(venue)s::uuid IS NULL OR venue_id = %(venue)s)
ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One guard.
SELECT guard_id, venue_id, person_id, phone, key_id, since, until, authorised_by, revoked_at, revoked_by, position
FROM guards WHERE guard_id = %(id)s
"""

AUTHORISE: Final = """
-- A guard is authorised.
INSERT INTO guards (guard_id, venue_id, person_id, phone, key_id, since, until, authorised_by, position)
VALUES (%(guard_id)s, %(venue_id)s, %(person_id)s, %(phone)s, %(key_id)s, %(since)s, %(until)s, %(authorised_by)s,
        %(position)s)
"""

REVOKE: Final = """
-- A guard is one no more.
UPDATE guards SET revoked_at = %(revoked_at)s, revoked_by = %(revoked_by)s WHERE guard_id = %(guard_id)s
"""


class GuardRegister(Register[GuardEvent, GuardRow]):
    table = "guards"
    events = get_args(GuardEvent)
    row = GuardRow
    page_sql = PAGE
    get_sql = GET

    def page(
        self, after: int = 0, limit: int = 100, *, until: int | None = None, venue: UUID | None = None
    ) -> list[GuardRow]:
        return self._rows(self.page_sql, after=after, limit=limit, until=until, venue=venue)

    def change(self, event: GuardEvent, origin: Origin) -> Change:
        guard: dict[str, object] = {"guard_id": origin.stream}
        match event:
            case Guard.Authorised():
                values = {
                    "venue_id": event.venue, "person_id": event.person, "phone": event.phone, "key_id": event.key,
                    "since": moment(event.since), "until": moment(event.until), "authorised_by": origin.actor,
                    "position": origin.position,
                }  # fmt: skip
                return Change(AUTHORISE, guard | values)
            case Guard.Revoked():
                return Change(REVOKE, guard | {"revoked_at": event.timestamp, "revoked_by": origin.actor})
            case _:
                assert_never(event)
