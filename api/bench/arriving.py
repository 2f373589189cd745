"""A process that brings visits at a steady rate, some of them late."""

import json
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.app import open_truyvet
from api.bench.synthetic import END, made
from api.simulation import Visits
from api.simulation.naming import person_name, venue_code
from application.provenance import LOCAL
from domain.times import to_text
from infrastructure.settings import Settings

ARRIVING: Final = 5_000
"""Visits a second."""
SECONDS: Final = 30
LATE_SHARE: Final = 0.0005
"""Of which so many are from the four days before, of people and venues of the outbreak; the others are elsewhere."""
ELSEWHERE: Final = 2_000_000
"""People; a venue for twenty."""
NOW: Final = END
_DAY: Final = 86_400


def arrive(data_dir: Path, count: int) -> None:
    """Bring 5,000 visits a second, in its own process; says how many."""
    visits, rng = made(count).visits, np.random.default_rng(5_000)
    with open_truyvet(Settings(data_dir=data_dir, database_url=None)) as truyvet:
        started, late = time.perf_counter(), 0
        for second in range(SECONDS):
            is_late = rng.random(ARRIVING) < LATE_SHARE
            late += int(is_late.sum())
            truyvet.imports.visits(BytesIO(_arrivals(visits, rng, second, is_late)), register_venues=True, by=LOCAL)
            time.sleep(max(started + second + 1 - time.perf_counter(), 0))
        took = time.perf_counter() - started
    line = {"visits": SECONDS * ARRIVING, "late": late, "per_second": round(SECONDS * ARRIVING / took)}
    sys.stdout.write(json.dumps(line) + "\n")


def _arrivals(visits: Visits, rng: Any, second: int, is_late: Any) -> bytes:
    people, venues = (column[rng.integers(0, len(visits), ARRIVING)] for column in (visits.person, visits.venue))
    others, places = rng.integers(0, ELSEWHERE, ARRIVING), rng.integers(0, ELSEWHERE // 20, ARRIVING)
    check_in = NOW - rng.integers(0, 4 * _DAY, ARRIVING)
    lines = [
        f"{person_name(people[n])},{venue_code(venues[n])},{to_text(int(check_in[n]))},\n" if is_late[n]
        else f"ref:elsewhere:{others[n]},w{places[n]},{to_text(NOW + 60 * second)},\n"
        for n in range(ARRIVING)
    ]  # fmt: skip
    return b"person,venue,check_in,check_out\n" + "".join(lines).encode()


if __name__ == "__main__":
    arrive(Path(sys.argv[1]), int(sys.argv[2]))
