"""Asks the compiled loops: hands them the parts, and makes of what they find what trace.py makes of it."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from infrastructure.graph import levels, loops, pairing
from infrastructure.graph.arrays import FOREVER, Array, distinct
from infrastructure.graph.compiling import PARTS_WIDTH
from infrastructure.graph.confinements import Confinements, KnownConfinements
from infrastructure.graph.ids import Ids, halves
from infrastructure.graph.overlaps import Pairs
from infrastructure.graph.part import ENTANGLED, MIXED, OBSERVED, Part, Rows, keys
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Contacts, Encounters, Tracer, Windows

_NO_PARTS: Final = np.empty((0, PARTS_WIDTH), np.int64)
_KEPT_ARRAYS: Final = 4
_free: Final[deque[Array]] = deque(maxlen=_KEPT_ARRAYS)
"""Scratch arrays in which nothing is noted; each is lent to one question at a time."""


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


def _alike(column: Array) -> Array:
    """As one type for the compiler, whether the column is mapped from a file or not."""
    view = column.view()
    view.flags.writeable = False
    return view


_rows: Final["WeakKeyDictionary[Part, tuple[Array, list[Array]]]"] = WeakKeyDictionary()


def _handed_over(part: Part) -> Array:
    """As Parts of one row, but for its base."""
    found = _rows.get(part)
    if found is None:
        rows = part.rows
        columns = [np.ascontiguousarray(column) for column in (
            rows.key, rows.end, rows.person, rows.visit, rows.known_from, rows.known_until, rows.flags,
            part.by_person, part.entangled, part.people, part.first_of_person, part.first_of_venue, part.reach_of_venue,
        )]  # fmt: skip
        places = [number for column in columns for number in (column.ctypes.data, len(column))]
        span = part.last_start - part.first_start + 1
        row = np.array([[*places, part.first_start, span, part.reach, 0, part.all_known_from]], np.int64)
        found = _rows[part] = row, columns
    return found[0]


def _all_handed_over(stays: Stays) -> Array:
    """As Parts."""
    parts = np.concatenate([_NO_PARTS, *map(_handed_over, stays.parts)])
    parts[:, -2] = stays.base
    return parts


def _halves(people: Ids) -> levels.People:
    return levels.People(_alike(people.high), _alike(people.low))


def by_loops(
    stays: Stays, people: Ids, at: Array, start: int, end: int, person: int | None, shortest: int, most: int
) -> Pairs:
    """As overlaps.by_passes()."""
    parts, halved = _all_handed_over(stays), _halves(people)
    with scratch(len(people)) as seen:
        asked = parts, halved, seen, stays.position, shortest, at, start, end
        if person is not None:
            return pairing.of_one(*asked, person)
        there = pairing.all_there(*asked)
    room = np.empty(pairing.ROOM * min(there.pairs, most + 1), np.uint8)
    return pairing.of_all(parts, halved, there, shortest, room)


class CompiledTracer(Tracer):
    """The same levels as Tracer, in one call."""

    def __init__(
        self, stays: Stays, confinements: KnownConfinements, people: Ids, min_seconds: int, until: int | None
    ) -> None:
        super().__init__(stays, confinements, people, min_seconds, until)
        self._parts = _all_handed_over(stays)
        self._people = _halves(people)

    def contacts(self, first: Windows, count: int, *, evidence: bool = False) -> tuple[Contacts, Sequence[Encounters]]:
        until = int(FOREVER) if self.until is None else min(max(self.until, 0), int(FOREVER))
        person, start, end = (int(column[0]) for column in first)
        with scratch(len(self.people)) as seen:
            contacts, met = levels.trace(
                self._parts, levels.Quarantines(*self.confinements.columns), self._people, seen,
                self.stays.position, self.shortest, person, start, end, until, count, evidence,
            )  # fmt: skip
        if not evidence:
            return contacts, ()
        self.stays.resolve(distinct(np.concatenate([met["infector"], met["contact"]])))
        return contacts, [Encounters(*(met[name] for name in Encounters._fields))]

    def each(self, first: Windows) -> list[Contacts]:
        windows = np.zeros(len(first.person), loops.WINDOW)
        windows["person"], windows["start"], windows["end"] = first
        windows["certain_start"], windows["certain_end"] = first.start, first.end
        with scratch(len(self.people)) as seen:
            window, person, sums = levels.each(
                self._parts, self._people, seen, self.stays.position, self.shortest, windows
            )
        found = Contacts(
            person, np.ones(len(person), np.int64), sums.exposed_at, sums.encounters, sums.seconds,
            sums.certain_from < FOREVER, np.arange(len(person) + 1), first.person[window],
        )  # fmt: skip
        bounds = np.searchsorted(window, np.arange(len(windows) + 1)).tolist()
        return [_some(found, low, high) for low, high in pairwise(bounds)]


def _some(contacts: Contacts, low: int, high: int) -> Contacts:
    """The contacts from ``low`` up to, not including, ``high``, each with one infector."""
    some = Contacts(*(column[low:high] for column in contacts))
    return some._replace(via_first=contacts.via_first[: high - low + 1])


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
    stays, confinements = Stays([Part.of(rows, MIXED)], 5), KnownConfinements(Confinements.none(), 5, 4)
    tracer = CompiledTracer(stays, confinements, people, 3, None)
    tracer.contacts(first, 2)
    tracer.each(first)
    for one in (None, 0):
        by_loops(stays, people, np.zeros(1, np.uint32), 0, 100, one, 1, 100)
