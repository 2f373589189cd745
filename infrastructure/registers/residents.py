"""The residents: in which commune people live, as far as they said."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from domain.people import Person
from infrastructure.registers.register import Change, Origin, Register


class ResidentRow(NamedTuple):
    """``position`` is where the person first said so."""

    person_id: UUID
    commune: str
    position: int


PAGE: Final = """
-- Residents in the order in which they first said where they live.
SELECT person_id, commune, position FROM residents
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- One resident.
SELECT person_id, commune, position FROM residents WHERE person_id = %(id)s
"""

OF_PEOPLE: Final = """
-- Those of some people who said where they live.
SELECT person_id, commune, position FROM residents WHERE person_id = ANY(%(people)s)
"""

RESIDE: Final = """
-- A person lives there from now on.
INSERT INTO residents (person_id, commune, position) VALUES (%(person_id)s, %(commune)s, %(position)s)
ON CONFLICT (person_id) DO UPDATE SET commune = excluded.commune
"""


class ResidentRegister(Register[Person.Resides, ResidentRow]):
    table = "residents"
    events = (Person.Resides,)
    row = ResidentRow
    page_sql = PAGE
    get_sql = GET

    def communes(self, people: Iterable[UUID]) -> dict[UUID, str]:
        """Those of whom it is known."""
        return {row.person_id: row.commune for row in self._rows(OF_PEOPLE, people=list(people))}

    def change(self, event: Person.Resides, origin: Origin) -> Change:
        return Change(RESIDE, {"person_id": origin.stream, "commune": event.commune, "position": origin.position})
