"""``truyvet calls export | import``, in this process."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from api.app import Truyvet
from application.provenance import LOCAL
from domain.times import to_text
from tests.api.cli.running import Run

VISITS = """person,venue,check_in,check_out
ref:ann,cafe,2021-08-30T09:00:00+07:00,2021-08-30T12:00:00+07:00
phone:0900000001,cafe,2021-08-30T09:00:00+07:00,2021-08-30T12:00:00+07:00
phone:0900000002,cafe,2021-08-30T09:00:00+07:00,2021-08-30T11:00:00+07:00
"""


@pytest.fixture
def outbreak(cli: Run, tmp_path: Path) -> Run:
    """Ann is a case; two with phones met her."""
    file = tmp_path / "visits.csv"
    file.write_text(VISITS)
    assert cli("import", "visits", "--register-venues", str(file))[0] == 0
    assert cli("case", "confirm", "--person", "ref:ann", "--onset", "2021-08-30")[0] == 0
    return cli


def test_the_list_is_written_with_its_manifest(outbreak: Run, truyvet: Truyvet, tmp_path: Path) -> None:
    code, out, _ = outbreak("calls", "export", "--out", str(tmp_path / "out"), "--split", "commune")
    told, manifest = json.loads(out), json.loads((tmp_path / "out" / "manifest.json").read_text())
    (file,) = manifest.pop("files")
    assert (code, told) == (0, manifest)
    assert (told["calls"], told["file_count"], told["position"]) == (2, 1, truyvet.log.head())
    content = (tmp_path / "out" / "unknown.csv").read_bytes()
    assert file == {
        "path": "unknown.csv",
        "calls": 2,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_the_same_position_gives_the_same_bytes(outbreak: Run, truyvet: Truyvet, tmp_path: Path) -> None:
    outbreak("calls", "export", "--out", str(tmp_path / "now"))
    then = str(truyvet.log.head())
    for out in ("one", "two"):
        assert outbreak("calls", "export", "--out", str(tmp_path / out), "--as-of", then)[0] == 0
    for name in ("calls.csv", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_directory_that_is_not_empty_is_refused(outbreak: Run, tmp_path: Path) -> None:
    (tmp_path / "yesterday.csv").write_text("")
    code, out, err = outbreak("calls", "export", "--out", str(tmp_path))
    assert (code, out, err) == (1, "", f"truyvet: {tmp_path} is not an empty directory\n")


def test_an_unknown_campaign_is_refused(outbreak: Run, tmp_path: Path) -> None:
    code, _, err = outbreak("calls", "export", "--out", str(tmp_path / "out"), "--campaign", "marketing")
    assert (code, err) == (1, "truyvet: a campaign is one of contacts, returnees\n")


def test_what_came_of_calls_is_imported_once(outbreak: Run, truyvet: Truyvet, tmp_path: Path) -> None:
    outbreak("calls", "export", "--out", str(tmp_path / "out"))
    now = to_text(truyvet.calls.now())
    with (tmp_path / "out" / "calls.csv").open(newline="") as file:
        ids = [row["call_id"] for row in csv.DictReader(file)]
    done, rejects = tmp_path / "done.csv", tmp_path / "rejects.csv"
    done.write_text("call_id,outcome,at\n" + "".join(f"{call},busy,{now}\n" for call in ids) + "ann,busy,now\n")
    for recorded, duplicates in ((2, 0), (0, 2)):
        code, out, _ = outbreak("calls", "import", str(done), "--rejects", str(rejects))
        told = json.loads(out)
        assert (code, told["recorded"], told["duplicates"], told["rejected"]) == (0, recorded, duplicates, 1)
        assert rejects.read_text().splitlines()[1:] == [
            '4,"a call is named by its call_id, as exports give it","ann,busy,now"'
        ]


def test_a_directory_of_call_files_is_imported(outbreak: Run, truyvet: Truyvet, tmp_path: Path) -> None:
    outbreak("calls", "export", "--out", str(tmp_path / "out"), "--format", "asterisk")
    for number, file in enumerate(sorted((tmp_path / "out" / "calls").iterdir())):
        with file.open("a") as opened:
            opened.write(
                f"\nStartRetry: 1 1 ({truyvet.calls.now() + 300})\nStatus: {('Completed', 'Expired')[number]}\n"
            )
    code, out, _ = outbreak("calls", "import", str(tmp_path / "out" / "calls"), "--format", "asterisk")
    assert (code, json.loads(out)["recorded"]) == (0, 2)
    recorded = [json.loads(line) for line in outbreak("events", "--limit", "1000")[1].splitlines()]
    made = [event["data"]["outcome"] for event in recorded if event["type"] == "Call.Attempted"]
    assert sorted(made) == ["no_answer", "reached"]


def test_a_list_that_somebody_holds_is_empty(outbreak: Run, truyvet: Truyvet, tmp_path: Path) -> None:
    truyvet.policies.catch_up()
    truyvet.registers.catch_up()
    truyvet.calls.claim(10, 600, by=LOCAL)
    _, out, _ = outbreak("calls", "export", "--out", str(tmp_path / "out"))
    assert json.loads(out)["calls"] == 0
