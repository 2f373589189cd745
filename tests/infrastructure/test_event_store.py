"""The recorder: the library's own tests, then what ours promises beyond them."""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)

from application.log import Key, Secret
from application.provenance import LOCAL, Provenance
from infrastructure.database import Database
from infrastructure.events import EventRecorder, copy_provenance, copy_row
from infrastructure.log import EventLog
from tests.conftest import fresh_database


@pytest.fixture
def database(any_database_url: str) -> Iterator[Database]:
    database = Database(any_database_url, pool_size=4)
    yield database
    database.close()


@pytest.fixture
def recorder(database: Database) -> EventRecorder:
    return EventRecorder(database)


class OurRecorder:
    """The library's test cases are unittest's and make their recorder themselves; the database reaches them here."""

    server = "server"

    @pytest.fixture(autouse=True)
    def _on(self, request: pytest.FixtureRequest) -> Iterator[None]:
        with fresh_database(request.getfixturevalue(self.server)) as conninfo:
            self.database = Database(conninfo, pool_size=4)
            yield
            self.database.close()

    def create_recorder(self) -> Any:
        return EventRecorder(self.database)


class OnPostgres15(OurRecorder):
    server = "server_15"


class WithoutPositions(EventRecorder):
    """An aggregate recorder answers None where one for applications answers the positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:  # type: ignore[override] # as the library
        super().insert_events(stored_events, **kwargs)


class TestAggregateRecorder(OurRecorder, AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return WithoutPositions(self.database)


class TestApplicationRecorder(OurRecorder, ApplicationRecorderTestCase[EventRecorder]):
    pass


class TestTrackingRecorder(OurRecorder, TrackingRecorderTestCase):
    pass


class TestProcessRecorder(OurRecorder, ProcessRecorderTestCase):
    pass


class TestNonInterleaving(OurRecorder, NonInterleavingNotificationIDsBaseCase):
    pass


class TestApplicationRecorderOn15(OnPostgres15, ApplicationRecorderTestCase[EventRecorder]):
    pass


class TestProcessRecorderOn15(OnPostgres15, ProcessRecorderTestCase):
    pass


del AggregateRecorderTestCase, ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase
del ProcessRecorderTestCase, TrackingRecorderTestCase


def event() -> StoredEvent:
    return StoredEvent(uuid4(), 1, "Test.Happened", b'{"schema":1,"happened_at":"2021-08-30T02:00:00Z"}')


def rows(count: int) -> list[bytes]:
    provenance = copy_provenance(LOCAL)
    return [copy_row(uuid4().bytes, 1, b"Test.Happened", b"{}", provenance) for _ in range(count)]


def positions(database: Database) -> list[int]:
    with database.get_connection() as connection:
        found = connection.execute("SELECT notification_id FROM events ORDER BY notification_id").fetchall()
    return [row["notification_id"] for row in found]


def test_positions_have_no_gaps_after_conflicts_and_rollbacks(recorder: EventRecorder, database: Database) -> None:
    taken = event()
    recorder.insert_events([taken])
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(), taken])
    with pytest.raises(IntegrityError):
        recorder.insert_events([event()], keys=[Key(b"k" * 16, uuid4().bytes)] * 2)
    recorder.insert_events([event(), event()])

    assert positions(database) == [1, 2, 3]


def test_a_refused_append_leaves_nothing_behind(recorder: EventRecorder, database: Database) -> None:
    taken, key, subject = event(), Key(b"k" * 16, uuid4().bytes), uuid4()
    recorder.insert_events([taken])
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(), taken], keys=[key], secrets=[Secret(subject, b"wrapped")])

    with database.get_connection() as connection:
        kept = connection.execute("SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM vault) AS n").fetchone()
    assert kept == {"n": 0}


def test_an_append_waits_for_its_turn_without_the_ordering_lock(recorder: EventRecorder) -> None:
    key = Key(b"k" * 16, uuid4().bytes)

    def others_append() -> None:
        recorder.insert_events([event()])

    appended = recorder.append(rows(1), keys=[key], turn=others_append)
    assert appended is not None
    assert appended.first == 2


def test_an_append_whose_turn_never_comes_leaves_nothing_behind(recorder: EventRecorder, database: Database) -> None:
    def never() -> None:
        raise IntegrityError("the append before this one failed")

    key = Key(b"k" * 16, uuid4().bytes)
    with pytest.raises(IntegrityError):
        recorder.append(rows(1), keys=[key], turn=never)
    recorder.append(rows(1), keys=[key])

    assert positions(database) == [1]


def test_positions_have_no_gaps_after_a_writer_was_killed(
    recorder: EventRecorder, database: Database, any_database_url: str
) -> None:
    recorder.insert_events([event()])
    with psycopg.connect(any_database_url) as dying:
        dying.execute("UPDATE log_head SET position = position + 10")
        with database.get_connection() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [dying.info.backend_pid])
        dying.close()
    recorder.insert_events([event()])

    assert positions(database) == [1, 2]


def test_recorded_at_never_decreases_even_when_the_clock_does(recorder: EventRecorder, database: Database) -> None:
    recorder.insert_events([event()])
    with database.transaction(commit=True) as cursor:
        cursor.execute("UPDATE log_head SET recorded_at = now() + interval '1 hour'")
    recorder.insert_events([event()])

    with database.get_connection() as connection:
        later = connection.execute("SELECT max(recorded_at) > now() + interval '59 minutes' AS ahead FROM events")
        assert later.fetchone() == {"ahead": True}


def test_a_batch_of_50_000_goes_in_at_once(recorder: EventRecorder, database: Database) -> None:
    appended = recorder.append(rows(50_000))

    assert appended is not None
    assert (appended.first, appended.last) == (1, 50_000)
    assert positions(database) == list(range(1, 50_001))


def test_every_event_says_who_for_whom_why_and_from_where(database: Database) -> None:
    by = Provenance("key-7", "key-3", "pccovid", 1, "import-9", "decision 5053")
    log = EventLog(database)
    log.recorder.insert_events([event()])
    log.recorder.insert_events([event()], provenance=by)

    first, second = log.read(0, 10)
    told = second.as_dict()
    assert (first.actor, first.cause, first.correlation) == ("local", None, None)
    assert (told["actor"], told["on_behalf_of"], told["source"]) == ("key-7", "key-3", "pccovid")
    assert (told["cause"], told["correlation"], told["basis"]) == (1, "import-9", "decision 5053")
    assert (told["schema"], told["happened_at"], told["position"]) == (1, "2021-08-30T02:00:00Z", 2)


def test_the_library_s_database_functions_are_refused(database: Database) -> None:
    database.enable_db_functions = True
    with pytest.raises(ValueError, match="ordering lock"):
        EventRecorder(database)


def test_two_writers_of_the_same_keys_in_other_orders_do_not_deadlock(recorder: EventRecorder) -> None:
    keys = [Key(os.urandom(16), uuid4().bytes) for _ in range(500)]
    outcomes: list[str] = []

    def write(mine: list[Key]) -> None:
        try:
            recorder.insert_events([event()], keys=mine)
            outcomes.append("recorded")
        except IntegrityError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=write, args=[mine]) for mine in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["conflict", "recorded"]


def _write_from_threads(conninfo: str, threads: int, batches: int) -> None:
    database = Database(conninfo, pool_size=threads)
    recorder = EventRecorder(database)

    def write() -> None:
        for number in range(batches):
            recorder.append(rows(1 + number % 100))

    writers = [threading.Thread(target=write) for _ in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    database.close()


def test_a_follower_misses_nothing_while_8_writers_in_2_processes_write(database_url: str) -> None:
    per_thread = 500
    expected = 8 * sum(1 + number % 100 for number in range(per_thread))
    processes = [
        multiprocessing.get_context("spawn").Process(target=_write_from_threads, args=(database_url, 4, per_thread))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    database = Database(database_url)
    log, seen = EventLog(database), [0]
    while seen[-1] < expected and (any(process.is_alive() for process in processes) or log.head() > seen[-1]):
        seen += [event.position for event in log.batch(seen[-1], 5_000)]
    for process in processes:
        process.join()
    recorded = [event.recorded_at for event in log.read_all(0)]
    database.close()

    assert expected >= 200_000
    assert seen == list(range(expected + 1))
    assert all(earlier <= later for earlier, later in pairwise(recorded))
