"""The stays of entangled rows. semantics.md, "Stay"; the same as domain/stays.py, for many people at once.

Where a visit without check-out is followed by another check-in of the same person within its default stay, it ends
there or continues; it is marked ENTANGLED when it is projected, and so is the other row where both may be one stay; at
another venue that is marked as BESIDE. Every other row is its own stay. As the
next check-in within the default stay of a row is always entangled with it, the entangled rows of a person suffice to
find the stays; and as the parts of a joined stay follow each other within their default stays, it overlaps an
interval only when one of its rows does.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from infrastructure.graph.arrays import Array, all_ranges, distinct, find, mixed
from infrastructure.graph.part import BESIDE, ENTANGLED, OBSERVED, Part


class Resolved(NamedTuple):
    """m entangled rows and the stay of each; ``last`` is the row that ends the stay and names it."""

    row: Array  # int64, sorted
    last: Array  # int64
    start: Array  # uint32, of the stay
    end: Array  # uint32, of the stay
    observed: Array  # bool, of the stay
    check_in: Array  # uint32, of the row
    visit: Array  # uint32, of the row
    person: Array  # uint32
    venue: Array  # uint32


_TYPES: Final = (np.int64, np.int64, np.uint32, np.uint32, bool, *(np.uint32,) * 4)
_NOTHING: Final = Resolved(*(np.empty(0, kind) for kind in _TYPES))
_NOBODY: Final = np.empty(0, np.uint32)


class Stays:
    """What was known at ``position`` in ``parts``, where a row is numbered through all parts: ``base[part] + row``."""

    def __init__(self, parts: Sequence[Part], position: int) -> None:
        self.parts = [part for part in parts if part.may_know_at(position)]
        self.position = position
        *self.base, self.rows = accumulate(map(len, self.parts), initial=0)
        self._resolved = _NOTHING
        self._of: Array = _NOBODY

    def of(self, rows: Array, people: Array) -> Resolved:
        """The stays of these entangled ``rows`` of these ``people``, one for one."""
        self.resolve(people)
        at, _ = find(self._resolved.row, rows)
        return Resolved(*(column[at] for column in self._resolved))

    def visits(self, stays: Array) -> list[tuple[int, ...]]:
        """The positions of the visits of each stay, in order of check-in."""
        order = np.lexsort((self._resolved.visit, self._resolved.check_in, self._resolved.last))
        last, visit = self._resolved.last[order], self._resolved.visit[order]
        low, high = np.searchsorted(last, stays, "left"), np.searchsorted(last, stays, "right")
        single = self.column("visit", stays)
        return [
            tuple(visit[start:end].tolist()) if end > start else (alone,)
            for start, end, alone in zip(low.tolist(), high.tolist(), single.tolist(), strict=True)
        ]

    def spans(self, stays: Array) -> tuple[Array, Array]:
        """When each stay begins and ends; uint32."""
        start = (self.column("key", stays) & np.uint64(2**32 - 1)).astype(np.uint32)
        end = self.column("end", stays).astype(np.uint32)
        order = np.argsort(self._resolved.last, kind="stable")
        at, joined = find(self._resolved.last[order], stays)
        if joined.any():
            start = np.where(joined, self._resolved.start[order][at], start)
            end = np.where(joined, self._resolved.end[order][at], end)
        return start, end

    def digests(self, stays: Array) -> Array:
        """A number (uint64) for each stay that another one made of other visits hardly has."""
        order = np.argsort(self._resolved.last, kind="stable")
        last, visit = self._resolved.last[order], mixed(self._resolved.visit[order].astype(np.uint64))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(visit, dtype=np.uint64)])
        low, high = np.searchsorted(last, stays, "left"), np.searchsorted(last, stays, "right")
        return np.where(high > low, sums[high] - sums[low], mixed(self.column("visit", stays)))

    def column(self, name: str, rows: Array) -> Array:
        """That column of Rows (as uint64) for rows numbered through all parts."""
        values = np.empty(len(rows), np.uint64)
        for part, base in zip(self.parts, self.base, strict=True):
            here = (rows >= base) & (rows < base + len(part))
            values[here] = getattr(part.rows, name)[rows[here] - base]
        return values

    def resolve(self, people: Array) -> None:
        """Finds the stays of these people's entangled rows, once."""
        asked = distinct(people)
        new = asked[~find(self._of, asked)[1]]
        if len(new):
            self._of = np.sort(np.concatenate([self._of, new]))
            more = self._entangled(new)
            both = Resolved(*map(np.concatenate, zip(self._resolved, more, strict=True)))
            order = np.argsort(both.row)
            self._resolved = Resolved(*(column[order] for column in both))

    def _entangled(self, people: Array) -> Resolved:
        found = []
        for part, base in zip(self.parts, self.base, strict=True):
            row = entangled_rows(part, people, self.position)
            found.append((row + np.int64(base), *part.rows.take(row)))
        number, *columns = map(np.concatenate, zip(*found, strict=True))
        return resolved(number, *columns)


def entangled_rows(part: Part, people: Array, position: int) -> Array:
    """The entangled rows (int64) of these people that are known at ``position``."""
    _, at = all_ranges(*part.of_people(people))
    row = part.by_person[at].astype(np.int64)
    row = row[part.rows.flags[row] & (ENTANGLED | BESIDE) != 0]
    known: Array = row[(part.rows.known_from[row] <= position) & (position < part.rows.known_until[row])]
    return known


def resolved(row: Array, key: Array, end: Array, person: Array, visit: Array, *rest: Array) -> Resolved:
    """The stays of all the entangled rows, known at one position, of some people."""
    observed = rest[-1] & OBSERVED != 0
    start, venue = key & np.uint64(2**32 - 1), key >> np.uint64(32)
    order = np.lexsort((visit, venue, start, person))
    row, end, person, visit, observed = (column[order] for column in (row, end, person, visit, observed))
    start, venue = start[order].astype(np.uint32), venue[order]

    instant = _numbered_changes(person, start)
    following, has_following = _next_instant(instant, person)
    next_check_in = start[following]
    cut = ~observed & has_following & (next_check_in <= end)
    place = instant << np.uint64(32) | venue
    into, continues = find(place, (instant + np.uint64(1)) << np.uint64(32) | venue)
    continues &= cut
    end = np.where(cut & ~continues, np.minimum(end, next_check_in), end)

    last = _ends_of_chains(np.where(continues, into, np.arange(len(row))))
    first = start.copy()
    np.minimum.at(first, last, start)
    return Resolved(
        row, row[last], first[last], end[last], observed[last], start, visit, person, venue.astype(np.uint32)
    )


def _numbered_changes(person: Array, start: Array) -> Array:
    """Numbers the distinct instants of each person, through all people."""
    new = (person[1:] != person[:-1]) | (start[1:] != start[:-1])
    return np.concatenate([np.zeros(min(len(person), 1), np.uint64), np.cumsum(new, dtype=np.uint64)])


def _next_instant(instant: Array, person: Array) -> tuple[Array, Array]:
    """The first row of the person's next instant, and whether there is one."""
    after = np.searchsorted(instant, instant, "right")
    inside = after < len(instant)
    after[~inside] = 0
    return after, inside & (person[after] == person)


def _ends_of_chains(into: Array) -> Array:
    while (further := into[into]).tobytes() != into.tobytes():
        into = further
    return into
