"""Events of imports as rows for the log; those of aggregates by the mapper, the many others byte for byte the same."""

from dataclasses import replace
from uuid import UUID

from eventsourcing.domain import BaseAggregate

from application.provenance import Provenance
from domain.times import Seconds, to_text
from infrastructure.events import copy_provenance, copy_row
from infrastructure.mapper import EventMapper


class Encoder:
    """Writes what one import records: its provenance is encoded once for each source."""

    def __init__(self, mapper: EventMapper, by: Provenance) -> None:
        self.mapper = mapper
        self.by = by
        self._origins: dict[str | None, bytes] = {}

    def pending(self, stream: BaseAggregate[UUID], source: str | None = None) -> list[bytes]:
        """The pending events of an aggregate, which has none afterwards."""
        stored = [self.mapper.to_stored_event(event) for event in stream.collect_events()]
        origin = self.origin(source)
        return [
            copy_row(stream.id.bytes, event.originator_version, event.topic.encode(), event.state, origin)
            for event in stored
        ]

    def origin(self, source: str | None) -> bytes:
        """The provenance of a line from ``source``; the import's own when None."""
        encoded = self._origins.get(source)
        if encoded is None:
            by = replace(self.by, source=source or self.by.source)
            encoded = self._origins[source] = copy_provenance(by)
        return encoded


def encode_check_in(visit_id: str, person: str, venue: str, check_in: Seconds, check_out: Seconds | None) -> bytes:
    """The state of a Visit.CheckedIn as the mapper would write it; nothing in it needs escaping."""
    start = to_text(check_in)
    end = "null" if check_out is None else f'"{to_text(check_out)}"'
    return (
        f'{{"schema":1,"happened_at":"{start}","visit_id":"{visit_id}","person":"{person}","venue":"{venue}",'
        f'"check_in":"{start}","check_out":{end}}}'
    ).encode()


def encode_registered(scheme: str, sealed: str, at: Seconds) -> bytes:
    """The state of a Person.Registered as the mapper would write it."""
    return f'{{"schema":1,"happened_at":"{to_text(at)}","scheme":"{scheme}","sealed":"{sealed}"}}'.encode()
