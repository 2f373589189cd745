"""What each line of a batch is: a new visit, a check-out, a duplicate or refused."""

import os
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from application.log import Key, unique_key
from application.visit_keys import refuse_another, triple_key, visit_stream
from domain.errors import TruyvetError
from domain.times import Seconds
from domain.visits import Visit
from infrastructure.events import copy_row
from infrastructure.imports.batch import Batch, Row
from infrastructure.imports.encoding import Encoder, encode_check_in
from infrastructure.log import EventLog

_CHECKED_IN: Final = b"Visit.CheckedIn"


class Decision:
    """What each line of a batch is: a new visit, a check-out, a duplicate or refused."""

    def __init__(self, log: EventLog, encoder: Encoder, batch: Batch, now: Seconds) -> None:
        self.log = log
        self.encoder = encoder
        self.batch = batch
        self.now = now
        self.holders: dict[bytes, bytes] = {}
        self.known: dict[bytes, Visit] = {}
        self.fresh: dict[bytes, tuple[str, Row, str, str]] = {}

    def decide(self, rows: list[Row], people: list[str], venues: list[str], *, look_up: bool) -> None:
        """``people`` and ``venues`` are the ids of each row's; without ``look_up`` every visit is taken to be new."""
        triples = [
            triple_key(person, venue, row.check_in) for person, venue, row in zip(people, venues, rows, strict=True)
        ]
        if look_up:
            self._look_up(rows, triples)
        named = zip(rows, people, venues, triples, _random_ids(len(rows)), strict=True)
        for row, person, venue, triple, fresh_id in named:
            visit_id = row.visit_id or fresh_id
            stream = unique_key("visit", visit_id)
            existing = stream if stream in self.fresh or stream in self.known else self.holders.get(triple)
            if existing is None:
                self._begin(visit_id, stream, row, person, venue, triple)
            else:
                self._take(existing, row, person, venue)

    def _look_up(self, rows: list[Row], triples: list[bytes]) -> None:
        holders = self.log.holders(triples)
        named = {visit_stream(row.visit_id) for row in rows if row.visit_id is not None}
        visits = self.log.load_many(Visit, named.union(holders.values()))
        self.holders = {triple: stream.bytes for triple, stream in holders.items()}
        self.known = {stream.bytes: visit for stream, visit in visits.items()}

    def _begin(self, visit_id: str, stream: bytes, row: Row, person: str, venue: str, triple: bytes) -> None:
        state = encode_check_in(visit_id, person, venue, row.check_in, row.check_out)
        self.batch.rows.append(copy_row(stream, 1, _CHECKED_IN, state, self.encoder.origin(row.source)))
        self.batch.keys.append(Key(triple, stream))
        self.batch.tally.recorded += 1
        self.holders[triple] = stream
        self.fresh[stream] = (visit_id, row, person, venue)

    def _take(self, stream: bytes, row: Row, person: str, venue: str) -> None:
        visit = self.known.get(stream) or self._begun_in_this_batch(stream)
        try:
            refuse_another(visit, row.visit_id, UUID(person), UUID(venue))
            completed = visit.take(row.check_in, row.check_out, self.now)
        except TruyvetError as error:
            self.batch.reject(row.line, str(error))
            return
        self.batch.tally.completed += completed
        self.batch.tally.duplicates += not completed
        self.batch.rows += self.encoder.pending(visit, row.source)

    def _begun_in_this_batch(self, stream: bytes) -> Visit:
        visit_id, row, person, venue = self.fresh[stream]
        visit = Visit.begin(
            UUID(bytes=stream), visit_id, UUID(person), UUID(venue), row.check_in, row.check_out, self.now
        )
        visit.collect_events()  # its row is in the batch already
        self.known[stream] = visit
        return visit


def _random_ids(count: int) -> Iterator[str]:
    digits = os.urandom(16 * count).hex()
    return (digits[start : start + 32] for start in range(0, 32 * count, 32))
