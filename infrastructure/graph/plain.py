"""Plain check-ins: Visit.CheckedIn exactly as the mapper writes it, read without a JSON parser.

    {"schema":1,"happened_at":"T","visit_id":"V","person":"P","venue":"Q","check_in":"T","check_out":"U"}

T and U are like 2021-08-30T02:00:00Z, or "U" is null; P and Q are UUIDs in small letters; V is of any length, without
quotes and backslashes. Fields that came later may follow, which NumPy leaves to others, as it does all that differs.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

# a part of what is @compiled in parsing.py: with this line here, a change to this file compiles that anew
from domain.times import LATEST
from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.ids import halves

_Numbers: TypeAlias = Any  # one or a column of them


class PlainCheckIns(NamedTuple):
    """n of them."""

    row: Array  # int64, in the block
    person: Array  # uint64, shape (n, 2)
    venue: Array  # uint64, shape (n, 2)
    start: Array  # uint32 seconds
    end: Array  # uint32 seconds, FOREVER when unknown
    person_at: Array  # int64, where the text of the person stands; the visit_id ends BEHIND_VISIT_ID before it
    clock_error: Array  # int64 seconds, NO_CLOCK when not told

    def take(self, which: Array) -> "PlainCheckIns":
        return PlainCheckIns(*(column[which] for column in self))


NO_CLOCK: Final = -(2**63)

HEAD: Final = b'{"schema":1,"happened_at":"'
VISIT_ID: Final = b'","visit_id":"'
PERSON: Final = b'","person":"'
VENUE: Final = b'","venue":"'
CHECK_IN: Final = b'","check_in":"'
CHECK_OUT: Final = b'","check_out":'
INSTANT: Final = 20  # characters
ID: Final = 36

BEFORE_VISIT_ID: Final = len(HEAD) + INSTANT + len(VISIT_ID)
BEHIND_VISIT_ID: Final = len(PERSON)
BEFORE_VENUE: Final = ID + len(VENUE)
_BEHIND: Final = len(PERSON) + BEFORE_VENUE + ID + len(CHECK_IN) + INSTANT + len(CHECK_OUT)
_UNKNOWN: Final = b"null}"

SHORTEST: Final = BEFORE_VISIT_ID + _BEHIND + len(_UNKNOWN)
MARKS: Final = ((4, ord("-")), (7, ord("-")), (10, ord("T")), (13, ord(":")), (16, ord(":")), (19, ord("Z")))
DASHES: Final = (8, 13, 18, 23)
HEX: Final = np.full(256, 255, np.uint8)
HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)

_AT_ONCE: Final = 1 << 13


def seconds(
    year: _Numbers, month: _Numbers, day: _Numbers, hour: _Numbers, minute: _Numbers, second: _Numbers
) -> _Numbers:
    """Seconds since 1970, -1 for what is no instant from then to LATEST; of numbers (int64) that are not negative.

    Years are counted from March here, so that leap days come last.
    """
    in_leap_year = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = 30 + (month + month // 8) % 2 - (month == 2) * (2 - in_leap_year)
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (day <= longest) & (hour < 24) & (minute < 60) & (second < 60)
    since_march = (month + 9) % 12
    marches = year - since_march // 10
    days = 365 * marches + marches // 4 - marches // 100 + marches // 400 + (153 * since_march + 2) // 5 + day - 719_469
    instant = 86_400 * days + 3_600 * hour + 60 * minute + second
    exists = exists & (instant >= 0) & (instant <= LATEST)
    return (instant + 1) * exists - 1


def plain_check_ins(characters: Array, state: Array, end: Array, row: Array) -> PlainCheckIns:
    """Those of ``row`` (int64) whose states, ``characters[state[row]:end[row]]``, are plain; by NumPy."""
    size = (end - state)[row]
    without = characters[end[row] - 2] == ord("l")
    found = [
        _alike(_Text(pieces(characters, state[some], length)), some, state, length, is_known=is_known)
        for is_known in (False, True)
        for length in np.unique(size[without != is_known]).tolist()
        for some in _at_once(row[(size == length) & (without != is_known)])
        if length >= SHORTEST + is_known * (INSTANT - 2)
    ]
    columns = PlainCheckIns(*map(np.concatenate, zip(_none(), *found, strict=True)))
    return columns.take(np.argsort(columns.row))


def pieces(characters: Array, at: Array, size: int) -> Array:
    """``size`` characters from each of these places on; uint8 of shape (n, size)."""
    if not len(at):
        return np.empty((0, size), np.uint8)
    return np.lib.stride_tricks.sliding_window_view(characters, size)[at]


def _at_once(row: Array) -> Iterator[Array]:
    for start in range(0, len(row), _AT_ONCE):
        yield row[start : start + _AT_ONCE]


def _none() -> PlainCheckIns:
    numbers, ids, instants = np.empty(0, np.int64), np.empty((0, 2), np.uint64), np.empty(0, np.uint32)
    return PlainCheckIns(numbers, ids, ids, instants, instants, numbers, numbers)


class _Text:
    """Goes through n states that are laid out alike, and notes which of them are ``plain``."""

    def __init__(self, states: Array) -> None:
        """``states``: characters (uint8), shape (n, length)."""
        self.characters = np.ascontiguousarray(states.T)
        self.plain = np.ones(len(states), bool)
        self.at = 0

    def take(self, count: int) -> Array:
        self.at += count
        return self.characters[self.at - count : self.at]

    def skip(self, text: bytes) -> None:
        for character, expected in zip(self.take(len(text)), text, strict=True):
            self.plain &= character == expected

    def skip_again(self, text: Array) -> None:
        self.plain &= (self.take(len(text)) == text).all(axis=0)

    def skip_name(self, size: int) -> None:
        """Anything that needs no escape."""
        for character in self.take(size):
            self.plain &= (character >= ord(" ")) & (character <= ord("~"))
            self.plain &= (character != ord('"')) & (character != ord("\\"))

    def instant(self) -> Any:
        """Seconds (int64)."""
        text = self.take(INSTANT)
        digits = (text - np.uint8(ord("0"))).astype(np.int64)
        for at, mark in MARKS:
            self.plain &= text[at] == mark
            digits[at] = 0
        self.plain &= (digits < 10).all(axis=0)
        year = 1_000 * digits[0] + 100 * digits[1] + 10 * digits[2] + digits[3]
        instant = seconds(year, *(10 * digits[at] + digits[at + 1] for at in (5, 8, 11, 14, 17)))
        self.plain &= instant >= 0
        return instant

    def uuid(self) -> Array:
        """Its halves; uint64, shape (n, 2)."""
        text = self.take(ID)
        for at in DASHES:
            self.plain &= text[at] == ord("-")
        digits = HEX[np.delete(text, DASHES, axis=0)]
        self.plain &= (digits < 16).all(axis=0)
        return halves(np.ascontiguousarray((digits[::2] << 4 | digits[1::2]).T).tobytes())


def _alike(text: _Text, row: Array, state: Array, length: int, *, is_known: bool) -> PlainCheckIns:
    """The plain ones of states of one length that have a check-out or have none."""
    text.skip(HEAD)
    happened = text.take(INSTANT)
    text.skip(VISIT_ID)
    text.skip_name(length - SHORTEST - is_known * (INSTANT - 2))
    text.skip(PERSON)
    person_at = state[row] + text.at
    person = text.uuid()
    text.skip(VENUE)
    venue = text.uuid()
    text.skip(CHECK_IN)
    start = text.instant()
    text.at -= INSTANT
    text.skip_again(happened)
    text.skip(CHECK_OUT)
    if is_known:
        text.skip(b'"')
        end = text.instant()
        text.skip(b'"}')
    else:
        text.skip(_UNKNOWN)
        end = np.full(len(row), int(FOREVER))
    clock_error = np.full(len(row), NO_CLOCK)
    columns = (row, person, venue, start.astype(np.uint32), end.astype(np.uint32), person_at, clock_error)
    return PlainCheckIns(*columns).take(text.plain)
