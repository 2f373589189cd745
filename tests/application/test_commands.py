"""The same again gives the same answer; the same id or key with another content is a conflict; retries are safe."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError

from api.app import Truyvet
from application.log import Draft, Recorded
from application.people import People
from application.provenance import LOCAL
from application.venues import Changes
from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.rules import CaseDates
from infrastructure.events import EventRecorder

NINE = 1_630_288_800
HOUR = 3_600
DATES = CaseDates(onset=date(2021, 8, 30))


@pytest.fixture
def cafe(truyvet: Truyvet) -> str:
    truyvet.venues.register("Cafe", "restaurant", code="cafe", commune="14995")
    return "cafe"


class TestVenues:
    def test_the_same_again_even_after_it_was_renamed(self, truyvet: Truyvet) -> None:
        first = truyvet.venues.register("Cafe", "restaurant", code="cafe")
        truyvet.venues.amend("cafe", name="Cafe 2", default_stay_minutes=20)
        assert truyvet.venues.register("Cafe", "restaurant", code="cafe") == first

    def test_another_content_or_id_is_a_conflict(self, truyvet: Truyvet) -> None:
        recorded = truyvet.venues.register("Cafe", "restaurant", code="cafe")
        with pytest.raises(Conflict):
            truyvet.venues.register("Gym", "restaurant", code="cafe")
        with pytest.raises(Conflict):
            truyvet.venues.register("Cafe", "restaurant", code="cafe", venue_id=uuid4())
        with pytest.raises(Conflict):
            truyvet.venues.register("Cafe", "restaurant", code="other", venue_id=recorded.id)

    def test_an_id_that_belongs_to_something_else(self, truyvet: Truyvet, cafe: str) -> None:
        case = truyvet.cases.confirm("ref:ann", DATES)
        with pytest.raises(Conflict, match="something else"):
            truyvet.venues.register("Gym", "other", venue_id=case.id)
        with pytest.raises(Conflict, match="something else"):
            truyvet.cases.confirm("ref:ann", DATES, case_id=truyvet.venues.get(cafe).id)

    def test_the_island_districts_without_communes_take_the_district(self, truyvet: Truyvet) -> None:
        assert truyvet.venues.register("Quay", "transport", commune="536").position == 1  # Bach Long Vi
        for code in ("387", "38", "00000"):
            with pytest.raises(Malformed):
                truyvet.venues.register("Office", "public_body", commune=code)

    def test_an_id_comes_before_a_code_that_looks_like_it(self, truyvet: Truyvet) -> None:
        victim = truyvet.venues.register("Cafe", "restaurant", code=str(uuid4()))
        assert victim.id == truyvet.venues.get(str(victim.id)).id
        with pytest.raises(Conflict):
            truyvet.venues.register("Squat", "shop", code=str(victim.id))
        with pytest.raises(Conflict):
            truyvet.venues.register("Squat", "shop", code=str(victim.id).upper())
        code = truyvet.venues.get(str(victim.id)).code
        with pytest.raises(Conflict):
            truyvet.venues.register("Squat", "shop", venue_id=UUID(code))

    def test_the_default_stay_follows_the_kind_unless_set(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Chốt", "checkpoint", code="a")
        truyvet.venues.register("Hotel", "hotel", code="b", default_stay_minutes=30)
        assert [truyvet.venues.get(code).default_stay_minutes for code in "ab"] == [10, 30]

    def test_an_unknown_manager_is_registered_with_the_venue_an_unknown_whole_is_not(self, truyvet: Truyvet) -> None:
        with pytest.raises(Unknown):
            truyvet.venues.register("Stall", "shop", manager="ref:ann", part_of="market")
        assert truyvet.log.head() == 0
        first = truyvet.venues.register("Market", "market", code="market", manager="ref:ann")
        assert first.position == 2
        assert truyvet.venues.register("Market", "market", code="market", manager="ref:ann") == first
        with pytest.raises(Conflict):
            truyvet.venues.register("Market", "market", code="market", manager="ref:bob")
        assert truyvet.log.head() == 2
        assert truyvet.venues.get("market").manager == truyvet.people.find("ref:ann")
        stall = truyvet.venues.register("Stall", "shop", manager="ref:ann", part_of="market")
        assert stall.position == 3
        assert truyvet.venues.get(str(stall.id)).part_of == first.id

    def test_a_change_of_status_again_records_nothing(self, truyvet: Truyvet, cafe: str) -> None:
        for change in (truyvet.venues.suspend, truyvet.venues.reactivate, truyvet.venues.close):
            assert change(cafe, NINE) == change(cafe, NINE) == change(cafe)
        assert truyvet.log.head() == 4

    def test_an_amendment_again_records_nothing(self, truyvet: Truyvet, cafe: str) -> None:
        changes: Changes = {"commune": "00001", "latitude": 21.0, "longitude": 105.8, "manager": "ref:ann"}
        first = truyvet.venues.amend(cafe, **changes)
        assert truyvet.venues.amend(cafe, **changes) == first == truyvet.venues.amend(cafe)
        with pytest.raises(Malformed):
            truyvet.venues.amend(cafe, commune="387")


class TestVisits:
    def test_the_same_check_in_by_triple_or_id(self, truyvet: Truyvet, cafe: str) -> None:
        first = truyvet.visits.check_in("ref:ann", cafe, NINE)
        assert truyvet.visits.check_in("ref:ann", cafe, NINE) == first
        assert truyvet.visits.check_in("ref:ann", cafe, NINE, visit_id=first.id) == first
        with pytest.raises(Conflict):
            truyvet.visits.check_in("ref:ann", cafe, NINE, visit_id="another")
        with pytest.raises(Conflict):
            truyvet.visits.check_in("ref:bob", cafe, NINE, visit_id=first.id)

    def test_the_triple_stays_with_a_visit_through_correction_and_retraction(self, truyvet: Truyvet, cafe: str) -> None:
        first = truyvet.visits.check_in("ref:ann", cafe, NINE)
        truyvet.visits.correct(first.id, check_in=NINE + 60)
        truyvet.visits.retract(first.id, "double")
        head = truyvet.log.head()
        assert truyvet.visits.check_in("ref:ann", cafe, NINE) == first
        assert truyvet.log.head() == head

    def test_an_unknown_person_is_registered_with_the_visit_an_unknown_venue_is_not(
        self, truyvet: Truyvet, cafe: str
    ) -> None:
        head = truyvet.log.head()
        with pytest.raises(Unknown):
            truyvet.visits.check_in("ref:ann", "nowhere", NINE)
        assert truyvet.log.head() == head
        assert truyvet.visits.check_in("ref:ann", cafe, NINE).position == head + 2

    def test_names_of_one_person(self, truyvet: Truyvet, cafe: str) -> None:
        truyvet.visits.check_in("0912345678", cafe, NINE)
        truyvet.people.identify("phone:+84912345678", "cccd:001099012345")
        person = truyvet.people.find("cccd:001099012345")
        assert person == truyvet.people.find("0912 345 678") == truyvet.people.find(f"id:{person}")
        assert person is not None
        assert truyvet.people.identities([person]) == {person: "phone:+84912345678"}
        truyvet.visits.check_in("ref:bob", cafe, NINE)
        with pytest.raises(Conflict):
            truyvet.people.identify("ref:bob", "cccd:001099012345")

    def test_reasons_are_sealed(self, truyvet: Truyvet, cafe: str) -> None:
        visit = truyvet.visits.check_in("ref:ann", cafe, NINE)
        truyvet.visits.retract(visit.id, "it was her sister Lan")
        assert b"Lan" not in b"".join(event.state for event in truyvet.log.read_all(0))


class TestCasesAndQuarantines:
    def test_a_confirmation_again_even_after_isolation(self, truyvet: Truyvet) -> None:
        case_id = uuid4()
        first = truyvet.cases.confirm("ref:ann", DATES, case_id=case_id)
        truyvet.cases.isolate(case_id, NINE)
        assert truyvet.cases.confirm("ref:ann", DATES, case_id=case_id) == first
        with pytest.raises(Conflict):
            truyvet.cases.confirm("ref:ann", DATES, "who", case_id=case_id)

    def test_a_withdrawn_case_takes_no_amendment(self, truyvet: Truyvet) -> None:
        case = truyvet.cases.confirm("ref:ann", DATES)
        truyvet.cases.withdraw(case.id, "mixed-up sample")
        with pytest.raises(Refused):
            truyvet.cases.amend(case.id, sampled=date(2021, 8, 31))

    def test_a_quarantine_by_person_and_start(self, truyvet: Truyvet) -> None:
        first = truyvet.quarantines.assign("ref:ann", NINE, kind="home")
        assert truyvet.quarantines.assign("ref:ann", NINE) == first
        completed = truyvet.quarantines.assign("ref:ann", NINE, NINE + HOUR)
        assert (completed.id, completed.position > first.position) == (first.id, True)
        for until, kind in ((NINE + 2 * HOUR, None), (None, "hospital")):
            with pytest.raises(Conflict):
                truyvet.quarantines.assign("ref:ann", NINE, until, kind=kind)
        with pytest.raises(Refused):
            truyvet.quarantines.release(first.id, NINE)


class TestRetries:
    @pytest.fixture
    def lost_acknowledgement(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The first append commits, and its answer gets lost."""
        append, calls = EventRecorder.append, []

        def losing(self: EventRecorder, *args: object, **kwargs: object) -> object:
            appended = append(self, *args, **kwargs)  # type: ignore[arg-type] # passed on as it came
            calls.append(appended)
            if len(calls) == 1:
                raise OperationalError("the connection was cut after the commit")
            return appended

        monkeypatch.setattr(EventRecorder, "append", losing)
        yield
        assert calls

    def test_a_check_in_is_recorded_once(self, truyvet: Truyvet, cafe: str, lost_acknowledgement: None) -> None:
        recorded = truyvet.visits.check_in("ref:ann", cafe, NINE)
        assert recorded.position == truyvet.log.head() == 3

    def test_a_venue_without_code_is_recorded_once(self, truyvet: Truyvet, lost_acknowledgement: None) -> None:
        assert truyvet.venues.register("Cafe", "restaurant").position == truyvet.log.head() == 1

    def test_a_case_is_recorded_once(self, truyvet: Truyvet, lost_acknowledgement: None) -> None:
        assert truyvet.cases.confirm("ref:ann", DATES).position == truyvet.log.head() == 2

    def test_a_quarantine_is_recorded_once(self, truyvet: Truyvet, lost_acknowledgement: None) -> None:
        assert truyvet.quarantines.assign("ref:ann", NINE).position == truyvet.log.head() == 2


class TestAtTheSameTime:
    @pytest.mark.parametrize("what", ["visit", "visit with id", "venue", "case", "quarantine"])
    def test_copies_of_one_write_get_one_answer(self, truyvet: Truyvet, cafe: str, what: str) -> None:
        """The person is new each time, so that the copies race for the registration as well."""
        for number in range(25):
            with ThreadPoolExecutor(4) as threads:
                copies = [threads.submit(write, truyvet, what, f"ref:{number}", UUID(int=number)) for _ in range(4)]
            assert len({copy.result() for copy in copies}) == 1

    @pytest.mark.parametrize("what", ["visit", "visit with id", "venue", "case", "quarantine"])
    def test_a_twin_that_is_recorded_while_the_person_is_looked_up(
        self, truyvet: Truyvet, cafe: str, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        """The one interleaving in which the person is new and the thing itself is already there."""
        find_known = People.find_known
        twins: list[Recorded | None] = []

        def overtaken(people: People, names: Iterable[str]) -> dict[str, UUID]:
            known = find_known(people, names)
            if not twins:
                twins.append(None)
                twins[0] = write(truyvet, what, "ref:ann", UUID(int=7))
            return known

        monkeypatch.setattr(People, "find_known", overtaken)
        assert write(truyvet, what, "ref:ann", UUID(int=7)) == twins[0]


def write(truyvet: Truyvet, what: str, name: str, an_id: UUID) -> Recorded:
    match what:
        case "visit":
            return truyvet.visits.check_in(name, "cafe", NINE)
        case "visit with id":
            return truyvet.visits.check_in(name, "cafe", NINE, visit_id=str(an_id))
        case "venue":
            return truyvet.venues.register("Gym", "other", venue_id=an_id, manager=name)
        case "case":
            return truyvet.cases.confirm(name, DATES, case_id=an_id)
        case _:
            return truyvet.quarantines.assign(name, NINE, quarantine_id=str(an_id))


class TestWithdrawnQuarantine:
    def test_it_confines_nobody(self, truyvet: Truyvet, cafe: str) -> None:
        for person in ("ref:ann", "ref:bob"):
            truyvet.visits.check_in(person, cafe, NINE, check_out=NINE + HOUR)
        for person in ("ref:bob", "ref:cid"):
            truyvet.visits.check_in(person, cafe, NINE + 5 * HOUR, check_out=NINE + 6 * HOUR)
        quarantine = truyvet.quarantines.assign("ref:bob", NINE + 2 * HOUR)
        truyvet.graph.catch_up()
        confined = truyvet.contacts.trace("ref:ann", NINE, NINE + HOUR)
        stream = truyvet.quarantines.get(quarantine.id)
        stream.withdraw(None, NINE)
        truyvet.log.save(Draft([stream]), LOCAL)
        truyvet.graph.catch_up()
        free = truyvet.contacts.trace("ref:ann", NINE, NINE + HOUR)

        assert [contact.person for contact in confined.contacts] == ["ref:bob"]
        assert [contact.person for contact in free.contacts] == ["ref:bob", "ref:cid"]
