"""Reading events without trusting them: what cannot be read is named by its position, and nothing of it is shown."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from pydantic_core import from_json

from domain.errors import TruyvetError, Unavailable
from infrastructure.mapper import EVENTS, OPTIONAL, EventMapper


class Undecodable(Unavailable):
    """One line that names the position."""

    def __init__(self, position: int, topic: str, problem: str) -> None:
        super().__init__(f"the event at position {position} ({topic}) cannot be read: {problem}")
        self.position = position


class Placed(NamedTuple):
    """An event as the log keeps it, with its place."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes


def decoded(mapper: EventMapper, event: Placed) -> Any:
    """The domain event, when it has the fields of its class in a version that is known. Raises Undecodable."""
    try:
        _check_shape(event.topic, from_json(event.state, cache_strings="keys"))
        return mapper.to_domain_event(StoredEvent(event.stream, event.version, event.topic, event.state))
    except (*UNREADABLE, MapperDeserialisationError) as error:
        raise undecodable(event.position, event.topic, error) from error


def undecodable(position: int, topic: str, error: Exception) -> Undecodable:
    """Names the problem by what the program says of it, not by the content, which may be personal."""
    cause = error.__cause__ if isinstance(error, MapperDeserialisationError) and error.__cause__ else error
    return Undecodable(position, topic, str(cause) if isinstance(cause, _Misshapen) else type(cause).__name__)


class _Misshapen(Exception):
    pass


UNREADABLE: Final = (TruyvetError, _Misshapen, ValueError, TypeError, AttributeError, KeyError, AssertionError)
"""What decoding or applying an event that was altered may raise."""

_IN_EVERY_STATE: Final = frozenset({"schema", "happened_at"})
_FROM_THE_LIBRARY: Final = frozenset({"originator_id", "originator_version", "originator_topic", "timestamp"})


def _fields(event: type[Any]) -> frozenset[str]:
    return _IN_EVERY_STATE | {field.name for field in fields(event)} - _FROM_THE_LIBRARY


_FIELDS: Final[Mapping[str, frozenset[str]]] = {topic: _fields(event) for topic, event in EVENTS.items()}


def _check_shape(topic: str, state: dict[str, Any]) -> None:
    """Fields of an earlier schema are the business of its upcast."""
    if topic not in EVENTS:
        raise _Misshapen("no such event is known")
    newest = getattr(EVENTS[topic], "class_version", 1)
    if not isinstance(state, dict) or not 1 <= state["schema"] <= newest:
        raise _Misshapen("it has a schema that is not known")
    if state["schema"] == newest and not (_FIELDS[topic] - OPTIONAL[topic].keys() <= state.keys() <= _FIELDS[topic]):
        raise _Misshapen("its fields are not those of its kind")
