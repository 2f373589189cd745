"""The visits of one day: who goes where, when, and for how long."""

from typing import Final

import numpy as np

from api.simulation.columns import DAY, Array, Visits, drawn
from api.simulation.country import FAVOURITES, NOWHERE, Country
from api.simulation.kinds import ARRIVALS, NO_CHECK_OUT, STAYS
from domain.times import Seconds

_ATTENDING, _ATTENDING_WEEKENDS = 0.9, 0.08
_FAVOURITE, _HOME, _NEAR = 0.4, 0.75, 0.9  # cumulated: a favourite, in the commune, in the district; else anywhere
_ON_THE_WAY: Final[Seconds] = 300
_APART: Final = np.int64(1 << 27)
"""More seconds than lie between any two instants of one person's day."""


def visits_on_a_day(
    country: Country, begin: Seconds, count: int, confined: Array, rng: np.random.Generator, *, weekend: bool
) -> Visits:
    """``count`` visits; ``confined`` (bool, shape (P,)) are those who stay at home."""
    person, is_daily = _people(country, count, confined, rng, weekend=weekend)
    first, rank, last = _places_in_groups(person)
    venue = np.where(is_daily, country.daily[person], _outings(country, person, rng, weekend=weekend))
    kind = country.kind[venue]
    come, stay = drawn(ARRIVALS, kind, rng), drawn(STAYS, kind, rng)
    # by person and arrival; the rank makes keys unique and leads back to the row
    key = np.sort(person << 27 | come << 10 | rank)
    row = first + (key & 0x3FF)
    venue, stay = venue[row], stay[row]
    start = _one_after_another(key >> 10 & 0x1FFFF, stay, first)
    start = np.minimum(start, DAY - 1 - (last - np.arange(len(start))))
    observed = rng.random(len(start)) >= NO_CHECK_OUT[country.kind[venue]]
    made = Visits(person.astype(np.int32), venue, begin + start, begin + start + stay, observed)
    return made.take(np.sort(start << 32 | np.arange(len(start))) & 0xFFFFFFFF)


def _people(
    country: Country, count: int, confined: Array, rng: np.random.Generator, *, weekend: bool
) -> tuple[Array, Array]:
    """Who goes out, sorted, as often as they do; and which of it is to where they go daily."""
    attending = rng.random(country.people) < (_ATTENDING_WEEKENDS if weekend else _ATTENDING)
    daily = np.flatnonzero(attending & (country.daily != NOWHERE) & ~confined)[:count]
    out = _going_out(country, count - len(daily), confined, rng)
    key = np.sort(np.concatenate([daily << 1, out << 1 | 1]))
    return key >> 1, key & 1 == 0


def _going_out(country: Country, count: int, confined: Array, rng: np.random.Generator) -> Array:
    """Drawn again while they stay at home."""
    out = country.outings[rng.integers(0, len(country.outings), count)].astype(np.int64)
    while not confined.all() and (again := np.flatnonzero(confined[out])).size:
        out[again] = country.outings[rng.integers(0, len(country.outings), len(again))]
    return out


def _places_in_groups(person: Array) -> tuple[Array, Array, Array]:
    """Of each row: the first row of its person, how many come before it there, and the last one."""
    rows = np.arange(len(person))
    bounds = np.flatnonzero(np.diff(person, prepend=-1, append=-1))
    group = np.cumsum(np.diff(person, prepend=-1) != 0) - 1
    first = bounds[group]
    return first, rows - first, bounds[group + 1] - 1


def _outings(country: Country, person: Array, rng: np.random.Generator, *, weekend: bool) -> Array:
    """A venue for each: people mostly keep near home."""
    scope, commune = rng.random(len(person)), country.commune_of[person]
    low, high = country.first_of_commune[commune], country.first_of_commune[commune + 1]
    beyond = scope >= _HOME
    low[beyond] = country.first_of_district[commune[beyond]]
    high[beyond] = country.end_of_district[commune[beyond]]
    venue = (country.weekends if weekend else country.weekdays).venues(low, high, rng)
    usual = np.flatnonzero(scope < _FAVOURITE)
    venue[usual] = country.favourites[person[usual], rng.integers(0, FAVOURITES, len(usual))]
    far = np.flatnonzero(scope >= _NEAR)
    everywhere = np.zeros(len(far), np.int64), np.full(len(far), len(country.destinations))
    venue[far] = country.destinations[country.to_destinations.venues(*everywhere, rng)]
    return venue


def _one_after_another(come: Array, stay: Array, first: Array) -> Array:
    """When visits of the same person begin, each after the one before has ended; ``come`` is by person and time."""
    busy = np.cumsum(stay + _ON_THE_WAY) - (stay + _ON_THE_WAY)
    busy -= busy[first]
    apart = first * _APART  # so that nobody waits for the person before
    start: Array = np.maximum.accumulate(come - busy + apart) - apart + busy
    return start
