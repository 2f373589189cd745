"""The stays of entangled rows, compiled: the same as in stays.py, for the people who matter to a question."""

from typing import Any, Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.compiling import (
    IS_BESIDE,
    IS_ENTANGLED,
    IS_OBSERVED,
    IS_SUPERSEDED,
    LATER,
    START,
    VENUE,
    Number,
    Parts,
    Readable,
    Record,
    compiled,
    of_person,
    order_of,
    part_at,
    prefetch,
    roomy,
)  # fmt: skip

MARKED: Final = np.dtype([(name, np.uint32) for name in ("whose", "row")], align=True)
"""A row of a part that may be entangled, of the person of that place in a list."""

ENTANGLED_ROW: Final = np.dtype(
    [(name, np.uint64) for name in ("key", "row")] + [(name, np.uint32) for name in ("whose", "end", "visit", "flags")],
    align=True,
)
"""A row that is no stay by itself, of the person of that place in a list."""


class Joined(NamedTuple):
    """Stays of entangled rows, by person and start; ``whose`` and ``row``, which names it, as in ENTANGLED_ROW."""

    whose: Array
    key: Array
    end: Array
    observed: Array
    row: Array


@compiled
def entangled(
    part: Readable, position: int, people: Array, since: Array, reach: Number, found: Array, count: int
) -> tuple[Array, int]:  # fmt: skip
    """``found`` with ``count`` ENTANGLED_ROWs, and those of these people that are known at ``position`` and may end
    after the person's ``since``, as none lasts longer than ``reach``."""
    marks, number = np.empty(8 * len(people) + 64, MARKED), 0
    whose, wanted = 0, 0
    while whose < len(people):
        marks = roomy(marks, number, wanted)
        whose, number, wanted = _marked_while_room(whose, part, people, marks, number)
    found = roomy(found, count, number)
    return found, _known_of(part, position, marks[:number], since, reach, found, count)


@compiled
def _marked_while_room(whose: int, part: Readable, people: Array, marks: Array, number: int) -> tuple[int, int, int]:
    """From that one on: where it stopped, how many there are then, and the room wanted."""
    of_people, first, by_person, marked = part.people, part.first_of_person, part.by_person, part.entangled
    last = len(people) - 1
    while whose < len(people):
        if not len(of_people):
            low, _ = of_person(of_people, first, people[min(whose + LATER, last)])
            prefetch(marked, low >> 3)
            prefetch(by_person, low)
        low, high = of_person(of_people, first, people[whose])
        if high - low > len(marks) - number:
            return whose, number, high - low
        for place in range(np.uint64(low), np.uint64(high)):
            marks[number].whose, marks[number].row = whose, by_person[place]
            number += marked[place >> np.uint64(3)] >> (place & np.uint64(7)) & 1
        whose += 1
    return whose, number, 0


@compiled
def _known_of(
    part: Readable, position: int, marks: Array, since: Array, reach: Number, found: Array, count: int
) -> int:
    """Puts those of MARKED rows behind the first ``count`` of ``found``; how many there are then."""
    visits, flags, keys, ends = part.visit, part.flags, part.key, part.end
    known_from, known_until, recent = part.known_from, part.known_until, part.all_known_from <= position
    last = len(marks) - 1
    for number in range(len(marks)):
        later = marks[min(number + LATER, last)].row
        prefetch(keys, later)
        prefetch(ends, later)
        prefetch(flags, later)
        prefetch(visits, later)
        row, whose = marks[number].row, marks[number].whose
        if np.int64(keys[row] & START) < since[whose] - reach:
            continue
        flag = flags[row]
        if not flag & (IS_ENTANGLED | IS_BESIDE):
            continue
        if flag & IS_SUPERSEDED and known_until[row] <= position:
            continue
        if not recent and known_from[row] > position:
            continue
        one = found[count]
        one.key, one.row, one.whose, one.end = keys[row], part.base + np.int64(row), whose, ends[row]
        one.visit, one.flags = visits[row], flag
        count += 1
    return count


@compiled
def joined_of(parts: Parts, position: int, people: Array, since: Array, until: int) -> Joined:
    """The stays of the entangled rows of these people that overlap ``[since, until)``; each has a ``since`` (int64).

    Rows that end before ``since``, whatever part they are in, are left out: they end no stay that goes on, and a stay
    may then seem to start later, but not after ``since``.
    """
    rows, count = np.empty(2 * len(people) + 16, ENTANGLED_ROW), 0
    reach = np.int64(0)
    for number in range(len(parts)):
        reach = max(reach, part_at(parts, number).reach)
    for number in range(len(parts)):
        rows, count = entangled(part_at(parts, number), position, people, since, reach, rows, count)
    rows = rows[:count]
    keys = np.empty(count, np.uint64)
    for row in range(count):
        keys[row] = np.uint64(rows[row].whose) << VENUE | (rows[row].key & START)
    return joined(rows, order_of(keys), since, until)


@compiled
def as_part(stays: Joined, people: Array) -> Readable:
    """The joined stays of ``people`` as a part in which all is known."""
    order = order_of(stays.key)
    count = len(order)
    key, end, flags, names = stays.key[order], stays.end[order], stays.observed[order], stays.row[order]
    person = np.empty(count, np.uint32)
    reach = np.int64(0)
    for row in range(count):
        person[row] = people[stays.whose[order[row]]]
        reach = max(reach, np.int64(end[row]) - np.int64(key[row] & START))
    none, no_bits = np.empty(0, np.uint32), np.empty(0, np.uint8)
    return Readable(
        key, end, person, none, none, none, flags, none, no_bits, none, none, none, none, names, np.int64(0),
        np.int64(0), reach, np.int64(0), np.int64(0),
    )  # fmt: skip


@compiled
def _comes_before(one: Record, other: Record) -> Any:
    """Of two rows of one person and instant: by venue and visit."""
    return one.key < other.key or (one.key == other.key and one.visit < other.visit)


@compiled
def joined(rows: Array, order: Array, since: Array, until: int) -> Joined:
    """The stays of ENTANGLED_ROWs in the person's ``[since, until)``, as stays.py has it; none of those only BESIDE.

    ``order`` puts the rows in the order of ``whose`` and start.
    """
    count = len(order)
    for at in range(1, count):  # rows of one instant by venue and visit
        here, row = at, order[at]
        one = rows[row]
        while here > 0:
            before = rows[order[here - 1]]
            if before.whose != one.whose or before.key & START != one.key & START or not _comes_before(one, before):
                break
            order[here] = order[here - 1]
            here -= 1
        order[here] = row
    into = np.empty(count, np.int64)
    start, end = np.empty(count, np.uint64), np.empty(count, np.uint32)
    following, stays = -1, 0  # where the person's next instant begins
    for at in range(count - 1, -1, -1):
        one = rows[order[at]]
        start[at], end[at], into[at] = one.key & START, one.end, at
        if at + 1 < count:
            after = rows[order[at + 1]]
            if after.whose != one.whose:
                following = -1
            elif after.key & START != start[at]:
                following = at + 1
        if following >= 0 and not one.flags & IS_OBSERVED and start[following] <= end[at]:
            instant = rows[order[following]].key & START
            for other in range(following, count):
                candidate = rows[order[other]]
                if candidate.whose != one.whose or candidate.key & START != instant:
                    break
                if candidate.key >> VENUE == one.key >> VENUE:
                    into[at] = into[other]
                    break
            if into[at] == at:
                end[at] = min(np.uint64(end[at]), instant)
        if into[at] == at:
            stays += 1
    for at in range(count):
        start[into[at]] = min(start[into[at]], start[at])
    found = Joined(
        np.empty(stays, np.uint32), np.empty(stays, np.uint64), np.empty(stays, np.uint32), np.empty(stays, np.uint8),
        np.empty(stays, np.int64),
    )  # fmt: skip
    made = 0
    for at in range(count):
        one = rows[order[at]]
        is_stay = into[at] == at and one.flags & IS_ENTANGLED
        if is_stay and np.int64(end[at]) > since[one.whose] and np.int64(start[at]) < until:
            found.whose[made], found.key[made] = one.whose, (one.key >> VENUE) << VENUE | start[at]
            found.end[made], found.observed[made], found.row[made] = end[at], one.flags & IS_OBSERVED, one.row
            made += 1
    return Joined(found.whose[:made], found.key[:made], found.end[:made], found.observed[:made], found.row[:made])
