"""The log: streams are loaded from it and saved to it, and everybody reads it in the order of positions."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing.persistence import IntegrityError, InterfaceError, OperationalError, StoredEvent
from eventsourcing.utils import retry
from psycopg import Connection
from psycopg.rows import DictRow, class_row, scalar_row

from application.log import Beginning, Draft, Entry, Fact, Key, Raced, Recording, Secret, Stream
from application.provenance import Answered, Provenance, Repeated, Request
from domain.quarantines import Quarantine
from domain.visits import Visit
from infrastructure.database import Database
from infrastructure.events import Answer, Appended, EventRecorder, copy_provenance, copy_row
from infrastructure.graph import LoggedEvent
from infrastructure.mapper import EventMapper

_BATCH = 5_000

BLOCK: Final = """
-- Events of some topics at the next positions.
COPY (
    SELECT notification_id, originator_version, topic, originator_id, state FROM events
    WHERE notification_id > %(after)s AND notification_id <= %(until)s AND topic = ANY(%(topics)s)
    ORDER BY notification_id
) TO STDOUT (FORMAT BINARY)
"""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event with everything that the log says about it."""

    position: int
    recorded_at: datetime
    type: str
    stream: UUID
    version: int
    state: bytes
    actor: str | None
    on_behalf_of: str | None
    source: str | None
    cause: int | None
    correlation: str | None
    basis: str | None

    def as_dict(self) -> dict[str, Any]:
        """The event as the contract writes it out."""
        data = json.loads(self.state)
        return {
            "position": self.position,
            "recorded_at": instant_text(self.recorded_at),
            "type": self.type,
            "schema": data.pop("schema"),
            "stream": str(self.stream),
            "version": self.version,
            "happened_at": data.pop("happened_at"),
            "actor": self.actor,
            "on_behalf_of": self.on_behalf_of,
            "source": self.source,
            "cause": self.cause,
            "correlation": self.correlation,
            "basis": self.basis,
            "data": data,
        }


class EventLog:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.recorder = EventRecorder(database)
        self.mapper = EventMapper()

    def together(self) -> AbstractContextManager[None]:
        return self.database.sharing()

    def load(self, kind: type[Stream], stream: UUID, as_of: int | None = None) -> Stream | None:
        return self._load(kind, [stream], as_of).get(stream)

    def load_many(self, kind: type[Stream], streams: Iterable[UUID], as_of: int | None = None) -> dict[UUID, Stream]:
        return self._load(kind, list(streams), as_of)

    def _load(self, kind: type[Stream], streams: list[UUID], as_of: int | None) -> dict[UUID, Stream]:
        with (
            self.database.get_connection() as connection,
            connection.cursor(row_factory=class_row(StoredEvent)) as rows,
        ):
            rows.execute(
                "SELECT originator_id, originator_version, topic, state FROM events "
                "WHERE originator_id = ANY(%s) AND (%s::bigint IS NULL OR notification_id <= %s) "
                "ORDER BY originator_id, originator_version",
                [streams, as_of, as_of],
            )
            found = {
                cast("UUID", stream): self._rebuild(kind, events)
                for stream, events in groupby(rows, key=attrgetter("originator_id"))
            }
        return {stream: aggregate for stream, aggregate in found.items() if aggregate is not None}

    def _rebuild(self, kind: type[Stream], events: Iterable[StoredEvent]) -> Stream | None:
        """None for a stream of another kind: an id of something else names nothing here."""
        aggregate: Any = None
        for event in events:
            aggregate = cast("Any", self.mapper.to_domain_event(event)).mutate(aggregate)
        return aggregate if isinstance(aggregate, kind) else None

    def beginnings(self, kind: type[Beginning], streams: Iterable[UUID]) -> dict[UUID, Beginning]:
        with (
            self.database.get_connection() as connection,
            connection.cursor(row_factory=class_row(StoredEvent), binary=True) as rows,
        ):
            rows.execute(
                "SELECT originator_id, originator_version, topic, state FROM events "
                "WHERE originator_id = ANY(%b) AND originator_version = 1",
                [list(streams)],
                prepare=True,
            )
            events = (self.mapper.to_domain_event(event) for event in rows)
            return {event.originator_id: event for event in events if isinstance(event, kind)}

    def save(self, draft: Draft, by: Provenance) -> int:
        try:
            return self.save_all([Entry(draft, by)])[0]
        except Raced as raced:
            answered = None if by.request is None else self.answered(by.request)
            if answered is not None:
                raise Repeated(answered) from raced
            raise

    def save_all(self, entries: Sequence[Entry]) -> list[int]:
        rows: list[bytes] = []
        answers: list[Answer] = []
        counts: list[int] = []
        for draft, by in entries:
            rows += self._rows(draft, by)
            counts.append(len(rows))
            if by.request is not None:
                answers.append(Answer(by.request, _answer_id(draft), len(rows)))
        keys = [key for entry in entries for key in entry.draft.keys]
        secrets = [secret for entry in entries for secret in entry.draft.secrets]
        try:
            appended = self._append(rows, keys, secrets, answers)
        except IntegrityError as error:
            raise Raced(str(error)) from error
        assert appended is not None  # noqa: S101 # an entry records something
        return [appended.first + count - 1 for count in counts]

    def _rows(self, draft: Draft, by: Provenance) -> list[bytes]:
        provenance = copy_provenance(by)
        rows = []
        for stream in draft.streams:
            for event in map(self.mapper.to_stored_event, stream.collect_events()):
                topic = event.topic.encode()
                rows.append(copy_row(stream.id.bytes, event.originator_version, topic, event.state, provenance))
        return rows

    @retry((InterfaceError, OperationalError), max_attempts=2, wait=0.1)
    def _append(
        self, rows: list[bytes], keys: list[Key], secrets: list[Secret], answers: list[Answer]
    ) -> Appended | None:
        """Once more when the connection broke: what was recorded nevertheless shows as a conflict, and is read back."""
        return self.recorder.append(rows, keys=keys, secrets=secrets, answers=answers)

    def answered(self, request: Request) -> Answered | None:
        """What a request of that key was answered; None for a new one."""
        return self.answered_all([request]).get(request.key)

    def answered_all(self, requests: Sequence[Request]) -> dict[bytes, Answered]:
        with self.database.get_connection() as connection:
            rows = connection.execute(
                "SELECT key, fingerprint, answer_id, position FROM requests WHERE key = ANY(%b)",
                [[request.key for request in requests]],
                binary=True,
            )
            return {row["key"]: Answered(row["fingerprint"], row["answer_id"], row["position"]) for row in rows}

    def note(self, request: Request, answer_id: str, position: int) -> Answered:
        with self.database.transaction(commit=True) as cursor:
            cursor.execute(
                "INSERT INTO requests (key, fingerprint, answer_id, position) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                [request.key, request.fingerprint, answer_id, position],
            )
        return self.answered(request) or Answered(request.fingerprint, answer_id, position)

    def holder(self, key: bytes) -> UUID | None:
        return self.holders([key]).get(key)

    def holders(self, keys: Sequence[bytes]) -> dict[bytes, UUID]:
        with self.database.get_connection() as connection:
            rows = connection.execute(
                "SELECT key, stream FROM keys WHERE key = ANY(%b::uuid[])", [[UUID(bytes=key) for key in keys]],
                prepare=True, binary=True,
            )  # fmt: skip
            return {row["key"].bytes: row["stream"] for row in rows}

    def position_of(self, stream: UUID, version: int) -> int:
        return cast(
            "int",
            self._scalar(
                "SELECT notification_id FROM events WHERE originator_id = %s AND originator_version = %s",
                stream, version,
            ),
        )  # fmt: skip

    def position_by(self, stream: UUID, topic: str, correlation: str | None) -> int | None:
        position = self._scalar(
            "SELECT notification_id FROM events WHERE originator_id = %s AND topic = %s AND correlation = %s "
            "ORDER BY originator_version LIMIT 1",
            stream, topic, correlation,
        )  # fmt: skip
        return cast("int | None", position)

    def states_at(self, positions: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The content of the events at these positions."""
        with self.database.get_connection() as connection:
            rows = connection.execute(
                "SELECT notification_id, state FROM events WHERE notification_id = ANY(%b)",
                [list(positions)],
                binary=True,
            )
            return {row["notification_id"]: json.loads(row["state"]) for row in rows}

    def devices_at(self, positions: Sequence[int]) -> dict[int, str]:
        with self.database.get_connection() as connection:
            rows = connection.execute(
                "SELECT notification_id, convert_from(state, 'UTF8')::jsonb ->> 'device' AS device FROM events "
                "WHERE notification_id = ANY(%b) AND on_behalf_of IS NULL "
                "AND position('\"device\":'::bytea IN state) > 0",
                [list(positions)],
                binary=True,
            )
            return {row["notification_id"]: row["device"] for row in rows}

    def correlated(self, correlation: str, after: int, until: int, limit: int) -> list[Fact]:
        """The next events at positions in ``(after, until]`` that belong to ``correlation``, at most ``limit``."""
        with self.database.get_connection() as connection:
            rows = connection.execute(
                "SELECT notification_id, topic, originator_id, state FROM events "
                "WHERE notification_id > %s AND notification_id <= %s AND correlation = %s "
                "ORDER BY notification_id LIMIT %s",
                [after, until, correlation, limit],
                binary=True,
            )
            return [
                Fact(row["notification_id"], row["topic"], row["originator_id"], json.loads(row["state"]))
                for row in rows
            ]

    def history(self, stream: UUID, until: int) -> list[Recording]:
        return self._recordings("originator_id = %s AND notification_id <= %s", stream, until)

    def recordings_at(self, positions: Iterable[int]) -> dict[int, Recording]:
        found = self._recordings("notification_id = ANY(%s)", list(positions))
        return {recording.position: recording for recording in found}

    def _recordings(self, which: str, *values: object) -> list[Recording]:
        with (
            self.database.get_connection() as connection,
            connection.cursor(row_factory=class_row(Recording)) as rows,
        ):
            rows.execute(
                "SELECT notification_id AS position, recorded_at, topic, state, cause FROM events "  # noqa: S608 # our own condition
                f"WHERE {which} ORDER BY notification_id".encode(),
                values,
            )
            return [recording._replace(state=json.loads(recording.state)) for recording in rows]  # type: ignore[arg-type] # as it is stored

    def head(self) -> int:
        return cast("int", self._scalar("SELECT position FROM log_head"))

    def log_id(self) -> str:
        return str(self._scalar("SELECT log_id FROM log_head"))

    def recorded_at(self, position: int) -> datetime:
        """When the event at that position was recorded."""
        return cast("datetime", self._scalar("SELECT recorded_at FROM events WHERE notification_id = %s", position))

    def position_at(self, microseconds: int) -> int:
        """By halving: positions have no gaps and recorded_at never decreases along them."""
        low, high = 0, self.head()
        while low < high:
            middle = (low + high + 1) // 2
            recorded = self._scalar(
                "SELECT (extract(epoch FROM recorded_at) * 1000000)::bigint FROM events WHERE notification_id = %s",
                middle,
            )
            low, high = (middle, high) if cast("int", recorded) <= microseconds else (low, middle - 1)
        return low

    def read(
        self, after: int, limit: int, *, topic: str | None = None, stream: UUID | None = None
    ) -> list[RecordedEvent]:
        """The next events after a position, in order, at most ``limit``."""
        with (
            self.database.get_connection() as connection,
            connection.cursor(row_factory=class_row(RecordedEvent)) as rows,
        ):
            rows.execute(
                "SELECT notification_id AS position, recorded_at, topic AS type, originator_id AS stream, "
                "originator_version AS version, state, actor, on_behalf_of, source, cause, correlation, basis "
                "FROM events WHERE notification_id > %(after)s AND (%(topic)s::text IS NULL OR topic = %(topic)s) "
                "AND (%(stream)s::uuid IS NULL OR originator_id = %(stream)s) ORDER BY notification_id LIMIT %(limit)s",
                {"after": after, "topic": topic, "stream": stream, "limit": limit},
            )
            return rows.fetchall()

    def read_all(self, after: int, until: int | None = None) -> Iterator[RecordedEvent]:
        """Every event in ``(after, until]`` in batches; up to the head as it is found at the end when None."""
        while events := self.read(after, _BATCH):
            for event in events:
                if until is not None and event.position > until:
                    return
                yield event
            after = events[-1].position

    def batch(self, after: int, limit: int) -> list[LoggedEvent]:
        """The next events for a projection."""
        with (
            self.database.get_connection() as connection,
            connection.cursor(row_factory=tuple_row_of_event, binary=True) as rows,
        ):
            rows.execute(
                "SELECT notification_id, topic, originator_id, state FROM events "
                "WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id",
                [after, after + limit],
                prepare=True,
            )
            events: list[LoggedEvent] = rows.fetchall()
            return events

    def block(self, after: int, until: int, topics: Iterable[str]) -> bytearray:
        """The events of these topics at positions in ``(after, until]``, as Block reads them.

        A planner that has not seen how the log grew would sort them, on disk.
        """
        with self.database.get_connection() as connection, connection.transaction():
            connection.execute("SET LOCAL enable_bitmapscan = off")
            return copied(connection, BLOCK, {"after": after, "until": until, "topics": list(topics)})

    def _scalar(self, query: str, *parameters: object) -> object:
        with self.database.get_connection() as connection, connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchone()


def copied(connection: Connection[DictRow], sql: str, values: Mapping[str, object] | None = None) -> bytearray:
    """All that a COPY to the client gives."""
    data = bytearray()
    with connection.cursor() as cursor, cursor.copy(sql.encode(), values) as copy:
        for some in copy:
            data += some
    return data


def instant_text(recorded_at: datetime) -> str:
    """When something was recorded, to the microsecond."""
    return recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _answer_id(draft: Draft) -> str | None:
    """The id that a command answers: that of what it changed, which stands behind the people it registered."""
    if not draft.streams:
        return None
    match draft.streams[-1]:
        case Visit() as visit:
            return str(visit.visit_id)
        case Quarantine() as quarantine:
            return str(quarantine.quarantine_id)
        case other:
            return str(other.id)


def tuple_row_of_event(_: Any) -> Any:
    return LoggedEvent._make
