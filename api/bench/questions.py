"""What everybody is asked, and answers in a form that can be compared."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from infrastructure.graph.arrays import Array

MIN_SECONDS = 900


class Asked(NamedTuple):
    """F0 → F1 → F2: an index person, infectious in ``[start, end)``, nothing later than ``until``."""

    person: int
    start: int
    end: int
    until: int


class AskedAt(NamedTuple):
    """Who were at a venue together in ``[start, end)``; with ``person``, only who were there with them."""

    venue: int
    start: int
    end: int
    person: int | None


class Found(NamedTuple):
    """n contacts by person; ``pairs`` are (contact << 32 | infector), in order."""

    person: Array
    level: Array
    exposed_at: Array
    encounters: Array
    seconds: Array
    certain: Array
    pairs: Array


class Met(NamedTuple):
    """n overlaps in the order of their columns; ``one`` is the smaller number of the two people."""

    one: Array
    other: Array
    start: Array
    end: Array
    certain: Array


class Many(NamedTuple):
    """The F1 of many cases, n in all, by the number of the case and person."""

    number: Array
    person: Array
    exposed_at: Array
    encounters: Array
    seconds: Array
    certain: Array


class System(Protocol):
    """Who is asked. The raw answers are timed, and made comparable afterwards."""

    name: str

    def trace(self, asked: Asked) -> Any: ...

    def found(self, answer: Any) -> Found: ...

    def overlaps(self, asked: AskedAt) -> Any: ...

    def met(self, answer: Any) -> Met: ...


@runtime_checkable
class AskedOfMany(Protocol):
    """Who answers for many cases at once."""

    name: str

    def first_contacts(self, asked: Sequence[Asked]) -> Any: ...

    def many(self, answer: Any) -> Many: ...


def found(columns: Sequence[Array], pairs: Array) -> Found:
    """From columns person to certain in any order."""
    order = np.argsort(columns[0], kind="stable")
    ordered = [np.asarray(column)[order].astype(np.int64) for column in columns]
    return Found._make([*ordered, np.sort(pairs.astype(np.uint64))])


def found_with_lists(columns: Sequence[Array], via: Sequence[Sequence[int]]) -> Found:
    """The infectors as a list for each contact."""
    contact = np.repeat(np.asarray(columns[0], np.uint64), [len(infectors) for infectors in via])
    infector = np.fromiter(_each(via), np.uint64, len(contact))
    return found(columns, contact << np.uint64(32) | infector)


def met(columns: Sequence[Array]) -> Met:
    """From one, other, start, end, certain in any order, also of the two people."""
    a, b, start, end, certain = (np.asarray(column).astype(np.int64) for column in columns)
    one, other = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((certain, end, start, other, one))
    return Met(*(column[order] for column in (one, other, start, end, certain)))


def many(columns: Sequence[Array]) -> Many:
    order = np.lexsort((columns[1], columns[0]))
    return Many(*(np.asarray(column)[order].astype(np.int64) for column in columns))


def same(answers: Sequence[Sequence[Array]]) -> bool:
    return all(all(map(np.array_equal, answers[0], other)) for other in answers[1:])


def _each(lists: Sequence[Sequence[int]]) -> Iterator[int]:
    for numbers in lists:
        yield from numbers
