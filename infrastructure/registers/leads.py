"""The call list as a whole, for exports: what is due and nobody holds, all as of one position."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from psycopg import Connection
from psycopg.rows import DictRow, class_row

from domain.call_list import ALL, Filter, Place
from domain.times import Seconds
from infrastructure.database import Database
from infrastructure.registers.calls import DUE, CallRow
from infrastructure.registers.projection import Projection

_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class LeadRow(CallRow):
    """``number`` is that in the list; ``commune`` that of residence."""

    number: int
    commune: str | None


class LeadList(NamedTuple):
    """``calls`` are counted apart from the rows."""

    position: int
    calls: int
    rows: Iterator[LeadRow]


ONE_SNAPSHOT: Final = """
-- All that is asked within the transaction is of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY
"""

COUNT: Final = """
-- How many calls are due and not held.
SELECT count(*) AS calls FROM calls
WHERE due_at <= %(at)s AND coalesce(held_until, 0) <= %(at)s
    AND (%(campaign)s::text IS NULL OR campaign = %(campaign)s)
    AND (%(level)s::integer IS NULL OR level = %(level)s)
    AND (%(communes)s::text[] IS NULL
        OR person_id IN (SELECT person_id FROM residents WHERE commune = ANY (%(communes)s)))
"""

LEADS: Final = f"""
-- Those calls in the order of the list, or in that of each commune of residence, the unknown one last.
SELECT listed.*, residents.commune
FROM (SELECT due.*, row_number() OVER () AS number FROM ({DUE}) AS due) AS listed
    LEFT JOIN residents USING (person_id)
WHERE coalesce(held_until, 0) <= %(at)s
ORDER BY CASE WHEN %(by_commune)s THEN commune COLLATE "C" END NULLS LAST, number
"""  # noqa: S608 # a query of our own in another


class Leads:
    """No register of its own: the calls, with where the people live."""

    def __init__(self, database: Database, projection: Projection) -> None:
        self.database = database
        self.projection = projection

    @contextmanager
    def due(self, at: Seconds, only: Filter = ALL, *, by_commune: bool = False) -> Iterator[LeadList]:
        """What is due at an instant; the rows are read as they are taken, in bounded memory."""
        communes = None if only.communes is None else list(only.communes)
        wanted = {"at": at} | only._asdict() | {"communes": communes}
        with self.database.connect() as connection, connection.transaction():
            connection.execute(ONE_SNAPSHOT.encode())
            position = self.projection.place(connection).position
            counted = connection.execute(COUNT.encode(), wanted).fetchone()
            assert counted is not None  # noqa: S101 # a count is always one row
            yield LeadList(position, counted["calls"], _rows(connection, wanted | {"by_commune": by_commune}))


def _rows(connection: Connection[DictRow], wanted: Mapping[str, object]) -> Iterator[LeadRow]:
    whole = dict.fromkeys(("limit", "until", *Place._fields))
    with connection.cursor("leads", row_factory=class_row(LeadRow)) as cursor:
        cursor.itersize = _AT_ONCE
        yield from cursor.execute(LEADS.encode(), {**wanted, **whole})
