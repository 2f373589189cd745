"""Blocks of made-up events, as COPY writes them."""

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain.times import to_datetime, to_text
from domain.visits import Visit
from infrastructure.graph import LoggedEvent
from infrastructure.mapper import EventMapper

HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
NINE = 1_630_288_800


def uuid(name: str) -> UUID:
    return UUID(bytes=name.encode().rjust(16, b"\xab"))


def row(event: LoggedEvent, version: int = 1) -> bytes:
    topic = event.topic.encode()
    return b"".join([
        struct.pack(">hiqiqi", 5, 8, event.position, 8, version, len(topic)), topic,
        struct.pack(">i", 16), event.stream.bytes, struct.pack(">i", len(event.state)), event.state,
    ])  # fmt: skip


def copied(events: Sequence[LoggedEvent]) -> bytes:
    return HEADER + b"".join(map(row, events)) + TRAILER


def check_in(visit_id: str = "v1", start: int = NINE, end: int | None = None, **scan: Any) -> bytes:
    """As the mapper writes it."""
    event: Any = object.__new__(Visit.CheckedIn)
    told = {"assurance": None, "clock_error_seconds": None, "device": None} | scan
    vars(event).update(
        originator_id=uuid(visit_id[:16]), originator_version=1, timestamp=to_datetime(start), visit_id=visit_id,
        person=str(uuid("ann")), venue=str(uuid("caf")), check_in=to_text(start),
        check_out=None if end is None else to_text(end), **told,
    )  # fmt: skip
    return EventMapper().to_stored_event(event).state


def logged(*states: bytes, topic: str = "Visit.CheckedIn") -> list[LoggedEvent]:
    return [LoggedEvent(n, topic, uuid(f"stream {n}"), state) for n, state in enumerate(states, start=1)]
