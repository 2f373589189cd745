"""What a measurement says: the contract's fields, and sections of a document that are replaced one by one."""

import json
from pathlib import Path

import pytest

from api.bench import trace
from api.bench.documents import write_section
from api.bench.results import Measurement, Rate, Times
from domain.errors import Refused
from tests.api.cli.running import Run

OURS = Times("truyvet", [0.001, 0.002, 0.004])
FAST = Times("fast", [0.002, 0.010, None])
SLOW = Times("slow", [0.010, 0.020, 0.020])


def test_ratios_are_to_the_fastest_who_was_asked() -> None:
    measured = Measurement("trace", 1_000, True, OURS, [FAST, SLOW])

    assert measured.ratios == {"median": 5.0, "worst": 2.0}
    assert FAST.as_dict()["asked"] == 2
    assert Measurement("import", 1_000, True, Rate("truyvet", 50.0), [Rate("a", 100.0), Rate("b", 20.0)]).ratios == {
        "median": 0.5,
        "worst": 0.5,
    }
    assert Measurement("trace", 1_000, True, OURS, []).ratios == {"median": None, "worst": None}


def test_the_command_tells_what_the_contract_says(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.setattr(trace, "QUESTIONS", 5)
    code, out, _ = cli("bench", "trace", "--visits", "1000", "--against", "duckdb", "--json")
    told = json.loads(out)

    assert code == 0
    assert (told["name"], told["visits"], told["answers_equal"]) == ("trace", 1_000, True)
    for one in (told["ours"], *told["alternatives"]):
        assert {"name", "median_ms", "p99_ms", "worst_ms"} <= one.keys()
    assert [one["name"] for one in told["alternatives"]] == ["duckdb"]
    assert told["ratios"].keys() == {"median", "worst"}


def test_the_curve_asks_alike_at_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_CURVE_FROM", 500)
    monkeypatch.setattr(trace, "_ALIKE", (10,))
    told = trace.curve(5_000).as_dict()

    assert [row["visits"] for row in told["curve"]] == [500, 5_000]


def test_a_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text("# By hand\n\n<!-- here: trace -->\n")
    for visits in (1_000, 2_000):
        write_section(Measurement("trace", visits, True, OURS, [SLOW]), "truyvet bench trace", path)
    path.write_text(path.read_text() + "\nAlso by hand.\n\n<!-- here: import -->\n")
    before = path.read_text()
    write_section(Measurement("trace", 1_000, False, OURS, []), "truyvet bench trace", path)
    after = path.read_text()

    assert "ratio median **10.0**, smallest **5.0**" in before
    assert after.startswith("# By hand\n")
    assert after.endswith("\nAlso by hand.\n\n<!-- here: import -->\n")
    assert after.count("<!-- measured: trace") == 2
    assert "ANSWERS DIFFER" in after
    assert before.partition("<!-- measured: trace 2000 -->")[2] == after.partition("<!-- measured: trace 2000 -->")[2]


def test_there_is_a_document_to_write_into(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no"):
        write_section(Measurement("trace", 1_000, True, OURS, []), "truyvet bench trace", tmp_path / "none.md")
