"""What new facts do to the versions of visits: open new ones, end those that they supersede."""

from collections.abc import Iterable, Sequence

import numpy as np

from domain.errors import Malformed
from infrastructure.graph.arrays import FOREVER, Array, all_ranges
from infrastructure.graph.facts import VisitFacts
from infrastructure.graph.part import BESIDE, ENTANGLED, MIXED, OBSERVED, Part, Rows, keys, minus, together


def recorded(parts: Sequence[Part], facts: VisitFacts, person: Array, venue: Array, default_stay: Array) -> Part | None:
    """A part of the versions that ``facts`` bring; those that they supersede end in ``parts``.

    ``person`` and ``venue`` are numbers, ``default_stay`` seconds by number of venue. Ending a version again, at the
    same position, changes nothing. Raises Malformed when a fact follows a visit that is not there.
    """
    if not len(facts.position):
        return None
    opens = ~facts.retracted
    supersedes = ~facts.checked_in
    rows = _opened(facts, person, venue, default_stay)
    if not supersedes.any():
        return entangled(parts, Part.of(rows, MIXED))
    before = _predecessors(facts, person, venue, opens, supersedes)
    inside = before >= 0
    rows.known_until[before[inside]] = facts.position[inside]
    outside = supersedes & ~inside
    visit = facts.position.copy()
    visit[outside] = ended(
        parts, keys(venue[outside], facts.old_start[outside]), person[outside], facts.tag[outside],
        facts.position[outside],
    )  # fmt: skip
    root = _roots(np.where(inside, before, np.arange(len(before))))
    rows = rows._replace(visit=visit[root]).take(opens)
    return entangled(parts, Part.of(rows, MIXED)) if len(rows.key) else None


def _opened(facts: VisitFacts, person: Array, venue: Array, default_stay: Array) -> Rows:
    """The version that each fact leaves standing."""
    known = facts.end != FOREVER
    return Rows(
        key=keys(venue, facts.start),
        end=np.where(known, facts.end, _later(facts.start, default_stay[venue])),
        person=person,
        visit=facts.position,
        known_from=facts.position,
        known_until=np.full(len(person), FOREVER, np.uint32),
        tag=facts.tag,
        flags=known.astype(np.uint8) * OBSERVED,
    )


def _later(instant: Array, seconds: Array | int) -> Array:
    return (instant.astype(np.int64) + seconds).clip(max=int(FOREVER)).astype(np.uint32)


def _predecessors(facts: VisitFacts, person: Array, venue: Array, opens: Array, supersedes: Array) -> Array:
    """The fact of the same batch that opened the version which each fact supersedes, -1 when none of them did.

    Every fact ends a version, opens one, or both, in this order; sorted by what names a version, and within that by
    time, the end of a version stands right behind its opening.
    """
    fact = np.repeat(np.arange(len(person)), 2)
    opening = np.tile([False, True], len(person))
    happens = np.stack([supersedes, opens], axis=1).ravel()
    fact, opening = fact[happens], opening[happens]
    key = np.where(opening, keys(venue, facts.start)[fact], keys(venue, facts.old_start)[fact])
    whose = keys(person, facts.tag)[fact]
    order = np.lexsort((whose, key))
    key, whose, fact, opening = key[order], whose[order], fact[order], opening[order]
    follows = (key[1:] == key[:-1]) & (whose[1:] == whose[:-1]) & opening[:-1] & ~opening[1:]
    before = np.full(len(person), -1)
    before[fact[1:][follows]] = fact[:-1][follows]
    return before


def _roots(before: Array) -> Array:
    while (further := before[before]).tobytes() != before.tobytes():
        before = further
    return before


def ended(parts: Sequence[Part], key: Array, person: Array, tag: Array, position: Array) -> Array:
    """Ends the version that each key, person and tag name, at its position; gives the visits (uint32) of them."""
    visit = np.zeros(len(key), np.uint32)
    found = np.zeros(len(key), bool)
    for part in parts:
        which, row = all_ranges(
            np.searchsorted(part.rows.key, key, "left"), np.searchsorted(part.rows.key, key, "right")
        )
        rows = part.rows
        same = (rows.person[row] == person[which]) & (rows.tag[row] == tag[which])
        same &= (rows.known_from[row] < position[which]) & (position[which] <= rows.known_until[row])
        which, row = which[same], row[same]
        rows.supersede(row, position[which])
        visit[which] = rows.visit[row]
        found[which] = True
    if not found.all():
        raise Malformed(f"the event at position {int(position[~found][0])} follows a visit that is not there")
    return visit


def restayed(parts: Sequence[Part], changes: Iterable[tuple[int, int, int]]) -> Part | None:
    """A part of new versions of the visits without check-out at venues whose default stay changed.

    ``changes`` are position, venue and seconds, each venue at most once; the versions that they supersede end.
    """
    new = [rows for change in changes for part in parts for rows in [_with_stay(part, *change)] if len(rows.key)]
    return entangled(parts, Part.of(together(new), MIXED)) if new else None


def _with_stay(part: Part, position: int, venue: int, seconds: int) -> Rows:
    low, high = np.searchsorted(part.rows.key, keys(np.array([venue, venue + 1]), np.array([0, 0]))).tolist()
    at = slice(low, high)
    rows = part.rows
    current = (rows.known_from[at] < position) & (position <= rows.known_until[at]) & (rows.flags[at] & OBSERVED == 0)
    row = np.flatnonzero(current) + low
    rows.supersede(row, position)
    here = np.full(len(row), position, np.uint32)
    again = rows.take(row)
    return again._replace(
        end=_later(again.start, seconds), known_from=here,
        known_until=np.full(len(row), FOREVER, np.uint32), flags=np.zeros(len(row), np.uint8),
    )  # fmt: skip


def entangled(parts: Sequence[Part], new: Part) -> Part:
    """Marks the rows of ``new`` and of ``parts`` whose stays depend on each other: see stays.py."""
    for part in (*parts, new):
        place, later = _followed_by(new, part)
        _mark(new, place, part, later)
        place, earlier = _following(new, part)
        _mark(part, earlier, new, place)
    return new


def _followed_by(new: Part, part: Part) -> tuple[Array, Array]:
    """Where in ``by_person`` new rows without check-out stand, and for each the rows of the same person that start
    within their default stay."""
    place = np.flatnonzero(new.rows.flags[new.by_person] & OBSERVED == 0)
    rows = new.rows.take(new.by_person[place])
    after, upto = _later(rows.start, 1), _later(rows.end, 1)
    which, at = all_ranges(*part.of_people_between(rows.person, after, upto))
    return place[which], at


def _following(new: Part, part: Part) -> tuple[Array, Array]:
    """Where new rows stand, and for each those rows without check-out of the same person within whose default stay it
    starts."""
    rows = new.rows.take(new.by_person)
    which, at = all_ranges(*part.of_people_between(rows.person, minus(rows.start, part.imputed_reach), rows.start))
    earlier = part.by_person[at]
    within = (part.rows.flags[earlier] & OBSERVED == 0) & (part.rows.end[earlier] >= rows.start[which])
    return which[within], at[within]


def _mark(part: Part, earlier: Array, other: Part, later: Array) -> None:
    """Rows without check-out, each with one that comes within its default stay; at one venue they may be one stay."""
    a, b = part.rows, other.rows
    row, after = part.by_person[earlier], other.by_person[later]
    known_together = (a.known_from[row] < b.known_until[after]) & (b.known_from[after] < a.known_until[row])
    at_one_venue = a.key[row] >> np.uint64(32) == b.key[after] >> np.uint64(32)
    part.mark(earlier[known_together], ENTANGLED)
    other.mark(later[known_together & at_one_venue], ENTANGLED)
    other.mark(later[known_together & ~at_one_venue], BESIDE)
