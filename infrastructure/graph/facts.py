"""Facts: what events say that matters to tracing, as columns."""

from typing import NamedTuple
from uuid import UUID

from infrastructure.graph.arrays import Array


class LoggedEvent(NamedTuple):
    """An event as the log keeps it; ``state`` is JSON with ``happened_at`` and the fields of the event class."""

    position: int
    topic: str
    stream: UUID
    state: bytes


class VisitFacts(NamedTuple):
    """n events of visits in order of position. ``old_start`` names the version that all but a check-in supersede."""

    position: Array  # uint32
    checked_in: Array  # bool
    retracted: Array  # bool
    person: Array  # uint64, shape (n, 2)
    venue: Array  # uint64, shape (n, 2)
    tag: Array  # uint32
    old_start: Array  # uint32 seconds
    start: Array  # uint32 seconds
    end: Array  # uint32 seconds, FOREVER when unknown


class StayFacts(NamedTuple):
    """Default stays, set by registration or changed."""

    position: Array  # uint32
    changed: Array  # bool
    venue: Array  # uint64, shape (n, 2)
    seconds: Array  # uint32


class PlaceFacts(NamedTuple):
    """Venues that lie in another."""

    position: Array  # uint32
    part: Array  # uint64, shape (n, 2)
    whole: Array  # uint64, shape (n, 2)


class QuarantineFacts(NamedTuple):
    position: Array  # uint32
    stream: Array  # uint64, shape (n, 2)
    person: Array  # uint64, shape (n, 2)
    since: Array  # uint32 seconds
    until: Array  # uint32 seconds, FOREVER when open


class Facts(NamedTuple):
    visits: VisitFacts
    stays: StayFacts
    places: PlaceFacts
    quarantines: QuarantineFacts
