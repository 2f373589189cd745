"""The cases: confirmed infections with the dates that are known of them now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias, assert_never, get_args
from uuid import UUID

from domain.cases import Case
from domain.times import parse_date
from infrastructure.registers.register import Change, Origin, Register, moment

CaseEvent: TypeAlias = Case.Confirmed | Case.Amended | Case.Isolated | Case.Withdrawn | Case.Closed | Case.Reopened


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
    closed: bool
    levels: int
    position: int


PAGE: Final = """
-- Cases in the order of their confirmation.
SELECT case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, withdrawn, closed, levels, position
FROM cases
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One case.
SELECT case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, withdrawn, closed, levels, position
FROM cases
WHERE case_id = %(id)s
"""

OF_PERSON: Final = """
-- The cases of one person, first confirmed first.
SELECT case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, withdrawn, closed, levels, position
FROM cases
WHERE person_id = %(person_id)s ORDER BY position
"""

CONFIRM: Final = """
-- A case is confirmed.
INSERT INTO cases (case_id, person_id, rules, onset, sampled, isolated_at, cleared_at, levels, position)
VALUES (%(case_id)s, %(person_id)s, %(rules)s, %(onset)s, %(sampled)s, %(isolated_at)s, %(cleared_at)s, %(levels)s,
        %(position)s)
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

CONFIRMED: Final = """
-- The cases that were confirmed up to a position.
SELECT case_id FROM cases WHERE position <= %(until)s ORDER BY position
"""

OPEN: Final = """
-- The cases of some people that are neither withdrawn nor closed.
SELECT person_id, array_agg(case_id) AS cases FROM cases
WHERE person_id = ANY(%(people)s) AND NOT withdrawn AND NOT closed GROUP BY person_id
"""

CLOSE: Final = """
-- The contacts of a case are traced no more, or again.
UPDATE cases SET closed = %(closed)s WHERE case_id = %(case_id)s
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

    def confirmed(self, until: int) -> list[UUID]:
        """The ids of the cases confirmed up to a position."""
        with self.database.get_connection() as connection:
            return [row["case_id"] for row in connection.execute(CONFIRMED.encode(), {"until": until})]

    def open_cases(self, people: Collection[UUID]) -> dict[UUID, list[UUID]]:
        """The cases of these people that are neither withdrawn nor closed, by person."""
        with self.database.get_connection() as connection:
            rows = connection.execute(OPEN.encode(), {"people": list(people)})
            return {row["person_id"]: row["cases"] for row in rows}

    def change(self, event: CaseEvent, origin: Origin) -> Change:
        case_id = {"case_id": origin.stream}
        match event:
            case Case.Confirmed():
                values = {"person_id": UUID(event.person), "levels": event.levels, "position": origin.position}
                return Change(CONFIRM, case_id | values | _dates(event))
            case Case.Amended():
                return Change(AMEND, case_id | _dates(event))
            case Case.Isolated():
                return Change(ISOLATE, case_id | {"isolated_at": moment(event.isolated_at)})
            case Case.Withdrawn():
                return Change(WITHDRAW, case_id)
            case Case.Closed() | Case.Reopened():
                return Change(CLOSE, case_id | {"closed": isinstance(event, Case.Closed)})
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
