"""networkx: the reference in domain/contacts.py itself. Seconds a question, so for small sizes only."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from api.bench.questions import MIN_SECONDS, Asked, AskedAt, Found, Met, found_with_lists, met
from api.bench.stays import StayColumns
from domain.contacts import Overlap, Question, Trace, overlaps, trace, visit_graph
from domain.stays import Stay


class Networkx:
    name = "networkx"

    def __init__(self, stays: StayColumns) -> None:
        rows = zip(*(column.tolist() for column in stays), strict=True)
        self.graph = visit_graph(
            Stay(person, venue, start, end, observed, visits=(number,))
            for number, (person, venue, start, end, observed) in enumerate(rows)
        )

    def trace(self, asked: Asked) -> Trace:
        return trace(self.graph, [], Question(asked.person, asked.start, asked.end, asked.until, 2, MIN_SECONDS))

    def found(self, answer: Trace) -> Found:
        rows = [(c.person, c.level, c.exposed_at, c.encounters, c.contact_seconds, c.certain) for c in answer.contacts]
        return found_with_lists(list(np.array(rows, np.int64).reshape(-1, 6).T), [c.via for c in answer.contacts])

    def overlaps(self, asked: AskedAt) -> list[Overlap]:
        return overlaps(self.graph, *asked)

    def met(self, answer: list[Overlap]) -> Met:
        rows = [(o.person_a, o.person_b, o.start, o.end, o.certain) for o in answer]
        return met(list(np.array(rows, np.int64).reshape(-1, 5).T))


@contextmanager
def opened(stays: StayColumns) -> Iterator[list[Networkx]]:
    yield [Networkx(stays)]
