"""Events of imports as rows for the log; those of aggregates by the mapper, the many others byte for byte the same."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from eventsourcing.domain import BaseAggregate
from numpy.typing import NDArray

from application.provenance import Provenance
from domain.times import Seconds, to_text
from infrastructure.events import copy_provenance, copy_row
from infrastructure.imports.instants import NONE, Characters, Instants, instant_characters
from infrastructure.mapper import EventMapper

_CHECKED_IN: Final = b"Visit.CheckedIn"
_STREAM: Final = 4
"""Where the 16 bytes of the stream begin in a row."""


class CheckIns(NamedTuple):
    """Visits that begin, column by column: ids as text, streams as bytes, NONE for an open end."""

    stream: Sequence[bytes]
    visit_id: Sequence[str]
    person: Sequence[str]
    venue: Sequence[str]
    check_in: Instants
    check_out: Instants
    source: Sequence[str]

    def only(self, which: NDArray[np.bool_]) -> "CheckIns":
        if which.all():
            return self
        chosen = which.tolist()
        return CheckIns(
            list(compress(self.stream, chosen)), list(compress(self.visit_id, chosen)),
            list(compress(self.person, chosen)), list(compress(self.venue, chosen)),
            self.check_in[which], self.check_out[which], list(compress(self.source, chosen)),
        )  # fmt: skip


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

    def check_ins(self, visits: CheckIns) -> list[bytes]:
        """A row for each; those are written together whose rows have the same length and origin."""
        rows = [b""] * len(visits.stream)
        sources = {source: number for number, source in enumerate(dict.fromkeys(visits.source))}
        forms = np.fromiter(map(len, visits.visit_id), np.int64, len(rows)) * 2 + (visits.check_out == NONE)
        forms = forms * len(sources) + np.fromiter(map(sources.__getitem__, visits.source), np.int64, len(rows))
        for form in np.unique(forms):
            which = forms == form
            written = self._alike(visits.only(which))
            for index, row in zip(np.flatnonzero(which).tolist(), written, strict=True):
                rows[index] = row
        return rows

    def _alike(self, visits: CheckIns) -> list[bytes]:
        """The first row, over and over, with what differs filled in."""
        start, end = int(visits.check_in[0]), int(visits.check_out[0])
        state = encode_check_in(
            visits.visit_id[0], visits.person[0], visits.venue[0], start, None if end == NONE else end
        )
        form = copy_row(visits.stream[0], 1, _CHECKED_IN, state, self.origin(visits.source[0] or None))
        rows = np.tile(np.frombuffer(form, np.uint8), (len(visits.stream), 1))
        check_in = instant_characters(visits.check_in)
        _fill(rows, _STREAM, _characters(b"".join(visits.stream), len(rows)))
        for name, column in (
            (b"visit_id", _joined(visits.visit_id)), (b"person", _joined(visits.person)),
            (b"venue", _joined(visits.venue)), (b"happened_at", check_in), (b"check_in", check_in),
        ):  # fmt: skip
            _fill(rows, _place(form, name), column)
        if end != NONE:
            _fill(rows, _place(form, b"check_out"), instant_characters(visits.check_out))
        content, width = rows.tobytes(), len(form)
        return [content[place : place + width] for place in range(0, len(content), width)]

    def origin(self, source: str | None) -> bytes:
        """The provenance of a line from ``source``; the import's own when None."""
        encoded = self._origins.get(source)
        if encoded is None:
            by = replace(self.by, source=source or self.by.source)
            encoded = self._origins[source] = copy_provenance(by)
        return encoded


def _place(form: bytes, name: bytes) -> int:
    """Where the text of a field begins, behind the stream."""
    mark = b'"%b":"' % name
    return form.index(mark, _STREAM + 16) + len(mark)


def _fill(rows: Characters, place: int, column: Characters) -> None:
    rows[:, place : place + column.shape[1]] = column


def _joined(texts: Sequence[str]) -> Characters:
    return _characters("".join(texts).encode(), len(texts))


def _characters(content: bytes, count: int) -> Characters:
    return np.frombuffer(content, np.uint8).reshape(count, -1)


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
