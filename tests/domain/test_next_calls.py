"""Given an attempt, when is the next call, or why is there none?"""

from typing import Any

import pytest

from domain.calling_hours import parse_calling_hours
from domain.next_calls import ANSWERED, FAILED, MOST_FAILURES, OUTCOMES, Asked, Next, next_call
from domain.times import local_day, parse_date, parse_instant, to_text

LAST_DAY = parse_date("2021-09-13")
HOURS = parse_calling_hours("08:00-20:00")


def at(local: str) -> int:
    return parse_instant(f"2021-09-{local}:00+07:00")


def after(outcome: str, time: str = "01T10:00", failures: int = 1, **more: Any) -> Next:
    given = {"call_back_at": None, "refused_before": False, "last_day": LAST_DAY, "hours": HOURS} | more
    return next_call(Asked(outcome=outcome, at=at(time), failures=failures, **given))


@pytest.mark.parametrize("outcome", sorted(ANSWERED))
class TestAnAnswer:
    def test_is_asked_for_again_on_the_next_morning(self, outcome: str) -> None:
        assert after(outcome, "01T10:00") == Next(at("02T08:00"))
        assert after(outcome, "12T23:59") == Next(at("13T08:00"))

    def test_on_the_last_day_ends_it(self, outcome: str) -> None:
        assert after(outcome, "13T00:00") == Next(closed="followed_up")

    def test_that_was_missing_on_the_last_day_ends_it_later(self, outcome: str) -> None:
        assert after("no_answer", "13T10:00").due_at == at("13T10:30")
        assert after(outcome, "15T10:00") == Next(closed="followed_up")


class TestNobodyAnswers:
    @pytest.mark.parametrize(
        ("failures", "due"), [(1, "01T10:30"), (2, "01T11:00"), (3, "01T12:00"), (4, "01T14:00"), (5, "01T18:00")]
    )
    def test_pauses_grow(self, failures: int, due: str) -> None:
        assert after("no_answer", failures=failures) == Next(at(due))

    def test_busy_and_another_language_have_pauses_of_their_own(self) -> None:
        assert after("busy") == Next(at("01T10:10"))
        assert after("language") == Next(at("01T11:00"))

    def test_retries_keep_to_calling_hours(self) -> None:
        assert after("no_answer", "01T19:45") == Next(at("02T08:00"))
        assert after("no_answer", "01T06:00") == Next(at("01T08:00"))

    @pytest.mark.parametrize("outcome", ["no_answer", "busy", "language"])
    def test_after_so_many_they_are_unreachable(self, outcome: str) -> None:
        assert after(outcome, failures=MOST_FAILURES - 1).closed is None
        assert after(outcome, failures=MOST_FAILURES) == Next(closed="unreachable")


class TestWhatTheySay:
    def test_a_call_back_is_at_the_time_said_whatever_the_hours(self) -> None:
        assert after("call_back", call_back_at=at("01T21:30")) == Next(at("01T21:30"))

    def test_a_call_back_at_no_time_is_tried_in_an_hour(self) -> None:
        assert after("call_back", failures=0) == Next(at("01T11:00"))

    def test_a_refusal_is_tried_tomorrow_and_a_second_one_in_a_row_is_meant(self) -> None:
        assert after("refused") == Next(at("02T08:00"))
        assert after("refused", refused_before=True, failures=2) == Next(closed="refused")

    def test_a_wrong_number_is_called_no_more(self) -> None:
        assert after("wrong_number") == Next(closed="wrong_number")


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("failures", range(1, MOST_FAILURES + 1))
def test_after_every_outcome_there_is_a_later_call_or_a_reason_for_none(outcome: str, failures: int) -> None:
    found = after(outcome, failures=failures)
    assert (found.due_at is None) != (found.closed is None)
    assert found.due_at is None or found.due_at > at("01T10:00"), to_text(found.due_at)


def test_an_outcome_is_an_answer_or_a_failure_or_a_wish() -> None:
    assert set(OUTCOMES) - ANSWERED - FAILED == {"call_back"}
    assert local_day(at("13T00:00")) == LAST_DAY
