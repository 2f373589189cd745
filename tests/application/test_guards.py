"""A guard is authorised together with a key and revoked together with it, whichever way."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError

from api.app import Truyvet
from application.access_keys import guard_stream, new_key_text
from application.callers import Caller
from application.provenance import Provenance
from domain.errors import Malformed, Refused, Unknown
from domain.guards import Guard
from infrastructure.events import EventRecorder
from infrastructure.verification import verify

PHONE = "phone:+84900000123"
HOUR = 3_600


@pytest.fixture
def gate(truyvet: Truyvet) -> UUID:
    for code in ("gate", "other"):
        truyvet.venues.register(code.title(), "checkpoint", code=code, commune="14995")
    return truyvet.venues.get("gate").id


def types(truyvet: Truyvet, after: int) -> list[str]:
    return [event.type for event in truyvet.log.read(after, 100)]


def admitted(truyvet: Truyvet, text: object) -> Caller | None:
    return truyvet.access_keys.authenticate(str(text))


def at(truyvet: Truyvet, instant: int) -> None:
    truyvet.access_keys.now = truyvet.guards.now = lambda: instant  # type: ignore[method-assign] # a clock that stands


class TestAuthorising:
    def test_records_the_person_the_key_and_the_guard_in_one_commit(
        self, truyvet: Truyvet, gate: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append, sizes = EventRecorder.append, []

        def counting(own: EventRecorder, rows: list[bytes], **more: Any) -> Any:
            sizes.append(len(rows))
            return append(own, rows, **more)

        monkeypatch.setattr(EventRecorder, "append", counting)
        recorded, text = truyvet.guards.authorise("gate", PHONE, by=Provenance(actor="key:manager"))
        assert sizes == [3]
        assert types(truyvet, 2) == ["Person.Registered", "AccessKey.Created", "Guard.Authorised"]
        assert {event.actor for event in truyvet.log.read(2, 100)} == {"key:manager"}
        guard = truyvet.guards.get(recorded.id)
        assert (guard.venue, guard.person, guard.key) == (gate, truyvet.people.find(PHONE), text.id)
        assert recorded == (guard_stream(text.id), truyvet.log.head())

    def test_gives_a_key_of_a_guard_of_that_venue(self, truyvet: Truyvet, gate: UUID) -> None:
        _, text = truyvet.guards.authorise("gate", PHONE)
        caller = admitted(truyvet, text)
        assert caller is not None
        assert (caller.role, caller.venue, caller.person) == ("guard", gate, truyvet.people.find(PHONE))

    def test_writes_no_phone_number_into_an_event(self, truyvet: Truyvet, gate: UUID) -> None:
        truyvet.guards.authorise("gate", PHONE)
        assert not any(b"900000123" in event.state for event in truyvet.log.read(0, 100))

    def test_opens_nothing_before_it_begins_and_after_it_ends(self, truyvet: Truyvet, gate: UUID) -> None:
        now = truyvet.guards.now()
        at(truyvet, now)
        _, text = truyvet.guards.authorise("gate", PHONE, since=now + HOUR, until=now + 2 * HOUR)
        let_in = []
        for after in (0, HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR):
            at(truyvet, now + after)
            assert admitted(truyvet, text) == truyvet.access_keys.recognise(str(text))
            let_in.append(admitted(truyvet, text) is not None)
        assert let_in == [False, False, True, True, False]

    def test_again_with_the_same_key_is_found(
        self, truyvet: Truyvet, gate: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append, lost = EventRecorder.append, []

        def loses_the_first(own: EventRecorder, *arguments: Any, **more: Any) -> Any:
            appended = append(own, *arguments, **more)
            if not lost:
                lost.append(appended)
                raise OperationalError
            return appended

        monkeypatch.setattr(EventRecorder, "append", loses_the_first)
        text = new_key_text()
        recorded, _ = truyvet.guards.authorise("gate", PHONE, text=text)
        assert recorded.position == truyvet.log.head() == 5
        assert truyvet.guards.authorise("gate", PHONE, text=text) == (recorded, text)

    def test_names_a_known_person_once(self, truyvet: Truyvet, gate: UUID) -> None:
        first, second = (truyvet.guards.authorise("gate", PHONE)[0].id for _ in range(2))
        assert first != second
        assert truyvet.guards.get(first).person == truyvet.guards.get(second).person

    def test_refuses_what_makes_no_sense_and_records_nothing(self, truyvet: Truyvet, gate: UUID) -> None:
        now, head = truyvet.guards.now(), truyvet.log.head()
        for refusal, given in (
            (Unknown, {"venue": "nowhere"}), (Malformed, {"name": "phone:1"}), (Unknown, {"name": f"id:{uuid4()}"}),
            (Refused, {"until": now}), (Refused, {"since": now + HOUR, "until": now + HOUR}),
        ):  # fmt: skip
            with pytest.raises(refusal):
                truyvet.guards.authorise(**{"venue": "gate", "name": PHONE} | given)  # type: ignore[arg-type] # any
        assert truyvet.log.head() == head
        truyvet.venues.close("gate")
        with pytest.raises(Refused, match="closed for good"):
            truyvet.guards.authorise("gate", PHONE)


class TestRevoking:
    def test_takes_the_key_with_it_in_one_commit(self, truyvet: Truyvet, gate: UUID) -> None:
        guard, text = truyvet.guards.authorise("gate", PHONE)
        revoked = truyvet.guards.revoke("gate", guard.id)
        assert types(truyvet, guard.position) == ["Guard.Revoked", "AccessKey.Revoked"]
        assert admitted(truyvet, text) is None
        assert truyvet.guards.revoke("gate", guard.id) == revoked == (guard.id, truyvet.log.head())

    def test_the_key_takes_the_guard_with_it(self, truyvet: Truyvet, gate: UUID) -> None:
        guard, text = truyvet.guards.authorise("gate", PHONE)
        truyvet.access_keys.revoke(text.id)
        assert types(truyvet, guard.position) == ["Guard.Revoked", "AccessKey.Revoked"]
        assert truyvet.guards.get(guard.id).revoked

    def test_a_guard_of_another_venue_looks_like_none(self, truyvet: Truyvet, gate: UUID) -> None:
        guard, text = truyvet.guards.authorise("gate", PHONE)
        told = set()
        for venue, guard_id in (("other", guard.id), ("gate", uuid4()), ("gate", text.id), ("gate", gate)):
            with pytest.raises(Unknown) as refused:
                truyvet.guards.revoke(venue, guard_id)
            told.add(str(refused.value))
        assert told == {"the venue has no guard with that id"}
        assert admitted(truyvet, text)


class TestTheRegister:
    def test_has_the_guards_of_a_venue_as_they_are_now(self, truyvet: Truyvet, gate: UUID) -> None:
        until = truyvet.guards.now() + HOUR
        first, text = truyvet.guards.authorise("gate", PHONE, until=until)
        truyvet.guards.authorise("other", "ref:bob")
        second, _ = truyvet.guards.authorise("gate", "ref:bob")
        truyvet.guards.revoke("gate", first.id, Provenance(actor="key:boss"))
        truyvet.registers.catch_up()
        rows = truyvet.registers.guards.page(venue=gate)
        assert [(row.guard_id, row.revoked_by, row.position) for row in rows] == [
            (first.id, "key:boss", first.position), (second.id, None, second.position),
        ]  # fmt: skip
        assert (rows[0].key_id, rows[0].authorised_by) == (text.id, "local")
        assert rows[0].until is not None
        assert truyvet.guards.phones(rows) == {first.id: "+84900000123"}
        assert truyvet.registers.guards.get(second.id) == rows[1]

    def test_tells_no_number_of_who_is_forgotten(self, truyvet: Truyvet, gate: UUID) -> None:
        truyvet.guards.authorise("gate", PHONE)
        truyvet.registers.catch_up()
        with truyvet.database.transaction(commit=True) as cursor:
            cursor.execute("DELETE FROM vault")
        assert truyvet.guards.phones(truyvet.registers.guards.page()) == {}

    def test_a_key_that_is_not_valid_yet_is_listed_as_such(self, truyvet: Truyvet, gate: UUID) -> None:
        since = truyvet.guards.now() + HOUR
        truyvet.guards.authorise("gate", PHONE, since=since)
        truyvet.guards.authorise("gate", PHONE)
        truyvet.registers.catch_up()
        begins = [row.as_dict(None)["valid_from"] for row in truyvet.registers.access_keys.page()]
        assert [begin is None for begin in begins] == [False, True]


def test_a_replay_gives_the_same_and_notices_a_guard_without_its_key(truyvet: Truyvet, gate: UUID) -> None:
    guard, _ = truyvet.guards.authorise("gate", PHONE)
    truyvet.guards.authorise("gate", PHONE)
    truyvet.guards.revoke("gate", guard.id)
    truyvet.registers.catch_up()
    truyvet.graph.catch_up()
    assert list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)) == []
    stray = Guard.authorise(uuid4(), gate, uuid4(), None, uuid4(), 0, None, 0)
    truyvet.log.recorder.insert_events([truyvet.log.mapper.to_stored_event(event) for event in stray.collect_events()])
    assert "it belongs to another stream" in " ".join(
        verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)
    )
