"""The log read into a graph: a block of it at a time, and while one is projected, the next one is fetched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise, starmap
from typing import Final

from infrastructure.graph import VisitGraph, blocks
from infrastructure.graph.blocks import Block
from infrastructure.graph.projection import TOPICS
from infrastructure.log import EventLog

BATCH: Final = 50_000
"""Positions that a follower takes in at once."""
REPLAYED: Final = 100_000
"""The same for a replay, which nobody waits for and which has fewer parts to put together that way."""
_MANY: Final = 500_000
"""Events that are worth the second that it takes to have compiled loops."""


def get_ready(log: EventLog) -> None:
    """To be called before the whole log is read."""
    if log.head() >= _MANY:
        blocks.warm_up()


def replayed(log: EventLog, log_id: str, until: int) -> VisitGraph:
    """The graph as the events up to ``until`` make it. Raises Malformed, naming one that cannot be read."""
    graph = VisitGraph(log_id)
    places = ranges(0, until, REPLAYED)
    for (_, reached), block in zip(places, ahead(starmap(partial(_block, log), places)), strict=True):
        graph.project(block, reached)
    return graph


def project_next(graph: VisitGraph, log: EventLog, until: int) -> None:
    """One batch, also when the log has a gap there: ``verify`` finds gaps, a follower must not stop at one."""
    reached = min(graph.position + BATCH, until)
    graph.project(_block(log, graph.position, reached), reached)


def ranges(after: int, until: int, size: int) -> list[tuple[int, int]]:
    """``(after, until]`` in ranges of at most ``size`` positions."""
    return list(pairwise([*range(after, until, size), until]))


def ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same; while one is looked at, the next one is fetched."""
    with ThreadPoolExecutor(1, "ahead") as fetching:
        coming = fetching.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = fetching.submit(next, blocks, None)
            yield block


def _block(log: EventLog, after: int, until: int) -> Block:
    return Block.of(log.block(after, until, TOPICS))
