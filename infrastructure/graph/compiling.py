"""How loops are compiled, what they are given, and the moves that all of them are made of.

What is compiled is cached by a digest of all files with loops: numba by itself looks only at the file of a loop, not at
those of what it calls. Importing this module imports numba, which takes a second; kernel.py does so when told to.
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numba
import numpy as np

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
_FEW: Final = 40
"""As many are put in order by insertion."""
_DIGITS: Final = 2048
_DIGIT: Final = np.uint64(_DIGITS - 1)


def _digest() -> str:
    sources = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return blake2b(b"".join(source for source in sources if b"@compiled" in source), digest_size=8).hexdigest()


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
    people: Array
    first_of_person: Array
    first_of_venue: Array
    reach_of_venue: Array
    names: Array  # int64
    reach: int
    base: int
    all_known_from: int


def compiled(function: Function) -> Function:
    """Without a cache where there is no place to keep one."""
    try:
        cached: Function = _NJIT(cache=True, nogil=True)(function)
    except RuntimeError:
        return _NJIT(nogil=True)(function)  # type: ignore[no-any-return]
    return cached


@compiled
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


@compiled
def at_venue(
    keys: Array, first: Array, longest: Array, venue: Number, begin: Number, finish: Number, reach: Number
) -> tuple[Number, Number]:
    """The range of the rows at a venue that may overlap ``[begin, finish)``."""
    low: Number = 0
    high: Number = len(keys)
    if len(longest):
        at = np.int64(venue)
        if at >= len(longest):
            return 0, 0
        low, high = np.int64(first[at]), np.int64(first[at + 1])
        reach = np.int64(longest[at])
    here = np.uint64(venue) << VENUE
    low = first_at_least(keys, here | np.uint64(max(begin - reach, 0)), low, high)
    end, step = here | np.uint64(finish), 8
    last = low
    while last + step < high and keys[last + step] < end:
        last += step
        step *= 2
    return low, first_at_least(keys, end, last, min(last + step, high))


@compiled
def order_of(keys: Array) -> Array:
    """What sorts ``keys`` (uint64), equal ones as they come: by digits, those that differ."""
    count = len(keys)
    order = np.arange(count)
    if count <= _FEW:
        for at in range(1, count):
            here, key = at, keys[at]
            while here > 0 and keys[order[here - 1]] > key:
                order[here] = order[here - 1]
                here -= 1
            order[here] = at
        return order
    differ = np.uint64(0)
    for key in keys:
        differ |= key ^ keys[0]
    other = np.empty_like(order)
    for digit in range(6):
        shift = np.uint64(digit * 11)
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
