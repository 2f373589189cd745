"""A whole question in one compiled call: level after level, part after part. semantics.md, "Trace" and "Certainty".

Calling a loop from Python takes longer than it needs for a small question; so the way from loop to loop is compiled,
too. The stays of entangled rows are one more small part. Importing this module imports numba.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.compiling import (
    DIGIT_BITS,
    NEVER,
    START,
    VENUE,
    Number,
    Parts,
    compiled,
    order_of,
    part_at,
    prefetch,
    roomy,
)
from infrastructure.graph.joining import as_part, joined_of
from infrastructure.graph.loops import (
    KEEP_ALL,
    KEEP_CONFINED,
    KEEP_NONE,
    MEETING,
    REACHED,
    TOUCHED,
    WINDOW,
    Sums,
    add_up,
    become,
    clipped,
    forget,
    infectors,
    meet,
    meetings,
    nothing_found,
    scan,
    since_of,
    stand,
    told,
)
from infrastructure.graph.trace import Contacts


class Quarantines(NamedTuple):
    """Who is ever confined (bool, by person), and when, by person."""

    ever: Array
    person: Array
    since: Array
    until: Array


class People(NamedTuple):
    """The halves of their ids, by number."""

    high: Array
    low: Array


ENCOUNTER: Final = np.dtype(
    [
        *((name, np.int64) for name in ("infector_stay", "contact_stay")),
        *((name, np.uint32) for name in ("infector", "contact", "venue", "start", "end")),
        *((name, np.bool_) for name in ("infector_observed", "contact_observed")),
    ],
    align=True,
)


_ID_BITS: Final = np.uint64(64)


@compiled
def by_exposure(people: People, person: Array, seen: Array) -> Array:
    """The order of contacts: by exposed_at and person. Some bits of their ids tell most of them apart."""
    keys, least = np.empty(len(person), np.uint64), np.uint64(NEVER)
    for number in range(len(person)):
        prefetch(people.high, person[number])
        keys[number] = seen[person[number]].exposed_at
        least = min(least, keys[number])
    for number in range(len(person)):
        some = people.high[person[number]] >> (_ID_BITS - DIGIT_BITS)
        keys[number] = (keys[number] - least) << DIGIT_BITS | some
    return _told_apart(people, person, keys, keys, order_of(keys))


@compiled
def by_id(people: People, person: Array) -> Array:
    keys = np.empty(len(person), np.uint64)
    for number in range(len(person)):
        keys[number] = people.high[person[number]]
    return _told_apart(people, person, keys, keys, order_of(keys))


@compiled
def _told_apart(people: People, person: Array, keys: Array, within: Array, order: Array) -> Array:
    """Puts those whose keys are alike ``within`` the same in the order of their ids."""
    for at in range(1, len(order)):
        here, one = at, order[at]
        while here > 0:
            other = order[here - 1]
            alike = keys[other] == keys[one] and within[other] == within[one]
            if not alike or not before(people, person[one], person[other]):
                break
            order[here] = other
            here -= 1
        order[here] = one
    return order


@compiled
def before(people: People, one: Number, other: Number) -> Any:
    high, low = people.high, people.low
    return high[one] < high[other] or (high[one] == high[other] and low[one] < low[other])


@compiled
def _met(
    parts: Parts, position: int, shortest: int, pieces: Array, seen: Array, keep: int, confined: Array
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Touched, tangled and pairs as in Found, of all stays together; and the MEETINGs that are kept."""
    found, counts = nothing_found()
    met, count = np.empty(16, MEETING), 0
    for number in range(len(parts)):
        part = part_at(parts, number)
        found, counts = scan(part, position, shortest, pieces, seen, keep, confined, found, counts)
        met, count = meetings(part, shortest, pieces, found.kept[: counts.kept], met, count)
    tangled = found.tangled[: counts.tangled]
    if len(tangled):
        since = since_of(seen, tangled)
        become(seen, tangled, TOUCHED, 0)
        part = as_part(joined_of(parts, position, tangled, since, _last(pieces)), tangled)
        found, counts = scan(part, position, shortest, pieces, seen, keep, confined, found, counts)
        met, count = meetings(part, shortest, pieces, found.kept[: counts.kept], met, count)
    return found.touched[: counts.touched], tangled, found.pairs[: counts.pairs], met[:count]


@compiled
def _last(pieces: Array) -> Number:
    """The last instant of PIECEs."""
    until: Number = 0
    for number in range(len(pieces)):
        until = max(until, np.int64(pieces[number].end), np.int64(pieces[number].certain_end))
    return until


@compiled
def _with(column: Array, count: int, more: Array) -> tuple[Array, int]:
    column = roomy(column, count, len(more))
    column[count : count + len(more)] = more
    return column, count + len(more)


@compiled
def _next_confined(quarantines: Quarantines, person: Number, instant: Number) -> Number:
    """The first instant at or after ``instant`` in quarantine, NEVER when there is none."""
    found: Number = NEVER
    at = np.searchsorted(quarantines.person, person)
    while at < len(quarantines.person) and quarantines.person[at] == person:
        if np.int64(quarantines.until[at]) > instant:
            found = min(found, max(instant, np.int64(quarantines.since[at])))
        at += 1
    return found


@compiled
def _open_windows(
    quarantines: Quarantines, until: int, starts: Array, certainly: bool, windows: Array, count: int
) -> tuple[Array, int]:
    """``windows`` with ``count``, and those that encounters open for people who were ever confined.

    ``starts`` are person << 32 | start, sorted. As domain/contacts.py, open_windows().
    """
    first, windows = count, roomy(windows, count, len(starts))
    for at in range(len(starts)):
        person, start = np.uint32(starts[at] >> VENUE), np.int64(starts[at] & START)
        stop = min(until, _next_confined(quarantines, person, start))
        if stop <= start:
            continue
        end = np.int64(0)
        if count > first and windows[count - 1].person == person:
            last = windows[count - 1]
            end = np.int64(last.certain_end) if certainly else np.int64(last.end)
        if count == first or windows[count - 1].person != person or start > end:
            windows[count].person = person
            windows[count].start = windows[count].certain_start = NEVER
            windows[count].end = windows[count].certain_end = 0
            if certainly:
                windows[count].certain_start = start
            else:
                windows[count].start = start
            count += 1
        if certainly:
            windows[count - 1].certain_end = max(stop, end)
        else:
            windows[count - 1].end = max(stop, end)
    return windows, count


@compiled
def _starts(met: Array, ever: Array, certainly: bool) -> Array:
    """Contact << 32 | start of the encounters of those who were ever confined, sorted."""
    found, count = np.empty(len(met), np.uint64), 0
    for number in range(len(met)):
        start = met[number].certain_start if certainly else met[number].start
        if start < NEVER and ever[met[number].contact]:
            found[count] = np.uint64(met[number].contact) << VENUE | np.uint64(start)
            count += 1
    return np.sort(found[:count])


@compiled
def _passing_on(people: Array, seen: Array, met: Array, quarantines: Quarantines, until: int) -> Array:
    """The WINDOWs in which these contacts pass on. semantics.md, "Trace", 4."""
    windows, count, ever_confined = np.empty(len(people), WINDOW), 0, False
    for person in people:
        one = seen[person]
        if quarantines.ever[person]:
            ever_confined = True
        elif one.exposed_at < until:
            window = windows[count]
            window.person, window.end, window.certain_end = person, until, until
            window.start, window.certain_start = one.exposed_at, one.certain_from
            count += 1
    if ever_confined:
        for certainly in (False, True):
            starts = _starts(met, quarantines.ever, certainly)
            windows, count = _open_windows(quarantines, until, starts, certainly, windows, count)
    return windows[:count]


@compiled
def _nobody() -> Contacts:
    return Contacts(
        np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.int64),
        np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(1, np.int64), np.empty(0, np.uint32),
    )  # fmt: skip


@compiled
def _with_room(contacts: Contacts, count: int, more: int) -> Contacts:
    """For so many behind the first ``count``."""
    return Contacts(
        roomy(contacts.person, count, more), roomy(contacts.level, count, more),
        roomy(contacts.exposed_at, count, more), roomy(contacts.encounters, count, more),
        roomy(contacts.seconds, count, more), roomy(contacts.certain, count, more),
        roomy(contacts.via_first, count, more + 1), contacts.via,
    )  # fmt: skip


@compiled
def _first(contacts: Contacts, count: int, via: Array) -> Contacts:
    """The first ``count``, and those who exposed them."""
    return Contacts(
        contacts.person[:count], contacts.level[:count], contacts.exposed_at[:count], contacts.encounters[:count],
        contacts.seconds[:count], contacts.certain[:count], contacts.via_first[: count + 1], via,
    )  # fmt: skip


@compiled
def _encounters(pieces: Array, met: Array, found: Array, count: int) -> tuple[Array, int]:
    """``found`` with ``count`` ENCOUNTERs, and those that qualify of MEETINGs of ``pieces``."""
    found = roomy(found, count, len(met))
    for number in range(len(met)):
        meeting, piece, told = met[number], pieces[met[number].piece], found[count]
        if meeting.start < NEVER:
            told.infector, told.contact, told.venue = piece.person, meeting.contact, piece.venue
            told.start, told.end = meeting.start, meeting.end
            told.infector_stay, told.contact_stay = piece.stay, meeting.stay
            told.infector_observed, told.contact_observed = piece.observed != 0, meeting.observed != 0
            count += 1
    return found, count


@compiled
def trace(
    parts: Parts, quarantines: Quarantines, people: People, seen: Array, position: int, shortest: int,
    index_person: int, start: int, end: int, until: int, levels: int, evidence: bool,
) -> tuple[Contacts, Array]:  # fmt: skip
    """The contacts of the index person in ``[start, end)``, and the ENCOUNTERs when ``evidence`` is asked for.

    ``seen`` is blank before and after.
    """
    contacts, count = _nobody(), 0
    via, infected = np.empty(0, np.uint32), 0
    noted, notes = np.empty(16, np.uint32), 0
    encounters, tells = np.empty(0, ENCOUNTER), 0
    passing_on = np.full(1, index_person, np.uint32)
    windows = np.empty(1, WINDOW)
    windows[0].person, windows[0].start, windows[0].end = index_person, start, end
    windows[0].certain_start, windows[0].certain_end = start, end
    become(seen, passing_on, 0, REACHED)
    for level in range(1, levels + 1):
        is_last = level == levels
        pieces = clipped(parts, position, shortest, windows)
        keep = KEEP_ALL if evidence else KEEP_NONE if is_last else KEEP_CONFINED
        touched, tangled, pairs, met = _met(parts, position, shortest, pieces, seen, keep, quarantines.ever)
        noted, notes = _with(noted, notes, tangled)
        if len(touched) == 0:
            break
        these = touched[by_exposure(people, touched, seen)]
        contacts = _with_room(contacts, count, len(these))
        told(seen, these, level, contacts, count)
        first = contacts.via_first[count : count + len(these)]
        via, infected = infectors(seen, pairs, passing_on, first, via, infected)
        count += len(these)
        if evidence:
            encounters, tells = _encounters(pieces, met, encounters, tells)
        if not is_last:
            windows = _passing_on(these, seen, met, quarantines, until)
            passing_on = these[by_id(people, these)]
            stand(seen, passing_on)
    forget(seen, contacts.person[:count])
    forget(seen, noted[:notes])
    forget(seen, np.full(1, index_person, np.uint32))
    contacts.via_first[count] = infected
    return _first(contacts, count, via[:infected]), encounters[:tells]


@compiled
def met_by(parts: Parts, position: int, shortest: int, pieces: Array, seen: Array) -> Array:
    """The MEETINGs of PIECEs, which come by venue and start, with the stays of others; ``seen`` is blank before and
    after."""
    tangled, tangles = np.empty(16, np.uint32), 0
    met, count = np.empty(16, MEETING), 0
    for number in range(len(parts)):
        part = part_at(parts, number)
        kept, tangled, tangles = meet(part, position, shortest, pieces, seen, tangled, tangles)
        met, count = meetings(part, shortest, pieces, kept, met, count)
    if tangles:
        tangled = tangled[:tangles]
        since = since_of(seen, tangled)
        forget(seen, tangled)
        joined = as_part(joined_of(parts, position, tangled, since, _last(pieces)), tangled)
        kept, tangled, tangles = meet(joined, position, shortest, pieces, seen, tangled, tangles)
        met, count = meetings(joined, shortest, pieces, kept, met, count)
    return met[:count]


@compiled
def each(
    parts: Parts, people: People, seen: Array, position: int, shortest: int, windows: Array
) -> tuple[Array, Array, Sums]:
    """Level 1 of every window by itself, by window, exposed_at and person: windows, contacts, and their sums.

    ``seen`` is blank before and after.
    """
    pieces = clipped(parts, position, shortest, windows)
    met = met_by(parts, position, shortest, pieces, seen)
    count = len(met)
    whose = np.empty(count, np.uint64)
    for number in range(count):
        whose[number] = np.uint64(pieces[met[number].piece].window) << VENUE | np.uint64(met[number].contact)
    whose, summed = add_up(whose, order_of(whose), met)
    window, person, keys = np.empty_like(whose), np.empty(len(whose), np.uint32), np.empty_like(whose)
    for number in range(len(whose)):
        window[number], person[number] = whose[number] >> VENUE, whose[number] & START
        keys[number] = np.uint64(summed.exposed_at[number]) << VENUE | people.high[person[number]] >> VENUE
    order = order_of(keys)
    order = _told_apart(people, person, keys, window, order[order_of(window[order])])
    return window[order], person[order], Sums(
        summed.exposed_at[order], summed.certain_from[order], summed.encounters[order], summed.seconds[order]
    )  # fmt: skip
