"""CSV for any dialler, and for offices: RFC 4180 in UTF-8, a header, numbers with their plus, and no formula."""

from typing import Final

from api.csv_cells import csv_line
from api.exports.leads import Form, Lead
from domain.times import to_text

COLUMNS: Final = (
    "call_id", "phone", "name", "commune", "campaign", "purpose", "level", "cases", "priority", "due_at", "attempts",
)  # fmt: skip
_END: Final = "\r\n"


def _line(lead: Lead) -> str:
    return csv_line(
        (
            lead.call_id, lead.phone, lead.name, lead.commune, lead.campaign, lead.purpose, lead.level, lead.cases,
            lead.priority, to_text(lead.due_at), lead.attempts,
        ),
        _END,
    )  # fmt: skip


GENERIC: Final = Form("generic", csv_line(COLUMNS, _END), lambda part, _: f"{part}.csv", _line)
