"""The weekly report of a whole province, as of now and as of earlier positions."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from api.app import open_truyvet
from api.bench.province import ACTIVE, POINTS, PROVINCE, SCANS, WEEK, WEEK_SCANS, province, record
from api.bench.results import Measurement, Times
from infrastructure.settings import Settings

_TIMES = 15
_POSITIONS = 3  # the head, and others evenly before it


def measure() -> Measurement:
    """``answers_equal``: the report says what the province published, each time the same."""
    made = province()
    with TemporaryDirectory(prefix="truyvet-bench-") as directory:
        Path(directory).chmod(0o711)
        with open_truyvet(Settings(data_dir=Path(directory) / "data", database_url=None)) as truyvet:
            record(truyvet, made)
            del made
            head = truyvet.log.head()
            seconds, found = [], set()
            for number in range(_TIMES):
                started = time.perf_counter()
                total = truyvet.adoption.report(PROVINCE, WEEK, head - head // _POSITIONS * (number % _POSITIONS)).total
                seconds.append(time.perf_counter() - started)
                if not number % _POSITIONS:
                    found.add((total.points, total.points_active, total.scans, total.scans_total))
    published = {(POINTS, ACTIVE, WEEK_SCANS, SCANS)}
    return Measurement("adoption", SCANS, found == published, Times("truyvet", seconds), [], {"points": POINTS})
