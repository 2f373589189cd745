"""DuckDB in memory: the stays twice, by venue and by person, so that both are found by zone maps.

Tried too, and not quicker: one copy only, an ART index for either, the order of time, a temporary table as the answer.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np

from api.bench.alternatives import THREADS, sql
from api.bench.questions import Asked, AskedAt, Found, Many, Met, found_with_lists, many, met
from api.bench.stays import StayColumns

_MEETING = "y.venue = x.venue AND y.start < x.stop AND y.stop > x.start"
_THERE = "start < {stop} AND stop > {start}"
_NAMED = {name: f"${name}" for name in ("person", "venue", "start", "stop", "until")}
_LEVELS = sql.levels(
    "by_person", "by_venue", _MEETING,
    "y.start < {stop} AND y.stop > {start}", "y.start < {until} AND y.stop > {start}",
).format(**_NAMED)  # fmt: skip
_PAIRS = sql.pairs("by_venue", _THERE, one_person=False).format(**_NAMED)
_PAIRS_OF_ONE = sql.pairs("by_venue", _THERE, one_person=True).format(**_NAMED)
_FIRST_CONTACTS = sql.first_contacts("by_person", "by_venue", _MEETING)


class DuckDB:
    name = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection, stays: StayColumns) -> None:
        self.connection = connection
        columns = stays._asdict()  # noqa: F841 # DuckDB finds it by name
        connection.execute("CREATE TABLE by_venue AS SELECT * FROM columns ORDER BY venue, start")
        connection.execute("CREATE TABLE by_person AS SELECT * FROM columns ORDER BY person, start")

    def trace(self, asked: Asked) -> dict[str, Any]:
        named = {"person": asked.person, "start": asked.start, "stop": asked.end, "until": asked.until}
        return self._columns(_LEVELS, named)

    def found(self, answer: dict[str, Any]) -> Found:
        names = ("person", "level", "exposed_at", "encounters", "seconds", "certain")
        return found_with_lists([answer[name] for name in names], answer["via"])

    def overlaps(self, asked: AskedAt) -> dict[str, Any]:
        named = {"venue": asked.venue, "start": asked.start, "stop": asked.end}
        if asked.person is None:
            return self._columns(_PAIRS, named)
        return self._columns(_PAIRS_OF_ONE, {**named, "person": asked.person})

    def met(self, answer: dict[str, Any]) -> Met:
        return met(list(answer.values()))

    def first_contacts(self, asked: Sequence[Asked]) -> dict[str, Any]:
        """The F1 of all ``asked`` at once, by their place in it."""
        rows = np.array([(number, one.person, one.start, one.end) for number, one in enumerate(asked)], np.int32).T
        cases = dict(zip(("number", "person", "start", "stop"), rows, strict=True))  # noqa: F841 # found by name
        self.connection.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM cases")
        return self._columns(_FIRST_CONTACTS, {})

    def many(self, answer: dict[str, Any]) -> Many:
        return many([answer[name] for name in ("number", "person", "exposed_at", "encounters", "seconds", "certain")])

    def _columns(self, query: str, named: dict[str, Any]) -> dict[str, Any]:
        columns: dict[str, Any] = self.connection.execute(query, named).fetchnumpy()
        return columns


@contextmanager
def opened(stays: StayColumns) -> Iterator[list[DuckDB]]:
    with duckdb.connect(config={"threads": THREADS}) as connection:
        yield [DuckDB(connection, stays)]
