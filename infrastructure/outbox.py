"""The outbox: alerts wait here until whoever is to hear of them has taken them.

Each is posted at least once, and again, after growing pauses, until it is answered with 2xx; its ``Idempotency-Key``
stays the same. Only the process that holds the advisory lock delivers, on a thread of its own.
"""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from psycopg import Connection
from psycopg.rows import DictRow, class_row
from psycopg.types.json import Jsonb

from infrastructure.database import Database
from infrastructure.following import Following

_LEADING: Final = 7_479_004  # any fixed number: the advisory lock that the process that delivers holds
_AT_ONCE: Final = 100
_ANSWER_SECONDS: Final = 5.0
_LONGEST_PAUSE_SECONDS: Final = 300

TRY_TO_LEAD: Final = """
-- Deliver, unless somebody else does.
SELECT pg_try_advisory_lock(%s) AS leads
"""

LEAD_NO_LONGER: Final = """
-- Let others deliver.
SELECT pg_advisory_unlock(%s)
"""

ADD: Final = """
-- An alert, once.
INSERT INTO outbox (position, content) VALUES (%(position)s, %(content)s) ON CONFLICT DO NOTHING
"""

DUE: Final = """
-- What is to be delivered now, the oldest first.
SELECT position, content, attempts, due_at, failure, delivered_at FROM outbox
WHERE delivered_at IS NULL AND due_at <= now() ORDER BY position LIMIT %(limit)s
"""

PAGE: Final = """
-- Alerts in the order of their events, those that were delivered or those that wait when it is said.
SELECT position, content, attempts, due_at, failure, delivered_at FROM outbox
WHERE position > %(after)s AND position <= %(until)s
    AND (%(delivered)s::boolean IS NULL OR (delivered_at IS NOT NULL) = %(delivered)s)
ORDER BY position LIMIT %(limit)s
"""

DELIVERED: Final = """
-- An alert was taken.
UPDATE outbox SET delivered_at = now(), attempts = attempts + 1, failure = NULL WHERE position = %(position)s
"""

FAILED: Final = """
-- An alert was not taken: it is tried again after a pause that doubles each time.
UPDATE outbox SET attempts = attempts + 1, failure = %(failure)s,
    due_at = now() + least(power(2, least(attempts, 16)), %(longest)s) * interval '1 second'
WHERE position = %(position)s
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """``position`` is that of the event, ``failure`` why the last attempt failed."""

    position: int
    content: dict[str, Any]
    attempts: int
    due_at: datetime
    failure: str | None
    delivered_at: datetime | None


class Outbox:
    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, alerts: Mapping[int, Mapping[str, Any]]) -> None:
        rows = [{"position": position, "content": Jsonb(content)} for position, content in alerts.items()]
        with self.database.transaction(commit=True) as cursor:
            cursor.executemany(ADD.encode(), rows)
            cursor.execute(b"NOTIFY events")  # so that it is delivered at once

    def page(self, after: int, limit: int, *, until: int, delivered: bool | None = None) -> list[Alert]:
        with self.database.get_connection() as connection, connection.cursor(row_factory=class_row(Alert)) as rows:
            values = {"after": after, "limit": limit, "until": until, "delivered": delivered}
            return rows.execute(PAGE.encode(), values).fetchall()


class Deliveries:
    """Posts what is in the outbox to ``url``; without one, it all waits."""

    def __init__(
        self, database: Database, url: str | None, log_id: Callable[[], str], revive: Callable[[], object] | None = None
    ) -> None:
        self.url = url
        self.log_id = log_id
        self._stopping = threading.Event()
        self._following = Following("deliveries", database, self.deliver, revive)

    def start(self) -> None:
        self._stopping.clear()
        if self.url is not None:
            self._following.start()

    def stop(self) -> None:
        self._stopping.set()
        self._following.stop()

    def deliver(self, connection: Connection[DictRow]) -> None:
        """Everything that is due, up to the first that is not taken; nothing while another process delivers."""
        if self.url is None or not self._leads(connection):
            return
        try:
            receiver = _Receiver(self.url, self.log_id())
            while self._deliver_some(connection, receiver):
                pass
        finally:
            if not connection.broken:
                connection.execute(LEAD_NO_LONGER.encode(), [_LEADING])

    def _leads(self, connection: Connection[DictRow]) -> bool:
        row = connection.execute(TRY_TO_LEAD.encode(), [_LEADING]).fetchone()
        return row is not None and bool(row["leads"])

    def _deliver_some(self, connection: Connection[DictRow], receiver: "_Receiver") -> bool:
        """False when nothing is due, or when it makes no sense to go on now."""
        with connection.cursor(row_factory=class_row(Alert)) as rows:
            due = rows.execute(DUE.encode(), {"limit": _AT_ONCE}).fetchall()
        return bool(due) and all(self._deliver_one(connection, receiver, alert) for alert in due)

    def _deliver_one(self, connection: Connection[DictRow], receiver: "_Receiver", alert: Alert) -> bool:
        if self._stopping.is_set():
            return False
        failure = receiver.failure_to_take(alert)
        if failure is None:
            connection.execute(DELIVERED.encode(), {"position": alert.position})
        else:
            values = {"position": alert.position, "failure": failure, "longest": _LONGEST_PAUSE_SECONDS}
            connection.execute(FAILED.encode(), values)
        return failure is None


class _Receiver:
    def __init__(self, url: str, log_id: str) -> None:
        parts = urlsplit(url)
        self._connection_to = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname or "", parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._log_id = log_id

    def failure_to_take(self, alert: Alert) -> str | None:
        """None when it was answered with 2xx; what went wrong otherwise, without the URL, which may be secret."""
        try:
            status = self._status_of(alert)
        except (OSError, HTTPException) as error:
            return type(error).__name__
        return None if 200 <= status < 300 else f"HTTP {status}"

    def _status_of(self, alert: Alert) -> int:
        """A redirection is not followed: it would not be the same request."""
        alert_id = f"{self._log_id}:{alert.position}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert_id, "Connection": "close"}
        body = json.dumps({"id": alert_id, **alert.content}, ensure_ascii=False).encode()
        with closing(self._connection_to(self._host, self._port, timeout=_ANSWER_SECONDS)) as connection:
            connection.request("POST", self._path, body, headers)
            return connection.getresponse().status
