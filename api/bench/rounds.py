"""Everybody is asked each question in turn, in three rounds, twice in a row in each; the quickest of the six counts."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

ROUNDS = 3
IN_A_ROW = 2
TIMES = ROUNDS * IN_A_ROW
SECONDS = 120.0
"""Nobody is asked any more who has taken so long in all; the questions come in an order by chance."""
_ORDER = 5


class Asking(NamedTuple):
    """One who is asked, by name: what is timed, and how its raw answer becomes comparable."""

    name: str
    ask: Callable[[Any], Any]
    comparable: Callable[[Any], Any]


class Answered(NamedTuple):
    """``seconds`` by name, by question, None where it was not asked; ``sizes`` of the answers of the first of them."""

    seconds: dict[str, list[float | None]]
    sizes: list[int]
    equal: bool


def ask_all(
    everyone: Sequence[Asking], questions: Sequence[Any], same: Callable[[Sequence[Any]], bool],
    patience: float = SECONDS,
) -> Answered:  # fmt: skip
    """The first of ``everyone`` is asked every question."""
    seconds: dict[str, list[float | None]] = {one.name: [None] * len(questions) for one in everyone}
    spent = dict.fromkeys(seconds, 0.0)
    sizes, equal = [0] * len(questions), True
    order = random.Random(_ORDER).sample(range(len(questions)), len(questions))  # noqa: S311 # an order, no secret
    for number in order:
        asked = [one for place, one in enumerate(everyone) if not place or spent[one.name] < patience]
        answers: dict[str, Any] = {}
        best = dict.fromkeys((one.name for one in asked), float("inf"))
        for one in asked * ROUNDS:
            for _ in range(IN_A_ROW):
                started = time.perf_counter()
                answers[one.name] = one.ask(questions[number])
                took = time.perf_counter() - started
                best[one.name] = min(best[one.name], took)
                spent[one.name] += took
        compared = [one.comparable(answers[one.name]) for one in asked]
        equal = equal and same(compared)
        sizes[number] = len(compared[0][0])
        for name, took in best.items():
            seconds[name][number] = took
    return Answered(seconds, sizes, equal)
