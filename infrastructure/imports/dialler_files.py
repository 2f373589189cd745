"""What diallers give back: each attempt to call somebody as one line, whatever the dialler writes. docs/diallers.md."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import IO, Final
from uuid import UUID

from domain.errors import Malformed
from domain.times import LOCAL, from_datetime, to_text
from infrastructure.lines import LONGEST_LINE, Line, Lines, Unreadable, split_lines

REQUIRED: Final = ("call_id", "outcome", "at")
COLUMNS: Final = (*REQUIRED, "notes", "call_back_at")
"""Of every line, in this order."""

CALL_ID_VARIABLE: Final = "TRUYVET_CALL_ID"
"""What a call file calls the call's id, in Asterisk's dial plan and when it comes back."""

VICIDIAL_STATUSES: Final = {
    "REACH": "reached", "SALE": "reached", "XFER": "reached",
    "A": "no_answer", "AA": "no_answer", "AL": "no_answer", "AM": "no_answer", "ADCT": "no_answer", "DROP": "no_answer",
    "N": "no_answer", "NA": "no_answer", "PDROP": "no_answer", "PU": "no_answer",
    "AB": "busy", "B": "busy",
    "ADC": "wrong_number", "AFAX": "wrong_number", "DC": "wrong_number", "WRONG": "wrong_number",
    "DEC": "refused", "DNC": "refused", "NI": "refused",
    "LANG": "language",
    "CALLBK": "call_back", "CBHOLD": "call_back",
    "ABNORM": "abnormal",
}  # fmt: skip
"""Its own, and four of ours: REACH, WRONG, LANG and ABNORM. What is not here is no attempt, or not known."""

ASTERISK_STATUSES: Final = {"Completed": "reached", "Expired": "no_answer"}

_CALL_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_STATUS: Final = re.compile(r"\w{1,6}", re.ASCII)
_START: Final = re.compile(r"\d+ \d+ \((\d{1,11})\)", re.ASCII)


class DiallerFormat(StrEnum):
    generic = "generic"
    vicidial = "vicidial"
    asterisk = "asterisk"


def dialler_lines(file: IO[bytes], form: DiallerFormat) -> Lines:
    """Lines whose values are those of COLUMNS."""
    match form:
        case DiallerFormat.generic:
            return Lines(file, REQUIRED, COLUMNS[len(REQUIRED) :], others=True)
        case DiallerFormat.vicidial:
            return VicidialCalls(file)
        case DiallerFormat.asterisk:
            return CallFiles(file)


class VicidialCalls(Lines):
    """VICIdial's "Export Calls Report", with its header; its clock is that of Viet Nam."""

    def __init__(self, file: IO[bytes]) -> None:
        columns = ("call_date", "status", "vendor_lead_code", "source_id")
        super().__init__(file, columns, ("call_notes",), others=True, separators="\t|,")

    def __iter__(self) -> Iterator[Line]:
        for line in super().__iter__():
            yield line if line.values is None else _translated(line, *line.values)


def _translated(line: Line, call_date: str, status: str, vendor_code: str, source_id: str, notes: str) -> Line:
    outcome = VICIDIAL_STATUSES.get(status.upper())
    if outcome is None:
        told = f"the status {status}" if _STATUS.fullmatch(status) else "that status"
        return line._replace(values=None, problem=f"{told} is none of an attempt that we know")
    if not _CALL_DATE.fullmatch(call_date):
        return line._replace(values=None, problem="the call_date is not like 2021-08-30 09:00:00")
    call = source_id if _is_id(source_id) else vendor_code
    return line._replace(values=(call, outcome, _local_text(call_date), notes, ""))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _local_text(moment: str) -> str:
    """The instant of a local time; what does not exist stays as it is, and is refused later."""
    try:
        return to_text(from_datetime(datetime.fromisoformat(moment).replace(tzinfo=LOCAL)))
    except (ValueError, Malformed):
        return moment


class CallFiles(Lines):
    """Asterisk's call files after it is done with them, one after another: each begins with its channel.

    Asterisk notes with an attempt when the next one would follow, which is ``RetryTime`` after its beginning.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, COLUMNS)

    def __iter__(self) -> Iterator[Line]:
        first, content = 0, list[bytes]()
        for number, raw in enumerate(split_lines(self._unpacked()), start=1):
            if raw.lower().startswith(b"channel:"):
                if first:
                    yield _call_file(first, content)
                first, content = number, []
            if first and sum(map(len, content)) < LONGEST_LINE:
                content.append(raw)
        if not first:
            raise Unreadable("the file holds no call file")
        yield _call_file(first, content)


def _call_file(number: int, content: list[bytes]) -> Line:
    raw = b"\n".join(content).rstrip()
    said = _said(raw.decode(errors="replace"))
    status = said.get("status", "")
    outcome = ASTERISK_STATUSES.get(status)
    if outcome is None:
        told = "Asterisk could not read the call file" if status == "Failed" else "the call file has no final status"
        return Line(number, raw, None, told)
    started, pause = _START.fullmatch(said.get("startretry", "")), said.get("retrytime", "")
    if started is None or not pause.isdecimal():
        return Line(number, raw, None, "the call file does not say when it was tried")
    at = to_text(max(int(started[1]) - int(pause), 0))
    return Line(number, raw, (said.get(f"set {CALL_ID_VARIABLE}", ""), outcome, at, "", ""))


def _said(text: str) -> dict[str, str]:
    """The last value of each name; that of a variable under ``set NAME``."""
    said: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        name = name.lower()
        if name == "set":
            variable, _, value = value.partition("=")
            name = f"set {variable}"
        said[name] = value
    return said
