"""Whether the compiled loops are there: they are brought in once, when a process means to answer many questions."""

from types import ModuleType

from infrastructure.graph.trace import Tracer

_tracer: type[Tracer] | None = None


def tracer() -> type[Tracer] | None:
    """The compiled tracer, once it has been warmed up."""
    return _tracer


def warm_up() -> bool:
    """Imports numba and compiles the loops, or takes them from its cache; False where there is no numba.

    Takes a second or two, the first time up to a minute. Traces of all graphs run compiled from then on.
    """
    global _tracer  # what is there holds for the process
    scanning = _scanning()
    if scanning is None:
        return False
    scanning.try_out()
    _tracer = scanning.CompiledTracer
    return True


def _scanning() -> ModuleType | None:
    try:
        import numba  # noqa: F401 # only whether it is there
    except ImportError:
        return None
    from infrastructure.graph import scanning

    return scanning
