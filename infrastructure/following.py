"""A view that follows the log by itself: a supervised thread that outlives every failure and shows it.

It listens for appends, and looks again every second in case a notification was lost. Whatever goes wrong - a database
that restarts, a connection that is cut, an event that cannot be read - is shown in ``error`` and tried again. Before
that it calls ``revive``, if there is one: a database of our own may need somebody to start it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from psycopg import Connection
from psycopg.rows import DictRow

from infrastructure.database import Database

_LOOK_SECONDS = 1.0
_SHORTEST_GATHERING_SECONDS = 0.005
_STOP_SECONDS = 0.1  # a thread that listens sees within this time that it shall stop
_SHORTEST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """``position`` of the view; ``error`` of the last attempt, None when it succeeded."""

    position: int
    error: str | None


class Following:
    """Calls ``catch_up`` at the start and after every append, with the connection that listens: it is the thread's
    own, so what ``catch_up`` locks or begins on it ends with it."""

    def __init__(
        self,
        view: str,
        database: Database,
        catch_up: Callable[[Connection[DictRow]], object],
        revive: Callable[[], object] | None = None,
        gather_seconds: float = 0.1,
    ) -> None:
        """In a rush, what is appended within ``gather_seconds`` is taken in together."""
        self.view = view
        self._gather_seconds = gather_seconds
        self._gathering = _SHORTEST_GATHERING_SECONDS
        self.error: str | None = None
        self._database = database
        self._catch_up = catch_up
        self._revive = revive
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause = _SHORTEST_PAUSE_SECONDS

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.view, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # a follower outlives every failure and shows it
                self.error = _in_one_line(error)
                _logger.warning("a view cannot follow the log", view=self.view, error=self.error)
                self._stopping.wait(self._pause)
                self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
                self._prepare_retry()

    def _prepare_retry(self) -> None:
        if self._revive is None or self._stopping.is_set():
            return
        try:
            self._revive()
        except Exception as error:  # the retry itself shows what is wrong
            _logger.warning("the database cannot be revived", view=self.view, error=_in_one_line(error))

    def _listen(self) -> None:
        """Until stopped, or until something fails."""
        with self._database.connect() as connection:
            connection.execute("LISTEN events")
            while not self._stopping.is_set():
                self._catch_up(connection)
                self.error = None
                self._pause = _SHORTEST_PAUSE_SECONDS
                self._await_append(connection)

    def _await_append(self, connection: Connection[DictRow]) -> None:
        """Not at once after the last time, and later as long as something waits each time: that is a rush."""
        self._stopping.wait(self._gathering)
        if list(connection.notifies(timeout=0, stop_after=1)):
            self._gathering = min(2 * self._gathering, self._gather_seconds)
            return
        self._gathering = _SHORTEST_GATHERING_SECONDS
        for _ in range(round(_LOOK_SECONDS / _STOP_SECONDS)):
            if self._stopping.is_set() or list(connection.notifies(timeout=_STOP_SECONDS, stop_after=1)):
                return


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
