"""From events of the log to columns: what a batch of events says, read all at once."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from pydantic_core import from_json

from domain.errors import Malformed
from domain.quarantines import Quarantine
from domain.times import LATEST, parse_instant
from domain.venues import Venue
from domain.visits import Visit
from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.ids import halves


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


def read(events: Sequence[LoggedEvent]) -> Facts:
    """What the events say that matters to tracing. Raises Malformed, naming the first that cannot be read."""
    try:
        return _read(events)
    except (ValueError, KeyError, TypeError, AttributeError, Malformed) as error:
        for event in events if len(events) > 1 else ():
            read([event])
        raise Malformed(f"the event at position {events[0].position} cannot be read: {error!r}") from error


_VISIT: Final = frozenset({Visit.CheckedIn.TOPIC, Visit.CheckedOut.TOPIC, Visit.Corrected.TOPIC, Visit.Retracted.TOPIC})
_VENUE: Final = frozenset({Venue.Registered.TOPIC, Venue.DefaultStayChanged.TOPIC})
_QUARANTINE: Final = frozenset({
    Quarantine.Assigned.TOPIC, Quarantine.Extended.TOPIC, Quarantine.Released.TOPIC, Quarantine.Withdrawn.TOPIC,
})  # fmt: skip


def _read(events: Sequence[LoggedEvent]) -> Facts:
    return Facts(
        _visits([event for event in events if event.topic in _VISIT]),
        *_venues([event for event in events if event.topic in _VENUE]),
        _quarantines([event for event in events if event.topic in _QUARANTINE]),
    )


def _visits(events: Sequence[LoggedEvent]) -> VisitFacts:
    states = _states(events)
    corrected = [event.topic == Visit.Corrected.TOPIC for event in events]
    start = instants([state["check_in"] for state in states])
    old_start = start.copy()
    old_start[corrected] = instants(
        [state["old_check_in"] for state, is_corrected in zip(states, corrected, strict=True) if is_corrected]
    )
    return VisitFacts(
        _positions(events),
        np.array([event.topic == Visit.CheckedIn.TOPIC for event in events], bool),
        np.array([event.topic == Visit.Retracted.TOPIC for event in events], bool),
        uuids([state["person"] for state in states]),
        uuids([state["venue"] for state in states]),
        np.array([event.stream.int & 0xFFFFFFFF for event in events], np.uint32),
        old_start,
        start,
        instants_or_forever([state["check_out"] for state in states]),
    )


def _venues(events: Sequence[LoggedEvent]) -> tuple[StayFacts, PlaceFacts]:
    states = _states(events)
    wholes = [state.get("part_of") for state in states]
    parts = [event for event, whole in zip(events, wholes, strict=True) if whole is not None]
    return StayFacts(
        _positions(events),
        np.array([event.topic == Venue.DefaultStayChanged.TOPIC for event in events], bool),
        _streams(events),
        np.array([state["default_stay_minutes"] for state in states], np.uint32) * np.uint32(60),
    ), PlaceFacts(_positions(parts), _streams(parts), uuids([whole for whole in wholes if whole is not None]))


def _quarantines(events: Sequence[LoggedEvent]) -> QuarantineFacts:
    """A withdrawn one is as if it never began."""
    states = _states(events)
    begun = [event.topic != Quarantine.Withdrawn.TOPIC for event in events]
    return QuarantineFacts(
        _positions(events),
        _streams(events),
        uuids([state["person"] for state in states]),
        instants_or_forever(
            [state["since"] if has_begun else None for has_begun, state in zip(begun, states, strict=True)]
        ),
        instants_or_forever(
            [state["until"] if has_begun else None for has_begun, state in zip(begun, states, strict=True)]
        ),
    )


def _states(events: Sequence[LoggedEvent]) -> list[dict[str, Any]]:
    states = from_json(b"[" + b",".join([event.state for event in events]) + b"]", cache_strings="keys")
    if len(states) != len(events):
        raise ValueError("a state is not one JSON object")
    return states  # type: ignore[no-any-return]  # from_json gives what the JSON holds


def _positions(events: Sequence[LoggedEvent]) -> Array:
    return np.array([event.position for event in events], np.uint32)


def _streams(events: Iterable[LoggedEvent]) -> Array:
    return halves(b"".join([event.stream.bytes for event in events]))


_DASHES: Final = [8, 13, 18, 23]


def uuids(texts: list[str]) -> Array:
    """Halves of UUIDs written 8-4-4-4-12; uint64 of shape (n, 2)."""
    characters = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
    if len(characters) != 36 * len(texts) or not (characters.reshape(-1, 36)[:, _DASHES] == ord("-")).all():
        return halves(b"".join([UUID(text).bytes for text in texts]))
    return halves(bytes.fromhex(np.delete(characters.reshape(-1, 36), _DASHES, axis=1).tobytes().decode()))


def instants_or_forever(texts: list[str | None]) -> Array:
    known = np.array([text is not None for text in texts], bool)
    found = np.full(len(texts), FOREVER, np.uint32)
    found[known] = instants([text for text in texts if text is not None])
    return found


_MARKS: Final = [4, 7, 10, 13, 16, 19]
_AS_WE_WRITE: Final = np.frombuffer(b"--T::Z", np.uint8)


def instants(texts: list[str]) -> Array:
    """Seconds (uint32) of instants, quickly when written like ``2021-08-30T02:00:00Z``."""
    characters = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
    if len(characters) != 20 * len(texts) or not (characters.reshape(-1, 20)[:, _MARKS] == _AS_WE_WRITE).all():
        return np.array([parse_instant(text) for text in texts], np.uint32)
    found = characters.view("S20").astype("S19").astype("datetime64[s]").astype(np.int64)
    if len(found) and not (found.min() >= 0 and found.max() <= LATEST):
        raise ValueError("a time outside 1970 to 2106")
    return found.astype(np.uint32)
