"""The generic CSV says what a dialler needs, and nothing in it is a formula."""

import csv
import io
import re

from hypothesis import example, given
from hypothesis import strategies as st

from api.exports.generic import GENERIC
from api.exports.leads import Lead
from tests.api.exports.leads import lead
from tests.api.http.test_csv_cells import BEFORE, RESTS, STARTERS


def read(*leads: Lead) -> list[dict[str, str]]:
    text = GENERIC.header + "".join(map(GENERIC.text, leads))
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_call_is_told_with_its_id_and_the_number_with_its_plus() -> None:
    (row,) = read(lead(1, commune="15013", priority=1287))
    assert row == {
        "call_id": "00000000-0000-0001-0000-000000000007", "phone": "+84900000001", "name": "NGUYEN VAN A",
        "commune": "15013", "campaign": "contacts", "purpose": "first_call", "level": "1",
        "cases": "00000000-0000-0000-0000-000000000001",
        "priority": "1287", "due_at": "2021-08-30T02:00:00Z", "attempts": "0",
    }  # fmt: skip


def test_what_is_not_known_is_empty() -> None:
    (row,) = read(lead(1, phone=None, name=None, commune=None, level=None, cases=()))
    assert [row[column] for column in ("phone", "name", "commune", "level", "cases")] == ["", "", "", "", ""]


def test_lines_end_as_rfc_4180_says() -> None:
    assert GENERIC.header.endswith("attempts\r\n")
    assert GENERIC.text(lead(1)).endswith(",0\r\n")


FORMULA = re.compile(r'(?:\A|[;\t\r\n])[\s"\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*[=+\-@\u2212＝＋－＠﹦﹢﹣﹫]')
TYPED = (
    st.lists(st.sampled_from([*STARTERS, *BEFORE, *RESTS, ";", "NGUYEN", "Lê Thị", "1", "'"])).map("".join) | st.text()
)


@given(st.lists(TYPED, min_size=1, max_size=3))
@example(['"\n=1+1'])
@example(["Trần Thị Hoa"])
def test_no_name_is_a_formula_and_every_number_is_whole(names: list[str]) -> None:
    rows = read(*(lead(number, name=name) for number, name in enumerate(names)))
    assert [row["phone"] for row in rows] == [f"+849000{number:05}" for number in range(len(names))]
    for name, row in zip(names, rows, strict=True):
        assert row["name"].replace("'", "") == name.replace("'", "")
        assert row["name"].startswith("'") or not FORMULA.search(row["name"]) or _is_number(row["name"])


def _is_number(cell: str) -> bool:
    return all(
        re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", part) for part in cell.split(";") if FORMULA.search(part)
    )
