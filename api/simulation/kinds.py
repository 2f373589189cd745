"""How venues of each kind are used: data, made up to be plausible."""

from typing import Final, NamedTuple

import numpy as np

from api.simulation.columns import by_hour, lognormal
from domain.venues import DEFAULT_STAY


class Kind(NamedTuple):
    share: int
    """Of a thousand venues."""
    draw: int
    """How many visitors it draws for ten of a shop's; none but those who go there daily when 0."""
    weekend: int
    """In percent of what it draws on a weekday."""
    stay: int
    """Median, minutes."""
    spread: float
    """The standard deviation of the stay's logarithm."""
    longest: int
    """Minutes."""
    no_check_out: float
    """The share of visits."""
    infections: float
    """By one infectious person, of each person there, an hour."""
    hours: str
    """The weight of each hour of the day at which people come, 0 to 9."""


KINDS: Final = {
    #                    share draw weekend stay spread longest no-out  inf   0     6     12    18
    "public_body": Kind(40, 20, 0, 35, 0.60, 300, 0.25, 0.003, "000000029975299530000000"),
    "hospital": Kind(20, 60, 50, 90, 0.70, 720, 0.25, 0.003, "111113788776566543322211"),
    "market": Kind(30, 120, 130, 30, 0.55, 240, 0.40, 0.002, "000139999864345653100000"),
    "shop": Kind(400, 10, 120, 15, 0.70, 180, 0.35, 0.002, "000001345666656678986310"),
    "restaurant": Kind(170, 20, 140, 50, 0.45, 300, 0.25, 0.007, "000002566459954458984200"),
    "hotel": Kind(20, 6, 150, 660, 0.20, 1_080, 0.10, 0.002, "000000000000012345678943"),
    "school": Kind(30, 0, 0, 480, 0.08, 660, 0.05, 0.0006, "000000390000000000000000"),
    "workplace": Kind(190, 0, 0, 510, 0.12, 840, 0.10, 0.0009, "000000287100000000000000"),
    "transport": Kind(30, 50, 80, 40, 0.50, 360, 0.30, 0.003, "000013899544455578853211"),
    "worship": Kind(30, 20, 300, 60, 0.40, 240, 0.35, 0.004, "000003677633334456764100"),
    "event": Kind(5, 150, 300, 130, 0.40, 480, 0.20, 0.008, "000000012344346677898200"),
    "checkpoint": Kind(5, 60, 80, 5, 0.50, 60, 0.60, 0.0005, "222234677665556677654322"),
    "other": Kind(30, 10, 100, 45, 0.80, 600, 0.30, 0.002, "000001345666666667765310"),
}

NAMES: Final = tuple(KINDS)
ALL: Final = tuple(KINDS.values())
SCHOOL: Final = NAMES.index("school")
WORKPLACE: Final = NAMES.index("workplace")
MARKET: Final = NAMES.index("market")
EVERYWHERE: Final = tuple(NAMES.index(name) for name in ("shop", "school", "workplace", "restaurant", "market"))
"""No commune is without these."""

SHARES: Final = np.array([kind.share for kind in ALL])
DRAW: Final = np.array([kind.draw for kind in ALL])
WEEKEND: Final = np.array([kind.weekend for kind in ALL])
NO_CHECK_OUT: Final = np.array([kind.no_check_out for kind in ALL])
INFECTIONS: Final = np.array([kind.infections for kind in ALL])
STAYS: Final = np.stack([lognormal(60 * kind.stay, kind.spread, 60, 60 * kind.longest) for kind in ALL])
ARRIVALS: Final = np.stack([by_hour(kind.hours) for kind in ALL])
DEFAULT_STAY_MINUTES: Final = np.array([DEFAULT_STAY[name] for name in NAMES])
