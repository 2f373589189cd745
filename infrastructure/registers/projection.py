"""The registers' projection: the next events of the log and the position they lead to, in one transaction."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

import psycopg
from eventsourcing.persistence import Tracking
from psycopg import Connection
from psycopg.rows import DictRow

from infrastructure.log import EventLog
from infrastructure.reading import UNREADABLE, Placed, Undecodable, decoded, undecodable
from infrastructure.registers.register import Change, Origin, Register

TRACKED_AS: Final = "registers"
BATCH: Final = 20_000
"""Positions in one transaction."""

PLACE: Final = """
-- How far the registers have read the log, and where it ends.
SELECT coalesce((SELECT notification_id FROM tracking WHERE application_name = 'registers'), 0) AS position,
    log_head.position AS head
FROM log_head
"""

NEXT: Final = """
-- The events that the registers read, of the next positions.
SELECT notification_id AS position, originator_id AS stream, originator_version AS version, topic, state, actor
FROM events WHERE notification_id > %(after)s AND notification_id <= %(until)s AND topic = ANY(%(topics)s)
ORDER BY notification_id
"""

FORGET_POSITION: Final = """
-- The registers have read nothing yet.
DELETE FROM tracking WHERE application_name = 'registers'
"""


class Place(NamedTuple):
    position: int
    head: int


class Placing(NamedTuple):
    """A change to a table, and the event that makes it."""

    position: int
    topic: str
    table: str
    change: Change


class Projection:
    """Works on any connection, so that a replay into temporary tables is the same as the real thing."""

    def __init__(self, log: EventLog, registers: Sequence[Register[Any, Any]]) -> None:
        self.log = log
        self.registers = registers
        self._registers_of: dict[str, list[Register[Any, Any]]] = defaultdict(list)
        for register in registers:
            for event in register.events:
                self._registers_of[event.TOPIC].append(register)

    def place(self, connection: Connection[DictRow]) -> Place:
        row = connection.execute(PLACE.encode()).fetchone()
        assert row is not None  # noqa: S101 # migrations insert the row
        return Place(**row)

    def advance(self, connection: Connection[DictRow]) -> int:
        """Take in the next events and note the position; the position reached.

        Raises Undecodable for an event that cannot be read or written, when everything before it is taken in.
        """
        with connection.transaction():
            place = self.place(connection)
            reached = min(place.position + BATCH, place.head)
            failure = self.take_in(connection, place.position, reached)
            if failure is not None:
                reached = failure.position - 1
            if reached > place.position:
                self._track(connection, reached)
        if failure is not None:
            raise failure
        return max(reached, place.position)

    def take_in(self, connection: Connection[DictRow], after: int, until: int) -> Undecodable | None:
        """The events in ``(after, until]``, as far as the one that this gives back."""
        changes, failure = self._read(connection, after, until)
        return self._write(connection, changes) or failure

    def clear(self, connection: Connection[DictRow]) -> None:
        """As if nothing had been read; readers see the old rows until the commit."""
        for register in self.registers:
            connection.execute(f"DELETE FROM {register.table}".encode())  # noqa: S608 # the names of our own tables
        connection.execute(FORGET_POSITION.encode())

    def _read(
        self, connection: Connection[DictRow], after: int, until: int
    ) -> tuple[list[Placing], Undecodable | None]:
        """The changes up to the first event that cannot be read."""
        changes: list[Placing] = []
        try:
            changes.extend(self._changes(connection, after, until))
        except Undecodable as failure:
            return changes, failure
        return changes, None

    def _changes(self, connection: Connection[DictRow], after: int, until: int) -> Iterator[Placing]:
        topics = list(self._registers_of)
        for row in connection.execute(NEXT.encode(), {"after": after, "until": until, "topics": topics}):
            actor = row.pop("actor")
            event = Placed(**row)
            yield from self._changes_by(event, Origin(event.position, event.stream, actor))

    def _changes_by(self, event: Placed, origin: Origin) -> list[Placing]:
        """All that one event changes, or nothing."""
        domain_event = decoded(self.log.mapper, event)
        try:
            return [
                Placing(event.position, event.topic, register.table, register.change(domain_event, origin))
                for register in self._registers_of[event.topic]
            ]
        except UNREADABLE as error:
            raise undecodable(event.position, event.topic, error) from error

    def _write(self, connection: Connection[DictRow], changes: Sequence[Placing]) -> Undecodable | None:
        """All at once, table by table; event by event when the database refuses something, to know which it is."""
        by_table = sorted(changes, key=attrgetter("table"))
        try:
            with connection.transaction(), connection.cursor() as cursor:
                for sql, alike in groupby(by_table, key=attrgetter("change.sql")):
                    cursor.executemany(sql.encode(), [placing.change.values for placing in alike])
        except (psycopg.DataError, psycopg.IntegrityError):
            return self._write_one_by_one(connection, changes)
        return None

    def _write_one_by_one(self, connection: Connection[DictRow], changes: Sequence[Placing]) -> Undecodable | None:
        for (position, topic), of_event in groupby(changes, key=attrgetter("position", "topic")):
            try:
                with connection.transaction():
                    for placing in of_event:
                        connection.execute(placing.change.sql.encode(), placing.change.values)
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                return undecodable(position, topic, error)
        return None

    def _track(self, connection: Connection[DictRow], position: int) -> None:
        with connection.cursor() as cursor:
            self.log.recorder._insert_tracking(cursor, Tracking(TRACKED_AS, position))
