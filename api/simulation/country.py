"""People in households, the communes where they live, and the venues that they go to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.simulation.columns import Array
from api.simulation.kinds import DRAW, EVERYWHERE, SCHOOL, SHARES, WEEKEND, WORKPLACE
from domain.units import COUNTRY
from infrastructure import communes

_HOUSEHOLDS: Final = np.array([11, 18, 20, 26, 14, 11])
"""In percent, of one to six people."""
_PEOPLE_OF_A_COMMUNE: Final = 1_000
_PEOPLE_OF_A_VENUE: Final = 10
_VENUES_OF_A_DESTINATION: Final = 100
"""One venue of so many draws people from everywhere."""
_WORKING, _LEARNING = 0.65, 0.6  # of the first two of a household, and of the others
_WORKING_AT_HOME: Final = 0.6
"""In the commune where they live."""
_MOST_OUTINGS: Final = 6
"""As often as others go out, some people do."""
FAVOURITES: Final = 2
_POPULARITY: Final = np.rint(100 * (1 - np.arange(4_096) / 4_096) ** (-1 / 1.3)).astype(np.int64)
"""Of venues of one kind in one commune: few draw many."""
_ZIPF: Final = 0.8
"""The exponent of Zipf's law among destinations."""
_GREAT: Final = 50
"""A destination is of a kind that draws so much."""
NOWHERE: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Venues by how much they draw: ``upto`` adds up, shape (V + 1,)."""

    upto: Array

    @classmethod
    def by(cls, weights: Array) -> "Drawing":
        return cls(np.concatenate([[0], np.cumsum(weights)]))

    def venues(self, low: Array, high: Array, rng: np.random.Generator) -> Array:
        """One of the venues from ``low`` up to, not including, ``high``; NOWHERE where nothing draws anybody."""
        start, end = self.upto[low], self.upto[high]
        at = start + (rng.random(len(start)) * (end - start)).astype(np.int64)
        return np.where(end > start, np.searchsorted(self.upto, at, side="right") - 1, NOWHERE).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Country:
    """P people, V venues and C communes; people and venues stand in the order of their communes."""

    units: Sequence[str]
    """The codes of the communes."""
    household_of: NDArray[np.int32]  # shape (P,)
    first_of_household: NDArray[np.int64]  # shape (H + 1,)
    commune_of: NDArray[np.int32]  # shape (P,)
    daily: NDArray[np.int32]  # shape (P,): the school or workplace, or NOWHERE
    favourites: NDArray[np.int32]  # shape (P, 2): venues
    outings: NDArray[np.int32]  # people, as often as they go out
    kind: NDArray[np.int8]  # shape (V,)
    commune: NDArray[np.int32]  # shape (V,)
    first_of_commune: NDArray[np.int64]  # shape (C + 1,): venues
    first_of_district: NDArray[np.int64]  # shape (C,): the first venue in the district of each commune
    end_of_district: NDArray[np.int64]  # shape (C,)
    weekdays: Drawing
    weekends: Drawing
    destinations: NDArray[np.int32]
    to_destinations: Drawing

    @property
    def people(self) -> int:
        return len(self.commune_of)

    @property
    def venues(self) -> int:
        return len(self.kind)


def made_country(people: int, rng: np.random.Generator) -> Country:
    units = _units(people, rng)
    sizes, commune_of_household = _households(people, len(units), rng)
    household_of = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    first_of_household = np.concatenate([[0], np.cumsum(sizes)])
    commune_of = commune_of_household[household_of]
    kind, commune = _venues(np.bincount(commune_of, minlength=len(units)), rng)
    first_of_commune = np.searchsorted(commune, np.arange(len(units) + 1))
    first_of_district, end_of_district = (first_of_commune[bounds] for bounds in _districts(units))
    popularity = _POPULARITY[rng.integers(0, len(_POPULARITY), len(kind))]
    weekends = Drawing.by(popularity * DRAW[kind] * WEEKEND[kind])
    home = first_of_commune[commune_of], first_of_commune[commune_of + 1]
    near = first_of_district[commune_of], end_of_district[commune_of]
    return Country(
        units, household_of, first_of_household, commune_of,
        _daily(np.arange(people) - first_of_household[household_of], popularity, kind, home, near, rng),
        np.stack([weekends.venues(*home, rng) for _ in range(FAVOURITES)], axis=1),
        np.repeat(np.arange(people, dtype=np.int32), np.minimum(rng.geometric(0.45, people), _MOST_OUTINGS)),
        kind, commune, first_of_commune, first_of_district, end_of_district,
        Drawing.by(popularity * DRAW[kind]), weekends, *_destinations(kind, rng),
    )  # fmt: skip


def _units(people: int, rng: np.random.Generator) -> Sequence[str]:
    """Communes that follow one another in the official list."""
    every = communes.venue_units(COUNTRY.code)
    count = min(max(people // _PEOPLE_OF_A_COMMUNE, 1), len(every))
    first = int(rng.integers(0, len(every) - count + 1))
    return every[first : first + count]


def _districts(units: Sequence[str]) -> tuple[Array, Array]:
    """Of each commune: the first one of its district, and the one after the last."""
    known = communes.units()
    district = [known[code].parent if known[code].level == "commune" else code for code in units]
    bounds = np.flatnonzero([a != b for a, b in zip([None, *district], [*district, None], strict=True)])
    own = np.searchsorted(bounds, np.arange(len(units)), side="right")
    return bounds[own - 1], bounds[own]


def _households(people: int, communes_there: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int32]]:
    """The size of each, and its commune."""
    sizes = np.repeat(np.arange(1, 7), _HOUSEHOLDS)[rng.integers(0, _HOUSEHOLDS.sum(), people)]
    upto = np.cumsum(sizes)
    count = int(np.searchsorted(upto, people)) + 1
    sizes = sizes[:count]
    sizes[-1] -= upto[count - 1] - people
    large = np.cumsum(rng.integers(50, 151, communes_there))
    commune = np.searchsorted(large, (np.arange(count) * large[-1]) // count, side="right")
    return sizes, commune.astype(np.int32)


def _venues(people: Array, rng: np.random.Generator) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Kind and commune of each; ``people`` of each commune."""
    counts = np.maximum(people // _PEOPLE_OF_A_VENUE, len(EVERYWHERE))
    commune = np.repeat(np.arange(len(people), dtype=np.int32), counts)
    kind = np.repeat(np.arange(len(SHARES), dtype=np.int8), SHARES)[rng.integers(0, SHARES.sum(), len(commune))]
    first = np.cumsum(counts) - counts
    for number, always in enumerate(EVERYWHERE):
        kind[first + number] = always
    return kind, commune


def _daily(
    place_in_household: Array,
    popularity: Array,
    kind: Array,
    home: tuple[Array, Array],
    near: tuple[Array, Array],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Where everybody goes on weekdays: schools at home, workplaces there or in the district."""
    is_adult, chance = place_in_household < 2, rng.random(len(place_in_household))
    schools, workplaces = (Drawing.by(np.where(kind == one, popularity, 0)) for one in (SCHOOL, WORKPLACE))
    stays_home = rng.random(len(chance)) < _WORKING_AT_HOME
    low, high = (np.where(stays_home, at_home, nearby) for at_home, nearby in zip(home, near, strict=True))
    place = np.where(is_adult, workplaces.venues(low, high, rng), schools.venues(*home, rng))
    return np.where(chance < np.where(is_adult, _WORKING, _LEARNING), place, NOWHERE).astype(np.int32)


def _destinations(kind: Array, rng: np.random.Generator) -> tuple[NDArray[np.int32], Drawing]:
    """Venues that draw people from everywhere, the greatest first."""
    possible = np.flatnonzero(DRAW[kind] >= _GREAT)
    count = min(max(len(kind) // _VENUES_OF_A_DESTINATION, 3), len(possible))
    weights = np.rint(1e6 / np.arange(1, count + 1) ** _ZIPF).astype(np.int64)
    return rng.permutation(possible)[:count].astype(np.int32), Drawing.by(weights)
