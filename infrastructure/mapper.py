"""Between domain events and stored ones: plain JSON, explicit names, no wrappers and no wall clock."""

import json
from dataclasses import MISSING, fields
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import AggregateEvent, BaseAggregate, CanInitAggregate, DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, MapperDeserialisationError, StoredEvent

from domain.access_keys import AccessKey
from domain.calls import Call
from domain.cases import Case
from domain.declarations import Declaration
from domain.escalations import Escalation
from domain.exposures import Exposures
from domain.guards import Guard
from domain.imports import Import
from domain.leases import Lease
from domain.people import Person
from domain.quarantines import Quarantine
from domain.sites import Site
from domain.times import from_datetime, parse_instant, to_datetime, to_text
from domain.venues import Venue
from domain.visits import Visit

STREAMS: Final[tuple[type[BaseAggregate[UUID]], ...]] = (
    Person, Venue, Visit, Case, Quarantine, Import, AccessKey, Guard, Exposures,
    Declaration, Escalation, Site, Call, Lease,
)  # fmt: skip

EVENTS: Final[dict[str, type[AggregateEvent]]] = {
    vars(event)["TOPIC"]: event
    for stream in STREAMS
    for event in vars(stream).values()
    if isinstance(event, type) and issubclass(event, AggregateEvent) and "TOPIC" in vars(event)
}
"""Every event name that was ever stored, and the class that reads it."""

OPTIONAL: Final[dict[str, dict[str, Any]]] = {
    topic: {field.name: field.default for field in fields(event) if field.default is not MISSING}
    for topic, event in EVENTS.items()
}
"""The fields that came later: their value where they are left out, and they are left out where they have that value."""

_STREAM_OF: Final = {topic: topic.partition(".")[0] for topic in EVENTS}
_NOT_STORED: Final = frozenset({"originator_id", "originator_version", "originator_topic", "timestamp"})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _upcast(event_class: type[AggregateEvent], fields: dict[str, Any]) -> None:
    """Bring what an older version stored to the present schema. Raises ValueError for a newer one than is known."""
    schema, known = fields.pop("schema"), getattr(event_class, "class_version", 1)
    if schema > known:
        raise ValueError(f"schema {schema} is newer than {known}, the newest that this version of truyvet knows")
    for version in range(schema, known):
        getattr(event_class, f"upcast_v{version}_v{version + 1}")(fields)


class EventMapper(Mapper[UUID]):
    """State is ``{"schema": 1, "happened_at": "2021-08-30T02:00:00Z", …the event's own fields}``.

    A field with a default is optional: the events from before it was thought of read as if they had said so.
    """

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        event: Any = domain_event
        schema = getattr(event, "class_version", 1)
        state = {"schema": schema, "happened_at": to_text(from_datetime(event.timestamp))}
        topic = type(event).TOPIC
        optional = OPTIONAL[topic]
        state |= {
            name: value
            for name, value in vars(event).items()
            if name not in _NOT_STORED and (name not in optional or value != optional[name])
        }
        return StoredEvent(event.originator_id, event.originator_version, topic, _encode(state).encode())

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        try:
            event_class = EVENTS[stored_event.topic]
            content = json.loads(stored_event.state)
            content["timestamp"] = to_datetime(parse_instant(content.pop("happened_at")))
            _upcast(event_class, content)
        except Exception as error:
            place = f"{stored_event.topic} {stored_event.originator_id} version {stored_event.originator_version}"
            raise MapperDeserialisationError(f"{place} cannot be read: {error!r}") from error
        for name, value in OPTIONAL[stored_event.topic].items():
            content.setdefault(name, value)
        content["originator_id"] = stored_event.originator_id
        content["originator_version"] = stored_event.originator_version
        if issubclass(event_class, CanInitAggregate):
            content["originator_topic"] = _STREAM_OF[stored_event.topic]
        event = object.__new__(event_class)
        vars(event).update(content)
        return event
