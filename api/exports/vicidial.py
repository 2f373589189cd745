"""VICIdial's "standard" lead file: tabs, no header, no quotes; the call's id is the ``source_id``.

``vendor_lead_code`` holds 20 characters at most, less than an id has: it is the first 20 hexadecimal digits.
"""

import re
from typing import Final

import phonenumbers

from api.csv_cells import safe_cell
from api.exports.leads import Form, Lead
from domain.times import to_text

VENDOR_CODE_LENGTH: Final = 20
LIST_ID: Final = "999"
"""VICIdial's own default list; whoever loads the file says which it shall be."""

FIELDS: Final = (
    "vendor_lead_code", "source_id", "list_id", "phone_code", "phone_number", "title", "first_name", "middle_initial",
    "last_name", "address1", "address2", "address3", "city", "state", "province", "postal_code", "country_code",
    "gender", "date_of_birth", "alt_phone", "email", "security_phrase", "comments",
)  # fmt: skip

_UNLOADABLE: Final = re.compile(r'[\x00-\x1f\x7f\x85\u2028\u2029"`\\;|]+')
"""Where the loader would see another field or line, and what it would drop."""


def _line(lead: Lead) -> str:
    assert lead.phone is not None  # noqa: S101 # others are nothing for diallers
    number = phonenumbers.parse(lead.phone)
    names = (lead.name or "").split()
    fields = {
        "vendor_lead_code": lead.call_id.hex[:VENDOR_CODE_LENGTH],
        "source_id": lead.call_id,
        "list_id": LIST_ID,
        "phone_code": number.country_code,
        "phone_number": phonenumbers.national_significant_number(number),
        "title": None if lead.level is None else f"F{lead.level}",
        "first_name": " ".join(names[:-1]),  # shown before the last name, so that a name reads as it is spoken
        "last_name": " ".join(names[-1:]),
        "province": lead.commune,
        "country_code": phonenumbers.region_code_for_number(number),
        "security_phrase": lead.campaign,
        "comments": f"due {to_text(lead.due_at)}, cases {len(lead.cases)}, attempts {lead.attempts}",
    }
    return "\t".join(_field(fields.get(name)) for name in FIELDS) + "\n"


def _field(value: object) -> str:
    return safe_cell(_UNLOADABLE.sub(" ", "" if value is None else str(value)).strip())


VICIDIAL: Final = Form("vicidial", "", lambda part, _: f"{part}.txt", _line)
