"""An infection: by whom, where and when, and the course that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.simulation.columns import DAY, Array, drawn, lognormal
from domain.times import Seconds

NEVER: Final = 2**62
NOBODY: Final = -1

_LATENT: Final = lognormal(2.5 * DAY, 0.4, DAY, 10 * DAY)
"""Seconds from infection to being infectious: a day at least, so that nobody passes it on on the same day."""
_INFECTIOUS: Final = lognormal(8 * DAY, 0.25, 3 * DAY, 20 * DAY)
_TO_ONSET: Final = lognormal(2 * DAY, 0.4, DAY // 2, 5 * DAY)
"""Seconds from being infectious to the first symptoms."""
_TO_TEST: Final = lognormal(1.5 * DAY, 0.5, DAY // 4, 7 * DAY)
_WITH_SYMPTOMS, _FOUND, _FOUND_WITHOUT = 0.7, 0.6, 0.1
_DAYS_BEFORE: Final = 2
"""The window of a case opens so many days before onset, else before the sample: document 11042/BYT-DP of 2021."""


@dataclass(frozen=True, slots=True, eq=False)
class Transmissions:
    """n infections, shape (n,): of whom, when (seconds since 1970), by whom, at which venue.

    ``infector`` is NOBODY for the first ones, ``venue`` is NOWHERE for them and in households.
    """

    person: NDArray[np.int64]
    infected_at: NDArray[np.int64]
    infector: NDArray[np.int64]
    venue: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person)

    @classmethod
    def together(cls, parts: Sequence["Transmissions"]) -> "Transmissions":
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def firsts(self) -> "Transmissions":
        """Of those of one person only the earliest."""
        order = np.lexsort((self.infector, self.infected_at, self.person))
        order = order[np.diff(self.person[order], prepend=-1) != 0]
        return Transmissions(self.person[order], self.infected_at[order], self.infector[order], self.venue[order])


@dataclass(frozen=True, slots=True, eq=False)
class Infections:
    """What came of transmissions, in their order; ``onset``, ``isolated_at`` are NEVER where there was none."""

    how: Transmissions
    infectious_from: NDArray[np.int64]
    infectious_until: NDArray[np.int64]
    onset: NDArray[np.int64]
    isolated_at: NDArray[np.int64]
    """At midnight after the test of those who are found."""
    window_from: NDArray[np.int64]
    """When the window opens in which they are traced, should they be found."""

    def __len__(self) -> int:
        return len(self.how)

    def followed_by(self, new: "Infections") -> "Infections":
        later = fields(self)[1:]
        columns = (np.concatenate([getattr(self, field.name), getattr(new, field.name)]) for field in later)
        return Infections(Transmissions.together([self.how, new.how]), *columns)


def course(how: Transmissions, a_midnight: Seconds, rng: np.random.Generator) -> Infections:
    """What comes of each; ``a_midnight`` is any, as days all have the same length."""
    count = len(how)
    begins = how.infected_at + _one_of(_LATENT, count, rng)
    ends = begins + _one_of(_INFECTIOUS, count, rng)
    sick = begins + _one_of(_TO_ONSET, count, rng)
    tested = sick + _one_of(_TO_TEST, count, rng)
    has_symptoms = rng.random(count) < _WITH_SYMPTOMS
    is_found = rng.random(count) < np.where(has_symptoms, _FOUND, _FOUND_WITHOUT)
    isolated_at = np.where(is_found, _midnight(tested, a_midnight) + DAY, NEVER)
    window_from = _midnight(np.where(has_symptoms, sick, tested), a_midnight) - _DAYS_BEFORE * DAY
    return Infections(
        how, begins, np.minimum(ends, isolated_at), np.where(has_symptoms, sick, NEVER), isolated_at, window_from
    )


def _one_of(curve: Array, count: int, rng: np.random.Generator) -> Array:
    return drawn(curve[np.newaxis], np.zeros(count, np.int64), rng)


def _midnight(instant: Array, a_midnight: Seconds) -> Array:
    midnight: Array = instant - (instant - a_midnight) % DAY
    return midnight
