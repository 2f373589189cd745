"""Array types and the two moves that everything here is made of: ranges, and positions in a sorted column."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

FOREVER: Final = np.uint32(2**32 - 1)
"""No known end: of a window as an instant, of a version as a position."""

AT_ONCE: Final = 1 << 21
"""How many candidate rows a question looks at together; bounds its memory."""


def ranges(low: Array, high: Array) -> Iterator[tuple[Array, Array]]:
    """All numbers of all ranges ``[low[i], high[i])`` as ``(i, number)``, at most AT_ONCE at a time."""
    ends = np.cumsum(np.maximum(high - low, 0))
    total = int(ends[-1]) if len(ends) else 0
    begins = ends - np.maximum(high - low, 0)
    for start in range(0, total, AT_ONCE):
        stop = min(start + AT_ONCE, total)
        first = int(np.searchsorted(ends, start, "right"))
        last = int(np.searchsorted(begins, stop, "left"))
        counts = np.minimum(ends[first:last], stop) - np.maximum(begins[first:last], start)
        which = np.repeat(np.arange(first, last), counts)
        yield which, np.arange(start, stop) + (low - begins)[which]


def all_ranges(low: Array, high: Array) -> tuple[Array, Array]:
    """All of ``ranges`` at once."""
    counts = np.maximum(high - low, 0)
    ends = np.cumsum(counts)
    which = np.repeat(np.arange(len(low)), counts)
    return which, np.arange(len(which)) + (low - ends + counts)[which]


def find(column: Array, values: Array) -> tuple[Array, Array]:
    """Where each of ``values`` stands in the sorted ``column`` (0 when nowhere), and whether it does."""
    if not len(column):
        return np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    at = np.searchsorted(column, values)
    at[at == len(column)] = 0
    return at, column[at] == values


def distinct(values: Array) -> Array:
    """The distinct values, sorted; by sorting, as np.unique hashes and numbers packed from two collide in its table."""
    ordered = np.sort(values)
    return ordered[first_of_runs(ordered)]


def first_of_runs(ordered: Array) -> Array:
    """Which values differ from the one before."""
    new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return new


def mixed(values: Array) -> Array:
    """Each of ``values`` (uint64) as a number that looks random; equal ones alike. SplitMix64 by Steele, Lea, Flood."""
    bits = values + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return bits ^ bits >> np.uint64(31)
