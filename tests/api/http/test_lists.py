import csv
import io
import json
import threading
import time

import pytest
from fastapi import Request

from api.http import lists
from api.http.lists import CSV, JSON, NDJSON, Cursor, accepted
from tests.api.http.asking import Api, at

DAY = {"from": at("00:00"), "to": at("23:59")}


@pytest.fixture
def crowd(api: Api) -> list[str]:
    """Seven people, one after another."""
    api.venue("cafe")
    return [api.visit(f"p{n}", "cafe", f"09:{n:02}") for n in range(7)]


def test_pages_are_pinned_to_the_position_of_the_first(api: Api, crowd: list[str]) -> None:
    first = api.get("venues/cafe/visits", limit=3, **DAY).json()
    api.visit("late", "cafe", "09:01")
    seen, page = [*first["items"]], first
    while page["next"] is not None:
        page = api.get("venues/cafe/visits", limit=3, cursor=page["next"], **DAY).json()
        assert page["position"] == first["position"]
        seen += page["items"]
    assert [visit["visit_id"] for visit in seen] == crowd
    assert len(api.items("venues/cafe/visits", **DAY)) == 8


def test_a_cursor_says_nothing_about_people(api: Api, crowd: list[str]) -> None:
    cursor = api.get("venues/cafe/visits", limit=1, **DAY).json()["next"]
    assert set(lists.read_cursor(cursor).model_dump(exclude_none=True)) == {"position", "key", "question", "number"}
    assert not any(visit in cursor for visit in crowd)


@pytest.mark.parametrize("cursor", ["", "garbage", "e30", "8J-YgA", "!!!!", "é", "x" * 512])
def test_a_garbled_cursor_is_refused(api: Api, crowd: list[str], cursor: str) -> None:
    assert api.get("venues/cafe/visits", cursor=cursor, **DAY).status_code == 422


def test_a_forged_cursor_is_refused(api: Api, crowd: list[str]) -> None:
    real = lists.read_cursor(api.get("venues/cafe/visits", limit=1, **DAY).json()["next"])
    for forged in (
        Cursor(p=10**9, k=real.key, q=real.question),
        Cursor(p=real.position, k="0" * 32, q=real.question),
        Cursor(p=real.position, k=real.key, q="0" * 32),
    ):
        assert api.get("venues/cafe/visits", limit=1, cursor=forged.text(), **DAY).status_code == 422


def test_a_cursor_belongs_to_its_question(api: Api, crowd: list[str]) -> None:
    cursor = api.get("venues/cafe/visits", limit=1, **DAY).json()["next"]
    assert api.get("venues/cafe/overlaps", cursor=cursor, **DAY).status_code == 422
    assert api.get("venues/cafe/visits", cursor=cursor, limit=9, **DAY).status_code == 200


def test_streams_give_the_whole_list_whatever_the_limit(api: Api, crowd: list[str]) -> None:
    pages = api.items("venues/cafe/visits", **DAY)
    lines = api.get("venues/cafe/visits", accept=NDJSON, limit=1, **DAY)
    assert [json.loads(line) for line in lines.text.splitlines()] == pages
    table = api.get("venues/cafe/visits", accept=CSV, limit=1, **DAY)
    assert [row["visit_id"] for row in csv.DictReader(io.StringIO(table.text))] == crowd
    assert table.headers["X-Position"] == str(api.truyvet.log.head())


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("*/*", JSON), ("text/csv", CSV), ("text/html, application/x-ndjson;q=0.5", NDJSON), ("image/png", JSON),
        ("text/csv;q=0.1, application/json;q=0.2", JSON), ("*/*, text/csv", CSV), ("text/csv;q=nonsense", CSV),
        ("text/csv;q=0, */*;q=0.1", JSON),
    ],
)  # fmt: skip
def test_the_accept_header_chooses(header: str, chosen: str) -> None:
    scope = {"type": "http", "headers": [(b"accept", header.encode())]}
    assert accepted(Request(scope), (JSON, CSV, NDJSON)) == chosen


def test_a_read_waits_for_a_position(api: Api, crowd: list[str]) -> None:
    head = api.truyvet.log.head()
    threading.Timer(0.2, api.truyvet.graph.catch_up).start()
    answer = api.client.get("/v1/venues/cafe/visits", params={"wait_for": head, **DAY})
    assert answer.json()["position"] == head
    assert len(answer.json()["items"]) == 7


def test_a_read_as_of_a_position_that_the_view_has_not_reached_waits_too(api: Api, crowd: list[str]) -> None:
    threading.Timer(0.2, api.truyvet.graph.catch_up).start()
    answer = api.client.get("/v1/venues/cafe/visits", params={"as_of": api.truyvet.log.head(), **DAY})
    assert len(answer.json()["items"]) == 7


def test_waiting_ends(api: Api, crowd: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LONGEST_WAIT_SECONDS", 0.2)
    started = time.monotonic()
    for path in ("venues/cafe", f"venues/cafe/visits?from={DAY['from']}&to={DAY['to']}"):
        answer = api.client.get(f"/v1/{path}", params={"wait_for": 1_000} if "?" not in path else None)
        if "?" in path:
            answer = api.client.get(f"/v1/{path}&wait_for=1000")
        assert answer.status_code == 504
        assert answer.headers["content-type"] == "application/problem+json"
    assert time.monotonic() - started < 5


def test_as_of_takes_a_time_and_refuses_what_lies_beyond_the_log(api: Api, crowd: list[str]) -> None:
    moment = api.items("events", limit=1, after=api.truyvet.log.head() - 1)[0]["recorded_at"]
    assert len(api.items("venues/cafe/visits", as_of=moment, **DAY)) == 7
    assert api.items("venues/cafe/visits", as_of="2020-01-01T00:00:00Z", **DAY) == []
    assert api.get("venues/cafe/visits", as_of=10**6, **DAY).status_code == 422
    assert api.get("venues/cafe/visits", as_of="yesterday", **DAY).status_code == 422
