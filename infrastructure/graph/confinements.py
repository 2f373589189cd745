"""Quarantines as the graph knows them: who is confined when, and since which position that is known."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from domain.contacts import Confinement
from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.ids import Ids


class Confined(NamedTuple):
    """An event about a quarantine, with the times that it leaves standing."""

    position: int
    quarantine: int
    person: int
    since: int
    until: int


@dataclass(frozen=True, slots=True, eq=False)
class Confinements:
    """n versions of quarantines, each known in positions ``[known_from, known_until)``; immutable.

    ``columns`` (uint32, shape (6, n)) are quarantine, person, since, until, known_from, known_until; ``current`` gives
    the version of each quarantine that no other has superseded.
    """

    ids: Ids
    columns: Array
    current: Array

    @classmethod
    def none(cls) -> "Confinements":
        return cls(Ids.none(), np.empty((6, 0), np.uint32), np.empty(0, np.uint32))

    def after(self, ids: Ids, events: Iterable[Confined]) -> "Confinements":
        """With what these events say, in order of their positions."""
        current = dict(enumerate(self.current.tolist()))
        rows: list[tuple[int, ...]] = []
        ended: dict[int, int] = {}
        for event in events:
            if event.quarantine in current:
                ended[current[event.quarantine]] = event.position
            current[event.quarantine] = self.columns.shape[1] + len(rows)
            rows.append((event.quarantine, event.person, event.since, event.until, event.position, int(FOREVER)))
        if not rows:
            return self
        columns = np.concatenate([self.columns, np.array(rows, np.uint32).T], axis=1)
        columns[5, list(ended)] = list(ended.values())
        return replace(
            self, ids=ids, columns=columns, current=np.array([current[n] for n in range(len(ids))], np.uint32)
        )

    def known_at(self, position: int) -> tuple[Array, Array, Array]:
        """Person, since and until of the quarantines known at ``position``."""
        _, person, since, until, known_from, known_until = self.columns
        known = (known_from <= position) & (position < known_until)
        return person[known], since[known], until[known]

    def last_before(self, position: int) -> int:
        """The last position up to ``position`` that says something about quarantines."""
        known_from = self.columns[4]
        at = int(np.searchsorted(known_from, position, "right"))
        return int(known_from[at - 1]) if at else 0

    @property
    def nbytes(self) -> int:
        return self.ids.nbytes + self.columns.nbytes + self.current.nbytes


class KnownConfinements:
    """Who is confined, as known at one position, among people numbered from 0 to ``people`` and some beyond."""

    def __init__(self, confinements: Confinements, position: int, people: int) -> None:
        self._all, self._since_position = confinements, confinements.last_before(position)
        person, since, until = confinements.known_at(position)
        order = np.argsort(person, kind="stable")
        self._person, self._since, self._until = person[order], since[order], until[order]
        self.ever = np.zeros(people + people // 4, bool)
        self.ever[person] = True

    def hold(self, confinements: Confinements, position: int, people: int) -> bool:
        """Whether just the same is known of these ``confinements`` at ``position``."""
        same = confinements is self._all and people <= len(self.ever)
        return same and confinements.last_before(position) == self._since_position

    @property
    def columns(self) -> tuple[Array, Array, Array, Array]:
        """Who is ever confined (bool, by person), and person, since and until (uint32) by person."""
        return self.ever, self._person, self._since, self._until

    def of(self, person: int) -> list[Confinement]:
        low, high = np.searchsorted(self._person, np.array([person, person + 1], np.uint32)).tolist()
        return [
            Confinement(person, since, None if until == FOREVER else until)
            for since, until in zip(self._since[low:high].tolist(), self._until[low:high].tolist(), strict=True)
        ]
