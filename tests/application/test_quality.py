"""What is said of a venue over real events, and that it was said the same way at every position."""

from random import Random

import pytest

from api.app import Truyvet
from application.provenance import Provenance
from application.quality import VenueQuality
from application.scans import CheckIn
from domain.errors import Refused, Unknown
from domain.times import to_text
from domain.visits import Scan

MIDNIGHT = 1_630_256_400
"""2021-08-30T00:00:00+07:00."""
HOUR, DAY = 3_600, 86_400
NINE = MIDNIGHT + 9 * HOUR


@pytest.fixture
def cafe(truyvet: Truyvet) -> str:
    truyvet.venues.register("Cafe", "restaurant", code="cafe", registered_at=MIDNIGHT - 40 * DAY)
    truyvet.venues.register("Gym", "other", code="gym", registered_at=MIDNIGHT)
    return "cafe"


def visit(truyvet: Truyvet, person: str, venue: str, at: int, stay: int | None = HOUR) -> str:
    end = None if stay is None else at + stay
    visit_id = f"{person}:{venue}:{at - MIDNIGHT}"
    truyvet.visits.check_in(f"ref:{person}", venue, at, check_out=end, visit_id=visit_id)
    return visit_id


def asked(truyvet: Truyvet, venue: str = "cafe", **more: int) -> VenueQuality:
    truyvet.graph.catch_up()
    return truyvet.quality.of_venue(venue, **more)


def named(found: VenueQuality) -> dict[str, tuple[str, ...]]:
    return {flag.name: flag.examples for flag in found.flags}


class TestFlags:
    def test_a_household_with_one_phone(self, truyvet: Truyvet, cafe: str) -> None:
        visits = [visit(truyvet, "ann", cafe, NINE + n * 60) for n in range(3)]
        visit(truyvet, "bob", cafe, NINE)
        assert named(asked(truyvet)) == {"shared_phone": tuple(visits)}

    def test_one_device_but_not_a_guard_s(self, truyvet: Truyvet, cafe: str) -> None:
        def scan(number: int, device: str, *, delegated: bool) -> None:
            truyvet.visits.scan(
                CheckIn(f"ref:{device}-{number}", cafe, NINE + number * HOUR, NINE + (number + 1) * HOUR,
                        f"{device}:{number}", scan=Scan(device=device), delegated=delegated, by=Provenance("key:1"))
            )  # fmt: skip

        for number in range(4):
            scan(number, "guard", delegated=True)
            scan(number, "family", delegated=False)
        assert named(asked(truyvet)) == {"shared_phone": tuple(f"family:{n}" for n in range(4))}

    def test_two_codes_within_seconds_and_two_places_at_once(self, truyvet: Truyvet, cafe: str) -> None:
        fast = visit(truyvet, "ann", cafe, NINE)
        visit(truyvet, "ann", "gym", NINE + 10, stay=None)
        at_once = visit(truyvet, "bob", cafe, NINE)
        visit(truyvet, "bob", "gym", NINE + 30 * 60)
        assert named(asked(truyvet)) == {"fast_succession": (fast,), "two_places": (at_once,)}

    def test_far_away_too_soon_by_the_coordinates_known_then(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Ben xe", "transport", code="north", latitude=21.028, longitude=105.854)
        truyvet.venues.register("Cho", "market", code="south", latitude=10.776, longitude=106.701)
        first = visit(truyvet, "ann", "north", NINE, stay=None)
        visit(truyvet, "ann", "south", NINE + HOUR, stay=None)
        before = truyvet.log.head()
        assert named(asked(truyvet, "north")) == {"impossible_distance": (first,)}
        assert set(named(asked(truyvet, "south"))) == {"impossible_distance"}
        truyvet.venues.amend("south", latitude=21.03, longitude=105.86)
        assert named(asked(truyvet, "north")) == {}
        assert named(asked(truyvet, "north", as_of=before)) == {"impossible_distance": (first,)}

    def test_a_stall_in_its_market_is_no_other_place(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Cho", "market", code="market")
        truyvet.venues.register("Quay 7", "shop", code="stall", part_of="market")
        visit(truyvet, "ann", "market", NINE, stay=3 * HOUR)
        visit(truyvet, "ann", "stall", NINE + 5)
        assert [named(asked(truyvet, venue)) for venue in ("market", "stall")] == [{}, {}]

    def test_stays_and_missing_check_outs(self, truyvet: Truyvet, cafe: str) -> None:
        long = visit(truyvet, "ann", cafe, NINE, stay=13 * HOUR)
        open_ones = [visit(truyvet, f"p{n:02}", cafe, NINE + n * 300, stay=None) for n in range(25)]
        found = asked(truyvet)
        assert named(found) == {"long_stays": (long,), "no_check_outs": tuple(open_ones[:20])}
        assert [(flag.count, flag.share) for flag in found.flags] == [(1, 1 / 26), (25, 25 / 26)]
        assert (found.visits, found.check_out_rate) == (26, 1 / 26)


class TestWindow:
    def test_the_twenty_eight_days_up_to_that_of_the_last_visit(self, truyvet: Truyvet, cafe: str) -> None:
        visit(truyvet, "ann", cafe, MIDNIGHT - 28 * DAY)
        visit(truyvet, "ann", cafe, MIDNIGHT - 27 * DAY)
        visit(truyvet, "ann", cafe, MIDNIGHT + DAY - 1, stay=None)
        found = asked(truyvet)
        assert (found.start, found.end) == (MIDNIGHT - 27 * DAY, MIDNIGHT + DAY)
        assert found.visits == 2

    def test_without_a_visit_up_to_the_registration(self, truyvet: Truyvet, cafe: str) -> None:
        found = asked(truyvet, "gym")
        assert (to_text(found.start), to_text(found.end)) == ("2021-08-02T17:00:00Z", "2021-08-30T17:00:00Z")
        assert (found.visits, found.check_out_rate, found.flags) == (0, None, [])

    def test_a_visit_belongs_to_the_window_that_it_begins_in(self, truyvet: Truyvet, cafe: str) -> None:
        visit(truyvet, "ann", cafe, NINE)
        assert asked(truyvet, start=NINE, end=NINE + 1).visits == 1
        assert asked(truyvet, start=NINE + 1, end=NINE + HOUR).visits == 0
        assert asked(truyvet, end=NINE).visits == 0
        assert asked(truyvet, start=NINE + 10 * DAY).end == MIDNIGHT + 11 * DAY
        with pytest.raises(Refused, match="after it begins"):
            asked(truyvet, start=NINE, end=NINE)


class TestAsOf:
    def test_later_facts_change_later_answers_only(self, truyvet: Truyvet, cafe: str) -> None:
        before = truyvet.log.head()
        visits = [visit(truyvet, "ann", cafe, NINE + n * 60) for n in range(3)]
        truyvet.visits.correct(visits[0], check_in=NINE - 2 * HOUR, check_out=None)
        truyvet.visits.retract(visits[1])
        visit(truyvet, "ann", cafe, NINE + 2 * HOUR, stay=13 * HOUR)
        truyvet.venues.amend(cafe, default_stay_minutes=14 * 60)

        told = [asked(truyvet, as_of=position) for position in range(before + 2, truyvet.log.head() + 1)]
        assert [list(named(found)) for found in told] == [[], [], ["shared_phone"], [], [], ["long_stays"], []]
        assert [found.visits for found in told] == [1, 2, 3, 3, 2, 3, 3]

    def test_what_was_answered_stays_answered(self, truyvet: Truyvet, cafe: str) -> None:
        random, answers = Random(20211112), {}
        for number in range(30):
            person, venue = random.choice("abc"), random.choice(["cafe", "cafe", "gym"])
            visit(
                truyvet, person, venue, NINE + 10 * random.randrange(60) + number, random.choice([None, 60, 15 * HOUR])
            )
            answers[truyvet.log.head()] = asked(truyvet)
        assert len({flag.name for answer in answers.values() for flag in answer.flags}) >= 4
        for position, answer in answers.items():
            assert asked(truyvet, as_of=position) == answer

    def test_a_venue_that_was_not_yet_known(self, truyvet: Truyvet, cafe: str) -> None:
        with pytest.raises(Unknown):
            asked(truyvet, as_of=0)
        with pytest.raises(Unknown):
            asked(truyvet, "nowhere")


def test_what_is_flagged_counts_in_a_trace_as_before(truyvet: Truyvet, cafe: str) -> None:
    for number in range(4):
        visit(truyvet, "ann", cafe, NINE + number, stay=13 * HOUR)
        visit(truyvet, "bob", cafe, NINE + number * HOUR, stay=None)
    assert named(asked(truyvet))
    head, traced = truyvet.log.head(), truyvet.contacts.trace("ref:ann", MIDNIGHT, None)
    assert [contact.person for contact in traced.contacts] == ["ref:bob"]
    asked(truyvet)
    assert truyvet.log.head() == head
    assert truyvet.contacts.trace("ref:ann", MIDNIGHT, None) == traced
