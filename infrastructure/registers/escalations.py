"""The escalations: what was passed on to the CDC, and who took it when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.escalations import Escalation
from infrastructure.registers.register import Change, Origin, Register, plain

EscalationEvent: TypeAlias = Escalation.Raised | Escalation.Acknowledged


@dataclass(frozen=True, slots=True)
class EscalationRow:
    """``position`` is that of the raising; ``answers`` and ``note`` are sealed with the person's key."""

    escalation_id: UUID
    person_id: UUID
    reason: str
    origin: str
    origin_id: str
    cases: list[UUID]
    answers: str | None
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None
    position: int


PAGE: Final = """
-- Escalations in the order in which they were raised, of those that wait or of those that were taken when it is said.
SELECT escalation_id, person_id, reason, origin, origin_id, cases, answers, raised_at, acknowledged_at,
    acknowledged_by, note, position
FROM escalations
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s)
    AND (%(is_open)s::boolean IS NULL OR (acknowledged_at IS NULL) = %(is_open)s)
ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One escalation.
SELECT escalation_id, person_id, reason, origin, origin_id, cases, answers, raised_at, acknowledged_at,
    acknowledged_by, note, position
FROM escalations WHERE escalation_id = %(id)s
"""

RAISE: Final = """
-- Somebody is passed on to the CDC.
INSERT INTO escalations (escalation_id, person_id, reason, origin, origin_id, cases, answers, raised_at, position)
VALUES (%(escalation_id)s, %(person_id)s, %(reason)s, %(origin)s, %(origin_id)s, %(cases)s, %(answers)s, %(raised_at)s,
    %(position)s)
"""

ACKNOWLEDGE: Final = """
-- Somebody at the CDC has taken it.
UPDATE escalations SET acknowledged_at = %(acknowledged_at)s, acknowledged_by = %(acknowledged_by)s, note = %(note)s
WHERE escalation_id = %(escalation_id)s
"""


class EscalationRegister(Register[EscalationEvent, EscalationRow]):
    table = "escalations"
    events = get_args(EscalationEvent)
    row = EscalationRow
    page_sql = PAGE
    get_sql = GET

    def page(
        self, after: int = 0, limit: int = 100, *, until: int | None = None, is_open: bool | None = None
    ) -> list[EscalationRow]:
        return self._rows(self.page_sql, after=after, limit=limit, until=until, is_open=is_open)

    def change(self, event: EscalationEvent, origin: Origin) -> Change:
        escalation: dict[str, object] = {"escalation_id": origin.stream}
        match event:
            case Escalation.Raised():
                values = {
                    "person_id": UUID(event.person), "reason": plain(event.reason), "origin": event.origin,
                    "origin_id": event.origin_id, "cases": [UUID(case) for case in event.cases],
                    "answers": event.answers, "raised_at": event.timestamp, "position": origin.position,
                }  # fmt: skip
                return Change(RAISE, escalation | values)
            case Escalation.Acknowledged():
                values = {
                    "acknowledged_at": event.timestamp, "acknowledged_by": origin.actor, "note": event.note,
                }  # fmt: skip
                return Change(ACKNOWLEDGE, escalation | values)
            case _:
                assert_never(event)
