"""No spreadsheet executes what we write, and what is no formula stays as it is."""

import csv
import io
from itertools import product

import pytest

from api.csv_cells import csv_line, safe_cell
from tests.api.http.asking import Api

STARTERS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫"]
BEFORE = ["", " ", "   ", "\u00a0", "\u3000", "\ufeff", "\u200b", '"', '""', ' "', "\n", "\r\n", "\t", "\x00"]
RESTS = ["cmd|' /C calc'!A0", "1+1", "SUM(A1:A9)", 'HYPERLINK("http://x","y")', "5;6"]


@pytest.mark.parametrize("starter", STARTERS)
def test_a_formula_begins_with_an_apostrophe(starter: str) -> None:
    for before, rest in product(BEFORE, RESTS):
        cell = before + starter + rest
        assert safe_cell(cell) == "'" + cell
        line = csv_line([cell, "next"])
        assert next(csv.reader(io.StringIO(line, newline=""))) == ["'" + cell, "next"]


@pytest.mark.parametrize(
    "cell",
    [
        "phone:+84912345678", "+84912345678", "-5", "-0.5", "+1e5", "12", "2021-08-30T02:00:00Z", "", "ref:a-b=c",
        "Hoa Sữa", "a@b", "x = y", "12 - 14 Hàng Bài", "phone:+84912345678;ref:ABC-1", "'=1", "CDC:2021-17",
        '{"visit_id": "-1-1"}', "Quán \"Mơ\", tầng 2", "one\ntwo",
    ],
)  # fmt: skip
def test_what_is_no_formula_stays(cell: str) -> None:
    assert safe_cell(cell) == cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (7, "7"), (-7, "-7"), (-0.5, "-0.5"), (None, ""), (True, "True"), (["ref:a", "ref:b"], "ref:a;ref:b"), ([], ""),
        (["a", "-1-1"], "a;'-1-1"), (["-1-1", "a"], "'-1-1;a"), ({"a": "é"}, '{"a": "é"}'),
    ],
)  # fmt: skip
def test_numbers_are_numbers_and_lists_are_joined(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize("text", ["a;=1+1", "a\n=1+1", "a\r@x", 'a; "=1+1', "a\t+x"])
def test_what_another_separator_would_begin_is_no_formula_either(text: str) -> None:
    cell = safe_cell(text)
    assert cell.replace("'", "") == text
    assert cell != text
    assert not cell.startswith("'")


def test_line_ends_stay_in_their_cell() -> None:
    assert csv_line(["a\rb", "c\nd", 'e"f', 1]) == '"a\rb","c\nd","e""f",1\n'


def test_a_venue_called_like_a_formula_is_no_formula_in_the_list(api: Api) -> None:
    api.venue("cafe", name='=HYPERLINK("http://x")', address="＝1+1")
    header, row = csv.reader(api.get("venues", accept="text/csv").text.splitlines())
    cells = dict(zip(header, row, strict=True))
    assert (cells["name"], cells["address"]) == ('\'=HYPERLINK("http://x")', "'＝1+1")
    assert cells["default_stay_minutes"].isdecimal()
    assert api.items("venues")[0]["name"] == '=HYPERLINK("http://x")'
