import csv
import io
import json
import threading
import time

import pytest

from api.http import lists
from api.http.lists import CSV, NDJSON, Cursor
from tests.api.http.asking import FIRST, Api, at


@pytest.fixture
def five(api: Api) -> list[str]:
    """The codes of five venues."""
    codes = [f"v{n}" for n in range(5)]
    for code in codes:
        api.venue(code)
    return codes


@pytest.fixture
def one_of_each(api: Api) -> None:
    api.imported("visits", b"person,venue,check_in,check_out\nref:ann,cafe,2021-08-30T09:00:00+07:00,\n",
                 params={"register_venues": "true"})  # fmt: skip
    api.case("ann")
    api.post("quarantines", {"person": "ref:ann", "from": at("09:00")})


def test_a_venue_is_listed_as_it_is_now_with_the_fields_that_it_has_alone(api: Api) -> None:
    venue = api.venue("cafe", address="12 Lê Lợi", default_stay_minutes=45)
    api.patch(f"venues/{venue}", {"name": "Quán Sáng", "default_stay_minutes": 90})
    (listed,) = api.items("venues")
    assert listed == api.get("venues/cafe").json() | {"position": FIRST}
    assert (listed["name"], listed["default_stay_minutes"]) == ("Quán Sáng", 90)


def test_cases_are_listed_as_they_are_now(api: Api) -> None:
    ann, bob = api.case("ann", sampled="2021-08-31", cleared_at=at("20:00")), api.case("bob", rules="who")
    isolated = api.post(f"cases/{ann['case_id']}/isolation", {"at": at("12:00")}).json()
    api.post(f"cases/{bob['case_id']}/withdrawal", {"reason": "another person's sample"})
    first, second = api.items("cases")
    assert first == isolated | {"position": ann["position"]}
    assert second == bob | {"withdrawn": True}
    assert (first["person"], second["person"]) == ("ref:ann", "ref:bob")


def test_quarantines_are_listed_as_they_are_now(api: Api) -> None:
    body = {"person": "ref:ann", "from": at("09:00"), "kind": "home", "place": "12 Lê Lợi"}
    ann = api.post("quarantines", body).json()
    bob = api.post("quarantines", body | {"person": "ref:bob", "until": at("20:00")}).json()
    released = api.post(f"quarantines/{ann['quarantine_id']}/release", {"at": at("18:00")}).json()
    assert api.items("quarantines") == [released | {"position": ann["position"]}, bob]


def test_pages_end_where_the_first_began(api: Api, five: list[str]) -> None:
    first = api.get("venues", limit=2).json()
    api.venue("late")
    seen, page = [*first["items"]], first
    while page["next"] is not None:
        page = api.get("venues", limit=2, cursor=page["next"]).json()
        assert page["position"] == first["position"]
        seen += page["items"]
    assert [venue["code"] for venue in seen] == five
    assert [venue["code"] for venue in api.items("venues")] == [*five, "late"]


@pytest.mark.parametrize("name", ["venues", "cases", "quarantines", "imports"])
def test_streams_give_the_whole_list_whatever_the_limit(
    api: Api, one_of_each: None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_READ_AT_ONCE", 1)
    items = api.items(name)
    lines = api.get(name, accept=NDJSON, limit=1)
    assert [json.loads(line) for line in lines.text.splitlines()] == items
    table = api.get(name, accept=CSV, limit=1)
    (row,) = csv.DictReader(io.StringIO(table.text))
    assert list(row) == list(items[0])
    assert table.headers["X-Position"] == str(api.truyvet.log.head())


def test_a_stream_is_read_in_pieces(api: Api, five: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_READ_AT_ONCE", 2)
    assert [json.loads(line)["code"] for line in api.get("venues", accept=NDJSON).text.splitlines()] == five


@pytest.mark.parametrize("name", ["venues", "imports"])
def test_a_register_knows_only_now_and_is_asked_strictly(api: Api, name: str) -> None:
    assert api.get(name).json() == {"items": [], "next": None, "position": FIRST - 1}
    for query in ({"as_of": 0}, {"limit": 0}, {"after": 1}, {"cursor": "e30"}):
        assert api.get(name, **query).status_code == 422


def test_a_forged_cursor_is_refused_or_leads_nowhere_else(api: Api, five: list[str]) -> None:
    real = lists.read_cursor(api.get("venues", limit=1).json()["next"])
    for key in ("", "x", "-1", "1.0", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 19):
        assert api.get("venues", cursor=Cursor(p=5, k=key, q=real.question).text()).status_code == 422
    beyond = api.get("venues", cursor=Cursor(p=10**9, k=str(FIRST + 3), q=real.question).text()).json()
    assert (beyond["position"], [venue["code"] for venue in beyond["items"]]) == (FIRST + 4, five[4:])
    assert api.get("cases", cursor=real.text()).status_code == 422


def test_a_list_waits_for_a_position(api: Api, five: list[str]) -> None:
    threading.Timer(0.2, api.truyvet.registers.catch_up).start()
    answer = api.client.get("/v1/venues", params={"wait_for": FIRST + 4}).json()
    assert (answer["position"], len(answer["items"])) == (FIRST + 4, 5)


def test_waiting_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LONGEST_WAIT_SECONDS", 0.2)
    started = time.monotonic()
    assert api.client.get("/v1/venues", params={"wait_for": 1}).status_code == 504
    assert time.monotonic() - started < 5
