"""From a CSV file to answerable: validated, sealed, stored, projected; against PostgreSQL's own COPY into a table."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from psycopg import Cursor
from psycopg.rows import DictRow

from api.app import Truyvet, open_truyvet
from api.bench.own_memory import forget_peak, peak
from api.bench.results import Measurement, Rate
from api.bench.service import own_directory
from api.bench.synthetic import DAY, START, write_csv
from api.simulation.naming import person_name
from api.simulation.schedule import SEED
from application.provenance import LOCAL
from domain.errors import Refused
from infrastructure.events import Appended, EventRecorder
from infrastructure.settings import Settings

ALTERNATIVES = ("postgres",)
SMALL = 100_000
"""Visits, whose rate is compared to that of more."""
SMALL_ONES: Final = 5
"""So many of them, since one takes hardly more than a second."""
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
    """A hundred thousand visits first, some times over: rates shall not fall with size."""
    if not set(against) <= set(ALTERNATIVES):
        raise Refused(f"import is measured against {', '.join(ALTERNATIVES)}")
    small = [_measured(SMALL, ()) for _ in range(SMALL_ONES)] if count > SMALL else []
    whole = _measured(count, against)
    if not small:
        return whole
    rates = [round(_per_second(one)) for one in small]
    more = {f"per_second_at_{SMALL}": rates, "of_their_median": round(_per_second(whole) / median(rates), 2)}
    is_equal = all(one.answers_equal for one in (whole, *small))
    return replace(whole, answers_equal=is_equal, more=whole.more | more)


def _per_second(measurement: Measurement) -> float:
    assert isinstance(measurement.ours, Rate)  # noqa: S101 # what an import is measured in; for the type checker
    return measurement.ours.per_second


def _measured(count: int, against: Sequence[str]) -> Measurement:
    with own_directory() as directory:
        file = directory / "visits.csv"
        write_csv(count, file)
        with open_truyvet(Settings(data_dir=directory / "data", database_url=None)) as truyvet:
            held, before = Watched(truyvet.log.recorder), forget_peak()
            seconds, complete = _import(truyvet, file, count)
            graph = truyvet.graph.columns.nbytes
            more = {
                "seed": SEED,
                "seconds": round(seconds, 1),
                "lock_held_p50_ms": round(float(np.percentile(held.seconds, 50)) * 1_000, 1),
                "lock_held_p99_ms": round(float(np.percentile(held.seconds, 99)) * 1_000, 1),
                "graph_bytes_per_visit": round(graph / count, 1),
                "peak_mb_beside_the_graph": round((peak() - before - graph) / 1e6),
            }
            others = [Rate("postgres", count / _copy(truyvet, file))] if "postgres" in against else []
    return Measurement("import", count, complete, Rate("truyvet", count / seconds), others, more)


def _import(truyvet: Truyvet, file: Path, count: int) -> tuple[float, bool]:
    """Seconds until a question was answered, and whether every visit is in the answer's graph."""
    started = time.perf_counter()
    with file.open("rb") as content, truyvet.graph.abreast():
        outcome = truyvet.imports.visits(content, register_venues=True, by=LOCAL)
    truyvet.graph.catch_up()
    truyvet.contacts.trace(person_name(1), START, START + DAY)
    seconds = time.perf_counter() - started
    return seconds, outcome.tally.recorded == truyvet.graph.columns.visits == count


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
