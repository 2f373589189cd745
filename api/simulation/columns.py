"""The columns in which visits are made, and how they are drawn so that a seed gives the same everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DAY: Final = 86_400
STEPS: Final = 1_024
"""Into how many equal shares the curves are cut from which times are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """n visits by check-in, then person; every column has shape (n,), times are seconds since 1970."""

    person: NDArray[np.int32]
    venue: NDArray[np.int32]
    check_in: NDArray[np.int64]
    check_out: NDArray[np.int64]
    """When they truly left."""
    observed: NDArray[np.bool_]
    """Whether the check-out became known."""

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Array | slice) -> "Visits":
        return Visits(self.person[rows], self.venue[rows], self.check_in[rows], self.check_out[rows],
                      self.observed[rows])  # fmt: skip

    @classmethod
    def together(cls, parts: Sequence["Visits"]) -> "Visits":
        names = ("person", "venue", "check_in", "check_out", "observed")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def lognormal(median: float, spread: float, shortest: float, longest: float) -> Array:
    """The curve of a lognormal quantity, rounded and cut; ``spread`` is the deviation of its logarithm."""
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf(step / STEPS) for step in range(1, STEPS)])
    inner = np.clip(median * np.exp(spread * quantiles), shortest, longest)
    curve: Array = np.rint(np.concatenate([[inner[0]], inner, [inner[-1]]])).astype(np.int64)
    return curve


def by_hour(weights: str) -> Array:
    """The curve of the second of the day, from the weights (0 to 9) of its 24 hours."""
    cumulated = np.concatenate([[0], np.cumsum([int(weight) for weight in weights])])
    used = np.concatenate([[True], np.diff(cumulated) > 0])
    steps = np.linspace(0, cumulated[-1], STEPS + 1)
    first = np.argmax(cumulated > 0) - 1
    hours = np.interp(
        steps, np.concatenate([[0], cumulated[used][1:]]), np.concatenate([[first], np.flatnonzero(used)[1:]])
    )
    curve: Array = np.rint(hours * 3_600).astype(np.int64)
    return curve


def drawn(curves: Array, which: Array, rng: np.random.Generator) -> Array:
    """One value of each curve named in ``which``; whole numbers throughout, the same on every machine."""
    bits = rng.integers(0, 1 << 24, len(which), dtype=np.int32)
    step, between = bits >> 14, bits & 0x3FFF
    low, high = curves[which, step], curves[which, step + 1]
    values: Array = low + ((high - low) * between >> 14)
    return values
