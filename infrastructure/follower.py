"""The visit graph of this process, kept up with the log: at once when asked, or by a supervised thread.

The thread listens for appends, and looks again every second in case a notification was lost. Whatever goes wrong - a
database that restarts, a connection that is cut, an event that cannot be read - is shown in ``status`` and tried again.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

from domain.contacts import Overlap, Question
from domain.errors import TimedOut
from domain.times import Seconds
from infrastructure.graph import VisitGraph
from infrastructure.graph.answers import TraceColumns
from infrastructure.graph.projection import VisitRow
from infrastructure.log import EventLog

_BATCH = 50_000
_LISTEN_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 2.0
_SAVE_AFTER = 100_000  # events since the last save

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """``position`` of the view; ``error`` of the last attempt, None when it succeeded."""

    position: int
    error: str | None


class GraphFollower:
    """Answers as the graph does, and keeps it up; ``directory`` holds the saved columns, shared by all processes."""

    def __init__(self, log: EventLog, directory: Path) -> None:
        self.log = log
        self.directory = directory
        self._log_id = log.log_id()
        self._graph = VisitGraph.load(directory, self._log_id) or VisitGraph()
        if self._graph.position > log.head():
            self._graph = VisitGraph()
        self._saved = self._graph.position
        self._moved = threading.Condition()
        self._stopping = threading.Event()
        self._projecting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._error: str | None = None

    @property
    def position(self) -> int:
        return self._graph.position

    @property
    def columns(self) -> VisitGraph:
        return self._graph

    @property
    def status(self) -> Status:
        return Status(self.position, self._error)

    def trace(self, question: Question, as_of: int | None = None, *, evidence: bool = False) -> TraceColumns:
        return self._graph.trace(question, as_of, evidence=evidence)

    def overlaps(
        self, venue: UUID, start: Seconds, end: Seconds, person: UUID | None = None,
        min_seconds: Seconds = 0, as_of: int | None = None,
    ) -> Iterable[Overlap]:  # fmt: skip
        return self._graph.overlaps(venue, start, end, person, min_seconds, as_of)

    def visits_of_person(self, person: UUID, as_of: int | None = None) -> Sequence[VisitRow]:
        return self._graph.visits_of_person(person, as_of)

    def visits_of_venue(
        self, venue: UUID, start: Seconds, end: Seconds, as_of: int | None = None
    ) -> Sequence[VisitRow]:
        return self._graph.visits_of_venue(venue, start, end, as_of)

    def catch_up(self) -> int:
        """Project everything that is in the log now; the position reached."""
        head = self.log.head()
        while self.position < head:
            self._project_batch()
        self._save_when_due()
        return self.position

    def wait_for(self, position: int, seconds: float) -> None:
        """Raises TimedOut when the view has not reached ``position`` by then."""
        with self._moved:
            if not self._moved.wait_for(lambda: self.position >= position, timeout=seconds):
                raise TimedOut(f"the view is at position {self.position}, {position} was waited for")

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="visit graph", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _project_batch(self) -> None:
        with self._projecting:
            events = self.log.batch(self.position, _BATCH)
            if events:
                self._graph.project(events, events[-1].position)
        with self._moved:
            self._moved.notify_all()

    def _save_when_due(self) -> None:
        if self.position - self._saved >= _SAVE_AFTER:
            self._graph.save(self.directory, self._log_id)
            self._saved = self.position

    def _follow(self) -> None:
        pause = 0.05
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # a follower outlives every failure and shows it
                self._error = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                _logger.warning("the visit graph cannot follow the log", error=self._error, position=self.position)
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                pause = 0.05

    def _listen(self) -> None:
        """Until stopped, or until something fails."""
        with self.log.database.connect() as connection:
            connection.execute("LISTEN events")
            while not self._stopping.is_set():
                self.catch_up()
                self._error = None
                deadline = time.monotonic() + _LISTEN_SECONDS
                for _ in connection.notifies(timeout=max(0.0, deadline - time.monotonic()), stop_after=1):
                    pass
