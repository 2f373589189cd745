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
from llvmlite import ir
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
_MANY: Final = 1024
"""So few are put in order by shorter digits, whose numbers are sooner added up."""
_SHORT_DIGIT_BITS: Final = np.uint64(8)
_KEY_BITS: Final = np.uint64(64)
_PLACED: Final = np.dtype([("key", np.uint64), ("at", np.int64)])


def _digest() -> str:
    sources = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return blake2b(b"".join(sources), digest_size=8).hexdigest()


numba.config.CACHE_DIR = str(Path(__file__).parent / "__pycache__" / f"loops-{_digest()}")  # type: ignore[attr-defined] # made up from the environment


class Readable(NamedTuple):
    """A part as the loops take it: its columns, and its indexes by person and venue.

    A row is named by ``names`` where there are any, else counted from ``base``. All rows are known from
    ``all_known_from`` on, and start in the ``span`` of seconds from ``first_start`` on; where that is not told, the
    part has no ``first_of_venue``.
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
    first_start: Number
    span: Number
    reach: Number
    base: Number
    all_known_from: Number


def compiled(function: Function) -> Function:
    return _njit(function)


def inlined(function: Function) -> Function:
    """For what is called so often that a call costs more than what it does."""
    return _njit(function, forceinline=True)


def _njit(function: Function, **options: bool) -> Function:
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


_TO_READ, _OFTEN, _DATA = 0, 3, 1


def _prefetch(_: Any, column: Any, place: Any) -> Any:
    """Begins to read what stands there in a column, which may be anywhere, and waits for nothing."""
    number = ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])

    def code(context: Any, builder: Any, __: Any, values: Any) -> Any:
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
        array = context.make_array(column)(context, builder, values[0])
        at = context.cast(builder, values[1], place, types.intp)
        there = builder.bitcast(builder.gep(array.data, [at]), cgutils.voidptr_t)
        builder.call(prefetch, [there, number(_TO_READ), number(_OFTEN), number(_DATA)])
        return context.get_dummy_value()

    return types.none(column, place), code


prefetch: Final[Any] = intrinsic(_prefetch)
LATER, SOON = 8, 2
"""So many rows or people ahead, what will be needed of them is asked for: memory answers late, but many questions at
once. To ask for more than that costs as much as it spares."""


PARTS_WIDTH: Final = 31
"""Of each part a row of Parts: addresses and lengths of thirteen columns, then the numbers of Readable."""
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
        at[29],
        at[30],
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
    """The column, or a longer copy of its first ``count``, with room for ``more``.

    To be called outside of long loops: an array that a loop gives another value is counted anew each time it goes
    round, by an instruction that waits for all memory. So the inner loops go on while there is room, and then say how
    much is ``wanted``.
    """
    if count + more <= len(column):
        return column
    longer = np.empty(max(2 * len(column), count + more), column.dtype)
    longer[:count] = column[:count]
    return longer


@inlined
def of_person(people: Array, first: Array, person: Number) -> tuple[Number, Number]:
    """The range of a person's rows in ``by_person``, found without a branch: no processor foresees who comes next."""
    at: Number = np.int64(person)
    known, last = len(people), len(first) - 1
    if known:
        at, length = np.int64(0), known
        while length:
            half = (length + 1) >> 1
            at += half * (people[at + half - 1] < person)
            length -= half
        at = at if people[min(at, known - 1)] == person else last
    return np.int64(first[min(at, last)]), np.int64(first[min(at + 1, last)])


@inlined
def at_venue(
    keys: Array, first: Array, longest: Array, venue: Number, begin: Number, finish: Number, reach: Number,
    before: Number, first_start: Number, span: Number,
) -> tuple[Number, Number]:  # fmt: skip
    """The range of the rows at a venue that may overlap ``[begin, finish)``; none of them stands ``before`` that place.

    Whoever asks in the order of venue and begin says where the last range began. Where the rows of a venue are known to
    be, they are first looked for as if they were spread evenly over the ``span`` from ``first_start`` on.
    """
    low: Number = before
    high: Number = len(keys)
    near: Number = before
    if len(first):
        low, high, reach, near = guessed(first, longest, venue, begin, first_start, span)
        low = max(low, before)
        near = min(max(near, low), high)
    if low < high:
        here = np.uint64(venue) << VENUE
        low = _from_near(keys, here | np.uint64(max(begin - reach, 0)), low, high, near)
        high = _from_near(keys, here | np.uint64(finish), low, high, low)
    return low, max(low, high)


@inlined
def guessed(
    first: Array, longest: Array, venue: Number, begin: Number, first_start: Number, span: Number
) -> tuple[Number, Number, Number, Number]:
    """The range of a venue's rows, how long the longest lasts, and about where those begin that may last till then."""
    at: Number = np.int64(venue)
    venues = len(longest)
    low, high = np.int64(first[min(at, venues)]), np.int64(first[min(at + 1, venues)])
    reach = np.int64(longest[min(at, venues - 1)])
    return low, high, reach, low + np.int64((high - low) * ((begin - reach - first_start) / span))


@inlined
def _from_near(keys: Array, key: Number, low: Number, high: Number, near: Number) -> Number:
    """The first place with at least ``key`` in ``[low, high)``, looked for further and further from ``near``."""
    step = 1
    if near > low and keys[near - 1] >= key:
        high = near - 1
        while high - step >= low and keys[high - step] >= key:
            high -= step
            step *= 2
        low = max(low, high - step + 1)
    else:
        low = near
        while low + step <= high and keys[low + step - 1] < key:
            low += step
            step *= 2
        high = min(low + step - 1, high)
    return first_at_least(keys, key, low, high)


@compiled
def order_of(keys: Array) -> Array:
    """What sorts ``keys`` (uint64), equal ones as they come: by digits of those bits that differ."""
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
    placed, other = np.empty(count, _PLACED), np.empty(count, _PLACED)
    differ: Number = np.uint64(0)
    for at in range(count):
        placed[at].key, placed[at].at = keys[at], at
        differ |= keys[at] ^ keys[0]
    bits = _SHORT_DIGIT_BITS if count < _MANY else DIGIT_BITS
    last = (np.uint64(1) << bits) - np.uint64(1)
    free = np.empty(last + np.uint64(2), np.int64)
    shift = np.uint64(0)
    while shift < _KEY_BITS and differ >> shift:
        if not differ >> shift & np.uint64(1):
            shift += np.uint64(1)
            continue
        free[:] = 0
        for at in range(count):
            free[(placed[at].key >> shift & last) + np.uint64(1)] += 1
        for value in range(last):
            free[value + 1] += free[value]
        for at in range(count):
            one = placed[at]
            digit = one.key >> shift & last
            there = other[free[digit]]
            there.key, there.at = one.key, one.at
            free[digit] += 1
        placed, other = other, placed
        shift += bits
    for at in range(count):
        order[at] = placed[at].at
    return order
