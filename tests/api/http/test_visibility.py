"""What managers and guards see of visitors over HTTP, and every way round it that we could think of."""

import base64
import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest

from api.http.access import RIGHTS
from api.http.lists import digest
from domain.times import to_text
from tests.api.http.asking import Api, at

CARD = "001099000007||NGUYEN VAN A|01121990|Nam|X|01012021"
DAY = {"from": at("00:00"), "to": at("23:59")}
COLUMNS = ["visit_id", "name", "phone", "declaration_code", "venue", "venue_id", "check_in", "check_out"]


@pytest.fixture
def town(api: Api) -> Api:
    """A checkpoint and two markets, one of which has a stall; the same two people at all of them, by an app's ids."""
    api.truyvet.graph.start()
    api.venue("gate", kind="checkpoint", commune="14995")
    api.venue("cho", kind="market", commune="14995")
    api.venue("cho2", kind="market", commune="14995")
    api.venue("stall", kind="shop", commune="14995", part_of="cho")
    api.venue("booth", kind="checkpoint", commune="14995", part_of="cho")
    for number, venue in enumerate(("gate", "cho", "cho2", "stall", "booth")):
        came(api, venue, f"{number + 7:02}:00", personal_qr=CARD, visit_id=f"app:001099000007:{number}")
        came(api, venue, f"{number + 7:02}:01", person="+84900000008", visit_id=f"app:84900000008:{number}")
    return api


def came(api: Api, venue: str, time: str, **more: Any) -> dict[str, Any]:
    answer = api.post("check-ins", {"venue": venue, "at": at(time)} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def here(api: Api, venue: str, *, minutes: int = 1, **more: Any) -> dict[str, Any]:
    """Somebody came so long ago."""
    then = to_text(api.truyvet.visits.now() - 60 * minutes)
    answer = api.post("check-ins", {"venue": venue, "at": then} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def secrets(api: Api) -> list[str]:
    """What tells who somebody is or knows them again at another venue."""
    people = [api.truyvet.people.find(name) for name in ("cccd:001099000007", "phone:+84900000008")]
    return ["001099000007", "900000008", "NGUYEN", "app:", *map(str, people)]


class TestVisitsOfAVenue:
    def test_a_checkpoint_shows_its_manager_names_and_phones(self, town: Api) -> None:
        town.truyvet.people.identify("cccd:001099000007", "phone:+84900000001")
        visits = town.as_("manager", venue="gate").items("venues/gate/visits", **DAY)
        assert [list(visit) for visit in visits] == [COLUMNS, COLUMNS]
        assert [(visit["name"], visit["phone"], visit["declaration_code"]) for visit in visits] == [
            ("NGUYEN VAN A", "+84900000001", None), (None, "+84900000008", None),
        ]  # fmt: skip

    def test_any_other_venue_shows_declaration_codes_only(self, town: Api) -> None:
        answer = town.as_("manager", venue="cho").get("venues/cho/visits", **DAY)
        visits = answer.json()["items"]
        assert [list(visit) for visit in visits] == [COLUMNS, COLUMNS]
        assert [(visit["name"], visit["phone"]) for visit in visits] == [(None, None), (None, None)]
        assert len({visit["declaration_code"] for visit in visits}) == 2
        assert not [secret for secret in secrets(town) if secret in answer.text]

    def test_a_code_is_the_same_at_every_visit_and_another_at_each_venue(self, town: Api) -> None:
        came(town, "cho", "15:00", personal_qr=CARD)
        codes = {
            venue: [
                visit["declaration_code"]
                for visit in town.as_("manager", venue=venue).items(f"venues/{venue}/visits", **DAY)
            ]
            for venue in ("cho", "cho2", "stall")
        }
        ann, bob, again = codes["cho"]
        assert ann == again != bob
        assert len({ann, bob, *codes["cho2"], *codes["stall"]}) == 6

    def test_nothing_is_the_same_at_two_venues(self, town: Api) -> None:
        """But the times, and that nothing is known."""
        shown = []
        for venue in ("cho", "cho2", "stall"):
            visits = town.as_("manager", venue=venue).items(f"venues/{venue}/visits", **DAY)
            shown.append({value for visit in visits for name, value in visit.items() if value is not None})
        assert not shown[0] & shown[1] | shown[0] & shown[2] | shown[1] & shown[2]

    def test_others_see_what_they_saw_before(self, town: Api) -> None:
        person = town.truyvet.people.find("cccd:001099000007")
        columns = ["visit_id", "person", "person_id", "venue", "venue_id", "check_in", "check_out", "overlapping"]
        for role, name in (
            ("admin", "cccd:001099000007"), ("epidemiologist", "cccd:001099000007"), ("auditor", f"id:{person}"),
        ):  # fmt: skip
            for venue in ("gate", "cho"):
                first, _ = town.as_(role).items(f"venues/{venue}/visits", **DAY)
                assert (list(first), first["person"], first["person_id"]) == (columns, name, str(person))
                assert first["visit_id"].startswith("app:001099000007")

    @pytest.mark.parametrize(("venue", "known"), [("gate", {"+84900000008", ""}), ("cho", {""})])
    def test_tables_and_streams_have_the_same_columns_and_no_more(self, town: Api, venue: str, known: set[str]) -> None:
        manager = town.as_("manager", venue=venue)
        table = manager.get(f"venues/{venue}/visits", accept="text/csv", **DAY).text
        rows = list(csv.DictReader(io.StringIO(table)))
        assert table.splitlines()[0].split(",") == COLUMNS
        assert {row["phone"].lstrip("'") for row in rows} == known
        stream = manager.get(f"venues/{venue}/visits", accept="application/x-ndjson", **DAY).text
        assert [list(json.loads(line)) for line in stream.splitlines()] == [COLUMNS, COLUMNS]
        if venue == "cho":
            assert not [secret for secret in secrets(town) if secret in table + stream]

    def test_each_part_is_shown_as_its_own_kind_says(self, town: Api) -> None:
        district = town.as_("manager", area="387")
        visits = district.items("venues/cho/visits", parts="true", **DAY)
        told = {visit["venue"]: (visit["phone"] is not None, visit["declaration_code"] is not None) for visit in visits}
        assert told == {"cho": (False, True), "stall": (False, True), "booth": (True, False)}

    def test_the_manager_of_the_whole_does_not_reach_its_parts(self, town: Api) -> None:
        manager = town.as_("manager", venue="cho")
        assert manager.get("venues/cho/visits", parts="true", **DAY).status_code == 403
        assert manager.get("venues/stall/visits", **DAY).status_code == 404
        assert {visit["venue"] for visit in manager.items("venues/cho/visits", **DAY)} == {"cho"}

    def test_a_venue_that_moves_stays_what_it_is(self, town: Api) -> None:
        manager = town.as_("manager", venue="cho")
        assert manager.patch("venues/cho", {"kind": "checkpoint"}).status_code == 422
        assert manager.patch("venues/cho", {"commune": "14998", "name": "Chốt"}).status_code == 200
        assert {visit["name"] for visit in manager.items("venues/cho/visits", **DAY)} == {None}

    def test_somebody_elsewhere_at_the_same_time_is_not_told(self, town: Api) -> None:
        for venue in ("cho", "stall"):
            visit = came(town, venue, "20:00", person="ref:twice")
            town.post(f"visits/{visit['visit_id']}/check-out", {"at": at("21:00")})
        seen = town.as_("epidemiologist").items("venues/cho/visits", parts="true", **DAY)
        assert [len(visit["overlapping"]) for visit in seen[-2:]] == [1, 1]
        assert "overlapping" not in town.as_("manager", area="387").get("venues/cho/visits", parts="true", **DAY).text

    def test_another_s_manager_a_stranger_and_nothing_look_alike(self, town: Api) -> None:
        other = town.as_("manager", venue="cho2")
        names = ("gate", "cho", str(town.truyvet.venues.get("cho").id), "nowhere", str(UUID(int=7)))
        lists: tuple[tuple[str, dict[str, str]], ...] = (
            ("visits", DAY),
            ("open-visits", {}),
            ("quality", {}),
            ("guards", {}),
        )
        answers = [other.get(f"venues/{name}/{what}", **query) for name in names for what, query in lists]
        assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}


class TestCursors:
    def test_of_a_manager_carry_nothing_that_could_be_guessed_at(self, town: Api) -> None:
        manager = town.as_("manager", venue="cho")
        first = manager.get("venues/cho/visits", limit=1, **DAY).json()
        cursor = first["next"]
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        assert told["k"] == digest(first["items"][0]["visit_id"]) != digest("app:001099000007:1")
        (last,) = manager.get("venues/cho/visits", limit=1, cursor=cursor, **DAY).json()["items"]
        assert last["declaration_code"] != first["items"][0]["declaration_code"]

    def test_of_others_are_not_taken_for_theirs(self, town: Api) -> None:
        cursor = town.get("venues/cho/visits", limit=1, **DAY).json()["next"]
        refused = town.as_("manager", venue="cho").get("venues/cho/visits", limit=1, cursor=cursor, **DAY)
        assert (refused.status_code, refused.json()["detail"]) == (422, "that is no cursor of ours")


class TestOpenVisits:
    @pytest.mark.parametrize("role", ["manager", "guard"])
    def test_are_shown_as_the_kind_says(self, town: Api, role: str) -> None:
        for venue, phone in (("gate", "+84900000009"), ("cho", None)):
            here(town, venue, person="0900000009")
            (visit,) = town.as_(role, venue=venue).items(f"venues/{venue}/open-visits")
            assert list(visit) == COLUMNS
            assert (visit["phone"], visit["declaration_code"] is None) == (phone, venue == "gate")

    def test_a_guard_sees_none_who_has_left_whatever_is_asked(self, town: Api) -> None:
        gone = here(town, "gate", minutes=3, person="0900000001")
        here(town, "gate", minutes=2, person="0900000002")
        guard, manager = (town.as_(role, venue="gate") for role in ("guard", "manager"))
        both = town.truyvet.log.head()
        first = guard.get("venues/gate/open-visits", limit=1).json()
        assert [visit["phone"] for visit in first["items"]] == ["+84900000001"]
        town.post(f"visits/{gone['visit_id']}/check-out")
        for query in ({}, {"as_of": both}, {"limit": 1, "cursor": first["next"]}):
            assert [visit["phone"] for visit in guard.items("venues/gate/open-visits", **query)] == ["+84900000002"]
        for accept in ("text/csv", "application/x-ndjson"):
            text = guard.get("venues/gate/open-visits", accept=accept, as_of=both).text
            assert ("00000001" in text, "00000002" in text) == (False, True)
        assert len(manager.items("venues/gate/open-visits", as_of=both)) == 2

    def test_a_cursor_that_a_guard_makes_up_shows_no_more(self, town: Api) -> None:
        gone = here(town, "gate", minutes=3, person="0900000001")
        here(town, "gate", minutes=2, person="0900000002")
        guard = town.as_("guard", venue="gate")
        first = guard.get("venues/gate/open-visits", limit=1).json()
        then = town.truyvet.log.head()
        town.post(f"visits/{gone['visit_id']}/check-out")
        here(town, "gate", person="0900000003")
        told = json.loads(base64.urlsafe_b64decode(first["next"] + "=" * (-len(first["next"]) % 4)))
        forged = base64.urlsafe_b64encode(json.dumps(told | {"p": then}).encode()).decode().rstrip("=")
        seen = guard.items("venues/gate/open-visits", limit=1, cursor=forged)
        assert [visit["phone"] for visit in seen] == ["+84900000002"]


class TestScans:
    @pytest.mark.parametrize("role", ["manager", "guard"])
    def test_an_alias_names_the_visit_in_answers_and_paths(self, town: Api, role: str) -> None:
        door = town.as_(role, venue="cho")
        came = here(door, "cho", person="0900000001")
        (seen,) = door.items("venues/cho/open-visits")
        assert seen["visit_id"] == came["visit_id"]
        left = door.post(f"visits/{seen['visit_id']}/check-out", {"at": to_text(town.truyvet.visits.now())})
        assert (left.status_code, left.json()["visit_id"]) == (200, came["visit_id"])
        assert door.items("venues/cho/open-visits") == []

    def test_an_id_that_was_chosen_at_the_door_goes_on_naming_the_visit_there(self, town: Api) -> None:
        door = town.as_("guard", venue="cho")
        assert here(door, "cho", person="0900000001", visit_id="gate-7:1")["visit_id"] == "gate-7:1"
        assert door.post("visits/gate-7:1/check-out").json()["visit_id"] == "gate-7:1"

    def test_a_visit_elsewhere_looks_like_none_by_alias_and_by_id(self, town: Api) -> None:
        door, foreign = town.as_("guard", venue="cho"), here(town.as_("guard", venue="cho2"), "cho2", person="ref:ann")
        answers = [
            door.post(f"visits/{name}/check-out")
            for name in (foreign["visit_id"], "app:001099000007:2", "nothing", "0" * 64, "a b")
        ]
        assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}

    def test_the_id_that_an_app_gave_is_not_told_to_who_scans_the_same_again(self, town: Api) -> None:
        door = town.as_("guard", venue="cho")
        once = {"Idempotency-Key": "scan 1"}
        body = {"venue": "cho", "personal_qr": CARD, "at": at("08:00")}
        first, again = (door.post("check-ins", body, headers=once) for _ in range(2))
        assert (first.status_code, first.json()) == (201, again.json())
        assert first.json()["visit_id"] == town.truyvet.visibility.alias("app:001099000007:1")
        left = door.post("check-outs", body | {"at": at("08:30")})
        assert left.json()["visit_id"] == first.json()["visit_id"]

    def test_who_has_left_looks_like_who_never_came(self, town: Api) -> None:
        """Or a phone number could be asked about. The same check-out again is answered the same nevertheless."""
        door = town.as_("guard", venue="cho")
        body = {"venue": "cho", "person": "0900000008"}
        once = {"Idempotency-Key": "tap 1"}
        left = door.post("check-outs", body | {"at": at("08:30")})
        assert (left.status_code, left.json()) == (200, door.post("check-outs", body | {"at": at("08:30")}).json())
        here(door, "cho", person="0900000001")
        keyed = door.post("check-outs", body | {"person": "0900000001"}, headers=once)
        assert (keyed.status_code, keyed.json()) == (
            200, door.post("check-outs", body | {"person": "0900000001"}, headers=once).json(),
        )  # fmt: skip
        answers = [
            door.post("check-outs", {"venue": "cho", "person": person, "at": at("10:00")})
            for person in ("0900000008", "0900000077", "ref:nobody")
        ]
        assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
        assert town.post("check-outs", body | {"at": at("10:00")}).status_code == 409
        another = body | {"person": "0900000001", "at": at("10:00")}
        assert door.post("check-outs", body | {"person": "0900000001"} | {"at": at("10:00")}).status_code == 404
        here(door, "cho", person="0900000001")
        assert door.post("check-outs", another | {"at": None}, headers=once).status_code == 409

    @pytest.mark.parametrize("role", ["manager", "guard"])
    def test_nobody_is_named_by_the_random_id_at_a_door(self, town: Api, role: str) -> None:
        """Checked in at a checkpoint, they would be shown by name and phone."""
        door = town.as_(role, venue="gate")
        for person in (town.truyvet.people.find("cccd:001099000007"), UUID(int=7)):
            for route in ("check-ins", "check-outs"):
                refused = door.post(route, {"venue": "gate", "person": f"id:{person}"})
                assert (refused.status_code, refused.json()["detail"]) == (403, "this key may not name people by id:")


class TestQuality:
    def test_tells_a_manager_nothing_of_other_venues(self, town: Api) -> None:
        for venue, start, end in (("cho", "12:00", "13:00"), ("cho2", "12:00", "13:00")):
            visit = came(town, venue, start, person="ref:twice", visit_id=f"app:twice:{venue}")
            town.post(f"visits/{visit['visit_id']}/check-out", {"at": at(end)})
        for number in range(3):
            came(town, "cho", f"14:0{number}", person="ref:often", visit_id=f"app:often:{number}")
        seen, hidden = (
            {flag["name"]: flag["examples"] for flag in who.get("venues/cho/quality", lang="en", **DAY).json()["flags"]}
            for who in (town.as_("epidemiologist"), town.as_("manager", venue="cho"))
        )
        assert set(seen) == {"shared_phone", "fast_succession", "two_places"}
        assert set(hidden) == {"shared_phone"}
        assert hidden["shared_phone"] == [town.truyvet.visibility.alias(visit) for visit in seen["shared_phone"]]


@pytest.mark.parametrize("role", ["manager", "guard"])
def test_no_route_tells_who_was_at_a_market(town: Api, role: str) -> None:
    """Whatever is asked with what can be known at the door: about the venue, its visits, people or anything else."""
    door = town.as_(role, venue="cho")
    here(town, "cho", personal_qr=CARD, visit_id="app:001099000007:now")
    here(town, "cho", minutes=2, person="+84900000008")
    (first, _) = door.items("venues/cho/open-visits")
    names = {
        "venue_id": "cho", "visit_id": first["visit_id"], "person_id": str(UUID(int=7)), "case_id": str(UUID(int=7)),
        "quarantine_id": "q", "import_id": str(UUID(int=7)), "key_id": str(door.key.id), "serial": "1",
        "guard_id": str(UUID(int=7)), "alert_id": "1",
        **dict.fromkeys(("call_id", "declaration_id", "escalation_id", "site_id"), str(UUID(int=7))),
    }  # fmt: skip
    bodies: dict[str, dict[str, Any]] = {
        "POST /v1/check-ins": {"venue": "cho", "personal_qr": CARD, "at": at("08:00")},
        "POST /v1/check-outs": {"venue": "cho", "personal_qr": CARD},
        "POST /v1/venues/{venue_id}/guards": {"phone": "+84900000008"},
        "PATCH /v1/venues/{venue_id}": {"name": "Chợ"},
    }
    asked = []
    for route in sorted(RIGHTS, key=lambda route: (not route.startswith("GET"), route.endswith("/closure"))):
        method, path = route.split()
        for query in ({}, DAY, DAY | {"limit": "1"}, DAY | {"as_of": str(town.truyvet.log.head())}):
            answer = town.client.request(
                method, path.format(**names), params=query if method == "GET" else None, json=bodies.get(route),
                headers={"Authorization": f"Bearer {door.key}"},
            )  # fmt: skip
            assert not [secret for secret in secrets(town) if secret in answer.text.replace("\\u", "")], route
            asked.append((route, answer.is_success))
    succeeded = {route for route, was_answered in asked if was_answered}
    assert {"GET /v1/venues/{venue_id}/open-visits", "POST /v1/check-ins", "POST /v1/check-outs"} <= succeeded
    assert ("GET /v1/venues/{venue_id}/visits" in succeeded) == (role == "manager")
