"""What is shown of a visitor: to whom, at which kind of venue.

| who                   | at a checkpoint | at any other kind  |
|-----------------------|-----------------|--------------------|
| admin, epidemiologist | identity        | identity           |
| auditor               | person id       | person id          |
| manager, guard        | name and phone  | a declaration code |

A declaration code is the same at every visit of a person to one venue, and another one at each venue. To managers and
guards nothing is shown that knows a person again elsewhere: neither the person's id nor that of a visit, which its
source may have chosen, but an alias of the visit; and the kind of a venue never changes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final
from uuid import UUID

from application.callers import Caller
from application.contacts import NamedVisit
from application.log import Log, Vault
from application.people import NameAndPhone, People
from application.visit_keys import visit_stream
from domain.errors import Unknown
from domain.quality import ELSEWHERE, Flag
from domain.times import Seconds
from domain.venues import Venue
from domain.visits import Visit, parse_visit_id

CHECKPOINT: Final = "checkpoint"


class Shown(Enum):
    IDENTITY = auto()
    PERSON_ID = auto()
    NAME_AND_PHONE = auto()
    DECLARATION_CODE = auto()


def shown(who: Caller, kind: str) -> Shown:
    """What ``who`` sees of the visitors of a venue of that kind."""
    if who.sees_identities:
        return Shown.IDENTITY
    if who.sees_person_ids:
        return Shown.PERSON_ID
    return Shown.NAME_AND_PHONE if who.is_at_a_door and kind == CHECKPOINT else Shown.DECLARATION_CODE


@dataclass(frozen=True, slots=True)
class SeenVisit:
    """A visit as it is seen from the door; ``visit_id`` is an alias."""

    visit_id: str
    name: str | None
    phone: str | None
    declaration_code: str | None
    venue: str
    venue_id: UUID
    check_in: Seconds
    check_out: Seconds | None


class Visibility:
    def __init__(self, log: Log, people: People, vault: Vault) -> None:
        self.log = log
        self.people = people
        self.vault = vault

    def seen(self, who: Caller, visits: Sequence[NamedVisit]) -> list[SeenVisit]:
        """For those who do not see person ids: each visit as the kind of its own venue says."""
        venues = self.log.load_many(Venue, {visit.venue_id for visit in visits})
        named = {venue.id for venue in venues.values() if shown(who, venue.kind) is Shown.NAME_AND_PHONE}
        people = self.people.names_and_phones({visit.person_id for visit in visits if visit.venue_id in named})
        return [
            self._seen(visit, people.get(visit.person_id, NameAndPhone()) if visit.venue_id in named else None)
            for visit in visits
        ]

    def _seen(self, visit: NamedVisit, told: NameAndPhone | None) -> SeenVisit:
        """With a declaration code where nothing may be told."""
        code = None if told is not None else self.vault.declaration_code(visit.venue_id, visit.person_id)
        name, phone = told or NameAndPhone()
        return SeenVisit(
            self.alias(visit.visit_id), name, phone, code, visit.venue, visit.venue_id, visit.check_in, visit.check_out
        )

    def flags(self, found: Iterable[Flag]) -> list[Flag]:
        """Those that tell nothing of other venues, with aliases."""
        return [
            replace(flag, examples=tuple(self.alias(str(visit)) for visit in flag.examples))
            for flag in found
            if flag.name not in ELSEWHERE
        ]

    def alias(self, visit_id: str) -> str:
        return self.vault.alias(visit_stream(visit_id))

    def visit(self, name: str) -> Visit:
        """The visit with that alias, or else that id. Raises Unknown."""
        stream = self.vault.unaliased(name) or visit_stream(parse_visit_id(name))
        visit = self.log.load(Visit, stream)
        if visit is None:
            raise Unknown("there is no visit with that id")
        return visit
