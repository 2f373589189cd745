"""What made-up people and venues are called. Nobody is called so."""

from uuid import UUID

import numpy as np

from api.simulation.columns import Array

PEOPLE, VENUES, VISITS = range(1, 4)

_STEP = np.uint64(0x9E3779B97F4A7C15)


def person_name(number: int) -> str:
    return f"ref:p{number}"


def venue_code(number: int) -> str:
    return f"v{number}"


def uuid_of(what: int, number: int) -> UUID:
    return UUID(bytes=uuids(what, np.array([number])).astype(">u8").tobytes())


def uuids(what: int, numbers: Array) -> Array:
    """For people, venues or visits: uint64 of shape (n, 2), other ones for each number."""
    state = (numbers.astype(np.uint64) << np.uint64(3)) + np.uint64(2 * what)
    return np.stack([_mixed(state), _mixed(state + np.uint64(1))], axis=1)


def _mixed(state: Array) -> Array:
    """SplitMix64 (Steele, Lea and Flood, 2014), which maps no two states to one."""
    state = (state + np.uint64(1)) * _STEP
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state
