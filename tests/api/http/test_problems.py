import json
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import InterfaceError, OperationalError
from fastapi.testclient import TestClient
from psycopg_pool import PoolTimeout
from structlog.testing import capture_logs

from api.http import create_app, health
from application.log import Raced
from domain.errors import TruyvetError
from infrastructure.follower import Status
from infrastructure.graph import kernel
from tests.api.http.asking import FIRST, Api, at

JSON = {"Content-Type": "application/json"}


def is_problem(answer: Any, status: int) -> bool:
    body = answer.json()
    return bool(
        answer.status_code == status == body["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and {"type", "title", "status", "detail"} <= body.keys()
        and answer.headers["X-Request-Id"]
    )


def test_the_router_answers_with_problems(api: Api) -> None:
    assert is_problem(api.client.get("/nothing"), 404)
    assert is_problem(api.client.get("/v1/venues/"), 404)
    wrong = api.client.delete("/v1/venues/cafe")
    assert is_problem(wrong, 405)
    assert wrong.headers["Allow"] == "GET, PATCH"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422), (b"{", 400), (b'{"name": "\xff"}', 400), (b"[]", 422), (b"null", 422), (b"[" * 100_000, 400),
        (b'{"name": ' + b"9" * 5_000 + b"}", 400), (b'{"name": NaN}', 422), (b'{"name": "\\u0000"}', 422),
        (b'{"name": "\\ud800"}', 422), (b'{"\\ud800": 1}', 422), (b'{"unknown": 1}', 422),
        (b'"' + b"x" * 1_000_000 + b'"', 413),
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_a_problem(api: Api, content: bytes, status: int) -> None:
    assert is_problem(api.client.post("/v1/venues", content=content, headers=JSON), status)


def test_a_large_body_is_refused_also_when_its_size_is_not_announced(api: Api) -> None:
    chunks = (b"x" * 100_000 for _ in range(100))
    assert is_problem(api.client.post("/v1/venues", content=chunks, headers=JSON), 413)


def test_another_kind_of_body_is_a_problem(api: Api) -> None:
    content = b'{"name": "Cafe", "kind": "shop", "commune": "00001"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "nonsense"):
        assert is_problem(api.client.post("/v1/venues", content=content, headers={"Content-Type": kind}), 415)


def test_a_body_of_no_said_kind_is_json(api: Api) -> None:
    content = b'{"name": "Cafe", "kind": "shop", "commune": "00001"}'
    assert api.client.post("/v1/venues", content=content).status_code == 201
    assert is_problem(api.client.post("/v1/venues", content=b"name=Cafe"), 400)


def test_a_time_without_offset_is_a_problem_that_names_the_field(api: Api) -> None:
    answer = api.post("check-ins", {"venue": "cafe", "person": "ref:ann", "at": "2021-08-30T09:00:00"})
    assert is_problem(answer, 422)
    assert answer.json()["errors"][0]["field"] == "at"
    assert "carries no offset" in answer.json()["detail"]


def test_a_refused_person_is_not_repeated(api: Api) -> None:
    answer = api.post("check-ins", {"venue": "cafe", "person": "cccd:12345"})
    assert is_problem(answer, 422)
    assert "12345" not in answer.text


@pytest.mark.parametrize(
    "path", ["venues/{}", "cases/{}", "cases/{}/contacts", "cases/{}/contact-graph", "quarantines/{}"]
)
def test_an_id_that_is_none_is_answered_like_an_unknown_one(api: Api, path: str) -> None:
    unknown = api.get(path.format(uuid4()))
    assert is_problem(unknown, 404)
    for none in ("x", "%00", "%F0%9F%98%80", "' OR 1=1", "0" * 5000, "00000000-0000-0000-0000-000000000000"):
        answer = api.get(path.format(none))
        assert (answer.status_code, answer.json()) == (404, unknown.json())


@pytest.mark.parametrize("path", ["visits/{}/check-out", "cases/{}/isolation", "quarantines/{}/release"])
def test_a_write_to_an_unknown_or_impossible_id_is_not_found(api: Api, path: str) -> None:
    answers = [api.post(path.format(name), {"at": at("09:00")}) for name in (uuid4(), "%00", "%20")]
    assert all(is_problem(answer, 404) for answer in answers)
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=10001", "limit=1.0", "limit=+1", "after=-1", "wait_for=x", "afer=1", "after=1&after=2"]
)
def test_a_query_is_read_strictly(api: Api, query: str) -> None:
    assert is_problem(api.client.get(f"/v1/events?{query}"), 422)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, PoolTimeout, Raced])
def test_while_the_database_is_away_try_later(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(api.truyvet.log, "head", _raising(error("secret")))
    answer = api.client.get("/v1/events")
    assert is_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert "secret" not in answer.text


def test_what_nobody_expected_says_nothing_internal_and_is_logged_without_its_text(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.truyvet.log, "head", _raising(ZeroDivisionError("secret")))
    with capture_logs() as lines:
        answer = api.client.get("/v1/events?after=7", headers={"X-Request-Id": "r-1"})
    assert is_problem(answer, 500)
    assert "secret" not in json.dumps([answer.text, lines])
    failed, request = lines
    assert (failed["error"], failed["request_id"]) == ("ZeroDivisionError", "r-1")
    assert (request["route"], request["status"]) == ("/v1/events", 500)


def test_a_request_id_comes_back_and_is_the_correlation_of_what_was_recorded(api: Api) -> None:
    body = {"name": "Cafe", "kind": "shop", "commune": "00001"}
    given = api.post("venues", body, headers={"X-Request-Id": "scan-7"})
    assert given.headers["X-Request-Id"] == "scan-7"
    assert api.items("events", after=FIRST - 1)[0]["correlation"] == "request:scan-7"
    replaced = api.get("health/live")
    bad = api.client.get("/v1/health/live", headers={"X-Request-Id": "no spaces, please"})
    assert len({replaced.headers["X-Request-Id"], bad.headers["X-Request-Id"], "no spaces, please"}) == 3


def test_log_lines_name_no_path_and_no_query(api: Api) -> None:
    with capture_logs() as lines:
        api.client.get("/v1/people/phone:+84912345678/visits?limit=7")
        api.client.get("/v1/phone:+84912345678")
    assert [line["route"] for line in lines] == ["/v1/people/{person_id}/visits", None]
    assert "84912345678" not in json.dumps(lines)


def test_ready_says_the_positions_and_503_while_the_log_or_a_view_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.venue("cafe")
    ready = api.get("health/ready")
    assert ready.json() == {
        "status": "ready", "position": FIRST, "projections": [
            {"name": "visit graph", "position": FIRST, "error": None},
            {"name": "registers", "position": FIRST, "error": None},
            {"name": "policies", "position": 0, "error": None},
        ],
        "compiled": kernel.tracer() is not None, "refused": {"questions": 0, "check_ins": 0, "writes": 0},
    }  # fmt: skip
    monkeypatch.setattr(health, "ERROR_SECONDS", 0.2)
    stuck = Status(1, "Malformed: the event at position 2 cannot be read")
    for place, view in enumerate((api.truyvet.graph, api.truyvet.registers)):
        with monkeypatch.context() as patch:
            patch.setattr(type(view), "status", stuck)
            failing = api.client.get("/v1/health/ready")
        assert is_problem(failing, 503)
        assert [view["error"] for view in failing.json()["projections"]][place] == stuck.error
    monkeypatch.setattr(api.truyvet.log, "head", _raising(OperationalError()))
    assert is_problem(api.client.get("/v1/health/ready"), 503)
    assert api.client.get("/v1/health/live").json() == {"status": "live"}


def test_every_error_of_the_domain_has_a_status(api: Api) -> None:
    kinds = TruyvetError.__subclasses__()
    app = create_app(api.truyvet)
    for kind in kinds:
        assert kind in app.exception_handlers


def test_the_page_of_the_document_needs_no_other_host(api: Api) -> None:
    page = api.client.get("/docs")
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert api.client.get("/docs/assets/swagger-ui-bundle.js").headers["content-type"].startswith("text/javascript")
    assert api.client.get("/docs/assets/swagger-ui.css").status_code == 200


def test_the_document_names_every_problem(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"422", "500", "503"} <= operation["responses"].keys(), (method, path)
            assert "HTTPValidationError" not in json.dumps(operation)


def test_the_document_says_the_bounds_of_numbers(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["TraceQuestion"]["properties"]["levels"].items() >= {"minimum": 1, "maximum": 10}.items()
    stay = schemas["NewVenue"]["properties"]["default_stay_minutes"]["anyOf"][0]
    assert stay.items() >= {"type": "integer", "minimum": 1, "maximum": 20_160}.items()
    parameters = {p["name"]: p["schema"] for p in document["paths"]["/v1/events"]["get"]["parameters"]}
    assert parameters["limit"].items() >= {"minimum": 1, "maximum": 10_000}.items()
    assert parameters["after"].items() >= {"minimum": 0, "maximum": 10**18 - 1}.items()
    assert not {"ge", "le", "gt", "lt"} & _names(document)


def _names(told: Any) -> set[str]:
    if isinstance(told, dict):
        return set(told).union(*map(_names, told.values()))
    return set().union(*map(_names, told)) if isinstance(told, list) else set()


def _raising(error: Exception) -> Any:
    def fails(*_: object) -> None:
        raise error

    return fails


def test_the_application_can_be_opened_more_than_once(api: Api) -> None:
    with TestClient(create_app(api.truyvet)) as client:
        assert client.get("/v1/health/live").status_code == 200
