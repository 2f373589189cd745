"""The pairs of stays at a place that overlap, compiled: all of a question in one call, as in levels.py.

Everybody's pairs are found in the order in which they are told: stays are taken in by their start, those who are there
are kept in the order of their people, and whoever comes meets them in that order. Of one person only the stays that
meet its own are looked at, and these are sorted. Importing this module imports numba.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.compiling import (
    IS_OBSERVED,
    NEVER,
    VENUE,
    Number,
    Parts,
    Record,
    compiled,
    first_at_least,
    order_of,
    part_at,
    roomy,
)  # fmt: skip
from infrastructure.graph.levels import People, before, by_id, met_by
from infrastructure.graph.loops import PIECE, WINDOW, clipped
from infrastructure.graph.overlaps import Pairs

_NOBODY: Final = NEVER
"""The number of no person."""
ROOM: Final = 25
"""Bytes for each pair. For a long list NumPy asks for them, in one piece and so of large pages: to make small ones
takes the system longer than the pairs take."""


class There(NamedTuple):
    """Stays as MEETINGs by person, whose they are, when they start, and the order of that.

    They make at most so many ``pairs``.
    """

    stays: Array
    person: Array
    starts: Array  # uint64
    by_start: Array
    pairs: int


@compiled
def _at_each(pieces: Array, at: Array) -> Array:
    """``pieces``, which come by start, at each of the venues ``at``, sorted, which are one place."""
    found = np.empty(len(at) * len(pieces), PIECE)
    for place in range(len(found)):
        found[place] = pieces[place % len(pieces)]
        found[place].venue = at[place // len(pieces)]
    return found


@compiled
def _own(parts: Parts, position: int, shortest: int, person: int, at: Array, start: int, end: int) -> Array:
    """The PIECEs of a person's stays at the venues ``at``, by start."""
    windows = np.empty(1, WINDOW)
    windows[0].person, windows[0].start, windows[0].end = person, start, end
    windows[0].certain_start, windows[0].certain_end = start, end
    pieces = clipped(parts, position, shortest, windows)
    starts, count = np.empty(len(pieces), np.uint64), 0
    for number in range(len(pieces)):
        venue = pieces[number].venue
        place = first_at_least(at, venue, 0, len(at))
        if place < len(at) and at[place] == venue:
            pieces[count], starts[count] = pieces[number], pieces[number].start
            count += 1
    own, order = np.empty(count, PIECE), order_of(starts[:count])
    for number in range(count):
        own[number] = pieces[order[number]]
    return own


@compiled
def _visit(parts: Parts, stay: Number) -> Any:
    number = len(parts) - 1
    while part_at(parts, number).base > stay:
        number -= 1
    part = part_at(parts, number)
    return part.visit[stay - part.base]


@compiled
def _comes_before(parts: Parts, people: People, a: Record, b: Record, other_a: Record, other_b: Record) -> Any:
    """Of two pairs of stays, which are MEETINGs: the order of Pairs."""
    start, other_start = max(a.start, b.start), max(other_a.start, other_b.start)
    if start != other_start:
        return start < other_start
    if a.contact != other_a.contact:
        return before(people, a.contact, other_a.contact)
    if b.contact != other_b.contact:
        return before(people, b.contact, other_b.contact)
    end, other_end = min(a.end, b.end), min(other_a.end, other_b.end)
    if end != other_end:
        return end < other_end
    if a.stay != other_a.stay:
        return _visit(parts, a.stay) < _visit(parts, other_a.stay)
    return b.stay != other_b.stay and _visit(parts, b.stay) < _visit(parts, other_b.stay)


@compiled
def _put_in_order(parts: Parts, people: People, stays: Array, a: Array, b: Array) -> None:
    """By insertion: nearly all are in order."""
    for at in range(1, len(a)):
        here, one, other = at, a[at], b[at]
        while here > 0:
            if not _comes_before(parts, people, stays[one], stays[other], stays[a[here - 1]], stays[b[here - 1]]):
                break
            a[here], b[here] = a[here - 1], b[here - 1]
            here -= 1
        a[here], b[here] = one, other


@compiled
def _put_stays_in_order(
    parts: Parts, people: People, stays: Array, person: Array, a: Array, b: Array, first: int, end: int
) -> None:
    """The same for pairs ``[first, end)``, which have one person a and are in order but for those of the same two."""
    for last in range(first + 1, end + 1):
        if last == end or person[b[last]] != person[b[first]]:
            if last > first + 1:
                _put_in_order(parts, people, stays, a[first:last], b[first:last])
            first = last


@compiled
def _carved(room: Array) -> Pairs:
    """Columns in bytes, ROOM for each pair."""
    count = len(room) // ROOM
    numbers = room[: 24 * count].view(np.uint32)
    return Pairs(
        numbers[:count], numbers[count : 2 * count], numbers[2 * count : 3 * count], numbers[3 * count : 4 * count],
        room[24 * count :].view(np.bool_), numbers[4 * count : 5 * count], numbers[5 * count :],
    )  # fmt: skip


@compiled
def _told(stays: Array, pairs: Pairs, count: int) -> Pairs:
    """The first ``count`` pairs of MEETINGs, whose places stand where their people will."""
    person_a, person_b, start, end, certain, stay_a, stay_b = pairs
    for number in range(count):
        one, other = stays[person_a[number]], stays[person_b[number]]
        person_a[number], person_b[number] = one.contact, other.contact
        start[number], end[number] = max(one.start, other.start), min(one.end, other.end)
        certain[number] = one.observed & other.observed & IS_OBSERVED
        stay_a[number], stay_b[number] = one.stay, other.stay
    return Pairs(
        person_a[:count], person_b[:count], start[:count], end[:count], certain[:count], stay_a[:count], stay_b[:count]
    )


@compiled
def of_one(
    parts: Parts, people: People, seen: Array, position: int, shortest: int, at: Array, start: int, end: int,
    person: int,
) -> Pairs:  # fmt: skip
    """The pairs with ``person``; ``seen`` is blank before and after."""
    pieces = _at_each(_own(parts, position, shortest, person, at, start, end), at)
    met = met_by(parts, position, shortest, pieces, seen)
    count = len(met)
    keys = np.empty(count, np.uint64)
    for number in range(count):
        keys[number] = np.uint64(met[number].start) << VENUE | people.high[met[number].contact] >> VENUE
    order = order_of(keys)
    stays = roomy(met, count, len(pieces))
    for number in range(len(pieces)):
        own, piece = stays[count + number], pieces[number]
        own.contact, own.stay, own.observed = person, piece.stay, piece.observed
        own.start, own.end = piece.start, piece.end
    pairs = _carved(np.empty(ROOM * count, np.uint8))
    a, b = pairs.person_a, pairs.person_b
    for place in range(count):
        other = order[place]
        own_stay = count + met[other].piece
        is_first = before(people, person, met[other].contact)
        a[place], b[place] = (own_stay, other) if is_first else (other, own_stay)
    _put_in_order(parts, people, stays, a, b)
    return _told(stays, pairs, count)


@compiled
def all_there(
    parts: Parts, people: People, seen: Array, position: int, shortest: int, at: Array, start: int, end: int
) -> There:
    """``seen`` is blank before and after."""
    whole = np.empty(1, PIECE)
    whole[0].person, whole[0].stay, whole[0].window, whole[0].observed = _NOBODY, 0, 0, 0
    whole[0].start, whole[0].end, whole[0].certain_start, whole[0].certain_end = start, end, start, end
    met = met_by(parts, position, shortest, _at_each(whole, at), seen)
    person = np.empty(len(met), np.uint32)
    for number in range(len(met)):
        person[number] = met[number].contact
    order = by_id(people, person)
    stays, starts = np.empty_like(met), np.empty(len(met), np.uint64)
    for number in range(len(met)):
        stays[number] = met[order[number]]
        starts[number] = stays[number].start
    by_start = order_of(starts).astype(np.uint32)
    return There(stays, person[order], starts, by_start, _most_pairs(stays, by_start, shortest))


@compiled
def of_all(parts: Parts, people: People, all_of_them: There, shortest: int, room: Array) -> Pairs:
    """Everybody's pairs, as many as there is ROOM for."""
    stays, person, starts, by_start, _ = all_of_them
    pairs = _carved(room)
    a, b = pairs.person_a, pairs.person_b
    there, before_them, size = np.empty(len(stays), np.uint32), np.empty(len(stays), np.uint32), 0
    first, count = 0, 0
    while first < len(stays) and count < len(a):
        last = first + 1
        while last < len(stays) and starts[by_start[last]] == starts[by_start[first]]:
            last += 1
        newcomers = by_start[first:last]
        there, before_them = before_them, there
        size = _with_newcomers(stays, shortest, before_them[:size], newcomers, there)
        count = _pair_off(parts, people, stays, person, starts, there[:size], newcomers, a, b, count)
        first = last
    return _told(stays, pairs, count)


@compiled
def _most_pairs(stays: Array, by_start: Array, shortest: int) -> int:
    """How many pairs of ``stays`` are there at a time for so long, those of one person counted, too."""
    ends = np.empty(len(stays), np.int64)
    for number in range(len(stays)):
        ends[number] = stays[number].end
    ends.sort()
    pairs, gone = 0, 0
    for place in range(len(by_start)):
        while ends[gone] < np.int64(stays[by_start[place]].start) + shortest:
            gone += 1
        pairs += place - gone
    return pairs


@compiled
def _with_newcomers(stays: Array, shortest: int, there: Array, newcomers: Array, together: Array) -> int:
    """Puts those of ``there`` who stay on for so long and the newcomers ``together``; how many they are."""
    size, newcomer, until = 0, 0, np.int64(stays[newcomers[0]].start) + shortest
    for place in range(len(there) + len(newcomers)):
        old = place - newcomer
        if newcomer < len(newcomers) and (old == len(there) or newcomers[newcomer] < there[old]):
            together[size] = newcomers[newcomer]
            newcomer += 1
            size += 1
        elif np.int64(stays[there[old]].end) >= until:
            together[size] = there[old]
            size += 1
    return size


@compiled
def _pair_off(
    parts: Parts, people: People, stays: Array, person: Array, starts: Array, there: Array, newcomers: Array,
    a: Array, b: Array, count: int,
) -> int:  # fmt: skip
    """Behind ``count`` the pairs that the newcomers to ``there`` make, as many as there is room for.

    Nearly everybody is there once; a slice for each of them would take longer than all the rest.
    """
    instant, all_differ = starts[newcomers[0]], True
    for place in range(1, len(there)):
        all_differ &= person[there[place]] != person[there[place - 1]]
    low, behind = 0, 0
    while low < len(there):
        one, high, told = there[low], low + 1, count
        has_come = starts[one] == instant
        while high < len(there) and person[there[high]] == person[one]:
            has_come |= starts[there[high]] == instant
            high += 1
        while behind < len(newcomers) and newcomers[behind] <= there[high - 1]:
            behind += 1
        if high > low + 1:
            others = there[high:] if has_come else newcomers[behind:]
            count = _pair_off_some(there[low:high], others, starts, instant, a, b, count)
        elif has_come:
            more = min(len(there) - high, len(a) - count)
            a[count : count + more], b[count : count + more] = one, there[high : high + more]
            count += more
        else:
            for newcomer in range(behind, min(len(newcomers), behind + len(a) - count)):
                a[count], b[count] = one, newcomers[newcomer]
                count += 1
        if not all_differ and count > told + 1:
            _put_stays_in_order(parts, people, stays, person, a, b, told, count)
        low = high
    return count


@compiled
def _pair_off_some(own: Array, others: Array, starts: Array, instant: Number, a: Array, b: Array, count: int) -> int:
    """The same of one person who is there several times."""
    for other in others:
        for one in own:
            if count < len(a) and (starts[one] == instant or starts[other] == instant):
                a[count], b[count] = one, other
                count += 1
    return count
