"""How contacts are listed, whether of a case or of a what-if."""

from collections.abc import Sequence
from typing import Any, Final, NotRequired
from uuid import UUID

from pydantic import ConfigDict
from typing_extensions import TypedDict

from api.http.lists import Rows
from api.http.words import Certainty
from application.contact_lists import NamedContact
from application.contacts import contact_row, encounter_row

CONTACT_COLUMNS: Final = (
    "person", "level", "exposed_at", "encounters", "contact_seconds", "via", "certainty", "person_id",
)  # fmt: skip

CONTACT_EXAMPLE: Final[dict[str, Any]] = {
    "person": "phone:+84912345678", "level": 1, "exposed_at": "2021-08-30T02:00:00Z", "encounters": 1,
    "contact_seconds": 1200, "via": ["ref:ABC-1"], "certainty": "certain",
    "person_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10",
}  # fmt: skip


class EncounterAnswer(TypedDict):
    """`imputed` names whose stay had no known end: infector, contact."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # pydantic reads it

    infector: str
    contact: str
    venue: str
    start: str
    end: str
    seconds: int
    infector_visits: list[str]
    contact_visits: list[str]
    imputed: list[str]


class ContactAnswer(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # pydantic reads it

    person: str
    level: int
    exposed_at: str
    encounters: int
    contact_seconds: int
    via: list[str]
    certainty: Certainty
    person_id: UUID
    evidence: NotRequired[list[EncounterAnswer]]


def contact_rows(found: Sequence[NamedContact], *, evidence: bool = False) -> Rows[NamedContact]:
    def shown(one: NamedContact) -> dict[str, Any]:
        row = contact_row(one.contact) | {"person_id": str(one.person_id)}
        if evidence:
            row["evidence"] = list(map(encounter_row, one.encounters))
        return row

    return Rows(found, lambda one: one.person_id, shown, CONTACT_COLUMNS)


def is_certain(certainty: str | None) -> bool | None:
    return None if certainty is None else certainty == "certain"
