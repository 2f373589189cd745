"""How many checked in at venues. domain/adoption.py, "scan"."""

from collections.abc import Sequence

import numpy as np

from infrastructure.graph.arrays import Array, ranges
from infrastructure.graph.part import OBSERVED, Part


def week_scans(
    parts: Sequence[Part], position: int, venue: Array, days: Array, weekend: Sequence[int]
) -> tuple[Array, ...]:
    """The columns of WeekScans for n venues (uint32), each of shape (n,); as VisitGraph.week_scans."""
    counts, checked_out = daily_scans(parts, position, venue, days)
    in_week = counts[:, 1:]
    return tuple(column.sum(axis=1) for column in (counts, in_week, in_week[:, weekend], checked_out[:, 1:]))


def daily_scans(parts: Sequence[Part], position: int, venue: Array, days: Array) -> tuple[Array, Array]:
    """The check-ins at each venue, and those of them with a known check-out; int64 of shape (n, days).

    The first column is what was before the first day.
    """
    counts = np.zeros((2, len(venue), len(days)), np.int64)
    begin, end = np.zeros_like(venue), np.full_like(venue, days[-1])
    for part in parts:
        if part.may_know_at(position):
            for which, row in ranges(*part.at_venue(venue, begin, end)):
                _count(part, position, days, which, row, counts)
    return counts[0], counts[1]


def _count(part: Part, position: int, days: Array, which: Array, row: Array, counts: Array) -> None:
    """Adds the rows of venues that stand side by side."""
    rows = part.rows.take(row)
    known = rows.known_at(position)
    first, last = int(which[0]), int(which[-1])
    cell = (which - first) * len(days) + np.searchsorted(days, rows.start, "right")
    for column, counted in zip(counts, (known, known & (rows.flags & OBSERVED != 0)), strict=True):
        found = np.bincount(cell[counted], minlength=(last - first + 1) * len(days))
        column[first : last + 1] += found.reshape(-1, len(days))
