"""`truyvet simulate`: files that `truyvet import` and `truyvet trace` take."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from domain.venues import DEFAULT_STAY
from tests.api.cli.running import Run


def test_without_polars_parquet_is_refused_in_one_line(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    code, _, err = cli("simulate", "--visits", "1000", "--format", "parquet")

    assert (code, err) == (1, "truyvet: install truyvet[bench] to write Parquet\n")


def test_the_venues_say_their_kind_and_commune(cli: Run, tmp_path: Path) -> None:
    out, venues = tmp_path / "visits.csv", tmp_path / "venues.csv"
    code, said, err = cli("simulate", "--people", "300", "--days", "2", "--out", str(out), "--venues", str(venues))
    rows = list(csv.DictReader(venues.open()))

    assert (code, said) == (0, "")
    assert json.loads(err)["people"] == 300
    assert {row["venue"] for row in csv.DictReader(out.open())} <= {row["venue"] for row in rows}
    assert all(int(row["default_stay_minutes"]) == DEFAULT_STAY[row["kind"]] for row in rows)


def test_an_import_takes_it_whole_and_a_trace_finds_who_was_infected_at_venues(cli: Run, tmp_path: Path) -> None:
    visits, infections, cases = (tmp_path / name for name in ("visits.csv", "infections.csv", "cases.csv"))
    cli("simulate", "--visits", "6000", "--days", "12", "--infected", "30", "--out", str(visits),
        "--infections", str(infections), "--cases", str(cases))  # fmt: skip
    code, out, _ = cli("import", "visits", "--register-venues", str(visits))
    tally = json.loads(out)

    assert code == 0
    assert (tally["recorded"], tally["rejected"], tally["duplicates"]) == (6_000, 0, 0)

    observed = {(row["person"], row["venue"], row["check_in"][:10]) for row in read_csv(visits) if row["check_out"]}
    truth = {row["person"]: row for row in read_csv(infections)}
    assert {row["person"] for row in read_csv(cases)} <= truth.keys()
    seed = next(person for person, row in truth.items() if not row["infector"] and victims(person, truth, observed))
    window = ("--from", truth[seed]["infectious_from"], "--to", truth[seed]["infectious_until"])
    _, out, _ = cli("trace", "--person", seed, *window, "--levels", "1", "--min-minutes", "0", "--format", "csv")
    assert victims(seed, truth, observed) <= {row["person"] for row in csv.DictReader(io.StringIO(out))}


def victims(infector: str, truth: dict[str, dict[str, str]], observed: set[tuple[str, str, str]]) -> set[str]:
    """Whom they infected at a venue, both having been seen to leave."""
    return {
        person
        for person, row in truth.items()
        if row["infector"] == infector
        and all((who, row["venue"], row["infected_at"][:10]) in observed for who in (person, infector))
    }


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
