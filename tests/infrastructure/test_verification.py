from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from api.app import Truyvet
from domain.cases import Case
from domain.rules import CaseDates
from domain.times import parse_instant
from infrastructure.key_table import KeyTable
from infrastructure.reading import Undecodable
from infrastructure.rebuilding import rebuild
from infrastructure.registers import Registers
from infrastructure.verification import verify

NINE = parse_instant("2021-08-30T09:00:00Z")
TEN = parse_instant("2021-08-30T10:00:00Z")
ELEVEN = parse_instant("2021-08-30T11:00:00Z")
VIEWS = {
    "venues", "cases", "quarantines", "imports", "access_keys", "guards", "venue_history", "declarations",
    "escalations", "residents", "campaign_history", "sites", "breaches", "calls", "keys", "graph",
}  # fmt: skip


@pytest.fixture
def registers(truyvet: Truyvet) -> Registers:
    return Registers(truyvet.log)


@pytest.fixture
def morning(truyvet: Truyvet, registers: Registers) -> Truyvet:
    """A little of everything: a venue, visits, a case and a quarantine, with all views at the head."""
    truyvet.venues.register("Café", "restaurant", code="cafe", registered_at=NINE)  # 1
    truyvet.visits.check_in("ref:ann", "cafe", NINE, visit_id="v1")  # 2, 3
    truyvet.visits.check_in("phone:0912345678", "cafe", NINE, check_out=TEN, visit_id="v2")  # 4, 5
    truyvet.visits.check_out("v1", TEN)  # 6
    truyvet.visits.correct("v1", check_out=ELEVEN, reason="the clock was wrong")  # 7
    truyvet.people.identify("ref:ann", "cccd:001234567890")  # 8
    truyvet.cases.confirm("ref:ann", CaseDates(onset=date(2021, 8, 30)))  # 9
    truyvet.quarantines.assign("phone:0912345678", TEN, quarantine_id="q1")  # 10
    truyvet.venues.amend("cafe", name="Café Sáng")  # 11
    caught_up(truyvet, registers)
    return truyvet


def caught_up(truyvet: Truyvet, registers: Registers) -> None:
    registers.catch_up()
    truyvet.graph.catch_up()


def execute(truyvet: Truyvet, sql: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(truyvet.database.conninfo, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []


def findings(truyvet: Truyvet) -> list[str]:
    return list(verify(truyvet.log, truyvet.vault, Registers(truyvet.log), truyvet.graph))


def found(truyvet: Truyvet, *parts: str) -> bool:
    return any(all(part in finding for part in parts) for finding in findings(truyvet))


def rebuilt(truyvet: Truyvet) -> dict[str, str]:
    return rebuild(truyvet.vault, Registers(truyvet.log), truyvet.graph)


def stream_of(truyvet: Truyvet, position: int) -> str:
    return str(truyvet.log.read(position - 1, 1)[0].stream)


def alter(truyvet: Truyvet, position: int, old: str, new: str) -> None:
    execute(
        truyvet,
        "UPDATE events SET state = convert_to(replace(convert_from(state, 'UTF8'), %s, %s), 'UTF8') "
        "WHERE notification_id = %s",
        old, new, position,
    )  # fmt: skip


def test_nothing_is_found_where_all_is_whole(morning: Truyvet) -> None:
    assert morning.log.head() == 11
    assert findings(morning) == []


def test_nothing_is_found_in_an_empty_log(truyvet: Truyvet) -> None:
    assert findings(truyvet) == []


def test_views_that_lag_are_no_damage(morning: Truyvet) -> None:
    morning.venues.register("Chợ", "market", code="cho")
    morning.visits.check_in("ref:bob", "cho", NINE)
    assert findings(morning) == []


def test_batches_do_not_show(morning: Truyvet, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rebuilt(morning)
    batches = (
        "registers.projection.BATCH", "verification.BATCH", "verification._BATCH", "verification._AT_ONCE",
        "rebuilding.REPLAYED", "replaying.REPLAYED", "replaying.BATCH", "key_table._AT_ONCE", "key_table._IN_MEMORY",
    )  # fmt: skip
    for batch in batches:
        monkeypatch.setattr(f"infrastructure.{batch}", 2)
    assert rebuilt(morning) == whole
    assert findings(morning) == []


@pytest.mark.parametrize("position", [1, 3, 5, 6, 7])
def test_an_event_that_was_deleted_is_missing(morning: Truyvet, position: int) -> None:
    execute(morning, "DELETE FROM events WHERE notification_id = %s", position)
    assert f"the event at position {position} is missing" in findings(morning)


def test_the_last_events_deleted_are_missed_by_the_head(morning: Truyvet) -> None:
    execute(morning, "DELETE FROM events WHERE notification_id >= 10")
    assert "the head of the log is at position 11, its last event at position 9" in findings(morning)


def test_a_version_that_was_deleted_is_missing_in_its_stream(morning: Truyvet) -> None:
    execute(morning, "DELETE FROM events WHERE notification_id = 6")
    assert found(morning, f"stream {stream_of(morning, 7)} has no version 2", "position 7")


def test_a_stream_out_of_order_is_found(morning: Truyvet) -> None:
    execute(morning, "UPDATE events SET notification_id = 1000 WHERE notification_id = 6")
    execute(morning, "UPDATE events SET notification_id = 6 WHERE notification_id = 7")
    execute(morning, "UPDATE events SET notification_id = 7 WHERE notification_id = 1000")
    assert found(morning, "out of order", "version 3 is at position 6")


def test_time_that_runs_backwards_is_found(morning: Truyvet) -> None:
    execute(morning, "UPDATE events SET recorded_at = recorded_at - interval '1 hour' WHERE notification_id = 4")
    assert findings(morning) == ["the event at position 4 was recorded before that at position 3"]


def test_another_time_at_the_head_is_found(morning: Truyvet) -> None:
    execute(morning, "UPDATE log_head SET recorded_at = recorded_at + interval '1 second'")
    assert found(morning, "the head of the log has another time than its last event")


@pytest.mark.parametrize("position", [1, 2, 3, 6, 7, 8, 9, 10, 11])
def test_an_event_that_is_no_json_is_found(morning: Truyvet, position: int) -> None:
    execute(morning, "UPDATE events SET state = 'x' WHERE notification_id = %s", position)
    assert found(morning, f"position {position} ", "cannot be read")


@pytest.mark.parametrize(
    ("position", "old", "new"),
    [
        (3, '"schema":1', '"schema":2'),
        (3, '"check_out":null', '"check_out":7'),
        (3, '"check_out":null', '"check_out":"2021-02-31T09:00:00Z"'),
        (3, '"visit_id":"v1"', '"visit_id":"v3"'),
        (5, '"check_out"', '"checked_out"'),
        (6, '"visit_id":"v1"', '"visit_id":"v3"'),
        (7, "2021-08-30T11:00:00Z", "2021-08-30T25:00:00Z"),
        (9, "2021-08-30", "2021-08-32"),
        (10, '"quarantine_id":"q1"', '"quarantine_id":"q2"'),
        (11, '"name"', '"title"'),
    ],
)
def test_an_event_that_no_longer_fits_is_found(morning: Truyvet, position: int, old: str, new: str) -> None:
    alter(morning, position, old, new)
    assert found(morning, f"position {position} ", "cannot be read")


def test_an_event_of_another_kind_is_found(morning: Truyvet) -> None:
    execute(morning, "UPDATE events SET topic = %s WHERE notification_id = 9", Case.Amended.TOPIC)
    assert found(morning, "position 9 (Case.Amended) cannot be read")
    execute(morning, "UPDATE events SET topic = 'Nothing' WHERE notification_id = 9")
    assert found(morning, "position 9 (Nothing) cannot be read: no such event is known")


@pytest.mark.parametrize(
    ("position", "old", "new"),
    [(3, "09:00:00Z", "08:00:00Z"), (1, '"code":"cafe"', '"code":"caff"'), (10, "10:00:00Z", "10:00:01Z")],
)
def test_what_changes_a_key_is_found(morning: Truyvet, position: int, old: str, new: str) -> None:
    alter(morning, position, old, new)
    assert found(morning, f"the key of the event at position {position} is missing")
    assert found(morning, "holds a key that follows from no event")


def test_a_sealed_identity_that_was_exchanged_is_found(morning: Truyvet) -> None:
    execute(
        morning,
        "UPDATE events SET state = (SELECT state FROM events WHERE notification_id = 4) WHERE notification_id = 2",
    )
    assert found(morning, "position 2 (Person.Registered) cannot be read: its sealed identity cannot be opened")


def test_a_key_of_the_vault_that_was_altered_is_found(morning: Truyvet) -> None:
    execute(morning, "UPDATE vault SET wrapped_key = set_byte(wrapped_key, 20, 255 - get_byte(wrapped_key, 20))")
    assert found(morning, "position 2 (Person.Registered) cannot be read: its sealed identity cannot be opened")


@pytest.mark.parametrize("position", [1, 2, 3, 8, 10])
def test_a_key_that_was_removed_is_missing(morning: Truyvet, position: int) -> None:
    missing = execute(morning, "DELETE FROM keys WHERE stream = %s RETURNING key", stream_of(morning, position))
    assert missing
    assert f"the key of the event at position {position} is missing" in findings(morning)


def test_a_key_that_was_added_is_found(morning: Truyvet) -> None:
    stream = uuid4()
    execute(morning, "INSERT INTO keys VALUES (gen_random_uuid(), %s)", stream)
    assert findings(morning) == [f"stream {stream} holds a key that follows from no event"]


def test_a_key_in_other_hands_is_found(morning: Truyvet) -> None:
    stream = uuid4()
    execute(morning, "UPDATE keys SET stream = %s WHERE stream = %s", stream, stream_of(morning, 3))
    assert findings(morning) == [f"the key of the event at position 3 is held by stream {stream}"]


def test_two_events_that_claim_a_key_are_found(morning: Truyvet) -> None:
    alter(morning, 5, stream_of(morning, 4), stream_of(morning, 2))
    assert "the events at positions 3 and 5 claim the same key" in findings(morning)


@pytest.mark.parametrize(
    ("change", "table", "position"),
    [
        ("UPDATE venues SET name = 'Bar'", "venues", 1),
        ("DELETE FROM cases", "cases", 9),
        ("UPDATE quarantines SET until = now()", "quarantines", 10),
        (
            "INSERT INTO imports (import_id, kind, begun_at, position) VALUES (gen_random_uuid(), 'visits', now(), 5)",
            "imports",
            5,
        ),
    ],
)
def test_a_register_that_was_changed_differs_from_a_replay(
    morning: Truyvet, change: str, table: str, position: int
) -> None:
    execute(morning, change)
    assert findings(morning) == [f"the register of {table} differs from a replay in the row of position {position}"]


def test_registers_beyond_the_log_are_found(morning: Truyvet) -> None:
    execute(morning, "UPDATE tracking SET notification_id = 12")
    assert findings(morning) == ["the registers are at position 12, the log ends at 11"]


def test_a_graph_that_is_not_that_of_the_log_is_found(morning: Truyvet) -> None:
    alter(morning, 5, "2021-08-30T10:00:00Z", "2021-08-30T10:30:00Z")
    assert findings(morning) == ["the visit graph differs from a replay up to position 11"]


def test_findings_tell_nothing_personal(morning: Truyvet) -> None:
    execute(morning, "UPDATE events SET state = convert_to('{\"name\": \"Nguyễn Văn A, 0912345678', 'UTF8')")
    said = " ".join(findings(morning))
    assert said
    assert "Nguyễn" not in said
    assert "0912345678" not in said


def test_access_keys_are_whole_also_when_they_ended(morning: Truyvet, registers: Registers) -> None:
    key, _ = morning.access_keys.create("guard", venue="cafe", person="ref:ann")
    morning.access_keys.revoke(key.id)
    caught_up(morning, registers)
    assert findings(morning) == []


def test_finding_may_stop_at_the_first(morning: Truyvet) -> None:
    execute(morning, "DELETE FROM events WHERE notification_id = 3")
    search = verify(morning.log, morning.vault, Registers(morning.log), morning.graph)
    assert next(search) == "the event at position 3 is missing"
    search.close()  # type: ignore[attr-defined] # it is a generator
    assert morning.log.head() == 11


def test_a_rebuild_gives_the_same_every_time(morning: Truyvet) -> None:
    head = morning.log.head()
    first = rebuilt(morning)
    assert first.keys() == VIEWS
    assert rebuilt(morning) == first
    assert morning.log.head() == head
    assert findings(morning) == []


def test_a_rebuild_equals_what_was_kept_up_event_by_event(morning: Truyvet, registers: Registers) -> None:
    rebuilt(morning)
    morning.venues.register("Chợ", "market", code="cho")
    morning.visits.check_in("ref:bob", "cho", NINE)
    morning.quarantines.release("q1", ELEVEN)
    caught_up(morning, registers)
    assert findings(morning) == []
    kept_up = morning.graph.columns.checksum()
    again = rebuilt(morning)
    assert again["graph"] == kept_up
    assert rebuilt(morning) == again


def break_register(truyvet: Truyvet) -> None:
    execute(truyvet, "UPDATE venues SET name = 'Bar'")


def remove_keys(truyvet: Truyvet) -> None:
    execute(truyvet, "DELETE FROM keys")


def add_and_exchange_keys(truyvet: Truyvet) -> None:
    execute(truyvet, "UPDATE keys SET stream = gen_random_uuid()")
    execute(truyvet, "INSERT INTO keys VALUES (gen_random_uuid(), gen_random_uuid())")


def forget_position(truyvet: Truyvet) -> None:
    execute(truyvet, "DELETE FROM tracking")


@pytest.mark.parametrize("damage", [break_register, remove_keys, add_and_exchange_keys, forget_position])
def test_a_rebuild_repairs_the_views(morning: Truyvet, damage: Callable[[Truyvet], None]) -> None:
    whole = rebuilt(morning)
    damage(morning)
    assert rebuilt(morning) == whole
    assert findings(morning) == []


def test_a_rebuild_keeps_the_keys_of_events_beyond_an_altered_head(morning: Truyvet) -> None:
    whole = rebuilt(morning)
    execute(morning, "UPDATE log_head SET position = 4")
    assert rebuilt(morning)["keys"] == whole["keys"]


def test_a_rebuild_that_fails_leaves_the_views_as_they_were(morning: Truyvet, registers: Registers) -> None:
    execute(morning, "UPDATE events SET state = 'x' WHERE notification_id = 9")
    with pytest.raises(Undecodable, match="position 9"):
        rebuilt(morning)
    assert registers.position == 11
    assert len(registers.venues.page()) == len(registers.cases.page()) == 1


def test_a_rebuild_that_is_killed_leaves_the_views_as_they_were(
    morning: Truyvet, registers: Registers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(keys: KeyTable) -> None:
        execute(morning, f"SELECT pg_terminate_backend({keys.connection.info.backend_pid}, 5000)")

    with monkeypatch.context() as patch:
        patch.setattr(KeyTable, "settle", killed)
        with pytest.raises(psycopg.OperationalError):
            rebuilt(morning)
    assert [venue.name for venue in registers.venues.page()] == ["Café Sáng"]
    assert findings(morning) == []
    assert rebuilt(morning).keys() == VIEWS


def test_writers_go_on_during_a_rebuild(
    morning: Truyvet, registers: Registers, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = KeyTable.settle

    def write_meanwhile(keys: KeyTable) -> None:
        morning.venues.register("Chợ", "market", code="cho")
        morning.visits.check_in("ref:bob", "cho", NINE)
        assert [venue.name for venue in registers.venues.page()] == ["Café Sáng"]
        settle(keys)

    with monkeypatch.context() as patch:
        patch.setattr(KeyTable, "settle", write_meanwhile)
        rebuilt(morning)
    caught_up(morning, registers)
    assert [venue.name for venue in registers.venues.page()] == ["Café Sáng", "Chợ"]
    assert findings(morning) == []
