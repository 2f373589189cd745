"""Drives the compiled loops: level by level, part by part, the stays of entangled rows as one more small part."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from infrastructure.graph import joining, loops
from infrastructure.graph.arrays import FOREVER, Array, distinct
from infrastructure.graph.compiling import Columns, Index
from infrastructure.graph.confinements import Confinements, KnownConfinements
from infrastructure.graph.ids import Ids, halves
from infrastructure.graph.joining import Joined
from infrastructure.graph.loops import Found, Sums
from infrastructure.graph.overlaps import Present
from infrastructure.graph.pairing import by_loops
from infrastructure.graph.part import ENTANGLED, MIXED, OBSERVED, Part, Rows, keys
from infrastructure.graph.stays import Stays
from infrastructure.graph.trace import Encounters, Level, Tracer, Windows, by_exposure, by_id

_NOBODY: Final = np.empty(0, np.uint32)
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
    """A part as the loops take it."""

    columns: Columns
    visit: Array
    by_person: Index
    reach: int
    all_known_from: int
    names: Array
    """The row that names each, where it is not its own."""

    @classmethod
    def of(cls, part: Part) -> "_Readable":
        rows = part.rows
        columns = (
            rows.key, rows.end, rows.person, rows.known_from, rows.known_until, rows.flags,
            part.first_of_venue, part.reach_of_venue,
        )  # fmt: skip
        indexes = (part.by_person, part.people, part.first_of_person)
        return cls(
            Columns(*map(_readable, columns)), _readable(rows.visit), Index(*map(_readable, indexes)),
            part.reach, part.all_known_from, _NAMELESS,
        )  # fmt: skip

    @classmethod
    def joined(cls, stays: Joined, people: Array) -> "_Readable":
        """The joined stays of ``people`` as a part in which all is known."""
        order = np.argsort(stays.key)
        flags = stays.observed[order] * OBSERVED
        columns = (stays.key[order], stays.end[order], people[stays.whose[order]], _NOBODY, _NOBODY, flags)
        reach = int((stays.end - (stays.key & np.uint64(2**32 - 1))).max())
        index = Index(_ALONE, _ALONE, _ALONE)
        seen_as = Columns(*map(_readable, (*columns, _ALONE, _ALONE)))
        return cls(seen_as, _ALONE, index, reach, 0, stays.row[order])


def _readable(column: Array) -> Array:
    """As one type for the compiler, whether the column is mapped from a file or not."""
    view = column.view()
    view.flags.writeable = False
    return view


_ALONE: Final = _readable(_NOBODY)
_NAMELESS: Final = np.empty(0, np.int64)
_NO_MEETINGS: Final = np.empty(0, loops.MEETING)
_parts: Final["WeakKeyDictionary[Part, _Readable]"] = WeakKeyDictionary()


def _of_part(part: Part) -> _Readable:
    found = _parts.get(part)
    if found is None:
        found = _parts[part] = _Readable.of(part)
    return found


class CompiledTracer(Tracer):
    """The same levels as Tracer, by scans that add up each person's encounters as they come upon them."""

    def __init__(
        self, stays: Stays, confinements: KnownConfinements, people: Ids, min_seconds: int, until: int | None
    ) -> None:
        super().__init__(stays, confinements, people, min_seconds, until)
        self._readable = [(_of_part(part), base) for part, base in self.parts()]

    def levels(self, first: Windows, levels: int, *, evidence: bool = False) -> list[Level]:
        with scratch(len(self.people)) as noted:
            noted.use(first.person)
            loops.become(noted.seen, first.person, 0, loops.REACHED)
            return list(self._scanned(noted, _both(first, first), levels, evidence=evidence))

    def _scanned(self, noted: Scratch, windows: Array, levels: int, *, evidence: bool) -> Iterator[Level]:
        passing_on = windows["person"]
        for remaining in reversed(range(levels)):
            pieces = self._clipped(windows, evidence=evidence)
            keep = loops.KEEP_ALL if evidence else loops.KEEP_CONFINED if remaining else loops.KEEP_NONE
            found, meetings = self._met(noted, pieces, keep, with_pairs=len(passing_on) > 1, evidence=evidence)
            if not len(found.touched):
                return
            sums = loops.sums(noted.seen, found.touched)
            met = _encounters(pieces, meetings) if evidence else None
            yield self._level(noted, found, sums, passing_on, met)
            if remaining:
                windows = self._passing_on(found.touched, sums, meetings)
                passing_on = found.touched[by_id(found.touched, self.people)]
                loops.stand(noted.seen, passing_on)

    def each(self, first: Windows) -> list[Level]:
        """Level 1 of every window by itself, all found in one pass; no window's person is its own contact."""
        windows = _both(first, first)
        pieces = self._clipped(windows)
        tangled = np.zeros(len(self.people), bool)
        found = [(part, base, self._meet(part, pieces, tangled)) for part, base in self._readable]
        people = distinct(np.concatenate([_NOBODY, *(others for _, _, (_, others) in found)]))
        if len(people):
            part = _Readable.joined(self._joined(people, evidence=False), people)
            found.append((part, 0, self._meet(part, pieces, tangled)))
        met = np.concatenate([
            _NO_MEETINGS,
            *(loops.meetings(part.columns, part.names, base, self.shortest, pieces, kept)
              for part, base, (kept, _) in found),
        ])  # fmt: skip
        return self._by_window(first.person, pieces["window"][met["piece"]], met)

    def _meet(self, part: _Readable, pieces: Array, tangled: Array) -> tuple[Array, Array]:
        position = self.stays.position
        found: tuple[Array, Array] = loops.meet(
            part.columns, part.reach, position, part.all_known_from <= position, self.shortest, pieces, tangled
        )
        return found

    def _by_window(self, index_person: Array, window: Array, met: Array) -> list[Level]:
        """What the MEETINGs of each window add up to."""
        whose = keys(window, met["contact"])
        whose, sums = loops.add_up(whose, np.argsort(whose), met)
        window, person = (whose >> np.uint64(32)).astype(np.uint32), whose.astype(np.uint32)
        order = by_exposure(sums.exposed_at, person, self.people, window)
        bounds = np.searchsorted(window, np.arange(len(index_person) + 1)).tolist()
        found = Level(
            person[order], sums.exposed_at[order], sums.encounters[order], sums.seconds[order],
            sums.certain_from[order] < FOREVER, np.arange(len(order) + 1), index_person[window], None,
        )  # fmt: skip
        return [_some(found, low, high) for low, high in pairwise(bounds)]

    def _level(self, noted: Scratch, found: Found, sums: Sums, passing_on: Array, evidence: Encounters | None) -> Level:
        order = by_exposure(sums.exposed_at, found.touched, self.people)
        person = found.touched[order]
        if len(passing_on) > 1:
            counts = sums.infectors[order]
            via_first, via = loops.infectors(noted.seen, found.pairs, person, counts, passing_on)
        else:
            via_first, via = np.arange(len(person) + 1), np.repeat(passing_on, len(person))
        return Level(
            person,
            sums.exposed_at[order],
            sums.encounters[order],
            sums.seconds[order],
            sums.certain_from[order] < FOREVER,
            via_first,
            via,
            evidence,
        )

    def _clipped(self, windows: Array, *, evidence: bool = False) -> Array:
        """The PIECEs of all stays in the windows, by venue and start."""
        found = [
            loops.clip(
                part.columns, part.by_person, part.reach, base, self.stays.position,
                part.all_known_from <= self.stays.position, self.shortest, windows,
            )
            for part, base in self._readable
        ]  # fmt: skip
        pieces = [clipped for clipped, _ in found]
        tangled = [numbers for _, numbers in found if len(numbers)]
        if tangled:
            numbers = np.unique(np.concatenate(tangled))
            people, whose = np.unique(windows["person"][numbers], return_inverse=True)
            stays = self._joined(people, evidence=evidence)
            pieces.append(loops.clip_joined(stays, whose, numbers, self.shortest, windows))
        together = np.concatenate(pieces)
        return together[np.argsort(keys(together["venue"], np.minimum(together["start"], together["certain_start"])))]

    def _joined(self, people: Array, *, evidence: bool) -> Joined:
        """The stays of the entangled rows of these people."""
        if evidence:
            self.stays.resolve(people)  # so that they can be named later
        found = [
            joining.entangled(part.columns, part.visit, part.by_person, base, self.stays.position, people)
            for part, base in self._readable
        ]
        rows = np.concatenate(found)
        joined: Joined = joining.joined(rows, np.argsort(keys(rows["whose"], rows["key"] & np.uint64(2**32 - 1))))
        return joined

    def _met(
        self, noted: Scratch, pieces: Array, keep: int, *, with_pairs: bool, evidence: bool
    ) -> tuple[Found, Array]:
        """What all stays together bring, beside what is noted now; and the MEETINGs that are kept."""
        found = [(part, base, self._scan(part, noted, pieces, keep, with_pairs)) for part, base in self._readable]
        tangled = [one.tangled for _, _, one in found if len(one.tangled)]
        if tangled:
            people = np.concatenate(tangled)
            noted.use(people)
            loops.become(noted.seen, people, loops.TOUCHED, 0)
            part = _Readable.joined(self._joined(people, evidence=evidence), people)
            found.append((part, 0, self._scan(part, noted, pieces, keep, with_pairs)))
        met = Found(*map(np.concatenate, zip(*(one for _, _, one in found), strict=True)))
        noted.use(met.touched)
        return met, self._meetings(found, pieces) if keep else _NO_MEETINGS

    def _scan(self, part: _Readable, noted: Scratch, pieces: Array, keep: int, with_pairs: bool) -> Found:
        position = self.stays.position
        found: Found = loops.scan(
            part.columns, part.reach, position, part.all_known_from <= position, self.shortest, pieces,
            noted.seen, keep, with_pairs, self.confinements.ever,
        )  # fmt: skip
        return found

    def _meetings(self, found: Sequence[tuple[_Readable, int, Found]], pieces: Array) -> Array:
        return np.concatenate([
            loops.meetings(part.columns, part.names, base, self.shortest, pieces, one.kept)
            for part, base, one in found
        ])  # fmt: skip

    def _passing_on(self, people: Array, sums: Sums, meetings: Array) -> Array:
        """The WINDOWs in which these contacts pass on. semantics.md, "Trace", 4."""
        until = FOREVER if self.until is None else np.uint32(min(max(self.until, 0), int(FOREVER)))
        confined = self.confinements.ever[people]
        free = ~confined & (sums.exposed_at < until)
        windows = _windows(int(np.count_nonzero(free)))
        windows["person"] = people[free]
        windows["start"], windows["certain_start"] = sums.exposed_at[free], sums.certain_from[free]
        windows["end"] = windows["certain_end"] = until
        if not confined.any():
            return windows
        met = meetings[self.confinements.ever[meetings["contact"]]]
        some, surely = (
            self.windows_of_confined(*(met[name][met[start] < FOREVER] for name in ("contact", start)))
            for start in ("start", "certain_start")
        )
        nobody = Windows(*(_NOBODY,) * 3)
        return np.concatenate([windows, _both(some, nobody), _both(nobody, surely)])


def _some(level: Level, low: int, high: int) -> Level:
    """The contacts from ``low`` up to, not including, ``high``, each with one infector."""
    some = slice(low, high)
    return Level(
        level.person[some], level.exposed_at[some], level.encounters[some], level.seconds[some], level.certain[some],
        level.via_first[: high - low + 1], level.via[some], None,
    )  # fmt: skip


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


def try_out() -> None:
    """A trace of a few made-up rows, so that everything is compiled before the first question."""
    person = np.array([0, 1, 1, 2, 3], np.uint32)
    some = np.arange(1, 6, dtype=np.uint32)
    flags = np.array([OBSERVED, ENTANGLED, ENTANGLED, OBSERVED, OBSERVED], np.uint8)
    rows = Rows(
        keys(np.zeros(5, np.uint32), some), some + np.uint32(10), person, some, some, np.full(5, FOREVER), some, flags
    )
    stays = Stays([Part.of(rows, MIXED)], 5, 4)
    people, _ = Ids.none().with_new(halves(bytes(range(64))))
    tracer = CompiledTracer(stays, KnownConfinements(Confinements.none(), 5, 4), people, 3, None)
    first = Windows(*(np.array([value], np.uint32) for value in (0, 0, 100)))
    for evidence in (False, True):
        tracer.levels(first, 2, evidence=evidence)
    tracer.each(first)
    windows = _both(first, first)
    loops.clip_joined(
        tracer._joined(person, evidence=False), person.astype(np.int64), np.zeros(5, np.int64), 1, windows
    )
    some = np.arange(3, dtype=np.uint32)
    by_loops(Present(some, some, some, some + np.uint32(5), some > 0, some.astype(np.int64), some), 1, None, 100)
