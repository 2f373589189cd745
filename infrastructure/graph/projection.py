"""From events of the log to columns: what a batch of events says, read all at once."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import numpy as np
from pydantic_core import from_json

from domain.errors import Malformed
from domain.quarantines import Quarantine
from domain.times import LATEST, parse_instant
from domain.venues import Venue
from domain.visits import Visit
from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.blocks import Block
from infrastructure.graph.facts import Facts, LoggedEvent, PlaceFacts, QuarantineFacts, StayFacts, VisitFacts
from infrastructure.graph.ids import halves
from infrastructure.reading import Placed

_Event: TypeAlias = LoggedEvent | Placed


def read(events: Sequence[LoggedEvent] | Block) -> Facts:
    """What the events say that matters to tracing. Raises Malformed, naming the first that cannot be read."""
    if isinstance(events, Block):
        others = _read_all(events.events(events.others(TOPICS)))
        return others._replace(visits=_by_position(_plain(events), others.visits))
    return _read_all(events)


def ends(events: Sequence[LoggedEvent] | Block) -> tuple[int, int]:
    """The positions of the first and the last one."""
    if isinstance(events, Block):
        return int(events.places.position[0]), int(events.places.position[-1])
    return events[0].position, events[-1].position


def _plain(block: Block) -> VisitFacts:
    """The check-ins that need no further reading."""
    found = block.check_ins
    tag = block.pieces(block.places.stream[found.row] + 12, 4).view(">u4").ravel().astype(np.uint32)
    yes, no = np.ones(len(found.row), bool), np.zeros(len(found.row), bool)
    position = block.places.position[found.row].astype(np.uint32)
    return VisitFacts(position, yes, no, found.person, found.venue, tag, found.start, found.start, found.end)


def _by_position(some: VisitFacts, others: VisitFacts) -> VisitFacts:
    if not len(others.position):
        return some
    together = VisitFacts(*map(np.concatenate, zip(some, others, strict=True)))
    order = np.argsort(together.position, kind="stable")
    return VisitFacts(*(column[order] for column in together))


def _read_all(events: Sequence[_Event]) -> Facts:
    try:
        return _read(events)
    except (ValueError, KeyError, TypeError, AttributeError, Malformed) as error:
        for event in events if len(events) > 1 else ():
            _read_all([event])
        raise Malformed(f"the event at position {events[0].position} cannot be read: {error!r}") from error


_VISIT: Final = frozenset({Visit.CheckedIn.TOPIC, Visit.CheckedOut.TOPIC, Visit.Corrected.TOPIC, Visit.Retracted.TOPIC})
_VENUE: Final = frozenset({Venue.Registered.TOPIC, Venue.DefaultStayChanged.TOPIC})
_QUARANTINE: Final = frozenset({
    Quarantine.Assigned.TOPIC, Quarantine.Extended.TOPIC, Quarantine.Released.TOPIC, Quarantine.Withdrawn.TOPIC,
})  # fmt: skip
TOPICS: Final = _VISIT | _VENUE | _QUARANTINE
"""The events that matter to tracing."""


def _read(events: Sequence[_Event]) -> Facts:
    return Facts(
        _visits([event for event in events if event.topic in _VISIT]),
        *_venues([event for event in events if event.topic in _VENUE]),
        _quarantines([event for event in events if event.topic in _QUARANTINE]),
    )


def _visits(events: Sequence[_Event]) -> VisitFacts:
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


def _venues(events: Sequence[_Event]) -> tuple[StayFacts, PlaceFacts]:
    states = _states(events)
    wholes = [state.get("part_of") for state in states]
    parts = [event for event, whole in zip(events, wholes, strict=True) if whole is not None]
    return StayFacts(
        _positions(events),
        np.array([event.topic == Venue.DefaultStayChanged.TOPIC for event in events], bool),
        _streams(events),
        np.array([state["default_stay_minutes"] for state in states], np.uint32) * np.uint32(60),
    ), PlaceFacts(_positions(parts), _streams(parts), uuids([whole for whole in wholes if whole is not None]))


def _quarantines(events: Sequence[_Event]) -> QuarantineFacts:
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


def _states(events: Sequence[_Event]) -> list[dict[str, Any]]:
    states = from_json(b"[" + b",".join([event.state for event in events]) + b"]", cache_strings="keys")
    if len(states) != len(events):
        raise ValueError("a state is not one JSON object")
    return states  # type: ignore[no-any-return]  # from_json gives what the JSON holds


def _positions(events: Sequence[_Event]) -> Array:
    return np.array([event.position for event in events], np.uint32)


def _streams(events: Iterable[_Event]) -> Array:
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
