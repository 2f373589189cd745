"""The venues: where people check in, as they are named now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.venues import Minutes, Venue
from infrastructure.registers.register import Change, Origin, Register, plain

VenueEvent: TypeAlias = (
    Venue.Registered
    | Venue.Renamed
    | Venue.DefaultStayChanged
    | Venue.Moved
    | Venue.OpeningHoursChanged
    | Venue.ManagerChanged
    | Venue.Suspended
    | Venue.Reactivated
    | Venue.Closed
)


@dataclass(frozen=True, slots=True)
class VenueRow:
    """``position`` is that of the registration."""

    venue_id: UUID
    code: str | None
    name: str
    kind: str
    commune: str | None
    address: str | None
    latitude: float | None
    longitude: float | None
    default_stay_minutes: Minutes
    opening_hours: str | None
    manager_id: UUID | None
    part_of: UUID | None
    status: str
    status_since: datetime
    registered_at: datetime
    position: int


PAGE: Final = """
-- Venues in the order of their registration; those in a venue, in a commune, of a kind only, when given.
SELECT venue_id, code, name, kind, commune, address, latitude, longitude, default_stay_minutes, opening_hours,
    manager_id, part_of, status, status_since, registered_at, position
FROM venues
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s)
    AND (%(part_of)s::uuid IS NULL OR part_of = %(part_of)s)
    AND (%(commune)s::text IS NULL OR commune = %(commune)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One venue.
SELECT venue_id, code, name, kind, commune, address, latitude, longitude, default_stay_minutes, opening_hours,
    manager_id, part_of, status, status_since, registered_at, position
FROM venues
WHERE venue_id = %(id)s
"""

REGISTER: Final = """
-- A venue is registered.
INSERT INTO venues (venue_id, code, name, kind, commune, address, latitude, longitude, default_stay_minutes,
                    opening_hours, manager_id, part_of, status, status_since, registered_at, position)
VALUES (%(venue_id)s, %(code)s, %(name)s, %(kind)s, %(commune)s, %(address)s, %(latitude)s, %(longitude)s,
        %(default_stay_minutes)s, %(opening_hours)s, %(manager)s, %(part_of)s, 'active', %(registered_at)s,
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

MOVE: Final = """
-- A venue lies elsewhere from now on.
UPDATE venues SET commune = %(commune)s, address = %(address)s, latitude = %(latitude)s, longitude = %(longitude)s
WHERE venue_id = %(venue_id)s
"""

CHANGE_OPENING_HOURS: Final = """
-- A venue is open at other times from now on.
UPDATE venues SET opening_hours = %(opening_hours)s WHERE venue_id = %(venue_id)s
"""

CHANGE_MANAGER: Final = """
-- Another person manages a venue from now on.
UPDATE venues SET manager_id = %(manager)s WHERE venue_id = %(venue_id)s
"""

CHANGE_STATUS: Final = """
-- A venue is suspended, active again, or closed.
UPDATE venues SET status = %(status)s, status_since = %(since)s WHERE venue_id = %(venue_id)s
"""


class VenueRegister(Register[VenueEvent, VenueRow]):
    table = "venues"
    events = get_args(VenueEvent)
    row = VenueRow
    page_sql = PAGE
    get_sql = GET

    def page(
        self, after: int = 0, limit: int = 100, *, until: int | None = None,
        part_of: UUID | None = None, commune: str | None = None, kind: str | None = None,
    ) -> list[VenueRow]:  # fmt: skip
        """``part_of`` has those that lie directly in it."""
        return self._rows(
            self.page_sql, after=after, limit=limit, until=until, part_of=part_of, commune=commune, kind=kind
        )

    def change(self, event: VenueEvent, origin: Origin) -> Change:
        venue: dict[str, object] = {"venue_id": origin.stream}
        match event:
            case Venue.Registered():
                values = {
                    "code": event.code, "name": plain(event.name), "kind": event.kind,
                    "commune": event.commune, "address": plain(event.address),
                    "latitude": event.latitude, "longitude": event.longitude,
                    "default_stay_minutes": event.default_stay_minutes, "opening_hours": event.opening_hours,
                    "manager": event.manager, "part_of": event.part_of,
                    "registered_at": event.timestamp, "position": origin.position,
                }  # fmt: skip
                return Change(REGISTER, venue | values)
            case Venue.Renamed():
                return Change(RENAME, venue | {"name": plain(event.name)})
            case Venue.DefaultStayChanged():
                return Change(CHANGE_DEFAULT_STAY, venue | {"default_stay_minutes": event.default_stay_minutes})
            case Venue.Moved():
                values = {
                    "commune": event.commune, "address": plain(event.address),
                    "latitude": event.latitude, "longitude": event.longitude,
                }  # fmt: skip
                return Change(MOVE, venue | values)
            case Venue.OpeningHoursChanged():
                return Change(CHANGE_OPENING_HOURS, venue | {"opening_hours": event.opening_hours})
            case Venue.ManagerChanged():
                return Change(CHANGE_MANAGER, venue | {"manager": event.manager})
            case Venue.Suspended():
                return Change(CHANGE_STATUS, venue | {"status": "suspended", "since": event.timestamp})
            case Venue.Reactivated():
                return Change(CHANGE_STATUS, venue | {"status": "active", "since": event.timestamp})
            case Venue.Closed():
                return Change(CHANGE_STATUS, venue | {"status": "closed", "since": event.timestamp})
            case _:
                assert_never(event)
