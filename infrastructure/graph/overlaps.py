"""Who were at a venue together. semantics.md, "Overlaps at a venue"."""

import numpy as np

from domain.errors import Refused
from infrastructure.graph.answers import OverlapColumns
from infrastructure.graph.arrays import Array, all_ranges, ranges
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import ENTANGLED, OBSERVED
from infrastructure.graph.stays import Stays

MOST_OVERLAPS = 1_000_000


def overlaps(
    stays: Stays, people: Ids, venues: Ids | None, at: Array, start: int, end: int, person: int | None, min_seconds: int
) -> OverlapColumns:
    """All pairs in ``[start, end)``, those of ``person`` only, when given; the venues ``at`` (uint32) are one place.

    Raises Refused for more than a million: a list is whole or it is none.
    """
    who, since, until, observed, stay = _present(stays, at, start, end)
    order = np.argsort(since, kind="stable")
    who, since, until, observed, stay = (column[order] for column in (who, since, until, observed, stay))
    found: list[tuple[Array, Array]] = []
    count = 0
    nobody_yet = np.arange(1, len(who) + 1)
    for one, other in ranges(nobody_yet, np.searchsorted(since, until, "left")):
        seconds = np.minimum(until[one], until[other]) - since[other]
        keep = (who[one] != who[other]) & (seconds >= max(min_seconds, 1))
        if person is not None:
            keep &= (who[one] == person) | (who[other] == person)
        found.append((one[keep], other[keep]))
        count += int(keep.sum())
        if count > MOST_OVERLAPS:
            raise Refused(
                f"more than {MOST_OVERLAPS:,} overlaps: ask for a shorter window, a longer minimum or one person"
            )
    one, other = map(np.concatenate, zip((np.empty(0, np.int64),) * 2, *found, strict=True))
    a_first = people.rank[who[one]] < people.rank[who[other]]
    a, b = np.where(a_first, one, other), np.where(a_first, other, one)
    begin, finish = np.maximum(since[a], since[b]), np.minimum(until[a], until[b])
    visit = stays.column("visit", stay)
    order = np.lexsort((visit[b], visit[a], finish, people.rank[who[b]], people.rank[who[a]], begin))
    a, b = a[order], b[order]
    return OverlapColumns(
        stays.position, people, venues, stays, who[a], who[b], begin[order], finish[order],
        observed[a] & observed[b], stay[a], stay[b],
    )  # fmt: skip


def _present(stays: Stays, at: Array, start: int, end: int) -> tuple[Array, ...]:
    """Person, start, end, observed and naming row of each stay at the venues, clipped to ``[start, end)``."""
    found = [(np.empty(0, np.uint32),) * 3 + (np.empty(0, bool), np.empty(0, np.int64))]
    after, before = (np.full(len(at), value, np.uint32) for value in (start, end))
    for part, base in zip(stays.parts, stays.base.tolist(), strict=False):
        _, number = all_ranges(*part.reaching(at, after, before))
        rows, row = part.rows.take(number), number + np.int64(base)
        keep = rows.known_at(stays.position) & (rows.end > start)
        plain = keep & (rows.flags & ENTANGLED == 0)
        seen = rows.flags & OBSERVED != 0
        found.append((rows.person[plain], rows.start[plain], rows.end[plain], seen[plain], row[plain]))
        tangled = keep & ~plain
        joined = stays.of(row[tangled], rows.person[tangled])
        found.append((rows.person[tangled], joined.start, joined.end, joined.observed, joined.last))
    person, since, until, observed, stay = map(np.concatenate, zip(*found, strict=True))
    _, once = np.unique(stay, return_index=True)
    since, until = np.maximum(since, np.uint32(start)), np.minimum(until, np.uint32(end))
    once = once[since[once] < until[once]]
    return person[once], since[once], until[once], observed[once], stay[once]
