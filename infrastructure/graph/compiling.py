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


def _digest() -> str:
    sources = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return blake2b(b"".join(source for source in sources if b"@compiled" in source), digest_size=8).hexdigest()


numba.config.CACHE_DIR = str(Path(__file__).parent / "__pycache__" / f"loops-{_digest()}")  # type: ignore[attr-defined] # made up from the environment


class Columns(NamedTuple):
    """Those columns of a part that a scan reads."""

    key: Array
    end: Array
    person: Array
    known_from: Array
    known_until: Array
    flags: Array
    first_of_venue: Array
    reach_of_venue: Array


class Index(NamedTuple):
    """A part's rows by person."""

    by_person: Array
    people: Array
    first: Array


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
