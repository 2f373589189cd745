"""A process of diallers, as a program of its own: ``python -m tests.dialling URL DATA_DIR NAME THREADS LIMIT LEASE``.

Each thread claims calls and reports all of them as reached, every third one twice, until nobody is to be called. What
it was given and what was acknowledged is written to stdout at once, as the process may be killed at any time.
"""

import sys
import time
from pathlib import Path
from threading import Lock, Thread

from api.app import Truyvet, build
from application.calls import Said
from application.provenance import Provenance
from domain.errors import Conflict
from domain.times import LATEST
from infrastructure.database import Database
from infrastructure.settings import Settings

_writing = Lock()


def main(url: str, data_dir: str, name: str, threads: str, limit: str, lease: str) -> None:
    database = Database(url)
    truyvet = build(Settings(data_dir=Path(data_dir), database_url=url), database)
    diallers = [
        Thread(target=dial, args=(truyvet, f"{name}-{number}", int(limit), int(lease)))
        for number in range(int(threads))
    ]  # fmt: skip
    for dialler in diallers:
        dialler.start()
    for dialler in diallers:
        dialler.join()
    database.close()


def dial(truyvet: Truyvet, name: str, limit: int, lease: int) -> None:
    by = Provenance(actor=f"key:{name}")
    while truyvet.registers.calls.due(LATEST, 1):
        taken = truyvet.calls.claim(limit, lease, by=by)
        calls, _ = truyvet.calls.claimed(taken.id, taken.position)
        for call in calls:
            write("given", taken.id, call.call_id)
        for number, call in enumerate(calls):
            said = Said("reached", attempt_id=f"{name}:{taken.id}:{number}")
            try:
                for _ in range(2 if number % 3 == 0 else 1):
                    recorded = truyvet.calls.attempt(call.call_id, said, by)
            except Conflict:  # too slow: somebody else holds it by now
                write("late", said.attempt_id, call.call_id)
            else:
                write("recorded", said.attempt_id, recorded.id)
        if not calls:
            time.sleep(0.05)


def write(*words: object) -> None:
    with _writing:
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
