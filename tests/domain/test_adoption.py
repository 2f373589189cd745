"""Points through time, and the arithmetic of the report."""

from collections.abc import Iterable
from uuid import UUID

import pytest

from domain.adoption import CLOSED, MOVED, REGISTERED, Figures, Row, VenueFact, WeekScans, by_unit, points, table
from domain.times import parse_instant
from domain.units import Unit
from domain.weeks import Week

WEEK = Week.ending("2021-11-12")
HERE, THERE, DISTRICT = "14995", "14998", "387"
UNIT_OF = {HERE: HERE, THERE: THERE}
VENUE = UUID(int=1)
NO_SCANS = WeekScans([0], [0], [0], [0])
FIVE_SCANS = WeekScans([9], [5], [2], [3])


def at(text: str) -> int:
    """``"6 08:00"`` is a day of November 2021 and a local time."""
    day, time = text.split()
    return parse_instant(f"2021-11-{int(day):02}T{time}:00+07:00")


def facts(*told: str) -> list[VenueFact]:
    """``"registered 1 08:00 14995"``, in the order in which it happened."""
    found = []
    for number, text in enumerate(told, start=1):
        kind, day, time, *commune = text.split()
        found.append(VenueFact(number, VENUE, kind, at(f"{day} {time}"), commune[0] if commune else None))
    return found


def figures(*told: str, scans: WeekScans = NO_SCANS) -> dict[str, Figures]:
    """Of the units where there is anything."""
    found = by_unit(points(facts(*told)), scans, WEEK, UNIT_OF)
    return {unit: one for unit, one in found.items() if any(one)}


class TestPoints:
    def test_a_venue_is_a_point_from_its_registration_on_and_new_in_its_first_week(self) -> None:
        assert figures("registered 5 23:59 14995")[HERE][:3] == (1, 0, 0)
        assert figures("registered 6 00:00 14995")[HERE][:3] == (1, 1, 0)
        assert figures("registered 12 23:59 14995")[HERE][:3] == (1, 1, 0)
        assert figures("registered 13 00:00 14995") == {}

    def test_a_venue_that_was_closed_by_the_end_of_the_week_is_none_and_its_scans_count(self) -> None:
        closed = figures("registered 1 08:00 14995", "closed 12 23:59", scans=FIVE_SCANS)
        assert closed == {HERE: Figures(0, 0, 0, 9, 5, 2, 3)}
        assert figures("registered 1 08:00 14995", "closed 13 00:00")[HERE].points == 1
        assert figures("registered 7 08:00 14995", "closed 8 08:00") == {}

    def test_it_lies_where_it_lay_at_the_end_of_the_week_with_all_its_scans(self) -> None:
        moved = figures("registered 1 08:00 14995", "moved 12 23:59 14998", scans=FIVE_SCANS)
        assert moved == {THERE: Figures(1, 0, 1, 9, 5, 2, 3)}
        assert list(figures("registered 1 08:00 14995", "moved 13 00:00 14998")) == [HERE]
        assert list(figures("registered 1 08:00 14995", "moved 2 08:00 14998", "moved 3 08:00 14995")) == [HERE]

    def test_one_that_moved_away_or_lies_nowhere_is_in_no_unit(self) -> None:
        assert figures("registered 1 08:00 14995", "moved 2 08:00 00001") == {}
        assert figures("registered 1 08:00 14995", "moved 2 08:00") == {}
        assert figures("registered 1 08:00") == {}

    def test_scans_from_before_the_registration_count_where_it_was_registered(self) -> None:
        assert figures("registered 20 08:00 14995", scans=FIVE_SCANS) == {HERE: Figures(0, 0, 0, 9, 5, 2, 3)}

    def test_one_with_a_scan_in_the_week_is_active(self) -> None:
        assert figures("registered 1 08:00 14995", scans=FIVE_SCANS)[HERE].active == 1
        assert figures("registered 1 08:00 14995", scans=WeekScans([9], [0], [0], [0]))[HERE].active == 0


def of(
    points: int = 0, active: int = 0, scans: int = 0, *, new: int = 0, total: int = 0, weekend: int = 0, out: int = 0
) -> Figures:
    return Figures(points, new, active, total, scans, weekend, out)


def rows(now: Iterable[Figures], before: Iterable[Figures] | None = None) -> tuple[Row, list[Row]]:
    """The total, and a row for each."""
    now = list(now)
    units = [Unit(str(number), f"Unit {number}", "commune", DISTRICT) for number in range(len(now))]
    earlier = list(before) if before is not None else [of()] * len(now)
    codes = [unit.code for unit in units]
    return table(
        Unit(DISTRICT, "District", "district", None), units,
        dict(zip(codes, now, strict=True)), dict(zip(codes, earlier, strict=True)),
    )  # fmt: skip


class TestRows:
    def test_equal_scans_share_a_rank_and_the_next_one_is_skipped(self) -> None:
        _, found = rows(of(scans=scans) for scans in (7, 9, 0, 7))
        assert [row.rank for row in found] == [2, 1, 4, 2]

    def test_who_climbed_has_a_positive_change_of_rank(self) -> None:
        _, found = rows([of(scans=9), of(scans=1), of(scans=3)], [of(scans=1), of(scans=2), of(scans=3)])
        assert [(row.rank, row.rank_change) for row in found] == [(1, 2), (3, -1), (2, -1)]

    def test_changes_are_those_on_the_week_before(self) -> None:
        total, (one, _) = rows([of(5, 3, 20), of(4, 1, 2)], [of(6, 1, 25), of(3, 1, 0)])
        assert (one.points_change, one.points_active_change, one.scans_change) == (-1, 2, -5)
        assert (total.points_change, total.points_active_change, total.scans_change) == (0, 2, -3)

    def test_shares_of_the_whole_are_computed_from_its_sums(self) -> None:
        total, (one, other) = rows([of(scans=3, weekend=1, out=3), of(scans=30, weekend=2, out=0)])
        assert (one.weekend_share, one.check_out_rate) == (0.3333, 1)
        assert (other.weekend_share, other.check_out_rate) == (0.0667, 0)
        assert (total.weekend_share, total.check_out_rate) == (0.0909, 0.0909)

    def test_there_is_no_share_of_nothing(self) -> None:
        total, (one,) = rows([of(3)])
        assert (one.weekend_share, one.check_out_rate, total.weekend_share) == (None, None, None)

    def test_the_total_has_no_rank_and_is_not_behind(self) -> None:
        total, _ = rows([of(scans=1)])
        assert (total.code, total.rank, total.rank_change, total.behind) == (DISTRICT, None, None, None)

    def test_a_unit_without_units_below_is_its_own_total(self) -> None:
        unit = Unit(HERE, "Commune", "commune", DISTRICT)
        total, below = table(unit, [], {HERE: of(5, 3, 20)}, {HERE: of(5, 3, 15)})
        assert (total.code, total.points, total.points_silent, total.scans_change, below) == (HERE, 5, 2, 5, [])

    @pytest.mark.parametrize(
        ("one", "other", "behind"),
        [
            (of(10, 4), of(10, 6), False),
            (of(40, 10), of(40, 30), False),  # a quarter, half of the whole's half
            (of(40, 9), of(40, 31), True),
            (of(10, 0), of(10, 1), True),
            (of(10, 0), of(10, 0), True),
            (of(0, 0), of(10, 5), True),
        ],
    )
    def test_behind_is_who_has_no_active_point_or_under_half_the_share_of_the_whole(
        self, one: Figures, other: Figures, behind: bool
    ) -> None:
        _, (first, _) = rows([one, other])
        assert first.behind is behind


def test_the_kinds_of_facts_are_stored_and_stay() -> None:
    assert (REGISTERED, MOVED, CLOSED) == ("registered", "moved", "closed")
