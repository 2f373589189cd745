"""Visits from files: the same decisions as one by one, encoded without aggregates, appended in batches.

Read, resolve people and venues, look up which visits are known, decide line by line, append; a batch that another
writer crossed is decided again. ``tests/infrastructure/test_imports.py`` holds both ways of encoding byte-equal.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError

from application.log import Draft, Key, Raced, Secret, settled
from application.people import People
from application.provenance import Provenance
from application.quarantines import Quarantines
from application.venues import Venues, code_key
from application.visits import refuse_another, triple_key, visit_stream
from domain.errors import Malformed, TruyvetError
from domain.imports import Import
from domain.people import Identity, parse_identity
from domain.times import Seconds, parse_instant, to_text
from domain.venues import Minutes, Venue, parse_code
from domain.visits import Visit, check_times, parse_visit_id
from infrastructure.events import copy_provenance, copy_row
from infrastructure.lines import Line, Lines, Unreadable
from infrastructure.log import EventLog
from infrastructure.vault import SealedVault

VISIT_COLUMNS: Final = ("person", "venue", "check_in", "check_out")
VISIT_OPTIONS: Final = ("visit_id", "source")
QUARANTINE_COLUMNS: Final = ("person", "from", "until")

BATCH = 2_000
"""Lines in one append: the ordering lock is held for the copy and the commit of these."""

_REMEMBERED = 500_000  # people and venues whose ids an import keeps at hand
"""Names kept in memory during an import; beyond it they are looked up again."""

Reject = Callable[[int, str, bytes], None]
Progress = Callable[[int], None]


@dataclass(slots=True)
class Tally:
    read: int = 0
    recorded: int = 0
    completed: int = 0
    duplicates: int = 0
    rejected: int = 0

    def add(self, other: "Tally") -> None:
        self.read += other.read
        self.recorded += other.recorded
        self.completed += other.completed
        self.duplicates += other.duplicates
        self.rejected += other.rejected

    def as_dict(self) -> dict[str, int]:
        return {
            "read": self.read, "recorded": self.recorded, "completed": self.completed,
            "duplicates": self.duplicates, "rejected": self.rejected,
        }  # fmt: skip


@dataclass(slots=True)
class Outcome:
    tally: Tally
    seconds: float
    position: int
    failure: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return self.tally.as_dict() | {"seconds": round(self.seconds, 3), "position": self.position}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of visits, read and in order, its person and venue still as named."""

    line: Line
    person: str
    venue: str
    check_in: Seconds
    check_out: Seconds | None
    visit_id: str | None
    source: str | None


@dataclass(slots=True)
class Batch:
    """What a batch of lines comes to before it is appended."""

    rows: list[bytes] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    rejects: list[tuple[int, str, bytes]] = field(default_factory=list)
    people: dict[str, UUID] = field(default_factory=dict)
    venues: dict[str, UUID] = field(default_factory=dict)

    def reject(self, line: Line, problem: str) -> None:
        self.tally.rejected += 1
        self.rejects.append((line.number, problem, line.raw))


class Imports:
    def __init__(
        self, log: EventLog, vault: SealedVault, people: People, venues: Venues, quarantines: Quarantines,
        now: Callable[[], Seconds],
    ) -> None:  # fmt: skip
        self.log = log
        self.vault = vault
        self.people = people
        self.venues = venues
        self.quarantines = quarantines
        self.now = now

    def visits(
        self,
        file: IO[bytes],
        *,
        register_venues: bool = False,
        default_stay_minutes: Minutes | None = None,
        by: Provenance,
        reject: Reject | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Import CSV or NDJSON. Raises Unreadable only when nothing could be read; else its text is the failure."""
        work = VisitImport(self, register_venues, default_stay_minutes, by)
        return self._run(work, Lines(file, VISIT_COLUMNS, VISIT_OPTIONS), reject, progress)

    def assigned_quarantines(
        self, file: IO[bytes], *, by: Provenance, reject: Reject | None = None, progress: Progress | None = None
    ) -> Outcome:
        work = QuarantineImport(self, by)
        return self._run(work, Lines(file, QUARANTINE_COLUMNS), reject, progress)

    def _run(
        self, work: "VisitImport | QuarantineImport", lines: Lines, reject: Reject | None, progress: Progress | None
    ) -> Outcome:
        started, tally, failure = time.perf_counter(), Tally(), None
        try:
            for batch in _batches(lines, BATCH):
                counted, rejects = work.take(batch)
                tally.add(counted)
                for rejected in rejects if reject is not None else ():
                    reject(*rejected)  # type: ignore[misc] # the loop is empty without it
                if progress is not None:
                    progress(tally.read)
        except Unreadable as error:
            if tally.read == 0:
                raise
            failure = str(error)
        work.complete(lines.sha256, tally, failure)
        return Outcome(tally, time.perf_counter() - started, self.log.head(), failure)


class _Recorded:
    """The import's own stream: begun together with the first fact that is new."""

    def __init__(self, imports: Imports, kind: str, by: Provenance) -> None:
        self.imports = imports
        self.import_id = uuid4()
        self.by = Provenance(by.actor, by.on_behalf_of, by.source, by.cause, str(self.import_id), by.basis)
        self.stream = Import.begin(self.import_id, kind, imports.now())
        self.has_begun = False

    def complete(self, sha256: str, tally: Tally, failure: str | None) -> None:
        if self.has_begun:
            self.stream.complete(sha256, tally.as_dict(), failure, self.imports.now())
            self.imports.log.save(Draft([self.stream]), self.by)


class QuarantineImport(_Recorded):
    def __init__(self, imports: Imports, by: Provenance) -> None:
        super().__init__(imports, "quarantines", by)

    def take(self, lines: list[Line]) -> tuple[Tally, list[tuple[int, str, bytes]]]:
        batch = Batch()
        for line in lines:
            batch.tally.read += 1
            try:
                self._take_line(line, batch.tally)
            except TruyvetError as error:
                batch.reject(line, str(error))
        return batch.tally, batch.rejects

    @settled
    def _take_line(self, line: Line, tally: Tally) -> None:
        if line.values is None:
            raise Malformed(line.problem or "the line cannot be read")
        person, since, until = line.values
        draft = Draft()
        quarantine = self.imports.quarantines.draft(
            person, parse_instant(since), parse_instant(until) if until else None, draft
        )
        if not quarantine.pending_events:
            tally.duplicates += 1
            return
        is_new = quarantine.version == 1
        if not self.has_begun:
            draft.streams.insert(0, self.stream)
        self.imports.log.save(draft, self.by)
        self.has_begun = True
        tally.recorded += is_new
        tally.completed += not is_new


class VisitImport(_Recorded):
    def __init__(
        self, imports: Imports, register_venues: bool, default_stay_minutes: Minutes | None, by: Provenance
    ) -> None:
        super().__init__(imports, "visits", by)
        self.log = imports.log
        self.vault = imports.vault
        self.register_venues = register_venues
        self.default_stay_minutes = default_stay_minutes
        self.people: dict[str, UUID] = {}
        self.venues: dict[str, UUID] = {}
        self.provenance: dict[str | None, bytes] = {}
        self.begun_row = self._encoded(self.stream)[0]

    def take(self, lines: list[Line]) -> tuple[Tally, list[tuple[int, str, bytes]]]:
        """Record a batch of lines, all that are new or none."""
        for _ in range(_TRIES):
            batch = self._decide(lines)
            try:
                self._append(batch)
            except IntegrityError:
                continue
            self._remember(batch)
            return batch.tally, batch.rejects
        raise Raced

    def _append(self, batch: Batch) -> None:
        if not batch.rows:
            return
        rows = batch.rows if self.has_begun else [self.begun_row, *batch.rows]
        self.log.recorder.append(rows, keys=batch.keys, secrets=batch.secrets)
        self.has_begun = True

    def _remember(self, batch: Batch) -> None:
        for known, new in ((self.people, batch.people), (self.venues, batch.venues)):
            if len(known) > _REMEMBERED:
                known.clear()
            known.update(new)

    def _decide(self, lines: list[Line]) -> Batch:
        batch = Batch()
        batch.tally.read = len(lines)
        now = self.imports.now()
        read = [row for line in lines if (row := _read(line, now, batch)) is not None]
        self._resolve_venues(read, batch)
        with_venue = [row for row in read if self._has_venue(row, batch)]
        self._resolve_people(with_venue, batch)
        Decision(self, batch, now).decide(with_venue)
        return batch

    def _has_venue(self, row: Row, batch: Batch) -> bool:
        if row.venue in self.venues or row.venue in batch.venues:
            return True
        batch.reject(row.line, "there is no venue with that code or id")
        return False

    def _resolve_venues(self, rows: list[Row], batch: Batch) -> None:
        names = {row.venue for row in rows} - self.venues.keys()
        batch.venues |= self.imports.venues.find_many(names)
        if self.register_venues:
            for name in sorted(names - batch.venues.keys()):
                batch.venues[name] = self._draft_venue(name, batch)

    def _draft_venue(self, code: str, batch: Batch) -> UUID:
        stay = self.default_stay_minutes
        venue = Venue.register(uuid4(), code, "other", self.imports.now(), code=code, default_stay_minutes=stay)
        batch.rows += self._encoded(venue)
        batch.keys.append(Key(code_key(code), venue.id))
        return venue.id

    def _resolve_people(self, rows: list[Row], batch: Batch) -> None:
        names = {row.person for row in rows} - self.people.keys()
        if not names:
            return
        identities = {name: parse_identity(name) for name in names if not name.startswith("id:")}
        keys = {name: self.vault.identity_key(identity) for name, identity in identities.items()}
        holders = self.log.holders(list(keys.values()))
        drafted: dict[bytes, UUID] = {}
        for name, identity in identities.items():
            key = keys[name]
            person = holders.get(key) or drafted.get(key)
            if person is None:
                person = drafted[key] = self._draft_person(identity, batch)
            batch.people[name] = person
        for name in names - identities.keys():
            batch.people[name] = UUID(name.removeprefix("id:"))

    def _draft_person(self, identity: Identity, batch: Batch) -> UUID:
        draft = Draft()
        person_id = self.imports.people.draft(identity, draft)
        batch.rows += self._encoded(draft.streams[0])
        batch.keys += draft.keys
        batch.secrets += draft.secrets
        return person_id

    def _encoded(self, stream: Import | Venue | Visit | Any, source: str | None = None) -> list[bytes]:
        """The pending events of an aggregate as rows for the log."""
        stored = [self.log.mapper.to_stored_event(event) for event in stream.collect_events()]
        return [
            copy_row(stream.id.bytes, event.originator_version, event.topic.encode(), event.state, self.origin(source))
            for event in stored
        ]

    def origin(self, source: str | None) -> bytes:
        """The provenance of a line from ``source`` (the import's own when None), encoded once."""
        encoded = self.provenance.get(source)
        if encoded is None:
            by = self.by
            encoded = self.provenance[source] = copy_provenance(
                Provenance(by.actor, by.on_behalf_of, source or by.source, by.cause, by.correlation, by.basis)
            )
        return encoded


class Decision:
    """What each line of a batch is: a new visit, a check-out, a duplicate or refused."""

    def __init__(self, work: VisitImport, batch: Batch, now: Seconds) -> None:
        self.work = work
        self.batch = batch
        self.now = now
        self.fresh: dict[UUID, tuple[str, Row, UUID, UUID]] = {}
        self.known: dict[UUID, Visit] = {}

    def decide(self, rows: list[Row]) -> None:
        people = [self.batch.people.get(row.person) or self.work.people[row.person] for row in rows]
        venues = [self.batch.venues.get(row.venue) or self.work.venues[row.venue] for row in rows]
        triples = [
            triple_key(person, venue, row.check_in) for person, venue, row in zip(people, venues, rows, strict=True)
        ]
        streams = [None if row.visit_id is None else visit_stream(row.visit_id) for row in rows]
        self.holders = self.work.log.holders(triples)
        named = [stream for stream in streams if stream is not None]
        self.known = self.work.log.load_many(Visit, {*self.holders.values(), *named})
        for row, person, venue, triple, stream in zip(rows, people, venues, triples, streams, strict=True):
            existing = self._existing(stream, triple)
            if existing is None:
                self._begin(row, person, venue, triple, stream)
            else:
                self._take(existing, row, person, venue)

    def _existing(self, named: UUID | None, triple: bytes) -> UUID | None:
        if named is not None and (named in self.fresh or named in self.known):
            return named
        return self.holders.get(triple)

    def _begin(self, row: Row, person: UUID, venue: UUID, triple: bytes, named: UUID | None) -> None:
        visit_id = row.visit_id or uuid4().hex
        stream = named or visit_stream(visit_id)
        state = encode_check_in(visit_id, person, venue, row.check_in, row.check_out)
        self.batch.rows.append(copy_row(stream.bytes, 1, _CHECKED_IN, state, self.work.origin(row.source)))
        self.batch.keys.append(Key(triple, stream))
        self.batch.tally.recorded += 1
        self.holders[triple] = stream
        self.fresh[stream] = (visit_id, row, person, venue)

    def _take(self, stream: UUID, row: Row, person: UUID, venue: UUID) -> None:
        visit = self.known.get(stream) or self._begun_in_this_batch(stream)
        try:
            refuse_another(visit, row.visit_id, person, venue)
            completed = visit.take(row.check_in, row.check_out, self.now)
        except TruyvetError as error:
            self.batch.reject(row.line, str(error))
            return
        self.batch.tally.completed += completed
        self.batch.tally.duplicates += not completed
        self.batch.rows += self.work._encoded(visit, row.source)

    def _begun_in_this_batch(self, stream: UUID) -> Visit:
        visit_id, row, person, venue = self.fresh[stream]
        visit = Visit.begin(stream, visit_id, person, venue, row.check_in, row.check_out, self.now)
        visit.collect_events()  # its row is in the batch already
        self.known[stream] = visit
        return visit


_CHECKED_IN: Final = b"Visit.CheckedIn"
_TRIES = 20


def encode_check_in(visit_id: str, person: UUID, venue: UUID, check_in: Seconds, check_out: Seconds | None) -> bytes:
    """The state of a Visit.CheckedIn as the mapper would write it; nothing in it needs escaping."""
    start = to_text(check_in)
    end = "null" if check_out is None else f'"{to_text(check_out)}"'
    return (
        f'{{"schema":1,"happened_at":"{start}","visit_id":"{visit_id}","person":"{person}","venue":"{venue}",'
        f'"check_in":"{start}","check_out":{end}}}'
    ).encode()


def _read(line: Line, now: Seconds, batch: Batch) -> Row | None:
    if line.values is None:
        batch.reject(line, line.problem or "the line cannot be read")
        return None
    person, venue, check_in, check_out, visit_id, source = line.values
    try:
        start = parse_instant(check_in)
        end = parse_instant(check_out) if check_out else None
        check_times(start, end, now)
        _check_names(person, venue)
        if visit_id:
            parse_visit_id(visit_id)
        return Row(line, person, venue, start, end, visit_id or None, parse_code(source) if source else None)
    except TruyvetError as error:
        batch.reject(line, str(error))
        return None


def _check_names(person: str, venue: str) -> None:
    if person.startswith("id:"):
        raise Malformed("a file names people by identity, not by id")
    parse_identity(person)
    parse_code(venue)


def _batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """Lists of at most ``size``; what came before an Unreadable is given first."""
    batch: list[Line] = []
    try:
        for line in lines:
            batch.append(line)
            if len(batch) == size:
                yield batch
                batch = []
    except Unreadable:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
