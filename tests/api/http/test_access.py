"""Who may do what: the whole table, route by route, for every role, place and kind of key."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from eventsourcing.persistence import OperationalError
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from api.app import Truyvet
from api.http import _ROUTERS, access, health, live
from api.http.access import RIGHTS, Place, Right
from api.http.events import Wanted
from api.http.live import Source
from application.access_keys import KeyText, new_key_text
from application.callers import Caller
from application.calls import call_stream
from application.declarations import Told
from application.sites import NewSite
from domain.access_keys import ROLES
from domain.adherence import Coordinates
from domain.declarations import Declaration
from domain.errors import Refused
from domain.triage import Answers
from tests.api.http.asking import FIRST, Api, at, bearer

ROUTES = {f"{method} {route.path}" for router in _ROUTERS for route in router.routes
          if isinstance(route, APIRoute) for method in route.methods}  # fmt: skip

READS_FIRST = sorted(RIGHTS, key=lambda route: (not route.startswith("GET"), route))
"""What is written must not keep the next from reading."""

DAY = {"from": at("00:00"), "to": at("23:59")}
QUERIES: dict[str, dict[str, str]] = {
    "GET /v1/cases/{case_id}/difference": {"since": "0"},
    "GET /v1/venues/{venue_id}/visits": DAY,
    "GET /v1/venues/{venue_id}/overlaps": DAY,
    "GET /v1/reports/adoption": {"unit": "387", "week": "2021-W35"},
    "GET /v1/reports/campaign": {"unit": "387", "from": "2021-08-30", "to": "2021-09-05"},
    "GET /v1/reports/sites": {"unit": "387"},
}
"""What reads need to be answered."""

BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/venues": {"name": "Stall", "kind": "shop", "commune": "14995"},
    "POST /v1/check-ins": {"venue": "home", "person": "ref:cat"},
    "POST /v1/check-outs": {"venue": "home", "person": "ref:bob"},
    "POST /v1/qr-codes/reading": {"text": "{qr_code}"},
}
"""What names the place, where the body does."""

SECRET = "nobody-is-told"  # noqa: S105 # part of a name


class World:
    """A venue at home in Quan Son, another far away, and one of everything that a path can name."""

    def __init__(self, api: Api) -> None:
        self.api = api
        truyvet = api.truyvet
        for code, commune in (("home", "14995"), ("far", "00001")):
            truyvet.venues.register(code.title(), "checkpoint", code=code, commune=commune)
            truyvet.qr_codes.issue(code)
        visit = truyvet.visits.check_in(f"ref:{SECRET}-ann", "home", _NINE, check_out=_NINE + 3600)
        truyvet.visits.check_in("ref:bob", "home", _NINE)
        truyvet.visits.check_in("ref:bob", "home", _NINE + 60, check_out=_NINE + 3600)
        key = truyvet.access_keys.create("gateway", person=f"ref:{SECRET}-ann")[0]
        self.names = {
            "venue_id": "home",
            "visit_id": visit.id,
            "person_id": truyvet.people.find(f"ref:{SECRET}-ann"),
            "case_id": api.case("bob")["case_id"],
            "quarantine_id": (
                confined := truyvet.quarantines.assign(
                    f"ref:{SECRET}-ann", _NINE, coordinates=Coordinates(20.27, 104.99)
                )
            ).id,
            "alert_id": truyvet.adherence.report(confined.id, Coordinates(20.28, 104.99), _NINE).position,
            "import_id": api.imported("quarantines", f"person,from,until\nref:cat,{at('09:00')},\n".encode())[
                "import_id"
            ],
            "key_id": key.id,
            "declaration_id": (declared := self._declared()).declaration_id,
            "escalation_id": declared.escalation,
            "call_id": self._called(),
            "site_id": truyvet.sites.register(NewSite("KTX B", "facility", "14995", 2)).id,
            "guard_id": truyvet.guards.authorise("home", f"ref:{SECRET}-gus")[0].id,
            "serial": 1,
            "qr_code": truyvet.qr_codes.current("home").text,
        }
        truyvet.graph.start()
        truyvet.registers.start()

    def _declared(self) -> Declaration:
        told = Told("health", "web", answers=Answers(("fever",)))
        recorded = self.api.truyvet.declarations.declare(f"ref:{SECRET}-ann", told)
        return self.api.truyvet.declarations.get(recorded.id)

    def _called(self) -> UUID:
        told = Told("returnee", "border", arrived_at=_NINE)
        self.api.truyvet.declarations.declare(f"ref:{SECRET}-ann", told)
        self.api.truyvet.policies.catch_up()
        return call_stream(self.api.truyvet.people.find(f"ref:{SECRET}-ann"))

    def key(self, role: str, **more: Any) -> KeyText:
        return self.api.truyvet.access_keys.create(role, **more)[1]

    def keys(self) -> dict[str, KeyText]:
        """One for each role, at home where it is bound."""
        return {role: self.key(role, **HOME.get(role, {})) for role in ROLES}

    def ask(
        self, route: str, key: object = None, headers: dict[str, str] | None = None, **names: str
    ) -> httpx.Response:
        method, path = route.split()
        told = self.names | names
        body = {name: text.format(**told) for name, text in BODIES.get(route, {}).items()}
        client, sent = self.api.client, bearer(str(key)) if headers is None else headers
        request = client.build_request(
            method, path.format(**told), params=QUERIES.get(route), json=body or None, headers=sent
        )
        if "Authorization" not in sent:
            del request.headers["Authorization"]
        return client.send(request)


HOME: dict[str, dict[str, str]] = {"guard": {"venue": "home"}, "manager": {"venue": "home"}}
_NINE = 1_630_288_800


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def test_the_table_names_every_route_and_nothing_else() -> None:
    assert set(RIGHTS) == ROUTES
    assert all("admin" in right.roles for right in RIGHTS.values())
    assert {route for route, right in RIGHTS.items() if right.place is Place.STATED} <= set(BODIES)


def test_what_the_table_does_not_name_is_refused_to_everybody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = world.keys()
    for route in ROUTES:
        with monkeypatch.context() as patch:
            patch.delitem(RIGHTS, route)
            assert {world.ask(route, key).status_code for key in keys.values()} == {403}, route


def test_every_route_lets_in_its_roles_and_no_others(world: World) -> None:
    """Roles that may are answered, with whatever; to reads with what was asked for."""
    keys, wrong = world.keys(), []
    for route in READS_FIRST:
        for role, key in keys.items():
            answer = world.ask(route, key)
            may = role in RIGHTS[route].roles and (RIGHTS[route].place is not Place.NONE or role not in HOME)
            let_in = answer.status_code not in (401, 403) and (answer.is_success or not route.startswith("GET"))
            if let_in != may or (not may and answer.status_code != 403):
                wrong.append((role, route, answer.status_code, answer.text))
    assert wrong == []


def test_nobody_gets_in_without_a_valid_key(world: World) -> None:
    expired, revoked = _ended_keys(world)
    strangers: list[dict[str, str]] = [
        {}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic YWRtaW46YWRtaW4="},
        bearer("garbage"), bearer(new_key_text()), {"Authorization": str(world.api.key)},
        bearer(KeyText(world.api.key.id, new_key_text().secret)),
        *map(bearer, expired), *map(bearer, revoked),
    ]  # fmt: skip
    head = world.api.truyvet.log.head()
    answers = {
        (route, answer.status_code, answer.headers.get("WWW-Authenticate"), answer.text)
        for route in ROUTES for headers in strangers for answer in [world.ask(route, headers=headers)]
    }  # fmt: skip
    assert {route for route, *_ in answers} == ROUTES
    assert {(status, header) for _, status, header, _ in answers} == {(401, "Bearer")}
    assert len({text for *_, text in answers}) == 1
    assert world.api.truyvet.log.head() == head


def _ended_keys(world: World) -> tuple[list[KeyText], list[KeyText]]:
    keys = world.api.truyvet.access_keys
    expired = [world.key(role, expires_at=keys.now() + 60, **HOME.get(role, {})) for role in ROLES]
    revoked = [world.key(role, **HOME.get(role, {})) for role in ROLES]
    for key in (*expired, *revoked):
        assert keys.authenticate(str(key))
    for key in revoked:
        keys.revoke(key.id)
        keys._recent.look_up(key.id)  # as half a second later
    later = keys.now() + 60
    keys.now = lambda: later  # type: ignore[method-assign] # a clock that went on
    return expired, revoked


@pytest.mark.parametrize("bound", [{"venue": "far"}, {"area": "01"}, {"area": "00001"}], ids=str)
def test_a_key_of_another_place_reaches_nothing_here_and_cannot_tell_what_there_is(
    world: World, bound: dict[str, str]
) -> None:
    keys = dict(_keys_bound_to(world, bound))
    head = world.api.truyvet.log.head()
    wrong = []
    for role, key in keys.items():
        for route, right in RIGHTS.items():
            answer = world.ask(route, key)
            if not _is_kept_out(world, answer, route, right, role, key):
                wrong.append((role, route, answer.status_code, answer.text))
    assert wrong == []
    assert world.api.truyvet.log.head() == head


def _keys_bound_to(world: World, bound: dict[str, str]) -> Iterator[tuple[str, KeyText]]:
    for role in ROLES:
        try:
            yield role, world.key(role, **bound)
        except Refused:
            assert role == "admin" or (role == "guard" and "area" in bound)


def _is_kept_out(world: World, answer: httpx.Response, route: str, right: Right, role: str, key: KeyText) -> bool:
    if role not in right.roles:
        return answer.status_code == 403
    unknown = str(uuid4())
    match right.place:
        case Place.NONE | Place.UNIT:
            return answer.status_code == 403
        case Place.VENUE:
            there = world.api.truyvet.venues.get("home").id
            answers = [answer, world.ask(route, key, venue_id=str(there)), world.ask(route, key, venue_id=unknown)]
            return {answer.status_code for answer in answers} == {404} and len({answer.text for answer in answers}) == 1
        case Place.VISIT:
            other = world.ask(route, key, visit_id=unknown)
            return answer.status_code == other.status_code == 404 and answer.text == other.text
        case Place.STATED:
            return answer.status_code in (403, 404)
        case Place.ANY:
            return answer.is_success


@pytest.mark.parametrize("bound", [{"venue": "home"}, {"area": "387"}, {"area": "14995"}], ids=str)
def test_a_key_of_this_place_reaches_it(world: World, bound: dict[str, str]) -> None:
    keys = dict(_keys_bound_to(world, bound))
    for route in READS_FIRST:
        for role in RIGHTS[route].roles & keys.keys():
            if RIGHTS[route].place in (Place.VENUE, Place.VISIT):
                assert world.ask(route, keys[role]).status_code not in (401, 403, 404), (role, route)
    assert world.ask("POST /v1/check-ins", world.key("guard", venue="home")).status_code in (201, 422)


def test_who_may_not_know_the_people_is_told_no_identity_by_any_route(world: World) -> None:
    keys = world.keys()
    told = {
        role for role, key in keys.items() for route in READS_FIRST if SECRET in world.ask(route, key).text
    }  # fmt: skip
    assert told == {"admin", "caller", "epidemiologist"}
    shown = {
        role for role, key in keys.items() for route in READS_FIRST
        if route.startswith("GET") and f"id:{world.names['person_id']}" in world.ask(route, key).text
    }  # fmt: skip
    assert "auditor" in shown


def test_who_may_not_know_the_people_asks_about_them_by_id_only(world: World) -> None:
    auditor = world.api.as_("auditor")
    question = {"from": at("00:00"), "to": at("23:00")}
    for name in (f"ref:{SECRET}-ann", "0912345678", "ref:nobody"):
        refused = auditor.post("traces", question | {"person": name})
        assert (refused.status_code, name in refused.text) == (403, False)
    assert auditor.post("traces", question | {"person": f"id:{world.names['person_id']}"}).status_code == 200
    assert auditor.get("venues/home/overlaps", person=f"ref:{SECRET}-ann", **DAY).status_code == 403


def test_nothing_of_a_request_is_read_before_it_is_known_whose_it_is(api: Api) -> None:
    for path in ("/v1/venues", "/v1/imports/visits", "/v1/nothing", "/nothing", "/v1"):
        for content in (b"{", b"x" * 2_000_000):
            answer = api.client.post(path, content=content, headers=bearer("garbage"))
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.parametrize("path", ["/v1/health/live", "/v1/health/ready", "/openapi.json", "/docs"])
def test_health_and_documentation_need_no_key(api: Api, path: str) -> None:
    api.truyvet.graph.catch_up()
    for headers in ({"Authorization": "nonsense"}, bearer("garbage"), bearer(api.key)):
        assert api.client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/health/../cases", "/v1/health/%2e%2e/cases", "//v1/cases", "/V1/cases", "/v1/cases/"]
)
def test_no_other_way_of_writing_a_path_leads_past_the_door(api: Api, path: str) -> None:
    assert api.client.get(path, headers=bearer("garbage")).status_code in (401, 404)


def test_no_log_line_holds_a_key(api: Api) -> None:
    unknown = new_key_text()
    with capture_logs() as lines:
        created = api.post("keys", {"role": "gateway"}).json()["key"]
        for key in (created, unknown):
            api.client.get("/v1/venues", headers=bearer(key))
    assert [line["status"] for line in lines] == [201, 403, 401]
    assert not any(secret in str(lines) for secret in (created, unknown.secret, api.key.secret))


def test_two_keys_at_once_are_none(api: Api) -> None:
    header = ("Authorization", f"Bearer {api.key}")
    del api.client.headers["Authorization"]
    assert api.client.get("/v1/venues", headers=[header]).status_code == 200
    assert api.client.get("/v1/venues", headers=[header, header]).status_code == 401
    assert api.client.get("/v1/venues", headers=[(header[0], f"bearer  {api.key} ")]).status_code == 200


def test_while_the_log_is_away_a_key_that_is_not_known_is_told_to_try_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = api.as_("gateway")

    def away(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(api.truyvet.log, "load", away)
    answer = gateway.client.get("/v1/venues/cafe", headers=bearer(gateway.key))
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


def test_who_knocks_again_and_again_is_known_without_asking_the_log(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.truyvet.access_keys._recent, "_clock", lambda: 0.0)  # at once, however long an answer takes
    assert api.client.get("/v1/venues").status_code == 200
    monkeypatch.setattr(access, "run_in_threadpool", None)
    assert api.client.get("/v1/venues").status_code == 200


def test_events_say_whose_key_recorded_them(api: Api) -> None:
    gateway = api.as_("gateway")
    gateway.venue("cafe")
    assert api.items("events")[-1]["actor"] == f"key:{gateway.key.id}"


def test_an_idempotency_key_of_one_holder_never_answers_another(api: Api) -> None:
    api.venue("cafe")
    ours, theirs = api.as_("gateway"), api.as_("gateway")
    key = {"Idempotency-Key": "scan 1"}
    first = ours.post("check-ins", {"venue": "cafe", "person": "ref:ann"}, headers=key)
    other = theirs.post("check-ins", {"venue": "cafe", "person": "ref:bob"}, headers=key)
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["visit_id"] != other.json()["visit_id"]
    assert ours.post("check-ins", {"venue": "cafe", "person": "ref:ann"}, headers=key).json() == first.json()


def test_a_live_stream_ends_when_its_key_is_revoked(
    api: Api, truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LOOK_AT_LOG_SECONDS", 0.01)
    auditor = api.as_("auditor")

    async def followed() -> list[bytes]:
        source = Source(Wanted(truyvet.log, None, None).told, truyvet.log.head, lambda: truyvet.graph.position)
        stream = live.follow(truyvet.access_keys, auditor.key.id, source, 0, threading.Event())
        seen = [await anext(stream), await anext(stream)]
        await asyncio.to_thread(truyvet.access_keys.revoke, auditor.key.id)
        return [*seen, *[chunk async for chunk in stream]]

    _, everything, *later = asyncio.run(asyncio.wait_for(followed(), 30))
    assert everything.count(b"id: ") == 2
    assert len(later) <= 1  # its own revocation, at most


class TestKeysOverHttp:
    def test_a_key_is_told_once_and_opens_what_it_is_for(self, api: Api) -> None:
        api.venue("cafe")
        body = {"role": "guard", "venue": "cafe", "label": "gate 7", "person": "ref:ann", "expires_at": _TOMORROW}
        created = api.post("keys", body)
        assert created.status_code == 201
        told = created.json()
        assert told["key"].startswith(f"truyvet_{told['key_id']}_")
        assert created.headers["Cache-Control"] == "no-store"
        checked_in = api.client.post(
            "/v1/check-ins", json={"venue": "cafe", "person": "ref:bob"}, headers=bearer(told["key"])
        )
        assert checked_in.status_code == 201
        assert told["key"] not in api.client.get("/v1/events").text + api.get("keys").text

    def test_the_same_request_again_creates_no_other_and_does_not_tell_it_again(self, api: Api) -> None:
        key = {"Idempotency-Key": "for gate 7"}
        first, again = (api.post("keys", {"role": "gateway"}, headers=key).json() for _ in range(2))
        assert again == first | {"key": None}

    def test_a_key_does_not_revoke_itself(self, api: Api) -> None:
        refused = api.post(f"keys/{api.key.id}/revocation")
        assert refused.status_code == 422
        assert api.as_("admin").post(f"keys/{api.key.id}/revocation").status_code == 200

    def test_keys_are_listed_with_what_they_are_for_and_when_they_ended(self, api: Api) -> None:
        venue = api.venue("cafe")
        created = api.post("keys", {"role": "guard", "venue": "cafe", "person": "ref:ann"}).json()
        revoked = api.post(f"keys/{created['key_id']}/revocation").json()
        assert revoked == {"key_id": created["key_id"], "position": api.truyvet.log.head()}
        assert api.post(f"keys/{created['key_id']}/revocation").json() == revoked
        own, guard = api.items("keys")
        assert (own["role"], own["created_by"], own["position"]) == ("admin", "local", FIRST - 1)
        assert guard["created_by"] == guard["revoked_by"] == f"key:{api.key.id}"
        assert (guard["venue_id"], guard["person"], guard["expires_at"]) == (venue, "ref:ann", None)
        assert guard["created_at"] <= guard["revoked_at"]
        (_, seen, _) = api.as_("auditor").items("keys")
        assert seen == guard | {"person": f"id:{guard['person_id']}"}
        assert "sha256" not in seen

    def test_a_revoked_key_opens_nothing_any_more(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway = api.as_("gateway")
        assert gateway.post("venues", {"name": "Cafe", "kind": "shop", "commune": "00001"}).status_code == 201
        api.post(f"keys/{gateway.key.id}/revocation")
        clock = api.truyvet.access_keys._recent._clock
        monkeypatch.setattr(api.truyvet.access_keys._recent, "_clock", lambda: clock() + 0.5)
        assert gateway.post("venues", {"name": "Bar", "kind": "shop", "commune": "00001"}).status_code == 401

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 422), ({"role": "root"}, 422), ({"role": "guard"}, 422), ({"role": "admin", "area": "387"}, 422),
            ({"role": "manager"}, 422), ({"role": "manager", "venue": "cafe", "area": "387"}, 422),
            ({"role": "guard", "venue": "nowhere"}, 404), ({"role": "gateway", "area": "999"}, 422),
            ({"role": "gateway", "expires_at": "2021-08-30T02:00:00Z"}, 422),
            ({"role": "gateway", "label": "a\nb"}, 422), ({"role": "gateway", "key": "my own"}, 422),
        ],
    )  # fmt: skip
    def test_a_key_that_makes_no_sense_is_refused(self, api: Api, body: dict[str, str], status: int) -> None:
        api.venue("cafe")
        refused = api.post("keys", body)
        assert (refused.status_code, refused.json()["status"]) == (status, status)

    def test_an_unknown_key_is_not_found(self, api: Api) -> None:
        for name in (uuid4(), "x", api.venue("cafe")):
            assert api.post(f"keys/{name}/revocation").status_code == 404


def test_the_document_says_that_all_but_health_needs_a_key(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] == {"access key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            needs_key = not path.startswith("/v1/health/")
            assert ("security" in operation) == needs_key, (method, path)
            assert ({"401", "403"} <= operation["responses"].keys()) == needs_key, (method, path)
            assert needs_key == (f"{method.upper()} {path}" in RIGHTS)
    assert {route.path for route in health.router.routes if isinstance(route, APIRoute)} == {
        "/v1/health/live", "/v1/health/ready",
    }  # fmt: skip


def test_the_table_of_the_documentation_is_the_table() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "access.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    documented = {re.sub("`", "", route): cells for route, *cells in rows}
    assert documented == {route: _as_row(right) for route, right in RIGHTS.items()}
    assert f"| route | {' | '.join(ROLES)} | place |" in lines


def _as_row(right: Right) -> list[str]:
    return [*("yes" if role in right.roles else "" for role in ROLES), right.place.name.lower()]


_TOMORROW = "2100-01-01T00:00:00Z"


def test_callers_are_never_compared_by_what_they_reach(api: Api) -> None:
    caller = api.truyvet.access_keys.authenticate(str(api.key))
    assert caller == Caller(api.key.id, "admin", places=api.truyvet.access_keys.places)
