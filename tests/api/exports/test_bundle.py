"""An export is whole, says what is in it, and is the same again."""

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exports.asterisk import Spool
from api.exports.bundle import Asked, Split, export
from api.exports.generic import GENERIC
from api.exports.leads import Form, Lead
from api.exports.sinks import directory, zip_archive
from api.exports.vicidial import VICIDIAL
from domain.errors import Refused, Unavailable
from tests.api.exports.leads import DUE, lead

ASTERISK = Spool("PJSIP/{phone}@trunk", "truyvet").form


def asked(form: Form, split: Split, calls: int) -> Asked:
    return Asked(form, split, {"campaign": "contacts"}, position=17, at=DUE, calls=calls)


def exported(leads: list[Lead], form: Form = GENERIC, split: Split = Split.commune) -> bytes:
    leads = sorted(leads, key=lambda one: (one.commune is None, one.commune))
    file = io.BytesIO()
    with zip_archive(file) as sink:
        export(asked(form, split, len(leads)), leads, sink)
    return file.getvalue()


def unpacked(archive: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest, and the other files."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        read = {name: files.read(name) for name in files.namelist()}
    return json.loads(read.pop("manifest.json")), read


def ids(content: bytes) -> list[str]:
    return [row["call_id"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]


LEADS = st.lists(
    st.tuples(st.sampled_from([None, "00001", "15013", "15016"]), st.booleans()), max_size=30
).map(
    lambda known: [
        lead(number, commune=commune, **({} if callable_ else {"phone": None}))
        for number, (commune, callable_) in enumerate(known)
    ]
)  # fmt: skip


@given(LEADS, st.sampled_from(list(Split)))
def test_every_call_is_in_one_file_that_the_manifest_tells(leads: list[Lead], split: Split) -> None:
    manifest, files = unpacked(exported(leads, split=split))
    told = {file["path"]: file for file in manifest["files"]}
    assert told.keys() == files.keys()
    for path, content in files.items():
        assert (told[path]["calls"], told[path]["bytes"]) == (len(ids(content)), len(content))
        assert told[path]["sha256"] == hashlib.sha256(content).hexdigest()
    assert sorted(chain.from_iterable(map(ids, files.values()))) == sorted(str(one.call_id) for one in leads)
    assert manifest["calls"] == len(leads)
    assert manifest["file_count"] == len(files)
    assert manifest["without_phone"] == sum(one.phone is None for one in leads)


def test_the_split_is_by_commune_of_residence() -> None:
    leads = [
        lead(1, commune="15013"), lead(2), lead(3, commune="00001"), lead(4, commune="15013"),
        lead(5, commune="15013", phone=None), lead(6, phone=None),
    ]  # fmt: skip
    _, files = unpacked(exported(leads))
    numbers = {path: [int(one[14:18], 16) for one in ids(content)] for path, content in files.items()}
    assert numbers == {
        "00001.csv": [3], "15013.csv": [1, 4], "15013-without-phone.csv": [5], "unknown.csv": [2],
        "unknown-without-phone.csv": [6],
    }  # fmt: skip


def test_without_a_split_there_is_one_list_in_its_order() -> None:
    _, files = unpacked(exported([lead(2), lead(1)], split=Split.none))
    assert [int(one[14:18], 16) for one in ids(files["calls.csv"])] == [2, 1]


def test_the_manifest_says_what_it_is_of() -> None:
    manifest, _ = unpacked(exported([lead(1)], VICIDIAL))
    del manifest["files"]
    assert manifest == {
        "schema": "truyvet.call-list/1", "format": "vicidial", "split": "commune", "filters": {"campaign": "contacts"},
        "position": 17, "at": "2021-08-30T02:00:00Z", "calls": 1, "without_phone": 0, "file_count": 1,
    }  # fmt: skip


@pytest.mark.parametrize("form", [GENERIC, VICIDIAL, ASTERISK])
def test_the_same_again_is_the_same_bytes(form: Form) -> None:
    leads = [lead(number, commune="15013", phone=None if number % 5 == 0 else "+84900000001") for number in range(20)]
    assert exported(leads, form) == exported(leads, form)


@pytest.mark.parametrize("form", [VICIDIAL, ASTERISK])
def test_who_has_no_phone_is_told_to_offices_whatever_the_dialler_takes(form: Form) -> None:
    manifest, files = unpacked(exported([lead(1, phone=None), lead(2)], form))
    assert ids(files["unknown-without-phone.csv"]) == [str(lead(1).call_id)]
    assert (manifest["calls"], manifest["without_phone"], len(files)) == (2, 1, 2)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_list_that_does_not_add_up_is_not_exported(calls: int, tmp_path: Path) -> None:
    refused = pytest.raises(Unavailable, match=f"the list has {calls} calls and 2 were written")
    with refused, directory(tmp_path / "out") as sink:
        export(asked(GENERIC, Split.none, calls), [lead(1), lead(2)], sink)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_appears_whole_and_is_its_owners_alone(tmp_path: Path) -> None:
    with directory(tmp_path / "new" / "out") as sink:
        export(asked(ASTERISK, Split.none, 1), [lead(1)], sink)
        assert not (tmp_path / "new" / "out").exists()
    written = {str(path.relative_to(tmp_path / "new" / "out")): path for path in (tmp_path / "new").rglob("*.*")}
    assert written.keys() == {f"calls/{lead(1).call_id}.call", "manifest.json"}
    assert {path.stat().st_mode & 0o777 for path in written.values()} == {0o600}
    assert (tmp_path / "new" / "out").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("of yesterday")
    with pytest.raises(Refused, match="is not an empty directory"), directory(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]


def test_a_long_list_is_written_as_it_comes(tmp_path: Path) -> None:
    def endless(calls: int) -> Iterator[Lead]:
        for number in range(calls):
            yield lead(number % 100_000, phone=None if number % 10 == 0 else "+84900000001")

    def peak(calls: int) -> int:
        tracemalloc.start()
        with directory(tmp_path / str(calls)) as sink:
            manifest = export(asked(GENERIC, Split.none, calls), endless(calls), sink)
        assert (manifest["calls"], manifest["without_phone"]) == (calls, calls // 10)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40_000) < 1.2 * peak(20_000)
