"""The policies together: handed what is new in the log by whoever leads.

Every process may follow; the one that holds the advisory lock leads, for as long as its connection lasts, as policies
remember what they work on. A leader that dies, or whose connection is cut, takes its lock with it; the next one begins
at the position that was noted last. What policies record is in the log: a rebuild of the views repeats nothing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from eventsourcing.persistence import Tracking
from psycopg import Connection
from psycopg.rows import DictRow, class_row
from pydantic_core import from_json

from application.log import Fact
from application.policies import Policy
from domain.errors import TimedOut
from infrastructure.follower import GraphFollower
from infrastructure.following import Following, Status
from infrastructure.log import EventLog
from infrastructure.reading import undecodable
from infrastructure.registers import Registers

TRACKED_AS: Final = "policies"
BATCH: Final = 20_000
"""Positions that are looked at together."""

_LEADING: Final = 7_479_003  # any fixed number: the advisory lock that the leader holds
_GATHER_SECONDS: Final = 0.25
_LOOK_SECONDS: Final = 0.02
_TICK_SECONDS: Final = 1.0

PLACE: Final = """
-- How far the policies have reacted to the log.
SELECT coalesce(max(notification_id), 0) AS position FROM tracking WHERE application_name = 'policies'
"""

NEXT: Final = """
-- The events that policies read, of the next positions.
SELECT notification_id AS position, topic, originator_id AS stream, state, correlation
FROM events WHERE notification_id > %(after)s AND notification_id <= %(until)s AND topic = ANY(%(topics)s)
ORDER BY notification_id
"""

TRY_TO_LEAD: Final = """
-- Lead the policies, unless somebody else does.
SELECT pg_try_advisory_lock(%s) AS leads
"""

LEAD_NO_LONGER: Final = """
-- Let others lead.
SELECT pg_advisory_unlock(%s)
"""


class Policies:
    def __init__(
        self,
        log: EventLog,
        graph: GraphFollower,
        registers: Registers,
        policies: Sequence[Policy],
        revive: Callable[[], object] | None = None,
    ) -> None:
        self.log = log
        self.graph = graph
        self.registers = registers
        self.policies = policies
        self._following = Following("policies", log.database, self._follow, revive, _GATHER_SECONDS)
        self._leading_on: Connection[DictRow] | None = None
        self._reached = -1
        """Where this process led to; what its policies remember holds as long as nobody else has led since."""
        self._seen = 0
        self._ticked = 0.0

    @property
    def position(self) -> int:
        """How far they have reacted to the log, whoever leads."""
        with self.log.database.get_connection() as connection:
            self._seen = _place(connection)
        return self._seen

    @property
    def status(self) -> Status:
        return Status(self._seen, self._following.error)

    def start(self) -> None:
        self._following.start()

    def stop(self) -> None:
        self._following.stop()

    def catch_up(self, seconds: float = 60.0) -> int:
        """React to everything that is in the log, and to what comes of it, or wait for the leader to do it.

        The position reached. Raises TimedOut.
        """
        deadline = time.monotonic() + seconds
        with self.log.database.connect() as connection:
            while not self._is_done(connection):
                if time.monotonic() > deadline:
                    raise TimedOut(f"the policies are at position {self._seen}, {self.log.head()} was waited for")
                time.sleep(_LOOK_SECONDS)
        return self._seen

    def tick(self) -> None:
        """What time alone brings, now; unless another process leads, which does that by itself."""
        with self.log.database.connect() as connection, self._leading(connection) as leads:
            for policy in self.policies if leads else ():
                policy.tick()

    def _is_done(self, connection: Connection[DictRow]) -> bool:
        with self._leading(connection) as leads:
            if leads:
                self._advance(connection)
            self._seen = _place(connection)
        return self._seen >= self.log.head()

    def _follow(self, connection: Connection[DictRow]) -> None:
        """Once it leads, it goes on until the connection ends."""
        if self._leading_on is not connection:
            if not _leads(connection):
                self._seen = _place(connection)
                return
            self._leading_on = connection
            self._begin(connection)
        self._advance(connection)
        if time.monotonic() - self._ticked >= _TICK_SECONDS:
            self._ticked = time.monotonic()
            for policy in self.policies:
                policy.tick()

    @contextmanager
    def _leading(self, connection: Connection[DictRow]) -> Iterator[bool]:
        """Whether it leads, for this once."""
        if not _leads(connection):
            yield False
            return
        try:
            self._begin(connection)
            yield True
        finally:
            if not connection.broken:
                connection.execute(LEAD_NO_LONGER.encode(), [_LEADING])

    def _begin(self, connection: Connection[DictRow]) -> None:
        position = _place(connection)
        if position != self._reached:
            self._reached = -1
            self.registers.catch_up()
            self.graph.catch_up()
            for policy in self.policies:
                policy.begin(position)
            self._reached = position

    def _advance(self, connection: Connection[DictRow]) -> None:
        while (head := self.log.head()) > self._reached:
            self.graph.catch_up()
            until = self._react(connection, self._reached, min(self._reached + BATCH, head))
            with connection.transaction(), connection.cursor() as cursor:
                self.log.recorder._insert_tracking(cursor, Tracking(TRACKED_AS, until))
            self._reached = self._seen = until

    def _react(self, connection: Connection[DictRow], after: int, until: int) -> int:
        """Up to ``until``, or to an event after which a policy may want to read others; the position reached.

        Should one fail, what it remembers may be in between two positions: all begin again then.
        """
        facts = self._read(connection, after, until)
        waking = frozenset().union(*(policy.waking for policy in self.policies))
        until = next((fact.position for fact in facts if fact.topic in waking), until)
        try:
            for policy in self.policies:
                topics = policy.topics
                policy.react([fact for fact in facts if fact.topic in topics and fact.position <= until], until)
        except BaseException:
            self._reached, self._leading_on = -1, None
            raise
        return until

    def _read(self, connection: Connection[DictRow], after: int, until: int) -> list[Fact]:
        topics = sorted(frozenset().union(*(policy.topics for policy in self.policies)))
        with connection.cursor(row_factory=class_row(Fact), binary=True) as rows:
            found = rows.execute(NEXT.encode(), {"after": after, "until": until, "topics": topics}).fetchall()
        return [fact._replace(state=_content(fact)) for fact in found]


def _content(fact: Fact) -> dict[str, object]:
    """Raises Undecodable."""
    try:
        content: dict[str, object] = from_json(fact.state, cache_strings="keys")  # type: ignore[arg-type] # as it is stored
    except ValueError as error:
        raise undecodable(fact.position, fact.topic, error) from error
    return content


def _place(connection: Connection[DictRow]) -> int:
    row = connection.execute(PLACE.encode()).fetchone()
    assert row is not None  # noqa: S101 # an aggregate has a row
    return int(row["position"])


def _leads(connection: Connection[DictRow]) -> bool:
    row = connection.execute(TRY_TO_LEAD.encode(), [_LEADING]).fetchone()
    return row is not None and bool(row["leads"])
