"""Stays as columns, by the rules of domain/stays.py, for systems that get them ready-made."""

from typing import NamedTuple

import numpy as np

from api.simulation import Visits
from infrastructure.graph.arrays import Array


class StayColumns(NamedTuple):
    """n stays in the order of venue and start, each column int32 of shape (n,), times as seconds since 1970."""

    person: Array
    venue: Array
    start: Array
    stop: Array
    observed: Array  # bool


def stay_columns(visits: Visits, default_stay: Array) -> StayColumns:
    """The stays of visits of which no two of a person begin at once; ``default_stay`` gives seconds by venue."""
    order = np.lexsort((visits.check_in, visits.person))
    person, venue, start = visits.person[order], visits.venue[order], visits.check_in[order]
    observed, by_default = visits.observed[order], start + default_stay[venue]
    goes_on = np.append(person[1:] == person[:-1], False)
    following = np.where(goes_on, np.append(start[1:], 0), by_default)
    joins = ~observed & goes_on & (following <= by_default) & (np.append(venue[1:], -1) == venue)
    end = np.where(observed, visits.check_out[order], np.minimum(by_default, following))
    last = np.flatnonzero(~joins)
    first = np.append(0, last[:-1] + 1)
    found = StayColumns(person[last], venue[last], start[first], end[last], observed[last])
    by_venue = np.lexsort((found.start, found.venue))
    *numbers, observed = (column[by_venue] for column in found)
    return StayColumns._make([*(column.astype(np.int32) for column in numbers), observed])
