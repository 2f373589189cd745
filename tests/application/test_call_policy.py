"""What exposures, declarations and cases make of calls."""

from uuid import UUID, uuid4

import pytest

from api.app import Truyvet
from application.calls import Said
from application.declarations import Told
from application.log import Draft, Entry
from application.provenance import LOCAL
from domain.calls import Call
from domain.leases import Hold
from infrastructure.log import EventLog
from infrastructure.verification import verify
from tests.calling import DAY, NOW, Traced


@pytest.fixture
def traced(truyvet: Truyvet) -> Traced:
    return Traced(truyvet)


class TestExposures:
    def test_become_calls_one_for_each_person_the_most_urgent_first(self, traced: Traced) -> None:
        one, two = traced.case("f0"), traced.case("g0")
        traced.contacts(one, "ann 2", "bob 1?", "cid 2?")
        traced.contacts(two, "ann 1", "dan 2")
        assert sorted(traced.react()) == ["Call.ReasonGiven"] + ["Call.Requested"] * 4
        assert traced.due() == ["ann", "bob", "dan", "cid"]
        assert set(traced.call("ann").stands.cases) == {one, two}

    def test_revised_and_withdrawn_change_and_withdraw_them(self, traced: Traced) -> None:
        case = traced.case("f0")
        traced.contacts(case, "ann 1", "bob 2")
        traced.react()
        traced.contacts(case, "bob 1")
        assert sorted(traced.react()) == ["Call.ReasonGiven", "Call.Withdrawn"]
        assert traced.due() == ["bob"]
        traced.contacts(case, "ann 2", "bob 1")
        assert traced.react() == ["Call.ReasonGiven", "Call.Reopened"]
        assert traced.due() == ["bob", "ann"]

    def test_name_the_event_that_led_to_each_call(self, traced: Traced) -> None:
        traced.contacts(traced.case("f0"), "ann 1", "bob 2")
        traced.react()
        log = traced.truyvet.log
        requested = [event for event in log.read_all(0) if event.type == "Call.Requested"]
        assert len(requested) == 2
        for event in requested:
            (cause,) = log.read((event.cause or 0) - 1, 1)
            assert (event.actor, cause.type) == ("policy:calls", "Exposure.Identified")
            assert cause.as_dict()["data"]["person"] == event.as_dict()["data"]["person"]

    def test_the_same_facts_again_record_nothing(self, traced: Traced) -> None:
        case = traced.case("f0")
        for contacts in (("ann 1", "bob 2"), ("bob 1",), ("ann 2", "bob 1"), ()):
            traced.contacts(case, *contacts)
        traced.case("ann")
        traced.react()
        assert traced.react(after=0) == []
        assert traced.due() == []

    def test_of_one_person_have_events_of_their_own(self, traced: Traced) -> None:
        for name in ("f0", "g0", "h0"):
            traced.contacts(traced.case(name), "ann 1")
        assert traced.react() == ["Call.Requested", "Call.ReasonGiven", "Call.ReasonGiven"]
        causes = [event.cause for event in traced.truyvet.log.read_all(0) if event.type.startswith("Call.")]
        assert len(set(causes)) == 3

    def test_are_decided_again_where_somebody_is_being_called_meanwhile(
        self, traced: Traced, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        case, people = traced.case("f0"), [f"p{number}" for number in range(7)]
        traced.contacts(case, *[f"{person} 2" for person in people])
        traced.react()
        traced.contacts(case, *[f"{person} 1" for person in people])
        save_all, sizes = EventLog.save_all, []

        def racing(log: EventLog, entries: list[object]) -> object:
            if len(sizes) < 4:
                sizes.append(len(entries))
                save_all(log, [Entry(Draft([_held(traced, "p3")]), LOCAL)])
            return save_all(log, entries)  # type: ignore[arg-type] # as they came

        monkeypatch.setattr(EventLog, "save_all", racing)
        assert traced.react().count("Call.ReasonGiven") == 7
        assert [traced.call(person).stands.level for person in people] == [1] * 7
        assert sizes[0] == 7

    def test_in_parts_of_a_batch_come_to_the_same(self, traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("application.call_policy._AT_ONCE", 2)
        case = traced.case("f0")
        traced.contacts(case, *[f"p{number} 1" for number in range(5)])
        traced.contacts(case, "p1 2")
        traced.react()
        assert traced.due() == ["p1"]


class TestCases:
    def test_a_contact_who_becomes_a_case_is_linked_and_called_no_more(self, traced: Traced) -> None:
        traced.contacts(traced.case("f0"), "ann 1", "bob 2")
        traced.react()
        case = traced.case("ann")
        assert traced.react() == ["Call.BecameCase"]
        assert traced.call("ann").own_cases == {case}
        assert traced.due() == ["bob"]

    def test_a_case_who_becomes_a_contact_is_not_called(self, traced: Traced) -> None:
        ann = traced.case("ann")
        traced.react()
        traced.contacts(traced.case("f0"), "ann 1")
        assert traced.react() == ["Call.Requested", "Call.BecameCase"]
        assert (traced.call("ann").own_cases, traced.due()) == ({ann}, [])

    def test_nor_where_the_register_knows_the_case_only(self, traced: Traced) -> None:
        traced.case("ann")
        traced.react()
        traced.policy.begin(traced.read)
        traced.contacts(traced.case("f0"), "ann 1")
        assert "Call.BecameCase" in traced.react()

    def test_nor_where_the_register_has_not_read_it_yet(self, traced: Traced) -> None:
        traced.case("ann")
        traced.contacts(traced.case("f0"), "ann 1")
        assert "Call.BecameCase" in traced.react()

    def test_a_case_that_was_withdrawn_is_called_as_a_contact(self, traced: Traced) -> None:
        traced.contacts(traced.case("f0"), "ann 1", "bob 2")
        ann, bob = traced.case("ann"), traced.case("bob")
        traced.react()
        traced.truyvet.cases.withdraw(ann)
        traced.truyvet.cases.close(bob)
        assert sorted(traced.react()) == ["Call.CeasedToBeCase", "Call.CeasedToBeCase", "Call.Reopened"]
        assert traced.due() == ["ann"]

    def test_one_that_is_closed_does_not_keep_a_new_contact_from_being_called(self, traced: Traced) -> None:
        traced.truyvet.cases.close(traced.case("ann"))
        traced.react()
        traced.contacts(traced.case("f0"), "ann 1")
        traced.react()
        assert traced.due() == ["ann"]


class TestDeclarations:
    def test_a_returnee_is_called_and_followed_for_fourteen_days_after_arrival(self, traced: Traced) -> None:
        traced.truyvet.declarations.declare("ref:ann", Told("returnee", "border", arrived_at=NOW - DAY))
        assert traced.react() == ["Call.Requested"]
        state = traced.call("ann").state
        assert (state.campaign, state.level, state.last_day.isoformat()) == ("returnees", None, "2021-09-14")
        assert traced.due() == ["ann"]

    def test_what_somebody_says_of_their_health_is_no_reason_to_call(self, traced: Traced) -> None:
        traced.truyvet.declarations.declare("ref:ann", Told("health", "phone"))
        assert traced.react() == []

    def test_a_returnee_who_is_a_contact_is_called_once_as_a_contact(self, traced: Traced) -> None:
        traced.truyvet.declarations.declare("ref:ann", Told("returnee", "border", arrived_at=NOW - DAY))
        traced.contacts(traced.case("f0"), "ann 2")
        assert traced.react() == ["Call.Requested", "Call.ReasonGiven"]
        assert (traced.call("ann").state.campaign, traced.due()) == ("contacts", ["ann"])


class TestTime:
    def test_ends_calls_whose_answer_was_missing_for_too_long(self, traced: Traced) -> None:
        traced.contacts(traced.case("f0"), "ann 1", "bob 1")
        traced.react()
        traced.at(NOW + 20 * DAY).truyvet.calls.attempt(traced.call_id("bob"), Said("reached"))
        traced.truyvet.registers.catch_up()
        for days, missing in ((20, ["ann"]), (21, [])):
            traced.at(NOW + days * DAY).policy.tick()
            assert traced.due() == missing
        assert traced.call("ann").status == "missed"
        head = traced.truyvet.log.head()
        traced.policy.tick()
        assert traced.truyvet.log.head() == head


def test_what_policies_record_is_the_same_in_a_replay_and_none_of_it_comes_twice(traced: Traced) -> None:
    case = traced.case("f0")
    traced.contacts(case, "ann 1", "bob 2", "cid 2?")
    traced.react()
    traced.truyvet.calls.claim(2, 60)
    traced.truyvet.calls.attempt(traced.call_id("ann"), Said("reached"))
    traced.contacts(case, "bob 1")
    traced.case("bob")
    traced.react()
    traced.truyvet.graph.catch_up()
    parts = (traced.truyvet.log, traced.truyvet.vault, traced.truyvet.registers, traced.truyvet.graph)
    assert list(verify(*parts)) == []
    assert traced.react(after=0) == []


def test_a_call_in_another_person_s_stream_is_noticed(traced: Traced) -> None:
    traced.contacts(traced.case("f0"), "ann 1")
    traced.react()
    request = traced.truyvet.log.load_many(Call, [traced.call_id("ann")])[traced.call_id("ann")]
    (reason,) = request.reasons.values()
    stray = Call.request(uuid4(), request.person, reason, 1, NOW)
    traced.truyvet.log.save(Draft([stray]), LOCAL)
    traced.truyvet.registers.catch_up()
    traced.truyvet.graph.catch_up()
    parts = (traced.truyvet.log, traced.truyvet.vault, traced.truyvet.registers, traced.truyvet.graph)
    assert "it belongs to another stream" in " ".join(verify(*parts))


def _held(traced: Traced, name: str) -> Call:
    """Held where it was not, given back where it was."""
    call = traced.call(name)
    if not call.give_back("dialler", traced.now):
        call.claim(Hold(UUID(int=1), "dialler", traced.now + 60), traced.now)
    return call
