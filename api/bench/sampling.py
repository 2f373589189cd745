"""Where threads are, looked up many times a second: which of our modules, and what for, with the standard library."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

_EVERY_SECONDS: Final = 0.002
_OURS: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("domain", "application", "infrastructure", "api")
_WAITING: Final = ("threading.py", "queue.py", "selectors.py", "_base.py", "thread.py", "socket.py")
_SHOWN: Final = 10


class Samples(Counter[str]):
    """How often a thread was in each module."""

    def shares(self) -> dict[str, float]:
        """In percent, the largest ones first."""
        whole = self.total()
        return {place: round(100 * count / whole, 1) for place, count in self.most_common(_SHOWN)}


@contextmanager
def sampled() -> Iterator[Samples]:
    """Every thread that does not wait for another: Python, and what Python called for (PostgreSQL's answer, too)."""
    samples, over = Samples(), threading.Event()
    thread = threading.Thread(target=_sample, args=(samples, over), daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def _sample(samples: Samples, over: threading.Event) -> None:
    own = threading.get_ident()
    while not over.is_set():
        for ident, frame in sys._current_frames().items():
            if ident != own and Path(frame.f_code.co_filename).name not in _WAITING:
                samples[_place(frame)] += 1
        time.sleep(_EVERY_SECONDS)


def _place(frame: FrameType) -> str:
    """The innermost function of ours."""
    at: FrameType | None = frame
    while at is not None:
        path = Path(at.f_code.co_filename)
        if path.is_relative_to(_OURS) and path.relative_to(_OURS).parts[0] in _PACKAGES:
            return f"{path.relative_to(_OURS)} {at.f_code.co_name}"
        at = at.f_back
    return "elsewhere"
