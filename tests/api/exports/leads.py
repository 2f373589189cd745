"""Leads in the few words that tests need."""

from typing import Any
from uuid import UUID

from api.exports.leads import Lead

DUE = 1_630_288_800  # 2021-08-30T02:00:00Z


def lead(number: int, **more: Any) -> Lead:
    """The call to a person who does not exist, with a phone that nobody has."""
    known: dict[str, Any] = {
        "call_id": UUID(int=number << 64 | 7), "campaign": "contacts", "purpose": "first_call", "level": 1,
        "cases": (UUID(int=1),), "priority": 100 - number, "due_at": DUE, "attempts": 0,
        "phone": f"+849000{number:05}", "name": "NGUYEN VAN A",
    }  # fmt: skip
    return Lead(**known | more)
