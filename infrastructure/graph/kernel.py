"""Whether the compiled loops are there: they are brought in once, when a process means to answer many questions."""

from types import ModuleType

from infrastructure.graph import blocks
from infrastructure.graph.overlaps import Pairing, by_passes
from infrastructure.graph.trace import Tracer

_scanning: ModuleType | None = None


def tracer() -> type[Tracer] | None:
    """The compiled tracer, once it has been warmed up."""
    return None if _scanning is None else _scanning.CompiledTracer


def pairing() -> Pairing:
    """How overlaps are found: compiled, once that has been warmed up."""
    return by_passes if _scanning is None else _scanning.by_loops


def warm_up() -> bool:
    """Imports numba and compiles the loops, or takes them from its cache; False where there is no numba.

    Takes a second or two, the first time up to a minute. Questions to all graphs run compiled from then on.
    """
    global _scanning  # what is there holds for the process
    found = _found()
    if found is None:
        return False
    found.try_out()
    blocks.warm_up()
    _scanning = found
    return True


def _found() -> ModuleType | None:
    try:
        import numba  # noqa: F401 # only whether it is there
    except ImportError:
        return None
    from infrastructure.graph import scanning

    return scanning
