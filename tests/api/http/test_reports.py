"""The adoption report over HTTP: its forms, its position, and who may ask."""

import csv
import io
import threading
from typing import Any

import pytest

from api.http import lists
from tests.api.http.asking import Api, bearer

REPORT = "reports/adoption"
WEEK: dict[str, Any] = {"unit": "387", "week_ending": "2021-11-12"}


@pytest.fixture
def point(api: Api) -> str:
    """A point in Quan Son with a scan in the week."""
    venue = api.venue("cafe", commune="14995", registered_at="2021-11-07T08:00:00+07:00")
    body = {"person": "ref:ann", "venue": "cafe", "at": "2021-11-07T09:00:00+07:00"}
    assert api.post("check-ins", body).status_code == 201
    return venue


def test_json(api: Api, point: str) -> None:
    answer = api.get(REPORT, **WEEK)
    report = answer.json()
    assert answer.status_code == 200
    assert report["unit"] == {"code": "387", "name": "Huyện Quan Sơn", "level": "district"}
    assert (report["from"], report["to"], report["position"]) == ("2021-11-06", "2021-11-12", api.truyvet.log.head())
    assert answer.headers["X-Position"] == str(report["position"])
    assert (report["total"]["points_new"], report["total"]["scans"]) == (1, 1)
    assert [row["scans"] for row in report["rows"]] == [1, *[0] * 11]


def test_csv_and_the_page_in_both_languages(api: Api, point: str) -> None:
    table = api.get(REPORT, accept="text/csv", **WEEK)
    *rows, total = csv.DictReader(io.StringIO(table.text))
    assert (len(rows), total["scans"], total["position"]) == (12, "1", table.headers["X-Position"])
    page = api.get(REPORT, accept="text/html", **WEEK)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert '<html lang="vi">' in page.text
    assert '<html lang="en">' in api.get(REPORT, accept="text/html", lang="en", **WEEK).text


@pytest.mark.parametrize("form", ["application/json", "text/csv", "text/html"])
def test_as_of_its_position_it_stays_as_it_was(api: Api, point: str, form: str) -> None:
    first = api.get(REPORT, accept=form, **WEEK)
    api.post("check-ins", {"person": "ref:bob", "venue": "cafe", "at": "2021-11-08T09:00:00+07:00"})
    assert api.get(REPORT, accept=form, **WEEK).content != first.content
    assert api.get(REPORT, accept=form, as_of=first.headers["X-Position"], **WEEK).content == first.content


def test_a_week_by_its_number(api: Api) -> None:
    report = api.get(REPORT, unit="38", week="2021-W45").json()
    assert (report["from"], report["to"]) == ("2021-11-08", "2021-11-14")
    assert len(report["rows"]) == 27


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"unit": "999", "week": "2021-W45"}, 404),
        ({"unit": "Quan Son", "week": "2021-W45"}, 422),
        ({"week": "2021-W45"}, 422),
        ({"unit": "387", "week": "2021-W53"}, 422),
        ({"unit": "387", "week": "45"}, 422),
        ({"unit": "387", "week_ending": "2021-13-01"}, 422),
        ({"unit": "387"}, 422),
        ({"unit": "387", "week": "2021-W45", "week_ending": "2021-11-12"}, 422),
        ({"unit": "387", "week": "2021-W45", "lang": "fr"}, 422),
        ({"unit": "387", "week": "2021-W45", "as_of": "999"}, 422),
    ],
)
def test_what_cannot_be_answered_is_a_problem(api: Api, query: dict[str, Any], status: int) -> None:
    answer = api.get(REPORT, **query)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_it_waits_for_all_views(api: Api, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> Any:
        return api.client.get(f"/v1/{REPORT}", params=WEEK, headers=bearer(api.key))

    threading.Timer(0.2, api.truyvet.graph.catch_up).start()
    threading.Timer(0.4, api.truyvet.registers.catch_up).start()
    assert asked().json()["total"]["scans"] == 1
    monkeypatch.setattr(lists, "LONGEST_WAIT_SECONDS", 0.2)
    api.venue("gym")
    api.truyvet.graph.catch_up()
    assert asked().status_code == 504


def test_a_key_that_is_bound_to_an_area_asks_for_what_is_in_it(api: Api) -> None:
    for role in ("epidemiologist", "auditor"):
        office = api.as_(role, area="387")
        for unit, status in (("387", 200), ("14995", 200), ("38", 403), ("VN", 403), ("536", 403)):
            assert office.get(REPORT, unit=unit, week="2021-W45").status_code == status
    assert api.as_("manager", area="387").get(REPORT, unit="387", week="2021-W45").status_code == 403
    assert api.as_("auditor").get(REPORT, unit="VN", week="2021-W45").status_code == 200
