from uuid import uuid4

import pytest

from domain.errors import Conflict, Malformed, Refused
from domain.visits import CLOCK_TOLERANCE, Visit

NINE, TEN, ELEVEN, NOON = (hour * 3600 for hour in (9, 10, 11, 12))
NOW = NOON


def checked_in(check_in: int = NINE, check_out: int | None = None) -> Visit:
    return Visit.begin(uuid4(), "v1", uuid4(), uuid4(), check_in, check_out, NOW)


class TestWhatCountsAsTheSame:
    def test_the_open_line_again(self) -> None:
        assert checked_in().take(NINE, None, NOW) is False

    def test_the_missing_check_out(self) -> None:
        visit = checked_in()
        assert visit.take(NINE, TEN, NOW) is True
        assert visit.check_out == TEN

    def test_the_open_line_sent_again_after_its_check_out(self) -> None:
        visit = checked_in()
        visit.take(NINE, TEN, NOW)
        assert visit.take(NINE, None, NOW) is False
        assert visit.take(NINE, TEN, NOW) is False

    def test_an_open_line_that_was_never_sent_before_differs(self) -> None:
        with pytest.raises(Conflict):
            checked_in(check_out=TEN).take(NINE, None, NOW)

    def test_another_check_out_differs(self) -> None:
        with pytest.raises(Conflict):
            checked_in(check_out=TEN).take(NINE, ELEVEN, NOW)

    def test_what_was_accepted_before_a_correction_stays_accepted(self) -> None:
        visit = checked_in(check_out=TEN)
        visit.correct(NINE + 60, ELEVEN, None, NOW, NOW)
        assert visit.take(NINE, TEN, NOW) is False
        assert visit.take(NINE + 60, ELEVEN, NOW) is False
        with pytest.raises(Conflict):
            visit.take(NINE, ELEVEN, NOW)

    def test_a_check_out_for_an_open_visit_whose_check_in_was_corrected(self) -> None:
        visit = checked_in()
        visit.correct(NINE + 60, None, None, NOW, NOW)
        assert visit.take(NINE, TEN, NOW) is True
        assert (visit.check_in, visit.check_out) == (NINE + 60, TEN)
        assert visit.take(NINE, TEN, NOW) is False

    def test_a_retracted_visit_takes_nothing_new(self) -> None:
        visit = checked_in()
        visit.retract(None, NOW)
        assert visit.take(NINE, None, NOW) is False
        with pytest.raises(Refused):
            visit.take(NINE, TEN, NOW)


class TestTimes:
    @pytest.mark.parametrize("check_out", [NINE, NINE - 1])
    def test_a_check_out_at_or_before_its_check_in(self, check_out: int) -> None:
        with pytest.raises(Refused, match="not after"):
            checked_in(check_out=check_out)

    def test_a_clock_may_be_five_minutes_fast_and_no_more(self) -> None:
        assert checked_in(NOW + CLOCK_TOLERANCE).check_in == NOW + CLOCK_TOLERANCE
        with pytest.raises(Refused, match="check-in lies in the future"):
            checked_in(NOW + CLOCK_TOLERANCE + 1)
        with pytest.raises(Refused, match="check-out lies in the future"):
            checked_in(check_out=NOW + CLOCK_TOLERANCE + 1)

    def test_a_refused_change_leaves_no_event(self) -> None:
        visit = checked_in()
        with pytest.raises(Refused):
            visit.end(NINE, NOW)
        assert len(visit.pending_events) == 1


class TestChanges:
    def test_the_same_correction_twice_is_one(self) -> None:
        visit = checked_in()
        assert visit.correct(TEN, ELEVEN, None, NOW, NOW) is True
        assert visit.correct(TEN, ELEVEN, None, NOW, NOW) is False

    def test_a_correction_can_make_the_check_out_unknown(self) -> None:
        visit = checked_in(check_out=TEN)
        visit.correct(NINE, None, None, NOW, NOW)
        assert visit.check_out is None

    def test_a_second_check_out_is_a_correction_s_business(self) -> None:
        visit = checked_in()
        visit.end(TEN, NOW)
        assert visit.end(TEN, NOW) is False
        with pytest.raises(Conflict):
            visit.end(ELEVEN, NOW)

    def test_retracting_twice_is_once(self) -> None:
        visit = checked_in()
        assert [visit.retract(None, NOW), visit.retract(None, NOW)] == [True, False]

    @pytest.mark.parametrize("visit_id", ["", "a b", "a" * 129, "é", "a\n"])
    def test_a_visit_id_that_is_none(self, visit_id: str) -> None:
        with pytest.raises(Malformed):
            Visit.begin(uuid4(), visit_id, uuid4(), uuid4(), NINE, None, NOW)
