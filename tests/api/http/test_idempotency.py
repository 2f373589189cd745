"""A write with an Idempotency-Key is done once, whatever happens before its retry."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.api.http.asking import Api, at

KEY = {"Idempotency-Key": "phone 7, tap 12"}

Write = tuple[str, str, dict[str, Any]]


@pytest.fixture
def places(api: Api) -> dict[str, str]:
    api.venue("cafe")
    visit = api.visit("ann", "cafe", "09:00", "10:00")
    open_visit = api.visit("bob", "cafe", "09:00")
    case = api.case("ann")["case_id"]
    quarantine = api.post("quarantines", {"person": "ref:ann", "from": at("12:00")}).json()["quarantine_id"]
    site = api.post("sites", {"name": "KTX A", "kind": "facility", "commune": "00001", "capacity": 1}).json()["site_id"]
    return {"visit": visit, "open": open_visit, "case": case, "quarantine": quarantine, "site": site}


WRITES: list[Write] = [
    ("POST", "venues", {"name": "Bar", "kind": "shop", "commune": "00001"}),
    ("PATCH", "venues/cafe", {"name": "Other"}),
    ("POST", "check-ins", {"venue": "cafe", "person": "ref:cat"}),
    ("POST", "check-ins", {"venue": "cafe", "person": "ref:cat", "at": at("09:00"), "visit_id": "gate:1"}),
    ("POST", "visits/{open}/check-out", {}),
    ("POST", "visits/{visit}/correction", {"check_in": at("09:10"), "reason": "typo"}),
    ("POST", "visits/{visit}/retraction", {"reason": "typo"}),
    ("POST", "cases", {"person": "ref:dan", "onset": "2021-08-30"}),
    ("POST", "cases/{case}/amendment", {"onset": "2021-08-29"}),
    ("POST", "cases/{case}/isolation", {"at": at("11:00")}),
    ("POST", "cases/{case}/withdrawal", {"reason": "typo"}),
    ("POST", "quarantines", {"person": "ref:dan", "from": at("12:00")}),
    ("POST", "quarantines/{quarantine}/extension", {"until": at("18:00")}),
    ("POST", "quarantines/{quarantine}/release", {"at": at("17:00")}),
    ("POST", "quarantines/{quarantine}/move", {"kind": "facility", "at": at("13:00")}),
    ("POST", "sites", {"name": "KTX B", "kind": "facility", "commune": "00001", "capacity": 2}),
    ("PATCH", "sites/{site}", {"capacity": 5}),
    ("POST", "sites/{site}/cameras", {"registered": 5, "connected": 3}),
    ("POST", "sites/{site}/closure", {"at": at("15:00")}),
]  # fmt: skip

ANOTHER = {
    "reason": {"reason": "another"}, "name": {"name": "Third"}, "onset": {"onset": "2021-08-28"},
    "until": {"until": at("19:00")}, "from": {"from": at("12:30")}, "person": {"person": "ref:eve"},
    "capacity": {"capacity": 9}, "connected": {"connected": 1}, "at": {"at": at("16:00")},
}  # fmt: skip


def send(api: Api, places: dict[str, str], write: Write, **more: Any) -> httpx.Response:
    method, path, body = write
    return api.client.request(method, f"/v1/{path.format(**places)}", json=body | more, headers=KEY)


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write[1])
def test_every_write_is_done_once(api: Api, places: dict[str, str], write: Write) -> None:
    before = api.truyvet.log.head()
    first = send(api, places, write)
    assert first.is_success, first.text
    head = api.truyvet.log.head()
    assert head > before
    again = send(api, places, write)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers.get("Location") == first.headers.get("Location")
    refused = send(api, places, write, **ANOTHER[next(name for name in ANOTHER if name in write[2] or name == "at")])
    assert refused.status_code == 409
    assert "Idempotency-Key" in refused.json()["detail"]
    assert api.truyvet.log.head() == head


def test_a_late_retry_does_not_undo_what_came_after(api: Api, places: dict[str, str]) -> None:
    path = f"visits/{places['visit']}/correction"
    first = api.post(path, {"check_in": at("09:10"), "reason": "typo"}, headers=KEY)
    later = api.post(path, {"check_in": at("09:20"), "reason": "camera"})
    again = api.post(path, {"reason": "typo", "check_in": at("09:10")}, headers=KEY)
    assert again.json() == first.json()
    assert api.truyvet.log.head() == later.json()["position"]


def test_what_recorded_nothing_is_answered_the_same_too(api: Api, places: dict[str, str]) -> None:
    path, body = f"quarantines/{places['quarantine']}/extension", {"until": None}
    before = api.truyvet.log.head()
    first = api.post(path, body, headers=KEY)
    assert (first.status_code, api.truyvet.log.head()) == (200, before)
    api.post(path, {"until": at("18:00")})
    assert api.post(path, body, headers=KEY).json() == first.json()
    assert api.truyvet.log.head() == before + 1


def test_a_refused_write_is_decided_again(api: Api) -> None:
    body = {"venue": "cafe", "person": "ref:ann", "at": at("09:00")}
    assert api.post("check-ins", body, headers=KEY).status_code == 404
    api.venue("cafe")
    assert api.post("check-ins", body, headers=KEY).status_code == 201


def test_a_key_belongs_to_its_path(api: Api, places: dict[str, str]) -> None:
    positions = {
        api.post(f"visits/{places[visit]}/retraction", {"reason": "typo"}, headers=KEY).json()["position"]
        for visit in ("visit", "open")
    }
    assert len(positions) == 2


def test_an_import_is_retracted_once(api: Api) -> None:
    lines = b"person,venue,check_in,check_out\nref:ann,cafe,2021-08-30T09:00:00+07:00,\n"
    imported = api.imported("visits", lines, params={"register_venues": "true"})["import_id"]
    first, again = (api.post(f"imports/{imported}/retraction", {"reason": "wrong"}, headers=KEY) for _ in range(2))
    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    assert api.post(f"imports/{imported}/retraction", {"reason": "other"}, headers=KEY).status_code == 409


RUSH = {"check-ins", "visits/{open}/check-out"}
"""Those of one process are decided together; test_scans.py races them with another process."""


@pytest.mark.parametrize("write", [write for write in WRITES if write[1] not in RUSH], ids=lambda write: write[1])
def test_the_same_request_at_the_same_time_is_recorded_once(
    api: Api, places: dict[str, str], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked the key up before either records."""
    before = api.truyvet.log.head()
    barrier, looked_up = Barrier(2), type(api.truyvet.log).answered
    waiting = [True, True]

    def answered(log: Any, request: Any) -> Any:
        found = looked_up(log, request)
        if waiting:
            waiting.pop()
            barrier.wait(10)
        return found

    monkeypatch.setattr(type(api.truyvet.log), "answered", answered)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: send(api, places, write), range(2))
    assert first.is_success, first.text
    assert first.json() == second.json()
    assert first.status_code == second.status_code
    recorded = [event.type for event in api.truyvet.log.read(before, 100)]
    assert first.json()["position"] == before + len(recorded) == api.truyvet.log.head()
    assert len(recorded) == len(set(recorded))


def test_a_retry_that_looked_up_its_key_too_early_is_answered_the_same(
    api: Api, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"visits/{places['open']}/check-out"
    first = api.post(path, headers=KEY | {"X-Request-Id": "one"})
    log, late = type(api.truyvet.log), api.truyvet.visits.now() + 60
    looked_up, found = log.answered_all, [dict[bytes, Any]()]
    monkeypatch.setattr(log, "answered_all", lambda own, asked: found.pop() if found else looked_up(own, asked))
    monkeypatch.setattr(api.truyvet.scans, "now", lambda: late)
    again = api.post(path, headers=KEY | {"X-Request-Id": "two"})
    assert (again.status_code, again.json()) == (200, first.json())


def test_every_write_documents_the_header(api: Api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    without = {
        path
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in ("post", "patch")
        and "Idempotency-Key" not in [p["name"].title() for p in operation.get("parameters", ())]
    }
    reading = {"/v1/traces", "/v1/qr-codes/reading"}
    files = {f"/v1/imports/{kind}" for kind in ("visits", "quarantines", "dispositions")}
    assert without == reading | files, "a file is its own key"
