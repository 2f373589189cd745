"""Twenty diallers in four processes, some of them killed: no call is held twice, none is lost, each attempt is recorded
once.

``TRUYVET_DRILL_CALLS=10000 pytest tests/application/test_diallers.py -rP`` calls so many people.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest

from api.app import Truyvet
from application.calls import call_stream
from application.log import Draft
from application.provenance import LOCAL
from domain.call_reasons import Origin, Reason
from domain.calls import Call
from domain.times import parse_instant
from infrastructure.log import RecordedEvent

CALLS: Final = int(os.environ.get("TRUYVET_DRILL_CALLS", "200"))
PROCESSES, THREADS = 4, 5
LIMIT: Final = 20 if CALLS > 1_000 else 5
LEASE_SECONDS: Final = 20 if CALLS > 1_000 else 3
KILLED_AT: Final = (0.2, 0.5)
"""When so much has been called, a process is killed, and another one begins."""
ROOT: Final = Path(__file__).parents[2]
_AT_ONCE: Final = 2_000


@contextmanager
def diallers(truyvet: Truyvet, name: str, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = truyvet.settings
    arguments = (settings.database_url, settings.data_dir, name, THREADS, LIMIT, LEASE_SECONDS)
    with (output / name).open("wb") as written:
        process = subprocess.Popen(  # the program of tests/dialling.py
            [sys.executable, "-m", "tests.dialling", *map(str, arguments)], cwd=ROOT, stdout=written
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def requested(truyvet: Truyvet) -> set[UUID]:
    """Exposed so long ago that one answer ends it."""
    exposed = parse_instant("2021-08-30T09:00:00+07:00")
    reason = Reason(Origin("case", str(uuid4())), 1, exposed, exposed + 3_600, True, "vn-11042")
    people = [uuid4() for _ in range(CALLS)]
    now = truyvet.calls.now()
    for first in range(0, CALLS, _AT_ONCE):
        calls = [Call.request(call_stream(one), one, reason, 1, now) for one in people[first : first + _AT_ONCE]]
        truyvet.log.save(Draft([*calls]), LOCAL)
    truyvet.registers.catch_up()
    return set(map(call_stream, people))


def attempted(truyvet: Truyvet) -> int:
    with truyvet.database.get_connection() as connection:
        row = connection.execute("SELECT coalesce(sum(attempts), 0) AS number FROM calls").fetchone()
    return 0 if row is None else int(row["number"])


@pytest.mark.timeout(1_200)
def test_no_call_is_held_twice_none_is_lost_and_each_attempt_is_recorded_once(truyvet: Truyvet, tmp_path: Path) -> None:
    calls, began = requested(truyvet), time.monotonic()
    truyvet.registers.start()
    with ExitStack() as stack:
        running = [stack.enter_context(diallers(truyvet, f"d{number}", tmp_path)) for number in range(PROCESSES)]
        for number, share in enumerate(KILLED_AT):
            while attempted(truyvet) < share * CALLS:
                time.sleep(0.02)
            running[number].kill()
            running[number] = stack.enter_context(diallers(truyvet, f"again{number}", tmp_path))
        for process in running:
            assert process.wait(1_000) == 0
    seconds = time.monotonic() - began
    truyvet.registers.catch_up()
    events = [event for event in truyvet.log.read_all(0) if event.type.startswith("Call.")]
    said = [line.split() for file in tmp_path.glob("*[0-9]") for line in file.read_text().splitlines()]
    held_twice(events, calls)
    none_lost(truyvet, events, calls)
    recorded_once(events, said)
    given = Counter(tuple(words[1:]) for words in said if words[0] == "given")
    lapsed = len(given) - len([event for event in events if event.type == "Call.Attempted"])
    print(f"{CALLS} calls in {seconds:.1f} s; {lapsed} claims lapsed")  # noqa: T201 # shown with -rP


def held_twice(events: list[RecordedEvent], calls: set[UUID]) -> None:
    """A call is claimed again when it was attempted, or when the lease is over: never before."""
    held_until: dict[UUID, str] = {}
    for event in events:
        content = event.as_dict()
        if event.type == "Call.Claimed":
            assert held_until.get(event.stream, "") <= content["happened_at"]
            held_until[event.stream] = content["data"]["held_until"]
        elif event.type == "Call.Attempted":
            held_until[event.stream] = ""
    assert held_until.keys() == calls


def none_lost(truyvet: Truyvet, events: list[RecordedEvent], calls: set[UUID]) -> None:
    found = truyvet.log.load_many(Call, calls)
    assert Counter(call.status for call in found.values()) == {"followed_up": CALLS}
    assert Counter(event.type for event in events)["Call.Requested"] == CALLS


def recorded_once(events: list[RecordedEvent], said: list[list[str]]) -> None:
    in_log = Counter(
        (event.as_dict()["data"]["attempt_id"], str(event.stream)) for event in events if event.type == "Call.Attempted"
    )
    told = {(words[1], words[2]) for words in said if words[0] == "recorded"}
    assert set(in_log.values()) == {1}
    assert told <= in_log.keys()
    assert len(in_log.keys() - told) <= PROCESSES * THREADS  # those of who was killed before hearing of it
    assert not {words[1] for words in said if words[0] == "late"} & {attempt for attempt, _ in in_log}
