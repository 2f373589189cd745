"""The quarantines: who is confined since when, until when, where."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.quarantines import Quarantine
from infrastructure.registers.register import Change, Origin, Register, moment, plain

QuarantineEvent: TypeAlias = Quarantine.Assigned | Quarantine.Extended | Quarantine.Released | Quarantine.Withdrawn


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """``position`` is that of the assignment; ``released`` when ``until`` is that of a release."""

    stream: UUID
    quarantine_id: str
    person_id: UUID
    since: datetime
    until: datetime | None
    kind: str | None
    place: str | None
    released: bool
    withdrawn: bool
    position: int


PAGE: Final = """
-- Quarantines in the order of their assignment.
SELECT stream, quarantine_id, person_id, since, until, kind, place, released, withdrawn, position FROM quarantines
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One quarantine, by the id that answers give.
SELECT stream, quarantine_id, person_id, since, until, kind, place, released, withdrawn, position FROM quarantines
WHERE quarantine_id = %(id)s
"""

OF_PERSON: Final = """
-- The quarantines of one person, first assigned first.
SELECT stream, quarantine_id, person_id, since, until, kind, place, released, withdrawn, position FROM quarantines
WHERE person_id = %(person_id)s ORDER BY position
"""

ASSIGN: Final = """
-- A quarantine is assigned.
INSERT INTO quarantines (stream, quarantine_id, person_id, since, until, kind, place, position)
VALUES (%(stream)s, %(quarantine_id)s, %(person_id)s, %(since)s, %(until)s, %(kind)s, %(place)s, %(position)s)
"""

CLOSE: Final = """
-- A quarantine ends then, or is open again.
UPDATE quarantines SET until = %(until)s, released = %(released)s WHERE stream = %(stream)s
"""

WITHDRAW: Final = """
-- A quarantine should never have been recorded.
UPDATE quarantines SET withdrawn = true WHERE stream = %(stream)s
"""


class QuarantineRegister(Register[QuarantineEvent, QuarantineRow]):
    table = "quarantines"
    events = get_args(QuarantineEvent)
    row = QuarantineRow
    page_sql = PAGE
    get_sql = GET

    def of_person(self, person_id: UUID) -> list[QuarantineRow]:
        return self._rows(OF_PERSON, person_id=person_id)

    def change(self, event: QuarantineEvent, origin: Origin) -> Change:
        stream = {"stream": origin.stream}
        match event:
            case Quarantine.Assigned():
                values = {
                    "quarantine_id": event.quarantine_id, "person_id": UUID(event.person),
                    "since": moment(event.since), "until": moment(event.until),
                    "kind": plain(event.kind), "place": plain(event.place), "position": origin.position,
                }  # fmt: skip
                return Change(ASSIGN, stream | values)
            case Quarantine.Extended():
                return Change(CLOSE, stream | {"until": moment(event.until), "released": False})
            case Quarantine.Released():
                return Change(CLOSE, stream | {"until": moment(event.until), "released": True})
            case Quarantine.Withdrawn():
                return Change(WITHDRAW, stream)
            case _:
                assert_never(event)
