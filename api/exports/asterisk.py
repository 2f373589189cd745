"""Asterisk's call files: one for each call, which tells the dial plan the call's id and comes back with a status.

Numbers, ids and words only: nothing that somebody once typed can begin a line, a comment or a dial string.
"""

import re
from dataclasses import dataclass
from typing import Final

from api.exports.leads import Form, Lead
from domain.times import to_text
from infrastructure.imports.dialler_files import CALL_ID_VARIABLE

WAIT_SECONDS: Final = 45
RETRY_SECONDS: Final = 300
"""Asterisk notes with an attempt when the next would follow: so it must be said, though none follows."""

_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9+._:-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spool:
    """Where Asterisk dials, ``{phone}`` standing for the number, and where answered calls go on."""

    channel: str
    context: str

    @property
    def form(self) -> Form:
        return Form("asterisk", "", lambda part, lead: f"{part}/{lead.call_id}.call", self._text)

    def _text(self, lead: Lead) -> str:
        """No retries of Asterisk's own: the pauses between attempts, and the hours of calling, are the call list's."""
        known = {
            CALL_ID_VARIABLE: lead.call_id,
            "TRUYVET_PHONE": lead.phone,
            "TRUYVET_CAMPAIGN": lead.campaign,
            "TRUYVET_PURPOSE": lead.purpose,
            "TRUYVET_LEVEL": lead.level,
            "TRUYVET_ATTEMPTS": lead.attempts,
            "TRUYVET_DUE_AT": to_text(lead.due_at),
            "TRUYVET_COMMUNE": lead.commune,
        }
        lines = [
            f"Channel: {self.channel.replace('{phone}', _plain(lead.phone))}",
            "MaxRetries: 0",
            f"RetryTime: {RETRY_SECONDS}",
            f"WaitTime: {WAIT_SECONDS}",
            f"Context: {self.context}",
            "Extension: s",
            "Priority: 1",
            *(f"Set: {name}={_plain(value)}" for name, value in known.items() if value is not None),
            "Archive: yes",
        ]
        return "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    return _NOT_PLAIN.sub("", str(value))
