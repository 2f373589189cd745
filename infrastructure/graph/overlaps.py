"""Who were at a venue together. semantics.md, "Overlaps at a venue"."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from domain.errors import Refused
from infrastructure.graph.answers import OverlapColumns
from infrastructure.graph.arrays import Array, all_ranges, ranges
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import ENTANGLED, OBSERVED, Part, minus
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import by_id, places

MOST_OVERLAPS = 1_000_000


class Present(NamedTuple):
    """Stays at a place, clipped to a window, by start and rank: the place of their person among all who are there."""

    rank: Array
    person: Array
    start: Array
    end: Array
    observed: Array
    stay: Array
    visit: Array


class Pairs(NamedTuple):
    """By start, person a, person b, end, and the last visits of both; uint32, but ``certain``."""

    person_a: Array
    person_b: Array
    start: Array
    end: Array
    certain: Array
    stay_a: Array
    stay_b: Array


_NOBODY: Final = (*(np.empty(0, np.uint32),) * 3, np.empty(0, bool), np.empty(0, np.int64))

Pairing: TypeAlias = Callable[[Stays, Ids, Array, int, int, int | None, int, int], Pairs]
"""The pairs at venues (uint32, sorted), from when until when, with one person or all, of at least so many seconds; some
of them where there are more than so many."""


def overlaps(
    stays: Stays, people: Ids, venues: Ids | None, at: Array, start: int, end: int, person: int | None,
    min_seconds: int, pairing: Pairing,
) -> OverlapColumns:  # fmt: skip
    """All pairs in ``[start, end)``, those of ``person`` only, when given; the venues ``at`` (uint32) are one place.

    Raises Refused for more than a million: a list is whole or it is none.
    """
    found = pairing(stays, people, at, start, end, person, max(min_seconds, 1), MOST_OVERLAPS)
    if len(found.start) > MOST_OVERLAPS:
        raise Refused(f"more than {MOST_OVERLAPS:,} overlaps: ask for a shorter window, a longer minimum or one person")
    return OverlapColumns(stays.position, people, venues, stays, *found)


def by_passes(
    stays: Stays, people: Ids, at: Array, start: int, end: int, person: int | None, shortest: int, most: int
) -> Pairs:
    """In passes over whole columns."""
    windows = np.array([[start, end]]) if person is None else _own(stays, person, at, start, end)
    present, only = _ranked(people, _present(stays, at, windows, start, end), person)
    return _pairs(present, only, shortest, most)


def _pairs(present: Present, only: int | None, shortest: int, most: int) -> Pairs:
    """Of one rank or all."""
    rank, person, since, until, observed, stay, visit = present
    found: list[tuple[Array, Array]] = [(np.empty(0, np.int64),) * 2]
    count = 0
    for one, other in ranges(np.arange(1, len(rank) + 1), np.searchsorted(since, until, "left")):
        keep = (rank[one] != rank[other]) & (np.minimum(until[one], until[other]) - since[other] >= shortest)
        if only is not None:
            keep &= (rank[one] == only) | (rank[other] == only)
        found.append((one[keep], other[keep]))
        count += int(keep.sum())
        if count > most:
            break
    one, other = map(np.concatenate, zip(*found, strict=True))
    a_first = rank[one] < rank[other]
    a, b = np.where(a_first, one, other), np.where(a_first, other, one)
    start, end = np.maximum(since[a], since[b]), np.minimum(until[a], until[b])
    order = np.lexsort((visit[b], visit[a], end, rank[b], rank[a], start))
    a, b = a[order], b[order]
    stay_a, stay_b = (stay[one].astype(np.uint32) for one in (a, b))
    return Pairs(person[a], person[b], start[order], end[order], observed[a] & observed[b], stay_a, stay_b)


def _own(stays: Stays, person: int, at: Array, start: int, end: int) -> Array:
    """When somebody was at the venues in ``[start, end)``; shape (n, 2)."""
    one = np.array([person], np.uint32)
    window = np.array([start], np.uint32), np.array([end], np.uint32)
    found = [np.empty((2, 0), np.uint32)]
    for part, base in zip(stays.parts, stays.base, strict=True):
        row = part.by_person[
            all_ranges(*part.of_people_between(one, minus(window[0], part.reach), window[1]))[1]
        ].astype(np.int64)
        row = row[np.isin((part.rows.key[row] >> np.uint64(32)).astype(np.uint32), at)]
        found.append(np.stack(_known(stays, part, base, row)[1:3]))
    since, until = np.concatenate(found, axis=1)
    since, until = np.maximum(since, window[0]), np.minimum(until, window[1])
    own: Array = np.stack([since, until], axis=1)[since < until]
    return own


def _present(stays: Stays, at: Array, windows: Array, start: int, end: int) -> tuple[Array, ...]:
    """Person, start, end, observed, naming row and last visit of each stay at the venues in the windows, clipped to
    ``[start, end)``."""
    found: list[tuple[Array, ...]] = [_NOBODY]
    venue, (after, before) = np.repeat(at, len(windows)), np.tile(windows.astype(np.uint32), (len(at), 1)).T
    for part, base in zip(stays.parts, stays.base, strict=True):
        which, row = all_ranges(*part.reaching(venue, after, before))
        row = row[part.rows.end[row] > after[which]]
        found.append(_known(stays, part, base, np.unique(row) if len(windows) > 1 else row))
    person, since, until, observed, stay = map(np.concatenate, zip(*found, strict=True))
    since, until = np.maximum(since, np.uint32(start)), np.minimum(until, np.uint32(end))
    _, once = np.unique(stay, return_index=True)
    once = once[since[once] < until[once]]
    return (*(column[once] for column in (person, since, until, observed, stay)), stays.column("visit", stay[once]))


def _known(stays: Stays, part: Part, base: int, row: Array) -> tuple[Array, ...]:
    """Person, start, end, observed and naming row of the stays of these rows, as far as they are known."""
    rows = part.rows
    known = row[(rows.known_from[row] <= stays.position) & (stays.position < rows.known_until[row])]
    plain, tangled = known[rows.flags[known] & ENTANGLED == 0], known[rows.flags[known] & ENTANGLED != 0]
    start = (rows.key[plain] & np.uint64(2**32 - 1)).astype(np.uint32)
    joined = stays.of(tangled + np.int64(base), rows.person[tangled])
    return (
        np.concatenate([rows.person[plain], rows.person[tangled]]),
        np.concatenate([start, joined.start]),
        np.concatenate([rows.end[plain], joined.end]),
        np.concatenate([rows.flags[plain] & OBSERVED != 0, joined.observed]),
        np.concatenate([plain + np.int64(base), joined.last]),
    )


def _ranked(people: Ids, found: tuple[Array, ...], person: int | None) -> tuple[Present, int | None]:
    """With the rank of ``person``, when given."""
    who, since, *rest = found
    there, which = np.unique(who, return_inverse=True)
    rank = np.empty(len(there), np.uint32)
    rank[by_id(there, people)] = np.arange(len(there), dtype=np.uint32)
    order = np.lexsort((rank[which], since))
    present = Present(rank[which][order], *(column[order] for column in (who, since, *rest)))
    is_there = person is not None and len(there) > 0
    return present, int(rank[places(there, np.array([person], np.uint32))[0]]) if is_there else None
