"""F0 → F1 → F2 with counts, seconds, certainty and infectors, against the same question in DuckDB."""

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from api.bench.results import Measurement, Times
from api.bench.synthetic import DAYS, DEFAULT_STAY_MINUTES, START, Visits, events, uuid_of, visits
from domain.contacts import Question
from domain.errors import Refused
from domain.stays import KnownVisit, stays
from infrastructure.graph import VisitGraph, warm_up

ALTERNATIVES = ("duckdb",)
QUESTIONS = 100
_DAY = 86_400
_PROJECTED_AT_ONCE = 50_000
_THREADS = 2

Contacts = list[tuple[int, int, int, int, int, bool, tuple[int, ...]]]
"""Person, level, exposed_at, encounters, seconds, certain and infectors, in order."""


class Asked(NamedTuple):
    """One index person, infectious for three days in the second week."""

    person: int
    start: int
    end: int
    until: int


class Ours:
    name = "truyvet"

    def __init__(self, made: Visits) -> None:
        self.graph = VisitGraph()
        log = events(made)
        while batch := list(islice(log, _PROJECTED_AT_ONCE)):
            self.graph.project(batch, batch[-1].position)
        self.graph.compact()
        self.number = {uuid_of(1, person): person for person in range(made.people)}

    def ask(self, asked: Asked) -> Any:
        return self.graph.trace(Question(uuid_of(1, asked.person), asked.start, asked.end, asked.until))

    def contacts(self, answer: Any) -> Contacts:
        number = self.number
        return sorted(
            (number[c.person], c.level, c.exposed_at, c.encounters, c.contact_seconds, c.certain,
             tuple(sorted(number[infector] for infector in c.via)))
            for c in answer
        )  # fmt: skip


_PIECES = "SELECT venue, greatest(s.start, $start) AS start, least(s.stop, $stop) AS stop FROM stays s"
_MEETING = "y.venue = x.venue AND y.start < x.stop AND y.stop > x.start"
_LENGTH = "least(x.stop, y.stop) - greatest(x.start, y.start)"
_COUNTS = f"min(greatest(x.start, y.start)) AS exposed_at, count(*) AS encounters, sum({_LENGTH}) AS seconds"
_LEVELS = f"""
WITH x0 AS MATERIALIZED ({_PIECES} WHERE person = $person AND s.stop > $start AND s.start < $stop AND (%(own)s)),
f1 AS MATERIALIZED (
    SELECT y.person, {_COUNTS} FROM x0 x JOIN stays y ON {_MEETING}
    WHERE y.person <> $person AND {_LENGTH} >= 900 AND (%(met)s) GROUP BY y.person
), x1 AS MATERIALIZED (
    SELECT f1.person, s.venue, greatest(s.start, f1.exposed_at) AS start, least(s.stop, $until) AS stop
    FROM f1 JOIN stays s USING (person) WHERE s.stop > f1.exposed_at AND s.start < $until AND (%(own)s)
), f2 AS (
    SELECT y.person, {_COUNTS}, list_sort(list_distinct(list(x.person))) AS via FROM x1 x JOIN stays y ON {_MEETING}
    WHERE y.person NOT IN (SELECT person FROM f1) AND y.person <> $person AND {_LENGTH} >= 900 AND (%(met)s)
    GROUP BY y.person
)
SELECT person, 1 AS level, exposed_at, encounters, seconds, [$person] AS via FROM f1
UNION ALL SELECT person, 2, exposed_at, encounters, seconds, via FROM f2
"""  # noqa: S608 # put together of our own text
_ALL = _LEVELS % {"own": "true", "met": "true"}
_OBSERVED = _LEVELS % {"own": "s.observed", "met": "y.observed"}


class DuckDB:
    """The stays (by the readable reference) as a table in the order of venue and start; two threads."""

    name = "duckdb"

    def __init__(self, made: Visits) -> None:
        import duckdb

        self.connection = duckdb.connect(config={"threads": _THREADS})
        found = stays(_known(made), dict.fromkeys(range(made.venues), DEFAULT_STAY_MINUTES * 60))
        columns = np.array([(s.person, s.venue, s.start, s.end, s.observed) for s in found], np.int64).T
        names = ("person", "venue", "start", "stop", "observed")
        made_stays = dict(zip(names, columns.astype(np.int32), strict=True))  # noqa: F841 # DuckDB finds it by name
        self.connection.execute(
            "CREATE TABLE stays AS SELECT * REPLACE (observed = 1 AS observed) FROM made_stays ORDER BY venue, start"
        )

    def ask(self, asked: Asked) -> Any:
        named = {"person": asked.person, "start": asked.start, "stop": asked.end, "until": asked.until}
        return (
            self.connection.execute(_ALL, named).fetchnumpy(),
            self.connection.execute(_OBSERVED, named).fetchnumpy(),
        )

    def contacts(self, answer: Any) -> Contacts:
        found, observed = answer
        certain = set(zip(observed["person"].tolist(), observed["level"].tolist(), strict=True))
        names = ("person", "level", "exposed_at", "encounters", "seconds", "via")
        return sorted(
            (person, level, exposed_at, encounters, int(seconds), (person, level) in certain, tuple(via))
            for person, level, exposed_at, encounters, seconds, via in zip(
                *(found[name].tolist() for name in names), strict=True
            )
        )


def measure(count: int, against: Sequence[str]) -> Measurement:
    """Raises Refused for an alternative that is none, or that is not installed."""
    compiled = warm_up()
    made = visits(count)
    ours = Ours(made)
    systems: list[Ours | DuckDB] = [ours, *(_alternative(name)(made) for name in against)]
    asked = _questions(made)
    for first in asked[:3]:
        for system in systems:
            system.ask(first)
    seconds: dict[str, list[float]] = {system.name: [] for system in systems}
    equal, sizes = True, []
    for question in asked:
        answers = [(system, *_timed(system.ask, question)) for system in systems]
        for system, _, took in answers:
            seconds[system.name].append(took)
        contacts = [system.contacts(answer) for system, answer, _ in answers]
        equal = equal and all(other == contacts[0] for other in contacts[1:])
        sizes.append(len(contacts[0]))
    more = {
        "kernel": "numba" if compiled else "numpy",
        "contacts_median": int(np.median(sizes)),
        "contacts_most": max(sizes),
        "bytes_per_visit": round(ours.graph.nbytes / len(made), 1),
    }
    times = [Times(name, took) for name, took in seconds.items()]
    return Measurement("trace", len(made), equal, times[0], times[1:], more)


def _alternative(name: str) -> "type[DuckDB]":
    if name not in ALTERNATIVES:
        raise Refused(f"trace is measured against {', '.join(ALTERNATIVES)}")
    try:
        import duckdb  # noqa: F401 # only whether it is there
    except ImportError:
        raise Refused("install truyvet[bench] to measure against duckdb") from None
    return DuckDB


def _questions(made: Visits, seed: int = 7) -> list[Asked]:
    people = np.random.default_rng(seed).choice(made.people, min(QUESTIONS, made.people), replace=False)
    start = START + 7 * _DAY
    return [Asked(person, start, start + 3 * _DAY, START + DAYS * _DAY) for person in people.tolist()]


def _known(made: Visits) -> list[KnownVisit]:
    columns = (made.person, made.venue, made.check_in, made.check_out, made.observed)
    return [
        KnownVisit(number, person, venue, check_in, check_out if observed else None)
        for number, (person, venue, check_in, check_out, observed) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    ]


def _timed(ask: Callable[[Asked], Any], question: Asked) -> tuple[Any, float]:
    started = time.perf_counter()
    answer = ask(question)
    return answer, time.perf_counter() - started
