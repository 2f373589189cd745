"""Where the time goes, and how far it is from what the memory bus allows."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from api.app import Truyvet, open_truyvet
from api.bench.ours import Ours
from api.bench.questions import Asked, same
from api.bench.results import Measurement, Times
from api.bench.rounds import TIMES, Asking, ask_all
from api.bench.sampling import sampled
from api.bench.stays import StayColumns, stay_columns
from api.bench.synthetic import END, Made, made, write_csv
from api.bench.trace import QUESTIONS, candidates, spread
from api.simulation.naming import person_name, venue_code
from api.simulation.schedule import SEED
from application.provenance import LOCAL
from domain.errors import Refused
from infrastructure.graph import warm_up
from infrastructure.graph.arrays import Array
from infrastructure.settings import Settings

ALTERNATIVES: Final = ()
IMPORTED: Final = 200_000
CHECK_INS: Final = 2_000

_BYTES_OF_A_ROW: Final = 13
"""Person, start and end of a stay, and whether it is observed: what has to be read of it."""
_COPIED: Final = 256 << 20
_READ_AT_RANDOM: Final = 4_000_000
_TRIES: Final = 5


def measure(count: int, against: Sequence[str]) -> Measurement:
    if against:
        raise Refused("bounds are measured against nothing")
    warm_up()
    bandwidth, random_ns = _bandwidth(), _random_read()
    data = made(count)
    ours = Ours(data)
    questions = spread(*candidates(ours, data), QUESTIONS)
    answered = ask_all([Asking(ours.name, ours.trace, ours.found)], questions, same)
    times = Times(ours.name, answered.seconds[ours.name])
    rows = _rows_touched(ours, data, questions)
    bound = [one * _BYTES_OF_A_ROW / bandwidth for one in rows]
    ratios = [took / least for took, least in zip(times.seconds, bound, strict=True) if took and least]
    with sampled() as samples:
        for asked in questions * TIMES:
            ours.trace(asked)
    more = {
        "seed": SEED,
        "memory_gb_per_second": round(bandwidth / 1e9, 1),
        "random_read_ns": round(random_ns, 1),
        "rows_touched_median": int(median(rows)), "rows_touched_most": max(rows),
        "bytes_touched_median": int(median(rows)) * _BYTES_OF_A_ROW,
        "times_the_bound_median": round(median(ratios), 1), "times_the_bound_least": round(min(ratios), 1),
        "ns_a_row_of_the_largest": round(max(took for took in times.seconds if took) / max(rows) * 1e9, 2),
        "profile_percent": {"trace": samples.shares(), **_recording(min(count, IMPORTED))},
    }  # fmt: skip
    return Measurement("bounds", len(data), True, times, [], more)


def _bandwidth() -> float:
    """Bytes a second, read and written, of a copy that no cache holds."""
    source, target = np.ones(_COPIED, np.uint8), np.zeros(_COPIED, np.uint8)
    return 2 * _COPIED / min(_seconds(lambda: np.copyto(target, source)) for _ in range(_TRIES))


def _random_read() -> float:
    """Nanoseconds of each of many reads here and there, which do not wait for one another."""
    source = np.zeros(_COPIED // 8, np.uint64)
    at = np.random.default_rng(SEED).integers(0, len(source), _READ_AT_RANDOM)
    return min(_seconds(lambda: source.take(at)) for _ in range(_TRIES)) / _READ_AT_RANDOM * 1e9


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _rows_touched(ours: Ours, data: Made, questions: Sequence[Asked]) -> list[int]:
    """The stays of F0 and of all F1 in their windows, and those that overlap them: no answer needs fewer."""
    stays = stay_columns(data.visits, data.default_stay)
    overlapping = _Overlapping(stays)
    order = np.argsort(stays.person, kind="stable")
    people = stays.person[order]
    touched = []
    for asked in questions:
        found = ours.found(ours.trace(asked))
        is_first = found.level == 1
        windows = [(np.array([asked.person]), np.array([asked.start]), asked.end),
                   (found.person[is_first], found.exposed_at[is_first], asked.until)]  # fmt: skip
        rows = 0
        for person, since, until in windows:
            low, high = np.searchsorted(people, person), np.searchsorted(people, person, "right")
            own = order[
                np.concatenate([np.arange(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)] or [low])
            ]
            start, stop = np.maximum(stays.start[own], np.repeat(since, high - low)), np.minimum(stays.stop[own], until)
            kept = start < stop
            rows += len(own) + overlapping.count(stays.venue[own][kept], start[kept], stop[kept])
        touched.append(rows)
    return touched


class _Overlapping:
    """How many stays at a venue overlap a window: those that began before its end, less those that ended before."""

    def __init__(self, stays: StayColumns) -> None:
        at = stays.venue.astype(np.int64) << 32
        self.starts, self.stops = at | stays.start, np.sort(at | stays.stop)

    def count(self, venue: Array, start: Array, stop: Array) -> int:
        at = venue.astype(np.int64) << 32
        begun = np.searchsorted(self.starts, at | stop)
        ended = np.searchsorted(self.stops, at | start, "right")
        return int((begun - ended).sum())


def _recording(count: int) -> dict[str, dict[str, float]]:
    """Profiles of an import, and of check-ins one by one."""
    with TemporaryDirectory(prefix="truyvet-bench-") as directory:
        Path(directory).chmod(0o711)
        file = Path(directory) / "visits.csv"
        write_csv(count, file)
        with open_truyvet(Settings(data_dir=Path(directory) / "data", database_url=None)) as truyvet:
            with sampled() as importing, file.open("rb") as content:
                truyvet.imports.visits(content, register_venues=True, by=LOCAL)
                truyvet.graph.catch_up()
            with sampled() as checking_in:
                _check_in(truyvet)
    return {"import": importing.shares(), "check_in": checking_in.shares()}


def _check_in(truyvet: Truyvet) -> None:
    for number in range(CHECK_INS):
        truyvet.visits.check_in(person_name(number % 50), venue_code(0), END + 60 * number)
