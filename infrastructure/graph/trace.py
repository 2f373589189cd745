"""Contact tracing on columns, level by level. semantics.md, "Trace"; the same answers as domain/contacts.py."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from domain.contacts import open_windows
from infrastructure.graph.arrays import FOREVER, Array, all_ranges, distinct, first_of_runs, ranges
from infrastructure.graph.confinements import KnownConfinements
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import ENTANGLED, OBSERVED, Part, keys, minus
from infrastructure.graph.stays import Stays


class Windows(NamedTuple):
    """When each person passes on; uint32, ``[start, end)``."""

    person: Array
    start: Array
    end: Array


class Pieces(NamedTuple):
    """What remains of stays in windows: ``[start, end)`` of a person at a venue; ``stay`` is the row that names it."""

    person: Array
    venue: Array
    start: Array
    end: Array
    observed: Array
    stay: Array


class Meetings(NamedTuple):
    """Encounters of ``piece`` (an index of Pieces) with the stay of ``contact``, ``[start, end)``."""

    piece: Array
    contact: Array
    start: Array
    end: Array
    observed: Array
    stay: Array


class Encounters(NamedTuple):
    """Qualifying encounters, with the rows that name the stays of both."""

    infector: Array
    contact: Array
    venue: Array
    start: Array
    end: Array
    infector_stay: Array
    contact_stay: Array
    infector_observed: Array
    contact_observed: Array


class Level(NamedTuple):
    """The contacts of one level by exposed_at and person; those who exposed contact i, in their order, are
    ``via[via_first[i]:via_first[i + 1]]``.

    ``certain`` are those who would have this level if only observed stays existed.
    """

    person: Array
    exposed_at: Array
    encounters: Array
    seconds: Array
    certain: Array
    via_first: Array
    via: Array
    evidence: Encounters | None


class Contacts(NamedTuple):
    """n contacts by level, exposed_at and person; the others as in Level, ``via_first`` through all levels."""

    person: Array  # uint32
    level: Array  # int64
    exposed_at: Array  # uint32, seconds
    encounters: Array  # int64
    seconds: Array  # int64
    certain: Array  # bool
    via_first: Array  # int64, shape (n + 1,)
    via: Array  # uint32


_NUMBERS: Final = np.empty(0, np.uint32)
_COUNTS: Final = np.empty(0, np.int64)
NOBODY: Final = Contacts(
    _NUMBERS, _COUNTS, _NUMBERS, _COUNTS, _COUNTS, np.empty(0, bool), np.zeros(1, np.int64), _NUMBERS
)


def put_together(levels: Sequence[Level]) -> Contacts:
    """Level 1 and the following ones."""
    if not levels:
        return NOBODY
    person, exposed_at, encounters, seconds, certain, _, via, _ = zip(*levels, strict=True)
    infectors = accumulate(map(len, via), initial=0)
    first = [level.via_first[:-1] + before for level, before in zip(levels, infectors, strict=False)]
    return Contacts(
        person=np.concatenate(person),
        level=np.repeat(np.arange(1, len(levels) + 1), [len(column) for column in person]),
        exposed_at=np.concatenate(exposed_at),
        encounters=np.concatenate(encounters),
        seconds=np.concatenate(seconds),
        certain=np.concatenate(certain),
        via_first=np.concatenate([*first, [sum(map(len, via))]]),
        via=np.concatenate(via),
    )


def by_id(person: Array, people: Ids) -> Array:
    """The order of these people."""
    high = people.high[person]
    order = np.argsort(high)
    return order if first_of_runs(high[order]).all() else np.lexsort((people.low[person], high))


def by_exposure(exposed_at: Array, person: Array, people: Ids, within: Array | None = None) -> Array:
    """The order of contacts: by exposed_at (uint32) and person, and before that by ``within``, where given."""
    high = people.high[person]
    roughly = exposed_at.astype(np.uint64) << np.uint64(32) | high >> np.uint64(32)
    order = np.argsort(roughly)
    told_apart = first_of_runs(roughly[order])
    if within is not None:
        order = order[np.argsort(within[order], kind="stable")]
        told_apart = first_of_runs(roughly[order]) | first_of_runs(within[order])
    if told_apart.all():
        return order
    first = () if within is None else (within,)
    return np.lexsort((people.low[person], high, exposed_at, *first))


def places(column: Array, values: Array) -> Array:
    """Where each of ``values`` stands in ``column``, whose values are distinct and hold them."""
    order = np.argsort(column)
    found: Array = order[np.searchsorted(column, values, sorter=order)]
    return found


class Tracer:
    """Finds levels from windows, in passes over whole columns."""

    def __init__(
        self, stays: Stays, confinements: KnownConfinements, people: Ids, min_seconds: int, until: int | None
    ) -> None:
        self.stays = stays
        self.confinements = confinements
        self.people = people
        self.shortest = max(min_seconds, 1)
        self.until = until

    def contacts(self, first: Windows, levels: int, *, evidence: bool = False) -> tuple[Contacts, Sequence[Encounters]]:
        """Level 1 and the following ones, and with ``evidence`` the encounters of them all, in no order."""
        found = list(self._levels(first, levels, evidence=evidence))
        contacts = put_together(found)
        if not contacts.certain.all():
            when_observed = np.zeros(len(self.people), np.int64)
            for number, level in enumerate(self._levels(first, levels, observed_only=True), start=1):
                when_observed[level.person] = number
            contacts = contacts._replace(certain=when_observed[contacts.person] == contacts.level)
        return contacts, [level.evidence for level in found if level.evidence]

    def each(self, first: Windows) -> list[Contacts]:
        """Level 1 of every window by itself; no window's person is its own contact."""
        windows = (Windows(*(column[number : number + 1] for column in first)) for number in range(len(first.person)))
        return [self.contacts(window, 1)[0] for window in windows]

    def _levels(
        self, first: Windows, levels: int, *, observed_only: bool = False, evidence: bool = False
    ) -> Iterator[Level]:
        """``observed_only``: who is in them and since when, as if no imputed stay existed.

        Otherwise everybody is ``certain`` where all encounters are observed, and nobody where they are not.
        """
        reached = np.zeros(len(self.people), bool)
        reached[first.person] = True
        windows = first
        for remaining in reversed(range(levels)):
            confined = self.confinements.ever if remaining else None
            exposures = _Exposures(self.people, confined, in_full=not observed_only, evidence=evidence)
            pieces = self.pieces(windows, observed_only)
            for met in self.meetings(pieces, observed_only, lambda contact: ~reached[contact]):
                exposures.add(pieces, met)
            level = exposures.level()
            if not len(level.person):
                return
            yield level
            reached[level.person] = True
            windows = self._onward(level, exposures) if remaining else windows

    def _onward(self, level: Level, exposures: "_Exposures") -> Windows:
        """The windows in which a level's contacts pass on. semantics.md, "Trace", 4."""
        until = FOREVER if self.until is None else np.uint32(min(max(self.until, 0), int(FOREVER)))
        free = ~self.confinements.ever[level.person] & (level.exposed_at < until)
        person, start = level.person[free], level.exposed_at[free]
        end = np.full(len(person), until, np.uint32)
        few = self.windows_of_confined(*exposures.starts_of_confined())
        return Windows(*map(np.concatenate, zip((person, start, end), few, strict=True)))

    def windows_of_confined(self, contact: Array, start: Array) -> Windows:
        """The windows that encounters with these contacts open, who were ever in quarantine."""
        order = np.lexsort((start, contact))
        contact, start = contact[order], start[order]
        people, first = np.unique(contact, return_index=True)
        windows = [
            (one, *window)
            for one, starts in zip(people.tolist(), np.split(start, first[1:]), strict=False)
            for window in open_windows(starts.tolist(), self.confinements.of(one), self.until)
        ]
        return Windows(*np.array(windows, np.int64).reshape(-1, 3).clip(0, int(FOREVER)).astype(np.uint32).T)

    def pieces(self, windows: Windows, observed_only: bool) -> Pieces:
        """Each stay of each window's person, clipped to the window, where long enough to matter."""
        found = [self._pieces_of(part, base, windows) for part, base in self.parts()]
        plain = [rows for rows, _ in found]
        which, row = (np.concatenate(columns) for columns in zip(*(tangled for _, tangled in found), strict=True))
        if len(row):
            plain.append(self._joined_pieces(which, row, windows))
        pieces = Pieces(*map(np.concatenate, zip(*plain, strict=True)))
        lasting = (pieces.start < pieces.end) & (pieces.end - pieces.start >= self.shortest)
        if observed_only:
            lasting &= pieces.observed
        return Pieces(*(column[lasting] for column in pieces))

    def parts(self) -> Iterator[tuple[Part, int]]:
        return zip(self.stays.parts, self.stays.base, strict=True)

    def _pieces_of(self, part: Part, base: int, windows: Windows) -> tuple[Pieces, tuple[Array, Array]]:
        """The pieces of plain rows, and (window, row) of the entangled ones."""
        which, at = all_ranges(*part.of_people_between(windows.person, minus(windows.start, part.reach), windows.end))
        row = part.by_person[at]
        rows = part.rows.take(row)
        keep = rows.known_at(self.stays.position) & (rows.end > windows.start[which])
        plain = keep & (rows.flags & ENTANGLED == 0)
        tangled = keep & ~plain
        plain_rows, window = rows.take(plain), which[plain]
        pieces = Pieces(
            plain_rows.person, plain_rows.venue,
            np.maximum(plain_rows.start, windows.start[window]), np.minimum(plain_rows.end, windows.end[window]),
            plain_rows.flags & OBSERVED != 0, row[plain] + np.int64(base),
        )  # fmt: skip
        return pieces, (which[tangled], row[tangled] + np.int64(base))

    def _joined_pieces(self, which: Array, row: Array, windows: Windows) -> Pieces:
        stays = self.stays.of(row, windows.person[which])
        _, once = np.unique(which * np.int64(self.stays.rows) + stays.last, return_index=True)
        window, last = which[once], stays.last[once]
        return Pieces(
            windows.person[window], (self.stays.column("key", last) >> np.uint64(32)).astype(np.uint32),
            np.maximum(stays.start[once], windows.start[window]), np.minimum(stays.end[once], windows.end[window]),
            stays.observed[once], last,
        )  # fmt: skip

    def meetings(self, pieces: Pieces, observed_only: bool, welcome: Callable[[Array], Array]) -> Iterator[Meetings]:
        """The stays at each piece's venue that overlap it long enough, of people who are ``welcome``."""
        tangled: list[tuple[Array, Array, Array]] = []
        for part, base in self.parts():
            rows = part.rows
            for piece, row in ranges(*part.reaching(pieces.venue, pieces.start, pieces.end)):
                later = rows.end[row] > pieces.start[piece]
                piece, row = piece[later], row[later]
                contact = rows.person[row]
                flags = rows.flags[row]
                keep = welcome(contact)
                keep &= rows.known_from[row] <= self.stays.position
                keep &= rows.known_until[row] > self.stays.position
                joined = keep & (flags & ENTANGLED != 0)
                tangled.append((piece[joined], row[joined] + np.int64(base), contact[joined]))
                keep &= flags & ENTANGLED == 0
                if observed_only:
                    keep &= flags & OBSERVED != 0
                piece, row, contact = piece[keep], row[keep], contact[keep]
                start = (rows.key[row] & np.uint64(2**32 - 1)).astype(np.uint32)
                seen = flags[keep] & OBSERVED != 0
                met = Meetings(piece, contact, start, rows.end[row], seen, row + np.int64(base))
                yield self._long_enough(pieces, met)
        if tangled and sum(len(row) for _, row, _ in tangled):
            piece, row, contact = map(np.concatenate, zip(*tangled, strict=True))
            yield self._long_enough(pieces, self._joined_meetings(piece, row, contact, observed_only))

    def _joined_meetings(self, piece: Array, row: Array, contact: Array, observed_only: bool) -> Meetings:
        stays = self.stays.of(row, contact)
        _, once = np.unique(piece * np.int64(self.stays.rows) + stays.last, return_index=True)
        if observed_only:
            once = once[stays.observed[once]]
        return Meetings(
            piece[once], contact[once], stays.start[once], stays.end[once], stays.observed[once], stays.last[once]
        )

    def _long_enough(self, pieces: Pieces, met: Meetings) -> Meetings:
        start = np.maximum(met.start, pieces.start[met.piece])
        end = np.minimum(met.end, pieces.end[met.piece])
        keep = (start < end) & (end - start >= self.shortest)
        return Meetings(met.piece[keep], met.contact[keep], start[keep], end[keep], met.observed[keep], met.stay[keep])


class _Exposures:
    """What the meetings of one level add up to."""

    def __init__(self, people: Ids, ever_confined: Array | None, *, in_full: bool, evidence: bool) -> None:
        self.people = people
        self.in_full = in_full
        self.count = np.zeros(len(people), np.int64)
        self.seconds = np.zeros(len(people), np.int64)
        self.earliest = np.full(len(people), FOREVER, np.uint32)
        self.pairs: list[Array] = []
        self.ever_confined = ever_confined
        self.confined: list[Array] = []
        self.evidence: list[Encounters] | None = [] if evidence else None
        self.all_observed = True

    def add(self, pieces: Pieces, met: Meetings) -> None:
        np.minimum.at(self.earliest, met.contact, met.start)
        if self.ever_confined is not None:
            confined = self.ever_confined[met.contact]
            self.confined.append(np.stack([met.contact[confined], met.start[confined]]))
        if self.in_full:
            self._add_in_full(pieces, met)

    def _add_in_full(self, pieces: Pieces, met: Meetings) -> None:
        np.add.at(self.count, met.contact, 1)
        np.add.at(self.seconds, met.contact, (met.end - met.start).astype(np.int64))
        infector = pieces.person[met.piece]
        self.pairs.append(distinct(keys(met.contact, infector)))
        infector_observed = pieces.observed[met.piece]
        self.all_observed &= bool(met.observed.all() and infector_observed.all())
        if self.evidence is not None:
            self.evidence.append(
                Encounters(
                    infector, met.contact, pieces.venue[met.piece], met.start, met.end,
                    pieces.stay[met.piece], met.stay, infector_observed, met.observed,
                )
            )  # fmt: skip

    def level(self) -> Level:
        person = np.flatnonzero(self.earliest < FOREVER).astype(np.uint32)
        person = person[by_exposure(self.earliest[person], person, self.people)]
        return Level(
            person,
            self.earliest[person],
            self.count[person],
            self.seconds[person],
            np.full(len(person), self.all_observed),
            *self._via(person),
            Encounters(*map(np.concatenate, zip(*self.evidence, strict=True))) if self.evidence else None,
        )

    def _via(self, person: Array) -> tuple[Array, Array]:
        """``via_first`` and ``via`` of these contacts."""
        pairs = distinct(np.concatenate([np.empty(0, np.uint64), *self.pairs]))
        infector = (pairs & np.uint64(2**32 - 1)).astype(np.uint32)
        place = places(person, (pairs >> np.uint64(32)).astype(np.uint32))
        order = np.lexsort((self.people.low[infector], self.people.high[infector], place))
        return np.searchsorted(place[order], np.arange(len(person) + 1)), infector[order]

    def starts_of_confined(self) -> tuple[Array, Array]:
        """Contacts that were ever in quarantine, and the start of each of their encounters."""
        contact, start = np.concatenate(self.confined, axis=1) if self.confined else np.empty((2, 0), np.uint32)
        return contact, start
