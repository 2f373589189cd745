from typing import Any
from uuid import uuid4

import pytest

from domain.errors import Conflict, Malformed, Refused
from domain.opening_hours import parse_opening_hours
from domain.venues import Place, Venue

NINE, TEN, ELEVEN, NOON = (hour * 3600 for hour in (9, 10, 11, 12))
NOW = NOON


def registered(**details: Any) -> Venue:
    return Venue.register(uuid4(), "Market", "market", NINE, **details)


def pending(venue: Venue) -> list[str]:
    return [type(event).__name__ for event in venue.pending_events]


class TestWhereItLies:
    def test_it_moves_once(self) -> None:
        venue, there = registered(commune="00001"), Place("00004", "12 Lê Lợi", 21.03, 105.85)
        venue.move(there, NOW)
        venue.move(there, NOW)
        assert venue.place == there
        assert pending(venue) == ["Registered", "Moved"]

    def test_whole_degrees_are_the_same_written_either_way(self) -> None:
        venue = registered(latitude=21, longitude=105)
        venue.move(Place(None, None, 21.0, 105.0), NOW)
        assert pending(venue) == ["Registered"]
        assert [type(part) for part in venue.place[2:]] == [float, float]

    @pytest.mark.parametrize(
        ("latitude", "longitude"), [(21.0, None), (None, 105.0), (90.1, 0.0), (0.0, -180.1), (float("nan"), 0.0)]
    )
    def test_half_a_coordinate_or_one_off_the_globe_is_refused(
        self, latitude: float | None, longitude: float | None
    ) -> None:
        with pytest.raises(Refused):
            registered(latitude=latitude, longitude=longitude)
        with pytest.raises(Refused):
            registered().move(Place(None, None, latitude, longitude), NOW)


class TestOpeningHours:
    @pytest.mark.parametrize(
        "hours",
        ["24/7", "07:00-18:00", "Mo-Fr 07:00-18:00; Sa 08:00-12:00", "Mo,We-Fr 07:30-11:30,13:00-24:00; PH,Su off"],
    )
    def test_those_that_can_be_read(self, hours: str) -> None:
        assert parse_opening_hours(hours) == hours

    @pytest.mark.parametrize(
        "hours", ["", "always", "Mo", "Mo-Fr 7:00-18:00", "Mo 07:00", "Mo 25:00-26:00", "Mo 07:00-18:00;", "off;off",
                  "Mo 07:00-18:00\n", "Mo 07:00-18:00; " * 20 + "Su off", "Mo-Fr-Su off", "Thứ 2 07:00-18:00"],
    )  # fmt: skip
    def test_those_that_cannot(self, hours: str) -> None:
        with pytest.raises(Malformed):
            parse_opening_hours(hours)
        with pytest.raises(Malformed):
            registered(opening_hours=hours)

    def test_they_and_the_manager_change_once_and_can_become_unknown(self) -> None:
        venue, person = registered(opening_hours="24/7"), uuid4()
        for hours, manager in (("Su off", person), ("Su off", person), (None, None)):
            venue.change_opening_hours(hours, NOW)
            venue.change_manager(manager, NOW)
        assert pending(venue) == ["Registered", *["OpeningHoursChanged", "ManagerChanged"] * 2]
        assert (venue.opening_hours, venue.manager) == (None, None)


class TestStatus:
    def test_a_suspension_lasts_until_the_reactivation(self) -> None:
        venue = registered()
        venue.suspend(TEN, NOW)
        assert (venue.status, venue.status_since) == ("suspended", TEN)
        venue.reactivate(ELEVEN, NOW)
        assert (venue.status, venue.status_since) == ("active", ELEVEN)
        assert [venue.is_active_at(instant) for instant in (TEN - 1, TEN, ELEVEN - 1, ELEVEN)] == [
            True, False, False, True,
        ]  # fmt: skip

    def test_from_the_closure_on_it_is_closed(self) -> None:
        venue = registered()
        assert (venue.status, venue.status_since) == ("active", NINE)
        venue.close(TEN, NOW)
        assert (venue.status, venue.status_since, venue.closed_at) == ("closed", TEN, TEN)
        assert [venue.is_active_at(instant) for instant in (TEN - 1, TEN, NOON)] == [True, False, False]

    def test_a_suspended_venue_can_be_closed(self) -> None:
        venue = registered()
        venue.suspend(TEN, NOW)
        venue.close(ELEVEN, NOW)
        assert venue.status == "closed"
        assert not venue.is_active_at(TEN)

    def test_the_same_again_changes_nothing_whatever_came_since(self) -> None:
        venue = registered()
        for at in (TEN, TEN, None):
            venue.suspend(at, NOW)
        for at in (ELEVEN, ELEVEN, None):
            venue.reactivate(at, NOW)
        venue.suspend(TEN, NOW)
        for at in (NOON, NOON, None):
            venue.close(at, NOW)
        venue.suspend(TEN, NOW)
        venue.reactivate(ELEVEN, NOW)
        assert pending(venue) == ["Registered", "Suspended", "Reactivated", "Closed"]

    def test_without_a_time_it_is_now(self) -> None:
        venue = registered()
        venue.suspend(None, TEN)
        venue.reactivate(None, ELEVEN)
        assert venue.suspensions == [(TEN, ELEVEN)]
        venue.close(None, NOON)
        assert venue.closed_at == NOON

    def test_another_time_for_what_holds_already_is_a_conflict(self) -> None:
        venue = registered()
        venue.suspend(TEN, NOW)
        with pytest.raises(Conflict):
            venue.suspend(ELEVEN, NOW)
        venue.close(ELEVEN, NOW)
        with pytest.raises(Conflict):
            venue.close(NOON, NOW)

    def test_closing_is_final(self) -> None:
        venue = registered()
        venue.close(TEN, NOW)
        for change in (venue.suspend, venue.reactivate):
            with pytest.raises(Refused, match="closed"):
                change(ELEVEN, NOW)

    def test_an_active_venue_is_not_reactivated(self) -> None:
        with pytest.raises(Refused, match="not suspended"):
            registered().reactivate(TEN, NOW)

    def test_the_status_changes_in_order_and_not_in_the_future(self) -> None:
        venue = registered()
        with pytest.raises(Refused, match="future"):
            venue.suspend(NOW + 301, NOW)
        venue.suspend(TEN, NOW)
        for change in (venue.reactivate, venue.close):
            with pytest.raises(Refused, match="after that time"):
                change(TEN - 1, NOW)
        venue.reactivate(ELEVEN, NOW)
        with pytest.raises(Refused, match="after that time"):
            venue.suspend(ELEVEN - 1, NOW)
