"""What is asked about: a simulated country, its visits in the graph, and its stays for the others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from api.simulation import Country, Schedule, Simulation, Visits, simulate
from api.simulation.kinds import DEFAULT_STAY_MINUTES
from api.simulation.naming import PEOPLE, VENUES, VISITS, uuids
from api.simulation.schedule import DAYS, FIRST_DAY, SEED
from api.simulation.writing import csv_blocks
from domain.times import start_of_day
from infrastructure.graph import VisitGraph
from infrastructure.graph.arrays import FOREVER, Array
from infrastructure.graph.facts import Facts, PlaceFacts, QuarantineFacts, StayFacts, VisitFacts

START = start_of_day(FIRST_DAY)
DAY = 86_400
END = START + DAYS * DAY

_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A country and its visits over 28 days."""

    country: Country
    visits: Visits

    def __len__(self) -> int:
        return len(self.visits)

    @property
    def default_stay(self) -> Array:
        """Seconds, by venue."""
        return DEFAULT_STAY_MINUTES[self.country.kind] * 60


def made(count: int, seed: int = SEED) -> Made:
    return Made(*simulate(count, seed=seed))


def graph_of(data: Made) -> VisitGraph:
    """What projecting the log of these visits would give: the venues first, then each visit, as a fact of its own."""
    graph, venues = VisitGraph(), data.country.venues
    graph.take_in(Facts(_no_visits(), _registered(data), *_nothing_else()), venues)
    for low in range(0, len(data), _AT_ONCE):
        some = data.visits.take(slice(low, low + _AT_ONCE))
        facts = _checked_in(some, venues + 1 + low)
        graph.take_in(Facts(facts, _registered(data, 0), *_nothing_else()), int(facts.position[-1]))
    graph.compact()
    return graph


def write_csv(count: int, path: Path) -> None:
    """The same visits as ``made`` gives."""
    with path.open("wb") as file:
        file.writelines(csv_blocks(Simulation(Schedule.of_visits(count), infected=0)))


def numbers_in(graph: VisitGraph, data: Made) -> tuple[Array, Array]:
    """What number the graph gave to each person and venue; those who never came have none, and say 0."""
    now = graph.snapshot
    people, venues = uuids(PEOPLE, np.arange(data.country.people)), uuids(VENUES, np.arange(data.country.venues))
    return now.people.numbers(people)[0], now.venues.numbers(venues)[0]


def _checked_in(some: Visits, first: int) -> VisitFacts:
    number = np.arange(first, first + len(some))
    start = some.check_in.astype(np.uint32)
    return VisitFacts(
        position=number.astype(np.uint32),
        checked_in=np.ones(len(some), bool),
        retracted=np.zeros(len(some), bool),
        person=uuids(PEOPLE, some.person),
        venue=uuids(VENUES, some.venue),
        tag=uuids(VISITS, number)[:, 1].astype(np.uint32),
        old_start=start,
        start=start,
        end=np.where(some.observed, some.check_out, np.int64(FOREVER)).astype(np.uint32),
    )


def _registered(data: Made, count: int | None = None) -> StayFacts:
    venue = np.arange(data.country.venues)[:count]
    return StayFacts(
        position=(venue + 1).astype(np.uint32),
        changed=np.zeros(len(venue), bool),
        venue=uuids(VENUES, venue),
        seconds=data.default_stay[venue].astype(np.uint32),
    )


def _no_visits() -> VisitFacts:
    return _checked_in(Visits(*(np.empty(0, kind) for kind in (np.int32, np.int32, np.int64, np.int64, bool))), 1)


def _nothing_else() -> tuple[PlaceFacts, QuarantineFacts]:
    none, nobody = np.empty(0, np.uint32), np.empty((0, 2), np.uint64)
    return PlaceFacts(none, nobody, nobody), QuarantineFacts(none, nobody, nobody, none, none)
