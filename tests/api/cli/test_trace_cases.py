"""Many cases at once: what each of them alone is told."""

import csv
import io
import json
import random
import sys
from pathlib import Path

import pytest

from api.app import Truyvet
from application.provenance import LOCAL
from domain.times import to_text
from tests.api.cli.running import Run

NINE = 1_630_285_200
HOUR = 3_600
COLUMNS = "case,person,level,exposed_at,encounters,contact_seconds,via,certainty\n"


@pytest.fixture
def crowd(truyvet: Truyvet) -> None:
    rng = random.Random(5)
    lines = ["person,venue,check_in,check_out"]
    for person in range(40):
        for _ in range(3):
            start = NINE + HOUR * rng.randrange(12)
            end = to_text(start + HOUR) if rng.random() < 0.7 else ""
            lines.append(f"ref:p{person},room{rng.randrange(9)},{to_text(start)},{end}")
    truyvet.imports.visits(io.BytesIO("\n".join(lines).encode()), register_venues=True, by=LOCAL)


def file_of(directory: Path, *lines: str, header: str = "person,from,to,until") -> str:
    path = directory / "cases.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return str(path)


def test_the_rows_are_those_of_each_alone(cli: Run, crowd: None, tmp_path: Path) -> None:
    asked = [
        (
            f"ref:p{n}",
            to_text(NINE + HOUR * (n % 4)),
            to_text(NINE + 8 * HOUR),
            to_text(NINE + 10 * HOUR) if n % 2 else "",
        )
        for n in (3, 1, 2, 3, 8, 39)
    ]
    asked[3] = ("ref:p3", to_text(NINE), to_text(NINE + HOUR), "")
    file = file_of(tmp_path, *map(",".join, asked), f"ref:nobody,{asked[0][1]},{asked[0][2]},")
    alone = []
    for person, start, end, until in asked:
        horizon = ("--until", until) if until else ()
        one = cli("trace", "--person", person, "--from", start, "--to", end, *horizon, "--format", "json")[1]
        alone += [{"case": person} | row for row in json.loads(one)]
    code, out, _ = cli("trace", "--cases", file, "--format", "json")
    assert (code, json.loads(out)) == (0, alone)
    assert len({(row["case"], row["level"]) for row in alone}) > 6
    ndjson = cli("trace", "--cases", file, "--format", "ndjson")[1]
    assert [json.loads(line) for line in ndjson.splitlines()] == alone
    table = cli("trace", "--cases", file, "--format", "csv")[1]
    assert table.startswith(COLUMNS)
    assert [(row["case"], row["person"]) for row in csv.DictReader(io.StringIO(table))] == [
        (row["case"], row["person"]) for row in alone
    ]
    assert "ref:p39" in cli("trace", "--cases", file)[1]


def test_levels_minutes_and_position_are_those_of_all(cli: Run, crowd: None, tmp_path: Path) -> None:
    window = (to_text(NINE), to_text(NINE + 12 * HOUR))
    file = file_of(tmp_path, ",".join(("ref:p1", *window)), header="person,from,to")
    for options in (("--levels", "1"), ("--min-minutes", "61"), ("--as-of", "60")):
        one = cli("trace", "--person", "ref:p1", "--from", window[0], "--to", window[1], "--format", "json", *options)
        rows = json.loads(cli("trace", "--cases", file, "--format", "json", *options)[1])
        assert rows == [{"case": "ref:p1"} | row for row in json.loads(one[1])]


def test_standard_input_is_read(cli: Run, crowd: None, monkeypatch: pytest.MonkeyPatch) -> None:
    content = f"person,from,to\nref:p1,{to_text(NINE)},{to_text(NINE + HOUR)}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert cli("trace", "--cases", "-", "--format", "csv")[0] == 0


def test_people_are_called_as_in_the_file_and_nobody_has_no_rows(cli: Run, crowd: None, tmp_path: Path) -> None:
    window = f"{to_text(NINE)},{to_text(NINE + 12 * HOUR)}"
    file = file_of(tmp_path, f"0912345678,{window},")
    assert cli("trace", "--cases", file, "--format", "csv") == (0, COLUMNS, "")
    visit = f"person,venue,check_in,check_out\n+84 912 345 678,room1,{to_text(NINE)},{to_text(NINE + 12 * HOUR)}\n"
    visits = tmp_path / "visits.csv"
    visits.write_text(visit)
    cli("import", "visits", str(visits))
    rows = csv.DictReader(io.StringIO(cli("trace", "--cases", file, "--levels", "1", "--format", "csv")[1]))
    assert {row["case"] for row in rows} == {"0912345678"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("phone:12,2021-08-30T00:00:00Z,2021-08-31T00:00:00Z,", "phone"),
        ("ref:p1,2021-08-30T00:00:00,2021-08-31T00:00:00Z,", "no offset"),
        ("ref:p1,2021-08-31T00:00:00Z,2021-08-30T00:00:00Z,", "ends after it begins"),
        ("ref:p1,2021-08-30T00:00:00Z,2021-08-31T00:00:00Z,2021-08-29T00:00:00Z", "horizon"),
        ("ref:p1,2021-08-30T00:00:00Z,2021-08-31T00:00:00Z", "3 fields"),
        ("ref:p1,,2021-08-31T00:00:00Z,", "no instant"),
        (",2021-08-30T00:00:00Z,2021-08-31T00:00:00Z,", "person"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_written(
    cli: Run, crowd: None, tmp_path: Path, line: str, reason: str
) -> None:
    good = "ref:p1,2021-08-30T00:00:00Z,2021-08-31T00:00:00Z,"
    code, out, err = cli("trace", "--cases", file_of(tmp_path, good, line, good), "--format", "csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("truyvet: line 3: ")
    assert reason in err


def test_what_is_wrong_as_a_whole_is_one_line(cli: Run, tmp_path: Path) -> None:
    file = file_of(tmp_path, "ref:p1,2021-08-30T00:00:00Z,2021-08-31T00:00:00Z,")
    for arguments in ((file, "--levels", "0"), (file, "--as-of", "9999"), (str(tmp_path / "none.csv"),)):
        code, out, err = cli("trace", "--cases", *arguments, "--format", "csv")
        assert (code, out, err.count("\n")) == (1, "", 1)
    assert cli("trace", "--cases", file_of(tmp_path, header="person,from"))[2].startswith(
        "truyvet: the header lacks to"
    )


@pytest.mark.parametrize(
    "beside", [("--person", "ref:p1"), ("--from", "2021-08-30T00:00:00Z"), ("--evidence",), ("--format", "graphml")]
)
def test_what_is_of_one_case_does_not_stand_beside_many(cli: Run, tmp_path: Path, beside: tuple[str, ...]) -> None:
    assert cli("trace", "--cases", file_of(tmp_path), *beside)[0] == 2
