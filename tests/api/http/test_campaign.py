"""The figures of the call centre over HTTP: JSON, CSV, for those who may, and the same again as of a position."""

import csv
import io
from typing import Any

import pytest

from domain.campaign import SUMS
from tests.api.http.asking import Api

WEEK = {"unit": "387", "from": "2021-11-08", "to": "2021-11-14"}


def rang(api: Api, person: str = "ref:ann", **more: Any) -> None:
    body = {"person": person, "kind": "health", "channel": "phone", "at": "2021-11-08T09:00:00+07:00"} | more
    assert api.post("declarations", body).status_code == 201


def figures(api: Api, **query: str) -> dict[str, Any]:
    answer = api.get("reports/campaign", **(WEEK | query))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def district(api: Api) -> Api:
    rang(api, commune="14995", symptoms=["fever"])
    rang(api, commune="14995", at="2021-11-09T09:00:00+07:00")
    rang(api, "ref:bob")
    rang(api, "ref:cat", commune="00001")
    return api


def test_tells_the_whole_the_units_and_the_days(district: Api) -> None:
    told = figures(district)
    assert told["unit"] == {"code": "387", "name": "Huyện Quan Sơn", "level": "district"}
    assert (told["from"], told["to"], told["position"]) == ("2021-11-08", "2021-11-14", district.truyvet.log.head())
    assert [row["campaign"] for row in told["total"]] == list(SUMS)
    assert told["total"][-1] == {
        "day": None, "code": "387", "name": "Huyện Quan Sơn", "campaign": "all", "calls": 3, "answered": 3,
        "people": 2, "reached": 2, "attempts_per_person": 1.5, "reach_rate": 1.0, "passed_on": 1, "first_calls": 0,
        "first_call_median_seconds": None, "first_call_p90_seconds": None,
    }  # fmt: skip
    assert [row["code"] for row in told["rows"][:: len(SUMS)]][-1] is None
    assert [row["calls"] for row in told["days"] if row["campaign"] == "inbound"] == [2, 1, 0, 0, 0, 0, 0]
    assert [(row["day"], row["code"], row["calls"]) for row in told["details"]] == [
        ("2021-11-08", "14995", 1), ("2021-11-08", None, 1), ("2021-11-09", "14995", 1),
    ]  # fmt: skip


def test_made_again_as_of_the_position_that_it_names_it_is_the_same_byte_for_byte(district: Api) -> None:
    first = district.get("reports/campaign", **WEEK)
    rang(district)
    assert figures(district)["total"][-1]["calls"] == 4
    again = district.get("reports/campaign", **WEEK, as_of=str(first.json()["position"]))
    assert again.content == first.content
    assert again.headers["X-Position"] == str(first.json()["position"])


def test_csv_has_every_row_and_the_whole_last(district: Api) -> None:
    told = figures(district)
    lines = list(csv.DictReader(io.StringIO(district.get("reports/campaign", accept="text/csv", **WEEK).text)))
    assert len(lines) == sum(len(told[name]) for name in ("total", "rows", "days", "details"))
    assert (lines[-1]["campaign"], lines[-1]["calls"], lines[-1]["day"]) == ("all", "3", "")
    assert {line["position"] for line in lines} == {str(told["position"])}


def test_a_key_of_another_area_does_not_reach_it(district: Api) -> None:
    assert district.as_("epidemiologist", area="387").get("reports/campaign", **WEEK).status_code == 200
    for area in ("01", "14995"):
        assert district.as_("epidemiologist", area=area).get("reports/campaign", **WEEK).status_code != 200
    assert district.as_("caller").get("reports/campaign", **WEEK).status_code == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"unit": "999"}, 404), ({"unit": "x"}, 422), ({"from": "2021-11-15"}, 422), ({"to": "2022-11-08"}, 200),
        ({"to": "2022-11-09"}, 422), ({"from": "8/11/2021"}, 422), ({"from": "9999-12-31", "to": "9999-12-31"}, 422),
        ({"as_of": "999"}, 422), ({"week": "2021-W45"}, 422),
    ],
    ids=str,
)  # fmt: skip
def test_it_is_of_a_unit_and_of_a_year_at_most(district: Api, query: dict[str, str], status: int) -> None:
    assert district.get("reports/campaign", **(WEEK | query)).status_code == status
