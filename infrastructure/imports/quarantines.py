"""Quarantines from files, one by one."""

from collections.abc import Iterable, Iterator

from application.log import Draft, settled
from application.provenance import Provenance
from domain.errors import Malformed, TruyvetError
from domain.times import parse_instant
from infrastructure.imports.batch import Batch, Tally
from infrastructure.imports.recorded import RecordedImport
from infrastructure.imports.tools import Tools
from infrastructure.lines import Line


class QuarantineImport(RecordedImport):
    def __init__(self, tools: Tools, by: Provenance) -> None:
        super().__init__(tools, "quarantines", by)

    def run(self, batches: Iterable[list[Line]]) -> Iterator[Batch]:
        for lines in batches:
            batch = Batch()
            batch.tally.read = len(lines)
            for line in lines:
                try:
                    self._take_line(line, batch.tally)
                except TruyvetError as error:
                    batch.reject(line, str(error))
            yield batch

    @settled
    def _take_line(self, line: Line, tally: Tally) -> None:
        if line.values is None:
            raise Malformed(line.problem or "the line cannot be read")
        person, since, until = line.values
        draft = Draft()
        quarantine = self.tools.quarantines.draft(
            person, parse_instant(since), parse_instant(until) if until else None, draft
        )
        if not quarantine.pending_events:
            tally.duplicates += 1
            return
        is_new = quarantine.version == 1
        if not self.has_begun:
            draft.streams.insert(0, self.begin())
        self.tools.log.save(draft, self.by)
        self.has_begun = True
        tally.recorded += is_new
        tally.completed += not is_new
