"""Visits from files: read, find people and venues, decide, append; one batch is decided while another is appended."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import uuid4

from eventsourcing.persistence import IntegrityError

from application.log import Key
from application.people import IDENTITY
from application.provenance import Provenance
from application.venues import code_key
from domain.errors import Malformed, TruyvetError, Unavailable
from domain.people import Identity, parse_identity
from domain.times import Seconds, parse_instant
from domain.venues import Minutes, Venue, parse_code
from domain.visits import check_times, parse_visit_id
from infrastructure.events import copy_row
from infrastructure.imports.batch import Batch, Row
from infrastructure.imports.decision import Decision
from infrastructure.imports.encoding import Encoder, encode_registered
from infrastructure.imports.recorded import RecordedImport
from infrastructure.imports.tools import Tools
from infrastructure.lines import Line, Unreadable

_REGISTERED: Final = b"Person.Registered"
_REMEMBERED: Final = 500_000  # names whose ids an import keeps at hand; beyond it they are looked up again
_TRIES: Final = 20


class Appending(NamedTuple):
    """A batch on its way into the log."""

    lines: list[Line]
    batch: Batch
    done: Future[None]


class VisitImport(RecordedImport):
    """While one batch is appended the next is decided, on what the first one brings; ``people`` and ``venues`` map
    names to ids as text. A batch is decided without looking up its visits as long as files bring new ones: a key that
    is taken says so, and the batch is decided again with care."""

    def __init__(
        self, tools: Tools, register_venues: bool, default_stay_minutes: Minutes | None, by: Provenance
    ) -> None:
        super().__init__(tools, "visits", by)
        self.log = tools.log
        self.vault = tools.vault
        self.register_venues = register_venues
        self.default_stay_minutes = default_stay_minutes
        self.people: dict[str, str] = {}
        self.venues: dict[str, str] = {}
        self.encoder = Encoder(tools.log.mapper, self.by)
        self.begun_row = self.encoder.pending(self.begin())
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
        now = self.tools.now()
        rows = [row for line in lines if (row := _read(line, now, batch)) is not None]
        rows = self._resolve(rows, batch, attrgetter("venue"), self.venues, self._find_venues)
        rows = self._resolve(rows, batch, attrgetter("person"), self.people, self._find_people)
        Decision(self.log, self.encoder, batch, now).decide(
            rows,
            [batch.people.get(row.person) or self.people[row.person] for row in rows],
            [batch.venues.get(row.venue) or self.venues[row.venue] for row in rows],
            look_up=look_up,
        )
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
        found = self.tools.venues.find_many(names - problems.keys())
        batch.venues |= {name: str(venue_id) for name, venue_id in found.items()}
        missing = sorted(names - problems.keys() - found.keys())
        if not self.register_venues:
            return problems | dict.fromkeys(missing, "there is no venue with that code or id")
        for name in missing:
            batch.venues[name] = self._draft_venue(name, batch)
        return problems

    def _draft_venue(self, code: str, batch: Batch) -> str:
        stay = self.default_stay_minutes
        venue = Venue.register(uuid4(), code, "other", self.tools.now(), code=code, default_stay_minutes=stay)
        batch.rows += self.encoder.pending(venue)
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
        state = encode_registered(identity.scheme, sealed, self.tools.now())
        batch.rows.append(copy_row(person_id.bytes, 1, _REGISTERED, state, self.encoder.origin(None)))
        batch.keys.append(Key(key, person_id.bytes))
        batch.secrets.append(secret)
        return str(person_id)


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
