"""The declarations: who declared what kind of thing, when and how; what they said stays sealed in the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.declarations import Declaration
from infrastructure.registers.register import Change, Origin, Register, moment


@dataclass(frozen=True, slots=True)
class DeclarationRow:
    declaration_id: str
    person_id: UUID
    kind: str
    channel: str
    declared_at: datetime
    arrived_at: datetime | None
    commune: str | None
    abnormal: bool
    escalation_id: UUID | None
    position: int


PAGE: Final = """
-- Declarations in the order in which they were recorded.
SELECT declaration_id, person_id, kind, channel, declared_at, arrived_at, commune, abnormal, escalation_id, position
FROM declarations
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One declaration.
SELECT declaration_id, person_id, kind, channel, declared_at, arrived_at, commune, abnormal, escalation_id, position
FROM declarations WHERE declaration_id = %(id)s
"""

OF_PERSON: Final = """
-- The declarations of one person, first recorded first.
SELECT declaration_id, person_id, kind, channel, declared_at, arrived_at, commune, abnormal, escalation_id, position
FROM declarations WHERE person_id = %(person_id)s ORDER BY position
"""

ADD: Final = """
-- A declaration is made.
INSERT INTO declarations (declaration_id, person_id, kind, channel, declared_at, arrived_at, commune, abnormal,
    escalation_id, position)
VALUES (%(declaration_id)s, %(person_id)s, %(kind)s, %(channel)s, %(declared_at)s, %(arrived_at)s, %(commune)s,
    %(abnormal)s, %(escalation_id)s, %(position)s)
"""


class DeclarationRegister(Register[Declaration.Made, DeclarationRow]):
    table = "declarations"
    events = (Declaration.Made,)
    row = DeclarationRow
    page_sql = PAGE
    get_sql = GET

    def of_person(self, person_id: UUID) -> list[DeclarationRow]:
        return self._rows(OF_PERSON, person_id=person_id)

    def change(self, event: Declaration.Made, origin: Origin) -> Change:
        values = {
            "declaration_id": event.declaration_id, "person_id": UUID(event.person), "kind": event.kind,
            "channel": event.channel, "declared_at": event.timestamp, "arrived_at": moment(event.arrived_at),
            "commune": event.commune, "abnormal": event.abnormal,
            "escalation_id": None if event.escalation is None else UUID(event.escalation),
            "position": origin.position,
        }  # fmt: skip
        return Change(ADD, values)
