"""The command line of the contract: what it prints, where, and how it ends."""

import csv
import io
import json
from pathlib import Path

import networkx as nx
import pytest

from api.app import Truyvet
from domain.times import parse_instant
from tests.api.cli.running import Run

HEADER = "person,venue,check_in,check_out\n"
OUTBREAK = (
    HEADER
    + """ref:ann,cafe,2021-08-30T09:00:00+07:00,2021-08-30T11:00:00+07:00
ref:bob,cafe,2021-08-30T10:00:00+07:00,
ref:bob,gym,2021-08-30T13:00:00+07:00,2021-08-30T15:00:00+07:00
ref:cid,gym,2021-08-30T14:00:00+07:00,2021-08-30T16:00:00+07:00
"""
)
WINDOW = ("--person", "ref:ann", "--from", "2021-08-30T00:00:00+07:00", "--to", "2021-09-02T00:00:00+07:00")


@pytest.fixture
def outbreak(cli: Run, tmp_path: Path) -> Path:
    file = tmp_path / "visits.csv"
    file.write_text(OUTBREAK)
    assert cli("import", "visits", str(file), "--register-venues")[0] == 0
    return file


class TestImport:
    def test_it_ends_with_one_json_line(self, cli: Run, tmp_path: Path) -> None:
        file = tmp_path / "visits.csv"
        file.write_text(OUTBREAK + "ref:dan,cafe,2021-08-30T09:00:00,\n")
        code, out, _ = cli(
            "import", "visits", str(file), "--register-venues", "--rejects", str(tmp_path / "rejects.csv")
        )
        tally = json.loads(out)

        assert code == 0
        assert list(tally) == ["read", "recorded", "completed", "duplicates", "rejected", "seconds", "position"]
        assert (tally["read"], tally["recorded"], tally["rejected"]) == (5, 4, 1)
        rejects = list(csv.DictReader((tmp_path / "rejects.csv").open()))
        assert [(r["line"], r["content"]) for r in rejects] == [("6", "ref:dan,cafe,2021-08-30T09:00:00,")]
        assert (tmp_path / "rejects.csv").stat().st_mode & 0o777 == 0o600

    def test_a_wrong_header_is_one_line_and_exit_1(self, cli: Run, tmp_path: Path) -> None:
        file = tmp_path / "wrong.csv"
        file.write_text("a,b\n1,2\n")
        code, out, err = cli("import", "visits", str(file))
        assert (code, out) == (1, "")
        assert err.startswith("truyvet: the header lacks person")
        assert err.count("\n") == 1

    def test_a_missing_file_is_one_line_and_exit_1(self, cli: Run) -> None:
        code, out, err = cli("import", "visits", "nowhere.csv")
        assert (code, out, err.count("\n")) == (1, "", 1)

    def test_quarantines(self, cli: Run, outbreak: Path, tmp_path: Path) -> None:
        file = tmp_path / "quarantines.csv"
        file.write_text("person,from,until\nref:bob,2021-08-30T12:00:00+07:00,\n")
        assert json.loads(cli("import", "quarantines", str(file))[1])["recorded"] == 1
        people = [row["person"] for row in csv.DictReader(io.StringIO(cli("trace", *WINDOW, "--format", "csv")[1]))]
        assert people == ["ref:bob"]


class TestTrace:
    def test_csv(self, cli: Run, outbreak: Path) -> None:
        code, out, _ = cli("trace", *WINDOW, "--format", "csv")
        assert code == 0
        assert out == (
            "person,level,exposed_at,encounters,contact_seconds,via,certainty\n"
            "ref:bob,1,2021-08-30T03:00:00Z,1,3600,ref:ann,possible\n"
            "ref:cid,2,2021-08-30T07:00:00Z,1,3600,ref:bob,possible\n"
        )

    def test_json_with_evidence(self, cli: Run, outbreak: Path) -> None:
        bob, _ = json.loads(cli("trace", *WINDOW, "--format", "json", "--evidence")[1])
        assert bob["via"] == ["ref:ann"]
        (met,) = bob["evidence"]
        assert (met["infector"], met["venue"], met["seconds"], met["imputed"]) == ("ref:ann", "cafe", 3600, ["contact"])

    def test_ndjson_and_table(self, cli: Run, outbreak: Path) -> None:
        lines = cli("trace", *WINDOW, "--format", "ndjson")[1].splitlines()
        assert [json.loads(line)["person"] for line in lines] == ["ref:bob", "ref:cid"]
        table = cli("trace", *WINDOW)[1]
        assert "ref:cid" in table
        assert "\x1b" not in table

    def test_graphml_is_the_contact_graph(self, cli: Run, outbreak: Path) -> None:
        graph = nx.parse_graphml(cli("trace", *WINDOW, "--format", "graphml")[1], force_multigraph=True)
        assert {person: data["level"] for person, data in graph.nodes(data=True)} == {
            "ref:ann": 0, "ref:bob": 1, "ref:cid": 2,
        }  # fmt: skip
        assert [(a, b, met["seconds"]) for a, b, met in graph.edges(data=True)] == [
            ("ref:ann", "ref:bob", 3600), ("ref:bob", "ref:cid", 3600),
        ]  # fmt: skip

    def test_as_of_a_position_and_a_time(self, cli: Run, outbreak: Path, truyvet: Truyvet) -> None:
        events = [json.loads(line) for line in cli("events")[1].splitlines()]
        bob = next(e for e in events if e["type"] == "Visit.CheckedIn" and e["happened_at"] == "2021-08-30T03:00:00Z")
        before = cli("trace", *WINDOW, "--format", "csv", "--as-of", str(bob["position"] - 1))[1]
        after = cli("trace", *WINDOW, "--format", "csv", "--as-of", str(bob["position"]))[1]
        at_once = cli("trace", *WINDOW, "--format", "csv", "--as-of", events[-1]["recorded_at"])[1]

        assert [len(text.splitlines()) for text in (before, after, at_once)] == [1, 2, 3]
        code, _, err = cli("trace", *WINDOW, "--as-of", str(events[-1]["position"] + 1))
        assert (code, err) == (1, f"truyvet: the log ends at position {events[-1]['position']}\n")

    def test_nobody_is_an_empty_answer(self, cli: Run, outbreak: Path) -> None:
        unknown = ("--person", "0912345678", *WINDOW[2:])
        assert cli("trace", *unknown, "--format", "csv")[:2] == (
            0, "person,level,exposed_at,encounters,contact_seconds,via,certainty\n",
        )  # fmt: skip
        assert cli("trace", *unknown, "--format", "json")[:2] == (0, "[]\n")

    @pytest.mark.parametrize(
        ("option", "value", "reason"),
        [
            ("--from", "2021-08-30T00:00:00", "no offset"),
            ("--to", "2021-08-29T00:00:00Z", "ends after it begins"),
            ("--person", "phone:12", "phone"),
            ("--levels", "0", "levels"),
            ("--as-of", "last tuesday", "as_of is a position"),
        ],
    )
    def test_what_is_refused_is_one_line_and_exit_1(
        self, cli: Run, outbreak: Path, option: str, value: str, reason: str
    ) -> None:
        code, out, err = cli("trace", *WINDOW, option, value)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert reason in err

    @pytest.mark.parametrize("arguments", [("trace",), ("trace", *WINDOW, "--format", "xml"), ("nothing",)])
    def test_usage_is_exit_2(self, cli: Run, arguments: tuple[str, ...]) -> None:
        assert cli(*arguments)[0] == 2


class TestOtherQuestions:
    def test_overlaps(self, cli: Run, outbreak: Path) -> None:
        window = ("--from", "2021-08-30T00:00:00+07:00", "--to", "2021-08-30T10:30:00+07:00")
        out = cli("overlaps", "--venue", "cafe", *window, "--format", "csv")[1]
        (row,) = csv.DictReader(io.StringIO(out))
        assert [row[c] for c in ("person_a", "person_b", "start", "seconds", "certainty")] == [
            "ref:ann", "ref:bob", "2021-08-30T03:00:00Z", "1800", "possible",
        ]  # fmt: skip
        assert cli("overlaps", "--venue", "nowhere", *window)[0] == 1

    def test_overlaps_at_a_venue_and_everything_in_it(self, truyvet: Truyvet, cli: Run, outbreak: Path) -> None:
        truyvet.venues.register("Terrace", "restaurant", code="terrace", part_of="cafe")
        truyvet.visits.check_in("ref:eve", "terrace", parse_instant("2021-08-30T02:30:00Z"))
        window = ("--from", "2021-08-30T00:00:00+07:00", "--to", "2021-08-30T10:30:00+07:00")
        alone, whole = (
            list(csv.DictReader(io.StringIO(cli("overlaps", "--venue", "cafe", *window, *more, "--format", "csv")[1])))
            for more in ((), ("--parts",))
        )
        assert [(row["person_a"], row["person_b"]) for row in alone] == [("ref:ann", "ref:bob")]
        assert [(row["person_a"], row["person_b"], row["venue_a"], row["venue_b"]) for row in whole] == [
            ("ref:ann", "ref:eve", "cafe", "terrace"),
            ("ref:ann", "ref:bob", "cafe", "cafe"),
            ("ref:bob", "ref:eve", "cafe", "terrace"),
        ]

    def test_quality(self, cli: Run, outbreak: Path, tmp_path: Path) -> None:
        file = tmp_path / "night.csv"
        file.write_text(HEADER + "ref:eve,gym,2021-08-30T08:00:00+07:00,2021-08-31T09:00:00+07:00\n")
        assert cli("import", "visits", str(file))[0] == 0
        flags = [json.loads(line) for line in cli("quality", "--venue", "gym", "--format", "ndjson")[1].splitlines()]
        assert [(flag["name"], flag["count"], len(flag["examples"])) for flag in flags] == [("long_stays", 1, 1)]
        whole = json.loads(cli("quality", "--venue", "gym", "--format", "json", "--lang", "en")[1])
        assert (whole["visits"], whole["from"], whole["to"]) == (3, "2021-08-02T17:00:00Z", "2021-08-30T17:00:00Z")
        assert whole["flags"][0]["says"] == "Check-outs come more than 12 hours after their check-ins."
        assert "hơn 12 giờ" in cli("quality", "--venue", "gym")[1]
        assert json.loads(cli("quality", "--venue", "cafe", "--format", "json")[1])["flags"] == []
        assert cli("quality", "--venue", "nowhere")[::2] == (1, "truyvet: there is no venue with that code or id\n")

    def test_a_case_and_its_contacts(self, cli: Run, outbreak: Path) -> None:
        code, out, _ = cli("case", "confirm", "--person", "ref:ann", "--onset", "2021-08-31", "--rules", "who")
        case = json.loads(out)
        assert code == 0
        assert case["window"] == {"from": "2021-08-28T17:00:00Z", "to": "2021-09-10T17:00:00Z"}
        contacts = cli("case", "contacts", case["case_id"], "--format", "json")[1]
        assert [contact["person"] for contact in json.loads(contacts)] == ["ref:bob", "ref:cid"]
        assert cli("case", "confirm", "--person", "ref:ann")[0] == 2

    def test_events_in_pages(self, cli: Run, outbreak: Path) -> None:
        every = cli("events")[1].splitlines()
        assert [json.loads(line)["position"] for line in every] == list(range(1, len(every) + 1))
        assert cli("events", "--after", "2", "--limit", "3")[1].splitlines() == every[2:5]
        assert "ann" not in "".join(every)


class TestLookingAfterIt:
    def test_rebuild_gives_the_same_views(self, cli: Run, outbreak: Path) -> None:
        first, second = cli("rebuild"), cli("rebuild")
        assert first == second
        assert [line.split()[0] for line in first[1].splitlines()] == [
            "venues", "cases", "quarantines", "breaches", "imports", "access_keys", "guards", "venue_history",
            "declarations", "escalations", "residents", "campaign_history", "sites", "calls", "keys", "graph",
        ]  # fmt: skip

    def test_verify_finds_nothing_on_a_whole_log_and_what_was_altered_on_another(
        self, cli: Run, outbreak: Path, truyvet: Truyvet
    ) -> None:
        assert cli("verify")[:2] == (0, f"{truyvet.log.head()} events: the log is whole, the views equal a replay\n")
        with truyvet.database.transaction(commit=True) as cursor:
            cursor.execute("DELETE FROM events WHERE notification_id = 3")
        code, out, err = cli("verify")
        assert code == 1
        assert "3" in out
        assert "findings" in err

    def test_an_import_is_retracted_as_a_whole(self, cli: Run, outbreak: Path) -> None:
        import_id = json.loads(cli("events", "--limit", "1")[1])["correlation"]
        assert json.loads(cli("import", "retract", import_id, "--reason", "wrong file")[1])["import_id"] == import_id
        assert cli("trace", *WINDOW, "--format", "json")[1] == "[]\n"
        assert cli("import", "retract", "8d2ab8a0-9d27-4d4c-8c07-6f1fd40ab7d0")[0] == 1
