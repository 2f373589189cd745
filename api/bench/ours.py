"""truyvet's own graph, asked by the numbers of the simulation."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from api.bench.questions import MIN_SECONDS, Asked, AskedAt, Found, Many, Met, found, many, met
from api.bench.synthetic import Made, graph_of, numbers_in
from api.simulation.naming import PEOPLE, VENUES, uuid_of
from domain.contacts import Question
from infrastructure.graph import OverlapColumns, TraceColumns
from infrastructure.graph.arrays import Array


class Ours:
    name = "truyvet"

    def __init__(self, data: Made) -> None:
        self.graph = graph_of(data)
        people, _ = numbers_in(self.graph, data)
        self._person = np.zeros(len(self.graph.snapshot.people), np.int64)
        came = np.unique(data.visits.person)
        self._person[people[came]] = came

    def trace(self, asked: Asked) -> TraceColumns:
        return self.graph.trace(question(asked))

    def found(self, answer: TraceColumns) -> Found:
        contact = np.repeat(answer.person, np.diff(answer.via_first))
        pairs = self._numbers(contact) << np.uint64(32) | self._numbers(answer.via)
        columns = (answer.level, answer.exposed_at, answer.encounters, answer.contact_seconds, answer.certain)
        return found((self._person[answer.person], *columns), pairs)

    def overlaps(self, asked: AskedAt) -> OverlapColumns:
        person = None if asked.person is None else uuid_of(PEOPLE, asked.person)
        return self.graph.overlaps(uuid_of(VENUES, asked.venue), asked.start, asked.end, person)

    def met(self, answer: OverlapColumns) -> Met:
        people = (self._person[answer.person_a], self._person[answer.person_b])
        return met((*people, answer.start, answer.end, answer.certain))

    def first_contacts(self, asked: Sequence[Asked]) -> list[TraceColumns]:
        return list(self.graph.trace_many([question(one, 1) for one in asked]))

    def many(self, answer: Sequence[TraceColumns]) -> Many:
        number = np.repeat(np.arange(len(answer)), [len(one) for one in answer])
        names = ("person", "exposed_at", "encounters", "contact_seconds", "certain")
        person, *others = (np.concatenate([getattr(one, name) for one in answer]) for name in names)
        return many((number, self._person[person], *others))

    def _numbers(self, people: Array) -> Array:
        return self._person[people].astype(np.uint64)


@lru_cache(maxsize=10_000)  # who asks knows the UUID
def question(asked: Asked, levels: int = 2) -> Question:
    return Question(uuid_of(PEOPLE, asked.person), asked.start, asked.end, asked.until, levels, MIN_SECONDS)
