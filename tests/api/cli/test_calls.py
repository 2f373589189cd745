"""``truyvet calls list``: whom to call, in each form."""

import csv
import io
import json

import pytest

from api.app import Truyvet
from tests.api.cli.running import Run
from tests.api.cli.test_cli import OUTBREAK

CASE = ("case", "confirm", "--person", "ref:ann", "--onset", "2021-08-31")


@pytest.fixture
def called(cli: Run, truyvet: Truyvet, tmp_path_factory: pytest.TempPathFactory) -> Truyvet:
    """Bob is an F1 and cid an F2, as soon as somebody asks."""
    file = tmp_path_factory.mktemp("visits") / "visits.csv"
    file.write_text(OUTBREAK)
    assert cli("import", "visits", str(file), "--register-venues")[0] == 0
    assert cli(*CASE)[0] == 0
    return truyvet


def test_has_everybody_once_the_most_urgent_first_in_every_form(cli: Run, called: Truyvet) -> None:
    items = json.loads(cli("calls", "list", "--format", "json")[1])
    assert [(item["person"], item["level"], item["campaign"]) for item in items] == [
        ("ref:bob", 1, "contacts"), ("ref:cid", 2, "contacts"),
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(cli("calls", "list", "--format", "csv")[1])))
    assert [row["person"] for row in rows] == ["ref:bob", "ref:cid"]
    assert [json.loads(line) for line in cli("calls", "list", "--format", "ndjson")[1].splitlines()] == items
    table = cli("calls", "list")[1]
    assert "ref:bob" in table
    assert "2 rows" in table


def test_is_narrowed_and_cut(cli: Run, called: Truyvet) -> None:
    for options, people in (
        (("--level", "2"), ["ref:cid"]), (("--campaign", "returnees"), []), (("--limit", "1"), ["ref:bob"]),
    ):  # fmt: skip
        found = json.loads(cli("calls", "list", "--format", "json", *options)[1])
        assert [item["person"] for item in found] == people


def test_is_what_it_was_as_of_a_position(cli: Run, called: Truyvet) -> None:
    before = cli("calls", "list", "--format", "json")[1]
    position = str(called.log.head())
    called.calls.claim(1, 600)
    assert json.loads(cli("calls", "list", "--format", "json")[1])[0]["held_until"] is not None
    then = json.loads(cli("calls", "list", "--format", "json", "--as-of", position)[1])
    assert [item["call_id"] for item in then] == [item["call_id"] for item in json.loads(before)]
    assert {item["held_until"] for item in then} == {None}
    assert json.loads(cli("calls", "list", "--format", "json", "--as-of", "0")[1]) == []


def test_what_makes_no_sense_is_one_line(cli: Run, called: Truyvet) -> None:
    assert cli("calls", "list", "--format", "graphml")[0] == 2
    code, out, err = cli("calls", "list", "--campaign", "everybody")
    assert (code, out, err) == (1, "", "truyvet: a campaign is one of contacts, returnees\n")
    assert cli("calls", "list", "--as-of", "999999")[0] == 1
