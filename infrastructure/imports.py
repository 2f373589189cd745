"""Visits from files: the same decisions as one by one, encoded without aggregates, appended in batches.

Read, resolve people and venues, look up which visits are known, decide line by line, append; a batch that another
writer crossed is decided again. ``tests/infrastructure/test_imports.py`` holds both ways of encoding byte-equal.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import IO, Any, Final, NamedTuple
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError

from application.log import Draft, Key, Secret, settled, unique_key
from application.people import IDENTITY, People
from application.provenance import Provenance
from application.quarantines import Quarantines
from application.venues import Venues, code_key
from application.visits import refuse_another, triple_key, visit_stream
from domain.errors import Malformed, TruyvetError, Unavailable
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


class Row(NamedTuple):
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
    people: dict[str, str] = field(default_factory=dict)
    venues: dict[str, str] = field(default_factory=dict)
    begins: bool = False

    def reject(self, line: Line, problem: str) -> None:
        self.tally.rejected += 1
        self.rejects.append((line.number, problem, line.raw))


class Appending(NamedTuple):
    """A batch on its way into the log."""

    lines: list[Line]
    batch: Batch
    done: Future[None]


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
            for batch in work.run(_batches(lines, BATCH)):
                tally.add(batch.tally)
                for number, problem, raw in batch.rejects if reject is not None else ():
                    reject(number, problem, raw)  # type: ignore[misc] # nothing to iterate over without it
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
        self.by = replace(by, correlation=str(self.import_id))
        self.stream = Import.begin(self.import_id, kind, imports.now())
        self.has_begun = False

    def complete(self, sha256: str, tally: Tally, failure: str | None) -> None:
        if self.has_begun:
            self.stream.complete(sha256, tally.as_dict(), failure, self.imports.now())
            self.imports.log.save(Draft([self.stream]), self.by)


class QuarantineImport(_Recorded):
    def __init__(self, imports: Imports, by: Provenance) -> None:
        super().__init__(imports, "quarantines", by)

    def run(self, batches: Iterable[list[Line]]) -> Iterator[Batch]:
        for lines in batches:
            batch = Batch()
            batch.tally.read = len(lines)
            for line in lines:
                try:
                    self._take_line(line, batch.tally)
                except TruyvetError as error:
                    batch.reject(line, str(error))
            yield batch

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
    """While one batch is appended the next is decided, on what the first one brings; ``people`` and ``venues`` map
    names to ids as text. A batch is decided without looking up its visits as long as files bring new ones: a key that
    is taken says so, and the batch is decided again with care."""

    def __init__(
        self, imports: Imports, register_venues: bool, default_stay_minutes: Minutes | None, by: Provenance
    ) -> None:
        super().__init__(imports, "visits", by)
        self.log = imports.log
        self.vault = imports.vault
        self.register_venues = register_venues
        self.default_stay_minutes = default_stay_minutes
        self.people: dict[str, str] = {}
        self.venues: dict[str, str] = {}
        self.provenance: dict[str | None, bytes] = {}
        self.begun_row = self.encoded(self.stream)
        self.expects_new = True

    def run(self, batches: Iterable[list[Line]]) -> Iterator[Batch]:
        """The batches as they were recorded, each whole or not at all."""
        with ThreadPoolExecutor(1, "append") as appender:
            earlier: Appending | None = None
            try:
                for lines in batches:
                    batch = self._decide(lines, look_up=not self.expects_new)
                    if earlier is not None:
                        settled_batch = self._settle(earlier)
                        if settled_batch is not earlier.batch:
                            batch = self._decide(lines, look_up=True)
                        yield settled_batch
                    earlier = Appending(lines, batch, appender.submit(self._append, self._remembered(batch)))
            except Unreadable:
                if earlier is not None:
                    yield self._settle(earlier)
                raise
            if earlier is not None:
                yield self._settle(earlier)

    def _settle(self, appending: "Appending") -> Batch:
        """The batch once it is recorded; another one than was decided first when that met keys that were taken."""
        batch = appending.batch
        try:
            appending.done.result()
        except IntegrityError:
            self._forget(batch)
            return self._record_with_care(appending.lines)
        self.expects_new = not (batch.tally.duplicates or batch.tally.completed)
        return batch

    def _record_with_care(self, lines: list[Line]) -> Batch:
        for _ in range(_TRIES):
            batch = self._decide(lines, look_up=True)
            try:
                self._append(self._remembered(batch))
            except IntegrityError:
                self._forget(batch)
                continue
            self.expects_new = False
            return batch
        raise Unavailable("too many others are recording the same visits; import the file again")

    def _append(self, batch: Batch) -> None:
        if batch.rows:
            rows = [*self.begun_row, *batch.rows] if batch.begins else batch.rows
            self.log.recorder.append(rows, keys=batch.keys, secrets=batch.secrets)

    def _remembered(self, batch: Batch) -> Batch:
        """From now on its people and venues are known, and the import has begun."""
        for known, new in ((self.people, batch.people), (self.venues, batch.venues)):
            if len(known) > _REMEMBERED:
                known.clear()
            known.update(new)
        batch.begins = bool(batch.rows) and not self.has_begun
        self.has_begun = self.has_begun or batch.begins
        return batch

    def _forget(self, batch: Batch) -> None:
        for known, new in ((self.people, batch.people), (self.venues, batch.venues)):
            for name in new:
                known.pop(name, None)
        self.has_begun = self.has_begun and not batch.begins

    def _decide(self, lines: list[Line], *, look_up: bool) -> Batch:
        batch = Batch()
        batch.tally.read = len(lines)
        now = self.imports.now()
        rows = [row for line in lines if (row := _read(line, now, batch)) is not None]
        rows = self._resolve(rows, batch, attrgetter("venue"), self.venues, self._find_venues)
        rows = self._resolve(rows, batch, attrgetter("person"), self.people, self._find_people)
        Decision(self, batch, now, look_up).decide(rows)
        return batch

    def _resolve(
        self,
        rows: list[Row],
        batch: Batch,
        name_of: Callable[[Row], str],
        known: dict[str, str],
        find: Callable[[set[str], Batch], dict[str, str]],
    ) -> list[Row]:
        """Find the ids of the names that are not known yet; the rows that name something, the others rejected."""
        names = {name for row in rows if (name := name_of(row)) not in known}
        problems = find(names, batch) if names else {}
        if not problems:
            return rows
        for row in rows:
            if (problem := problems.get(name_of(row))) is not None:
                batch.reject(row.line, problem)
        return [row for row in rows if name_of(row) not in problems]

    def _find_venues(self, names: set[str], batch: Batch) -> dict[str, str]:
        """The problems of those that are none."""
        problems = _problems(names, parse_code)
        found = self.imports.venues.find_many(names - problems.keys())
        batch.venues |= {name: str(venue_id) for name, venue_id in found.items()}
        missing = sorted(names - problems.keys() - found.keys())
        if not self.register_venues:
            return problems | dict.fromkeys(missing, "there is no venue with that code or id")
        for name in missing:
            batch.venues[name] = self._draft_venue(name, batch)
        return problems

    def _draft_venue(self, code: str, batch: Batch) -> str:
        stay = self.default_stay_minutes
        venue = Venue.register(uuid4(), code, "other", self.imports.now(), code=code, default_stay_minutes=stay)
        batch.rows += self.encoded(venue)
        batch.keys.append(Key(code_key(code), venue.id.bytes))
        return str(venue.id)

    def _find_people(self, names: set[str], batch: Batch) -> dict[str, str]:
        """The problems of those that name nobody; the others are looked up or registered."""
        problems = _problems(names, parse_identity)
        identities = {name: parse_identity(name) for name in names - problems.keys()}
        keys = {name: self.vault.identity_key(identity) for name, identity in identities.items()}
        people = {key: str(person) for key, person in self.log.holders(list(keys.values())).items()}
        for name, identity in identities.items():
            key = keys[name]
            if key not in people:
                people[key] = self._draft_person(identity, key, batch)
            batch.people[name] = people[key]
        return problems

    def _draft_person(self, identity: Identity, key: bytes, batch: Batch) -> str:
        person_id = uuid4()
        secret = self.vault.new_secret(person_id)
        sealed = self.vault.seal(secret, IDENTITY, str(identity))
        state = encode_registered(identity.scheme, sealed, self.imports.now())
        batch.rows.append(copy_row(person_id.bytes, 1, _REGISTERED, state, self.origin(None)))
        batch.keys.append(Key(key, person_id.bytes))
        batch.secrets.append(secret)
        return str(person_id)

    def encoded(self, stream: Import | Venue | Visit, source: str | None = None) -> list[bytes]:
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
            by = replace(self.by, source=source or self.by.source)
            encoded = self.provenance[source] = copy_provenance(by)
        return encoded


class Decision:
    """What each line of a batch is: a new visit, a check-out, a duplicate or refused."""

    def __init__(self, work: VisitImport, batch: Batch, now: Seconds, look_up: bool) -> None:
        self.work = work
        self.batch = batch
        self.now = now
        self.look_up = look_up
        self.holders: dict[bytes, bytes] = {}
        self.known: dict[bytes, Visit] = {}
        self.fresh: dict[bytes, tuple[str, Row, str, str]] = {}

    def decide(self, rows: list[Row]) -> None:
        people = [self.batch.people.get(row.person) or self.work.people[row.person] for row in rows]
        venues = [self.batch.venues.get(row.venue) or self.work.venues[row.venue] for row in rows]
        triples = [
            triple_key(person, venue, row.check_in) for person, venue, row in zip(people, venues, rows, strict=True)
        ]
        if self.look_up:
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
        holders = self.work.log.holders(triples)
        named = {visit_stream(row.visit_id) for row in rows if row.visit_id is not None}
        visits = self.work.log.load_many(Visit, named.union(holders.values()))
        self.holders = {triple: stream.bytes for triple, stream in holders.items()}
        self.known = {stream.bytes: visit for stream, visit in visits.items()}

    def _begin(self, visit_id: str, stream: bytes, row: Row, person: str, venue: str, triple: bytes) -> None:
        state = encode_check_in(visit_id, person, venue, row.check_in, row.check_out)
        self.batch.rows.append(copy_row(stream, 1, _CHECKED_IN, state, self.work.origin(row.source)))
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
        self.batch.rows += self.work.encoded(visit, row.source)

    def _begun_in_this_batch(self, stream: bytes) -> Visit:
        visit_id, row, person, venue = self.fresh[stream]
        visit = Visit.begin(
            UUID(bytes=stream), visit_id, UUID(person), UUID(venue), row.check_in, row.check_out, self.now
        )
        visit.collect_events()  # its row is in the batch already
        self.known[stream] = visit
        return visit


_CHECKED_IN: Final = b"Visit.CheckedIn"
_REGISTERED: Final = b"Person.Registered"
_TRIES = 20


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


def _read(line: Line, now: Seconds, batch: Batch) -> Row | None:
    if line.values is None:
        batch.reject(line, line.problem or "the line cannot be read")
        return None
    person, venue, check_in, check_out, visit_id, source = line.values
    try:
        start = parse_instant(check_in)
        end = parse_instant(check_out) if check_out else None
        check_times(start, end, now)
        if person.startswith("id:"):
            raise Malformed("a file names people by identity, not by id")
        if visit_id:
            parse_visit_id(visit_id)
        return Row(line, person, venue, start, end, visit_id or None, parse_code(source) if source else None)
    except TruyvetError as error:
        batch.reject(line, str(error))
        return None


def _problems(names: set[str], parse: Callable[[str], object]) -> dict[str, str]:
    """Why names are refused, for those that are."""
    problems = {}
    for name in names:
        try:
            parse(name)
        except Malformed as error:
            problems[name] = str(error)
    return problems


def _random_ids(count: int) -> Iterator[str]:
    digits = os.urandom(16 * count).hex()
    return (digits[start : start + 32] for start in range(0, 32 * count, 32))


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
