"""How contacts are listed, whether of a case or of a what-if."""

from typing import Any, Final, NotRequired
from uuid import UUID

from pydantic import ConfigDict
from typing_extensions import TypedDict

from api.http.lists import Rows
from api.http.words import Certainty
from application.contacts import ContactList, contact_row, encounter_row
from domain.contacts import Contact

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


def contact_rows(found: ContactList, *, certainty: str | None = None, evidence: bool = False) -> Rows[Contact]:
    """Contacts of that certainty only, when given."""
    encounters = found.evidence() if evidence else {}

    def shown(contact: Contact) -> dict[str, Any]:
        row = contact_row(contact) | {"person_id": str(found.person_ids[contact.person])}
        if evidence:
            row["evidence"] = [encounter_row(met) for met in encounters[contact.person]]
        return row

    wanted = [
        contact for contact in found.contacts if certainty in (None, "certain" if contact.certain else "possible")
    ]
    return Rows(wanted, lambda contact: found.person_ids[contact.person], shown, CONTACT_COLUMNS)
