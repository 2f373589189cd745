"""Day after day, in memory that one day bounds."""

from collections.abc import Iterator

import numpy as np

from api.simulation.columns import Visits
from api.simulation.country import Country, made_country
from api.simulation.days import visits_on_a_day
from api.simulation.epidemic import Epidemic
from api.simulation.infections import Infections
from api.simulation.schedule import DAYS, SEED, Schedule

_COUNTRY, _SEEDS, _VISITS, _EPIDEMIC = range(4)  # each draws from a stream of its own
_PEOPLE_OF_A_SEED = 100_000
_FEWEST_SEEDS = 3


class Simulation:
    """The same visits and infections for the same ``schedule`` and ``seed``."""

    def __init__(self, schedule: Schedule, seed: int = SEED, infected: int | None = None) -> None:
        """``infected`` people begin the epidemic; None: one of 100,000, three at least."""
        self.schedule = schedule
        self.seed = seed
        seeds = max(schedule.people // _PEOPLE_OF_A_SEED, _FEWEST_SEEDS) if infected is None else infected
        self.country: Country = made_country(schedule.people, self._rng(_COUNTRY))
        self._epidemic = Epidemic(self.country, seeds, schedule.begin(0), self._rng(_SEEDS))

    @property
    def infections(self) -> Infections:
        """Of the days that were spent."""
        return self._epidemic.infections

    def days(self) -> Iterator[Visits]:
        """The visits that begin on each day."""
        for day in range(self.schedule.days):
            begin = self.schedule.begin(day)
            visits = visits_on_a_day(
                self.country, begin, self.schedule.visits_on(day), self._epidemic.confined(begin),
                self._rng(_VISITS, day), weekend=self.schedule.is_weekend(day),
            )  # fmt: skip
            self._epidemic.spend(visits, begin, self._rng(_EPIDEMIC, day))
            yield visits

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])


def simulate(visits: int, days: int = DAYS, seed: int = SEED) -> tuple[Country, Visits]:
    """All visits at once; 25 bytes for each."""
    simulation = Simulation(Schedule.of_visits(visits, days), seed, infected=0)
    return simulation.country, Visits.together(list(simulation.days()))
