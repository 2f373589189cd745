"""VICIdial's loader finds each field where it looks for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exports.leads import Lead
from api.exports.vicidial import FIELDS, VICIDIAL
from tests.api.exports.leads import lead
from tests.api.http.test_csv_cells import STARTERS

WIDTHS = {"vendor_lead_code": 20, "source_id": 50, "phone_code": 10, "phone_number": 18, "title": 4, "comments": 255}
"""Characters that its table holds."""


def load(*leads: Lead) -> list[dict[str, str]]:
    """As VICIdial's loader reads a file: lines, tabs, nothing else means anything."""
    lines = "".join(map(VICIDIAL.text, leads)).removesuffix("\n").split("\n")
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in lines]


def test_a_call_is_a_lead_with_a_national_number() -> None:
    (row,) = load(lead(1, commune="15013"))
    assert {name: value for name, value in row.items() if value} == {
        "vendor_lead_code": "00000000000000010000", "source_id": "00000000-0000-0001-0000-000000000007",
        "list_id": "999", "phone_code": "84", "phone_number": "900000001", "title": "F1", "first_name": "NGUYEN VAN",
        "last_name": "A", "province": "15013", "country_code": "VN", "security_phrase": "contacts",
        "comments": "due 2021-08-30T02:00:00Z, cases 1, attempts 0",
    }  # fmt: skip
    assert VICIDIAL.header == ""


@pytest.mark.parametrize(
    ("phone", "code", "number"), [("+390600000000", "39", "0600000000"), ("+85620000001", "856", "20000001")]
)
def test_a_number_from_elsewhere_has_its_own_code(phone: str, code: str, number: str) -> None:
    (row,) = load(lead(1, phone=phone))
    assert (row["phone_code"], row["phone_number"]) == (code, number)


def test_nothing_is_wider_than_the_table_that_takes_it() -> None:
    (row,) = load(lead(1, cases=tuple(lead(n).call_id for n in range(1000)), attempts=1000))
    assert all(len(row[name]) <= width for name, width in WIDTHS.items())


@given(st.lists(st.text() | st.sampled_from(STARTERS).map(lambda sign: f"{sign}1+1|x;y\t{sign}z"), min_size=1))
def test_whatever_a_name_says_it_stays_in_its_field(names: list[str]) -> None:
    rows = load(*(lead(number, name=name) for number, name in enumerate(names)))
    for number, row in enumerate(rows):
        assert row["phone_number"] == f"9000{number:05}"
        told = row["first_name"] + row["last_name"]
        assert not set(told) & {*map(chr, range(32)), *'"`\\;|'}
        assert row["first_name"][:1] not in STARTERS
        assert row["last_name"][:1] not in STARTERS
