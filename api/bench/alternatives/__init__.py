"""What one would use instead, each set up as somebody would who knows it well; they get the stays ready-made.

sql.py   the questions in SQL, for both of   duckdb.py   postgres.py
polars.py                                   networkx.py   domain/contacts.py itself, for small sizes
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module

from api.bench.questions import System
from api.bench.stays import StayColumns
from domain.errors import Refused

THREADS = 2
NAMES = ("duckdb", "postgres", "polars", "networkx")
SMALL = 100_000
"""Visits, up to which networkx is asked."""

Opened = Callable[[StayColumns], AbstractContextManager[Sequence[System]]]


@contextmanager
def alternatives(names: Sequence[str], stays: StayColumns) -> Iterator[list[System]]:
    """Raises Refused for one that there is not, or that is not installed."""
    with ExitStack() as stack:
        yield [system for name in names for system in stack.enter_context(_opened(name)(stays))]


def _opened(name: str) -> Opened:
    if name not in NAMES:
        raise Refused(f"an alternative is one of {', '.join(NAMES)}")
    try:
        opened: Opened = import_module(f"api.bench.alternatives.{name}").opened
    except ImportError:
        raise Refused(f"install truyvet[bench] to measure against {name}") from None
    return opened
