from typing import Any

import pytest

from tests.api.http.asking import Api, at

DAY = {"from": at("00:00"), "to": at("23:59")}
PLACED: dict[str, Any] = {
    "name": "Chợ Đồng Xuân", "kind": "market", "commune": "00004", "address": "Phố Đồng Xuân", "latitude": 21.0382,
    "longitude": 105.8491, "opening_hours": "Mo-Su 06:00-18:00", "manager": "phone:+84900000001",
}  # fmt: skip


@pytest.fixture
def market(api: Api) -> str:
    return api.venue("market", kind="market", commune="00004")


@pytest.fixture
def stall(api: Api, market: str) -> str:
    return api.venue("stall", kind="shop", commune="00004", part_of="market")


def test_a_venue_says_where_it_lies_when_it_is_open_and_who_manages_it(api: Api, market: str) -> None:
    shown = api.post("venues", PLACED | {"part_of": "market"}).json()
    same = ("name", "kind", "commune", "address", "latitude", "longitude", "opening_hours")
    assert {name: shown[name] for name in same} == {name: PLACED[name] for name in same}
    assert (shown["part_of"], shown["status"], shown["default_stay_minutes"]) == (market, "active", 45)
    assert api.get(f"venues/{shown['venue_id']}").json() == shown
    assert [venue for venue in api.items("venues") if venue["part_of"]] == [shown]


def test_a_manager_is_shown_by_the_random_id_and_stands_in_no_event_in_the_clear(api: Api) -> None:
    answer = api.post("venues", PLACED)
    assert answer.json()["manager_id"] == str(api.truyvet.people.find("0900000001"))
    assert "900000001" not in answer.text
    assert b"900000001" not in b"".join(event.state for event in api.truyvet.log.read_all(0))


def test_the_same_registration_again_is_found_and_another_is_a_conflict(api: Api, market: str) -> None:
    body = PLACED | {"code": "dx", "part_of": market}
    first = api.post("venues", body).json()
    assert api.post("venues", body | {"part_of": "market"}).json() == first
    for other in ({"manager": "ref:bob"}, {"latitude": 21.04}, {"opening_hours": "24/7"}):
        assert api.post("venues", body | other).status_code == 409
    del body["part_of"]
    assert api.post("venues", body).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [{"latitude": 21.0}, {"latitude": None, "longitude": 105.0}, {"latitude": 91, "longitude": 105}, {"manager": "Lan"},
     {"opening_hours": "mornings"}, {"latitude": "21", "longitude": "105"}, {"part_of": "no venue"}],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    body = {"name": "Sạp 12", "kind": "shop", "commune": "00004"}
    assert api.post("venues", body | wrong).status_code == 422
    assert api.patch(f"venues/{api.venue('stall')}", wrong).status_code == 422


def test_a_venue_lies_in_one_that_is_there(api: Api) -> None:
    itself = {"venue_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "part_of": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10"}
    for body in ({"part_of": "nowhere"}, itself):
        assert api.post("venues", {"name": "Sạp 12", "kind": "shop", "commune": "00004"} | body).status_code == 404


def test_an_amendment_changes_what_it_names(api: Api) -> None:
    venue = api.post("venues", PLACED).json()
    moved = api.patch(f"venues/{venue['venue_id']}", {"commune": "00001", "latitude": None, "longitude": None}).json()
    assert moved == venue | {
        "commune": "00001", "latitude": None, "longitude": None, "position": venue["position"] + 1
    }  # fmt: skip
    nobody = api.patch(f"venues/{venue['venue_id']}", {"manager": None, "opening_hours": None, "address": None}).json()
    assert [nobody[name] for name in ("manager_id", "opening_hours", "address")] == [None] * 3
    assert api.patch(f"venues/{venue['venue_id']}", {"commune": None}).status_code == 422
    assert api.patch(f"venues/{venue['venue_id']}", {"commune": "99999"}).status_code == 422
    types = [event.type for event in api.truyvet.log.read_all(venue["position"])]
    assert types == ["Venue.Moved", "Venue.Moved", "Venue.OpeningHoursChanged", "Venue.ManagerChanged"]


class TestStatus:
    def test_it_is_suspended_reactivated_and_closed(self, api: Api, market: str) -> None:
        for change, time, status in (
            ("suspension", "09:00", "suspended"), ("reactivation", "10:00", "active"), ("closure", "11:00", "closed"),
        ):  # fmt: skip
            first = api.post(f"venues/market/{change}", {"at": at(time)})
            assert (first.status_code, first.json()["status"]) == (200, status)
            assert first.json()["status_since"] == f"2021-08-30T{int(time[:2]) - 7:02}:00:00Z"
            assert api.post(f"venues/market/{change}", {"at": at(time)}).json() == first.json()
            assert api.post(f"venues/market/{change}").json() == first.json()
            assert api.items("venues")[0] | {"position": 0} == first.json() | {"position": 0}

    def test_another_time_is_a_conflict_and_a_closed_venue_stays_closed(self, api: Api, market: str) -> None:
        assert api.post("venues/market/closure", {"at": at("09:00")}).status_code == 200
        assert api.post("venues/market/closure", {"at": at("10:00")}).status_code == 409
        for change in ("suspension", "reactivation"):
            refused = api.post(f"venues/market/{change}", {"at": at("11:00")})
            assert (refused.status_code, refused.json()["detail"]) == (422, "the venue is closed for good")

    def test_without_a_time_it_is_now_whatever_the_venue_holds_stays(self, api: Api, stall: str) -> None:
        closed = api.post("venues/market/closure").json()
        assert closed["status_since"] > "2022"
        assert api.get("venues/stall").json()["status"] == "active"

    def test_nothing_that_is_not_there_is_closed(self, api: Api) -> None:
        assert api.post("venues/nowhere/closure").status_code == 404


class TestTheWholeAndItsParts:
    @pytest.fixture(autouse=True)
    def _visits(self, api: Api, stall: str) -> None:
        self.a, self.b = api.visit("ann", "market", "09:00", "10:00"), api.visit("bob", "stall", "09:30", "10:30")

    def test_what_lies_in_a_venue_is_listed(self, api: Api, market: str, stall: str) -> None:
        bar = api.venue("bar", part_of="market")
        assert [venue["venue_id"] for venue in api.items("venues", part_of="market")] == [stall, bar]
        assert [venue["venue_id"] for venue in api.items("venues", part_of=market, kind="shop")] == [stall]
        assert [venue["venue_id"] for venue in api.items("venues", commune="00001")] == [bar]
        assert api.items("venues", part_of="nowhere") == []

    def test_people_met_in_the_whole_who_did_not_meet_in_a_part(self, api: Api) -> None:
        assert api.items("venues/market/overlaps", **DAY) == []
        assert api.items("venues/stall/overlaps", parts="true", **DAY) == []
        assert api.items("venues/market/overlaps", parts="true", **DAY) == [
            {
                "person_a": "ref:ann", "person_b": "ref:bob", "start": "2021-08-30T02:30:00Z",
                "end": "2021-08-30T03:00:00Z", "seconds": 1800, "certainty": "certain", "visits_a": [self.a],
                "visits_b": [self.b], "venue_a": "market", "venue_b": "stall",
            }
        ]  # fmt: skip
        header, line = api.get("venues/market/overlaps", accept="text/csv", parts="true", **DAY).text.splitlines()
        assert header.endswith(",visits_a,visits_b,venue_a,venue_b")
        assert line.endswith(",market,stall")

    def test_whom_a_person_met_in_the_whole(self, api: Api) -> None:
        api.visit("cat", "market", "09:40", "09:50")
        met = api.items("venues/market/overlaps", parts="true", person="ref:bob", **DAY)
        assert [(row["person_a"], row["person_b"], row["venue_a"], row["venue_b"]) for row in met] == [
            ("ref:ann", "ref:bob", "market", "stall"), ("ref:bob", "ref:cat", "stall", "market"),
        ]  # fmt: skip

    def test_the_visits_of_the_whole(self, api: Api) -> None:
        assert [visit["visit_id"] for visit in api.items("venues/market/visits", **DAY)] == [self.a]
        assert [visit["venue"] for visit in api.items("venues/market/visits", parts="true", **DAY)] == [
            "market", "stall",
        ]  # fmt: skip

    def test_what_was_not_part_of_it_yet_does_not_count(self, api: Api) -> None:
        before = api.truyvet.log.head()
        api.venue("bar", part_of="stall")
        api.visit("cat", "bar", "09:40", "09:50")
        everybody = api.items("venues/market/overlaps", parts="true", **DAY)
        assert [(row["person_a"], row["person_b"]) for row in everybody] == [
            ("ref:ann", "ref:bob"), ("ref:ann", "ref:cat"), ("ref:bob", "ref:cat"),
        ]  # fmt: skip
        assert api.items("venues/market/overlaps", parts="true", as_of=before, **DAY) == everybody[:1]
        assert len(api.truyvet.contacts.within("market")) == 3
        assert len(api.truyvet.contacts.within("market", as_of=before)) == 2


class TestBoundKeys:
    def test_a_gateway_registers_and_moves_within_its_area(self, api: Api) -> None:
        gateway = api.as_("gateway", area="001")
        api.venue("elsewhere", commune="14995")
        body = {"name": "Chợ", "kind": "market", "commune": "00004"}
        assert gateway.post("venues", body | {"commune": "14995"}).status_code == 403
        assert gateway.post("venues", body | {"part_of": "elsewhere"}).status_code == 404
        venue = gateway.post("venues", body).json()["venue_id"]
        assert gateway.patch(f"venues/{venue}", {"commune": "14995"}).status_code == 403
        assert gateway.patch(f"venues/{venue}", {"commune": "00001"}).status_code == 200

    def test_a_manager_looks_after_one_venue(self, api: Api, market: str, stall: str) -> None:
        manager = api.as_("manager", venue=market)
        assert manager.patch(f"venues/{market}", {"opening_hours": "24/7"}).status_code == 200
        assert manager.post("venues/market/suspension").status_code == 200
        assert manager.post(f"venues/{stall}/closure").status_code == 404
        assert manager.get("venues/market/visits", parts="true", **DAY).status_code == 403

    def test_a_whole_is_answered_to_who_reaches_all_of_it(self, api: Api, stall: str) -> None:
        epidemiologist = api.as_("epidemiologist", area="00004")
        assert epidemiologist.get("venues/market/overlaps", parts="true", **DAY).status_code == 200
        api.venue("bar", commune="14995", part_of="market")
        refused = epidemiologist.get("venues/market/overlaps", parts="true", **DAY)
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "this key does not reach everything in the venue",
        )
        assert epidemiologist.get("venues/market/overlaps", **DAY).status_code == 200
