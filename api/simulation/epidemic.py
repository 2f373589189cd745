"""Who infects whom: at venues while their true stays overlap, at home in the evening.

It changes nobody's ways, except that those who are found stay at home from then on.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.simulation.columns import DAY, Array, Visits
from api.simulation.country import NOWHERE, Country
from api.simulation.infections import NOBODY, Transmissions, course
from api.simulation.kinds import INFECTIONS
from domain.times import Seconds

_IN_AN_EVENING: Final = 0.05
"""The chance of each of the household, on each day."""
_EVENING: Final[Seconds] = 18 * 3_600
_PAIRS_AT_ONCE: Final = 4_000_000


class Epidemic:
    """Goes on by a day at a time."""

    def __init__(self, country: Country, seeds: int, begin: Seconds, rng: np.random.Generator) -> None:
        """``seeds`` people, infected in the two days before ``begin`` or the day after."""
        self.country = country
        self._midnight = begin
        self._susceptible = np.ones(country.people, bool)
        self._lasting: list[Visits] = []  # beyond the day that was spent last
        person = np.sort(rng.choice(country.people, min(seeds, country.people), replace=False))
        infected_at = begin + rng.integers(-2 * DAY, DAY, len(person))
        nobody, nowhere = np.full(len(person), NOBODY), np.full(len(person), NOWHERE)
        self._susceptible[person] = False
        self.infections = course(Transmissions(person, infected_at, nobody, nowhere), begin, rng)

    def confined(self, begin: Seconds) -> NDArray[np.bool_]:
        """Who stays at home from ``begin`` on, shape (P,)."""
        confined = np.zeros(self.country.people, bool)
        confined[self.infections.how.person[self.infections.isolated_at <= begin]] = True
        return confined

    def spend(self, visits: Visits, begin: Seconds, rng: np.random.Generator) -> None:
        """What the day from ``begin`` on brings about; ``visits`` are those that begin in it."""
        there = Visits.together([*self._lasting, visits])
        self._lasting = [there.take(np.flatnonzero(there.check_out > begin + DAY))]
        known = self.infections
        infectious = np.flatnonzero((known.infectious_from < begin + DAY) & (known.infectious_until > begin))
        if len(infectious):
            happened = [self._at_home(infectious, begin, rng), *self._at_venues(infectious, there, begin, rng)]
            firsts = Transmissions.together(happened).firsts()
            self._susceptible[firsts.person] = False
            self.infections = known.followed_by(course(firsts, self._midnight, rng))

    def _at_home(self, infectious: Array, begin: Seconds, rng: np.random.Generator) -> Transmissions:
        first = self.country.first_of_household
        own = self.country.household_of[self.infections.how.person[infectious]]
        one, person = _all_of(first[own], first[own + 1])
        infection = infectious[one]
        at = begin + rng.integers(_EVENING, DAY, len(person))
        happens = (rng.random(len(person)) < _IN_AN_EVENING) & self._susceptible[person]
        happens &= (self.infections.infectious_from[infection] <= at) & (
            self.infections.infectious_until[infection] > at
        )
        infector, nowhere = self.infections.how.person[infection], np.full(len(person), NOWHERE)
        return Transmissions(person[happens], at[happens], infector[happens], nowhere[happens])

    def _at_venues(
        self, infectious: Array, there: Visits, begin: Seconds, rng: np.random.Generator
    ) -> Iterator[Transmissions]:
        """The stays of infectious people with those of the susceptible at the same venues."""
        infection_of = np.full(self.country.people, NOBODY)
        infection_of[self.infections.how.person[infectious]] = infectious
        mine = np.flatnonzero(infection_of[there.person] != NOBODY)
        visited = np.zeros(self.country.venues, bool)
        visited[there.venue[mine]] = True
        others = np.flatnonzero(visited[there.venue] & self._susceptible[there.person])
        others = others[np.argsort(there.venue[others], kind="stable")]
        low, high = (np.searchsorted(there.venue[others], there.venue[mine], side) for side in ("left", "right"))
        for part in _of_at_most(_PAIRS_AT_ONCE, high - low):
            one, place = _all_of(low[part], high[part])
            met, by = others[place], mine[part][one]
            yield self._infected(there.take(met), there.take(by), infection_of[there.person[by]], begin, rng)

    def _infected(
        self, met: Visits, by: Visits, infection: Array, begin: Seconds, rng: np.random.Generator
    ) -> Transmissions:
        """Row by row: who is at a venue, and who is there infectious."""
        known = self.infections
        start = np.maximum(np.maximum(met.check_in, by.check_in), np.maximum(known.infectious_from[infection], begin))
        end = np.minimum(
            np.minimum(met.check_out, by.check_out), np.minimum(known.infectious_until[infection], begin + DAY)
        )
        seconds = np.maximum(end - start, 0)
        hours = seconds / 3_600
        happens = rng.random(len(met)) < -np.expm1(-INFECTIONS[self.country.kind[met.venue]] * hours)
        at = start + (rng.random(len(met)) * seconds).astype(np.int64)
        columns = (met.person, at, by.person, met.venue)
        return Transmissions(*(column[happens].astype(np.int64) for column in columns))


def _all_of(first: Array, end: Array) -> tuple[Array, Array]:
    """The numbers of n ranges, one range after another: of which range, and the number."""
    count = end - first
    one = np.repeat(np.arange(len(first)), count)
    return one, np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)


def _of_at_most(most: int, counts: Array) -> Iterator[slice]:
    """Slices that hold so many, or a single one that has more."""
    upto, first = np.cumsum(counts), 0
    while first < len(counts):
        done = upto[first - 1] if first else 0
        end = max(int(np.searchsorted(upto, done + most, side="right")), first + 1)
        yield slice(first, end)
        first = end
