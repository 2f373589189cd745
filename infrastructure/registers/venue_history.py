"""The history of venues: where each lay since when, and when it was closed, as known at any position."""

from collections.abc import Sequence
from typing import Final, TypeAlias, assert_never, get_args

from psycopg.rows import scalar_row

from domain.adoption import CLOSED, MOVED, REGISTERED, VenueFact
from domain.times import Seconds, to_datetime
from domain.venues import Venue
from infrastructure.registers.register import Change, Origin, Register

PlacingEvent: TypeAlias = Venue.Registered | Venue.Moved | Venue.Closed

PAGE: Final = """
-- What became of venues, in the order in which it was recorded.
SELECT position, venue_id AS venue, kind, extract(epoch FROM happened_at)::bigint AS happened_at, commune
FROM venue_history
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- What was recorded of a venue last.
SELECT position, venue_id AS venue, kind, extract(epoch FROM happened_at)::bigint AS happened_at, commune
FROM venue_history WHERE venue_id = %(id)s ORDER BY position DESC LIMIT 1
"""

OF_COMMUNES: Final = """
-- What became of all venues that ever lay in some communes, as known at a position, in the order in which it happened.
SELECT position, venue_id AS venue, kind, extract(epoch FROM happened_at)::bigint AS happened_at, commune
FROM venue_history
WHERE position <= %(position)s AND venue_id IN (
    SELECT venue_id FROM venue_history
    WHERE commune = ANY(%(communes)s) AND kind <> 'closed' AND position <= %(position)s
)
ORDER BY happened_at, position
"""

OUTSIDE: Final = """
-- How many venues were open and lay in no commune just before an instant, as known at a position.
SELECT count(*) FROM (
    SELECT (array_agg(commune ORDER BY kind = 'moved' DESC, happened_at DESC, position DESC)
        FILTER (WHERE kind <> 'closed'))[1] AS commune
    FROM venue_history
    WHERE position <= %(position)s AND happened_at < %(instant)s
        AND venue_id IN (SELECT venue_id FROM venue_history WHERE commune IS NULL AND kind <> 'closed')
    GROUP BY venue_id HAVING bool_or(kind = 'registered') AND NOT bool_or(kind = 'closed')
) AS open_venues WHERE commune IS NULL
"""

ADD: Final = """
-- Something became of a venue.
INSERT INTO venue_history (position, venue_id, kind, happened_at, commune)
VALUES (%(position)s, %(venue_id)s, %(kind)s, %(happened_at)s, %(commune)s)
"""


class VenueHistory(Register[PlacingEvent, VenueFact]):
    table = "venue_history"
    events = get_args(PlacingEvent)
    row = VenueFact
    page_sql = PAGE
    get_sql = GET

    def of_communes(self, communes: Sequence[str], position: int) -> list[VenueFact]:
        """All that was known at ``position`` of the venues that ever lay there, in the order in which it happened."""
        return self._rows(OF_COMMUNES, communes=list(communes), position=position)

    def outside(self, instant: Seconds, position: int) -> int:
        """How many venues, as known at ``position``, were open and lay in no commune just before ``instant``."""
        values = {"instant": to_datetime(instant), "position": position}
        with self.database.get_connection() as connection, connection.cursor(row_factory=scalar_row) as rows:
            return int(rows.execute(OUTSIDE.encode(), values, prepare=True).fetchone() or 0)

    def change(self, event: PlacingEvent, origin: Origin) -> Change:
        match event:
            case Venue.Registered():
                return _added(event, origin, REGISTERED, event.commune)
            case Venue.Moved():
                return _added(event, origin, MOVED, event.commune)
            case Venue.Closed():
                return _added(event, origin, CLOSED, None)
            case _:
                assert_never(event)


def _added(event: PlacingEvent, origin: Origin, kind: str, commune: str | None) -> Change:
    values = {
        "position": origin.position, "venue_id": origin.stream, "kind": kind, "happened_at": event.timestamp,
        "commune": commune,
    }  # fmt: skip
    return Change(ADD, values)
