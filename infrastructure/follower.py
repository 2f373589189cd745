"""The visit graph of this process, kept up with the log: at once when asked, or by a supervised thread."""

import gc
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from domain.adoption import WeekScans
from domain.contacts import Overlap, Question
from domain.errors import TimedOut
from domain.quality import Arrival, Elsewhere
from domain.times import Seconds
from infrastructure.following import Following, Status
from infrastructure.graph import TraceColumns, VisitGraph, VisitRow
from infrastructure.log import EventLog

_BATCH = 50_000
_SAVE_AFTER = 100_000  # events since the last save


class GraphFollower:
    """Answers as the graph does, and keeps it up; ``directory`` holds the saved columns, shared by all processes."""

    def __init__(self, log: EventLog, directory: Path, revive: Callable[[], object] | None = None) -> None:
        self.log = log
        self.directory = directory
        self._log_id = log.log_id()
        self._graph = VisitGraph.load(directory, self._log_id) or VisitGraph(self._log_id)
        if self._graph.position > log.head():
            self._graph = VisitGraph(self._log_id)
        self._saved = self._graph.position
        self._moved = threading.Condition()
        self._projecting = threading.Lock()
        self._following = Following("visit graph", log.database, lambda _: self.catch_up(), revive)

    @property
    def position(self) -> int:
        return self._graph.position

    @property
    def columns(self) -> VisitGraph:
        return self._graph

    @property
    def status(self) -> Status:
        return Status(self.position, self._following.error)

    def trace(self, question: Question, as_of: int | None = None, *, evidence: bool = False) -> TraceColumns:
        return self._graph.trace(question, as_of, evidence=evidence)

    def overlaps(
        self, venue: UUID, start: Seconds, end: Seconds, person: UUID | None = None,
        min_seconds: Seconds = 0, as_of: int | None = None, *, parts: bool = False,
    ) -> Iterable[Overlap]:  # fmt: skip
        return self._graph.overlaps(venue, start, end, person, min_seconds, as_of, parts=parts)

    def within(self, venue: UUID, as_of: int | None = None) -> Sequence[UUID]:
        return self._graph.within(venue, as_of)

    def visits_of_person(self, person: UUID, as_of: int | None = None) -> Sequence[VisitRow]:
        return self._graph.visits_of_person(person, as_of)

    def visits_of_venue(
        self, venue: UUID, start: Seconds, end: Seconds, as_of: int | None = None, *, parts: bool = False
    ) -> Sequence[VisitRow]:
        return self._graph.visits_of_venue(venue, start, end, as_of, parts=parts)

    def week_scans(
        self, venues: Sequence[UUID], days: Sequence[Seconds], weekend: Sequence[int], as_of: int | None = None
    ) -> WeekScans:
        return self._graph.week_scans(venues, days, weekend, as_of)

    def arrivals(
        self, venue: UUID, start: Seconds, end: Seconds, near: Seconds, as_of: int | None = None
    ) -> tuple[Sequence[Arrival], Sequence[Elsewhere], Sequence[Elsewhere]]:
        return self._graph.arrivals(venue, start, end, near, as_of)

    def last_check_in(self, venue: UUID, as_of: int | None = None) -> Seconds | None:
        return self._graph.last_check_in(venue, as_of)

    def catch_up(self) -> int:
        """Project everything that is in the log now; the position reached."""
        head = self.log.head()
        while self.position < head:
            self._project_batch(head)
        self._save_when_due()
        return self.position

    def wait_for(self, position: int, seconds: float) -> None:
        """Raises TimedOut when the view has not reached ``position`` by then."""
        with self._moved:
            if not self._moved.wait_for(lambda: self.position >= position, timeout=seconds):
                raise TimedOut(f"the view is at position {self.position}, {position} was waited for")

    def start(self) -> None:
        self._following.start()

    def stop(self) -> None:
        self._following.stop()

    def rebuild(self) -> str:
        """Forget the saved columns and replay the log; the checksum. Questions get the old graph until it is done."""
        graph = replayed(self.log, self._log_id, self.log.head())
        with self._projecting:
            while graph.position < self.position:
                project_next(graph, self.log, self.position)
            shutil.rmtree(self.directory, ignore_errors=True)
            graph.save(self.directory)
            self._graph, self._saved = graph, graph.position
        return graph.checksum()

    def _project_batch(self, head: int) -> None:
        with self._projecting:
            project_next(self._graph, self.log, head)
        with self._moved:
            self._moved.notify_all()

    def _save_when_due(self) -> None:
        if self.position - self._saved >= _SAVE_AFTER:
            self._graph.save(self.directory)
            self._saved = self.position


def replayed(log: EventLog, log_id: str, until: int) -> VisitGraph:
    """The graph as the events up to ``until`` make it. Raises Malformed, naming one that cannot be read."""
    graph = VisitGraph(log_id)
    while graph.position < until:
        project_next(graph, log, until)
    return graph


def project_next(graph: VisitGraph, log: EventLog, until: int) -> None:
    """One batch, also when the log has a gap there: ``verify`` finds gaps, a follower must not stop at one."""
    reached = min(graph.position + _BATCH, until)
    with _without_collecting():
        graph.project(log.batch(graph.position, reached - graph.position), reached)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A batch is hundreds of thousands of objects without a circle: looking for circles takes as long as reading it."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_collecting:
            gc.enable()
