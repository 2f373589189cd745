"""The loops of a trace, compiled: the same answers as the passes of trace.py over whole columns, many times sooner.

One scan of a level finds its contacts, counts their encounters and notes since when each is exposed by observed stays
alone. That is certainty: whom observed stays alone bring to a level has no smaller one, nor has anybody who exposed
them then, so what they do is among what the level's people do. What is added up for a person stands in one record of
a scratch array, which is kept between questions and cleared only where it was touched: nothing here takes longer
because more is stored, but for finding a place among it.

Importing this module imports numba, which takes a second; kernel.py does so when told to, scanning.py drives it.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.compiling import (
    IS_ENTANGLED,
    IS_OBSERVED,
    IS_SUPERSEDED,
    LATER,
    NEVER,
    SOON,
    START,
    VENUE,
    Number,
    Parts,
    Readable,
    Record,
    at_venue,
    compiled,
    guessed,
    inlined,
    of_person,
    order_of,
    part_at,
    prefetch,
    roomy,
)  # fmt: skip
from infrastructure.graph.joining import Joined, joined_of
from infrastructure.graph.trace import Contacts

WINDOW: Final = np.dtype(
    [(name, np.uint32) for name in ("person", "start", "end", "certain_start", "certain_end")], align=True
)
"""When a person passes on, and when by what is certain; an empty one is ``[FOREVER, 0)``."""

PIECE: Final = np.dtype(
    [("stay", np.int64), *((name, np.uint32) for name in ("window", "venue", "observed")), *WINDOW.descr], align=True
)
"""What remains of a stay in the ``window`` of that number; ``stay`` is the row that names it."""

KEPT: Final = np.dtype([("piece", np.int64), ("row", np.int64)], align=True)
"""Which piece (an index) met which row of the part."""

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
        *((name, np.uint32) for name in ("encounters", "exposed_at", "certain_from", "infector", "place", "state")),
    ],
    align=True,
)
"""What a question knows of a person: the sums of the level that is looked at, and ``state``, made of what follows.

``place`` counts the infectors and then says where the next of them belongs; of those who pass on it is the place in
their order.
"""

REACHED: Final = 1
"""Has a level already; its encounters count no more."""
TOUCHED: Final = 2
TANGLED: Final = 4
"""Met in a row that is not a stay by itself; SINCE are the other bits of the state then."""
SINCE: Final = 2**32 - 8
"""The instant from which on a person's entangled rows matter: that of the earliest piece that met one, rounded down."""
KEEP_NONE, KEEP_CONFINED, KEEP_ALL = range(3)
"""Which encounters a scan keeps one by one: those of people who were ever in quarantine, or all."""


class Sums(NamedTuple):
    """What encounters add up to, by person."""

    exposed_at: Array  # uint32
    certain_from: Array  # uint32, FOREVER where no encounter is certain
    encounters: Array  # int64
    seconds: Array  # int64


class Found(NamedTuple):
    """What a scan comes upon, beside what it adds to the scratch array; Counts says how much of each there is."""

    touched: Array  # uint32, people
    tangled: Array  # uint32, people
    pairs: Array  # uint64, contact << 32 | place of an infector, in no order; a few may come twice
    kept: Array  # KEPT, of the part that was looked at last


class Counts(NamedTuple):
    touched: int
    tangled: int
    pairs: int
    kept: int


@compiled
def nothing_found() -> tuple[Found, Counts]:
    found = Found(np.empty(256, np.uint32), np.empty(64, np.uint32), np.empty(256, np.uint64), np.empty(64, KEPT))
    return found, Counts(0, 0, 0, 0)


@compiled
def _is_long(start: Number, end: Number, shortest: int) -> bool:
    long: bool = end - start >= shortest
    return long


@compiled
def _clip(window: Record, start: Number, end: Number, observed: Number, shortest: int, piece: Record) -> Any:
    """Makes ``piece`` what remains of a stay in a window; whether that lasts long enough."""
    piece.start, piece.end = max(start, np.int64(window.start)), min(end, np.int64(window.end))
    piece.certain_start = max(start, np.int64(window.certain_start))
    piece.certain_end = min(end, np.int64(window.certain_end))
    lasts = _is_long(np.int64(piece.start), np.int64(piece.end), shortest)
    lasts_certainly = observed and _is_long(np.int64(piece.certain_start), np.int64(piece.certain_end), shortest)
    if not lasts:
        piece.start, piece.end = NEVER, 0
    if not lasts_certainly:
        piece.certain_start, piece.certain_end = NEVER, 0
    piece.person, piece.observed = window.person, observed
    return lasts or lasts_certainly


@compiled
def clip(
    part: Readable, position: int, shortest: int, windows: Array, tangled: Array, pieces: Array, made: int
) -> tuple[Array, int]:
    """``pieces`` with ``made`` PIECEs, and those of a part's stays in ``windows``.

    Notes in ``tangled`` which windows have entangled rows.
    """
    number, wanted = 0, 0
    while number < len(windows):
        pieces = roomy(pieces, made, wanted)
        number, made, wanted = _clip_while_room(number, part, position, shortest, windows, tangled, pieces, made)
    return pieces, made


@compiled
def _clip_while_room(
    number: int, part: Readable, position: int, shortest: int, windows: Array, tangled: Array, pieces: Array, made: int
) -> tuple[int, int, int]:
    """From the window of that ``number`` on: where it stopped, how many there are then, and the room wanted."""
    keys, ends, flags, by_person = part.key, part.end, part.flags, part.by_person
    people, first, last_window = part.people, part.first_of_person, len(windows) - 1
    known_from, known_until, recent = part.known_from, part.known_until, part.all_known_from <= position
    while number < len(windows):
        if not len(people):
            at, _ = of_person(people, first, windows[min(number + LATER, last_window)].person)
            prefetch(by_person, at)
            at, last = of_person(people, first, windows[min(number + SOON, last_window)].person)
            for place in range(np.uint64(at), np.uint64(last)):
                prefetch(keys, by_person[place])
        window = windows[number]
        begin = min(np.int64(window.start), np.int64(window.certain_start))
        finish = max(np.int64(window.end), np.int64(window.certain_end))
        at, last = of_person(people, first, window.person)
        if last - at > len(pieces) - made:
            return number, made, last - at
        for place in range(last - 1, at - 1, -1):
            row = by_person[place]
            start, end = np.int64(keys[row] & START), np.int64(ends[row])
            if start < begin - part.reach:
                break
            if start >= finish:
                continue
            if end <= begin or (flags[row] & IS_SUPERSEDED and known_until[row] <= position):
                continue
            if not recent and known_from[row] > position:
                continue
            if flags[row] & IS_ENTANGLED:
                tangled[number] = True
                continue
            piece = pieces[made]
            if _clip(window, start, end, flags[row] & IS_OBSERVED, shortest, piece):
                piece.stay, piece.window, piece.venue = part.base + np.int64(row), number, keys[row] >> VENUE
                made += 1
        number += 1
    return number, made, 0


@compiled
def _clip_joined(
    stays: Joined, numbers: Array, shortest: int, windows: Array, pieces: Array, made: int
) -> tuple[Array, int]:
    """The same for joined stays, each of the person of the window of that number."""
    pieces = roomy(pieces, made, len(stays.whose))
    for stay in range(len(stays.whose)):
        number = numbers[stays.whose[stay]]
        piece = pieces[made]
        start, end = np.int64(stays.key[stay] & START), np.int64(stays.end[stay])
        if _clip(windows[number], start, end, stays.observed[stay], shortest, piece):
            piece.stay, piece.window, piece.venue = stays.row[stay], number, stays.key[stay] >> VENUE
            made += 1
    return pieces, made


@compiled
def clipped(parts: Parts, position: int, shortest: int, windows: Array) -> Array:
    """The PIECEs of all stays in ``windows``, by venue and start, so that rows are looked at together."""
    tangled = np.zeros(len(windows), np.bool_)
    pieces, made = np.empty(8 * len(windows) + 16, PIECE), 0
    for number in range(len(parts)):
        pieces, made = clip(part_at(parts, number), position, shortest, windows, tangled, pieces, made)
    numbers = np.flatnonzero(tangled)
    if len(numbers):
        people, since = np.empty(len(numbers), np.uint32), np.empty(len(numbers), np.int64)
        for place in range(len(numbers)):
            window = windows[numbers[place]]
            people[place], since[place] = window.person, min(window.start, window.certain_start)
        stays = joined_of(parts, position, people, since, NEVER)
        pieces, made = _clip_joined(stays, numbers, shortest, windows, pieces, made)
    places = np.empty(made, np.uint64)
    for number in range(made):
        piece = pieces[number]
        places[number] = np.uint64(piece.venue) << VENUE | np.uint64(min(piece.start, piece.certain_start))
    ordered = np.empty(made, PIECE)
    order = order_of(places)
    for number in range(made):
        ordered[number] = pieces[order[number]]
    return ordered


@inlined
def _venue_at(keys: Array, longest: Array, place: Number) -> Number:
    """Before which no venue has rows, in a part that does not know where the rows of each begin; else 0."""
    if len(longest):
        return 0
    return np.int64(keys[place] >> VENUE) if place < len(keys) else NEVER


@inlined
def _tangle(one: Record, begin: Number) -> None:
    """A piece that begins there met an entangled row of a person."""
    state, since = np.int64(one.state), np.int64(begin) & SINCE
    if state & TANGLED:
        since = min(since, state & SINCE)
    one.state = since | (state & (REACHED | TOUCHED)) | TANGLED


@compiled
def scan(
    part: Readable, position: int, shortest: int, pieces: Array, seen: Array, keep: int, confined: Array,
    found: Found, counts: Counts,
) -> tuple[Found, Counts]:  # fmt: skip
    """Adds the stays of a part that meet ``pieces`` long enough to ``seen``; ``confined`` is bool, by person.

    ``pieces`` come by venue and start.
    """
    counts = Counts(counts.touched, counts.tangled, counts.pairs, 0)
    number, low, wanted = 0, 0, 0
    while number < len(pieces):
        found = Found(
            roomy(found.touched, counts.touched, wanted), roomy(found.tangled, counts.tangled, wanted),
            roomy(found.pairs, counts.pairs, wanted), roomy(found.kept, counts.kept, wanted),
        )  # fmt: skip
        number, low, wanted, counts = _scan_while_room(
            number, low, part, position, shortest, pieces, seen, keep, confined, found, counts
        )
    return found, counts


@compiled
def _scan_while_room(
    number: int, low: int, part: Readable, position: int, shortest: int, pieces: Array, seen: Array, keep: int,
    confined: Array, found: Found, counts: Counts,
) -> tuple[int, int, int, Counts]:  # fmt: skip
    """From the piece of that ``number`` on, whose rows stand from ``low`` on: where it stopped, and the room wanted.

    The columns have names of their own, and what is as often so as otherwise is added rather than asked: no processor
    foresees it.
    """
    keys, ends, persons, flags = part.key, part.end, part.person, part.flags
    known_from, known_until, recent = part.known_from, part.known_until, part.all_known_from <= position
    first, longest, reach, next_venue = part.first_of_venue, part.reach_of_venue, part.reach, 0
    first_start, span = part.first_start, part.span
    touched, touches = found.touched, counts.touched
    tangled, entangled = found.tangled, counts.tangled
    pairs, paired = found.pairs, counts.pairs
    kept, keeps = found.kept, counts.kept
    last_row, last_piece = np.uint64(len(keys) - 1), len(pieces) - 1
    while number < len(pieces):
        if len(first):
            later = pieces[min(number + LATER, last_piece)]
            instant = min(np.int64(later.start), np.int64(later.certain_start))
            _, _, _, near = guessed(first, longest, later.venue, instant, first_start, span)
            prefetch(keys, near)
            prefetch(ends, near)
            prefetch(persons, near)
            prefetch(flags, near)
        piece = pieces[number]
        own_start, own_end = np.int64(piece.start), np.int64(piece.end)
        certain_start, certain_end = np.int64(piece.certain_start), np.int64(piece.certain_end)
        begin, finish = min(own_start, certain_start), max(own_end, certain_end)
        if piece.venue < next_venue:
            number += 1
            continue
        low, high = at_venue(keys, first, longest, piece.venue, begin, finish, reach, low, first_start, span)
        if low == high:
            next_venue = _venue_at(keys, longest, low)
            number += 1
            continue
        if high - low > min(len(touched) - touches, len(tangled) - entangled, len(pairs) - paired, len(kept) - keeps):
            return number, low, high - low, Counts(touches, entangled, paired, keeps)
        infector = piece.person
        standing = np.uint64(seen[infector].place)
        for row in range(np.uint64(low), np.uint64(high)):  # unsigned: no place is counted from the end
            prefetch(seen, persons[min(row + np.uint64(LATER), last_row)])
            flag = flags[row]
            start, end = np.int64(keys[row] & START), np.int64(ends[row])
            if min(end, finish) - max(start, begin) < shortest and not (flag & IS_ENTANGLED and end > begin):
                continue
            if flag & IS_SUPERSEDED and known_until[row] <= position:
                continue
            if not recent and known_from[row] > position:
                continue
            contact = persons[row]
            one = seen[contact]
            state = one.state
            if state & REACHED:
                continue
            if flag & IS_ENTANGLED:
                tangled[entangled] = contact
                entangled += state & TANGLED == 0
                _tangle(one, begin)
                continue
            met_from, met_until = max(start, own_start), min(end, own_end)
            surely_from, surely_until = max(start, certain_start), min(end, certain_end)
            meets = met_until - met_from >= shortest
            surely_meets = (flag & IS_OBSERVED != 0) & (surely_until - surely_from >= shortest)
            if not (meets | surely_meets):
                continue
            touched[touches] = contact
            touches += state & TOUCHED == 0
            one.state = state | TOUCHED
            one.certain_from = min(np.int64(one.certain_from), surely_from if surely_meets else np.int64(NEVER))
            if meets:
                one.exposed_at = min(np.int64(one.exposed_at), met_from)
                one.encounters += 1
                one.seconds += met_until - met_from
                is_another = one.infector != infector
                one.infector = infector
                one.place += is_another
                pairs[paired] = np.uint64(contact) << VENUE | standing
                paired += is_another
            if keep == KEEP_ALL or (keep == KEEP_CONFINED and confined[contact]):
                kept[keeps].piece, kept[keeps].row = number, row
                keeps += 1
        number += 1
    return number, low, 0, Counts(touches, entangled, paired, keeps)


@compiled
def meetings(part: Readable, shortest: int, pieces: Array, kept: Array, found: Array, count: int) -> tuple[Array, int]:
    """``found`` with ``count`` MEETINGs, and those that were kept."""
    found = roomy(found, count, len(kept))
    for number in range(len(kept)):
        piece, row, meeting = pieces[kept[number].piece], kept[number].row, found[count + number]
        start, end = np.int64(part.key[row] & START), np.int64(part.end[row])
        met_from, met_until = max(start, np.int64(piece.start)), min(end, np.int64(piece.end))
        surely_from, surely_until = max(start, np.int64(piece.certain_start)), min(end, np.int64(piece.certain_end))
        meets = met_until - met_from >= shortest
        surely_meets = part.flags[row] & IS_OBSERVED and surely_until - surely_from >= shortest
        meeting.piece, meeting.contact = kept[number].piece, part.person[row]
        meeting.stay = part.names[row] if len(part.names) else part.base + row
        meeting.observed = part.flags[row] & IS_OBSERVED
        meeting.start, meeting.end = (met_from, met_until) if meets else (NEVER, 0)
        meeting.certain_start = surely_from if surely_meets else NEVER
        meeting.certain_end = surely_until if surely_meets else 0
    return found, count + len(kept)


@compiled
def meet(
    part: Readable, position: int, shortest: int, pieces: Array, seen: Array, people: Array, count: int
) -> tuple[Array, Array, int]:
    """All that meet the pieces long enough, as KEPT, but for their own people; and ``people`` with ``count`` of them,
    and those who may in entangled rows, each of whom becomes TANGLED."""
    keys, ends, persons, flags = part.key, part.end, part.person, part.flags
    known_from, known_until, recent = part.known_from, part.known_until, part.all_known_from <= position
    first, longest, reach, low, next_venue = part.first_of_venue, part.reach_of_venue, part.reach, 0, 0
    kept, keeps = np.empty(64, KEPT), 0
    for number in range(len(pieces)):
        piece = pieces[number]
        begin, finish = np.int64(piece.start), np.int64(piece.end)
        if piece.venue < next_venue:
            continue
        low, high = at_venue(keys, first, longest, piece.venue, begin, finish, reach, low, part.first_start, part.span)
        if low == high:
            next_venue = _venue_at(keys, longest, low)
            continue
        kept, people = roomy(kept, keeps, high - low), roomy(people, count, high - low)
        for row in range(np.uint64(low), np.uint64(high)):  # unsigned: no place is counted from the end
            flag = flags[row]
            start, end = np.int64(keys[row] & START), np.int64(ends[row])
            if min(end, finish) - max(start, begin) < shortest and not (flag & IS_ENTANGLED and end > begin):
                continue
            if flag & IS_SUPERSEDED and known_until[row] <= position:
                continue
            if persons[row] == piece.person or (not recent and known_from[row] > position):
                continue
            if not flag & IS_ENTANGLED:
                kept[keeps].piece, kept[keeps].row = number, row
                keeps += 1
            else:
                one = seen[persons[row]]
                people[count] = persons[row]
                count += one.state & TANGLED == 0
                _tangle(one, begin)
    return kept[:keeps], people, count


@compiled
def since_of(seen: Array, people: Array) -> Array:
    """From when on the entangled rows of these matter; int64."""
    since = np.empty(len(people), np.int64)
    for number in range(len(people)):
        since[number] = seen[people[number]].state & SINCE
    return since


@compiled
def add_up(whose: Array, order: Array, met: Array) -> tuple[Array, Sums]:
    """What MEETINGs add up to for each of ``whose``, which ``order`` sorts; and the distinct ones of these, sorted."""
    distinct, count = np.empty(len(order), np.uint64), 0
    exposed_at, certain_from = np.empty(len(order), np.uint32), np.empty(len(order), np.uint32)
    encounters, seconds = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    for at in order:
        if count == 0 or distinct[count - 1] != whose[at]:
            distinct[count], exposed_at[count], certain_from[count] = whose[at], NEVER, NEVER
            count += 1
        meeting, here = met[at], count - 1
        exposed_at[here] = min(exposed_at[here], meeting.start)
        certain_from[here] = min(certain_from[here], meeting.certain_start)
        encounters[here] += 1
        seconds[here] += np.int64(meeting.end) - np.int64(meeting.start)
    return distinct[:count], Sums(exposed_at[:count], certain_from[:count], encounters[:count], seconds[:count])


@compiled
def told(seen: Array, people: Array, level: int, contacts: Contacts, count: int) -> None:
    """Puts ``people``, who have that level now, behind the first ``count`` of ``contacts``, which have room for them.

    ``place`` and via_first say where the infectors of each begin among those of all ``people``.
    """
    infectors = 0
    for number in range(len(people)):
        one, at = seen[people[number]], count + number
        contacts.person[at], contacts.level[at], contacts.exposed_at[at] = people[number], level, one.exposed_at
        contacts.encounters[at], contacts.seconds[at] = one.encounters, one.seconds
        contacts.certain[at], contacts.via_first[at] = one.certain_from < NEVER, infectors
        infectors += one.place
        one.place, one.state = contacts.via_first[at], REACHED


@compiled
def become(seen: Array, people: Array, before: int, state: int) -> None:
    """What remains of the state of ``people`` in ``before``, and ``state``."""
    for person in people:
        seen[person].state = (seen[person].state & before) | state


@compiled
def stand(seen: Array, people: Array) -> None:
    """Notes the place of each of ``people`` in their order."""
    for place in range(len(people)):
        seen[people[place]].place = place


@compiled
def forget(seen: Array, people: Array) -> None:
    for person in people:
        one = seen[person]
        one.seconds, one.encounters, one.place, one.state = 0, 0, 0, 0
        one.exposed_at, one.certain_from, one.infector = NEVER, NEVER, NEVER


@compiled
def infectors(
    seen: Array, pairs: Array, passing_on: Array, via_first: Array, via: Array, infected: int
) -> tuple[Array, int]:
    """``via`` with ``infected``, and who exposed each of those whose ``via_first`` this is: once, as they pass on.

    So sorted, first by the place of the infector, then by that of the contact, a pair that comes twice does so at once.
    """
    first = np.zeros(len(passing_on) + 1, np.int64)
    for pair in pairs:
        first[(pair & START) + np.uint64(1)] += 1
    for place in range(len(passing_on)):
        first[place + 1] += first[place]
    ordered = np.empty_like(pairs)
    for pair in pairs:
        ordered[first[pair & START]] = pair
        first[pair & START] += 1
    found = np.empty(len(pairs), np.uint32)
    for pair in ordered:
        one = seen[pair >> VENUE]
        found[one.place] = pair & START
        one.place += 1
    via = roomy(via, infected, len(pairs))
    for number in range(len(via_first)):
        low = via_first[number]
        high = via_first[number + 1] if number + 1 < len(via_first) else len(pairs)
        via_first[number] = infected
        for at in range(low, high):
            if at == low or found[at] != found[at - 1]:
                via[infected] = passing_on[found[at]]
                infected += 1
    return via, infected
