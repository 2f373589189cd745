"""The calls: who is to be called, how urgently, and who holds whom."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from psycopg.rows import scalar_row

from domain.call_list import ALL, CallState, Filter, Place
from domain.call_reasons import Standing
from domain.calls import EXTENSION_DAYS, Call
from domain.next_calls import ANSWERED
from domain.times import Seconds, from_datetime, parse_instant
from infrastructure.database import Database
from infrastructure.registers.register import Change, Origin, Register

CallEvent: TypeAlias = (
    Call.Requested
    | Call.ReasonGiven
    | Call.ReasonWithdrawn
    | Call.Withdrawn
    | Call.BroughtForward
    | Call.Reopened
    | Call.Closed
    | Call.BecameCase
    | Call.Claimed
    | Call.Returned
    | Call.Attempted
)


@dataclass(frozen=True, slots=True)
class CallRow(CallState):
    """``position`` is that of the request."""

    position: int


_CLAIMING: Final = 7_479_004  # any fixed number: the advisory lock under which calls are claimed

PAGE: Final = """
-- Calls in the order in which they were requested.
SELECT call_id, person_id, campaign, level, cases, exposed_at, last_exposed_at, certain, last_day, incubation_ends,
    asked_at, due_at, attempts, failures, answered_at, last_attempt_at, last_outcome, held_by, held_until, status,
    position
FROM calls
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One call.
SELECT call_id, person_id, campaign, level, cases, exposed_at, last_exposed_at, certain, last_day, incubation_ends,
    asked_at, due_at, attempts, failures, answered_at, last_attempt_at, last_outcome, held_by, held_until, status,
    position
FROM calls WHERE call_id = %(id)s
"""

DUE: Final = """
-- Due calls, the most urgent first, by the points of domain/call_list.py; of a campaign, a level, some communes only,
-- when given.
SELECT call_id, person_id, campaign, level, cases, exposed_at, last_exposed_at, certain, last_day, incubation_ends,
    asked_at, due_at, attempts, failures, answered_at, last_attempt_at, last_outcome, held_by, held_until, status,
    position
FROM (
    SELECT *,
        CASE WHEN level IS NULL THEN 300 WHEN level = 1 THEN 1200 WHEN level = 2 THEN 600 ELSE 0 END
        + least(greatest(%(at)s - exposed_at, 0), 864000) * 200 / 864000
        + CASE WHEN certain THEN 100 ELSE 0 END
        + least(greatest(incubation_ends - %(at)s, 0), 1209600) * 100 / 1209600
        - 20 * least(failures, 5) AS priority
    FROM calls
    WHERE due_at <= %(at)s AND (%(until)s::bigint IS NULL OR position <= %(until)s)
        AND (%(campaign)s::text IS NULL OR campaign = %(campaign)s)
        AND (%(level)s::integer IS NULL OR level = %(level)s)
        AND (%(communes)s::text[] IS NULL
            OR person_id IN (SELECT person_id FROM residents WHERE commune = ANY (%(communes)s)))
) AS due
WHERE %(points)s::bigint IS NULL
    OR (-priority, due_at, call_id) > (%(points)s::bigint, %(due_at)s::bigint, %(call_id)s::uuid)
ORDER BY -priority, due_at, call_id LIMIT %(limit)s
"""

CLAIMABLE: Final = """
-- The same of those that nobody holds, but for some, and for those of whom the log says more than was read here.
WITH unread AS MATERIALIZED (
    SELECT DISTINCT originator_id FROM events, (
        SELECT coalesce(max(notification_id), 0) AS position FROM tracking WHERE application_name = 'registers'
    ) AS read
    WHERE events.notification_id > read.position AND events.notification_id <= read.position + 20000
)
SELECT call_id
FROM (
    SELECT *,
        CASE WHEN level IS NULL THEN 300 WHEN level = 1 THEN 1200 WHEN level = 2 THEN 600 ELSE 0 END
        + least(greatest(%(at)s - exposed_at, 0), 864000) * 200 / 864000
        + CASE WHEN certain THEN 100 ELSE 0 END
        + least(greatest(incubation_ends - %(at)s, 0), 1209600) * 100 / 1209600
        - 20 * least(failures, 5) AS priority
    FROM calls
    WHERE due_at <= %(at)s AND (held_until IS NULL OR held_until <= %(at)s)
        AND (%(campaign)s::text IS NULL OR campaign = %(campaign)s)
        AND (%(level)s::integer IS NULL OR level = %(level)s)
        AND (%(communes)s::text[] IS NULL
            OR person_id IN (SELECT person_id FROM residents WHERE commune = ANY (%(communes)s)))
        AND NOT EXISTS (SELECT FROM unread WHERE originator_id = call_id)
        AND NOT EXISTS (SELECT FROM unnest(%(but)s::uuid[]) AS seen WHERE seen = call_id)
) AS claimable
ORDER BY -priority, due_at, call_id LIMIT %(limit)s
"""

OVERDUE: Final = """
-- Open calls whose last day is so long past that no answer is waited for any more.
SELECT call_id FROM calls
WHERE due_at IS NOT NULL AND last_day < %(day)s
    AND (to_timestamp(asked_at) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date < %(day)s
ORDER BY position LIMIT %(limit)s
"""

REQUESTED: Final = """
-- All calls that had been requested by a position.
SELECT call_id FROM calls WHERE position <= %(until)s ORDER BY position
"""

CLAIM_ALONE: Final = """
-- Claim calls while nobody else does.
SELECT pg_advisory_lock(%s)
"""

CLAIMED: Final = """
-- Let others claim calls.
SELECT pg_advisory_unlock(%s)
"""

REQUEST: Final = """
-- Somebody is to be called.
INSERT INTO calls (call_id, person_id, campaign, level, cases, exposed_at, last_exposed_at, certain, last_day,
    incubation_ends, asked_at, due_at, position)
VALUES (%(call_id)s, %(person_id)s, %(campaign)s, %(level)s, %(cases)s, %(exposed_at)s, %(last_exposed_at)s,
    %(certain)s, %(last_day)s, %(incubation_ends)s, %(asked_at)s, %(due_at)s, %(position)s)
"""

CHANGE_REASONS: Final = """
-- The reasons to call somebody say this together from now on.
UPDATE calls SET campaign = %(campaign)s, level = %(level)s, cases = %(cases)s, exposed_at = %(exposed_at)s,
    last_exposed_at = %(last_exposed_at)s, certain = %(certain)s, last_day = %(last_day)s,
    incubation_ends = %(incubation_ends)s
WHERE call_id = %(call_id)s
"""

CLOSE: Final = """
-- Somebody is called no more.
UPDATE calls SET status = %(status)s, due_at = NULL, held_by = NULL, held_until = NULL WHERE call_id = %(call_id)s
"""

BRING_FORWARD: Final = """
-- Somebody is to be called sooner.
UPDATE calls SET due_at = %(due_at)s WHERE call_id = %(call_id)s
"""

REOPEN: Final = """
-- Somebody is to be called again, as if for the first time.
UPDATE calls SET status = 'open', due_at = %(due_at)s, asked_at = %(asked_at)s, answered_at = NULL, failures = 0
WHERE call_id = %(call_id)s
"""

HOLD: Final = """
-- Somebody holds a call, or nobody.
UPDATE calls SET held_by = %(held_by)s, held_until = %(held_until)s WHERE call_id = %(call_id)s
"""

ATTEMPT: Final = """
-- Somebody was called; one that was not closed by it is open where it is due again.
UPDATE calls SET attempts = attempts + 1, failures = %(failures)s, due_at = %(due_at)s, held_by = NULL,
    held_until = NULL, answered_at = CASE WHEN %(answered)s THEN greatest(answered_at, %(at)s) ELSE answered_at END,
    last_attempt_at = greatest(last_attempt_at, %(at)s),
    last_outcome = CASE WHEN last_attempt_at > %(at)s THEN last_outcome ELSE %(outcome)s END,
    status = coalesce(%(closed)s, CASE WHEN %(due_at)s::bigint IS NULL THEN status ELSE 'open' END)
WHERE call_id = %(call_id)s
"""


class CallRegister(Register[CallEvent, CallRow]):
    table = "calls"
    events = get_args(CallEvent)
    row = CallRow
    page_sql = PAGE
    get_sql = GET

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._claiming = Lock()

    def due(
        self, at: Seconds, limit: int, only: Filter = ALL, *, after: Place | None = None, until: int | None = None
    ) -> list[CallRow]:
        """What is due at an instant, most urgent first, held or not; requested up to position ``until``."""
        values = dict.fromkeys(Place._fields) if after is None else after._asdict()
        return self._rows(DUE, at=at, limit=limit, until=until, **_values(only), **values)

    def claimable(self, at: Seconds, limit: int, only: Filter = ALL, *, but: Collection[UUID] = ()) -> list[UUID]:
        """The ids of those that nobody seems to hold, most urgent first."""
        return self._ids(CLAIMABLE, at=at, limit=limit, but=list(but), **_values(only))

    def overdue(self, today: date, limit: int) -> list[UUID]:
        return self._ids(OVERDUE, day=date.fromordinal(today.toordinal() - EXTENSION_DAYS), limit=limit)

    def requested(self, until: int) -> list[UUID]:
        return self._ids(REQUESTED, until=until)

    @contextmanager
    def claiming_alone(self) -> Iterator[None]:
        """Among all threads and processes; whoever claims together would find the same calls and wait for nothing."""
        with self._claiming, self.database.get_connection() as connection:
            connection.execute(CLAIM_ALONE.encode(), [_CLAIMING])
            try:
                yield
            finally:
                if not connection.broken:
                    connection.execute(CLAIMED.encode(), [_CLAIMING])

    def _ids(self, sql: str, **values: object) -> list[UUID]:
        with self.database.get_connection() as connection, connection.cursor(row_factory=scalar_row) as rows:
            found: list[UUID] = rows.execute(sql.encode(), values).fetchall()
            return found

    def change(self, event: CallEvent, origin: Origin) -> Change:
        call: dict[str, object] = {"call_id": origin.stream}
        match event:
            case Call.Requested():
                values = {
                    "person_id": UUID(event.person), "asked_at": from_datetime(event.timestamp),
                    "due_at": parse_instant(event.due_at), "position": origin.position,
                }  # fmt: skip
                return Change(REQUEST, call | values | _stands(event))
            case Call.ReasonGiven() | Call.ReasonWithdrawn():
                return Change(CHANGE_REASONS, call | _stands(event))
            case Call.Withdrawn():
                return Change(CLOSE, call | {"status": "withdrawn"})
            case Call.BecameCase():
                return Change(CLOSE, call | {"status": "case"})
            case Call.Closed():
                return Change(CLOSE, call | {"status": event.why})
            case Call.BroughtForward():
                return Change(BRING_FORWARD, call | {"due_at": parse_instant(event.due_at)})
            case Call.Reopened():
                asked_at = from_datetime(event.timestamp)
                return Change(REOPEN, call | {"due_at": parse_instant(event.due_at), "asked_at": asked_at})
            case Call.Claimed():
                return Change(HOLD, call | {"held_by": event.by, "held_until": parse_instant(event.held_until)})
            case Call.Returned():
                return Change(HOLD, call | {"held_by": None, "held_until": None})
            case Call.Attempted():
                values = {
                    "at": from_datetime(event.timestamp), "outcome": event.outcome, "failures": event.failures,
                    "answered": event.outcome in ANSWERED, "closed": event.closed,
                    "due_at": None if event.due_at is None else parse_instant(event.due_at),
                }  # fmt: skip
                return Change(ATTEMPT, call | values)
            case _:
                assert_never(event)


def _values(only: Filter) -> dict[str, object]:
    return only._asdict() | {"communes": None if only.communes is None else list(only.communes)}


def _stands(event: Call.Requested | Call.ReasonGiven | Call.ReasonWithdrawn) -> dict[str, object]:
    stands = Standing.told(event.stands)
    return {
        "campaign": stands.campaign,
        "level": stands.level,
        "cases": list(stands.cases),
        "exposed_at": stands.exposed_at,
        "last_exposed_at": stands.last_exposed_at,
        "certain": stands.certain,
        "last_day": stands.last_day,
        "incubation_ends": stands.incubation_ends,
    }
