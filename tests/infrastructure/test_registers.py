import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from api.app import Truyvet
from application.quarantines import opened_places
from domain.access_keys import AccessKey
from domain.cases import Case
from domain.declarations import Declaration
from domain.errors import TimedOut
from domain.escalations import Escalation
from domain.guards import Guard
from domain.imports import Import
from domain.quarantines import Quarantine
from domain.rules import CaseDates
from domain.sites import Site
from domain.times import parse_instant, to_datetime
from domain.venues import Venue
from infrastructure.following import Following
from infrastructure.mapper import EVENTS
from infrastructure.reading import Undecodable
from infrastructure.registers import Registers

NINE = parse_instant("2021-08-30T09:00:00Z")
TEN = parse_instant("2021-08-30T10:00:00Z")


@pytest.fixture
def registers(truyvet: Truyvet) -> Registers:
    return Registers(truyvet.log)


@contextmanager
def following(registers: Registers) -> Iterator[Registers]:
    registers.start()
    try:
        yield registers
    finally:
        registers.stop()


def execute(truyvet: Truyvet, sql: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(truyvet.database.conninfo, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def register(truyvet: Truyvet, *codes: str) -> int:
    return max(truyvet.venues.register(f"Café {code}", "restaurant", code=code).position for code in codes)


def listeners(truyvet: Truyvet) -> list[int]:
    """The backends of followers."""
    rows = execute(
        truyvet,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND query ~ 'LISTEN|advisory|tracking'",
    )
    return [row["pid"] for row in rows]


def break_event(truyvet: Truyvet, position: int, state: bytes = b"{") -> bytes:
    rows = execute(truyvet, "SELECT state FROM events WHERE notification_id = %s", position)
    execute(truyvet, "UPDATE events SET state = %s WHERE notification_id = %s", state, position)
    return bytes(rows[0]["state"])


def test_a_venue_is_in_the_register_as_it_is_now(truyvet: Truyvet, registers: Registers) -> None:
    recorded = truyvet.venues.register(
        "Café", "restaurant", code="cafe", registered_at=NINE, address="12 Lê Lợi", default_stay_minutes=20
    )
    truyvet.venues.amend("cafe", name="Café Sáng", default_stay_minutes=45)
    registers.catch_up()
    row = registers.venues.get(recorded.id)
    assert row is not None
    assert (row.code, row.name, row.kind, row.address) == ("cafe", "Café Sáng", "restaurant", "12 Lê Lợi")
    assert (row.default_stay_minutes, row.registered_at, row.position) == (45, to_datetime(NINE), recorded.position)
    assert (row.status, row.status_since) == ("active", to_datetime(NINE))


def test_a_venue_is_in_the_register_where_it_lies_now_and_with_its_status(
    truyvet: Truyvet, registers: Registers
) -> None:
    market = truyvet.venues.register("Chợ", "market", code="market", commune="00001").id
    stall = truyvet.venues.register("Sạp", "shop", code="stall", part_of="market", manager="ref:ann", latitude=21.0,
                                    longitude=105.8, opening_hours="24/7", registered_at=NINE).id  # fmt: skip
    truyvet.venues.amend("stall", commune="00004", address="2 Hàng Buồm", latitude=21.5, opening_hours="Su off",
                         manager="ref:bob")  # fmt: skip
    statuses = []
    for change, at in ((truyvet.venues.suspend, NINE), (truyvet.venues.reactivate, TEN), (truyvet.venues.close, TEN)):
        change("stall", at)
        registers.catch_up()
        row = registers.venues.get(stall)
        assert row is not None
        statuses.append((row.status, row.status_since))
    assert statuses == [("suspended", to_datetime(NINE)), ("active", to_datetime(TEN)), ("closed", to_datetime(TEN))]
    assert (row.part_of, row.manager_id) == (market, truyvet.people.find("ref:bob"))
    assert (row.commune, row.address, row.latitude, row.longitude) == ("00004", "2 Hàng Buồm", 21.5, 105.8)
    assert row.opening_hours == "Su off"


def test_venues_are_listed_by_what_they_lie_in_and_by_kind(truyvet: Truyvet, registers: Registers) -> None:
    market = truyvet.venues.register("Chợ", "market", code="market", commune="00001").id
    for code, kind in (("stall", "shop"), ("bar", "restaurant")):
        truyvet.venues.register(code, kind, code=code, part_of="market", commune="00004")
    register(truyvet, "cafe")
    registers.catch_up()

    def listed(**only: Any) -> list[str | None]:
        return [venue.code for venue in registers.venues.page(**only)]

    assert listed(part_of=market) == ["stall", "bar"]
    assert listed(kind="restaurant") == ["bar", "cafe"]
    assert listed(commune="00004", kind="shop") == ["stall"]
    assert listed(part_of=uuid4()) == []


def test_a_case_is_in_the_register_with_the_dates_that_are_known_now(truyvet: Truyvet, registers: Registers) -> None:
    recorded = truyvet.cases.confirm("ref:ann", CaseDates(onset=date(2021, 8, 30)))
    truyvet.cases.amend(recorded.id, sampled=date(2021, 8, 31), rules="who")
    truyvet.cases.isolate(recorded.id, TEN)
    registers.catch_up()
    row = registers.cases.get(recorded.id)
    assert row is not None
    assert (row.rules, row.onset, row.sampled) == ("who", date(2021, 8, 30), date(2021, 8, 31))
    assert (row.isolated_at, row.cleared_at, row.withdrawn) == (to_datetime(TEN), None, False)
    assert row.position == recorded.position
    truyvet.cases.withdraw(recorded.id)
    registers.catch_up()
    assert [case.withdrawn for case in registers.cases.of_person(row.person_id)] == [True]


def test_a_quarantine_is_in_the_register_with_its_end(truyvet: Truyvet, registers: Registers) -> None:
    recorded = truyvet.quarantines.assign("ref:ann", NINE, quarantine_id="q1", kind="home", place="12 Lê Lợi")
    registers.catch_up()
    row = registers.quarantines.get("q1")
    assert row is not None
    assert (row.since, row.until, row.kind, row.place) == (to_datetime(NINE), None, "home", None)
    assert opened_places(truyvet.people, [(row.person_id, row.whereabouts)]) == ["12 Lê Lợi"]
    assert row.position == recorded.position
    truyvet.quarantines.release("q1", TEN)
    registers.catch_up()
    released = registers.quarantines.get("q1")
    assert released is not None
    assert (released.until, released.released, released.withdrawn) == (to_datetime(TEN), True, False)
    truyvet.quarantines.extend("q1", None)
    registers.catch_up()
    assert [(q.until, q.released) for q in registers.quarantines.of_person(row.person_id)] == [(None, False)]


def test_what_the_log_accepts_does_not_stop_a_register(truyvet: Truyvet, registers: Registers) -> None:
    """An earlier version took addresses with a NUL, which PostgreSQL's text cannot hold."""
    venue = Venue.register(uuid4(), "Café", "restaurant", NINE, code="cafe", address="12 Lê Lợi")
    (event,) = map(truyvet.log.mapper.to_stored_event, venue.collect_events())
    truyvet.log.recorder.insert_events([replace(event, state=event.state.replace(b"12 ", b"12\\u0000 "))])
    registers.catch_up()
    assert [venue.address for venue in registers.venues.page()] == ["12� Lê Lợi"]


def test_pages_follow_one_another_in_the_order_of_positions(truyvet: Truyvet, registers: Registers) -> None:
    register(truyvet, "a", "b", "c", "d", "e")
    registers.catch_up()
    first = registers.venues.page(limit=2)
    second = registers.venues.page(first[-1].position, 2)
    assert [venue.code for venue in first + second] == ["a", "b", "c", "d"]
    assert [venue.code for venue in registers.venues.page(until=2)] == ["a", "b"]
    assert registers.venues.get(uuid4()) is None


IN_NO_REGISTER = {
    Venue.QrCodeIssued, Venue.QrCodeEnded, Site.PlaceTaken, Site.PlaceChanged, Site.PlaceFreed,
    Quarantine.PositionReported, Quarantine.Breached, Quarantine.BreachDismissed,
}  # fmt: skip
"""The codes of a venue are few and asked for one venue at a time: its stream answers. Who is at a site the quarantines
say, in the same commits. Breaches have a register of their own, and the positions that show them are nobody's list."""


@pytest.mark.parametrize("stream", [Venue, Case, Quarantine, Import, AccessKey, Guard, Site, Declaration, Escalation])
def test_each_register_reads_every_event_of_its_streams(truyvet: Truyvet, registers: Registers, stream: type) -> None:
    of_stream = {event for topic, event in EVENTS.items() if topic.startswith(f"{stream.__name__}.")}
    assert of_stream - IN_NO_REGISTER in [set(view.events) for view in registers.projection.registers]


def test_the_follower_takes_in_what_is_appended(truyvet: Truyvet, registers: Registers) -> None:
    with following(registers):
        position = register(truyvet, "a")
        registers.wait_for(position, 5)
        assert [venue.code for venue in registers.venues.page()] == ["a"]
        until(lambda: registers.status.position == position)
        assert registers.status.error is None


def test_waiting_for_what_does_not_come_is_timed_out(truyvet: Truyvet, registers: Registers) -> None:
    with pytest.raises(TimedOut, match="position 0, 1 was waited for"):
        registers.wait_for(1, 0.1)


def test_a_follower_whose_connections_are_cut_goes_on(truyvet: Truyvet, registers: Registers) -> None:
    with following(registers):
        registers.wait_for(register(truyvet, "a"), 5)
        for n in range(5):
            execute(truyvet, "SELECT pg_terminate_backend(unnest(%s::int[]))", listeners(truyvet))
            registers.wait_for(register(truyvet, f"b{n}"), 5)
        until(lambda: registers.status.error is None)


def test_another_takes_over_from_a_leader_that_stops_or_is_killed(truyvet: Truyvet, registers: Registers) -> None:
    other = Registers(truyvet.log)
    with following(other):
        with registers.leading() as leader:
            position = register(truyvet, "a")
            time.sleep(0.3)
            assert other.position == 0
            assert other.status.error is None
            execute(truyvet, "SELECT pg_terminate_backend(%s)", leader.info.backend_pid)
            other.wait_for(position, 5)
        with following(registers):
            registers.wait_for(register(truyvet, "b"), 5)
        other.wait_for(register(truyvet, "c"), 5)
    assert [venue.code for venue in registers.venues.page()] == ["a", "b", "c"]


def test_catching_up_waits_for_the_leader(truyvet: Truyvet, registers: Registers) -> None:
    register(truyvet, "a")
    with registers.leading(), pytest.raises(TimedOut):
        Registers(truyvet.log).catch_up(0.2)
    assert Registers(truyvet.log).catch_up(0.2) == 1


@pytest.mark.parametrize(
    "state",
    [b"{", b"[]", b'{"schema":1}', b'{"schema":2,"happened_at":"2021-08-30T02:00:00Z","name":"new"}'],
    ids=["no JSON", "no object", "fields missing", "unknown version"],
)
def test_an_event_that_cannot_be_read_is_shown_and_the_rest_follows_once_it_is_repaired(
    truyvet: Truyvet, registers: Registers, state: bytes
) -> None:
    register(truyvet, "a")
    bad = truyvet.venues.amend("a", name="Café A").position
    register(truyvet, "b")
    good = break_event(truyvet, bad, state)
    with following(registers):
        until(lambda: registers.status.error is not None)
        assert f"position {bad} (Venue.Renamed) cannot be read" in str(registers.status.error)
        assert registers.position == bad - 1
        assert [venue.code for venue in registers.venues.page()] == ["a"]
        break_event(truyvet, bad, good)
        registers.wait_for(truyvet.log.head(), 5)
        until(lambda: registers.status.error is None)
    assert [venue.name for venue in registers.venues.page()] == ["Café A", "Café b"]


def test_an_event_that_the_database_refuses_is_named(truyvet: Truyvet, registers: Registers) -> None:
    register(truyvet, "a", "b")
    state = break_event(truyvet, 2)
    break_event(truyvet, 2, state.replace(b'"default_stay_minutes":60', b'"default_stay_minutes":6000000000'))
    with pytest.raises(Undecodable, match="position 2"):
        registers.catch_up()
    assert registers.position == 1


def test_what_an_event_changes_in_several_registers_is_written_whole_or_not_at_all(
    truyvet: Truyvet, registers: Registers
) -> None:
    register(truyvet, "a", "b", "c")
    stray = [2, uuid4(), "registered", to_datetime(NINE)]
    execute(
        truyvet, "INSERT INTO venue_history (position, venue_id, kind, happened_at) VALUES (%s, %s, %s, %s)", *stray
    )
    with pytest.raises(Undecodable, match="position 2"):
        registers.catch_up()
    assert [venue.code for venue in registers.venues.page()] == ["a"]
    execute(truyvet, "DELETE FROM venue_history WHERE position = 2")
    registers.catch_up()
    assert [venue.code for venue in registers.venues.page()] == ["a", "b", "c"]
    assert [fact.position for fact in registers.venue_history.page()] == [1, 2, 3]


def test_the_history_of_a_venue_is_all_that_says_where_it_lay_and_until_when(
    truyvet: Truyvet, registers: Registers
) -> None:
    venue = truyvet.venues.register("Café", "restaurant", code="cafe", commune="14995", registered_at=NINE)
    moved = truyvet.venues.amend("cafe", name="Café Sáng", commune="14998").position
    truyvet.venues.suspend("cafe", TEN)
    closed = truyvet.venues.close("cafe", TEN).position
    registers.catch_up()
    facts = registers.venue_history.page()
    assert [(fact.position, fact.kind, fact.commune) for fact in facts] == [
        (venue.position, "registered", "14995"), (moved, "moved", "14998"), (closed, "closed", None),
    ]  # fmt: skip
    assert {fact.venue for fact in facts} == {venue.id}
    assert (facts[0].happened_at, facts[2].happened_at) == (NINE, TEN)
    assert registers.venue_history.get(venue.id) == facts[-1]


def test_the_graph_goes_on_while_the_registers_cannot(truyvet: Truyvet, registers: Registers) -> None:
    register(truyvet, "a")
    truyvet.venues.register("Closed", "shop", code="b")
    break_event(truyvet, truyvet.venues.amend("b", name="Café B").position)
    truyvet.visits.check_in("ref:ann", "a", NINE)
    with pytest.raises(Undecodable):
        registers.catch_up()
    assert truyvet.graph.catch_up() == truyvet.log.head()


def test_topics_that_no_register_reads_are_passed_over(truyvet: Truyvet, registers: Registers) -> None:
    register(truyvet, "a")
    execute(truyvet, "UPDATE events SET topic = 'Something.Else'")
    assert registers.catch_up() == 1
    assert registers.venues.page() == []


def test_following_stops_soon(truyvet: Truyvet) -> None:
    thread = Following("nothing", truyvet.database, lambda _: None)
    thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    thread.stop()
    assert time.monotonic() - started < 0.5


def test_a_follower_that_failed_has_the_database_revived_before_each_retry(truyvet: Truyvet) -> None:
    told: list[str] = []

    def catch_up(_: object) -> None:
        told.append("follow")
        if len(told) < 5:
            raise ConnectionError("away")

    def revive() -> None:
        told.append("revive")
        raise RuntimeError("it cannot be revived")

    thread = Following("a view", truyvet.database, catch_up, revive)
    thread.start()
    until(lambda: len(told) >= 5 and thread.error is None)
    thread.stop()
    assert told[:5] == ["follow", "revive", "follow", "revive", "follow"]
    assert "revive" not in told[5:]
