"""``truyvet report …``: each form, in both languages, and what is refused."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest

from api.app import Truyvet
from application.sites import NewSite
from domain.times import parse_instant
from tests.api.cli.running import Run

WEEK = ("--unit", "387", "--week-ending", "2021-11-12")


@pytest.fixture
def district(truyvet: Truyvet) -> Truyvet:
    """Two points in one commune, one of them used twice in the week, and once the week before; a third one nowhere."""
    registered_at = parse_instant("2021-11-01T08:00:00+07:00")
    for code, commune in (("cafe", "14995"), ("gym", "14995"), ("bar", None)):
        truyvet.venues.register(code, "shop", commune=commune, code=code, registered_at=registered_at)
    for day, left in ((3, True), (6, True), (12, False)):
        came = parse_instant(f"2021-11-{day:02}T09:00:00+07:00")
        truyvet.visits.check_in("ref:ann", "cafe", came, check_out=came + 600 if left else None)
    return truyvet


def test_json_is_the_report_of_the_contract(cli: Run, district: Truyvet) -> None:
    code, out, _ = cli("report", "adoption", *WEEK, "--format", "json")
    report = json.loads(out)
    assert code == 0
    assert (report["from"], report["to"], report["position"]) == ("2021-11-06", "2021-11-12", district.log.head())
    assert report["total"] == {
        "code": "387", "name": "Huyện Quan Sơn", "points": 2, "points_new": 0, "points_active": 1, "points_silent": 1,
        "scans": 2, "scans_change": 1, "scans_total": 3, "weekend_share": 0.5, "check_out_rate": 0.5, "rank": None,
        "rank_change": None, "points_change": 0, "points_active_change": 0, "behind": None,
    }  # fmt: skip
    assert [row["behind"] for row in report["rows"]] == [False, *[True] * 11]
    assert report["points_outside"] == 1


def test_csv_has_a_line_for_each_unit_and_the_total_last(cli: Run, district: Truyvet) -> None:
    out = cli("report", "adoption", *WEEK, "--format", "csv")[1]
    *rows, total = csv.DictReader(io.StringIO(out))
    assert len(rows) == 12
    assert [row["scans"] for row in rows] == ["2", *["0"] * 11]
    assert (total["code"], total["scans_total"], total["rank"]) == ("387", "3", "")
    assert {(row["from"], row["to"], row["position"]) for row in (*rows, total)} == {
        ("2021-11-06", "2021-11-12", str(district.log.head()))
    }


def test_the_table_is_vietnamese_unless_english_is_asked_for(cli: Run, district: Truyvet) -> None:
    vietnamese, english = (cli("report", "adoption", *WEEK, *lang)[1] for lang in ((), ("--lang", "en")))
    assert "Lượt quét" in vietnamese
    assert "Xã Trung Thượng (chậm)" in vietnamese
    assert "50,00%" in vietnamese
    assert "Xã Trung Thượng (behind)" in english
    assert "50.00%" in english
    assert f"position {district.log.head()} of the log" in english


class Page(HTMLParser):
    """The texts of a page and everything that it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.behind = 0
        self.fetches: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.behind += ("class", "behind") in attributes
        self.fetches += [tag] if tag in ("script", "link", "img", "iframe", "object") else []
        self.fetches += [name for name, _ in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_says_how_it_can_be_made_again_and_asks_nobody_for_anything(cli: Run, district: Truyvet) -> None:
    html = cli("report", "adoption", *WEEK, "--format", "html", "--lang", "en")[1]
    page, head = Page(html), district.log.head()
    again = f"--unit 387 --week-ending 2021-11-12 --as-of {head} --format html --lang en"
    assert f"truyvet report adoption {again}" in page.texts
    assert (page.behind, page.fetches, "http" in html) == (11, [], False)
    assert any("count for no unit: 1." in text for text in page.texts)
    district.venues.close("cafe")
    assert cli("report", "adoption", *again.split())[1] == html
    assert cli("report", "adoption", *again.split()[:4], "--format", "html", "--lang", "en")[1] != html


@pytest.mark.parametrize("form", ["table", "csv", "json", "html"])
def test_an_empty_log_has_every_form(cli: Run, form: str) -> None:
    for unit in ("VN", "38", "387", "14995", "536"):
        code, out, err = cli("report", "adoption", "--unit", unit, "--week", "2021-W45", "--format", form)
        assert (code, err) == (0, "")
        assert out


def test_what_is_no_unit_or_no_week_is_one_line(cli: Run) -> None:
    for unit, week, said in (
        ("999", ("--week", "2021-W45"), "no unit"),
        ("387", ("--week", "2021-W53"), "no week 2021-W53"),
        ("387", ("--week-ending", "12/11/2021"), "2021-08-30"),
        ("387", ("--week", "2021-W45", "--as-of", "99"), "ends at position 0"),
    ):
        code, out, err = cli("report", "adoption", "--unit", unit, *week)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err


def test_one_week_is_asked_for(cli: Run) -> None:
    for weeks in ((), ("--week", "2021-W45", "--week-ending", "2021-11-12")):
        assert cli("report", "adoption", "--unit", "387", *weeks)[0] == 2


@pytest.fixture
def sites(truyvet: Truyvet) -> Truyvet:
    """Two in Quan Son, one of them connected, and one elsewhere."""
    for commune, cameras in (("14995", (1_200, 900)), ("14998", (4, 0)), ("00001", (7, 7))):
        site = truyvet.sites.register(NewSite(f"Trường {commune}", "facility", commune, 50)).id
        truyvet.sites.report_cameras(site, *cameras)
    return truyvet


def test_sites_add_up_in_every_form(cli: Run, sites: Truyvet) -> None:
    report = json.loads(cli("report", "sites", "--unit", "387", "--format", "json")[1])
    total = {"sites": 2, "sites_connected": 1, "cameras_registered": 1_204, "cameras_connected": 900, "capacity": 100}
    assert report["total"] == {"code": "387", "name": "Huyện Quan Sơn"} | total
    *rows, last = csv.DictReader(io.StringIO(cli("report", "sites", "--unit", "387", "--format", "csv")[1]))
    for figure, value in total.items():
        assert sum(int(row[figure]) for row in rows) == int(last[figure]) == value
    vietnamese = cli("report", "sites", "--unit", "387")[1]
    assert "Khu cách ly và camera giám sát, Huyện Quan Sơn, Tỉnh Thanh Hóa" in vietnamese
    assert "1.204" in vietnamese
    english = cli("report", "sites", "--unit", "387", "--lang", "en")[1]
    assert "Quarantine sites and their cameras" in english
    assert "1,204" in english


def test_sites_as_of_a_position_stay_as_they_were(cli: Run, sites: Truyvet) -> None:
    asked = ("report", "sites", "--unit", "387", "--as-of", str(sites.log.head()), "--format", "csv")
    first = cli(*asked)
    sites.sites.register(NewSite("Trường mới", "hospital", "14995", 20))
    assert cli(*asked) == first
    code, out, err = cli("report", "sites", "--unit", "999")
    assert (code, out, err.count("\n"), "no unit" in err) == (1, "", 1, True)
