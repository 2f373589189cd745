"""A register: which events it reads, what each changes in its table, and how its rows are asked for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from psycopg.rows import class_row

from domain.times import parse_instant, to_datetime
from infrastructure.database import Database

Event = TypeVar("Event")
Row = TypeVar("Row")


class Origin(NamedTuple):
    """Where an event stands in the log, and whose it is."""

    position: int
    stream: UUID
    actor: str | None


class Change(NamedTuple):
    """What an event does to a register: a statement and its values."""

    sql: str
    values: Mapping[str, object]


class Register(ABC, Generic[Event, Row]):
    table: ClassVar[str]
    events: ClassVar[tuple[type[Any], ...]]
    page_sql: ClassVar[str]
    get_sql: ClassVar[str]
    row: type[Row]

    def __init__(self, database: Database) -> None:
        self.database = database

    @abstractmethod
    def change(self, event: Event, origin: Origin) -> Change: ...

    def page(self, after: int = 0, limit: int = 100, *, until: int | None = None) -> list[Row]:
        """At most ``limit`` rows whose first events have positions in ``(after, until]``, in that order."""
        return self._rows(self.page_sql, after=after, until=until, limit=limit)

    def get(self, row_id: UUID | str) -> Row | None:
        found = self._rows(self.get_sql, id=row_id)
        return found[0] if found else None

    def _rows(self, sql: str, **values: object) -> list[Row]:
        with self.database.get_connection() as connection, connection.cursor(row_factory=class_row(self.row)) as rows:
            return rows.execute(sql.encode(), values, prepare=True).fetchall()


def plain(text: str | None) -> str | None:
    """Text as PostgreSQL can hold it: what the log accepted must not stop a register."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def moment(text: str | None) -> datetime | None:
    """An instant of an event, as PostgreSQL keeps it."""
    return None if text is None else to_datetime(parse_instant(text))
