"""Everybody answers each question once, which is compared; then they take turns in three rounds of all questions.

In a round each question is asked twice in a row; the quickest of the seven counts. So everybody finds the caches as
they left them themselves, as they would alone on the machine.
"""

import random
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

ROUNDS = 3
IN_A_ROW = 2
TIMES = 1 + ROUNDS * IN_A_ROW
SECONDS = 180.0
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
    best = {one.name: [inf] * len(questions) for one in everyone}
    spent = dict.fromkeys(best, 0.0)
    sizes, equal = [0] * len(questions), True
    order = random.Random(_ORDER).sample(range(len(questions)), len(questions))  # noqa: S311 # an order, no secret

    def ask(one: Asking, number: int) -> Any:
        started = time.perf_counter()
        answer = one.ask(questions[number])
        took = time.perf_counter() - started
        best[one.name][number] = min(best[one.name][number], took)
        spent[one.name] += took
        return answer

    for number in order:
        asked = [one for place, one in enumerate(everyone) if not place or spent[one.name] < patience]
        compared = [one.comparable(ask(one, number)) for one in asked]
        equal = equal and same(compared)
        sizes[number] = len(compared[0][0])
    for one in list(everyone) * ROUNDS:
        for number in order:
            if best[one.name][number] < inf and (one is everyone[0] or spent[one.name] < patience):
                for _ in range(IN_A_ROW):
                    ask(one, number)
    seconds = {name: [None if took == inf else took for took in all_took] for name, all_took in best.items()}
    return Answered(seconds, sizes, equal)
