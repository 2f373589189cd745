"""Scans that come together are answered as if each had come alone, in fewer commits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from application.log import Recorded
from application.provenance import Provenance, Request
from application.scans import AnyScan, CheckIn, CheckOut
from domain.errors import Conflict, Malformed, Refused, TruyvetError, Unknown
from domain.visits import Scan, Visit
from infrastructure.events import EventRecorder

NINE = 1_630_288_800
HOUR = 3_600


@pytest.fixture
def cafe(truyvet: Truyvet) -> str:
    truyvet.venues.register("Cafe", "restaurant", code="cafe", commune="14995")
    return "cafe"


def came(person: str = "ann", at: int | None = NINE, **more: Any) -> CheckIn:
    return CheckIn(f"ref:{person}", "cafe", at, **more)


def recorded(truyvet: Truyvet, *scans: AnyScan) -> list[Any]:
    return truyvet.scans.record(scans)


def commits(truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each append brought, from now on."""
    append, sizes = EventRecorder.append, []

    def counting(self: EventRecorder, rows: Sequence[bytes], **more: Any) -> Any:
        sizes.append(len(rows))
        return append(self, rows, **more)

    monkeypatch.setattr(EventRecorder, "append", counting)
    return sizes


class TestTogether:
    def test_a_rush_is_one_commit(self, truyvet: Truyvet, cafe: str, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = commits(truyvet, monkeypatch)
        answers = recorded(truyvet, *(came(f"p{number}", NINE + number) for number in range(100)))
        assert sizes == [200]
        assert [answer.position for answer in answers] == list(range(3, 203, 2))
        assert len({answer.id for answer in answers}) == 100

    def test_one_that_is_refused_takes_no_other_with_it(self, truyvet: Truyvet, cafe: str) -> None:
        answers = recorded(
            truyvet,
            came("ann"),
            CheckIn("ref:bob", "nowhere", NINE),
            came("cat", check_out=NINE),
            CheckOut("no-such-visit"),
            came("dan"),
        )
        assert [type(answer) for answer in answers] == [Recorded, Unknown, Refused, Unknown, Recorded]
        assert truyvet.log.head() == 5
        assert truyvet.people.find("ref:cat") is None

    def test_the_same_scan_twice_is_one_visit(self, truyvet: Truyvet, cafe: str) -> None:
        first, again, other = recorded(truyvet, came(), came(), came(visit_id="gate:1"))
        assert first == again
        assert isinstance(other, Conflict)

    def test_a_check_in_and_its_check_out(self, truyvet: Truyvet, cafe: str) -> None:
        start, end, late = recorded(
            truyvet, came(visit_id="gate:1"), CheckOut("gate:1", NINE + HOUR), CheckOut("gate:1", NINE + 2 * HOUR)
        )
        assert (start.id, end.id) == ("gate:1", "gate:1")
        assert isinstance(late, Conflict)
        assert truyvet.visits.get("gate:1").check_out == NINE + HOUR

    def test_what_is_no_name_is_refused_before_it_joins_others(self) -> None:
        for make in (lambda: came(visit_id="a b"), lambda: CheckIn("x:y", "cafe"), lambda: CheckIn("ref:a", "a b"),
                     lambda: CheckOut("a b"), lambda: CheckIn("id:7", "cafe")):  # fmt: skip
            with pytest.raises(Malformed):
                make()


class TestRequests:
    def test_a_request_is_answered_once_in_one_round_and_the_next(self, truyvet: Truyvet, cafe: str) -> None:
        by = Provenance(request=Request(b"k" * 32, b"f" * 32))
        another = Provenance(request=Request(b"k" * 32, b"g" * 32))
        first, twin, refused = recorded(truyvet, came(at=None, by=by), came(at=None, by=by), came("bob", by=another))
        assert first == twin
        assert isinstance(refused, Conflict)
        assert recorded(truyvet, came(at=None, by=by)) == [first]
        assert truyvet.log.head() == 3

    def test_one_that_recorded_nothing_is_answered_the_same_too(self, truyvet: Truyvet, cafe: str) -> None:
        (first,) = recorded(truyvet, came())
        by = Provenance(request=Request(b"k" * 32, b"f" * 32))
        assert recorded(truyvet, came(by=by)) == [first]
        assert recorded(truyvet, came("ann", NINE + 7, by=by)) == [first]

    def test_a_twin_that_another_process_records_after_the_request_was_looked_up(
        self, truyvet: Truyvet, cafe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        by = Provenance(request=Request(b"k" * 32, b"f" * 32))
        log, twins = type(truyvet.log), list[Any]()
        answered_all = log.answered_all

        def overtaken(own: Any, requests: Any) -> Any:
            answered = answered_all(own, requests)
            if not twins:
                twins.append(None)
                twins[:] = recorded(truyvet, came(at=None, by=by))
            return answered

        monkeypatch.setattr(log, "answered_all", overtaken)
        assert recorded(truyvet, came(at=None, by=by)) == twins
        assert truyvet.log.head() == 3


class TestClocks:
    def test_the_check_in_is_the_device_s_time_less_its_error(self, truyvet: Truyvet, cafe: str) -> None:
        (visit,) = recorded(truyvet, came(at=NINE + 90, scan=Scan("phone", 90, "d")))
        kept = truyvet.visits.get(visit.id)
        assert (kept.check_in, kept.device_check_in, kept.scan) == (NINE, NINE + 90, Scan("phone", 90, "d"))

    @pytest.mark.parametrize("visit_id", [None, "gate:1"])
    def test_delivered_again_with_another_estimate_it_is_the_same_visit(
        self, truyvet: Truyvet, cafe: str, visit_id: str | None
    ) -> None:
        scan = came(at=NINE + 90, visit_id=visit_id, scan=Scan(clock_error_seconds=90))
        (first,) = recorded(truyvet, scan)
        assert recorded(truyvet, replace(scan, scan=Scan(clock_error_seconds=60))) == [first]

    def test_of_a_check_out_too(self, truyvet: Truyvet, cafe: str) -> None:
        (visit,) = recorded(truyvet, came())
        recorded(truyvet, CheckOut(visit.id, NINE + HOUR - 30, clock_error_seconds=-30))
        assert truyvet.visits.get(visit.id).check_out == NINE + HOUR

    def test_a_clock_that_tells_no_time(self, truyvet: Truyvet, cafe: str) -> None:
        (answer,) = recorded(truyvet, came(scan=Scan(clock_error_seconds=400 * 24 * HOUR)))
        assert isinstance(answer, Refused)


class TestWhoAndWhere:
    def test_a_delegated_scan_says_for_whom(self, truyvet: Truyvet, cafe: str) -> None:
        (visit,) = recorded(truyvet, came(delegated=True, by=Provenance(actor="key:guard")))
        person = truyvet.people.find("ref:ann")
        event = truyvet.log.read(visit.position - 1, 1)[0]
        assert (event.actor, event.on_behalf_of) == ("key:guard", f"id:{person}")

    def test_to_those_whom_it_does_not_admit_a_venue_looks_unknown(self, truyvet: Truyvet, cafe: str) -> None:
        foreign, unknown = recorded(truyvet, came(admits=lambda _: False), CheckIn("ref:ann", "nowhere", NINE))
        assert (type(foreign), str(foreign)) == (type(unknown), str(unknown))

    def test_any_known_identity_says_who_it_is_and_the_others_are_learnt(self, truyvet: Truyvet, cafe: str) -> None:
        recorded(truyvet, CheckIn("ref:qid:7", "cafe", NINE))
        recorded(truyvet, CheckIn("cccd:001099000007", "cafe", NINE + 1, also=("ref:qid:7",)))
        recorded(truyvet, CheckIn("cccd:001099000007", "cafe", NINE + 2))
        recorded(truyvet, CheckIn("cccd:001099000008", "cafe", NINE + 2, also=("ref:qid:8",)))
        (stays,) = {truyvet.people.find(name) for name in ("ref:qid:7", "cccd:001099000007")}
        assert stays is not None
        truyvet.graph.catch_up()
        assert len(truyvet.contacts.visits_of_person("ref:qid:7")[1]) == 3
        assert truyvet.people.find("ref:qid:8") == truyvet.people.find("cccd:001099000008")

    def test_a_code_that_nobody_signed_gives_nobody_a_second_citizen_number(self, truyvet: Truyvet, cafe: str) -> None:
        recorded(truyvet, CheckIn("cccd:001099000007", "cafe", NINE, also=("ref:qid:7",)))
        recorded(truyvet, CheckIn("cccd:001099000008", "cafe", NINE, also=("ref:qid:7",)))
        seven, eight = (truyvet.people.find(f"cccd:00109900000{n}") for n in (7, 8))
        assert seven == truyvet.people.find("ref:qid:7")
        assert eight not in (None, seven)

    def test_what_is_told_of_a_person_is_sealed_and_kept_once(self, truyvet: Truyvet, cafe: str) -> None:
        told = {"name": "NGUYEN VAN A", "birth_date": "1990"}
        recorded(
            truyvet, came(description=told), came("bob", description=told), came("ann", NINE + 1, description=told)
        )
        recorded(truyvet, came("ann", NINE + 2, description=told))
        ann, bob = truyvet.people.find("ref:ann"), truyvet.people.find("ref:bob")
        assert ann is not None
        assert bob is not None
        assert truyvet.people.descriptions([ann, bob]) == {ann: told, bob: told}
        states = [event.state for event in truyvet.log.read_all(0)]
        assert b"NGUYEN" not in b"".join(states)
        assert [event.type for event in truyvet.log.read_all(0)].count("Person.Described") == 2

    def test_a_venue_that_is_closed_takes_only_what_happened_before(self, truyvet: Truyvet, cafe: str) -> None:
        truyvet.venues.close("cafe", NINE + HOUR)
        before, after = recorded(truyvet, came(), came("bob", NINE + HOUR))
        assert isinstance(before, Recorded)
        assert isinstance(after, Refused)


PEOPLE = st.sampled_from(["ann", "bob", "cat"])
TIMES = st.integers(0, 3).map(lambda hour: NINE + hour * HOUR)
IDS = st.sampled_from([None, "v1", "v2"])
ARRIVALS = st.builds(came, PEOPLE, TIMES, check_out=st.none() | TIMES, visit_id=IDS)
DEPARTURES = st.builds(CheckOut, st.sampled_from(["v1", "v2"]), TIMES)


@given(st.lists(ARRIVALS | DEPARTURES, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_together_is_as_one_by_one(truyvet: Truyvet, scans: list[AnyScan]) -> None:
    """Each example has a venue and ids of its own in the same database."""
    at_once, in_turn = (_at_a_new_venue(truyvet, scans) for _ in range(2))
    together = [_outcome(answer) for answer in truyvet.scans.record(at_once)]
    one_by_one = [_outcome(truyvet.scans.record([scan])[0]) for scan in in_turn]
    assert together == one_by_one
    assert _visits(truyvet, at_once) == _visits(truyvet, in_turn)


def _at_a_new_venue(truyvet: Truyvet, scans: list[AnyScan]) -> list[AnyScan]:
    venue = truyvet.venues.register("Cafe", "restaurant").id

    def moved(scan: AnyScan) -> AnyScan:
        visit_id = None if scan.visit_id is None else f"{venue}:{scan.visit_id}"
        if isinstance(scan, CheckIn):
            named = {"venue": str(venue), "person": f"{scan.person}-{venue}", "visit_id": visit_id}
            return replace(scan, **named)
        return replace(scan, visit_id=str(visit_id))

    return [moved(scan) for scan in scans]


def _outcome(answer: Recorded | TruyvetError) -> str:
    return f"{type(answer).__name__}: {answer}" if isinstance(answer, TruyvetError) else "recorded"


def _visits(truyvet: Truyvet, scans: list[AnyScan]) -> list[tuple[int, int | None]]:
    """The times of the visits that the scans came to."""
    venues = {scan.venue for scan in scans if isinstance(scan, CheckIn)}
    truyvet.graph.catch_up()
    found = [row for venue in venues for row in truyvet.contacts.visits_of_venue(venue, 0, 2**32 - 2)[1]]
    return sorted((visit.check_in, visit.check_out or 0) for visit in found)


def test_every_visit_stands_under_the_key_of_what_its_device_showed(truyvet: Truyvet, cafe: str) -> None:
    recorded(truyvet, came(at=NINE + 90, scan=Scan(clock_error_seconds=90)), came("bob"))
    with truyvet.database.get_connection() as connection:
        keys = connection.execute("SELECT count(*) AS n FROM keys").fetchone()
    assert keys == {"n": 1 + 2 + 3}  # the venue's code, two people, three for two visits
    assert Visit.CheckedIn.TOPIC in [event.type for event in truyvet.log.read_all(0)]
