"""The venues: where people check in, as they are named now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.venues import Minutes, Venue
from infrastructure.registers.register import Change, Origin, Register, plain

VenueEvent: TypeAlias = Venue.Registered | Venue.Renamed | Venue.DefaultStayChanged


@dataclass(frozen=True, slots=True)
class VenueRow:
    """``position`` is that of the registration."""

    venue_id: UUID
    code: str | None
    name: str
    kind: str
    commune: str | None
    address: str | None
    default_stay_minutes: Minutes
    registered_at: datetime
    position: int


PAGE: Final = """
-- Venues in the order of their registration.
SELECT venue_id, code, name, kind, commune, address, default_stay_minutes, registered_at, position FROM venues
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One venue.
SELECT venue_id, code, name, kind, commune, address, default_stay_minutes, registered_at, position FROM venues
WHERE venue_id = %(id)s
"""

REGISTER: Final = """
-- A venue is registered.
INSERT INTO venues (venue_id, code, name, kind, commune, address, default_stay_minutes, registered_at, position)
VALUES (%(venue_id)s, %(code)s, %(name)s, %(kind)s, %(commune)s, %(address)s, %(default_stay_minutes)s,
        %(registered_at)s, %(position)s)
"""

RENAME: Final = """
-- A venue has another name from now on.
UPDATE venues SET name = %(name)s WHERE venue_id = %(venue_id)s
"""

CHANGE_DEFAULT_STAY: Final = """
-- Visits to a venue last this long from now on when their check-out is unknown.
UPDATE venues SET default_stay_minutes = %(default_stay_minutes)s WHERE venue_id = %(venue_id)s
"""


class VenueRegister(Register[VenueEvent, VenueRow]):
    table = "venues"
    events = get_args(VenueEvent)
    row = VenueRow
    page_sql = PAGE
    get_sql = GET

    def change(self, event: VenueEvent, origin: Origin) -> Change:
        match event:
            case Venue.Registered():
                values = {
                    "venue_id": origin.stream, "code": event.code, "name": plain(event.name), "kind": event.kind,
                    "commune": event.commune, "address": plain(event.address),
                    "default_stay_minutes": event.default_stay_minutes, "registered_at": event.timestamp,
                    "position": origin.position,
                }  # fmt: skip
                return Change(REGISTER, values)
            case Venue.Renamed():
                return Change(RENAME, {"venue_id": origin.stream, "name": plain(event.name)})
            case Venue.DefaultStayChanged():
                minutes = event.default_stay_minutes
                return Change(CHANGE_DEFAULT_STAY, {"venue_id": origin.stream, "default_stay_minutes": minutes})
            case _:
                assert_never(event)
