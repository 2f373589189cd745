from uuid import UUID

import pytest

from domain.adherence import Coordinates
from domain.errors import Conflict, Refused
from domain.quarantines import Quarantine
from domain.times import Seconds, parse_instant
from domain.visits import Visit

STREAM, PERSON, VENUE = (UUID(int=number) for number in (1, 2, 3))


def at(time: str) -> Seconds:
    return parse_instant(f"2021-08-30T{time}:00+07:00")


NOW = at("20:00")


@pytest.fixture
def quarantine() -> Quarantine:
    """From nine to six, at home, within 100 metres."""
    return Quarantine.assign(STREAM, "q1", PERSON, at("09:00"), at("18:00"), coordinates="c2VhbGVk")


def told(quarantine: Quarantine) -> list[str]:
    """What was recorded beyond the assignment."""
    return [type(event).__name__ for event in quarantine.pending_events[1:]]


def visit(time: str) -> Visit:
    return Visit.begin(UUID(int=4), "v1", PERSON, VENUE, at(time), None, NOW)


class TestPositions:
    def test_a_position_within_the_radius_is_no_breach(self, quarantine: Quarantine) -> None:
        assert quarantine.report(at("10:00"), None, 100, None, NOW)
        assert told(quarantine) == ["PositionReported"]

    def test_a_position_outside_is_a_breach_with_its_distance(self, quarantine: Quarantine) -> None:
        assert quarantine.report(at("10:00"), None, 101, None, NOW)
        assert told(quarantine) == ["PositionReported", "Breached"]
        breach = quarantine.pending_events[-1]
        assert (breach.kind, breach.at, breach.distance_metres) == ("position", "2021-08-30T03:00:00Z", 101)

    def test_a_position_that_may_be_within_as_far_as_it_errs_is_no_breach(self, quarantine: Quarantine) -> None:
        quarantine.report(at("10:00"), None, 150, 50, NOW)
        assert told(quarantine) == ["PositionReported"]

    def test_one_absence_is_one_breach_in_whichever_order_it_is_reported(self, quarantine: Quarantine) -> None:
        for time in ("10:10", "10:00", "10:20"):
            quarantine.report(at(time), None, 500, None, NOW)
        quarantine.report(at("11:00"), None, 20, None, NOW)
        quarantine.report(at("12:00"), None, 500, None, NOW)
        assert [breach.at for breach in quarantine.adherence.standing] == [at("10:10"), at("12:00")]

    def test_an_absence_goes_on_after_its_breach_was_dismissed_and_is_another_one(self, quarantine: Quarantine) -> None:
        quarantine.report(at("10:00"), None, 500, None, NOW)
        quarantine.dismiss(1, None, NOW)
        quarantine.report(at("10:10"), None, 500, None, NOW)
        quarantine.report(at("10:20"), None, 500, None, NOW)
        assert [breach.number for breach in quarantine.adherence.standing] == [2]

    def test_the_same_position_again_is_found_and_another_one_at_that_instant_refused(
        self, quarantine: Quarantine
    ) -> None:
        quarantine.report(at("10:00"), None, 20, None, NOW)
        assert not quarantine.report(at("10:00"), None, 20, None, NOW)
        with pytest.raises(Conflict):
            quarantine.report(at("10:00"), None, 21, None, NOW)

    @pytest.mark.parametrize("time", ["08:59", "18:00"])
    def test_a_position_outside_the_time_of_the_quarantine_is_refused(self, quarantine: Quarantine, time: str) -> None:
        with pytest.raises(Refused, match="outside the quarantine"):
            quarantine.report(at(time), None, 20, None, NOW)

    def test_a_position_of_the_future_is_refused(self, quarantine: Quarantine) -> None:
        with pytest.raises(Refused, match="future"):
            quarantine.report(at("10:06"), None, 20, None, at("10:00"))

    def test_positions_are_compared_with_where_they_were_confined_then(self, quarantine: Quarantine) -> None:
        quarantine.move("home", at("12:00"), place="at his sister's", coordinates="c2VhbGVk", radius=1_000)
        quarantine.report(at("11:59"), None, 500, None, NOW)
        quarantine.report(at("12:00"), None, 500, None, NOW)
        assert [report.within for report in quarantine.adherence.reports.values()] == [False, True]

    def test_coordinates_are_read_as_they_are_written(self) -> None:
        home = Coordinates(20.807123, -104.75)
        assert Coordinates.read(str(home)) == home


class TestVisits:
    def test_a_check_in_elsewhere_is_a_breach_once(self, quarantine: Quarantine) -> None:
        for _ in range(2):
            quarantine.follow(visit("10:00"), NOW, elsewhere=True)
        assert told(quarantine) == ["Breached"]
        breach = quarantine.pending_events[-1]
        assert (breach.kind, breach.at, breach.visit_id) == ("check_in", "2021-08-30T03:00:00Z", "v1")
        assert breach.venue == str(VENUE)

    def test_a_check_in_at_the_site_is_none(self, quarantine: Quarantine) -> None:
        quarantine.follow(visit("10:00"), NOW, elsewhere=False)
        assert told(quarantine) == []

    @pytest.mark.parametrize("time", ["08:59", "18:00"])
    def test_a_check_in_before_or_after_is_none(self, quarantine: Quarantine, time: str) -> None:
        quarantine.follow(visit(time), NOW, elsewhere=True)
        assert told(quarantine) == []

    def test_a_withdrawn_quarantine_is_not_broken(self, quarantine: Quarantine) -> None:
        quarantine.withdraw(None, NOW)
        quarantine.follow(visit("10:00"), NOW, elsewhere=True)
        assert told(quarantine) == ["Withdrawn"]

    @pytest.mark.parametrize(("change", "why"), [("retract", "visit_retracted"), ("correct", "not_confined")])
    def test_a_visit_that_is_taken_back_dismisses_its_breach(
        self, quarantine: Quarantine, change: str, why: str
    ) -> None:
        gone = visit("10:00")
        quarantine.follow(gone, NOW, elsewhere=True)
        if change == "retract":
            gone.retract(None, NOW)
        else:
            gone.correct(at("08:00"), None, None, NOW, NOW)
        for _ in range(2):
            quarantine.follow(gone, NOW, elsewhere=True)
        assert told(quarantine) == ["Breached", "BreachDismissed"]
        assert quarantine.pending_events[-1].why == why

    def test_a_visit_that_is_corrected_back_is_a_breach_again(self, quarantine: Quarantine) -> None:
        moved = visit("10:00")
        quarantine.follow(moved, NOW, elsewhere=True)
        for time in ("08:00", "11:00"):
            moved.correct(at(time), None, None, NOW, NOW)
            quarantine.follow(moved, NOW, elsewhere=True)
        assert told(quarantine) == ["Breached", "BreachDismissed", "Breached"]
        assert [breach.at for breach in quarantine.adherence.standing] == [at("11:00")]

    def test_what_was_dismissed_by_hand_is_not_told_again(self, quarantine: Quarantine) -> None:
        quarantine.follow(visit("10:00"), NOW, elsewhere=True)
        assert quarantine.dismiss(1, "c2VhbGVk", NOW)
        quarantine.follow(visit("10:00"), NOW, elsewhere=True)
        assert told(quarantine) == ["Breached", "BreachDismissed"]

    def test_a_breach_is_dismissed_once(self, quarantine: Quarantine) -> None:
        quarantine.follow(visit("10:00"), NOW, elsewhere=True)
        quarantine.dismiss(1, "c2VhbGVk", NOW)
        quarantine.collect_events()
        assert not quarantine.dismiss(1, "b3RoZXI=", NOW)

    def test_a_release_before_a_breach_dismisses_it(self, quarantine: Quarantine) -> None:
        quarantine.follow(visit("10:00"), NOW, elsewhere=True)
        quarantine.report(at("17:00"), None, 500, None, NOW)
        quarantine.release(at("12:00"), None)
        quarantine.drop_unconfined(NOW)
        assert [breach.at for breach in quarantine.adherence.standing] == [at("10:00")]


class TestTheEnd:
    def test_it_is_completed_once_its_end_has_come(self, quarantine: Quarantine) -> None:
        assert not quarantine.complete(at("17:59"))
        assert quarantine.complete(at("18:00"))
        assert not quarantine.complete(at("18:01"))
        assert quarantine.pending_events[-1].breaches == 0

    def test_only_breaches_that_stand_are_counted(self, quarantine: Quarantine) -> None:
        for time in ("10:00", "12:00"):
            quarantine.report(at(time), None, 500, None, NOW)
            quarantine.report(at(time) + 60, None, 20, None, NOW)
        quarantine.dismiss(1, None, NOW)
        quarantine.complete(NOW)
        assert quarantine.pending_events[-1].breaches == 1

    def test_one_that_is_extended_is_completed_again(self, quarantine: Quarantine) -> None:
        quarantine.complete(at("18:00"))
        quarantine.extend(at("19:00"), at("18:30"))
        assert not quarantine.complete(at("18:30"))
        assert quarantine.complete(at("19:00"))

    def test_an_open_or_withdrawn_one_is_not_completed(self, quarantine: Quarantine) -> None:
        quarantine.extend(None, NOW)
        assert not quarantine.complete(NOW)
        quarantine.extend(at("18:00"), NOW)
        quarantine.withdraw(None, NOW)
        assert not quarantine.complete(NOW)
