"""The cases: confirmed infections with the dates that are known of them now."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.cases import Case
from domain.times import parse_date
from infrastructure.registers.register import Change, Origin, Register, moment

CaseEvent: TypeAlias = Case.Confirmed | Case.Amended | Case.Isolated | Case.Withdrawn


@dataclass(frozen=True, slots=True)
class CaseRow:
    """``position`` is that of the confirmation."""

    case_id: UUID
    person_id: UUID
    rules: str
    onset: date | None
    sampled: date | None
    isolated_at: datetime | None
    cleared_at: datetime | None
    withdrawn: bool
    position: int


PAGE: Final = """
-- Cases in the order of their confirmation.
SELECT case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, withdrawn, position FROM cases
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One case.
SELECT case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, withdrawn, position FROM cases
WHERE case_id = %(id)s
"""

OF_PERSON: Final = """
-- The cases of one person, first confirmed first.
SELECT case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, withdrawn, position FROM cases
WHERE person_id = %(person_id)s ORDER BY position
"""

CONFIRM: Final = """
-- A case is confirmed.
INSERT INTO cases (case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, position)
VALUES (%(case_id)s, %(person_id)s, %(rules)s, %(onset)s, %(sampled)s, %(isolated_at)s, %(cleared_at)s, %(position)s)
"""

AMEND: Final = """
-- A case has these dates and rules from now on.
UPDATE cases SET rules = %(rules)s, onset = %(onset)s, sampled = %(sampled)s, isolated_at = %(isolated_at)s,
    cleared_at = %(cleared_at)s
WHERE case_id = %(case_id)s
"""

ISOLATE: Final = """
-- The person of a case was isolated at that time.
UPDATE cases SET isolated_at = %(isolated_at)s WHERE case_id = %(case_id)s
"""

WITHDRAW: Final = """
-- A case should never have been confirmed.
UPDATE cases SET withdrawn = true WHERE case_id = %(case_id)s
"""


class CaseRegister(Register[CaseEvent, CaseRow]):
    table = "cases"
    events = get_args(CaseEvent)
    row = CaseRow
    page_sql = PAGE
    get_sql = GET

    def of_person(self, person_id: UUID) -> list[CaseRow]:
        return self._rows(OF_PERSON, person_id=person_id)

    def change(self, event: CaseEvent, origin: Origin) -> Change:
        case_id = {"case_id": origin.stream}
        match event:
            case Case.Confirmed():
                values = {"person_id": UUID(event.person), "position": origin.position}
                return Change(CONFIRM, case_id | values | _dates(event))
            case Case.Amended():
                return Change(AMEND, case_id | _dates(event))
            case Case.Isolated():
                return Change(ISOLATE, case_id | {"isolated_at": moment(event.isolated_at)})
            case Case.Withdrawn():
                return Change(WITHDRAW, case_id)
            case _:
                assert_never(event)


def _dates(event: Case.Confirmed | Case.Amended) -> dict[str, object]:
    return {
        "rules": event.rules,
        "onset": None if event.onset is None else parse_date(event.onset),
        "sampled": None if event.sampled is None else parse_date(event.sampled),
        "isolated_at": moment(event.isolated_at),
        "cleared_at": moment(event.cleared_at),
    }
