"""Columns as lines of text, millions a second: fields of a fixed width whose filling is dropped at the end."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from api.simulation.columns import DAY, Array

_FILLING: Final = b"\x00"
_CLOCK: Final = np.array([f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z" for s in range(DAY)], "S10")


def lines(fields: Sequence[Array | bytes]) -> bytes:
    """One line for each row: arrays of bytes strings (n,), and what stands between them in every line."""
    count = next(len(field) for field in fields if not isinstance(field, bytes))
    kinds = [f"S{len(field)}" if isinstance(field, bytes) else field.dtype.str for field in fields]
    rows = np.empty(count, [(str(number), kind) for number, kind in enumerate(kinds)])
    for number, field in enumerate(fields):
        rows[str(number)] = field
    return rows.tobytes().translate(None, _FILLING)


def instants(seconds: Array) -> Array:
    """Like ``2021-08-30T02:00:00Z``."""
    days, clock = np.divmod(seconds, DAY)
    dates, which = np.unique(days, return_inverse=True)
    found = np.empty(len(seconds), [("date", "S10"), ("clock", "S10")])
    found["date"] = dates.astype("datetime64[D]").astype("S10")[which]
    found["clock"] = _CLOCK[clock]
    return found.view("S20")


def numbered(name: Callable[[int], str], count: int) -> Array:
    """The names of all numbers below ``count``."""
    return np.array([name(number) for number in range(count)], "S")


def uuid_texts(ids: Array) -> Array:
    """UUIDs of shape (n, 2), big halves first, as 8-4-4-4-12."""
    digits = ids.astype(">u8").tobytes().hex().encode()
    characters = np.frombuffer(digits, np.uint8).reshape(-1, 32)
    dashed = np.insert(characters, [8, 12, 16, 20], ord("-"), axis=1)
    return np.ascontiguousarray(dashed).view("S36")[:, 0]
