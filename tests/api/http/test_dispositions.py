"""What diallers give back becomes attempts, each once, whatever the dialler writes."""

import gzip
from typing import Any
from uuid import uuid4

import pytest

from api.exports.vicidial import FIELDS
from domain.times import LOCAL, to_datetime, to_text
from tests.api.http.asking import Api, at
from tests.api.http.test_call_exports import exported, unpacked

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def outbreak(api: Api) -> Api:
    """Ann is a case; two with phones met her."""
    api.venue("cafe")
    api.visit("ann", "cafe", "09:00", "12:00")
    for person in ("phone:0900000001", "phone:0900000002"):
        visit = api.post("check-ins", {"person": person, "venue": "cafe", "at": at("09:00")}).json()["visit_id"]
        api.post(f"visits/{visit}/check-out", {"at": at("12:00")})
    api.case("ann")
    api.truyvet.policies.catch_up()
    return api


def calls(api: Api) -> list[dict[str, Any]]:
    return sorted(api.items("call-list"), key=lambda call: call["phone"])


def imported(api: Api, content: str | bytes, form: str = "generic") -> dict[str, Any]:
    sent = content.encode() if isinstance(content, str) else content
    return api.imported("dispositions", sent, headers=CSV, params={"format": form})


def tally(told: dict[str, Any]) -> tuple[int, int, int, int]:
    assert told["read"] == told["recorded"] + told["completed"] + told["duplicates"] + told["rejected"]
    return told["read"], told["recorded"], told["duplicates"], told["rejected"]


def history(api: Api, call: dict[str, Any]) -> list[dict[str, Any]]:
    return list(api.get(f"calls/{call['call_id']}").json()["history"])


def just_now(api: Api) -> str:
    return to_text(api.truyvet.calls.now())


def test_a_generic_file_becomes_attempts_with_what_follows(outbreak: Api) -> None:
    one, two = calls(outbreak)
    now = just_now(outbreak)
    lines = (f"{one['call_id']},no_answer,{now},", f"{two['call_id']},reached,{now},said all is well")
    told = imported(outbreak, "call_id,outcome,at,notes\n" + "\n".join(lines))
    assert tally(told) == (2, 2, 0, 0)
    ((tried,), (reached,)) = history(outbreak, one), history(outbreak, two)
    assert (tried["outcome"], tried["at"], tried["notes"]) == ("no_answer", now, None)
    assert (reached["outcome"], reached["notes"]) == ("reached", "said all is well")
    assert tried["due_at"] > now
    assert told["position"] == outbreak.truyvet.log.head()
    assert outbreak.items("call-list") == []


def test_the_same_file_again_records_nothing_new_whoever_brings_it(outbreak: Api) -> None:
    one, two = calls(outbreak)
    now = just_now(outbreak)
    content = f"call_id,outcome,at\n{one['call_id']},busy,{now}\n{two['call_id']},reached,{now}\n"
    assert tally(imported(outbreak, content)) == (2, 2, 0, 0)
    head = outbreak.truyvet.log.head()
    assert tally(imported(outbreak, content)) == (2, 0, 2, 0)
    assert outbreak.truyvet.log.head() == head
    assert tally(imported(outbreak.as_("caller"), content)) == (2, 0, 2, 0)
    assert len(history(outbreak, one)) == 1


def test_a_line_twice_in_a_file_is_one_attempt(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    line = f"{one['call_id']},busy,{just_now(outbreak)}\n"
    assert tally(imported(outbreak, f"call_id,outcome,at\n{line}{line}")) == (2, 1, 1, 0)


def test_another_outcome_of_the_same_second_is_another_attempt(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    now = just_now(outbreak)
    lines = [f"{one['call_id']},{outcome},{now}" for outcome in ("busy", "reached")]
    assert tally(imported(outbreak, "call_id,outcome,at\n" + "\n".join(lines))) == (2, 2, 0, 0)


def test_a_refused_line_never_stops_the_rest(outbreak: Api) -> None:
    one, two = calls(outbreak)
    now = just_now(outbreak)
    lines = [
        f"{uuid4()},reached,{now}", f"ann,reached,{now}", f"{one['call_id']},happy,{now}",
        f"{one['call_id']},reached,2021-08-30T09:00:00", f"{one['call_id']},reached,2100-01-01T00:00:00Z",
        f"{one['call_id']},reached", f"{two['call_id']},reached,{now}",
    ]  # fmt: skip
    told = imported(outbreak, "call_id,outcome,at\n" + "\n".join(lines) + "\n")
    assert tally(told) == (7, 1, 0, 6)
    assert [(reject["line"], reject["reason"][:32]) for reject in told["rejects"]] == [
        (2, "there is no call with that id"), (3, "a call is named by its call_id, "),
        (4, "an outcome is one of reached, no"), (5, "the time carries no offset; writ"),
        (6, "the attempt lies in the future"), (7, "the line has 2 fields, the heade"),
    ]  # fmt: skip
    assert len(history(outbreak, two)) == 1


def test_an_abnormal_answer_is_passed_on_to_the_cdc(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    imported(outbreak, f"call_id,outcome,at\n{one['call_id']},abnormal,{just_now(outbreak)}\n")
    (escalation,) = outbreak.items("escalations")
    assert (escalation["reason"], escalation["origin_id"]) == ("abnormal", one["call_id"])


def test_a_call_back_is_due_when_they_said(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    now = outbreak.truyvet.calls.now()
    later = to_text(now + 3_600)
    imported(outbreak, f"call_id,outcome,at,call_back_at\n{one['call_id']},call_back,{to_text(now)},{later}\n")
    assert history(outbreak, one)[0]["due_at"] == later


def test_the_exported_file_comes_back_with_columns_added(outbreak: Api) -> None:
    header, *lines = unpacked(exported(outbreak))[1]["calls.csv"].decode().removesuffix("\r\n").split("\r\n")
    now = just_now(outbreak)
    content = "\r\n".join([f"{header},outcome,at", *(f"{line},reached,{now}" for line in lines)])
    assert tally(imported(outbreak, gzip.compress(content.encode()))) == (2, 2, 0, 0)


def test_vicidials_leads_come_back_as_its_report_of_calls(outbreak: Api) -> None:
    leads = [
        dict(zip(FIELDS, line.split("\t"), strict=True))
        for line in unpacked(exported(outbreak, format="vicidial"))[1]["calls.txt"].decode().splitlines()
    ]
    now = outbreak.truyvet.calls.now()
    local = to_datetime(now).astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S")
    header = "call_date\tphone_number_dialed\tstatus\tuser\tvendor_lead_code\tsource_id\tcomments\n"
    content = header + "".join(
        f"{local}\t{lead['phone_number']}\t{status}\t6666\t{lead['vendor_lead_code']}\t{lead['source_id']}\t\n"
        for lead, status in zip(leads, ("NA", "REACH"), strict=True)
    )
    assert tally(imported(outbreak, content, "vicidial")) == (2, 2, 0, 0)
    assert tally(imported(outbreak, content, "vicidial")) == (2, 0, 2, 0)
    made = {lead["source_id"]: history(outbreak, {"call_id": lead["source_id"]}) for lead in leads}
    assert [[attempt["outcome"] for attempt in attempts] for attempts in made.values()] == [["no_answer"], ["reached"]]
    assert {attempt["at"] for attempts in made.values() for attempt in attempts} == {to_text(now)}


def test_asterisks_call_files_come_back_when_it_is_done(outbreak: Api) -> None:
    files = [
        content.decode()
        for path, content in unpacked(exported(outbreak, format="asterisk"))[1].items()
        if path.endswith(".call")
    ]
    now = outbreak.truyvet.calls.now()
    done = [
        f"{file}\nStartRetry: 4711 1 ({now + 300})\nStatus: {status}\n"
        for file, status in zip(files, ("Completed", "Expired"), strict=True)
    ]
    content = "".join(done)
    assert tally(imported(outbreak, content, "asterisk")) == (2, 2, 0, 0)
    assert tally(imported(outbreak, content, "asterisk")) == (2, 0, 2, 0)
    made = [attempt for call in (file.split("CALL_ID=")[1].split("\n")[0] for file in files)
            for attempt in history(outbreak, {"call_id": call})]  # fmt: skip
    assert [(attempt["outcome"], attempt["at"]) for attempt in made] == [
        ("reached", to_text(now)), ("no_answer", to_text(now)),
    ]  # fmt: skip


def test_an_import_is_recorded_and_says_which_system_it_came_from(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    told = imported(outbreak, f"call_id,outcome,at\n{one['call_id']},busy,{just_now(outbreak)}\n")
    (listed,) = outbreak.items("imports")
    assert (listed["import_id"], listed["kind"], listed["recorded"]) == (told["import_id"], "dispositions", 1)
    attempted = outbreak.items("events", type="Call.Attempted")[0]
    assert (attempted["correlation"], attempted["source"]) == (told["import_id"], "generic")


def test_calls_that_were_made_are_not_taken_back(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    told = imported(outbreak, f"call_id,outcome,at\n{one['call_id']},busy,{just_now(outbreak)}\n")
    answer = outbreak.post(f"imports/{told['import_id']}/retraction")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("calls were made")
    assert len(history(outbreak, one)) == 1


def test_notes_are_sealed(outbreak: Api) -> None:
    one, _ = calls(outbreak)
    imported(outbreak, f"call_id,outcome,at,notes\n{one['call_id']},busy,{just_now(outbreak)},a secret of theirs\n")
    assert "a secret" not in outbreak.get("events").text


@pytest.mark.parametrize(("role", "status"), [("caller", 200), ("gateway", 200), ("epidemiologist", 403)])
def test_callers_and_gateways_bring_what_diallers_write(outbreak: Api, role: str, status: int) -> None:
    one, _ = calls(outbreak)
    key = outbreak.as_(role)
    content = f"call_id,outcome,at\n{one['call_id']},busy,{just_now(outbreak)}\n"
    headers = {"Authorization": f"Bearer {key.key}"} | CSV
    answer = outbreak.client.post("/v1/imports/dispositions", content=content, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("form", ["generic", "vicidial", "asterisk"])
def test_a_file_of_another_form_is_a_problem(api: Api, form: str) -> None:
    answer = api.client.post("/v1/imports/dispositions", content=b"a,b\n1,2\n", params={"format": form}, headers=CSV)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
