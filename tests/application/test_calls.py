"""Diallers claim, attempt and hand back; what they say is sealed, and what follows is recorded with it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from api.app import Truyvet
from application.calls import Said, opened
from application.people import UnnamedPeople
from application.provenance import Provenance
from domain.call_list import ALL, CallState, Filter, place
from domain.calls import Call
from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.escalations import Escalation
from domain.triage import Answers
from infrastructure.registers import CallRow
from tests.calling import DAY, HOUR, MINUTE, NOW, Traced

ANN, BOB = Provenance(actor="key:ann"), Provenance(actor="key:bob")


@pytest.fixture
def traced(truyvet: Truyvet) -> Traced:
    """Ten contacts of one case, five of them F1, who are due."""
    traced = Traced(truyvet)
    traced.contacts(traced.case("f0"), *[f"p{number} {1 + number // 5}" for number in range(10)])
    traced.react()
    return traced


def claimed(traced: Traced, limit: int, by: Provenance = ANN, seconds: int = 600, only: Filter = ALL) -> list[UUID]:
    lease = traced.truyvet.calls.claim(limit, seconds, only, by)
    return [call.call_id for call in traced.truyvet.calls.claimed(lease.id, lease.position)[0]]


class TestClaiming:
    def test_gives_the_most_urgent_in_the_order_of_the_list(self, traced: Traced) -> None:
        listed = [row.call_id for row in traced.truyvet.registers.calls.due(NOW, 100)]
        assert claimed(traced, 4) == listed[:4]
        assert claimed(traced, 4, BOB) == listed[4:8]
        assert claimed(traced, 4) == listed[8:]
        assert claimed(traced, 4) == []

    def test_while_the_register_is_behind_too(self, traced: Traced) -> None:
        """It has read nothing of the first claims when the next ones are made."""
        calls = [call for _ in range(5) for call in claimed(traced, 2)]
        assert len(set(calls)) == 10

    def test_however_far_it_is_behind(self, traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
        """The streams decide where the register proposes what is held."""
        register = type(traced.truyvet.registers.calls)
        everything = register.claimable
        stale = [row.call_id for row in traced.truyvet.registers.calls.due(NOW, 100)]

        def proposing(own: Any, at: int, limit: int, only: Filter, *, but: list[UUID]) -> list[UUID]:
            return [call for call in stale if call not in but][:limit] or everything(own, at, limit, only, but=but)

        monkeypatch.setattr(register, "claimable", proposing)
        assert [len(claimed(traced, 4)) for _ in range(4)] == [4, 4, 2, 0]

    def test_returns_what_is_held_when_the_lease_lapses(self, traced: Traced) -> None:
        first = claimed(traced, 10, seconds=60)
        traced.at(NOW + 59)
        traced.truyvet.registers.catch_up()
        assert claimed(traced, 10, BOB) == []
        traced.at(NOW + 60)
        assert sorted(claimed(traced, 10, BOB)) == sorted(first)

    def test_of_a_campaign_a_level_and_a_place(self, traced: Traced) -> None:
        p7 = traced.call_id("p7")
        traced.truyvet.calls.attempt(p7, Said("call_back", answers=Answers(commune="14995")))
        traced.at(NOW + HOUR)
        traced.truyvet.registers.catch_up()
        assert claimed(traced, 10, only=Filter(communes={"14995", "14998"})) == [p7]
        assert len(claimed(traced, 10, only=Filter(level=1))) == 5
        assert claimed(traced, 10, only=Filter("returnees")) == []
        assert len(claimed(traced, 10, only=Filter("contacts"))) == 4

    def test_is_in_the_log_as_a_lease_and_one_event_for_each_call(self, traced: Traced) -> None:
        lease = traced.truyvet.calls.claim(2, 60, by=ANN)
        events = traced.truyvet.log.read(lease.position - 3, 3)
        assert [event.type for event in events] == ["Call.Claimed", "Call.Claimed", "Lease.Taken"]
        assert {event.actor for event in events} == {"key:ann"}
        assert events[-1].stream == lease.id

    def test_two_at_once_never_get_the_same_call(self, traced: Traced) -> None:
        with ThreadPoolExecutor(8) as pool:
            calls = [call for found in pool.map(lambda _: claimed(traced, 2), range(8)) for call in found]
        assert len(calls) == len(set(calls)) == 10


class TestAttempting:
    def test_records_what_follows_and_ends_the_hold(self, traced: Traced) -> None:
        (call,) = claimed(traced, 1)
        recorded = traced.truyvet.calls.attempt(call, Said("no_answer"), ANN)
        state = traced.truyvet.calls.get(call).state
        assert recorded == (call, traced.truyvet.log.head())
        assert (state.held_by, state.failures, state.due_at) == (None, 1, NOW + 30 * MINUTE)

    def test_seals_notes_and_answers(self, traced: Traced) -> None:
        call = traced.call_id("p1")
        answers = Answers(("fever",), 4, "12 Lê Lợi", "14995")
        traced.truyvet.calls.attempt(call, Said("reached", notes="speaks of NGUYEN VAN B", answers=answers))
        log = traced.truyvet.log
        assert not any("Lê Lợi".encode() in event.state or b"NGUYEN" in event.state for event in log.read_all(0))
        found = traced.truyvet.calls.get(call)
        (kept,) = opened(found, found.attempts, traced.truyvet.people)
        assert kept.notes == "speaks of NGUYEN VAN B"
        assert "Lê Lợi" in (kept.answers or "")
        assert opened(found, found.attempts, traced.truyvet.unnamed().people) == [(None, None)]
        assert isinstance(traced.truyvet.unnamed().people, UnnamedPeople)

    def test_passes_symptoms_on_in_the_same_commit_and_notes_where_people_live(self, traced: Traced) -> None:
        call, before = traced.call_id("p1"), traced.truyvet.log.head()
        traced.truyvet.calls.attempt(call, Said("reached", answers=Answers(("fever",), commune="14995")))
        events = traced.truyvet.log.read(before, 10)
        assert [event.type for event in events] == ["Person.Resides", "Escalation.Raised", "Call.Attempted"]
        assert len({event.recorded_at for event in events}) == 1
        raised = traced.truyvet.log.load(Escalation, events[1].stream)
        assert raised is not None
        assert (raised.reason, raised.origin, raised.origin_id) == ("symptoms", "call", str(call))
        assert raised.cases == traced.truyvet.calls.get(call).stands.cases
        assert traced.truyvet.calls.get(call).attempts[0].escalation == raised.id

    @pytest.mark.parametrize(
        ("outcomes", "reason"),
        [(["abnormal"], "abnormal"), (["wrong_number"], "wrong_number"), (["refused"] * 2, "refused"),
         (["busy"] * 6, "unreachable")],
    )  # fmt: skip
    def test_passes_on_who_is_abnormal_or_out_of_reach(self, traced: Traced, outcomes: list[str], reason: str) -> None:
        for number, outcome in enumerate(outcomes):
            traced.at(NOW + number * DAY).truyvet.calls.attempt(traced.call_id("p1"), Said(outcome))
        traced.truyvet.registers.catch_up()
        assert [row.reason for row in traced.truyvet.registers.escalations.page()] == [reason]

    def test_the_same_again_is_found_whatever_came_since(self, traced: Traced) -> None:
        call = traced.call_id("p1")
        said = Said("no_answer", notes="rings", attempt_id="dialler:1")
        first = traced.truyvet.calls.attempt(call, said, ANN)
        traced.at(NOW + DAY).truyvet.calls.attempt(call, Said("reached", attempt_id="dialler:2"), ANN)
        assert traced.truyvet.calls.attempt(call, said, ANN) == first
        assert traced.truyvet.calls.get(call, first.position).attempts[-1].report.attempt_id == "dialler:1"
        assert len(traced.truyvet.calls.get(call).attempts) == 2

    @pytest.mark.parametrize("other", [{"notes": "another"}, {"answers": Answers(household=2)}, {"outcome": "busy"}])
    def test_its_id_with_another_content_is_refused(self, traced: Traced, other: dict[str, Any]) -> None:
        call = traced.call_id("p1")
        said = {"outcome": "no_answer", "notes": "rings", "attempt_id": "dialler:1"}
        traced.truyvet.calls.attempt(call, Said(**said))  # type: ignore[arg-type] # a text each
        with pytest.raises(Conflict):
            traced.truyvet.calls.attempt(call, Said(**said | other))
        assert len(traced.truyvet.calls.get(call).attempts) == 1

    def test_by_somebody_else_is_refused_while_it_is_held(self, traced: Traced) -> None:
        (call,) = claimed(traced, 1)
        with pytest.raises(Conflict, match="somebody else"):
            traced.truyvet.calls.attempt(call, Said("reached"), BOB)
        with pytest.raises(Conflict, match="somebody else"):
            traced.truyvet.calls.give_back(call, BOB)

    def test_of_two_at_once_both_are_recorded(self, traced: Traced) -> None:
        call = traced.call_id("p1")
        with ThreadPoolExecutor(4) as pool:
            ids = [f"dialler:{number % 4}" for number in range(8)]
            list(pool.map(lambda one: traced.truyvet.calls.attempt(call, Said("no_answer", attempt_id=one)), ids))
        assert sorted(made.report.attempt_id for made in traced.truyvet.calls.get(call).attempts) == sorted(set(ids))

    @pytest.mark.parametrize(
        ("refusal", "said"),
        [
            (Refused, Said("reached", NOW + HOUR)), (Malformed, Said("gone")),
            (Malformed, Said("reached", answers=Answers(commune="99999"))),
            (Refused, Said("reached", call_back_at=NOW + HOUR)),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_and_records_nothing(
        self, traced: Traced, refusal: type[Exception], said: Said
    ) -> None:
        head = traced.truyvet.log.head()
        with pytest.raises(refusal):
            traced.truyvet.calls.attempt(traced.call_id("p1"), said)
        with pytest.raises(Unknown):
            traced.truyvet.calls.attempt(uuid4(), Said("reached"))
        assert traced.truyvet.log.head() == head


class TestHandingBack:
    def test_lets_others_claim_it(self, traced: Traced) -> None:
        (call,) = claimed(traced, 1)
        returned = traced.truyvet.calls.give_back(call, ANN)
        assert traced.truyvet.calls.give_back(call, ANN) == returned
        traced.truyvet.registers.catch_up()
        assert claimed(traced, 1, BOB) == [call]


class TestTheList:
    def test_as_of_a_position_is_what_it_was(self, traced: Traced) -> None:
        """Whatever is recorded afterwards: equal to what the register said then."""
        calls, case = traced.truyvet.calls, traced.call("p3").stands.cases[0]
        listed: list[tuple[int, int, Filter, list[CallState]]] = []
        for step in (
            lambda: None,
            lambda: calls.attempt(traced.call_id("p1"), Said("no_answer")),
            lambda: calls.attempt(traced.call_id("p2"), Said("call_back", answers=Answers(commune="14995"))),
            lambda: claimed(traced, 3),
            lambda: traced.contacts(case, "p2 2", "p3 2", "p9 1"),
            traced.react,
        ):
            step()
            traced.at(traced.now + 40 * MINUTE)
            traced.truyvet.registers.catch_up()
            position = traced.truyvet.log.head()
            listed += [(position, traced.now, only, _in_register(traced, only)) for only in SOME]
        assert all(calls.due_as_of(position, at, only) == states for position, at, only, states in listed)
        assert len({len(states) for *_, states in listed}) > 3

    def test_goes_on_where_the_last_page_ended(self, traced: Traced) -> None:
        register = traced.truyvet.registers.calls
        whole, found = register.due(NOW, 100), register.due(NOW, 3)
        while rows := register.due(NOW, 3, after=place(found[-1], NOW)):
            found += rows
        assert found == whole
        until = sorted(row.position for row in whole)[4]
        assert register.due(NOW, 100, until=until) == [row for row in whole if row.position <= until]


SOME: Final = (Filter(), Filter(level=1), Filter("returnees"), Filter(communes={"14995"}))


def test_the_register_says_what_the_streams_say(traced: Traced) -> None:
    calls, seen = traced.truyvet.calls, set()
    case = traced.call("p3").stands.cases[0]
    for step in (
        lambda: calls.attempt(traced.call_id("p0"), Said("refused")),
        lambda: calls.attempt(traced.call_id("p0"), Said("refused")),
        lambda: calls.attempt(traced.call_id("p0"), Said("reached")),
        lambda: calls.attempt(traced.call_id("p0"), Said("busy", NOW - DAY)),
        lambda: calls.attempt(traced.call_id("p0"), Said("reached", NOW - DAY)),
        lambda: calls.attempt(traced.call_id("p1"), Said("wrong_number")),
        lambda: calls.attempt(traced.call_id("p1"), Said("no_answer")),
        lambda: calls.attempt(traced.call_id("p2"), Said("call_back")),
        lambda: claimed(traced, 3),
        lambda: calls.give_back(traced.call_id("p3"), ANN),
        lambda: traced.case("p9"),
        lambda: traced.contacts(case, "p0 2", "p1 2", "p2 1?", "p3 2", "p8 1", "p9 1"),
        lambda: traced.contacts(traced.case("g0"), "p0 1", "p1 1", "p3 1", "p4 2", exposed_at=NOW),
        lambda: traced.contacts(case, "p0 2"),
        lambda: traced.at(NOW + 30 * DAY).policy.tick(),
    ):
        step()
        traced.react()
        rows = traced.truyvet.registers.calls.page(limit=100)
        streams = traced.truyvet.log.load_many(Call, [row.call_id for row in rows])
        assert [_state(row) for row in rows] == [streams[row.call_id].state for row in rows]
        seen |= {row.status for row in rows}
    assert seen == {"open", "refused", "wrong_number", "withdrawn", "case", "missed"}


def _state(row: CallRow) -> CallState:
    return CallState(**{name.name: getattr(row, name.name) for name in fields(CallState)})


def _in_register(traced: Traced, only: Filter) -> list[CallState]:
    return [_state(row) for row in traced.truyvet.registers.calls.due(traced.now, 100, only)]
