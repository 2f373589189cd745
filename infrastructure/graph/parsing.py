"""The loops that read blocks, compiled: what blocks.py and plain.py say, in one walk over the bytes.

Importing this module imports numba, which takes a second; kernel.py does so when told to.
"""

from typing import Any, Final

import numpy as np

from infrastructure.graph import plain
from infrastructure.graph.arrays import Array
from infrastructure.graph.compiling import NEVER, Number, compiled
from infrastructure.graph.plain import BEFORE_VISIT_ID, DASHES, HEX, ID, INSTANT, MARKS, NO_CLOCK, SHORTEST


def _text(characters: bytes) -> Array:
    return np.frombuffer(characters, np.uint8)


_HEAD: Final = _text(plain.HEAD)
_VISIT_ID: Final = _text(plain.VISIT_ID)
_PERSON: Final = _text(plain.PERSON)
_VENUE: Final = _text(plain.VENUE)
_CHECK_IN: Final = _text(plain.CHECK_IN)
_CHECK_OUT: Final = _text(plain.CHECK_OUT)
_UNKNOWN: Final = _text(b"null")
_ASSURANCE: Final = _text(b',"assurance":"')
_CLOCK_ERROR: Final = _text(b',"clock_error_seconds":')
_DEVICE: Final = _text(b',"device":"')
_LEAST: Final = 54
"""Bytes of a row with an empty topic and state."""
_DIGITS: Final = 9
"""More than a clock error has."""

_seconds = compiled(plain.seconds)


@compiled
def _number(data: Array, at: int) -> Number:
    """Four bytes, the highest first."""
    number = np.int64(0)
    for byte in data[at : at + 4]:
        number = number << 8 | byte
    return number


@compiled
def _long_number(data: Array, at: int) -> Number:
    return _number(data, at) << 32 | _number(data, at + 4)


@compiled
def _is(data: Array, at: int, text: Array) -> bool:
    for n in range(len(text)):  # noqa: SIM110 # a generator is no loop for the compiler
        if data[at + n] != text[n]:
            return False
    return True


@compiled
def _code(data: Array, at: int, size: int, topics: Array, sizes: Array) -> int:
    for code in range(len(sizes)):
        if sizes[code] == size and _is(data, at, topics[code, :size]):
            return code
    return len(sizes)


@compiled
def places(data: Array, header: int, topics: Array, sizes: Array) -> Any:
    """The columns of Places; ``topics`` (uint8, shape (k, 32)) are those to be told apart, by their ``sizes``."""
    most = len(data) // _LEAST + 1
    position, version = np.empty(most, np.int64), np.empty(most, np.int64)
    code = np.empty(most, np.uint8)
    topic, stream = np.empty(most, np.int64), np.empty(most, np.int64)
    state, end = np.empty(most, np.int64), np.empty(most, np.int64)
    count, at = 0, header
    while at < len(data) - 2:
        position[count] = _long_number(data, at + 6)
        version[count] = _long_number(data, at + 18)
        size = _number(data, at + 26)
        topic[count] = at + 30
        code[count] = _code(data, at + 30, size, topics, sizes)
        stream[count] = at + 34 + size
        state[count] = at + 54 + size
        at += 54 + size + _number(data, at + 50 + size)
        end[count] = at
        count += 1
    return (
        position[:count].copy(), version[:count].copy(), code[:count].copy(), topic[:count].copy(),
        stream[:count].copy(), state[:count].copy(), end[:count].copy(),
    )  # fmt: skip


@compiled
def _digit(data: Array, at: int) -> Number:
    """Of what is no digit, a number that makes any instant one that does not exist."""
    digit = np.int64(data[at]) - ord("0")
    return digit if 0 <= digit <= 9 else 1_000_000


@compiled
def _instant(data: Array, at: int) -> Number:
    """Seconds, -1 for what is none."""
    for place, mark in MARKS:
        if data[at + place] != mark:
            return -1
    year = 0
    for place in range(4):
        year = 10 * year + _digit(data, at + place)
    month = 10 * _digit(data, at + 5) + _digit(data, at + 6)
    day = 10 * _digit(data, at + 8) + _digit(data, at + 9)
    hour = 10 * _digit(data, at + 11) + _digit(data, at + 12)
    minute = 10 * _digit(data, at + 14) + _digit(data, at + 15)
    second = 10 * _digit(data, at + 17) + _digit(data, at + 18)
    return _seconds(year, month, day, hour, minute, second)


@compiled
def _uuid(data: Array, at: int, halves: Array) -> bool:
    """False for what is none in small letters."""
    for dash in DASHES:
        if data[at + dash] != ord("-"):
            return False
    value, count = np.uint64(0), 0
    for place in range(ID):
        if place not in DASHES:
            digit = HEX[data[at + place]]
            if digit > 15:
                return False
            value = value << np.uint64(4) | np.uint64(digit)
            count += 1
            if count == 16:
                halves[0] = value
    halves[1] = value
    return True


@compiled
def _end_of_name(data: Array, at: int, end: int) -> int:
    """Where the quote behind a text without escapes stands; ``end`` where there is none."""
    while at < end:
        character = data[at]
        if character == ord('"'):
            return at
        if character < ord(" ") or character > ord("~") or character == ord("\\"):
            return end
        at += 1
    return end


@compiled
def _optional_name(data: Array, at: int, end: int, before: Array) -> int:
    """Behind a field with such a text, if it is there."""
    if end - at <= len(before) or not _is(data, at, before):
        return at
    return min(_end_of_name(data, at + len(before), end) + 1, end)


@compiled
def _clock_error(data: Array, at: int, end: int) -> tuple[Number, int]:
    """The field of that name, if it is there, and where it ends."""
    if end - at <= len(_CLOCK_ERROR) or not _is(data, at, _CLOCK_ERROR):
        return NO_CLOCK, at
    at += len(_CLOCK_ERROR)
    sign = -1 if data[at] == ord("-") else 1
    first = at + (sign < 0)
    value, at = np.int64(0), first
    while at < end and at - first < _DIGITS and ord("0") <= data[at] <= ord("9"):
        value = 10 * value + data[at] - ord("0")
        at += 1
    if at == first or (data[first] == ord("0") and (at > first + 1 or sign < 0)):
        return NO_CLOCK, end
    return sign * value, at


@compiled
def _read_person_and_venue(data: Array, at: int, person: Array, venue: Array) -> int:
    """Where the time behind them stands, 0 when they are not plain."""
    if not _uuid(data, at, person) or not _is(data, at + ID, _VENUE):
        return 0
    at += ID + len(_VENUE)
    if not _uuid(data, at, venue) or not _is(data, at + ID, _CHECK_IN):
        return 0
    return at + ID + len(_CHECK_IN)


@compiled
def _check_out(data: Array, at: int, end: int) -> tuple[int, int]:
    """Seconds, FOREVER for null, -1 for neither; and where it ends."""
    if _is(data, at, _UNKNOWN):
        return NEVER, at + len(_UNKNOWN)
    if end - at > INSTANT + 2 and data[at] == ord('"') and data[at + INSTANT + 1] == ord('"'):
        return _instant(data, at + 1), at + INSTANT + 2
    return -1, end


@compiled
def _optional(data: Array, at: int, end: int) -> tuple[int, int]:
    """The clock error among the fields that came later, and where they end."""
    clock_error, at = _clock_error(data, _optional_name(data, at, end, _ASSURANCE), end)
    return clock_error, _optional_name(data, at, end, _DEVICE)


@compiled
def check_ins(data: Array, state: Array, end: Array, code: Array) -> Any:
    """The columns of PlainCheckIns, of the events with code 0."""
    most = np.count_nonzero(code == 0)
    row, person_at, clock_error = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    person, venue = np.empty((most, 2), np.uint64), np.empty((most, 2), np.uint64)
    start, until = np.empty(most, np.uint32), np.empty(most, np.uint32)
    count = 0
    for event in range(len(code)):
        at, last = state[event], end[event]
        if code[event] or last - at < SHORTEST or not _is(data, at, _HEAD):
            continue
        happened = data[at + len(_HEAD) : at + len(_HEAD) + INSTANT]
        instant = _instant(happened, 0)
        name = _end_of_name(data, at + BEFORE_VISIT_ID, last)
        if instant < 0 or last - name < SHORTEST - BEFORE_VISIT_ID:
            continue
        if not _is(data, at + len(_HEAD) + INSTANT, _VISIT_ID) or not _is(data, name, _PERSON):
            continue
        at = _read_person_and_venue(data, name + len(_PERSON), person[count], venue[count])
        if at == 0 or not _is(data, at, happened) or not _is(data, at + INSTANT, _CHECK_OUT):
            continue
        left, at = _check_out(data, at + INSTANT + len(_CHECK_OUT), last)
        clock_error[count], at = _optional(data, at, last)
        if left >= 0 and at == last - 1 and data[at] == ord("}"):
            row[count], person_at[count], start[count], until[count] = event, name + len(_PERSON), instant, left
            count += 1
    return (
        row[:count].copy(), person[:count].copy(), venue[:count].copy(), start[:count].copy(), until[:count].copy(),
        person_at[:count].copy(), clock_error[:count].copy(),
    )  # fmt: skip


def try_out() -> None:
    """A block without events, so that everything is compiled before the first one."""
    nothing = np.empty(0, np.int64)
    data = _text(bytes(21))
    places(data, 19, np.zeros((1, 32), np.uint8), np.zeros(1, np.int64))
    check_ins(data, nothing, nothing, nothing.astype(np.uint8))
