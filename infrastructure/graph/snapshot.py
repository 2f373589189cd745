"""What the graph knows, all of it, at one position."""

from dataclasses import dataclass

import numpy as np

from infrastructure.graph.arrays import Array
from infrastructure.graph.confinements import Confinements
from infrastructure.graph.ids import Ids
from infrastructure.graph.part import Part
from infrastructure.graph.places import Places


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All that is known up to ``position``; a reader keeps the one it began with."""

    position: int
    parts: tuple[Part, ...]
    people: Ids
    venues: Ids
    default_stay: Array  # uint32 seconds by number of venue
    places: Places
    confinements: Confinements

    @classmethod
    def empty(cls) -> "Snapshot":
        return cls(0, (), Ids.none(), Ids.none(), np.empty(0, np.uint32), Places.none(), Confinements.none())
