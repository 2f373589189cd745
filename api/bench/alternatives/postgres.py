"""PostgreSQL, our own: covering indexes by person and by venue, so that the table itself is not read.

By venue there are two, each asked for itself: a B-tree of (venue, start), where the longest stay bounds the search, and
GiST of venue and range.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg

from api.bench.alternatives import THREADS, sql
from api.bench.questions import Asked, AskedAt, Found, Met, found_with_lists, met
from api.bench.stays import StayColumns
from api.simulation.text import lines
from infrastructure.postgres import local_postgres

_SETUP = (
    "CREATE EXTENSION btree_gist",
    "CREATE INDEX ON stays (person, start) INCLUDE (venue, stop, observed)",
    "CREATE INDEX ON stays (venue, start) INCLUDE (person, stop, observed)",
    "CREATE INDEX ON stays USING gist (venue, int4range(start, stop))",
    "VACUUM ANALYZE stays",
    f"SET max_parallel_workers_per_gather = {THREADS}",
    "SET work_mem = '256MB'",
    "SET jit = off",
)
_BY_START = "y.venue = x.venue AND y.start < x.stop AND y.stop > x.start AND y.start > x.start"
_THERE = "start < {stop} AND stop > {start} AND start > {start}"
_BY_RANGE = "y.venue = x.venue AND int4range(y.start, y.stop) && int4range(x.start, x.stop)"
_RANGE_THERE = "int4range(start, stop) && int4range({start}, {stop})"
_NAMED = {name: f"%({name})s" for name in ("person", "venue", "start", "stop", "until")}
_COPIED_AT_ONCE = 1_000_000


class Postgres:
    """``meeting`` joins x and y, ``there`` says when a stay is in a window, as one of the indexes wants it."""

    def __init__(self, name: str, connection: psycopg.Connection, meeting: str, there: str) -> None:
        self.name = name
        self.connection = connection
        self.meeting = meeting
        self.there = there

    def trace(self, asked: Asked) -> list[tuple[Any, ...]]:
        named = {"person": asked.person, "start": asked.start, "stop": asked.end, "until": asked.until}
        return self._rows(sql.levels("stays", "stays", self.meeting), named)

    def found(self, answer: list[tuple[Any, ...]]) -> Found:
        *columns, via = zip(*answer, strict=True) if answer else [()] * 7
        return found_with_lists([np.array(column, np.int64) for column in columns], via)

    def overlaps(self, asked: AskedAt) -> list[tuple[Any, ...]]:
        named = {"venue": asked.venue, "start": asked.start, "stop": asked.end, "person": asked.person}
        return self._rows(sql.pairs("stays", self.there, one_person=asked.person is not None), named)

    def met(self, answer: list[tuple[Any, ...]]) -> Met:
        return met(list(np.array(answer, np.int64).reshape(-1, 5).T))

    def _rows(self, query: str, named: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.format(**_NAMED).encode(), named, binary=True).fetchall()


@contextmanager
def opened(stays: StayColumns) -> Iterator[list[Postgres]]:
    with TemporaryDirectory(prefix="truyvet-bench-") as directory:
        Path(directory).chmod(0o711)
        with (
            local_postgres(Path(directory) / "data") as conninfo,
            psycopg.connect(conninfo, autocommit=True) as connection,
        ):
            yield filled(connection, stays)


def filled(connection: psycopg.Connection, stays: StayColumns) -> list[Postgres]:
    """Both, in a database that is empty."""
    connection.execute("CREATE TABLE stays (person int, venue int, start int, stop int, observed bool)")
    with connection.cursor().copy("COPY stays FROM STDIN (FORMAT csv)") as copy:
        for low in range(0, len(stays.person), _COPIED_AT_ONCE):
            copy.write(_csv(StayColumns(*(column[low : low + _COPIED_AT_ONCE] for column in stays))))
    for statement in _SETUP:
        connection.execute(statement.encode())
    longest = int((stays.stop - stays.start).max(initial=0)) + 1
    return [
        Postgres("postgres btree", connection, f"{_BY_START} - {longest}", f"{_THERE} - {longest}"),
        Postgres("postgres gist", connection, _BY_RANGE, _RANGE_THERE),
    ]


def _csv(stays: StayColumns) -> bytes:
    person, venue, start, stop = (column.astype("S") for column in stays[:4])
    observed = np.where(stays.observed, b"t", b"f")
    return lines([person, b",", venue, b",", start, b",", stop, b",", observed, b"\n"])
