"""Visits from files: read, find people and venues, decide, append; one batch is decided while another is appended."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Final, NamedTuple, cast
from uuid import uuid4

import numpy as np
from eventsourcing.persistence import IntegrityError

from application.people import IDENTITY
from application.provenance import Provenance
from application.venues import code_key
from domain.errors import Unavailable
from domain.people import Identity, parse_identity
from domain.venues import Minutes, Venue, parse_code
from infrastructure.events import copy_row
from infrastructure.imports.batch import Batch, Rows
from infrastructure.imports.decision import Decision
from infrastructure.imports.encoding import Encoder, encode_registered
from infrastructure.imports.names import Names
from infrastructure.imports.reading import problems, read_table
from infrastructure.imports.recorded import RecordedImport
from infrastructure.imports.tools import Tools
from infrastructure.lines import Lines, Table, Unreadable

_REGISTERED: Final = b"Person.Registered"
_TRIES: Final = 20
_AT_ONCE: Final = 2  # batches on their way into the log


class Appending(NamedTuple):
    """A batch on its way into the log; ``claimed`` is set when its keys are taken or it has failed."""

    table: Table
    batch: Batch
    claimed: Event
    done: Future[None]


class Found(NamedTuple):
    """The ids of names that are known now, and the problems of those that are none."""

    ids: dict[str, str]
    problems: dict[str, str]


class VisitImport(RecordedImport):
    """While two batches are appended the next is decided, on what they bring; ``people`` and ``venues`` map names to
    ids. A batch is decided without looking up its visits as long as files bring new ones: a key that is taken says so,
    and the batch is decided again with care. Of the two the second claims its keys while the first has its turn in the
    log, and fails with it."""

    def __init__(
        self, tools: Tools, register_venues: bool, default_stay_minutes: Minutes | None, by: Provenance
    ) -> None:
        super().__init__(tools, "visits", by)
        self.log = tools.log
        self.vault = tools.vault
        self.register_venues = register_venues
        self.default_stay_minutes = default_stay_minutes
        self.people = Names()
        self.venues = Names()
        self.encoder = Encoder(tools.log.mapper, self.by)
        self.begun_row = self.encoder.pending(self.begin())
        self.expects_new = True

    def run(self, lines: Lines, size: int) -> Iterator[Batch]:
        """The batches as they were recorded, each whole or not at all."""
        with ThreadPoolExecutor(_AT_ONCE, "append") as appenders:
            under_way: deque[Appending] = deque()
            try:
                for table in lines.tables(size):
                    batch, again = self._decide(table, look_up=not self.expects_new), False
                    while len(under_way) >= (_AT_ONCE if self.expects_new else 1):
                        again |= yield from self._settle(under_way)
                    if again:
                        batch = self._decide(table, look_up=True)
                    under_way.append(self._submit(appenders, table, batch, under_way))
            except Unreadable:
                while under_way:
                    yield from self._settle(under_way)
                raise
            while under_way:
                yield from self._settle(under_way)

    def _settle(self, under_way: deque[Appending]) -> Generator[Batch, None, bool]:
        """The first batch once it is recorded; True when it met keys that were taken: all are decided again then."""
        batch = under_way[0].batch
        try:
            under_way[0].done.result()
        except IntegrityError:
            failed = list(under_way)
            under_way.clear()
            wait([appending.done for appending in failed])
            for appending in failed:
                self._forget(appending.batch)
            for appending in failed:
                yield self._record_with_care(appending.table)
            return True
        under_way.popleft()
        self.expects_new = not (batch.tally.duplicates or batch.tally.completed)
        yield batch
        return False

    def _record_with_care(self, table: Table) -> Batch:
        for _ in range(_TRIES):
            batch = self._decide(table, look_up=True)
            try:
                self._append(self._remembered(batch))
            except IntegrityError:
                self._forget(batch)
                continue
            self.expects_new = False
            return batch
        raise Unavailable("too many others are recording the same visits; import the file again")

    def _submit(
        self, appenders: ThreadPoolExecutor, table: Table, batch: Batch, under_way: Sequence[Appending]
    ) -> Appending:
        claimed, earlier = Event(), under_way[-1] if under_way else None
        if earlier is not None:
            earlier.claimed.wait()
        done = appenders.submit(self._append_in_turn, self._remembered(batch), claimed, earlier)
        return Appending(table, batch, claimed, done)

    def _append_in_turn(self, batch: Batch, claimed: Event, earlier: Appending | None) -> None:
        def turn() -> None:
            claimed.set()
            if earlier is not None:
                earlier.done.result()

        try:
            self._append(batch, turn)
        finally:
            claimed.set()

    def _append(self, batch: Batch, turn: Callable[[], None] | None = None) -> None:
        if batch.rows:
            rows = [*self.begun_row, *batch.rows] if batch.begins else batch.rows
            keys = zip(batch.keys, batch.holders, strict=True)
            self.log.recorder.append(rows, keys=keys, secrets=batch.secrets, turn=turn)

    def _remembered(self, batch: Batch) -> Batch:
        """From now on its people and venues are known, and the import has begun."""
        self.people.learn(batch.people)
        self.venues.learn(batch.venues)
        batch.begins = bool(batch.rows) and not self.has_begun
        self.has_begun = self.has_begun or batch.begins
        return batch

    def _forget(self, batch: Batch) -> None:
        self.people.forget(batch.people)
        self.venues.forget(batch.venues)
        self.has_begun = self.has_begun and not batch.begins

    def _decide(self, table: Table, *, look_up: bool) -> Batch:
        batch = Batch()
        batch.tally.read = len(table.numbers) + len(table.unreadable)
        now = self.tools.now()
        rows = read_table(table, now, batch)
        rows, venues = self._resolve(rows, rows.venue, batch, self.venues, self._find_venues)
        rows, people = self._resolve(rows._replace(venue=venues), rows.person, batch, self.people, self._find_people)
        decision = Decision(self.log, self.encoder, batch, now)
        decision.decide(rows._replace(person=people), look_up=look_up)
        return batch

    def _resolve(
        self,
        rows: Rows,
        names: Sequence[str],
        batch: Batch,
        known: Names,
        find: Callable[[set[str], Batch], Found],
    ) -> tuple[Rows, list[str]]:
        """The rows that name something, and its ids; the others are rejected."""
        ids = known.known(names)
        if None not in ids:
            return rows, cast("list[str]", ids)
        found, problems = find({name for name, its in zip(names, ids, strict=True) if its is None}, batch)
        for index, name in enumerate(names) if problems else ():
            if name in problems:
                batch.reject(rows.line(index), problems[name])
        named = np.fromiter((name not in problems for name in names), np.bool_, len(names))
        return rows.only(named), [
            its or found[name] for name, its in zip(names, ids, strict=True) if name not in problems
        ]  # fmt: skip

    def _find_venues(self, names: set[str], batch: Batch) -> Found:
        refused = problems(names, parse_code)
        found = self.tools.venues.find_many(names - refused.keys())
        batch.venues = {name: str(venue_id) for name, venue_id in found.items()}
        missing = sorted(names - refused.keys() - found.keys())
        if not self.register_venues:
            refused |= dict.fromkeys(missing, "there is no venue with that code or id")
        for name in missing if self.register_venues else ():
            batch.venues[name] = self._draft_venue(name, batch)
        return Found(batch.venues, refused)

    def _draft_venue(self, code: str, batch: Batch) -> str:
        stay = self.default_stay_minutes
        venue = Venue.register(uuid4(), code, "other", self.tools.now(), code=code, default_stay_minutes=stay)
        batch.rows += self.encoder.pending(venue)
        batch.claim(code_key(code), venue.id.bytes)
        return str(venue.id)

    def _find_people(self, names: set[str], batch: Batch) -> Found:
        refused = problems(names, parse_identity)
        identities = {name: parse_identity(name) for name in names - refused.keys()}
        keys = {name: self.vault.identity_key(identity) for name, identity in identities.items()}
        people = {key: str(person) for key, person in self.log.holders(list(keys.values())).items()}
        for name, identity in identities.items():
            key = keys[name]
            if key not in people:
                people[key] = self._draft_person(identity, key, batch)
            batch.people[name] = people[key]
        return Found(batch.people, refused)

    def _draft_person(self, identity: Identity, key: bytes, batch: Batch) -> str:
        person_id = uuid4()
        secret = self.vault.new_secret(person_id)
        sealed = self.vault.seal(secret, IDENTITY, str(identity))
        state = encode_registered(identity.scheme, sealed, self.tools.now())
        batch.rows.append(copy_row(person_id.bytes, 1, _REGISTERED, state, self.encoder.origin(None)))
        batch.claim(key, person_id.bytes)
        batch.secrets.append(secret)
        return str(person_id)
