"""What was looked up a moment ago and may be that old."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Found(Generic[V]):
    value: V
    since: float
    being_renewed: bool = False


class Recent(Generic[K, V]):
    """What ``look`` found less than ``seconds`` ago, of at most ``most`` keys; what it did not find is not kept.

    From half that age on, the first who asks looks again while the others go on with what is known.
    """

    def __init__(
        self,
        look: Callable[[K], V | None],
        seconds: float,
        most: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._found: dict[K, _Found[V]] = {}
        self._changing = Lock()

    def known(self, key: K) -> V | None:
        """Without looking; None when it has to be looked up."""
        found = self._found.get(key)
        if found is None:
            return None
        age = self._clock() - found.since
        if age < self._seconds / 2 or (age < self._seconds and found.being_renewed):
            return found.value
        found.being_renewed = True
        return None

    def look_up(self, key: K) -> V | None:
        """As it is now."""
        since = self._clock()  # before it is looked for, so that nothing older counts as younger
        value = self._look(key)
        with self._changing:
            self._found.pop(key, None)
            if value is not None:
                while len(self._found) >= self._most:
                    del self._found[next(iter(self._found))]
                self._found[key] = _Found(value, since)
        return value

    def get(self, key: K) -> V | None:
        found = self.known(key)
        return self.look_up(key) if found is None else found
