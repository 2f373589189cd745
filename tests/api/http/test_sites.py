"""Sites, and quarantines with their origins, over HTTP; the report of sites as Son La gave it."""

import csv
import io
from typing import Any

import pytest

from api.http.lists import CSV, NDJSON
from tests.api.http.asking import FIRST, Api, at

SITE = {"name": "KTX B", "kind": "facility", "commune": "03646", "capacity": 2}


def registered(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post("sites", SITE | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/sites/{answer.json()['site_id']}"
    return dict(answer.json())


def confined(api: Api, person: str, **more: Any) -> dict[str, Any]:
    answer = api.post("quarantines", {"person": f"ref:{person}", "from": at("09:00")} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_site_tells_its_places_and_cameras(api: Api) -> None:
    venue = api.venue("ktx")
    site = registered(api, venue="ktx", latitude=21.3272, longitude=103.9141)
    path = f"sites/{site['site_id']}"
    confined(api, "ann", site=site["site_id"])
    api.post(f"{path}/cameras", {"registered": 12, "connected": 9})
    changed = api.patch(path, {"capacity": 5}).json()
    assert changed == api.get(path).json()
    assert changed == SITE | {
        "site_id": site["site_id"], "capacity": 5, "taken": 1, "free": 4, "cameras_registered": 12,
        "cameras_connected": 9, "venue_id": venue, "latitude": 21.3272, "longitude": 103.9141, "closed_at": None,
        "position": api.truyvet.log.head(),
    }  # fmt: skip
    assert api.items("sites") == [changed | {"position": site["position"]}]


def test_a_full_site_is_refused_in_one_line(api: Api) -> None:
    site = registered(api, capacity=1)["site_id"]
    ann = confined(api, "ann", site=site)
    refused = api.post("quarantines", {"person": "ref:bob", "from": at("10:00"), "site": site})
    assert (refused.status_code, refused.json()["detail"]) == (
        422, "the site is full: at some time of that, all of its places (1) are taken",
    )  # fmt: skip
    api.post(f"quarantines/{ann['quarantine_id']}/move", {"kind": "home", "at": at("10:00")})
    confined(api, "bob", site=site, **{"from": at("10:00")})
    assert api.post(f"sites/{site}/closure").status_code == 422


def test_a_move_is_told_and_the_list_is_as_of_any_position(api: Api) -> None:
    first, second = registered(api)["site_id"], registered(api, kind="hospital")["site_id"]
    ann = confined(api, "ann", site=first, reason="F1")
    body = {"kind": "hospital", "site": second, "at": at("12:00"), "reason": "fever"}
    moved = api.post(f"quarantines/{ann['quarantine_id']}/move", body).json()
    assert moved == ann | {"kind": "hospital", "site_id": second, "position": api.truyvet.log.head()}
    assert (ann["kind"], ann["site_id"]) == ("facility", first)
    assert api.items("quarantines") == [moved | {"position": ann["position"]}]
    assert api.items("quarantines", as_of=ann["position"]) == [ann]
    assert [row["taken"] for row in api.items("sites")] == [0, 1]
    assert [row["taken"] for row in api.items("sites", as_of=ann["position"])] == [1, 0]
    assert api.get(f"sites/{first}", as_of=ann["position"]).json()["taken"] == 1
    assert api.items("sites", as_of=FIRST) == [api.get(f"sites/{first}", as_of=FIRST).json()]
    assert "fever" not in "".join(event.state.decode() for event in api.truyvet.log.read(0, 1_000))


def test_pages_and_streams_are_as_of_the_position_of_the_first(api: Api) -> None:
    first = [confined(api, f"p{number}") for number in range(3)]
    page = api.get("quarantines", limit=2).json()
    api.post(f"quarantines/{first[2]['quarantine_id']}/release", {"at": at("18:00")})
    confined(api, "late")
    rest = api.get("quarantines", limit=2, cursor=page["next"]).json()
    released = {"until": "2021-08-30T11:00:00Z"}
    assert (page["items"] + rest["items"], rest["next"]) == ([*first[:2], first[2] | released], None)
    then = api.items("events", limit=1, after=first[2]["position"] - 1)[0]["recorded_at"]
    for as_of in (first[2]["position"], then):
        assert api.items("quarantines", as_of=as_of) == first
        page = api.get("quarantines", as_of=as_of, limit=2).json()
        rest = api.get("quarantines", as_of=as_of, limit=2, cursor=page["next"]).json()
        assert page["items"] + rest["items"] == first
        assert len(api.get("quarantines", as_of=as_of, accept=NDJSON).text.splitlines()) == 3
    assert api.items("quarantines", as_of=0) == api.items("sites", as_of=0) == []
    for path in ("quarantines", "sites"):
        assert api.get(path, as_of=10**6).status_code == 422


def test_a_quarantine_says_what_it_comes_from_and_by_which_rules_it_lasts(api: Api) -> None:
    api.venue("cafe")
    for person in ("fay", "ann"):
        api.visit(person, "cafe", "09:00", "10:00")
    case = api.case("fay")["case_id"]
    api.truyvet.policies.catch_up()
    body = {"from": at("12:00"), "case": case}
    ann = confined(api, "ann", **body)
    assert ann | {"until": "2021-09-13T17:00:00Z", "monitored_until": "2021-09-27T17:00:00Z"} == ann
    assert ann | {"origin": "exposure", "origin_id": case, "level": 1, "rules": "vn-5599", "vaccination": None} == ann
    fay = confined(api, "fay", **body, kind="hospital")
    assert (fay["origin"], fay["until"], fay["level"], fay["monitored_until"]) == ("case", None, None, None)
    named = confined(api, "bob", rules="vn-10696", vaccination="full", order="12/QĐ-UBND")
    assert (named["until"], named["vaccination"], named["kind"]) == ("2021-09-06T17:00:00Z", "full", "home")
    assert (named["origin"], named["origin_id"]) == ("order", "12/QĐ-UBND")
    refused = api.post("quarantines", {"person": "ref:cid", **body})
    assert (refused.status_code, "no contact of the case" in refused.json()["detail"]) == (422, True)


def test_the_same_request_again_finds_the_site_and_the_quarantine(api: Api) -> None:
    headers = {"Idempotency-Key": "one"}
    first = api.post("sites", SITE, headers=headers).json()
    again = api.post("sites", SITE, headers=headers).json()
    assert again == first
    assert len(api.items("sites")) == 1
    ann = confined(api, "ann", site=first["site_id"])
    assert confined(api, "ann", site=first["site_id"]) == ann


@pytest.fixture
def son_la(api: Api) -> None:
    """28 sites in two districts, 20 of them connected, 276 cameras, 191 of them connected; one more that was closed,
    and one in Thanh Hoa."""
    communes, cameras = ("03646", "03718"), [(10, 10)] * 16 + [(8, 8)] * 3 + [(12, 7)] + [(10, 0)] * 8
    for number, (total, connected) in enumerate(cameras):
        site = registered(api, name=f"site {number}", commune=communes[number % 2], capacity=50)["site_id"]
        api.post(f"sites/{site}/cameras", {"registered": total, "connected": connected})
    for commune in ("03646", "14995"):
        site = registered(api, commune=commune)["site_id"]
        api.post(f"sites/{site}/cameras", {"registered": 9, "connected": 9})
        if commune == "03646":
            api.post(f"sites/{site}/closure")


def test_the_report_gives_son_la_s_figures_again_from_events(api: Api, son_la: None) -> None:
    report = api.get("reports/sites", unit="14").json()
    assert report["unit"] == {"code": "14", "name": "Tỉnh Sơn La", "level": "province"}
    figures = {"sites": 28, "sites_connected": 20, "cameras_registered": 276, "cameras_connected": 191}
    assert report["total"] == {"code": "14", "name": "Tỉnh Sơn La", **figures, "capacity": 1_400}
    for figure in (*figures, "capacity"):
        assert sum(row[figure] for row in report["rows"]) == report["total"][figure]
    assert sum(row["sites"] > 0 for row in report["rows"]) == 2
    commune = api.get("reports/sites", unit="03646").json()
    assert (commune["total"]["sites"], commune["rows"]) == (14, [])
    assert api.get("reports/sites", unit="VN").json()["total"]["sites"] == 29
    table = api.get("reports/sites", unit="14", accept=CSV)
    *rows, total = csv.DictReader(io.StringIO(table.text))
    assert [row["code"] for row in rows] == [row["code"] for row in report["rows"]]
    assert (total["cameras_connected"], total["position"]) == ("191", table.headers["X-Position"])


def test_the_report_stays_as_it_was_as_of_its_position(api: Api, son_la: None) -> None:
    first = api.get("reports/sites", unit="14")
    site = registered(api)["site_id"]
    api.post(f"sites/{site}/cameras", {"registered": 3, "connected": 3})
    assert api.get("reports/sites", unit="14").json()["total"]["cameras_registered"] == 279
    assert api.get("reports/sites", unit="14", as_of=first.headers["X-Position"]).content == first.content
    assert api.get("reports/sites", unit="99").status_code == 404
    assert api.as_("auditor", area="14").get("reports/sites", unit="38").status_code == 403
