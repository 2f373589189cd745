"""``GET /v1/venues/{venue_id}/quality``: what looks wrong, in words, with examples, to those who may see it."""

from typing import Any

import pytest

from tests.api.http.asking import Api, at

DAY = {"from": at("00:00"), "to": at("23:59")}


@pytest.fixture
def cafe(api: Api) -> str:
    return api.venue("cafe")


def household(api: Api) -> list[str]:
    return [api.visit("ann", "cafe", f"09:0{n}") for n in range(3)]


def test_a_flag_says_itself_counts_and_names_examples(api: Api, cafe: str) -> None:
    visits = household(api)
    api.visit("bob", "cafe", "10:00", "11:00")
    answer = api.get("venues/cafe/quality", lang="en", **DAY)
    assert answer.status_code == 200
    assert answer.json() == {
        "venue_id": cafe,
        "from": "2021-08-29T17:00:00Z",
        "to": "2021-08-30T16:59:00Z",
        "visits": 4,
        "check_out_rate": 0.25,
        "flags": [
            {
                "name": "shared_phone",
                "says": "One phone checks in several people: the same person 3 times or more within 10 minutes, or one "
                "device 4 people or more in a day.",
                "count": 3,
                "share": 0.75,
                "examples": visits,
            }
        ],
        "position": api.truyvet.log.head(),
    }
    assert "ref:" not in answer.text


def test_it_speaks_vietnamese_unless_asked_otherwise(api: Api, cafe: str) -> None:
    household(api)
    (flag,) = api.get("venues/cafe/quality").json()["flags"]
    assert flag["says"].startswith("Một điện thoại quét cho nhiều người")
    assert api.get("venues/cafe/quality", lang="fr").status_code == 422


def test_all_is_well(api: Api, cafe: str) -> None:
    empty = api.get(f"venues/{cafe}/quality").json()
    assert (empty["visits"], empty["check_out_rate"], empty["flags"]) == (0, None, [])
    api.visit("ann", "cafe", "09:00", "10:00")
    found = api.get(f"venues/{cafe}/quality").json()
    assert (found["from"], found["to"]) == ("2021-08-02T17:00:00Z", "2021-08-30T17:00:00Z")
    assert (found["visits"], found["check_out_rate"], found["flags"]) == (1, 1.0, [])


def test_as_of_an_earlier_position(api: Api, cafe: str) -> None:
    first, *_ = household(api)
    before = api.truyvet.log.head()
    told = api.get("venues/cafe/quality", **DAY).json()
    api.post(f"visits/{first}/retraction", {"reason": "never there"})
    assert api.get("venues/cafe/quality", **DAY).json()["flags"] == []
    assert api.get("venues/cafe/quality", as_of=before, **DAY).json() == told
    assert api.get("venues/cafe/quality", as_of=0).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"from": at("10:00"), "to": at("10:00")}, {"from": "2021-08-30"}, {"until": at("10:00")},
        {"to": "1970-01-01T00:00:00Z"},
    ],
)  # fmt: skip
def test_what_is_no_window(api: Api, cafe: str, query: dict[str, Any]) -> None:
    refused = api.get("venues/cafe/quality", **query)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


def test_a_venue_that_nobody_knows(api: Api) -> None:
    assert api.get("venues/nowhere/quality").status_code == 404


def test_who_may_ask(api: Api, cafe: str) -> None:
    api.venue("gym", commune="00004")
    asking = {
        role: api.as_(role, venue="cafe") if role in ("manager", "guard") else api.as_(role)
        for role in ("admin", "manager", "epidemiologist", "auditor", "gateway", "guard", "caller")
    }
    asking["district"] = api.as_("epidemiologist", area="001")
    for role, status in {
        "admin": 200, "manager": 200, "epidemiologist": 200, "auditor": 200, "district": 200,
        "gateway": 403, "guard": 403, "caller": 403,
    }.items():  # fmt: skip
        assert asking[role].get("venues/cafe/quality").status_code == status, role
    assert asking["manager"].get("venues/gym/quality").status_code == 404
    assert api.as_("epidemiologist", area="387").get("venues/cafe/quality").status_code == 404
