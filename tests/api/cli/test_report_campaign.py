"""`truyvet report campaign`: the figures of the call centre as a table, CSV and JSON."""

import csv
import io
import json

import pytest

from api.app import Truyvet
from application.declarations import Told
from domain.times import parse_instant
from domain.triage import Answers
from tests.api.cli.running import Run

WEEK = ("--unit", "387", "--from", "2021-11-08", "--to", "2021-11-14")
NINE = parse_instant("2021-11-08T09:00:00+07:00")


@pytest.fixture
def district(truyvet: Truyvet) -> Truyvet:
    """Two calls that came in, one of somebody with fever; of the other it is not known where they live."""
    ill = Told("health", "phone", NINE, answers=Answers(("fever",), commune="14995"))
    truyvet.declarations.declare("ref:ann", ill)
    truyvet.declarations.declare("ref:bob", Told("returnee", "phone", NINE))
    return truyvet


def test_the_table_is_vietnamese_unless_english_is_asked_for(cli: Run, district: Truyvet) -> None:
    vietnamese, english = (cli("report", "campaign", *WEEK, *lang)[1] for lang in ((), ("--lang", "en")))
    assert "Kết quả tổng đài, Huyện Quan Sơn, Tỉnh Thanh Hóa" in vietnamese
    assert "Chưa rõ nơi ở" in vietnamese
    assert "Residence not known" in english
    assert f"position {district.log.head()} of the log" in english
    total = next(line for line in english.splitlines() if "Total" in line)
    assert [cell.strip() for cell in total.strip("│ ").split("│")][:8] == ["Total", "0", "0", "2", "0", "–", "–", "1"]


def test_json_and_csv_tell_the_same_and_again_as_of_their_position(cli: Run, district: Truyvet) -> None:
    told = cli("report", "campaign", *WEEK, "--format", "json")[1]
    lines = cli("report", "campaign", *WEEK, "--format", "csv")[1]
    report = json.loads(told)
    *_, total = csv.DictReader(io.StringIO(lines))
    assert (total["calls"], total["passed_on"], total["position"]) == ("2", "1", str(report["position"]))
    assert report["total"][-1]["calls"] == 2
    district.declarations.declare("ref:cat", Told("health", "phone", NINE))
    as_of = ("--as-of", str(report["position"]))
    assert cli("report", "campaign", *WEEK, *as_of, "--format", "json")[1] == told
    assert cli("report", "campaign", *WEEK, *as_of, "--format", "csv")[1] == lines
    assert cli("report", "campaign", *WEEK, "--format", "json")[1] != told


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_an_empty_log_has_every_form(cli: Run, form: str) -> None:
    for unit in ("VN", "38", "387", "14995", "536"):
        code, out, err = cli("report", "campaign", "--unit", unit, *WEEK[2:], "--format", form)
        assert (code, err) == (0, "")
        assert out


def test_what_is_no_unit_or_no_period_is_one_line(cli: Run) -> None:
    for asked, said in (
        (("--unit", "999", *WEEK[2:]), "no unit"),
        ((*WEEK[:4], "--to", "2021-11-07"), "1 to 366 days"),
        ((*WEEK[:4], "--to", "14/11/2021"), "2021-08-30"),
    ):
        code, out, err = cli("report", "campaign", *asked)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err
