"""The QR codes of venues: issued, ended, and read where they are scanned."""

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from application.log import Draft, Log, Recorded, settled
from application.provenance import LOCAL, Provenance
from application.recent import Recent
from application.venues import Venues
from domain.errors import EndedCode, ForeignCode, ForgedCode, Unknown
from domain.qr_codes import IssuedCode, QrCode, SignedCode, parse_qr_code
from domain.times import Seconds
from domain.venues import Venue

MEMORY_SECONDS: Final = 0.8
"""A code that another process issued or ended is seen within this time."""


class Signer(Protocol):
    newest: bytes
    """The id of the key that signs new codes."""
    public_keys: Mapping[bytes, bytes]
    """The 32 bytes of each, by the key's id, oldest first."""

    def sign(self, key_id: bytes, message: bytes) -> bytes: ...

    def is_signed(self, key_id: bytes, message: bytes, signature: bytes) -> bool: ...


class PrintedCode(NamedTuple):
    """A code of a venue with its text."""

    serial: int
    issued: IssuedCode
    text: str


class QrCodes:
    def __init__(self, log: Log, venues: Venues, signer: Signer, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.venues = venues
        self.signer = signer
        self.now = now
        self._signed = Recent(self._is_signed, math.inf, most=65_536)
        self._issued = Recent(self._codes_of, MEMORY_SECONDS)

    def issue(self, venue: str, end_others_at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        """A further code for the venue, its ``latest`` from the position on; its others end then, if that is given."""
        return self._issue(venue, self.venues.get(venue).next_serial, end_others_at, by)

    @settled
    def _issue(self, venue: str, serial: int, end_others_at: Seconds | None, by: Provenance) -> Recorded:
        """Whoever asks at the same time gets the same code."""
        found = self.venues.get(venue)
        if serial not in found.qr_codes:
            found.issue_qr_code(self.signer.newest.hex(), self.now())
        if end_others_at is not None:
            found.end_qr_codes_before(serial, end_others_at, self.now())
        return self._save(found, by)

    @settled
    def end(self, venue: str, serial: int, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        """``at`` may lie ahead, and is now when left out. Raises Unknown, and Refused for one that has ended."""
        found = self.venues.get(venue)
        found.end_qr_code(serial, at, self.now())
        return self._save(found, by)

    def _save(self, venue: Venue, by: Provenance) -> Recorded:
        if not venue.pending_events:
            return Recorded(venue.id, self.log.position_of(venue.id, venue.version))
        recorded = Recorded(venue.id, self.log.save(Draft([venue]), by))
        self._issued.look_up(venue.id)
        return recorded

    def current(self, venue: str) -> PrintedCode:
        """The newest code that has not ended. Raises Unknown."""
        found = self.venues.get(venue)
        lasting = found.lasting_qr_codes(self.now())
        if not lasting:
            raise Unknown("the venue has no QR code that counts now; issue one")
        return self.printed(found, lasting[-1])

    def printed(self, venue: Venue, serial: int) -> PrintedCode:
        """The same text every time. Raises Unknown."""
        if serial not in venue.qr_codes:
            raise Unknown("the venue has no QR code with that serial")
        issued = venue.qr_codes[serial]
        code = QrCode(bytes.fromhex(issued.signing_key), venue.id, serial)
        return PrintedCode(serial, issued, code.text(self.signer.sign(code.signing_key, code.message)))

    def read(self, text: str, at: Seconds | None = None) -> UUID:
        """The venue whose code was scanned then.

        Raises ForeignCode, AlteredCode or ForgedCode for what is no code that was issued here, and EndedCode.
        """
        code = self._verified(text)
        issued = self._find(code)
        if issued is None or issued.signing_key != code.signing_key.hex():
            raise ForgedCode("the QR code was never issued")
        if issued.has_ended(self.now() if at is None else at):
            raise EndedCode("the QR code is no longer in use; ask for the new one")
        return code.venue

    def _verified(self, text: str) -> QrCode:
        signed = parse_qr_code(text)
        if signed.code.signing_key not in self.signer.public_keys:
            raise ForeignCode("that QR code is signed with a key that is not known here")
        if self._signed.get(signed) is None:
            raise ForgedCode("the signature of the QR code is wrong")
        return signed.code

    def _is_signed(self, signed: SignedCode) -> bool | None:
        """None, which is not remembered, for a wrong signature."""
        code, signature = signed
        return self.signer.is_signed(code.signing_key, code.message, signature) or None

    def _find(self, code: QrCode) -> IssuedCode | None:
        """One that is not known yet may be new."""
        known = (self._issued.get(code.venue) or {}).get(code.serial)
        return known or (self._issued.look_up(code.venue) or {}).get(code.serial)

    def _codes_of(self, venue: UUID) -> Mapping[int, IssuedCode] | None:
        found = self.log.load(Venue, venue)
        return None if found is None else found.qr_codes
