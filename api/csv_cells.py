"""Cells of a CSV that no spreadsheet executes, and that still say what they said."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

_STARTERS: Final = "=+\\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
"""Where a formula begins, in the full-width and small forms too, which some spreadsheets narrow first."""

_BLANKS: Final = r'[\s"\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*'
_NUMBER: Final = r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"

_HARMLESS: Final = re.compile(r"(?:[^\W_][^;\t\r\n]*)?")
_IS_NUMBER: Final = re.compile(_NUMBER)
_LEADING: Final = re.compile(_BLANKS)
_BEGINS: Final = re.compile(f"[{_STARTERS}]")
_BEGINS_LATER: Final = re.compile(rf"([;\t\r\n]{_BLANKS})(?!{_NUMBER}(?:;|\Z))(?=[{_STARTERS}])")
"""Where a cell begins for a spreadsheet that separates by another sign, or does not know quotes."""


def safe_cell(value: object) -> str:
    """The text of a cell: what would be a formula begins with an apostrophe; numbers stay numbers, None is empty.

    Lists are joined with ``;``, what has fields is JSON.
    """
    match value:
        case None:
            return ""
        case str():
            return _safe(value)
        case int():
            return str(value)
        case list() | tuple():
            return ";".join(map(safe_cell, value))
        case Mapping():
            return _safe(json.dumps(value, ensure_ascii=False))
        case _:
            return _safe(str(value))


def csv_line(values: Iterable[object], end: str = "\n") -> str:
    """A line of safe cells with its end."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([safe_cell(value) for value in values])  # quotes both signs
    return written.getvalue().removesuffix("\r\n") + end


def _safe(text: str) -> str:
    if _HARMLESS.fullmatch(text) or _IS_NUMBER.fullmatch(text):
        return text
    leading, rest = _parted(text)
    is_formula = _BEGINS.match(rest) is not None or not {"\t", "\r", "\n"}.isdisjoint(leading)
    return ("'" if is_formula else "") + leading + _BEGINS_LATER.sub(r"\1'", rest)


def _parted(text: str) -> tuple[str, str]:
    """The blanks and quotes that a spreadsheet may skip, and what follows."""
    found = _LEADING.match(text)
    place = found.end() if found else 0
    return text[:place], text[place:]
