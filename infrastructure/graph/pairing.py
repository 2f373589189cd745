"""The pairs of stays at a place that overlap, compiled: in the order in which they are told, so that nothing is sorted.

Stays are taken in by their start. Those who are there are kept in the order of their people; each newcomer, or all who
come in the same second, meet them in that order. Importing this module imports numba.
"""

from typing import Any, Final

import numpy as np

from infrastructure.graph.arrays import Array, first_of_runs
from infrastructure.graph.compiling import NEVER, Number, Record, compiled, roomy
from infrastructure.graph.overlaps import Pairs, Present

OVERLAP: Final = np.dtype(
    [
        *((name, np.int64) for name in ("stay_a", "stay_b")),
        *((name, np.uint32) for name in ("person_a", "person_b", "start", "end", "rank_b", "visit_a", "visit_b")),
        ("certain", np.bool_),
    ],
    align=True,
)

PRESENT: Final = np.dtype(
    [
        ("stay", np.int64),
        *((name, np.uint32) for name in ("person", "rank", "start", "end", "visit")),
        ("observed", np.bool_),
    ],
    align=True,
)
"""A stay, clipped; ``rank`` is the place of its person among all who are there."""


@compiled
def _tell(row: Record, one: Record, other: Record, start: Number, end: Number) -> None:
    row.stay_a, row.person_a, row.visit_a = one.stay, one.person, one.visit
    row.stay_b, row.person_b, row.visit_b, row.rank_b = other.stay, other.person, other.visit, other.rank
    row.start, row.end, row.certain = start, end, one.observed and other.observed


@compiled
def _with_newcomers(
    present: Array, there: Array, count: int, first: int, last: int, together: Array, is_new: Array
) -> tuple[int, bool]:
    """Puts those who are still there and the newcomers ``[first, last)`` together by rank; whether all differ in it."""
    start, size, newcomer, all_differ = present[first].start, 0, first, True
    for place in range(count + 1):
        rank = present[there[place]].rank if place < count else np.uint32(NEVER)
        while newcomer < last and present[newcomer].rank < rank:
            together[size], is_new[size] = newcomer, True
            newcomer += 1
            size += 1
        if place < count and present[there[place]].end > start:
            together[size], is_new[size] = there[place], False
            size += 1
    for place in range(1, size):
        all_differ &= present[together[place]].rank != present[together[place - 1]].rank
    return size, all_differ


@compiled
def _comes_before(one: Record, other: Record) -> Any:
    """Of two overlaps that start together, of one person a."""
    if one.rank_b != other.rank_b:
        return one.rank_b < other.rank_b
    if one.end != other.end:
        return one.end < other.end
    return (one.visit_a, one.visit_b) < (other.visit_a, other.visit_b)


@compiled
def _put_in_order(rows: Array) -> None:
    """By insertion: nearly all are in order."""
    moved = np.empty(1, OVERLAP)
    for at in range(1, len(rows)):
        here = at
        moved[0] = rows[at]
        while here > 0 and _comes_before(moved[0], rows[here - 1]):
            rows[here] = rows[here - 1]
            here -= 1
        rows[here] = moved[0]


@compiled
def pairs(present: Array, groups: Array, shortest: int, only: int, most: int) -> Array:
    """OVERLAPs of PRESENT stays, which come by start and rank; in the order of Pairs.

    ``groups`` says where those of each second begin, ``only`` whose pairs are wanted (a rank, all when negative). Ends
    early with more than ``most``.
    """
    found, count = np.empty(1024, OVERLAP), 0
    there, size = np.empty(len(present), np.int64), 0
    together, is_new = np.empty(len(present), np.int64), np.zeros(len(present), np.bool_)
    whom = np.empty(len(present), np.int64)  # newcomers or the one who is wanted: places in together
    for group in range(len(groups) - 1):
        first, last = groups[group], groups[group + 1]
        size, all_differ = _with_newcomers(present, there, size, first, last, together, is_new)
        found = roomy(found, count, size * (last - first))
        start = np.int64(present[first].start)
        whoms = 0
        for place in range(size):
            there[place] = together[place]
            if (only < 0 and is_new[place]) or (only >= 0 and present[together[place]].rank == only):
                whom[whoms] = place
                whoms += 1
        behind, told = 0, count
        for place in range(size):
            while behind < whoms and whom[behind] <= place:
                behind += 1
            one = present[together[place]]
            with_all = is_new[place] if only < 0 else one.rank == only
            candidates = size - place - 1 if with_all else whoms - behind
            for candidate in range(candidates):
                later = place + 1 + candidate if with_all else whom[behind + candidate]
                other = present[together[later]]
                end = np.int64(min(one.end, other.end))
                if end - start >= shortest and one.rank != other.rank and (is_new[place] or is_new[later]):
                    _tell(found[count], one, other, start, end)
                    count += 1
            if place + 1 == size or present[together[place + 1]].rank != one.rank:
                if not all_differ:
                    _put_in_order(found[told:count])
                told = count
        if count > most:
            break
    return found[:count]


def by_loops(present: Present, shortest: int, only: int | None, most: int) -> Pairs:
    """As by_passes()."""
    rows = np.empty(len(present.rank), PRESENT)
    for name in PRESENT.fields or ():
        rows[name] = getattr(present, name)
    groups = np.append(np.flatnonzero(first_of_runs(present.start)), len(rows))
    found = pairs(rows, groups, shortest, -1 if only is None else only, most)
    return Pairs(*(found[name] for name in Pairs._fields))
