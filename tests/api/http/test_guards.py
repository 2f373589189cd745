"""Guards over HTTP: authorised by a venue's manager, with a key for its door and nothing else."""

from typing import Any
from uuid import UUID

import pytest

from api.http.access import RIGHTS
from domain.times import to_text
from tests.api.http.asking import Api, at, bearer

PHONE = "+84900000123"
LATER, MUCH_LATER = "2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z"


@pytest.fixture
def gate(api: Api) -> str:
    api.venue("cafe")
    return api.venue("gate", kind="checkpoint")


@pytest.fixture
def manager(api: Api, gate: str) -> Api:
    return api.as_("manager", venue="gate")


def authorised(manager: Api, **more: Any) -> dict[str, Any]:
    answer = manager.post("venues/gate/guards", {"phone": PHONE} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def checked_in(api: Api, key: str, venue: str = "gate", person: str = "ref:ann") -> int:
    body = {"venue": venue, "person": person}
    return api.client.post("/v1/check-ins", json=body, headers=bearer(key)).status_code


class TestAuthorising:
    def test_gives_a_key_for_this_door(self, api: Api, manager: Api) -> None:
        guard = authorised(manager)
        assert list(guard) == ["guard_id", "key_id", "key", "from", "until", "position"]
        assert (guard["until"], guard["position"]) == (None, api.truyvet.log.head())
        assert checked_in(api, guard["key"]) == 201
        assert checked_in(api, guard["key"], "cafe") == 404

    def test_from_and_until_are_when_the_key_opens(self, api: Api, manager: Api) -> None:
        guard = authorised(manager, **{"from": LATER, "until": MUCH_LATER})
        assert (guard["from"], guard["until"]) == (LATER, MUCH_LATER)
        assert checked_in(api, guard["key"]) == 401
        (key,) = [key for key in api.items("keys") if key["key_id"] == guard["key_id"]]
        assert (key["role"], key["valid_from"], key["expires_at"]) == ("guard", LATER, MUCH_LATER)

    def test_again_it_is_found_and_its_key_is_not_told_again(self, manager: Api) -> None:
        once = {"Idempotency-Key": "gate 7"}
        body = {"phone": PHONE, "until": LATER}
        first, again = (manager.post("venues/gate/guards", body, headers=once).json() for _ in range(2))
        assert first["key"] is not None
        assert again == first | {"key": None}
        assert manager.post("venues/gate/guards", {"phone": PHONE}, headers=once).status_code == 409

    def test_by_another_identity_only_who_may_know_the_people(self, api: Api, manager: Api) -> None:
        refused = manager.post("venues/gate/guards", {"person": "cccd:001099000007"})
        assert (refused.status_code, "001099000007" in refused.text) == (403, False)
        assert api.post("venues/gate/guards", {"person": "cccd:001099000007"}).status_code == 201

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"phone": None}, {"phone": "12"}, {"phone": PHONE, "person": "ref:ann"}, {"phone": f"phone:{PHONE}"},
            {"phone": PHONE, "from": LATER, "until": LATER}, {"phone": PHONE, "until": "2021-08-30T02:00:00Z"},
            {"phone": PHONE, "until": "tomorrow"}, {"phone": PHONE, "role": "admin"},
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_without_repeating_it(
        self, api: Api, manager: Api, body: dict[str, Any]
    ) -> None:
        head = api.truyvet.log.head()
        refused = manager.post("venues/gate/guards", body)
        assert (refused.status_code, PHONE in refused.text) == (422, False)
        assert api.truyvet.log.head() == head

    def test_no_number_is_written_into_an_event_or_an_answer(self, api: Api, manager: Api) -> None:
        guard = authorised(manager)
        assert PHONE[1:] not in api.get("events").text
        assert PHONE[1:] not in str(guard)


class TestRevoking:
    def test_ends_the_key_within_a_second(self, api: Api, manager: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        guard = authorised(manager)
        assert checked_in(api, guard["key"]) == 201
        path = f"venues/gate/guards/{guard['guard_id']}/revocation"
        revoked = manager.post(path)
        assert revoked.json() == {"guard_id": guard["guard_id"], "position": api.truyvet.log.head()}
        clock = api.truyvet.access_keys._recent._clock
        monkeypatch.setattr(api.truyvet.access_keys._recent, "_clock", lambda: clock() + 0.5)
        assert checked_in(api, guard["key"]) == 401
        assert manager.post(path).json() == revoked.json()

    def test_reaches_no_guard_of_another_venue(self, api: Api, manager: Api) -> None:
        guard = authorised(manager)
        other = api.as_("manager", venue="cafe")
        foreign = other.post(f"venues/cafe/guards/{guard['guard_id']}/revocation")
        unknown = other.post(f"venues/cafe/guards/{UUID(int=7)}/revocation")
        assert (foreign.status_code, foreign.json()) == (404, unknown.json())
        assert other.post(f"venues/gate/guards/{guard['guard_id']}/revocation").status_code == 404
        assert checked_in(api, guard["key"]) == 201


class TestListing:
    def test_shows_a_manager_the_numbers_that_were_given_and_nothing_else_of_the_person(
        self, api: Api, manager: Api
    ) -> None:
        """Authorising somebody must not tell who that is."""
        api.post("check-ins", {"venue": "cafe", "personal_qr": "001099000007||NGUYEN VAN A|01121990|Nam|X|01012021"})
        for number in ("+84900000001", PHONE):
            api.truyvet.people.identify("cccd:001099000007", f"phone:{number}")
        guard = authorised(manager)
        answer = manager.get("venues/gate/guards")
        (listed,) = answer.json()["items"]
        assert listed == {
            "guard_id": guard["guard_id"], "key_id": guard["key_id"], "phone": PHONE, "person": None, "person_id": None,
            "from": guard["from"], "until": None, "authorised_by": f"key:{manager.key.id}", "revoked_at": None,
            "revoked_by": None, "position": guard["position"],
        }  # fmt: skip
        (seen,) = api.items("venues/gate/guards")
        person_id = str(api.truyvet.people.find(f"phone:{PHONE}"))
        assert seen == listed | {"person": "cccd:001099000007", "person_id": person_id}

    def test_goes_page_by_page_and_has_those_of_the_venue_only(self, api: Api, manager: Api) -> None:
        guards = [authorised(manager)["guard_id"] for _ in range(3)]
        api.post("venues/cafe/guards", {"phone": PHONE})
        first = manager.get("venues/gate/guards", limit=2).json()
        last = manager.get("venues/gate/guards", limit=2, cursor=first["next"]).json()
        assert [guard["guard_id"] for guard in first["items"] + last["items"]] == guards
        assert last["next"] is None
        lines = manager.get("venues/gate/guards", accept="text/csv").text.splitlines()
        assert lines[0].startswith("guard_id,key_id,phone,person,person_id,from,until,")
        assert [line.split(",")[0] for line in lines[1:]] == guards


def test_a_guard_checks_in_and_out_on_the_visitor_s_behalf(api: Api, manager: Api) -> None:
    """By phone number and by personal QR; events say who acted for whom, and how sure the identity is."""
    api.truyvet.graph.start()
    guard = authorised(manager)
    headers = bearer(guard["key"])
    qr = "001099000007|NGUYEN VAN A|1990-12-01|0|160000000000000007|<1<<0900000007"
    for visitor, assurance in (({"person": "0900000008"}, "none"), ({"personal_qr": qr}, "phone")):
        body = {"venue": "gate"} | visitor
        came = api.client.post("/v1/check-ins", json=body | {"at": at("09:00")}, headers=headers).json()
        left = api.client.post("/v1/check-outs", json=body | {"at": at("09:05")}, headers=headers).json()
        assert came["visit_id"] == left["visit_id"]
        visit = api.truyvet.visibility.visit(came["visit_id"])
        for position in (came["position"], left["position"]):
            (event,) = api.truyvet.log.read(position - 1, 1)
            assert event.actor == f"key:{guard['key_id']}"
            assert event.on_behalf_of == f"id:{visit.person}"
        assert visit.scan.assurance == assurance


def test_a_guard_s_key_reads_nothing_but_the_open_visits_of_its_venue(api: Api, manager: Api) -> None:
    """Over every route that there is."""
    guard = authorised(manager)
    now = api.truyvet.visits.now()
    visit = api.post("check-ins", {"venue": "gate", "person": "ref:secret", "at": to_text(now - 60)}).json()
    left = api.post("check-ins", {"venue": "gate", "person": "ref:secret-2", "at": to_text(now - 60)}).json()
    api.post(f"visits/{left['visit_id']}/check-out")
    code = api.post("venues/gate/qr-codes").json()["payload"]
    person = str(api.truyvet.people.find("ref:secret"))
    names = {
        "venue_id": "gate", "visit_id": visit["visit_id"], "person_id": person, "key_id": str(manager.key.id),
        "case_id": api.case("secret")["case_id"], "quarantine_id": "q", "import_id": str(UUID(int=7)), "serial": "1",
        "guard_id": guard["guard_id"], **dict.fromkeys(("call_id", "declaration_id", "escalation_id", "site_id"), "q"),
        "alert_id": "1",
    }  # fmt: skip
    bodies = {
        "POST /v1/check-ins": {"venue": "gate", "person": "ref:new", "at": to_text(now - 60)},
        "POST /v1/check-outs": {"venue": "gate", "person": "ref:new"},
        "POST /v1/qr-codes/reading": {"text": code},
    }
    day = {"from": at("00:00"), "to": at("23:59")}
    api.truyvet.graph.catch_up()
    api.truyvet.graph.start()
    api.truyvet.registers.catch_up()
    read: dict[str, set[str]] = {}
    for route in sorted(RIGHTS, key=lambda one: (one.startswith("POST"), one.endswith("venue_id}/check-outs"), one)):
        method, path = route.split()
        query = day if path.endswith(("/visits", "/overlaps")) and "people" not in path else None
        answer = api.client.request(
            method, path.format(**names), params=query, json=bodies.get(route), headers=bearer(guard["key"])
        )
        assert "secret" not in answer.text
        assert person not in answer.text
        assert visit["visit_id"] not in answer.text or "{visit_id}" in path
        if route.endswith("/open-visits"):
            assert len(answer.json()["items"]) == 1
        if answer.is_success:
            read[route] = set(answer.json())
        else:
            assert answer.status_code == 403, (route, answer.text)
    assert read == {
        "POST /v1/qr-codes/reading": {"venue_id", "code", "name"},
        "GET /v1/qr-codes/signing-keys": {"items", "next", "position"},  # they are public
        "POST /v1/check-ins": {"visit_id", "position"},
        "POST /v1/check-outs": {"visit_id", "position"},
        "POST /v1/venues/{venue_id}/check-outs": {"checked_out", "position"},
        "GET /v1/venues/{venue_id}/open-visits": {"items", "next", "position"},
        "POST /v1/visits/{visit_id}/check-out": {"visit_id", "position"},
    }
