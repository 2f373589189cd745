"""Files of facts: the same decisions as one by one, many at once.

visits.py      visits, in batches       batch.py        lines on their way
reading.py     what lines say           instants.py     times, a column at once
names.py       who and where that is    decision.py     what each line is
encoding.py    events without aggregates
quarantines.py dispositions.py          one line after another
dialler_files.py what diallers write    recorded.py     the import's own stream
"""

import time
from collections.abc import Callable
from typing import IO, Final

from application.calls import Calls
from application.people import People
from application.provenance import Provenance
from application.quarantines import Quarantines
from application.venues import Venues
from domain.times import Seconds
from domain.venues import Minutes
from infrastructure.imports.batch import Outcome, Progress, Reject, Tally
from infrastructure.imports.dialler_files import DiallerFormat, dialler_lines
from infrastructure.imports.dispositions import DispositionImport
from infrastructure.imports.quarantines import QuarantineImport
from infrastructure.imports.tools import Tools
from infrastructure.imports.visits import VisitImport
from infrastructure.lines import Lines, Unreadable
from infrastructure.log import EventLog
from infrastructure.vault import SealedVault

__all__ = ["DiallerFormat", "Imports", "Outcome", "Progress", "Reject", "Tally"]

VISIT_COLUMNS: Final = ("person", "venue", "check_in", "check_out")
VISIT_OPTIONS: Final = ("visit_id", "source")
QUARANTINE_COLUMNS: Final = ("person", "from", "until")

BATCH: Final = 2_000
"""Lines in one append: the ordering lock is held for the copy and the commit of these."""


class Imports:
    """Raises Unreadable only when nothing could be read; later it is the outcome's ``failure``."""

    def __init__(
        self, log: EventLog, vault: SealedVault, people: People, venues: Venues, quarantines: Quarantines,
        calls: Calls, now: Callable[[], Seconds],
    ) -> None:  # fmt: skip
        self.tools = Tools(log, vault, people, venues, quarantines, calls, now)

    def visits(
        self,
        file: IO[bytes],
        *,
        register_venues: bool = False,
        default_stay_minutes: Minutes | None = None,
        by: Provenance,
        reject: Reject | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """CSV or NDJSON: person, venue, check_in, check_out, and perhaps visit_id and source."""
        work = VisitImport(self.tools, register_venues, default_stay_minutes, by)
        return self._run(work, Lines(file, VISIT_COLUMNS, VISIT_OPTIONS), reject, progress)

    def assigned_quarantines(
        self, file: IO[bytes], *, by: Provenance, reject: Reject | None = None, progress: Progress | None = None
    ) -> Outcome:
        work = QuarantineImport(self.tools, by)
        return self._run(work, Lines(file, QUARANTINE_COLUMNS), reject, progress)

    def dispositions(
        self,
        file: IO[bytes],
        form: DiallerFormat,
        *,
        by: Provenance,
        reject: Reject | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """What came of calls, as a dialler writes it."""
        return self._run(DispositionImport(self.tools, form, by), dialler_lines(file, form), reject, progress)

    def _run(
        self,
        work: "VisitImport | QuarantineImport | DispositionImport",
        lines: Lines,
        reject: Reject | None,
        progress: Progress | None,
    ) -> Outcome:
        started, tally, failure = time.perf_counter(), Tally(), None
        try:
            for batch in work.run(lines, BATCH):
                tally.add(batch.tally)
                for number, problem, raw in sorted(batch.rejects) if reject is not None else ():
                    reject(number, problem, raw)  # type: ignore[misc] # nothing to iterate over without it
                if progress is not None:
                    progress(tally.read)
        except Unreadable as error:
            if tally.read == 0:
                raise
            failure = str(error)
        work.complete(lines.sha256, tally, failure)
        import_id = work.import_id if work.has_begun else None
        return Outcome(tally, time.perf_counter() - started, self.tools.log.head(), failure, import_id)
