"""``truyvet case history|evidence|close|reopen``."""

import json
from pathlib import Path

import pytest

from tests.api.cli.running import Run

VISITS = """person,venue,check_in,check_out
ref:ann,cafe,2021-08-30T09:00:00+07:00,2021-08-30T11:00:00+07:00
ref:bob,cafe,2021-08-30T10:00:00+07:00,
"""
LATE = """person,venue,check_in,check_out
ref:bob,cafe,2021-08-30T10:00:00+07:00,2021-08-30T10:10:00+07:00
"""


@pytest.fixture
def case(cli: Run, tmp_path: Path) -> str:
    assert cli("import", "visits", _file(tmp_path, VISITS), "--register-venues")[0] == 0
    return str(json.loads(cli("case", "confirm", "--person", "ref:ann", "--onset", "2021-08-31")[1])["case_id"])


def _file(directory: Path, text: str) -> str:
    path = directory / "visits.csv"
    path.write_text(text)
    return str(path)


def test_history_tells_what_changed_and_why(cli: Run, case: str, tmp_path: Path) -> None:
    assert cli("import", "visits", _file(tmp_path, LATE))[0] == 0
    code, out, _ = cli("case", "history", case, "--format", "json")
    changes = json.loads(out)
    assert code == 0
    assert [(change["change"], change["person"]) for change in changes] == [
        ("added", "ref:bob"), ("withdrawn", "ref:bob"),
    ]  # fmt: skip
    assert changes[-1]["in_words"].startswith("withdrawn: late check-out (2021-08-30 10:10) recorded on ")

    assert cli("import", "visits", _file(tmp_path, VISITS + "ref:cid,cafe,2021-08-30T09:30:00+07:00,\n"))[0] == 0
    changes = json.loads(cli("case", "history", case, "--format", "json")[1])
    assert changes[-1]["in_words"].startswith("added: late check-in (2021-08-30 09:30) recorded on ")
    assert "ghi nhận lúc" in cli("case", "history", case, "--lang", "vi")[1]


def test_history_since_a_position_is_the_difference(cli: Run, case: str, tmp_path: Path) -> None:
    before = json.loads(cli("events", "--limit", "1000")[1].splitlines()[-1])["position"]
    assert cli("import", "visits", _file(tmp_path, LATE))[0] == 0
    found = json.loads(cli("case", "history", case, "--since", str(before), "--format", "json")[1])
    assert [(one["change"], one["person"], one["after"]) for one in found] == [("withdrawn", "ref:bob", None)]


def test_evidence_shows_the_path_and_the_clause(cli: Run, case: str) -> None:
    code, out, _ = cli("case", "evidence", case, "--person", "ref:bob")
    assert code == 0
    assert "15 minutes or more" in out
    found = json.loads(cli("case", "evidence", case, "--person", "ref:bob", "--format", "json")[1])[0]
    assert [(hop["infector"], hop["contact"], hop["imputed"]) for hop in found["path"]] == [
        ("ref:ann", "ref:bob", ["contact"])
    ]


def test_evidence_of_nobody_is_one_line(cli: Run, case: str) -> None:
    code, out, err = cli("case", "evidence", case, "--person", "ref:zoe")
    assert (code, out) == (1, "")
    assert err == "truyvet: that person is no contact of the case at that position\n"


def test_a_closed_case_is_kept_up_again_once_it_is_reopened(cli: Run, case: str, tmp_path: Path) -> None:
    assert len(json.loads(cli("case", "history", case, "--format", "json")[1])) == 1
    assert cli("case", "close", case, "--reason", "the outbreak is over")[0] == 0
    assert cli("import", "visits", _file(tmp_path, LATE))[0] == 0
    assert len(json.loads(cli("case", "history", case, "--format", "json")[1])) == 1
    assert cli("case", "reopen", case)[0] == 0
    changes = json.loads(cli("case", "history", case, "--format", "json")[1])
    assert [change["change"] for change in changes] == ["added", "withdrawn"]
