"""The visit graph as columns: every question as of every position, in milliseconds.

ids.py          UUIDs as numbers
part.py         versions of visits, sorted by venue and by person, in a few immutable parts
tidying.py      few parts out of many, beside the projection
blocks.py, plain.py, parsing.py     the bytes of many events as columns, by NumPy or by compiled loops
projection.py   what a batch of events says (facts.py)    versions.py   what that does to the rows
stays.py        stays of rows that depend on each other
places.py       which venues lie in which
trace.py, overlaps.py, scans.py, arrivals.py, confinements.py    the questions
kernel.py, scanning.py, loops.py                 traces in compiled loops, where numba is there
answers.py      columns that become domain objects when looked at
graph.py        VisitGraph, which holds it together          saved.py   as memory-mapped files
"""

from infrastructure.graph.answers import OverlapColumns, TraceColumns
from infrastructure.graph.facts import LoggedEvent
from infrastructure.graph.graph import VisitGraph, VisitRow
from infrastructure.graph.kernel import warm_up

__all__ = ["LoggedEvent", "OverlapColumns", "TraceColumns", "VisitGraph", "VisitRow", "warm_up"]
