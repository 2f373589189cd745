"""Instants of a whole column at once: text to seconds and back, as domain/times.py says it of one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.times import LATEST

Instants = NDArray[np.int64]
Characters = NDArray[np.uint8]

NONE: Final = -1
"""Stands for an instant that is missing, or that is not written plainly."""

_ZULU: Final = len("2021-08-30T02:00:00Z")
_OFFSET: Final = len("2021-08-30T09:00:00+07:00")
_MARKS: Final = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))
_DAY: Final = 86_400

_MONTHS: Final = np.arange("1970-01", "2106-04", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
"""The day on which each month begins, counted from 1970."""
_TWO_DIGITS: Final = np.array([f"{number:02}" for number in range(100)], "S2").view(np.uint8).reshape(100, 2)


def plain_instants(texts: Sequence[str]) -> Instants:
    """Seconds of those that are written like 2021-08-30T02:00:00Z or 2021-08-30T09:00:00+07:00; NONE for the others."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    everything = np.frombuffer("".join(texts).encode("latin-1", "replace"), np.uint8)
    starts = np.cumsum(lengths) - lengths
    seconds = np.full(len(texts), NONE, np.int64)
    for width in (_ZULU, _OFFSET):
        which = np.flatnonzero(lengths == width)
        if len(which):
            seconds[which] = _read(everything[starts[which, None] + np.arange(width)])
    return seconds


def _read(text: Characters) -> Instants:
    year, month, day = _number(text, 0, 4), _number(text, 5, 7), _number(text, 8, 10)
    hour, minute, second = _number(text, 11, 13), _number(text, 14, 16), _number(text, 17, 19)
    offset, is_plain = _offset(text)
    for place, mark in _MARKS:
        is_plain &= text[:, place] == ord(mark)
    is_plain &= (year >= 1970) & (year <= 2106) & (month >= 1) & (month <= 12)
    months = np.where(is_plain, (year - 1970) * 12 + month - 1, 0)
    is_plain &= months < len(_MONTHS) - 1
    months[~is_plain] = 0
    is_plain &= (day >= 1) & (day <= _MONTHS[months + 1] - _MONTHS[months])
    is_plain &= (hour >= 0) & (hour <= 23) & (minute >= 0) & (minute <= 59) & (second >= 0) & (second <= 59)
    seconds = (_MONTHS[months] + day - 1) * _DAY + hour * 3_600 + minute * 60 + second - offset
    return np.where(is_plain & (seconds >= 0) & (seconds <= LATEST), seconds, NONE)


def _offset(text: Characters) -> tuple[Instants, NDArray[np.bool_]]:
    """Seconds that the text is ahead of UTC, and whether it says so plainly."""
    sign = text[:, _ZULU - 1]
    if text.shape[1] == _ZULU:
        return np.zeros(len(text), np.int64), sign == ord("Z")
    hours, minutes = _number(text, 20, 22), _number(text, 23, 25)
    is_plain = ((sign == ord("+")) | (sign == ord("-"))) & (text[:, 22] == ord(":"))
    is_plain &= (hours >= 0) & (hours <= 23) & (minutes >= 0) & (minutes <= 59)
    return np.where(sign == ord("-"), -1, 1) * (hours * 3_600 + minutes * 60), is_plain


def _number(text: Characters, start: int, stop: int) -> Instants:
    """What the digits of a column of text say; NONE where one is no digit."""
    number, is_number = np.zeros(len(text), np.int64), np.ones(len(text), np.bool_)
    for place in range(start, stop):
        digit = text[:, place] - np.uint8(ord("0"))
        number = number * 10 + digit
        is_number &= digit <= 9
    return np.where(is_number, number, NONE)


def instant_characters(seconds: Instants) -> Characters:
    """The text of each instant, as ``to_text`` writes it: shape (n, 20)."""
    days, clock = np.divmod(seconds, _DAY)
    months = np.searchsorted(_MONTHS, days, side="right") - 1
    years, month = np.divmod(months, 12)
    text = np.tile(np.frombuffer(b"1970-01-01T00:00:00Z", np.uint8), (len(seconds), 1))
    for place, number in (
        (0, (1970 + years) // 100), (2, (1970 + years) % 100), (5, month + 1), (8, days - _MONTHS[months] + 1),
        (11, clock // 3_600), (14, clock // 60 % 60), (17, clock % 60),
    ):  # fmt: skip
        text[:, place : place + 2] = _TWO_DIGITS[number]
    return text
