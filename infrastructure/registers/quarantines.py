"""The quarantines: who is confined since when, until when, where."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from psycopg.rows import class_row

from application.adherence import Confined
from domain.quarantines import Quarantine, Whereabouts
from domain.times import Seconds, to_datetime
from infrastructure.registers.register import Change, Origin, Register, moment, plain

QuarantineEvent: TypeAlias = (
    Quarantine.Assigned | Quarantine.Extended | Quarantine.Released | Quarantine.Moved | Quarantine.Withdrawn
    | Quarantine.Completed
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """``position`` is that of the assignment; ``released`` when ``until`` is that of a release, ``completed`` when it
    has come; ``breaches`` are those that stand; ``place`` as in Whereabouts."""

    stream: UUID
    quarantine_id: str
    person_id: UUID
    since: datetime
    until: datetime | None
    kind: str | None
    place: str | None
    sealed_place: str | None
    site_id: UUID | None
    origin: str | None
    origin_id: str | None
    level: int | None
    rules: str | None
    vaccination: str | None
    released: bool
    withdrawn: bool
    completed: bool
    position: int
    breaches: int

    @property
    def whereabouts(self) -> Whereabouts:
        return Whereabouts(self.kind, self.place, self.site_id, self.sealed_place)


PAGE: Final = """
-- Quarantines in the order of their assignment.
SELECT stream, quarantine_id, person_id, since, until, kind, place, sealed_place, site_id, origin, origin_id, level,
    rules, vaccination, released, withdrawn, completed, position,
    (SELECT count(*) FROM breaches WHERE breaches.stream = quarantines.stream AND dismissed IS NULL) AS breaches
FROM quarantines
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One quarantine, by the id that answers give.
SELECT stream, quarantine_id, person_id, since, until, kind, place, sealed_place, site_id, origin, origin_id, level,
    rules, vaccination, released, withdrawn, completed, position,
    (SELECT count(*) FROM breaches WHERE breaches.stream = quarantines.stream AND dismissed IS NULL) AS breaches
FROM quarantines
WHERE quarantine_id = %(id)s
"""

OF_PERSON: Final = """
-- The quarantines of one person, first assigned first.
SELECT stream, quarantine_id, person_id, since, until, kind, place, sealed_place, site_id, origin, origin_id, level,
    rules, vaccination, released, withdrawn, completed, position,
    (SELECT count(*) FROM breaches WHERE breaches.stream = quarantines.stream AND dismissed IS NULL) AS breaches
FROM quarantines
WHERE person_id = %(person_id)s ORDER BY position
"""

ASSIGN: Final = """
-- A quarantine is assigned.
INSERT INTO quarantines (stream, quarantine_id, person_id, since, until, kind, place, sealed_place, site_id, origin,
    origin_id, level, rules, vaccination, position)
VALUES (%(stream)s, %(quarantine_id)s, %(person_id)s, %(since)s, %(until)s, %(kind)s, %(place)s, %(sealed_place)s,
    %(site_id)s, %(origin)s, %(origin_id)s, %(level)s, %(rules)s, %(vaccination)s, %(position)s)
"""

MOVE: Final = """
-- Somebody is confined elsewhere from now on.
UPDATE quarantines SET kind = %(kind)s, place = NULL, sealed_place = %(sealed_place)s, site_id = %(site_id)s
WHERE stream = %(stream)s
"""

TAKEN: Final = """
-- How many places of some sites are taken at an instant.
SELECT site_id, count(*) AS taken FROM quarantines
WHERE site_id = ANY(%(sites)s) AND NOT withdrawn AND since <= %(instant)s AND (until IS NULL OR until > %(instant)s)
GROUP BY site_id
"""

CLOSE: Final = """
-- A quarantine ends then, or is open again.
UPDATE quarantines SET until = %(until)s, released = %(released)s, completed = false WHERE stream = %(stream)s
"""

COMPLETE: Final = """
-- The end of a quarantine has come.
UPDATE quarantines SET completed = true WHERE stream = %(stream)s
"""

CONFINED: Final = """
-- Every quarantine that was not withdrawn, as its adherence is followed.
SELECT person_id::text AS person, stream, extract(epoch FROM since)::bigint AS since,
    extract(epoch FROM until)::bigint AS until, completed, position,
    EXISTS (SELECT FROM breaches WHERE breaches.stream = quarantines.stream) AS breached
FROM quarantines WHERE NOT withdrawn
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

    def confined(self) -> list[Confined]:
        with self.database.get_connection() as connection, connection.cursor(row_factory=class_row(Confined)) as rows:
            return rows.execute(CONFINED.encode()).fetchall()

    def taken(self, sites: Collection[UUID], instant: Seconds) -> Counter[UUID]:
        """How many places of each are taken then."""
        values = {"sites": list(sites), "instant": to_datetime(instant)}
        with self.database.get_connection() as connection:
            rows = connection.execute(TAKEN.encode(), values, prepare=True)
            return Counter({row["site_id"]: row["taken"] for row in rows})

    def change(self, event: QuarantineEvent, origin: Origin) -> Change:
        stream = {"stream": origin.stream}
        match event:
            case Quarantine.Assigned():
                values = {
                    "quarantine_id": event.quarantine_id, "person_id": UUID(event.person),
                    "since": moment(event.since), "until": moment(event.until),
                    "kind": plain(event.kind), "place": plain(event.place), "sealed_place": event.sealed_place,
                    "site_id": event.site, "origin": event.origin, "origin_id": event.origin_id, "level": event.level,
                    "rules": event.rules, "vaccination": event.vaccination, "position": origin.position,
                }  # fmt: skip
                return Change(ASSIGN, stream | values)
            case Quarantine.Extended():
                return Change(CLOSE, stream | {"until": moment(event.until), "released": False})
            case Quarantine.Released():
                return Change(CLOSE, stream | {"until": moment(event.until), "released": True})
            case Quarantine.Moved():
                return Change(MOVE, stream | {"kind": event.kind, "sealed_place": event.place, "site_id": event.site})
            case Quarantine.Withdrawn():
                return Change(WITHDRAW, stream)
            case Quarantine.Completed():
                return Change(COMPLETE, stream)
            case _:
                assert_never(event)
