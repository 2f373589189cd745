"""The visit graph as columns: every question as of every position, in milliseconds.

ids.py          UUIDs as numbers
part.py         versions of visits, sorted by venue and by person, in a few immutable parts
projection.py   what a batch of events says      versions.py   what that does to the rows
stays.py        stays of rows that depend on each other
places.py       which venues lie in which
trace.py, overlaps.py, scans.py, arrivals.py, confinements.py    the questions
kernel.py, scanning.py, loops.py                 traces in compiled loops, where numba is there
answers.py      columns that become domain objects when looked at
graph.py        VisitGraph, which holds it together          saved.py   as memory-mapped files
"""

from infrastructure.graph.answers import OverlapColumns, TraceColumns
from infrastructure.graph.graph import VisitGraph, VisitRow
from infrastructure.graph.kernel import warm_up
from infrastructure.graph.projection import LoggedEvent

__all__ = ["LoggedEvent", "OverlapColumns", "TraceColumns", "VisitGraph", "VisitRow", "warm_up"]
