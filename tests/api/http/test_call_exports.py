"""The call list as files: whole, split by commune of residence, and the same again."""

import csv
import hashlib
import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from application.log import Draft
from application.provenance import LOCAL
from domain.people import Person
from tests.api.http.asking import Api, at


@pytest.fixture
def outbreak(api: Api) -> Api:
    """Ann is a case, who met two with phones - nobody saw the second leave - and one without; the first met a third."""
    api.venue("cafe")
    api.visit("ann", "cafe", "09:00", "12:00")
    for person, start, end in (
        ("phone:0900000001", "09:00", "14:00"), ("phone:0900000002", "09:30", None),
        ("phone:0900000003", "12:30", "14:00"), ("ref:nam", "10:30", "12:00"),
    ):  # fmt: skip
        visit = api.post("check-ins", {"person": person, "venue": "cafe", "at": at(start)}).json()["visit_id"]
        if end is not None:
            api.post(f"visits/{visit}/check-out", {"at": at(end)})
    lives(api, "phone:0900000001", "15013", name="=NGUYEN VAN A")
    lives(api, "phone:0900000002", "15016", name="TRẦN THỊ B")
    lives(api, "ref:nam", "15013")
    api.case("ann")
    api.truyvet.policies.catch_up()
    return api


def lives(api: Api, person: str, commune: str, **description: str) -> None:
    people = api.truyvet.people
    person_id = people.find(person)
    assert person_id is not None
    known, draft = api.truyvet.log.load(Person, person_id), Draft()
    people.resides(person_id, commune, draft, known)
    if description:
        people.describe(person_id, description, draft, known)
    api.truyvet.log.save(draft, LOCAL)


def exported(api: Api, **query: Any) -> httpx.Response:
    answer = api.get("call-list/export", accept="application/zip", **query)
    assert answer.status_code == 200, answer.text
    return answer


def unpacked(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files.pop("manifest.json")), files


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_the_files_hold_the_call_list_in_its_order(outbreak: Api) -> None:
    _, files = unpacked(exported(outbreak))
    listed = outbreak.items("call-list")
    told = {call["call_id"]: call for call in listed}
    exported_ids = [row["call_id"] for row in rows(files["calls.csv"])]
    assert [told[call]["phone"] for call in exported_ids] == [f"+8490000000{number}" for number in (1, 2, 3)]
    assert exported_ids == [call["call_id"] for call in listed if call["phone"] is not None]
    for row in rows(files["calls.csv"]):
        call = told[row["call_id"]]
        assert (row["phone"], row["priority"], row["due_at"]) == (call["phone"], str(call["priority"]), call["due_at"])
    assert [told[row["call_id"]]["person"] for row in rows(files["calls-without-phone.csv"])] == ["ref:nam"]


def test_numbers_keep_their_plus_and_no_name_is_a_formula(outbreak: Api) -> None:
    _, files = unpacked(exported(outbreak))
    names = {row["phone"]: row["name"] for row in rows(files["calls.csv"])}
    assert names == {"+84900000001": "'=NGUYEN VAN A", "+84900000002": "TRẦN THỊ B", "+84900000003": ""}


def test_a_list_for_each_commune_of_residence(outbreak: Api) -> None:
    manifest, files = unpacked(exported(outbreak, split="commune"))
    assert {path: [row["phone"] for row in rows(content)] for path, content in files.items()} == {
        "15013.csv": ["+84900000001"], "15013-without-phone.csv": [""], "15016.csv": ["+84900000002"],
        "unknown.csv": ["+84900000003"],
    }  # fmt: skip
    assert (manifest["calls"], manifest["without_phone"], manifest["split"]) == (4, 1, "commune")


@pytest.mark.parametrize("form", ["generic", "vicidial", "asterisk"])
def test_the_manifest_says_what_is_in_each_file(outbreak: Api, form: str) -> None:
    answer = exported(outbreak, format=form, split="commune")
    manifest, files = unpacked(answer)
    assert {file["path"]: file["sha256"] for file in manifest["files"]} == {
        path: hashlib.sha256(content).hexdigest() for path, content in files.items()
    }
    assert manifest["calls"] == sum(file["calls"] for file in manifest["files"]) == len(outbreak.items("call-list"))
    assert answer.headers["x-position"] == str(manifest["position"]) == str(outbreak.truyvet.log.head())
    assert answer.headers["content-type"] == "application/zip"
    assert f"call-list-{manifest['position']}.zip" in answer.headers["content-disposition"]


def test_vicidial_gets_national_numbers(outbreak: Api) -> None:
    _, files = unpacked(exported(outbreak, format="vicidial"))
    leads = [line.split("\t") for line in files["calls.txt"].decode().splitlines()]
    assert sorted((lead[3], lead[4]) for lead in leads) == [("84", f"90000000{n}") for n in (1, 2, 3)]
    assert {lead[1] for lead in leads} < {call["call_id"] for call in outbreak.items("call-list")}


def test_asterisk_gets_a_file_for_each_call(outbreak: Api) -> None:
    _, files = unpacked(exported(outbreak, format="asterisk"))
    calls = {call["call_id"]: call["phone"] for call in outbreak.items("call-list") if call["phone"] is not None}
    assert files.keys() - {"calls-without-phone.csv"} == {f"calls/{call}.call" for call in calls}
    for call, phone in calls.items():
        assert f"Channel: PJSIP/{phone}@trunk\n".encode() in files[f"calls/{call}.call"]


@pytest.mark.parametrize("split", ["none", "commune"])
def test_what_was_exported_then_is_the_same_bytes_as_of_then(outbreak: Api, split: str) -> None:
    then = outbreak.truyvet.log.head()
    first = exported(outbreak, format="vicidial", split=split, as_of=then)
    call = outbreak.items("call-list")[0]["call_id"]
    outbreak.post(f"calls/{call}/attempts", {"outcome": "reached"})
    lives(outbreak, "phone:0900000003", "15016", name="LÊ VĂN C")
    assert exported(outbreak, format="vicidial", split=split, as_of=then).content == first.content
    assert exported(outbreak, format="vicidial", split=split).content != first.content


@pytest.mark.parametrize("split", ["none", "commune"])
def test_now_is_as_of_now(outbreak: Api, split: str) -> None:
    """But for the instant, by which priorities differ."""
    manifest, files = unpacked(exported(outbreak, split=split))
    same, again = unpacked(exported(outbreak, split=split, as_of=manifest["position"]))
    assert {path: [row["call_id"] for row in rows(content)] for path, content in again.items()} == {
        path: [row["call_id"] for row in rows(content)] for path, content in files.items()
    }
    assert same["position"] == manifest["position"]


def test_what_somebody_holds_is_not_exported(outbreak: Api) -> None:
    first = outbreak.items("call-list")[0]["call_id"]
    (held,) = outbreak.as_("caller").post("calls/claim", {"limit": 1}).json()["items"]
    assert held["call_id"] == first
    manifest, files = unpacked(exported(outbreak))
    assert manifest["calls"] == 3
    assert first not in files["calls.csv"].decode()
    assert unpacked(exported(outbreak, as_of=outbreak.truyvet.log.head()))[0]["calls"] == 3


def test_a_withdrawn_case_leaves_nothing_to_export(outbreak: Api) -> None:
    case = outbreak.items("cases")[0]["case_id"]
    outbreak.post(f"cases/{case}/withdrawal", {"reason": "a mistake"})
    outbreak.truyvet.policies.catch_up()
    manifest, files = unpacked(exported(outbreak))
    assert (manifest["calls"], manifest["files"], files) == (0, [], {})


def test_only_what_is_asked_for_is_exported(outbreak: Api) -> None:
    assert unpacked(exported(outbreak, campaign="returnees"))[0]["calls"] == 0
    assert unpacked(exported(outbreak, campaign="contacts", level=1))[0]["calls"] == 3
    manifest, _ = unpacked(exported(outbreak, unit="15013"))
    assert manifest["calls"] == 2
    assert manifest["filters"] == {"campaign": None, "level": None, "unit": "15013"}


def test_who_may_not_see_phones_may_not_export(outbreak: Api) -> None:
    for role in ("caller", "epidemiologist"):
        assert unpacked(exported(outbreak.as_(role)))[0]["calls"] == 4
    for role in ("auditor", "gateway"):
        assert outbreak.as_(role).get("call-list/export").status_code == 403


def test_who_was_forgotten_has_no_phone(outbreak: Api) -> None:
    person = outbreak.truyvet.people.find("phone:0900000003")
    with outbreak.truyvet.database.get_connection() as connection:
        connection.execute("DELETE FROM vault WHERE subject = %s", [person])
    manifest, files = unpacked(exported(outbreak))
    assert (manifest["calls"], manifest["without_phone"]) == (4, 2)
    assert b"0900000003" not in b"".join(files.values())


@pytest.mark.parametrize("query", [{"format": "xlsx"}, {"split": "district"}, {"as_of": 10**9}, {"unit": "99999"}])
def test_what_makes_no_sense_is_refused(api: Api, query: dict[str, Any]) -> None:
    answer = api.get("call-list/export", accept="application/zip", **query)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"
