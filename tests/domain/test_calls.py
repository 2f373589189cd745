"""All the calling of one person: given what was heard and done, what stands?"""

from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.call_attempts import Report, Told
from domain.call_reasons import Origin, Reason, standing
from domain.calling_hours import parse_calling_hours
from domain.calls import Call
from domain.errors import Conflict, Malformed, Refused
from domain.leases import Hold, Lease
from domain.times import parse_date, parse_instant, to_text

HOURS = parse_calling_hours("08:00-20:00")
ONE, TWO = UUID(int=1), UUID(int=2)
MINUTE, DAY = 60, 86_400


def at(local: str) -> int:
    """``"01T10:00"``: in September 2021, local time."""
    return parse_instant(f"2021-09-{local}:00+07:00")


NOW = at("01T10:00")


def exposed(case: UUID = ONE, level: int = 1, first: str = "01T08:00", last: str | None = None, **more: Any) -> Reason:
    """Followed up to the day fourteen days later."""
    told = {"certain": True, "rules": "vn-11042"} | more
    return Reason(Origin("case", str(case)), level, at(first), at(last or first) + MINUTE, **told)


def returned(number: int = 1, on: str = "01T08:00") -> Reason:
    return Reason(Origin("declaration", f"ncovi:{number}"), None, at(on), at(on), True, "vn-11042")


class Calling:
    """A call and its clock, in a few words; ``as_of`` grows with everything that is heard."""

    def __init__(self, reason: Reason | None = None, now: int = NOW) -> None:
        self.now = now
        self.as_of = 1
        self.call = Call.request(uuid4(), uuid4(), reason or exposed(), 1, now)

    def hears(self, reason: Reason, now: str | None = None) -> "Calling":
        self._goes_on(now)
        self.call.give(reason, self.as_of, HOURS, self.now)
        return self

    def hears_no_more(self, case: UUID = ONE, now: str | None = None) -> "Calling":
        self._goes_on(now)
        self.call.take_back(Origin("case", str(case)), self.as_of, HOURS, self.now)
        return self

    def is_case(self, case: UUID = ONE) -> "Calling":
        self._goes_on(None)
        self.call.become_case(case, self.as_of, self.now)
        return self

    def is_no_case(self, case: UUID = ONE, *, never_was: bool = True) -> "Calling":
        self._goes_on(None)
        self.call.cease_to_be_case(case, self.as_of, self.now, never_was=never_was)
        return self

    def held(self, by: str = "ann", seconds: int = 600, now: str | None = None) -> "Calling":
        self._goes_on(now)
        self.call.claim(Hold(uuid4(), by, self.now + seconds), self.now)
        return self

    def tried(self, outcome: str, now: str | None = None, by: str = "ann", **more: Any) -> str | None:
        """Why the CDC is told."""
        self._goes_on(now)
        report = Report(more.pop("attempt_id", uuid4().hex), outcome, more.pop("at", self.now), by, **more)
        follows = self.call.follows(report, HOURS, self.now)
        self.call.attempt(report, follows, None if follows.passed_on is None else uuid4())
        return follows.passed_on

    def _goes_on(self, now: str | None) -> None:
        self.as_of += 1
        self.now = self.now if now is None else at(now)

    @property
    def events(self) -> list[str]:
        return [type(event).__name__ for event in self.call.pending_events]

    @property
    def stands(self) -> tuple[str, str | None]:
        """Status, and when the next call is due, local time in September."""
        due_at = self.call.due_at
        return self.call.status, None if due_at is None else to_text(due_at + 7 * 3_600)[8:16]


class TestReasons:
    def test_a_first_call_is_due_at_once_whatever_the_hours(self) -> None:
        assert Calling(now=at("01T23:00")).stands == ("open", "01T23:00")

    def test_who_declares_before_arriving_is_called_on_arrival(self) -> None:
        assert Calling(returned(on="03T09:00")).stands == ("open", "03T09:00")

    def test_together_they_say_the_smallest_level_and_the_longest_follow_up(self) -> None:
        stands = standing(
            [exposed(ONE, 2, "02T08:00"), exposed(TWO, 1, "01T08:00", certain=False), returned(on="03T08:00")]
        )
        assert (stands.level, stands.certain, stands.campaign) == (1, False, "contacts")
        assert (stands.exposed_at, stands.last_exposed_at) == (at("01T08:00"), at("03T08:00"))
        assert (stands.last_day, stands.cases) == (parse_date("2021-09-17"), (ONE, TWO))
        assert stands.incubation_ends == at("17T08:00")

    def test_certain_is_what_the_smallest_level_is(self) -> None:
        assert standing([exposed(ONE, 2), exposed(TWO, 1, certain=False)]).certain is False
        assert standing([exposed(ONE, 2, certain=False), exposed(TWO, 1)]).certain is True

    def test_an_arrival_alone_is_the_returnees_campaign(self) -> None:
        stands = standing([returned()])
        assert (stands.campaign, stands.level, stands.cases) == ("returnees", None, ())
        assert stands.last_day == parse_date("2021-09-15")

    def test_however_many_cases_name_somebody_there_is_one_call(self) -> None:
        calling = Calling().hears(exposed(TWO))
        assert calling.events == ["Requested", "ReasonGiven"]
        assert calling.call.state.cases == [ONE, TWO]
        assert calling.stands == ("open", "01T10:00")

    def test_the_same_again_and_what_is_older_change_nothing(self) -> None:
        calling = Calling().hears(exposed(level=2)).hears(exposed(level=2))
        calling.call.give(exposed(level=1), 1, HOURS, NOW)
        calling.call.take_back(Origin("case", str(ONE)), 2, HOURS, NOW)
        assert calling.events == ["Requested", "ReasonGiven"]
        assert calling.call.stands.level == 2

    def test_a_withdrawn_exposure_withdraws_its_call(self) -> None:
        calling = Calling().hears_no_more()
        assert calling.events == ["Requested", "Withdrawn"]
        assert calling.stands == ("withdrawn", None)

    def test_another_reason_keeps_it(self) -> None:
        calling = Calling().hears(exposed(TWO, 2)).hears_no_more(ONE)
        assert calling.stands == ("open", "01T10:00")
        assert calling.call.state.level == 2

    def test_what_was_withdrawn_may_be_given_again(self) -> None:
        calling = Calling().hears_no_more().hears(exposed(), now="02T07:00")
        assert calling.events[-1] == "Reopened"
        assert calling.stands == ("open", "02T07:00")

    def test_what_no_case_says_cannot_be_taken_back(self) -> None:
        assert Calling().hears_no_more(TWO).events == ["Requested"]

    def test_a_smaller_level_is_called_about_at_once(self) -> None:
        calling = Calling(exposed(level=2))
        calling.tried("reached")
        assert calling.stands == ("open", "02T08:00")
        assert calling.hears(exposed(TWO, 2), now="01T12:00").stands == ("open", "02T08:00")
        assert calling.hears(exposed(TWO, 1), now="01T13:00").stands == ("open", "01T13:00")


class TestFollowingUp:
    def test_daily_until_an_answer_on_the_last_day(self) -> None:
        calling = Calling()
        for day in range(1, 15):
            calling.tried("reached", f"{day:02}T10:00")
            assert calling.stands == ("open", f"{day + 1:02}T08:00")
        calling.tried("reached", "15T10:00")
        assert calling.stands == ("followed_up", None)

    def test_is_extended_while_the_last_answer_is_missing(self) -> None:
        calling = Calling()
        calling.tried("no_answer", "15T10:00")
        assert calling.stands == ("open", "15T10:30")
        calling.tried("reached", "18T10:00")
        assert calling.stands == ("followed_up", None)

    def test_but_for_seven_days_at_most(self) -> None:
        calling = Calling()
        assert not calling.call.miss(at("22T23:59"))
        assert calling.call.miss(at("23T00:00"))
        assert not calling.call.miss(at("23T00:01"))
        assert calling.stands == ("missed", None)

    def test_which_count_from_the_request_where_that_came_late(self) -> None:
        calling = Calling(now=at("20T10:00"))
        assert not calling.call.miss(at("27T23:00"))
        assert calling.call.miss(at("28T00:00"))

    def test_nobody_is_missed_while_somebody_calls_them(self) -> None:
        calling = Calling().held(now="22T23:59")
        assert not calling.call.miss(at("23T00:01"))

    def test_is_longer_after_a_later_exposure(self) -> None:
        calling = Calling()
        calling.tried("reached", "15T10:00")
        assert calling.hears(exposed(last="02T08:00"), now="15T12:00").stands == ("open", "16T08:00")
        assert calling.events[-2:] == ["ReasonGiven", "Reopened"]

    def test_of_a_second_case_begins_at_once(self) -> None:
        calling = Calling()
        calling.tried("reached", "15T10:00")
        assert calling.hears(exposed(TWO, first="10T08:00"), now="16T12:00").stands == ("open", "16T12:00")
        assert calling.call.state.purpose == "first_call"

    def test_ends_when_the_answer_there_is_suffices(self) -> None:
        calling = Calling(exposed(last="05T08:00"))
        calling.tried("reached", "15T10:00")
        assert calling.stands == ("open", "16T08:00")
        assert calling.hears(exposed()).stands == ("followed_up", None)
        assert calling.events[-1] == "Closed"

    def test_a_returnee_is_followed_for_fourteen_days_after_arrival(self) -> None:
        calling = Calling(returned())
        calling.tried("reached", "14T10:00")
        assert calling.stands == ("open", "15T08:00")
        calling.tried("reached", "15T10:00")
        assert calling.stands == ("followed_up", None)


class TestAttempts:
    def test_count_those_since_the_last_answer(self) -> None:
        calling = Calling()
        for outcome, failures in (("no_answer", 1), ("busy", 2), ("call_back", 2), ("reached", 0), ("no_answer", 1)):
            calling.tried(outcome)
            assert calling.call.failures == failures
        assert calling.call.state.attempts == 5

    def test_without_an_answer_end_and_the_cdc_is_told(self) -> None:
        calling = Calling()
        told = [calling.tried("no_answer", f"0{day}T10:00") for day in range(1, 7)]
        assert told == [None, None, None, None, None, "unreachable"]
        assert calling.stands == ("unreachable", None)

    @pytest.mark.parametrize(("outcome", "times"), [("wrong_number", 1), ("refused", 2)])
    def test_that_lead_nowhere_are_passed_on(self, outcome: str, times: int) -> None:
        calling = Calling()
        told = [calling.tried(outcome) for _ in range(times)]
        assert told[-1] == outcome
        assert calling.stands == (outcome, None)

    def test_refused_before_an_answer_or_a_reopening_is_no_refusal_in_a_row(self) -> None:
        calling = Calling()
        assert [calling.tried(outcome) for outcome in ("refused", "reached", "refused")] == [None, None, None]
        assert calling.stands == ("open", "02T08:00")

    def test_symptoms_and_what_is_abnormal_are_passed_on_and_asked_about_again(self) -> None:
        calling = Calling()
        assert calling.tried("reached", has_symptoms=True) == "symptoms"
        assert calling.tried("abnormal") == "abnormal"
        assert calling.stands == ("open", "02T08:00")
        assert calling.call.attempts[0].report.is_abnormal

    def test_symptoms_that_somebody_tells_before_hanging_up_are_passed_on(self) -> None:
        assert Calling().tried("call_back", has_symptoms=True) == "symptoms"

    def test_a_closed_call_may_still_be_reported_on(self) -> None:
        calling = Calling().hears_no_more()
        assert calling.tried("reached", has_symptoms=True) == "symptoms"
        assert calling.stands == ("withdrawn", None)

    def test_who_answers_after_all_is_followed_up_again(self) -> None:
        calling = Calling()
        calling.tried("wrong_number")
        calling.tried("no_answer")
        assert calling.stands == ("wrong_number", None)
        calling.tried("reached", "02T10:00")
        assert calling.stands == ("open", "03T08:00")

    def test_one_that_is_told_late_changes_nothing_of_what_follows(self) -> None:
        calling = Calling()
        calling.tried("reached", "03T10:00")
        calling.tried("wrong_number", at=at("02T10:00"))
        assert calling.stands == ("open", "04T08:00")
        assert (calling.call.failures, calling.call.state.last_outcome) == (0, "reached")
        assert calling.call.state.attempts == 2

    @pytest.mark.parametrize(
        ("refusal", "said"),
        [
            (Malformed, {"outcome": "gone"}), (Malformed, {"direction": "sideways"}),
            (Refused, {"outcome": "reached", "call_back_at": at("02T10:00")}),
            (Refused, {"call_back_at": NOW}), (Refused, {"call_back_at": NOW + 15 * DAY}),
        ],
    )  # fmt: skip
    def test_that_make_no_sense_are_refused(self, refusal: type[Exception], said: dict[str, Any]) -> None:
        calling = Calling()
        with pytest.raises(refusal):
            calling.tried(**{"outcome": "call_back"} | said)
        assert calling.events == ["Requested"]


class TestTheSameAttempt:
    def report(self, **more: Any) -> Report:
        return Report(**{"attempt_id": "x", "outcome": "no_answer", "at": NOW, "by": "ann"} | more)

    def found(self, calling: Calling, told: Told, **more: Any) -> bool:
        return calling.call.recorded(self.report(**more), told, calling.now) is not None

    def test_is_known_by_its_id(self) -> None:
        calling = Calling()
        calling.tried("no_answer", attempt_id="a1")
        assert self.found(calling, Told("a1"), at=NOW + 5)
        assert not self.found(calling, Told("a2"), at=NOW)

    @pytest.mark.parametrize("other", [{"outcome": "busy"}, {"by": "bob"}, {"direction": "inbound"}])
    def test_an_id_stands_for_one_attempt(self, other: dict[str, Any]) -> None:
        calling = Calling()
        calling.tried("no_answer", attempt_id="a1")
        with pytest.raises(Conflict, match="attempt_id"):
            self.found(calling, Told("a1"), **other)
        with pytest.raises(Conflict, match="attempt_id"):
            self.found(calling, Told("a1", NOW + 1), at=NOW + 1)

    def test_is_known_by_its_time(self) -> None:
        calling = Calling()
        calling.tried("no_answer", at=NOW)
        assert self.found(calling, Told(None, NOW))
        assert not self.found(calling, Told(None, NOW + 1), at=NOW + 1)
        assert not self.found(calling, Told(None, NOW), by="bob")

    def test_is_the_one_that_ended_the_lease_until_the_next_is_due(self) -> None:
        calling = Calling().held()
        calling.tried("no_answer")
        assert self.found(calling, Told(), at=NOW + 10)
        assert not self.found(calling, Told(), outcome="busy")
        calling.now = NOW + 30 * MINUTE
        assert not self.found(calling, Told())
        calling.held()
        assert not self.found(calling, Told())

    def test_is_another_where_nobody_held_the_call(self) -> None:
        calling = Calling()
        calling.tried("no_answer")
        assert not self.found(calling, Told())


class TestHolding:
    def test_two_never_hold_the_same_call(self) -> None:
        calling = Calling().held("ann")
        for by in ("bob", "ann"):
            with pytest.raises(Conflict, match="held already"):
                calling.held(by)

    def test_a_lapsed_lease_returns_it(self) -> None:
        calling = Calling().held("ann", 600)
        assert not calling.call.is_claimable(NOW + 599)
        assert calling.call.is_claimable(NOW + 600)
        calling.now += 600
        assert calling.held("bob").call.hold is not None

    def test_what_is_not_due_is_not_held(self) -> None:
        calling = Calling()
        calling.tried("no_answer")
        with pytest.raises(Refused, match="not due"):
            calling.held()
        with pytest.raises(Refused, match="not due"):
            Calling().hears_no_more().held()

    def test_only_the_holder_reports(self) -> None:
        calling = Calling().held("ann")
        with pytest.raises(Conflict, match="somebody else"):
            calling.tried("reached", by="bob")
        calling.tried("no_answer", by="ann")
        assert calling.call.hold is None
        assert calling.call.attempts[0].lease is not None

    def test_after_the_lease_anybody_reports_and_what_was_made_is_a_fact(self) -> None:
        calling = Calling().held("ann")
        calling.tried("reached", "01T11:00", by="ann")
        calling.tried("reached", "01T11:05", by="bob")
        assert calling.call.state.attempts == 2

    def test_but_not_when_somebody_else_holds_it_by_then(self) -> None:
        calling = Calling().held("ann").held("bob", now="01T11:00")
        with pytest.raises(Conflict):
            calling.tried("reached", by="ann")

    def test_it_may_be_handed_back(self) -> None:
        calling = Calling().held("ann")
        with pytest.raises(Conflict):
            calling.call.give_back("bob", NOW)
        assert calling.call.give_back("ann", NOW)
        assert not calling.call.give_back("ann", NOW)
        assert calling.call.is_claimable(NOW)

    def test_a_lease_says_what_it_has_taken(self) -> None:
        lease = Lease.take([ONE, TWO], Hold(UUID(int=3), "ann", NOW + 600), NOW)
        assert (lease.id, lease.calls, lease.held_until) == (UUID(int=3), [ONE, TWO], NOW + 600)


class TestBecomingACase:
    def test_ends_the_calling_with_the_link(self) -> None:
        calling = Calling().held().is_case(TWO)
        assert calling.events[-1] == "BecameCase"
        assert calling.stands == ("case", None)
        assert calling.call.own_cases == {TWO}

    def test_happens_once(self) -> None:
        assert Calling().is_case(TWO).is_case(TWO).events == ["Requested", "BecameCase"]

    def test_what_cases_say_of_a_case_is_remembered_and_calls_nobody(self) -> None:
        calling = Calling().is_case(TWO).hears(exposed(UUID(int=3)))
        assert calling.stands == ("case", None)
        assert len(calling.call.reasons) == 2

    def test_a_case_that_never_was_is_called_again(self) -> None:
        calling = Calling().is_case(TWO).hears(exposed(level=2)).is_no_case(TWO)
        assert calling.events[-2:] == ["CeasedToBeCase", "Reopened"]
        assert calling.stands == ("open", "01T10:00")

    def test_unless_there_is_another_or_no_reason_any_more_or_an_answer_that_suffices(self) -> None:
        assert Calling().is_case(ONE).is_case(TWO).is_no_case(ONE).stands == ("case", None)
        assert Calling().is_case(TWO).hears_no_more().is_no_case(TWO).stands == ("withdrawn", None)
        answered = Calling()
        answered.tried("reached", "15T10:00")
        assert answered.is_case(TWO).is_no_case(TWO).stands == ("case", None)

    def test_who_was_a_case_is_called_after_a_new_exposure_only(self) -> None:
        calling = Calling().is_case(TWO).is_no_case(TWO, never_was=False)
        assert calling.stands == ("case", None)
        assert calling.hears(exposed(UUID(int=3))).stands == ("open", "01T10:00")

    def test_what_is_older_changes_nothing(self) -> None:
        calling = Calling().is_case(TWO).is_no_case(TWO)
        calling.call.become_case(TWO, 2, NOW)
        assert calling.stands == ("open", "01T10:00")


levels = st.integers(1, 3) | st.none()


@given(st.lists(st.tuples(st.integers(1, 3), levels), max_size=12), st.randoms(use_true_random=False))
def test_in_whatever_order_cases_are_heard_of_the_same_is_open(
    said: list[tuple[int, int | None]], mixing: Random
) -> None:
    """What one case says stays in its order; None withdraws. Heard twice it is the same, too."""
    facts = [(number, as_of, level) for as_of, (number, level) in enumerate(said, start=1)]
    by_case = {number: [fact for fact in facts if fact[0] == number] for number in (1, 2, 3)}
    turns = [number for number, _, _ in facts]
    mixing.shuffle(turns)
    again = [by_case[number].pop(0) for number in turns]
    assert _heard(facts) == _heard(again) == _heard(again + again)


def _heard(facts: list[tuple[int, int, int | None]]) -> tuple[object, ...]:
    call = Call.request(uuid4(), uuid4(), exposed(UUID(int=9), 3), 1, NOW)
    for number, as_of, level in facts:
        case = UUID(int=number)
        if level is None:
            call.take_back(Origin("case", str(case)), as_of, HOURS, NOW)
        else:
            call.give(exposed(case, level, f"0{number}T08:00"), as_of, HOURS, NOW)
    return call.status, call.due_at, call.stands, frozenset(call.reasons.items())
