"""The breaches of quarantines: what was raised, on what evidence, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.quarantines import Quarantine
from infrastructure.registers.register import Change, Origin, Register, moment

BreachEvent: TypeAlias = Quarantine.Breached | Quarantine.BreachDismissed


@dataclass(frozen=True, slots=True)
class BreachRow:
    """``position`` is that of the breach, ``changed`` that at which it came to be as it is; ``dismissed`` says why."""

    stream: UUID
    number: int
    person_id: UUID
    kind: str
    at: datetime
    visit_id: str | None
    venue_id: UUID | None
    distance_metres: int | None
    dismissed: str | None
    changed: int
    position: int


PAGE: Final = """
-- Breaches in the order in which they were raised.
SELECT stream, number, person_id, kind, at, visit_id, venue_id, distance_metres, dismissed, changed, position
FROM breaches
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One breach, by its position.
SELECT stream, number, person_id, kind, at, visit_id, venue_id, distance_metres, dismissed, changed, position
FROM breaches WHERE position = %(id)s
"""

NEWS: Final = """
-- Breaches in the order in which they came to be as they are.
SELECT stream, number, person_id, kind, at, visit_id, venue_id, distance_metres, dismissed, changed, position
FROM breaches WHERE changed > %(after)s AND changed <= %(until)s ORDER BY changed LIMIT %(limit)s
"""

RAISE: Final = """
-- A quarantine is broken.
INSERT INTO breaches (stream, number, person_id, kind, at, visit_id, venue_id, distance_metres, changed, position)
VALUES (%(stream)s, %(number)s, %(person_id)s, %(kind)s, %(at)s, %(visit_id)s, %(venue_id)s, %(distance_metres)s,
    %(changed)s, %(changed)s)
"""

DISMISS: Final = """
-- A breach was none.
UPDATE breaches SET dismissed = %(why)s, changed = %(changed)s WHERE stream = %(stream)s AND number = %(number)s
"""


class BreachRegister(Register[BreachEvent, BreachRow]):
    table = "breaches"
    events = get_args(BreachEvent)
    row = BreachRow
    page_sql = PAGE
    get_sql = GET

    def news(self, after: int, limit: int, *, until: int) -> list[BreachRow]:
        """At most ``limit`` breaches that were raised or dismissed at positions in ``(after, until]``."""
        return self._rows(NEWS, after=after, limit=limit, until=until)

    def change(self, event: BreachEvent, origin: Origin) -> Change:
        breach = {"stream": origin.stream, "number": event.number, "changed": origin.position}
        match event:
            case Quarantine.Breached():
                values = {
                    "person_id": event.person, "kind": event.kind, "at": moment(event.at),
                    "visit_id": event.visit_id, "venue_id": event.venue, "distance_metres": event.distance_metres,
                }  # fmt: skip
                return Change(RAISE, breach | values)
            case Quarantine.BreachDismissed():
                return Change(DISMISS, breach | {"why": event.why})
            case _:
                assert_never(event)
