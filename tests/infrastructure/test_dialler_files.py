"""What diallers give back is read as attempts, whichever dialler it was."""

import gzip
import io
import re
from pathlib import Path
from uuid import UUID

import pytest

from domain.next_calls import OUTCOMES
from infrastructure.imports.dialler_files import VICIDIAL_STATUSES, DiallerFormat, dialler_lines
from infrastructure.lines import Line, Unreadable

CALL = str(UUID(int=7))
NOON = "2021-08-30T05:00:00Z"


def read(form: str, content: str) -> list[Line]:
    return list(dialler_lines(io.BytesIO(content.encode()), DiallerFormat(form)))


def values(form: str, content: str) -> list[tuple[str, ...] | None]:
    return [line.values for line in read(form, content)]


def problems(form: str, content: str) -> list[str | None]:
    return [line.problem for line in read(form, content)]


def test_the_generic_file_may_be_the_exported_one_with_columns_added() -> None:
    header = "call_id,phone,name,outcome,at,notes\r\n"
    line = f'{CALL},+84900000001,"A, NGUYEN",reached,{NOON},"well, for now"\r\n'
    assert values("generic", header + line) == [(CALL, "reached", NOON, "well, for now", "")]


def test_a_time_to_call_back_comes_along() -> None:
    content = f"call_id,outcome,at,call_back_at\n{CALL},call_back,{NOON},2021-08-30T08:00:00Z\n"
    assert values("generic", content) == [(CALL, "call_back", NOON, "", "2021-08-30T08:00:00Z")]


def test_ndjson_is_read_too() -> None:
    content = f'{{"call_id": "{CALL}", "outcome": "busy", "at": "{NOON}", "agent": 17}}\n'
    assert values("generic", content) == [(CALL, "busy", NOON, "", "")]


VICIDIAL_HEADER = (
    "call_date\tphone_number_dialed\tstatus\tuser\tfull_name\tcampaign_id\tvendor_lead_code\tsource_id\tlist_id\t"
    "comments\tlength_in_sec\r\n"
)


def vicidial(status: str, *, date: str = "2021-08-30 12:00:00", vendor: str = "0" * 20, source: str = CALL) -> str:
    cells = [
        date,
        "900000001",
        status,
        "6666",
        'The "Agent"',
        "F1F2",
        vendor,
        source,
        "999",
        "",
        "30",
        "more than asked",
    ]
    return VICIDIAL_HEADER + "\t".join(cells) + "\r\n"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("REACH", "reached"), ("NA", "no_answer"), ("A", "no_answer"), ("B", "busy"), ("DC", "wrong_number"),
        ("NI", "refused"), ("LANG", "language"), ("CALLBK", "call_back"), ("ABNORM", "abnormal"), ("na", "no_answer"),
    ],
)  # fmt: skip
def test_vicidials_statuses_are_outcomes_at_local_times(status: str, outcome: str) -> None:
    assert values("vicidial", vicidial(status)) == [(CALL, outcome, NOON, "", "")]


@pytest.mark.parametrize("status", ["NEW", "INCALL", "DNCL", "ERI", "", "a name and more"])
def test_a_status_that_is_no_attempt_is_refused(status: str) -> None:
    (problem,) = problems("vicidial", vicidial(status))
    assert problem is not None
    assert problem.endswith("is none of an attempt that we know")
    assert "name" not in problem


def test_the_id_is_the_source_id_or_else_the_vendors_code() -> None:
    assert values("vicidial", vicidial("NA", vendor=CALL, source=""))[0] == (CALL, "no_answer", NOON, "", "")


@pytest.mark.parametrize("date", ["2021-08-30T12:00:00Z", "30/08/2021 12:00", ""])
def test_another_form_of_date_is_refused(date: str) -> None:
    assert problems("vicidial", vicidial("NA", date=date)) == ["the call_date is not like 2021-08-30 09:00:00"]


def test_a_line_that_lacks_fields_is_refused_and_the_next_is_read() -> None:
    content = vicidial("NA") + "2021-08-30 12:00:00\t900000001\r\n" + vicidial("B").split("\r\n")[1]
    first, short, last = read("vicidial", content)
    assert short.problem == "the line has 2 fields, the header 11"
    assert first.values is not None
    assert last.values is not None


def call_file(status: str, *, started: int = 1_630_299_600 + 300, call: str = CALL) -> str:
    return (
        "Channel: PJSIP/+84900000001@trunk\nMaxRetries: 0\nRetryTime: 300\nWaitTime: 45\nContext: truyvet\n"
        f"Set: TRUYVET_CALL_ID={call}\nSet: status=no\nArchive: yes\n\n"
        f"StartRetry: 4711 1 ({started})\nStatus: {status}\n"
    )


@pytest.mark.parametrize(("status", "outcome"), [("Completed", "reached"), ("Expired", "no_answer")])
def test_a_call_file_that_is_done_is_an_attempt_when_it_began(status: str, outcome: str) -> None:
    assert values("asterisk", call_file(status)) == [(CALL, outcome, NOON, "", "")]


def test_many_call_files_follow_each_other() -> None:
    content = call_file("Completed") + "\n" + call_file("Expired", call="other")
    lines = read("asterisk", content)
    assert [(line.number, line.values and line.values[:2]) for line in lines] == [
        (1, (CALL, "reached")), (13, ("other", "no_answer")),
    ]  # fmt: skip
    assert lines[1].raw.decode().startswith("Channel: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (call_file("Failed"), "Asterisk could not read the call file"),
        (call_file("Expired").replace("Status", "EndRetry"), "the call file has no final status"),
        (call_file("Expired").replace("StartRetry", "DelayedRetry"), "the call file does not say when it was tried"),
        (call_file("Expired").replace("RetryTime: 300", ""), "the call file does not say when it was tried"),
    ],
)
def test_a_call_file_that_is_no_attempt_is_refused(content: str, problem: str) -> None:
    assert problems("asterisk", content + call_file("Completed"))[0] == problem
    assert values("asterisk", content + call_file("Completed"))[1] is not None


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("generic", "call_id,outcome\n"), ("generic", ""), ("vicidial", "call_date\tstatus\n"), ("asterisk", ""),
        ("asterisk", "call_id,outcome,at\n"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_cannot_be_read(form: str, content: str) -> None:
    with pytest.raises(Unreadable):
        read(form, content)


def test_archives_are_read_too() -> None:
    packed = io.BytesIO(gzip.compress(call_file("Completed").encode()))
    assert [line.problem for line in dialler_lines(packed, DiallerFormat.asterisk)] == [None]


def test_the_documented_statuses_are_those_of_the_program() -> None:
    text = (Path(__file__).parents[2] / "docs" / "diallers.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ((?:[a-z, ]|and ours|`[A-Z]+`)+) \|$", text, re.MULTILINE)
    documented = {
        status: outcome for outcome, told in rows if outcome in OUTCOMES for status in re.findall(r"`([A-Z]+)`", told)
    }
    assert documented == VICIDIAL_STATUSES
