"""What came of calls, from diallers' files: each line is an attempt, whose id follows from what it says."""

from dataclasses import replace
from uuid import UUID

from application.calls import Said
from application.log import Draft, settled, unique_key
from application.provenance import Provenance
from domain.errors import Malformed
from domain.imports import DISPOSITIONS
from domain.times import parse_instant, to_text
from infrastructure.imports.batch import Tally
from infrastructure.imports.dialler_files import DiallerFormat
from infrastructure.imports.recorded import ImportOneByOne
from infrastructure.imports.tools import Tools
from infrastructure.lines import Line


class DispositionImport(ImportOneByOne):
    def __init__(self, tools: Tools, form: DiallerFormat, by: Provenance) -> None:
        super().__init__(tools, DISPOSITIONS, replace(by, source=by.source or form.value))

    @settled
    def take(self, line: Line, tally: Tally) -> None:
        call_id, said = _read(line)
        call, draft = self.tools.calls.get(call_id), Draft()
        if any(attempt.report.attempt_id == said.attempt_id for attempt in call.attempts):
            tally.duplicates += 1
            return
        self.tools.calls.draft(call, said, "", draft, self.by)
        self.save(draft)
        tally.recorded += 1


def _read(line: Line) -> tuple[UUID, Said]:
    """The call and the attempt; whoever brings it, and with whatever notes, it is the same. Raises Malformed."""
    if line.values is None:
        raise Malformed(line.problem or "the line cannot be read")
    name, outcome, when, notes, call_back_at = line.values
    call_id, at = _call_id(name), parse_instant(when)
    return call_id, Said(
        outcome=outcome,
        at=at,
        notes=notes or None,
        call_back_at=parse_instant(call_back_at) if call_back_at else None,
        attempt_id=unique_key("disposition", call_id.hex, to_text(at), outcome).hex(),
    )


def _call_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Malformed("a call is named by its call_id, as exports give it") from None
