"""The visit graph of this process, kept up with the log: at once when asked, or by a supervised thread.

Its columns are saved when much is new, by one process at a time. Then every process goes on from what was saved: mapped
from files, it is the same memory in all of them. Both are done aside, while the graph is kept up.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from domain.adoption import WeekScans
from domain.contacts import Overlap, Question
from domain.errors import TimedOut
from domain.quality import Arrival, Elsewhere
from domain.times import Seconds
from infrastructure.following import Following, Status
from infrastructure.graph import TraceColumns, VisitGraph, VisitRow, saved
from infrastructure.log import EventLog
from infrastructure.replaying import BATCH, REPLAYED, get_ready, project_next, replayed

_LOOK_SECONDS = 0.5
_MUCH = 100_000
_MUCH_OF_ALL = 40
"""So many events are much that is new, or one for so many that are saved, when that is more."""


class GraphFollower:
    """Answers as the graph does, and keeps it up; ``directory`` holds the saved columns, shared by all processes."""

    def __init__(self, log: EventLog, directory: Path, revive: Callable[[], object] | None = None) -> None:
        self.log = log
        self.directory = directory
        self._log_id = log.log_id()
        self._graph = VisitGraph.load(directory, self._log_id) or VisitGraph(self._log_id)
        if self._graph.position > log.head():
            self._graph = VisitGraph(self._log_id)
        self._shared = self._graph.position
        self._sharing: Future[None] | None = None
        self._aside = ThreadPoolExecutor(1, "visit graph, saved")
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

    def trace_many(self, questions: Sequence[Question], as_of: int | None = None) -> Iterable[TraceColumns]:
        return self._graph.trace_many(questions, as_of)

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
        if head - self.position > REPLAYED:
            get_ready(self.log)
        while self.position < head:
            self._project_batch(head)
        self._share_when_much_is_new()
        return self.position

    @contextmanager
    def abreast(self) -> Iterator[None]:
        """While much is appended from here, another thread projects it, a batch at a time; nothing is saved meanwhile.

        What cannot be projected is for catch_up() to raise.
        """
        over = threading.Event()
        with ThreadPoolExecutor(1, "visit graph, abreast") as aside:
            projecting = aside.submit(self._go_abreast, over)
            try:
                yield
            finally:
                over.set()
                wait([projecting])

    def _go_abreast(self, over: threading.Event) -> None:
        while not over.wait(_LOOK_SECONDS):
            head = self.log.head()
            if head - self.position >= BATCH:
                get_ready(self.log)
            while head - self.position >= BATCH and not over.is_set():
                self._project_batch(head)

    def wait_for(self, position: int, seconds: float) -> None:
        """Raises TimedOut when the view has not reached ``position`` by then."""
        with self._moved:
            if not self._moved.wait_for(lambda: self.position >= position, timeout=seconds):
                raise TimedOut(f"the view is at position {self.position}, {position} was waited for")

    def start(self) -> None:
        self._following.start()

    def stop(self) -> None:
        """Waits until what is being saved is whole."""
        self._following.stop()
        wait([self._sharing] if self._sharing else [])

    def rebuild(self) -> str:
        """Forget the saved columns and replay the log; the checksum. Questions get the old graph until it is done."""
        graph = replayed(self.log, self._log_id, self.log.head())
        with saved.alone(self.directory, wait=True):
            with self._projecting:
                while graph.position < self.position:
                    project_next(graph, self.log, self.position)
                self._graph, self._shared = graph, graph.position
            saved.forget(self.directory)
            graph.save(self.directory)
        return graph.checksum()

    def _project_batch(self, head: int) -> None:
        with self._projecting:
            project_next(self._graph, self.log, head)
        with self._moved:
            self._moved.notify_all()

    def _share_when_much_is_new(self) -> None:
        """Aside. Raises what went wrong the last time."""
        if self._sharing is not None and not self._sharing.done():
            return
        before, self._sharing = self._sharing, None
        if before is not None:
            before.result()
        if self._is_much_new_since(self._shared):
            self._sharing = self._aside.submit(self._share)

    def _is_much_new_since(self, position: int) -> bool:
        return self.position - position >= max(_MUCH, position // _MUCH_OF_ALL)

    def _share(self) -> None:
        with saved.alone(self.directory) as nobody_else_saves:
            if nobody_else_saves and self._is_much_new_since(saved.saved_position(self.directory, self._log_id)):
                with saved.scratch(self.directory) as room:
                    self._graph.tidy(room)
                    self._graph.save(self.directory)
        self._take_up()

    def _take_up(self) -> None:
        """What was saved since, by whomever; a graph that a rebuild replaces meanwhile does so for nobody."""
        own, graph = self._graph, VisitGraph.load(self.directory, self._log_id, after=self._shared)
        if graph is None:
            return
        shared = graph.position
        while graph.position < own.position:
            project_next(graph, self.log, own.position)
        with self._projecting:
            while graph.position < own.position:
                project_next(graph, self.log, own.position)
            own.take_up(graph.snapshot)
            self._shared = shared
