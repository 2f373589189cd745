"""The sites of quarantine, with their capacity and cameras; the register of quarantines knows who is there."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.sites import Site
from infrastructure.registers.register import Change, Origin, Register, plain

SiteEvent: TypeAlias = Site.Registered | Site.CapacityChanged | Site.CamerasReported | Site.Closed


@dataclass(frozen=True, slots=True)
class SiteRow:
    """``position`` is that of the registration."""

    site_id: UUID
    name: str
    kind: str
    commune: str
    capacity: int
    venue_id: UUID | None
    latitude: float | None
    longitude: float | None
    cameras_registered: int
    cameras_connected: int
    closed_at: datetime | None
    position: int


PAGE: Final = """
-- Sites in the order of their registration.
SELECT site_id, name, kind, commune, capacity, venue_id, latitude, longitude, cameras_registered, cameras_connected,
    closed_at, position
FROM sites
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One site.
SELECT site_id, name, kind, commune, capacity, venue_id, latitude, longitude, cameras_registered, cameras_connected,
    closed_at, position
FROM sites WHERE site_id = %(id)s
"""

OF_COMMUNES: Final = """
-- The sites in some communes that were registered up to a position.
SELECT site_id FROM sites WHERE commune = ANY(%(communes)s) AND position <= %(until)s ORDER BY position
"""

REGISTER: Final = """
-- A site is registered.
INSERT INTO sites (site_id, name, kind, commune, capacity, venue_id, latitude, longitude, position)
VALUES (%(site_id)s, %(name)s, %(kind)s, %(commune)s, %(capacity)s, %(venue_id)s, %(latitude)s, %(longitude)s,
    %(position)s)
"""

CHANGE_CAPACITY: Final = """
-- A site takes so many from now on.
UPDATE sites SET capacity = %(capacity)s WHERE site_id = %(site_id)s
"""

REPORT_CAMERAS: Final = """
-- A site has so many cameras now.
UPDATE sites SET cameras_registered = %(registered)s, cameras_connected = %(connected)s WHERE site_id = %(site_id)s
"""

CLOSE: Final = """
-- A site is no more.
UPDATE sites SET closed_at = %(closed_at)s WHERE site_id = %(site_id)s
"""


class SiteRegister(Register[SiteEvent, SiteRow]):
    table = "sites"
    events = get_args(SiteEvent)
    row = SiteRow
    page_sql = PAGE
    get_sql = GET

    def of_communes(self, communes: Collection[str], until: int) -> list[UUID]:
        """The ids of those that were registered there up to a position."""
        with self.database.get_connection() as connection:
            rows = connection.execute(OF_COMMUNES.encode(), {"communes": list(communes), "until": until}, prepare=True)
            return [row["site_id"] for row in rows]

    def change(self, event: SiteEvent, origin: Origin) -> Change:
        site: dict[str, object] = {"site_id": origin.stream}
        match event:
            case Site.Registered():
                values = {
                    "name": plain(event.name), "kind": event.kind, "commune": event.commune,
                    "capacity": event.capacity, "venue_id": event.venue, "latitude": event.latitude,
                    "longitude": event.longitude, "position": origin.position,
                }  # fmt: skip
                return Change(REGISTER, site | values)
            case Site.CapacityChanged():
                return Change(CHANGE_CAPACITY, site | {"capacity": event.capacity})
            case Site.CamerasReported():
                return Change(REPORT_CAMERAS, site | {"registered": event.registered, "connected": event.connected})
            case Site.Closed():
                return Change(CLOSE, site | {"closed_at": event.timestamp})
            case _:
                assert_never(event)
