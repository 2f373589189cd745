"""Quarantines from files, one by one."""

from application.log import Draft, settled
from application.provenance import Provenance
from domain.errors import Malformed
from domain.times import parse_instant
from infrastructure.imports.batch import Tally
from infrastructure.imports.recorded import ImportOneByOne
from infrastructure.imports.tools import Tools
from infrastructure.lines import Line


class QuarantineImport(ImportOneByOne):
    def __init__(self, tools: Tools, by: Provenance) -> None:
        super().__init__(tools, "quarantines", by)

    @settled
    def take(self, line: Line, tally: Tally) -> None:
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
        self.save(draft)
        tally.recorded += is_new
        tally.completed += not is_new
