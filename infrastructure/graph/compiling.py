"""How loops are compiled, what they are given, and the moves that all of them are made of.

What is compiled is cached by a digest of all files here: numba by itself looks only at the file of a loop, not at those
of what it calls. Importing this module imports numba, which takes a second; kernel.py does so when told to.
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numba
import numpy as np
from numba import carray, types  # type: ignore[attr-defined] # it is documented
from numba.core import cgutils
from numba.extending import intrinsic

from infrastructure.graph.arrays import Array

_NJIT: Final[Any] = numba.njit  # its types differ between versions
Number: TypeAlias = Any
"""Plain and NumPy's integers alike."""
Record: TypeAlias = Any
"""One of a structured array."""

Function = TypeVar("Function", bound=Callable[..., Any])

NEVER: Final = 2**32 - 1
START: Final = np.uint64(2**32 - 1)
VENUE: Final = np.uint64(32)
IS_OBSERVED: Final = 1
IS_ENTANGLED: Final = 2
IS_SUPERSEDED: Final = 4
IS_BESIDE: Final = 8
_FEW: Final = 40
"""As many are put in order by insertion."""
DIGIT_BITS: Final = np.uint64(11)
_DIGITS: Final = 2048
_DIGIT: Final = np.uint64(_DIGITS - 1)


def _digest() -> str:
    sources = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return blake2b(b"".join(sources), digest_size=8).hexdigest()


numba.config.CACHE_DIR = str(Path(__file__).parent / "__pycache__" / f"loops-{_digest()}")  # type: ignore[attr-defined] # made up from the environment


class Readable(NamedTuple):
    """A part as the loops take it: its columns, and its indexes by person and venue.

    A row is named by ``names`` where there are any, else counted from ``base``. All rows are known from
    ``all_known_from`` on.
    """

    key: Array
    end: Array
    person: Array
    visit: Array
    known_from: Array
    known_until: Array
    flags: Array
    by_person: Array
    entangled: Array  # bits, as in Part
    people: Array
    first_of_person: Array
    first_of_venue: Array
    reach_of_venue: Array
    names: Array  # int64
    reach: Number
    base: Number
    all_known_from: Number


def compiled(function: Function) -> Function:
    return _njit(function)


def inlined(function: Function) -> Function:
    """For what is called so often that a call costs more than what it does."""
    return _njit(function, inline="always")


def _njit(function: Function, **options: str) -> Function:
    """Without a cache where there is no place to keep one."""
    try:
        cached: Function = _NJIT(cache=True, nogil=True, **options)(function)
    except RuntimeError:
        cached = _NJIT(nogil=True, **options)(function)
    return cached


def _pointer(_: Any, address: Any) -> Any:
    """Of an address."""

    def code(__: Any, builder: Any, ___: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], cgutils.voidptr_t)

    return types.voidptr(address), code


_at: Final[Any] = intrinsic(_pointer)


PARTS_WIDTH: Final = 29
"""Of each part a row of Parts: addresses and lengths of thirteen columns, then reach, base and all_known_from."""
Parts: TypeAlias = Array
"""int64. Whoever hands them over holds the columns: to hand over array by array takes as long as a small question."""


@compiled
def part_at(parts: Parts, number: int) -> Readable:
    at = parts[number]
    return Readable(
        carray(_at(at[0]), (at[1],), np.uint64),
        carray(_at(at[2]), (at[3],), np.uint32),
        carray(_at(at[4]), (at[5],), np.uint32),
        carray(_at(at[6]), (at[7],), np.uint32),
        carray(_at(at[8]), (at[9],), np.uint32),
        carray(_at(at[10]), (at[11],), np.uint32),
        carray(_at(at[12]), (at[13],), np.uint8),
        carray(_at(at[14]), (at[15],), np.uint32),
        carray(_at(at[16]), (at[17],), np.uint8),
        carray(_at(at[18]), (at[19],), np.uint32),
        carray(_at(at[20]), (at[21],), np.uint32),
        carray(_at(at[22]), (at[23],), np.uint32),
        carray(_at(at[24]), (at[25],), np.uint32),
        np.empty(0, np.int64),
        at[26],
        at[27],
        at[28],
    )


@inlined
def first_at_least(column: Array, value: Number, low: int, high: int) -> int:
    """Of the places in ``[low, high)``, or ``high``."""
    while low < high:
        middle = (low + high) >> 1
        if column[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def roomy(column: Array, count: int, more: int) -> Array:
    """The column, or a longer copy of its first ``count``, with room for ``more``."""
    if count + more <= len(column):
        return column
    longer = np.empty(max(2 * len(column), count + more), column.dtype)
    longer[:count] = column[:count]
    return longer


@compiled
def of_person(people: Array, first: Array, person: Number) -> tuple[Number, Number]:
    """The range of a person's rows in ``by_person``."""
    at: Number = np.int64(person)
    if len(people):
        at = first_at_least(people, person, 0, len(people))
        if at == len(people) or people[at] != person:
            return np.int64(0), np.int64(0)
    elif at >= len(first) - 1:
        return np.int64(0), np.int64(0)
    return np.int64(first[at]), np.int64(first[at + 1])


@inlined
def at_venue(
    keys: Array, first: Array, longest: Array, venue: Number, begin: Number, finish: Number, reach: Number,
    before: Number,
) -> tuple[Number, Number]:  # fmt: skip
    """The range of the rows at a venue that may overlap ``[begin, finish)``; none of them stands ``before`` that place.

    Whoever asks in the order of venue and begin says where the last range began, and the next is near.
    """
    low: Number = before
    high: Number = len(keys)
    if len(longest):
        at = np.int64(venue)
        if at >= len(longest):
            return before, before
        low, high = max(before, np.int64(first[at])), np.int64(first[at + 1])
        reach = np.int64(longest[at])
    here = np.uint64(venue) << VENUE
    low = _from_near(keys, here | np.uint64(max(begin - reach, 0)), low, high)
    return low, _from_near(keys, here | np.uint64(finish), low, high)


@inlined
def _from_near(keys: Array, key: Number, low: Number, high: Number) -> Number:
    """The first place with at least ``key`` in ``[low, high)``, looked for further and further from ``low``."""
    step = 1
    while low + step <= high and keys[low + step - 1] < key:
        low += step
        step *= 2
    return first_at_least(keys, key, low, min(low + step - 1, high))


@compiled
def order_of(keys: Array) -> Array:
    """What sorts ``keys`` (uint64), equal ones as they come: by digits, those that differ."""
    count = len(keys)
    order: Array = np.arange(count)
    if count <= _FEW:
        for at in range(1, count):
            here, key = at, keys[at]
            while here > 0 and keys[order[here - 1]] > key:
                order[here] = order[here - 1]
                here -= 1
            order[here] = at
        return order
    differ: Number = np.uint64(0)
    for key in keys:
        differ |= key ^ keys[0]
    other = np.empty_like(order)
    for digit in range(6):
        shift = np.uint64(digit) * DIGIT_BITS
        if (differ >> shift) & _DIGIT == 0:
            continue
        free = np.zeros(_DIGITS + 1, np.int64)
        for key in keys:
            free[((key >> shift) & _DIGIT) + np.uint64(1)] += 1
        for value in range(_DIGITS):
            free[value + 1] += free[value]
        for at in order:
            value = (keys[at] >> shift) & _DIGIT
            other[free[value]] = at
            free[value] += 1
        order, other = other, order
    return order
