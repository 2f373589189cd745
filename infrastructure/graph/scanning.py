"""Asks the compiled loops: hands them the parts, and makes of what they find what trace.py makes of it."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from infrastructure.graph import levels, loops
from infrastructure.graph.arrays import FOREVER, Array, distinct
from infrastructure.graph.compiling import Readable
from infrastructure.graph.confinements import Confinements, KnownConfinements
from infrastructure.graph.ids import Ids, halves
from infrastructure.graph.overlaps import Present
from infrastructure.graph.pairing import by_loops
from infrastructure.graph.part import ENTANGLED, MIXED, OBSERVED, Part, Rows, keys
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Encounters, Level, Tracer, Windows

_KEPT_ARRAYS: Final = 4
_free: Final[deque[Array]] = deque(maxlen=_KEPT_ARRAYS)
"""Scratch arrays in which nothing is noted; each is lent to one question at a time."""
_TUPLES: Final = (8, 32, 128, 512)
"""Loops are compiled for so many parts; empty ones fill up."""


@contextmanager
def scratch(people: int) -> Iterator[Array]:
    """A blank array of SEEN for at least as many people; it goes back when the question is answered."""
    try:
        seen = _free.pop()
    except IndexError:
        seen = np.empty(0, loops.SEEN)
    if len(seen) < people:
        seen = np.empty(people + people // 8, loops.SEEN)
        loops.forget(seen, np.arange(len(seen), dtype=np.uint32))
    yield seen  # a question that fails keeps its array: what is noted in it is not known
    _free.append(seen)


def _readable(part: Part, base: int) -> Readable:
    rows = part.rows
    columns = (
        rows.key, rows.end, rows.person, rows.visit, rows.known_from, rows.known_until, rows.flags, part.by_person,
        part.people, part.first_of_person, part.first_of_venue, part.reach_of_venue, _NAMELESS,
    )  # fmt: skip
    return Readable(*map(_alike, columns), part.reach, base, part.all_known_from)


def _alike(column: Array) -> Array:
    """As one type for the compiler, whether the column is mapped from a file or not."""
    view = column.view()
    view.flags.writeable = False
    return view


_NAMELESS: Final = np.empty(0, np.int64)
_NUMBERS: Final = np.empty(0, np.uint32)
_EMPTY: Final = Readable(
    _alike(np.empty(0, np.uint64)), *(_alike(_NUMBERS),) * 5, _alike(np.empty(0, np.uint8)), *(_alike(_NUMBERS),) * 5,
    _alike(_NAMELESS), 0, 0, 0,
)  # fmt: skip
_parts: Final["WeakKeyDictionary[Part, Readable]"] = WeakKeyDictionary()


def _readables(parts: Sequence[Part], bases: Sequence[int]) -> tuple[Readable, ...]:
    found = []
    for part, base in zip(parts, bases, strict=False):
        readable = _parts.get(part)
        if readable is None or readable.base != base:
            readable = _parts[part] = _readable(part, base)
        found.append(readable)
    room = next(many for many in _TUPLES if many >= len(found))
    return (*found, *(_EMPTY,) * (room - len(found)))


class CompiledTracer(Tracer):
    """The same levels as Tracer, in one call."""

    def __init__(
        self, stays: Stays, confinements: KnownConfinements, people: Ids, min_seconds: int, until: int | None
    ) -> None:
        super().__init__(stays, confinements, people, min_seconds, until)
        self._readables = _readables(stays.parts, stays.base.tolist())
        self._people = levels.People(people.high, people.low)

    def levels(self, first: Windows, count: int, *, evidence: bool = False) -> list[Level]:
        until = int(FOREVER) if self.until is None else min(max(self.until, 0), int(FOREVER))
        with scratch(len(self.people)) as seen:
            found = levels.trace(
                self._readables, levels.Quarantines(*self.confinements.columns), self._people, seen,
                self.stays.position, self.shortest, *(int(column[0]) for column in first), until, count, evidence,
            )  # fmt: skip
        if evidence:
            self.stays.resolve(distinct(np.concatenate([found.met["infector"], found.met["contact"]])))
        return list(_levels(found, evidence=evidence))

    def each(self, first: Windows) -> list[Level]:
        windows = np.zeros(len(first.person), loops.WINDOW)
        windows["person"], windows["start"], windows["end"] = first
        windows["certain_start"], windows["certain_end"] = first.start, first.end
        window, person, sums = levels.each(
            self._readables, self._people, self.stays.position, self.shortest, windows
        )
        found = Level(
            person, sums.exposed_at, sums.encounters, sums.seconds, sums.certain_from < FOREVER,
            np.arange(len(person) + 1), first.person[window], None,
        )  # fmt: skip
        bounds = np.searchsorted(window, np.arange(len(windows) + 1)).tolist()
        return [_some(found, low, high) for low, high in pairwise(bounds)]


def _levels(found: levels.Contacts, *, evidence: bool) -> Iterator[Level]:
    for low, high in pairwise(found.bounds.tolist()):
        if low == high:
            return
        some = slice(low, high)
        first = found.via_first[low : high + 1]
        yield Level(
            found.person[some], found.exposed_at[some], found.encounters[some], found.seconds[some],
            found.certain[some], first - first[0], found.via[first[0] : first[-1]],
            _encounters(found.met) if evidence and low == 0 else None,
        )  # fmt: skip


def _encounters(met: Array) -> Encounters:
    """All that there are, told with the first level."""
    return Encounters(*(met[name] for name in Encounters._fields))


def _some(level: Level, low: int, high: int) -> Level:
    """The contacts from ``low`` up to, not including, ``high``, each with one infector."""
    some = slice(low, high)
    return Level(
        level.person[some], level.exposed_at[some], level.encounters[some], level.seconds[some], level.certain[some],
        level.via_first[: high - low + 1], level.via[some], None,
    )  # fmt: skip


def try_out() -> None:
    """Questions to a few made-up rows, so that everything is compiled before the first question."""
    person = np.array([0, 1, 1, 2, 3], np.uint32)
    some = np.arange(1, 6, dtype=np.uint32)
    flags = np.array([OBSERVED, ENTANGLED, ENTANGLED, OBSERVED, OBSERVED], np.uint8)
    rows = Rows(
        keys(np.zeros(5, np.uint32), some), some + np.uint32(10), person, some, some, np.full(5, FOREVER), some, flags
    )
    people, _ = Ids.none().with_new(halves(bytes(range(64))))
    first = Windows(*(np.array([value], np.uint32) for value in (0, 0, 100)))
    for parts in (1, _TUPLES[0] + 1):
        stays = Stays([Part.of(rows, MIXED)] * parts, 5, 4)
        tracer = CompiledTracer(stays, KnownConfinements(Confinements.none(), 5, 4), people, 3, None)
        tracer.levels(first, 2)
        tracer.each(first)
    there = np.arange(3, dtype=np.uint32)
    by_loops(Present(there, there, there, there + np.uint32(5), there > 0, there.astype(np.int64), there), 1, None, 100)
