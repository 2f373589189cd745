"""From a confirmed case to its list of people to call, and how soon late facts reach the lists of many open cases."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

import numpy as np

from api.app import Truyvet, open_truyvet
from api.bench.arriving import LATE_SHARE, NOW, SECONDS
from api.bench.results import Measurement, Times
from api.bench.synthetic import made, write_csv
from api.http.serve import following
from api.simulation import Visits
from api.simulation.naming import person_name, venue_code
from application.exposures import exposures_stream
from application.provenance import LOCAL as LOCAL_BY
from domain.errors import Refused
from domain.exposures import Exposures
from domain.rules import CaseDates
from domain.times import LOCAL, add_days, local_day, start_of_day, to_text
from infrastructure.graph import warm_up
from infrastructure.settings import Settings

ALTERNATIVES: Final = ()
F1: Final = 300
READY_CASES: Final = 15
OPEN_CASES: Final = 1_000
_DAY: Final = 86_400
_LOOK_SECONDS: Final = 0.002
_VISITS_OF_F0: Final = 60


def measure(count: int, against: Sequence[str]) -> Measurement:
    if against:
        raise Refused("cases is measured against nothing")
    warm_up()
    visits = made(count).visits
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="truyvet-bench-")))
        directory.chmod(0o711)
        settings = Settings(data_dir=directory / "data", database_url=None)
        file = directory / "visits.csv"
        write_csv(count, file)
        with open_truyvet(settings) as truyvet, file.open("rb") as content:
            truyvet.imports.visits(content, register_venues=True, by=LOCAL_BY)
            _import(truyvet, _visits_of_index_people(visits))
            truyvet.graph.catch_up()
            truyvet.policies.catch_up(3_600)
        truyvet = stack.enter_context(following(settings))
        _tell("imported")
        ready = [_readiness(truyvet, number) for number in range(READY_CASES)]
        for one in ready:
            truyvet.cases.close(one["case"])
        late = _late_facts(truyvet, settings, visits)
    listed = Times("truyvet", [one["listed"] for one in ready])
    more = {
        "exposures_recorded_ms": _ms(median(one["recorded"] for one in ready)),
        "f1_median": median(one["f1"] for one in ready),
        "contacts_median": median(one["contacts"] for one in ready),
        "late_facts": late,
    }
    return Measurement("cases", count, True, listed, [], more)


def _visits_of_index_people(visits: Visits) -> bytes:
    """Index people come where others are, on the last day, until they have met about 300."""
    rng = np.random.default_rng(300)
    recent = np.flatnonzero(visits.check_in > NOW - _DAY)
    lines = ["person,venue,check_in,check_out"]
    for number in range(READY_CASES):
        met: set[int] = set()
        for _ in range(_VISITS_OF_F0):
            one = int(rng.choice(recent))
            start, end = int(visits.check_in[one]), int(visits.check_out[one])
            lines.append(f"{_index_person(number)},{venue_code(visits.venue[one])},{to_text(start)},{to_text(end)}")
            there = (
                (visits.venue == visits.venue[one]) & (visits.check_in < end - 900) & (visits.check_out > start + 900)
            )
            met.update(visits.person[there].tolist())
            if len(met) >= F1:
                break
    return "\n".join(lines).encode() + b"\n"


def _index_person(number: int) -> str:
    return f"ref:index:{number}"


def _readiness(truyvet: Truyvet, number: int) -> dict[str, Any]:
    """Seconds from the confirmation to the exposures in the log, and to the calls in the list."""
    onset = add_days(local_day(NOW), -2)
    started = time.perf_counter()
    case = truyvet.cases.confirm(_index_person(number), CaseDates(onset=onset, isolated_at=NOW))
    _await(lambda: truyvet.policies.position >= case.position)
    recorded = time.perf_counter() - started
    head = truyvet.log.head()
    _await(lambda: truyvet.policies.position >= head)
    head = truyvet.log.head()
    _await(lambda: truyvet.registers.position >= head)
    listed = time.perf_counter() - started
    found = truyvet.log.load(Exposures, exposures_stream(case.id))
    levels = [exposure.level for exposure in found.standing.values()] if found else []
    _tell(f"{levels.count(1)} F1, {len(levels)} contacts: recorded after {recorded:.2f} s, listed after {listed:.2f} s")
    return {"case": case.id, "recorded": recorded, "listed": listed, "f1": levels.count(1), "contacts": len(levels)}


def _await(reached: Any) -> None:
    while not reached():
        time.sleep(_LOOK_SECONDS)


def _late_facts(truyvet: Truyvet, settings: Settings, visits: Visits) -> dict[str, Any]:
    """1,000 open cases, whose F1 are in quarantine, while visits arrive, some of them late."""
    _open_cases(truyvet, visits)
    begun = truyvet.log.head()
    _tell("cases are open")
    with _arriving(settings, len(visits)) as arriving:
        told, _ = arriving.communicate(timeout=20 * SECONDS)
    end = truyvet.log.head()
    _await(lambda: truyvet.policies.position >= end)
    delays = [
        (event.recorded_at - caused.recorded_at) / timedelta(milliseconds=1)
        for event, caused in _caused(truyvet, begun)
    ]
    return {
        "open_cases": OPEN_CASES,
        "late_share": LATE_SHARE,
        **json.loads(told),
        "changes": len(delays),
        "changes_after_ms": {
            f"p{share}": round(float(np.percentile(delays, share)), 1) for share in (50, 99, 100) if delays
        },
    }


def _open_cases(truyvet: Truyvet, visits: Visits) -> None:
    """Infectious for a day, and known the day after: by then their F1 were confined."""
    rng = np.random.default_rng(1_000)
    onset, isolated_at = local_day(NOW), NOW - _DAY
    start = start_of_day(add_days(onset, -2), LOCAL)
    came = np.unique(visits.person)
    people = [person_name(n) for n in rng.choice(came, min(OPEN_CASES, len(came)), replace=False).tolist()]
    confined: set[UUID] = set()
    for person in people:
        found = truyvet.contacts.trace(person, start, isolated_at, levels=1)
        confined.update(found.person_ids.values())
    lines = "".join(f"id:{person},{to_text(isolated_at)},\n" for person in sorted(confined))
    truyvet.imports.assigned_quarantines(BytesIO(b"person,from,until\n" + lines.encode()), by=LOCAL_BY)
    for person in people:
        truyvet.cases.confirm(person, CaseDates(onset=onset, isolated_at=isolated_at))
    for _ in range(2):  # what policies record is reacted to, too
        head = truyvet.log.head()
        _await(lambda: truyvet.policies.position >= head)  # noqa: B023 # it is asked at once


def _caused(truyvet: Truyvet, after: int) -> Iterator[tuple[Any, Any]]:
    events = [event for event in truyvet.log.read_all(after) if event.type.startswith("Exposure.")]
    causes = truyvet.log.recordings_at({event.cause for event in events if event.cause is not None})
    for event in events:
        if event.cause in causes:
            yield event, causes[event.cause]


@contextmanager
def _arriving(settings: Settings, count: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "api.bench.arriving", str(settings.data_dir), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _import(truyvet: Truyvet, content: bytes) -> None:
    truyvet.imports.visits(BytesIO(content), by=LOCAL_BY)


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)  # noqa: T201 # it takes minutes


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)
