"""What each line of a batch is: a new visit, a check-out, a duplicate or refused."""

import os
from collections.abc import Sequence
from itertools import compress
from uuid import UUID

import numpy as np

from application.visit_keys import keys_of_triples, refuse_another, visit_streams
from domain.errors import TruyvetError
from domain.times import Seconds
from domain.visits import Visit
from infrastructure.imports.batch import Batch, Row, Rows
from infrastructure.imports.encoding import CheckIns, Encoder
from infrastructure.imports.instants import NONE
from infrastructure.log import EventLog


class Decision:
    """What each line of a batch is: a new visit, a check-out, a duplicate or refused."""

    def __init__(self, log: EventLog, encoder: Encoder, batch: Batch, now: Seconds) -> None:
        self.log = log
        self.encoder = encoder
        self.batch = batch
        self.now = now
        self.holders: dict[bytes, bytes] = {}
        self.known: dict[bytes, Visit] = {}

    def decide(self, rows: Rows, *, look_up: bool) -> None:
        """The rows name people and venues by id; without ``look_up`` every visit is taken to be new."""
        triples = keys_of_triples(rows.person, rows.venue, rows.check_in.tolist())
        fresh_ids = _random_ids(len(triples))
        visit_ids = [given or fresh for given, fresh in zip(rows.visit_id, fresh_ids, strict=True)]
        streams = visit_streams(visit_ids)
        visits = CheckIns(
            streams, visit_ids, rows.person, rows.venue, rows.check_in, rows.check_out, rows.source
        )  # fmt: skip
        if look_up:
            self._look_up(rows, triples, streams)
        if self._is_all_new(streams, triples):
            self.batch.rows += self._begin(visits, triples)
        else:
            self._one_by_one(rows, visits, triples)

    def _look_up(self, rows: Rows, triples: list[bytes], streams: list[bytes]) -> None:
        holders = self.log.holders(triples)
        named = {UUID(bytes=stream) for stream, given in zip(streams, rows.visit_id, strict=True) if given}
        visits = self.log.load_many(Visit, named.union(holders.values()))
        self.holders = {triple: stream.bytes for triple, stream in holders.items()}
        self.known = {stream.bytes: visit for stream, visit in visits.items()}

    def _is_all_new(self, streams: list[bytes], triples: list[bytes]) -> bool:
        return not self.holders and not self.known and len(set(streams)) == len(set(triples)) == len(streams)

    def _begin(self, visits: CheckIns, triples: Sequence[bytes]) -> list[bytes]:
        self.batch.keys += triples
        self.batch.holders += visits.stream
        self.batch.tally.recorded += len(triples)
        return self.encoder.check_ins(visits)

    def _one_by_one(self, rows: Rows, visits: CheckIns, triples: list[bytes]) -> None:
        """Each line in its turn: an earlier one may have begun its visit."""
        begun: dict[bytes, int] = {}
        taken: dict[int, list[bytes]] = {}
        for index, (stream, triple) in enumerate(zip(visits.stream, triples, strict=True)):
            existing = stream if stream in begun or stream in self.known else self.holders.get(triple)
            if existing is None:
                begun[stream] = index
                self.holders[triple] = stream
                continue
            if existing not in self.known:
                self.known[existing] = self._as_begun(visits, begun[existing])
            taken[index] = self._take(
                self.known[existing], rows.row(index), UUID(visits.person[index]), UUID(visits.venue[index])
            )
        is_new = np.fromiter((index not in taken for index in range(len(triples))), np.bool_, len(triples))
        written = iter(self._begin(visits.only(is_new), list(compress(triples, is_new))))
        for index in range(len(triples)):
            self.batch.rows += taken[index] if index in taken else [next(written)]

    def _as_begun(self, visits: CheckIns, index: int) -> Visit:
        check_in, check_out = int(visits.check_in[index]), int(visits.check_out[index])
        visit = Visit.begin(
            UUID(bytes=visits.stream[index]), visits.visit_id[index], UUID(visits.person[index]),
            UUID(visits.venue[index]), check_in, None if check_out == NONE else check_out, self.now,
        )  # fmt: skip
        visit.collect_events()  # its row is in the batch already
        return visit

    def _take(self, visit: Visit, row: Row, person: UUID, venue: UUID) -> list[bytes]:
        try:
            refuse_another(visit, row.visit_id, person, venue)
            completed = visit.take(row.check_in, row.check_out, self.now)
        except TruyvetError as error:
            self.batch.reject(row.line, str(error))
            return []
        self.batch.tally.completed += completed
        self.batch.tally.duplicates += not completed
        return self.encoder.pending(visit, row.source)


def _random_ids(count: int) -> list[str]:
    digits = os.urandom(16 * count).hex()
    return [digits[start : start + 32] for start in range(0, 32 * count, 32)]
