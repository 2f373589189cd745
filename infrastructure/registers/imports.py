"""The imports: files that brought facts, what they came to, and whether they were retracted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.imports import Import
from infrastructure.registers.register import Change, Origin, Register, plain

ImportEvent: TypeAlias = Import.Begun | Import.Completed | Import.Retracted


@dataclass(frozen=True, slots=True)
class ImportRow:
    """``position`` is that of its first event; the counts are None until it ended."""

    import_id: UUID
    kind: str
    begun_at: datetime
    ended_at: datetime | None
    sha256: str | None
    read: int | None
    recorded: int | None
    completed: int | None
    duplicates: int | None
    rejected: int | None
    failure: str | None
    retracted_at: datetime | None
    actor: str | None
    position: int


PAGE: Final = """
-- Imports in the order in which they began.
SELECT import_id, kind, begun_at, ended_at, sha256, read, recorded, completed, duplicates, rejected, failure,
    retracted_at, actor, position
FROM imports
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One import.
SELECT import_id, kind, begun_at, ended_at, sha256, read, recorded, completed, duplicates, rejected, failure,
    retracted_at, actor, position
FROM imports WHERE import_id = %(id)s
"""

BEGIN: Final = """
-- An import brought its first new fact.
INSERT INTO imports (import_id, kind, begun_at, actor, position)
VALUES (%(import_id)s, %(kind)s, %(begun_at)s, %(actor)s, %(position)s)
"""

COMPLETE: Final = """
-- An import ended, with these counts.
UPDATE imports SET ended_at = %(ended_at)s, sha256 = %(sha256)s, read = %(read)s, recorded = %(recorded)s,
    completed = %(completed)s, duplicates = %(duplicates)s, rejected = %(rejected)s, failure = %(failure)s
WHERE import_id = %(import_id)s
"""

RETRACT: Final = """
-- Everything that an import brought was taken back.
UPDATE imports SET retracted_at = %(retracted_at)s WHERE import_id = %(import_id)s
"""


class ImportRegister(Register[ImportEvent, ImportRow]):
    table = "imports"
    events = get_args(ImportEvent)
    row = ImportRow
    page_sql = PAGE
    get_sql = GET

    def change(self, event: ImportEvent, origin: Origin) -> Change:
        import_id = {"import_id": origin.stream}
        match event:
            case Import.Begun():
                values = {
                    "kind": event.kind, "begun_at": event.timestamp, "actor": origin.actor,
                    "position": origin.position,
                }  # fmt: skip
                return Change(BEGIN, import_id | values)
            case Import.Completed():
                values = {
                    "ended_at": event.timestamp, "sha256": event.sha256, "read": event.read,
                    "recorded": event.recorded, "completed": event.completed, "duplicates": event.duplicates,
                    "rejected": event.rejected, "failure": plain(event.failure),
                }  # fmt: skip
                return Change(COMPLETE, import_id | values)
            case Import.Retracted():
                return Change(RETRACT, import_id | {"retracted_at": event.timestamp})
            case _:
                assert_never(event)
