"""Few parts out of many: the rows stay the same, where they stand changes.

What is recorded comes in a part of its own, of the kind MIXED; once these hold SMALL rows they are sorted out by length
and by whether a later version has taken their place. Of each kind a part is more than twice as long as all shorter ones
together, so that there are few of them and every row moves seldom. Parts up to LARGE are put together at once, while a
batch is projected. Longer ones take seconds: a Merge of them is made beside the projection and takes their place when
it is done. Meanwhile, rows of the old parts may be superseded or found entangled. Nothing else of them ever changes, so
the last step, which the projection waits for, looks at these two columns only.

Parts that are mapped from a save are shared by all processes. They are left alone, but by the one that saves next; what
it puts together lies in files at once.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.part import CHANGING_ROWS, LONG, LONGEST, MIXED, PAST, SHORT, Part, Rows, keys

SMALL: Final = 1 << 14
LARGE: Final = 1 << 16
LARGEST: Final = 1 << 21
"""Parts from this length on are put together by nobody but the process that saves, and in files."""
_AT_ONCE: Final = 1 << 19
_PAST_SHARE: Final = 8
"""Superseded rows move to a part of their own where they are more than one in so many."""
_SAVER_SHARE: Final = 8
"""How much longer than all shorter ones together a part may be that a process takes up which is going to save."""

_LENGTHS: Final = ((SHORT, 3 * 3600), (LONG, 14 * 3600), (LONGEST, int(FOREVER)))
_KINDS: Final = (PAST, *(kind for kind, _ in _LENGTHS))


def tidied(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The same rows in fewer parts, as far as nobody has to wait for that."""
    mixed = [part for part in parts if part.kind == MIXED]
    others = [part for part in parts if part.kind != MIXED]
    if len(mixed) > 1:
        mixed = Merge(mixed).parts
    if sum(map(len, mixed)) >= SMALL:
        others += [part for one in mixed for part in sorted_out(one)]
        mixed = []
    for few in _due([part for part in others if len(part) < LARGE], 2, SMALL):
        others = Merge(few).swapped(others)
    return (*others, *mixed)


def entirely_tidied(parts: Sequence[Part]) -> tuple[Part, ...]:
    """One part of each kind."""
    several = [one for part in parts for one in (sorted_out(part) if part.kind == MIXED else [part])]
    for same in _of_kinds(several):
        if len(same) > 1:
            several = Merge(same).swapped(several)
    for past in _of_kinds([part for part in several if part.kind == PAST]):
        if len(past) > 1:
            several = Merge(past).swapped(several)
    return tuple(several)


def due(parts: Iterable[Part], *, saver: bool = False) -> list[Part] | None:
    """Long parts of one kind that should become one, if there are any."""
    long = [part for part in parts if part.kind != MIXED and len(part) >= LARGE]
    if not saver:
        long = [part for part in long if len(part) < LARGEST and not part.is_mapped]
    return next(_due(long, _SAVER_SHARE if saver else 2, 0), None)


def _due(parts: Sequence[Part], share: int, small: int) -> Iterator[list[Part]]:
    """Of each kind the parts from the longest on that is not longer than ``share`` times all the shorter ones."""
    for same in _of_kinds(parts):
        same.sort(key=len, reverse=True)
        for first in range(len(same) - 1):
            if len(same[first]) <= max(share * sum(map(len, same[first + 1 :])), small):
                yield same[first:]
                break


def _of_kinds(parts: Iterable[Part]) -> list[list[Part]]:
    several = list(parts)
    return [[part for part in several if part.kind == kind] for kind in _KINDS]


def sorted_out(part: Part) -> list[Part]:
    """One part for each kind of which there are rows."""
    length = part.rows.end - part.rows.start
    kind = np.searchsorted([longest for _, longest in _LENGTHS], length, "left") + 1
    kind[part.rows.known_until < FOREVER] = 0
    return [only(part, kind == number, name) for number, name in enumerate(_KINDS) if (kind == number).any()]


def only(part: Part, these: Array, kind: str) -> Part:
    """Some of its rows."""
    place = np.cumsum(these, dtype=np.uint32) - np.uint32(1)
    by_person = part.by_person[these[part.by_person]]
    return Part.indexed(part.rows.take(np.flatnonzero(these)), place[by_person], kind)


Room: TypeAlias = Callable[[str, "np.dtype[Any]", int], Array]
"""Makes an array for a column of that name, type and length."""


def memory(_: str, kind: "np.dtype[Any]", length: int) -> Array:
    return np.empty(length, kind)


class Merge:
    """Some parts of one kind as one, or as two when much of it is past; what changes in them meanwhile follows.

    Rows are numbered through all parts, one behind the other; ``_place`` is where each of them stands afterwards.
    """

    def __init__(self, parts: Sequence[Part], room: Room = memory) -> None:
        self.parts: list[Part] = []
        self._merged = list(parts)
        self._base = np.cumsum([0, *map(len, parts)]).tolist()
        self._kept = {name: np.concatenate([getattr(part.rows, name) for part in parts]) for name in CHANGING_ROWS}
        self._place = np.empty(self._base[-1], np.uint32)
        for kind, these in self._kinds(parts[0].kind):
            self.parts.append(self._together(kind, these, room))

    def swapped(self, parts: Sequence[Part]) -> list[Part]:
        """``parts`` with these instead of those that were merged, if all of them are still there."""
        if not all(any(one is part for part in parts) for one in self._merged):
            return list(parts)
        self._follow()
        return [*(part for part in parts if not any(one is part for one in self._merged)), *self.parts]

    def _kinds(self, kind: str) -> list[tuple[str, Array]]:
        past = self._kept["known_until"] < FOREVER
        if kind in (PAST, MIXED) or np.count_nonzero(past) * _PAST_SHARE <= len(past):
            return [(kind, np.ones(len(past), bool))]
        return [(one, these) for one, these in ((kind, ~past), (PAST, past)) if these.any()]

    def _together(self, kind: str, these: Array, room: Room) -> Part:
        """A piece at a time, so that it takes little more memory than it leaves."""
        before, count = sum(map(len, self.parts)), int(np.count_nonzero(these))
        rows = Rows(*(room(name, column.dtype, count) for name, column in self._merged[0].rows._asdict().items()))
        at = 0
        for number, slices in self._by_key():
            order = np.argsort(self._joined("key", slices), kind="stable")
            order = order[these[number[order]]]
            for name, column in rows._asdict().items():
                column[at : at + len(order)] = self._joined(name, slices)[order]
            self._place[number[order]] = np.arange(before + at, before + at + len(order), dtype=np.uint32)
            at += len(order)
        by_person = room("by_person", np.dtype(np.uint32), count)
        at = 0
        for number in self._by_person():
            placed = self._place[number[these[number]]] - np.uint32(before)
            by_person[at : at + len(placed)] = placed
            at += len(placed)
        return Part.indexed(rows, by_person, kind)

    def _by_key(self) -> Iterator[tuple[Array, list[slice]]]:
        """Pieces of all parts with the numbers of their rows, from key to key."""
        bounds = max(self._merged, key=len).rows.key[_AT_ONCE::_AT_ONCE]
        for slices in _pieces([(len(part), np.searchsorted(part.rows.key, bounds)) for part in self._merged]):
            based = zip(self._base, slices, strict=False)
            yield np.concatenate([np.arange(base + at.start, base + at.stop) for base, at in based]), slices

    def _by_person(self) -> Iterator[Array]:
        """The numbers of all rows, ordered by person and start."""
        longest = max(self._merged, key=len)
        bounds = longest.rows.person[longest.by_person[_AT_ONCE::_AT_ONCE]]
        for slices in _pieces([(len(part), _before_person(part, bounds)) for part in self._merged]):
            row = [part.by_person[at] for part, at in zip(self._merged, slices, strict=True)]
            some = [part.rows.take(at) for part, at in zip(self._merged, row, strict=True)]
            person, start = (np.concatenate([getattr(rows, name) for rows in some]) for name in ("person", "start"))
            number = np.concatenate([at + np.uint32(base) for base, at in zip(self._base, row, strict=False)])
            yield number[np.argsort(keys(person, start), kind="stable")]

    def _joined(self, name: str, slices: list[slice]) -> Array:
        based = zip(self._merged, self._base, slices, strict=False)
        if name in self._kept:
            return np.concatenate([self._kept[name][base + at.start : base + at.stop] for _, base, at in based])
        return np.concatenate([getattr(part.rows, name)[at] for part, _, at in based])

    def _follow(self) -> None:
        for part, base in zip(self._merged, self._base, strict=False):
            changed = np.zeros(len(part), bool)
            for name, kept in self._kept.items():
                changed |= getattr(part.rows, name) != kept[base : base + len(part)]
            row = np.flatnonzero(changed)
            self._change(self._place[row + base], part.rows.known_until[row], part.rows.flags[row])

    def _change(self, place: Array, known_until: Array, flags: Array) -> None:
        before = 0
        for part in self.parts:
            here = (before <= place) & (place < before + len(part))
            row = place[here] - np.uint32(before)
            part.rows.known_until[row] = known_until[here]
            part.mark(part.places(row), flags[here])
            before += len(part)


def give_back() -> None:
    """To the system what columns took that are gone: the allocator keeps it for the next ones, most of it for good."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _pieces(cuts: list[tuple[int, Array]]) -> Iterator[list[slice]]:
    """Of each of several columns, given its length and where it is cut, one piece after the other."""
    ends = [[*cut.tolist(), length] for length, cut in cuts]
    low = [0] * len(ends)
    for high in zip(*ends, strict=True):
        yield [slice(*piece) for piece in zip(low, high, strict=True)]
        low = list(high)


def _before_person(part: Part, person: Array) -> Array:
    """How many rows are of people before each of these."""
    at = np.searchsorted(part.people, person) if len(part.people) else person
    return part.first_of_person[np.minimum(at, len(part.first_of_person) - 1)].astype(np.int64)
