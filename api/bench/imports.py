"""From a CSV file to answerable: validated, sealed, stored, projected; against PostgreSQL's own COPY into a table."""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from psycopg import Cursor
from psycopg.rows import DictRow

from api.app import Truyvet, open_truyvet
from api.bench.results import Measurement, Rate
from api.bench.synthetic import START, Visits, person_name, visits, write_csv
from application.provenance import LOCAL
from domain.errors import Refused
from infrastructure.events import Appended, EventRecorder
from infrastructure.settings import Settings

ALTERNATIVES = ("postgres",)
_TABLE = "CREATE TABLE plain (person text, venue text, check_in timestamptz, check_out timestamptz)"
_INDEXES = ("CREATE INDEX ON plain (venue, check_in)", "CREATE INDEX ON plain (person, check_in)")


class Watched:
    """How long each append held the ordering lock: from taking the positions to the end of the commit."""

    def __init__(self, recorder: EventRecorder) -> None:
        self.seconds: list[float] = []
        self._append, self._take = recorder.append, recorder._take_positions
        recorder.append = self._watched_append  # type: ignore[method-assign] # only in a measurement
        recorder._take_positions = self._watched_take  # type: ignore[method-assign] # only in a measurement

    def _watched_take(self, cursor: Cursor[DictRow], count: int) -> Appended:
        taken = self._take(cursor, count)
        self._since = time.perf_counter()
        return taken

    def _watched_append(self, rows: Sequence[bytes], **kwargs: Any) -> Appended | None:
        appended = self._append(rows, **kwargs)
        self.seconds.append(time.perf_counter() - self._since)
        return appended


def measure(count: int, against: Sequence[str]) -> Measurement:
    if not set(against) <= set(ALTERNATIVES):
        raise Refused(f"import is measured against {', '.join(ALTERNATIVES)}")
    made = visits(count)
    with TemporaryDirectory(prefix="truyvet-bench-") as directory:
        Path(directory).chmod(0o711)
        file = Path(directory) / "visits.csv"
        write_csv(made, file)
        with open_truyvet(Settings(data_dir=Path(directory) / "data", database_url=None)) as truyvet:
            held = Watched(truyvet.log.recorder)
            seconds, complete = _import(truyvet, file, made)
            others = [Rate("postgres", len(made) / _copy(truyvet, file))] if "postgres" in against else []
            more = {
                "seconds": round(seconds, 1),
                "lock_held_p50_ms": round(float(np.percentile(held.seconds, 50)) * 1_000, 1),
                "lock_held_p99_ms": round(float(np.percentile(held.seconds, 99)) * 1_000, 1),
                "graph_bytes_per_visit": round(truyvet.graph.columns.nbytes / len(made), 1),
            }
    return Measurement("import", len(made), complete, Rate("truyvet", len(made) / seconds), others, more)


def _import(truyvet: Truyvet, file: Path, made: Visits) -> tuple[float, bool]:
    """Seconds until a question was answered, and whether every visit is in the answer's graph."""
    started = time.perf_counter()
    with file.open("rb") as content:
        outcome = truyvet.imports.visits(content, register_venues=True, by=LOCAL)
    truyvet.graph.catch_up()
    truyvet.contacts.trace(person_name(1), START, START + 86_400)
    seconds = time.perf_counter() - started
    return seconds, outcome.tally.recorded == truyvet.graph.columns.visits == len(made)


def _copy(truyvet: Truyvet, file: Path) -> float:
    """A plain table with two indexes: no validation, no events, no sealed identities, nothing but the rows."""
    started = time.perf_counter()
    with truyvet.database.transaction(commit=True) as cursor:
        cursor.execute(_TABLE)
        with cursor.copy("COPY plain FROM STDIN (FORMAT csv, HEADER)") as copy, file.open("rb") as content:
            while block := content.read(1 << 20):
                copy.write(block)
        for statement in _INDEXES:
            cursor.execute(statement)
    return time.perf_counter() - started
