"""Who came to a venue, and where else the same people were about then: what its quality is judged by."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from domain.quality import Arrival, Elsewhere
from domain.times import Seconds
from infrastructure.graph.arrays import FOREVER, Array, all_ranges
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import OBSERVED, Part, Rows, keys, minus, together

MOST_BESIDE: Final = 32
"""Visits elsewhere that are looked at on either side of one here, for whether the person was there at the same time."""


def arrivals(parts: Sequence[Part], position: int, venue: int, start: int, end: int) -> Rows:
    """The visits at a venue with their check-in in ``[start, end)``, by check-in and visit."""
    at = [np.array([value], np.uint32) for value in (venue, start, end)]
    rows = _known((part.rows.take(all_ranges(*part.at_venue(*at))[1]) for part in parts), position)
    return rows.take(np.lexsort((rows.visit, rows.start)))


def elsewhere(parts: Sequence[Part], position: int, here: Rows, near: Seconds, not_at: Array) -> Rows:
    """The visits of the same people at other venues than ``not_at``, by person, check-in and visit: those with a
    check-in at most ``near`` seconds from one ``here``, and those that may last until then."""
    here = here.take(np.lexsort((here.start, here.person)))
    rows = _known((part.rows.take(_about(part, here, near)) for part in parts), position)
    rows = rows.take(~np.isin(rows.venue, not_at))
    return rows.take(np.lexsort((rows.visit, rows.start, rows.person)))


def hops(here: Rows, there: Rows, near: Seconds) -> "Pairs":
    """Each check-in with the one before and the one after it elsewhere, at most ``near`` seconds apart."""
    found = [(h, t, _apart(here.start[h], there.start[t])) for h, t in _beside(here, there, 1)]
    h, t, seconds = _joined(found)
    close = seconds <= near
    return Pairs(here.visit[h[close]], there.venue[t[close]], seconds[close])


def doubled(here: Rows, there: Rows) -> "Pairs":
    """Each visit with those elsewhere during the same time, as far as all their ends are known."""
    here, there = (rows.take(rows.flags & OBSERVED != 0) for rows in (here, there))
    found = []
    for h, t in _beside(here, there, MOST_BESIDE):
        since, until = np.maximum(here.start[h], there.start[t]), np.minimum(here.end[h], there.end[t])
        both = since < until
        found.append((h[both], t[both], (until - since)[both]))
    h, t, seconds = _joined(found)
    return Pairs(here.visit[h], there.venue[t], seconds)


class Pairs(NamedTuple):
    """A visit here, the venue (a number) of one elsewhere, and seconds; of n pairs."""

    visit: Array
    venue: Array
    seconds: Array

    def told(self, venues: Ids) -> list[Elsewhere]:
        numbers = np.unique(self.venue)
        names = dict(zip(numbers.tolist(), venues.uuids(numbers), strict=True))
        columns = (self.visit.tolist(), (names[number] for number in self.venue.tolist()), self.seconds.tolist())
        return [Elsewhere(*pair) for pair in zip(*columns, strict=True)]


def told(rows: Rows) -> list[Arrival]:
    """People are numbers."""
    observed = (rows.flags & OBSERVED != 0).tolist()
    columns = (column.tolist() for column in (rows.visit, rows.person, rows.start, rows.end))
    return [
        Arrival(visit, person, start, end if seen else None)
        for visit, person, start, end, seen in zip(*columns, observed, strict=True)
    ]


def _known(found: Iterable[Rows], position: int) -> Rows:
    rows = [NO_ROWS, *(rows.take(rows.known_at(position)) for rows in found)]
    return together(rows)


NO_ROWS: Final = Rows(*(np.empty(0, kind) for kind in (np.uint64, *[np.uint32] * 6, np.uint8)))


def _about(part: Part, here: Rows, near: Seconds) -> Array:
    """Each row of the part but once: of two check-ins of one person that look at the same rows, the later one leaves
    them to the earlier."""
    before = np.maximum(here.start.astype(np.int64) + near, here.end.astype(np.int64)) + 1
    low, high = part.of_people_between(
        here.person, minus(here.start, max(near, part.reach)), before.clip(max=int(FOREVER)).astype(np.uint32)
    )
    low[1:] = np.maximum(low[1:], np.maximum.accumulate(high)[:-1])
    return part.by_person[all_ranges(low, high)[1]]


def _beside(here: Rows, there: Rows, most: int) -> Iterator[tuple[Array, Array]]:
    """Places in ``here`` and ``there`` of visits of the same person: for each one here those elsewhere with check-ins
    before, and those at the same instant or after, at most so many on either side."""
    place = np.searchsorted(keys(there.person, there.start), keys(here.person, here.start))
    for step in (-1, 1):
        h, t = np.arange(len(place)), place - (step < 0)
        for _ in range(most):
            inside = (t >= 0) & (t < len(there.key))
            h, t = h[inside], t[inside]
            same = there.person[t] == here.person[h]
            h, t = h[same], t[same]
            yield h, t
            t = t + step


def _apart(one: Array, other: Array) -> Array:
    return np.abs(one.astype(np.int64) - other)


def _joined(found: Sequence[tuple[Array, Array, Array]]) -> tuple[Array, ...]:
    nothing = np.empty(0, np.int64)
    return tuple(map(np.concatenate, zip((nothing, nothing, nothing), *found, strict=True)))
