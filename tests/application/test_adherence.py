"""Check-ins elsewhere, positions and ends: what the policy and the commands record of quarantines."""

from io import BytesIO
from typing import Any

import pytest

from api.app import Truyvet
from application.adherence import AdherencePolicy
from application.log import Draft, Fact
from application.provenance import Provenance
from application.quarantines import quarantine_stream
from application.sites import NewSite
from domain.adherence import Coordinates
from domain.errors import Refused, Unknown
from domain.imports import Import
from domain.quarantines import Quarantine
from domain.times import to_text
from infrastructure.log import RecordedEvent
from infrastructure.verification import verify
from tests.outbreak import at

HOME = Coordinates(20.2711, 104.9921)
NEAR = Coordinates(20.2715, 104.9921)  # 44 metres to the north
FAR = Coordinates(20.2811, 104.9921)  # 1,112 metres
FAR_AWAY = at("9") + 50 * 365 * 86_400


@pytest.fixture
def confined(truyvet: Truyvet) -> Truyvet:
    """Ann is at home from nine to eighteen, Bob is not; there is a cafe."""
    truyvet.venues.register("Cafe", "restaurant", code="cafe", commune="14995")
    truyvet.quarantines.assign("ref:ann", at("9"), at("18"), quarantine_id="q1", kind="home", coordinates=HOME)
    return truyvet


def check_in(truyvet: Truyvet, person: str, time: str, visit_id: str, venue: str = "cafe", **more: Any) -> int:
    return truyvet.visits.check_in(f"ref:{person}", venue, at(time), visit_id=visit_id, **more).position


def adherence(truyvet: Truyvet) -> list[RecordedEvent]:
    """What the policies recorded of quarantines since it was asked last, or ever."""
    truyvet.policies.catch_up()
    names = ("Quarantine.Breached", "Quarantine.BreachDismissed", "Quarantine.Completed")
    return [event for event in truyvet.log.read(0, 1_000) if event.type in names]


def said(truyvet: Truyvet) -> list[str]:
    return [event.type.removeprefix("Quarantine.") for event in adherence(truyvet)]


class TestCheckIns:
    def test_elsewhere_is_a_breach_whose_evidence_is_the_visit(self, confined: Truyvet) -> None:
        by = Provenance(actor="key:gateway", correlation="request:7")
        position = check_in(confined, "ann", "10", "v1", by=by)
        (breach,) = adherence(confined)
        data = breach.as_dict()["data"]
        assert (data["kind"], data["visit_id"], data["at"]) == ("check_in", "v1", to_text(at("10")))
        assert data["venue"] == str(confined.venues.get("cafe").id)
        assert (breach.actor, breach.cause, breach.correlation) == ("policy:adherence", position, "request:7")

    def test_of_others_and_outside_the_time_are_none(self, confined: Truyvet) -> None:
        for person, time in (("bob", "10"), ("ann", "8"), ("ann", "18")):
            check_in(confined, person, time, f"{person}{time}")
        assert adherence(confined) == []

    def test_that_were_known_before_the_quarantine_are_none(self, confined: Truyvet) -> None:
        check_in(confined, "bob", "10", "v1")
        confined.quarantines.assign("ref:bob", at("9"), quarantine_id="q2")
        assert adherence(confined) == []
        check_in(confined, "bob", "11", "v2")
        assert said(confined) == ["Breached"]

    def test_are_followed_alike_whatever_led_to_the_quarantine(self, confined: Truyvet) -> None:
        for person, level in (("f1", "F1"), ("f2", "F2"), ("f3", "F3"), ("returnee", None)):
            confined.quarantines.assign(f"ref:{person}", at("9"), quarantine_id=person, reason=level)
            check_in(confined, person, "10", f"v.{person}")
        assert said(confined) == ["Breached"] * 4

    def test_are_told_once_whoever_leads_and_however_often(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "10", "v1")
        before = said(confined)
        policy = AdherencePolicy(confined.log, confined.registers.quarantines.confined, confined.adherence.now)
        confined.registers.catch_up()
        policy.begin(0)
        facts = [Fact(e.position, e.type, e.stream, e.as_dict()["data"]) for e in confined.log.read(0, 100)]
        policy.react([fact for fact in facts if fact.topic in policy.topics], confined.log.head())
        assert said(confined) == before == ["Breached"]

    def test_that_are_retracted_are_no_breach_any_more(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "10", "v1")
        assert said(confined) == ["Breached"]
        position = confined.visits.retract("v1").position
        assert said(confined) == ["Breached", "BreachDismissed"]
        assert adherence(confined)[1].cause == position

    def test_that_are_corrected_out_of_the_quarantine_are_none_and_back_in_are_one(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "10", "v1")
        said(confined)
        confined.visits.correct("v1", check_in=at("8"))
        assert said(confined) == ["Breached", "BreachDismissed"]
        confined.visits.correct("v1", check_in=at("11"))
        assert said(confined) == ["Breached", "BreachDismissed", "Breached"]

    def test_are_judged_by_what_is_known_when_the_policy_comes_to_them(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "10", "v1")
        confined.visits.retract("v1")
        check_in(confined, "ann", "16", "v2")
        confined.quarantines.release("q1", at("15"))
        assert adherence(confined) == []

    def test_after_a_release_that_comes_late_are_no_breach_any_more(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "16", "v1")
        said(confined)
        confined.quarantines.release("q1", at("15"))
        assert said(confined) == ["Breached", "BreachDismissed"]

    def test_of_a_withdrawn_quarantine_are_no_breach_any_more(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "10", "v1")
        said(confined)
        quarantine = confined.quarantines.get("q1")
        quarantine.withdraw(None, at("20"))
        confined.log.save(Draft([quarantine]), Provenance())
        assert said(confined) == ["Breached", "BreachDismissed"]

    def test_follow_a_killed_import_and_its_retraction(
        self, confined: Truyvet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the policy records belongs to the import as well, and is not taken back with it."""
        confined.quarantines.assign("ref:bob", at("9"), quarantine_id="q2")
        check_in(confined, "bob", "16", "v1")
        assert said(confined) == ["Breached"]
        file = BytesIO(f"person,from,until\nref:bob,{to_text(at('9'))},{to_text(at('15'))}".encode())
        with monkeypatch.context() as patch:
            patch.setattr("infrastructure.imports.recorded.RecordedImport.complete", lambda *_: None)
            confined.imports.assigned_quarantines(file, by=Provenance())
        assert said(confined) == ["Breached", "BreachDismissed"]
        confined.retraction.retract(confined.log.read(0, 100, topic=Import.Begun.TOPIC)[0].stream)
        assert said(confined) == ["Breached", "BreachDismissed", "Breached"]

    def test_at_the_site_and_in_its_parts_are_none(self, confined: Truyvet) -> None:
        confined.venues.register("Ward block", "other", code="block", commune="14995")
        confined.venues.register("Ward 1", "other", code="ward", commune="14995", part_of="block")
        site = confined.sites.register(NewSite("Block", "facility", "14995", 10, venue="block")).id
        confined.quarantines.assign("ref:cid", at("9"), quarantine_id="q3", site=site)
        for venue in ("block", "ward"):
            check_in(confined, "cid", "10", venue, venue)
        assert adherence(confined) == []
        check_in(confined, "cid", "11", "v3")
        assert said(confined) == ["Breached"]

    def test_where_they_turn_out_to_have_been_moved_to_are_no_breach_any_more(self, confined: Truyvet) -> None:
        confined.venues.register("Hospital", "hospital", code="hospital", commune="14995")
        site = confined.sites.register(NewSite("Hospital", "hospital", "14995", 10, venue="hospital")).id
        check_in(confined, "ann", "10", "v1", "hospital")
        assert said(confined) == ["Breached"]
        confined.quarantines.move("q1", "hospital", site=site, at=at("10"))
        assert said(confined) == ["Breached", "BreachDismissed"]

    def test_many_of_one_person_are_each_told(self, confined: Truyvet) -> None:
        for hour in range(9, 18):
            check_in(confined, "ann", str(hour), f"v{hour}")
        breaches = adherence(confined)
        assert [breach.as_dict()["data"]["visit_id"] for breach in breaches] == [f"v{hour}" for hour in range(9, 18)]


class TestPositions:
    def test_far_from_home_are_a_breach_in_the_same_commit(self, confined: Truyvet) -> None:
        recorded = confined.adherence.report("q1", FAR, at("10"))
        report, breach = confined.log.read(recorded.position - 2, 2)
        assert (report.type, breach.type) == ("Quarantine.PositionReported", "Quarantine.Breached")
        assert (report.recorded_at, breach.position) == (breach.recorded_at, recorded.position)
        assert report.as_dict()["data"]["distance_metres"] == breach.as_dict()["data"]["distance_metres"] == 1112
        assert not report.as_dict()["data"]["within"]

    def test_at_home_are_none(self, confined: Truyvet) -> None:
        confined.adherence.report("q1", NEAR, at("10"))
        assert adherence(confined) == []

    def test_are_sealed(self, confined: Truyvet) -> None:
        confined.adherence.report("q1", FAR, at("10"))
        written = b"".join(event.state for event in confined.log.read(0, 100))
        for coordinates in (HOME, FAR):
            assert not any(str(degrees).encode() in written for degrees in coordinates)

    def test_again_are_found(self, confined: Truyvet) -> None:
        first = confined.adherence.report("q1", NEAR, at("10"))
        confined.adherence.report("q1", NEAR, at("11"))
        assert confined.adherence.report("q1", NEAR, at("10")) == first

    def test_are_compared_with_the_site(self, confined: Truyvet) -> None:
        site = confined.sites.register(NewSite("Block", "facility", "14995", 10, latitude=20.2711, longitude=104.9921))
        confined.quarantines.assign("ref:cid", at("9"), quarantine_id="q3", site=site.id)
        confined.adherence.report("q3", NEAR, at("10"))
        assert adherence(confined) == []
        confined.adherence.report("q3", FAR, at("11"))
        assert said(confined) == ["Breached"]

    def test_are_refused_where_nobody_said_what_place_to_compare_with(self, confined: Truyvet) -> None:
        confined.quarantines.assign("ref:bob", at("9"), quarantine_id="q2")
        with pytest.raises(Refused, match="no coordinates"):
            confined.adherence.report("q2", NEAR, at("10"))

    def test_are_compared_once_the_coordinates_are_told(self, confined: Truyvet) -> None:
        confined.quarantines.assign("ref:bob", at("9"), quarantine_id="q2", kind="home")
        moved = confined.quarantines.move("q2", "home", at=at("9"), coordinates=HOME)
        assert confined.quarantines.move("q2", "home", at=at("9:30"), coordinates=HOME) == moved
        confined.adherence.report("q2", FAR, at("10"))
        assert said(confined) == ["Breached"]


class TestDismissal:
    def test_names_a_breach_by_its_position(self, confined: Truyvet) -> None:
        alert = confined.adherence.report("q1", FAR, at("10")).position
        dismissed = confined.adherence.dismiss(alert, "went to be tested, as ordered")
        assert confined.adherence.dismiss(alert, "something else") == dismissed
        assert said(confined) == ["Breached", "BreachDismissed"]
        assert b"tested" not in b"".join(event.state for event in confined.log.read(0, 100))

    @pytest.mark.parametrize("alert", [1, 10**17])
    def test_of_what_is_no_breach_is_refused(self, confined: Truyvet, alert: int) -> None:
        with pytest.raises(Unknown):
            confined.adherence.dismiss(alert, "none")


class TestTheEnd:
    def test_completes_a_quarantine_once(self, confined: Truyvet) -> None:
        confined.quarantines.assign("ref:bob", at("9"), FAR_AWAY, quarantine_id="q2")
        confined.quarantines.assign("ref:cid", at("9"), quarantine_id="q3")
        for _ in range(2):
            confined.policies.catch_up()
            confined.policies.tick()
        (completed,) = adherence(confined)
        assert (completed.stream, completed.type) == (quarantine_stream("q1"), "Quarantine.Completed")
        assert completed.as_dict()["data"] | {"person": None} == {
            "quarantine_id": "q1", "person": None, "since": to_text(at("9")), "until": to_text(at("18")), "breaches": 0,
        }  # fmt: skip

    def test_is_noted_by_a_leader_that_comes_later(self, confined: Truyvet, truyvet_again: Any) -> None:
        confined.policies.catch_up()
        truyvet_again().policies.tick()
        assert said(confined) == ["Completed"]

    def test_that_is_put_off_is_waited_for(self, confined: Truyvet) -> None:
        confined.quarantines.extend("q1", FAR_AWAY)
        confined.policies.catch_up()
        confined.policies.tick()
        assert adherence(confined) == []

    def test_with_a_breach_says_so(self, confined: Truyvet) -> None:
        check_in(confined, "ann", "10", "v1")
        confined.policies.catch_up()
        confined.policies.tick()
        assert adherence(confined)[-1].as_dict()["data"]["breaches"] == 1

    def test_late_check_ins_are_breaches_still(self, confined: Truyvet) -> None:
        confined.policies.catch_up()
        confined.policies.tick()
        check_in(confined, "ann", "10", "v1")
        assert said(confined) == ["Completed", "Breached"]


def test_log_and_views_are_whole_with_everything_that_adherence_records(confined: Truyvet) -> None:
    check_in(confined, "ann", "10", "v1")
    confined.adherence.report("q1", FAR, at("11"))
    confined.policies.catch_up()
    confined.visits.retract("v1")
    confined.policies.catch_up()
    confined.policies.tick()
    confined.registers.catch_up()
    confined.graph.catch_up()
    assert list(verify(confined.log, confined.vault, confined.registers, confined.graph)) == []
    assert [breach.dismissed for breach in confined.registers.breaches.page()] == [None, "visit_retracted"]
    (quarantine,) = confined.registers.quarantines.page()
    assert quarantine.completed


def test_nobody_confined_no_visit_is_read(truyvet: Truyvet) -> None:
    policy = AdherencePolicy(truyvet.log, list, truyvet.adherence.now)
    assert "Visit.CheckedIn" not in policy.topics
    assert policy.waking == {Quarantine.Assigned.TOPIC}
