"""The loops of a trace, compiled: the same answers as the passes of trace.py over whole columns, several times sooner.

One scan of a level finds its contacts, counts their encounters and notes since when each is exposed by observed stays
alone. That is certainty: whom observed stays alone bring to a level has no smaller one, nor has anybody who exposed
them then, so what they do is among what the level's people do. What is added up for a person stands in one record of
a scratch array, which is kept between questions and cleared only where it was touched.

Importing this module imports numba, which takes a second; kernel.py does so when told to, scanning.py drives it.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numba
import numpy as np

from infrastructure.graph.arrays import Array

_NJIT: Final[Any] = numba.njit  # its types differ between versions
_Number: TypeAlias = Any  # plain and NumPy's integers alike

_NEVER: Final = 2**32 - 1
_START: Final = np.uint64(2**32 - 1)
_VENUE: Final = np.uint64(32)
_OBSERVED: Final = 1
_ENTANGLED: Final = 2

WINDOW: Final = np.dtype(
    [(name, np.uint32) for name in ("person", "start", "end", "certain_start", "certain_end")], align=True
)
"""When a person passes on, and when by what is certain; an empty one is ``[FOREVER, 0)``."""

PIECE: Final = np.dtype([("stay", np.int64), ("venue", np.uint32), ("observed", np.uint32), *WINDOW.descr], align=True)
"""What remains of a stay in a window; ``stay`` is the row that names it."""

MEETING: Final = np.dtype(
    [
        *((name, np.int64) for name in ("piece", "stay")),
        *((name, np.uint32) for name in ("contact", "observed", "start", "end", "certain_start", "certain_end")),
    ],
    align=True,
)
"""An encounter of ``piece`` (an index), one that starts at FOREVER qualifies only as the other kind."""

SEEN: Final = np.dtype(
    [
        ("seconds", np.int64),
        *((name, np.uint32) for name in ("encounters", "exposed_at", "certain_from", "infector", "state", "unused")),
    ],
    align=True,
)
"""What a question knows of a person: the sums of the level that is looked at, and ``state``, made of what follows."""

REACHED: Final = 1
"""Has a level already; its encounters count no more."""
TOUCHED: Final = 2
TANGLED: Final = 4
"""Met in a row that is not a stay by itself."""
KEEP_NONE, KEEP_CONFINED, KEEP_ALL = range(3)
"""Which encounters a scan keeps one by one: those of people who were ever in quarantine, or all."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Columns(NamedTuple):
    """Those columns of Rows that a scan reads."""

    key: Array
    end: Array
    person: Array
    known_from: Array
    known_until: Array
    flags: Array


class Index(NamedTuple):
    """A part's rows by person."""

    by_person: Array
    people: Array
    first: Array


class Sums(NamedTuple):
    """What a level's encounters add up to, by person."""

    exposed_at: Array  # uint32
    certain_from: Array  # uint32, FOREVER where no encounter is certain
    encounters: Array  # int64
    seconds: Array  # int64


class Found(NamedTuple):
    """What a scan came upon, beside what it added to the scratch array."""

    touched: Array  # uint32, people
    tangled: Array  # uint32, people
    pairs: Array  # uint64, contact << 32 | infector, in no order; a few may come twice
    meetings: Array  # MEETING, those that are kept


def _compiled(function: Function) -> Function:
    """Without a cache where there is no place to keep one."""
    try:
        compiled: Function = _NJIT(cache=True, nogil=True)(function)
    except RuntimeError:
        compiled = _NJIT(nogil=True)(function)
    return compiled


@_compiled
def _first_at_least(column: Array, value: _Number) -> int:
    low, high = 0, len(column)
    while low < high:
        middle = (low + high) >> 1
        if column[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled
def _from(instant: _Number) -> _Number:
    return np.uint64(max(instant, np.int64(0)))


@_compiled
def _grown(column: Array) -> Array:
    more = np.empty(2 * len(column), column.dtype)
    more[: len(column)] = column
    return more


@_compiled
def _is_long(start: _Number, end: _Number, shortest: int) -> bool:
    long: bool = end - start >= shortest
    return long


@_compiled
def entangled_rows(rows: Columns, index: Index, people: Array, position: int) -> Array:
    """The entangled rows (int64) of these people that are known at ``position``."""
    found, count = np.empty(64, np.int64), 0
    for person in people:
        whose = _first_at_least(index.people, person)
        if whose == len(index.people) or index.people[whose] != person:
            continue
        for place in range(index.first[whose], index.first[whose + 1]):
            row = index.by_person[place]
            if rows.flags[row] & _ENTANGLED and rows.known_from[row] <= position < rows.known_until[row]:
                if count == len(found):
                    found = _grown(found)
                found[count] = row
                count += 1
    return found[:count]


@_compiled
def clip(
    rows: Columns, index: Index, reach: int, base: int, position: int, shortest: int, windows: Array
) -> tuple[Array, Array]:
    """The PIECEs of a part's stays in ``windows``, and the numbers of the windows with entangled rows (int64)."""
    pieces, made = np.empty(4 * len(windows) + 16, PIECE), 0
    tangled, entangled = np.empty(len(windows), np.int64), 0
    for number in range(len(windows)):
        window = windows[number]
        begin = min(np.int64(window.start), np.int64(window.certain_start))
        finish = max(np.int64(window.end), np.int64(window.certain_end))
        whose = _first_at_least(index.people, window.person)
        if whose == len(index.people) or index.people[whose] != window.person:
            continue
        at, last = np.int64(index.first[whose]), np.int64(index.first[whose + 1])
        upto = last
        while at < upto:
            middle = (at + upto) >> 1
            if np.int64(rows.key[index.by_person[middle]] & _START) < begin - reach:
                at = middle + 1
            else:
                upto = middle
        is_entangled = False
        for place in range(at, last):
            row = index.by_person[place]
            start, end = np.int64(rows.key[row] & _START), np.int64(rows.end[row])
            if start >= finish:
                break
            if end <= begin or rows.known_from[row] > position or rows.known_until[row] <= position:
                continue
            if rows.flags[row] & _ENTANGLED:
                is_entangled = True
                continue
            if made == len(pieces):
                pieces = _grown(pieces)
            observed = rows.flags[row] & _OBSERVED
            piece = pieces[made]
            piece.start, piece.end = max(start, np.int64(window.start)), min(end, np.int64(window.end))
            piece.certain_start = max(start, np.int64(window.certain_start))
            piece.certain_end = min(end, np.int64(window.certain_end))
            lasts = _is_long(np.int64(piece.start), np.int64(piece.end), shortest)
            lasts_certainly = observed and _is_long(
                np.int64(piece.certain_start), np.int64(piece.certain_end), shortest
            )
            if not lasts:
                piece.start, piece.end = _NEVER, 0
            if not lasts_certainly:
                piece.certain_start, piece.certain_end = _NEVER, 0
            if lasts or lasts_certainly:
                piece.person, piece.observed = window.person, observed
                piece.stay, piece.venue = base + np.int64(row), rows.key[row] >> _VENUE
                made += 1
        if is_entangled:
            tangled[entangled] = number
            entangled += 1
    return pieces[:made], tangled[:entangled]


@_compiled
def scan(
    rows: Columns,
    reach: int,
    base: int,
    position: int,
    shortest: int,
    pieces: Array,
    seen: Array,
    keep: int,
    confined: Array,
) -> Found:
    """Adds the stays of a part that meet ``pieces`` long enough to ``seen``; ``confined`` is bool, by person."""
    touched, touches = np.empty(64, np.uint32), 0
    tangled, entangled = np.empty(64, np.uint32), 0
    pairs, paired = np.empty(256, np.uint64), 0
    meetings, kept = np.empty(16, MEETING), 0
    for number in range(len(pieces)):
        piece = pieces[number]
        own_start, own_end = np.int64(piece.start), np.int64(piece.end)
        certain_start, certain_end = np.int64(piece.certain_start), np.int64(piece.certain_end)
        begin, finish = np.int64(min(own_start, certain_start)), np.int64(max(own_end, certain_end))
        infector = piece.person
        venue = np.uint64(piece.venue) << _VENUE
        stop = venue | np.uint64(finish)
        for row in range(_first_at_least(rows.key, venue | _from(begin - reach)), len(rows.key)):
            if rows.key[row] >= stop:
                break
            end = np.int64(rows.end[row])
            if end <= begin or rows.known_from[row] > position or rows.known_until[row] <= position:
                continue
            contact = rows.person[row]
            one = seen[contact]
            state = one.state
            if state & REACHED:
                continue
            flags = rows.flags[row]
            if flags & _ENTANGLED:
                if not state & TANGLED:
                    one.state = state | TANGLED
                    if entangled == len(tangled):
                        tangled = _grown(tangled)
                    tangled[entangled] = contact
                    entangled += 1
                continue
            start = np.int64(rows.key[row] & _START)
            met_from, met_until = max(start, own_start), min(end, own_end)
            surely_from, surely_until = max(start, certain_start), min(end, certain_end)
            meets = _is_long(met_from, met_until, shortest)
            surely_meets = flags & _OBSERVED and _is_long(surely_from, surely_until, shortest)
            if not (meets or surely_meets):
                continue
            if not state & TOUCHED:
                one.state = state | TOUCHED
                if touches == len(touched):
                    touched = _grown(touched)
                touched[touches] = contact
                touches += 1
            if surely_meets:
                one.certain_from = min(np.int64(one.certain_from), surely_from)
            if meets:
                one.exposed_at = min(np.int64(one.exposed_at), met_from)
                one.encounters += 1
                one.seconds += met_until - met_from
                if one.infector != infector:
                    one.infector = infector
                    if paired == len(pairs):
                        pairs = _grown(pairs)
                    pairs[paired] = np.uint64(contact) << _VENUE | np.uint64(infector)
                    paired += 1
            if keep == KEEP_ALL or (keep == KEEP_CONFINED and confined[contact]):
                if kept == len(meetings):
                    meetings = _grown(meetings)
                meeting = meetings[kept]
                kept += 1
                meeting.piece, meeting.stay, meeting.contact = number, base + row, contact
                meeting.observed = flags & _OBSERVED
                meeting.start, meeting.end = (met_from, met_until) if meets else (_NEVER, 0)
                meeting.certain_start = surely_from if surely_meets else _NEVER
                meeting.certain_end = surely_until if surely_meets else 0
    return Found(touched[:touches], tangled[:entangled], pairs[:paired], meetings[:kept])


@_compiled
def sums(seen: Array, people: Array) -> Sums:
    """What is noted of these people, who have a level now."""
    count = len(people)
    exposed_at, certain_from = np.empty(count, np.uint32), np.empty(count, np.uint32)
    encounters, seconds = np.empty(count, np.int64), np.empty(count, np.int64)
    for number in range(count):
        one = seen[people[number]]
        exposed_at[number], certain_from[number] = one.exposed_at, one.certain_from
        encounters[number], seconds[number] = one.encounters, one.seconds
        one.state = REACHED
    return Sums(exposed_at, certain_from, encounters, seconds)


@_compiled
def become(seen: Array, people: Array, before: int, state: int) -> None:
    """What remains of the state of ``people`` in ``before``, and ``state``."""
    for person in people:
        seen[person].state = (seen[person].state & before) | state


@_compiled
def forget(seen: Array, people: Array) -> None:
    for person in people:
        one = seen[person]
        one.seconds, one.encounters, one.state = 0, 0, 0
        one.exposed_at, one.certain_from, one.infector = _NEVER, _NEVER, _NEVER


@_compiled
def grouped(pairs: Array, place: Array, rank: Array, number: Array, contacts: int) -> tuple[Array, Array]:
    """``pairs`` as infectors by place of the contact and then by rank: where those of each begin, and the infectors."""
    first = np.zeros(contacts + 1, np.int64)
    for pair in pairs:
        first[place[pair >> _VENUE] + 1] += 1
    first = np.cumsum(first)
    free = first.copy()
    infectors = np.empty(len(pairs), np.uint32)
    for pair in pairs:
        contact = place[pair >> _VENUE]
        infectors[free[contact]] = rank[pair & _START]
        free[contact] += 1
    kept = 0
    for contact in range(contacts):
        low, high = first[contact], first[contact + 1]
        if high - low > 1:
            infectors[low:high].sort()
        first[contact] = kept
        for at in range(low, high):
            if at == low or infectors[at] != infectors[at - 1]:
                infectors[kept] = infectors[at]
                kept += 1
    first[contacts] = kept
    for at in range(kept):
        infectors[at] = number[infectors[at]]
    return first, infectors[:kept].copy()
