"""Drives the compiled loops: level by level, part by part, the stays of entangled rows as one more small part."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from infrastructure.graph import loops
from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.confinements import Confinements, KnownConfinements
from infrastructure.graph.ids import Ids
from infrastructure.graph.loops import Found, Sums
from infrastructure.graph.part import ENTANGLED, MIXED, OBSERVED, Part, Rows, keys
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Encounters, Level, Tracer, Windows

_NO_PERSON: Final = np.empty(0, np.uint32)
_KEPT_ARRAYS: Final = 4
_free: Final[deque[Array]] = deque(maxlen=_KEPT_ARRAYS)
"""Scratch arrays in which nothing is noted; each is lent to one question at a time."""


@dataclass(slots=True)
class Scratch:
    """``seen`` is SEEN by person, blank but for the people in ``used``."""

    seen: Array
    used: list[Array] = field(default_factory=list)

    def use(self, people: Array) -> None:
        self.used.append(people)


@contextmanager
def scratch(people: int) -> Iterator[Scratch]:
    """A scratch array for at least as many people, which goes back when the question is answered."""
    try:
        seen = _free.pop()
    except IndexError:
        seen = np.empty(0, loops.SEEN)
    if len(seen) < people:
        seen = np.empty(people + people // 8, loops.SEEN)
        loops.forget(seen, np.arange(len(seen), dtype=np.uint32))
    lent = Scratch(seen)
    yield lent  # a question that fails keeps its array: what is noted in it is not known
    for noted in lent.used:
        loops.forget(seen, noted)
    _free.append(seen)


class _Readable(NamedTuple):
    """A part as the loops take it; its rows are numbered from ``base``."""

    columns: loops.Columns
    by_person: loops.Index
    reach: int
    base: int

    @classmethod
    def of(cls, part: Part, base: int = 0) -> "_Readable":
        rows = part.rows
        columns = (rows.key, rows.end, rows.person, rows.known_from, rows.known_until, rows.flags)
        indexes = (part.by_person, part.people, part.first)
        return cls(loops.Columns(*map(_readable, columns)), loops.Index(*map(_readable, indexes)), part.reach, base)

    def clip(self, position: int, shortest: int, windows: Array) -> tuple[Array, Array]:
        clipped: tuple[Array, Array] = loops.clip(
            self.columns, self.by_person, self.reach, self.base, position, shortest, windows
        )
        return clipped

    def entangled_rows(self, people: Array, position: int) -> Array:
        rows: Array = loops.entangled_rows(self.columns, self.by_person, people, position)
        return rows


class CompiledTracer(Tracer):
    """The same levels as Tracer, by scans that add up each person's encounters as they come upon them."""

    def __init__(
        self, stays: Stays, confinements: KnownConfinements, people: int, min_seconds: int, until: int | None
    ) -> None:
        super().__init__(stays, confinements, people, min_seconds, until)
        self._readable = [_Readable.of(part, base) for part, base in self.parts()]
        stays.entangled_rows = self._entangled_rows

    def levels(self, first: Windows, levels: int, *, evidence: bool = False) -> list[Level]:
        with scratch(self.people) as noted:
            noted.use(first.person)
            loops.become(noted.seen, first.person, 0, loops.REACHED)
            return list(self._scanned(noted, _both(first, first), levels, evidence=evidence))

    def via(self, pairs: Array, place: Array, people: Ids, contacts: int) -> tuple[Array, Array]:
        first, via = loops.grouped(pairs, place, _readable(people.rank), _readable(people.number), contacts)
        return first, via

    def _entangled_rows(self, part: Part, people: Array, position: int) -> Array:
        at = next(number for number, one in enumerate(self.stays.parts) if one is part)
        return self._readable[at].entangled_rows(people, position)

    def _scanned(self, noted: Scratch, windows: Array, levels: int, *, evidence: bool) -> Iterator[Level]:
        for remaining in reversed(range(levels)):
            pieces = self._clipped(windows)
            keep = loops.KEEP_ALL if evidence else loops.KEEP_CONFINED if remaining else loops.KEEP_NONE
            found = self._met(noted, pieces, keep)
            if not len(found.touched):
                return
            sums = loops.sums(noted.seen, found.touched)
            yield Level(
                found.touched,
                sums.exposed_at,
                sums.encounters,
                sums.seconds,
                sums.certain_from < FOREVER,
                found.pairs,
                _encounters(pieces, found.meetings) if evidence else None,
            )
            if remaining:
                windows = self._passing_on(found.touched, sums, found.meetings)

    def _clipped(self, windows: Array) -> Array:
        """The PIECEs of all stays in the windows."""
        found = [part.clip(self.stays.position, self.shortest, windows) for part in self._readable]
        pieces = [clipped for clipped, _ in found]
        entangled = np.unique(np.concatenate([numbers for _, numbers in found]))
        if len(entangled) and (joined := self.stays.joined(windows["person"][entangled])):
            more, _ = _Readable.of(joined).clip(self.stays.position, self.shortest, windows[entangled])
            more["stay"] = joined.rows.visit[more["stay"]]
            pieces.append(more)
        return np.concatenate(pieces)

    def _met(self, noted: Scratch, pieces: Array, keep: int) -> Found:
        """What all stays together bring, beside what is noted now; ``touched`` is sorted."""
        found = [self._scan(part, noted, pieces, keep) for part in self._readable]
        entangled = np.concatenate([one.tangled for one in found])
        if len(entangled):
            noted.use(entangled)
            loops.become(noted.seen, entangled, loops.TOUCHED, 0)
            if joined := self.stays.joined(entangled):
                more = self._scan(_Readable.of(joined), noted, pieces, keep)
                more.meetings["stay"] = joined.rows.visit[more.meetings["stay"]]
                found.append(more)
        met = Found(*map(np.concatenate, zip(*found, strict=True)))
        met.touched.sort()
        noted.use(met.touched)
        return met

    def _scan(self, part: "_Readable", noted: Scratch, pieces: Array, keep: int) -> Found:
        found: Found = loops.scan(
            part.columns, part.reach, part.base, self.stays.position, self.shortest, pieces, noted.seen, keep,
            self.confinements.ever,
        )  # fmt: skip
        return found

    def _passing_on(self, people: Array, sums: Sums, meetings: Array) -> Array:
        """The WINDOWs in which these contacts pass on. semantics.md, "Trace", 4."""
        until = FOREVER if self.until is None else np.uint32(min(max(self.until, 0), int(FOREVER)))
        free = ~self.confinements.ever[people] & (sums.exposed_at < until)
        windows = _windows(int(np.count_nonzero(free)))
        windows["person"] = people[free]
        windows["start"], windows["certain_start"] = sums.exposed_at[free], sums.certain_from[free]
        windows["end"] = windows["certain_end"] = until
        if not self.confinements.ever.any():
            return windows
        confined = meetings[self.confinements.ever[meetings["contact"]]]
        some, surely = (
            self.windows_of_confined(*(confined[name][confined[start] < FOREVER] for name in ("contact", start)))
            for start in ("start", "certain_start")
        )
        nobody = Windows(*(_NO_PERSON,) * 3)
        return np.concatenate([windows, _both(some, nobody), _both(nobody, surely)])


def _windows(count: int) -> Array:
    """Empty ones."""
    windows = np.zeros(count, loops.WINDOW)
    windows["start"] = windows["certain_start"] = FOREVER
    return windows


def _both(some: Windows, certain: Windows) -> Array:
    """WINDOWs that are ``some``, or ``certain``, or both where both are the same."""
    windows = _windows(max(len(some.person), len(certain.person)))
    if len(some.person):
        windows["person"], windows["start"], windows["end"] = some
    if len(certain.person):
        windows["person"], windows["certain_start"], windows["certain_end"] = certain
    return windows


def _encounters(pieces: Array, meetings: Array) -> Encounters:
    met = meetings[meetings["start"] < FOREVER]
    own = pieces[met["piece"]]
    return Encounters(
        own["person"], met["contact"], own["venue"], met["start"], met["end"], own["stay"], met["stay"],
        own["observed"] != 0, met["observed"] != 0,
    )  # fmt: skip


def _readable(column: Array) -> Array:
    """As one type for the compiler, whether the column is mapped from a file or not."""
    view = column.view()
    view.flags.writeable = False
    return view


def try_out() -> None:
    """A trace of a few made-up rows, so that everything is compiled before the first question."""
    person = np.array([0, 1, 1, 2], np.uint32)
    some = np.arange(1, 5, dtype=np.uint32)
    flags = np.array([OBSERVED, ENTANGLED, ENTANGLED, OBSERVED], np.uint8)
    rows = Rows(
        keys(np.zeros(4, np.uint32), some), some + np.uint32(10), person, some, some, np.full(4, FOREVER), some, flags
    )
    stays = Stays([Part.of(rows, MIXED)], 4, 3)
    tracer = CompiledTracer(stays, KnownConfinements(Confinements.none(), 4, 3), 3, 1, None)
    first = Windows(*(np.array([value], np.uint32) for value in (0, 0, 100)))
    for evidence in (False, True):
        levels = tracer.levels(first, 2, evidence=evidence)
    tracer.via(levels[0].pairs, np.zeros(3, np.int64), Ids(*(np.arange(3, dtype=np.uint32),) * 4), 1)
