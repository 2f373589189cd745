"""The QR code of a venue: what it says, and how that is signed and written.

Its text is 145 letters and digits of any case, alone or at the end of a URL: the version, then in base32

    signing key   4 bytes   the first of the SHA-256 of the public key
    venue        16 bytes
    serial        2 bytes   the number of the code within the venue
    signature    64 bytes   Ed25519, of the version and the fields before
    checksum      4 bytes   CRC-32, of the version and the fields before: damage is told apart from forgery

Nothing in it is personal. The 90 bytes fill 144 letters without a spare bit, so that no letter is without meaning.
"""

import base64
import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import AlteredCode, ForeignCode
from domain.times import Seconds

VERSION: Final = "1"
LARGEST_SERIAL: Final = 2**16 - 1

_LENGTH: Final = 145
_TEXT: Final = re.compile(r"[^A-Za-z0-9]?([A-Za-z0-9]{145})", re.ASCII)
_FIELDS: Final = struct.Struct(">4s16sH")
_SIGNATURE_BYTES: Final = 64
_CHECKSUM_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class QrCode:
    """``signing_key`` is the id of the key that signs it."""

    signing_key: bytes
    venue: UUID
    serial: int

    @property
    def message(self) -> bytes:
        """What is signed."""
        return VERSION.encode() + _FIELDS.pack(self.signing_key, self.venue.bytes, self.serial)

    def text(self, signature: bytes) -> str:
        signed = self.message + signature
        return VERSION + base64.b32encode(signed[len(VERSION) :] + _checksum(signed)).decode()


class SignedCode(NamedTuple):
    code: QrCode
    signature: bytes


class IssuedCode(NamedTuple):
    """A code as its venue knows it; it counts in ``[issued_at, ends_at)``, without end when that is None."""

    signing_key: str
    issued_at: Seconds
    ends_at: Seconds | None

    def has_ended(self, instant: Seconds) -> bool:
        return self.ends_at is not None and self.ends_at <= instant


def parse_qr_code(text: str) -> SignedCode:
    """What a scanned text says, before its signature is looked at. Raises ForeignCode or AlteredCode."""
    found = _TEXT.fullmatch(text.strip()[-_LENGTH - 1 :])
    if found is None:
        raise ForeignCode("that is no QR code of a venue of ours")
    version, letters = found[1][0], found[1][1:].upper()
    if version != VERSION:
        raise ForeignCode("that is no QR code of a version that is known here")
    try:
        raw = base64.b32decode(letters)
    except binascii.Error:
        raise AlteredCode(_ALTERED) from None
    signed, checksum = version.encode() + raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if _checksum(signed) != checksum:
        raise AlteredCode(_ALTERED)
    signing_key, venue, serial = _FIELDS.unpack(raw[: _FIELDS.size])
    return SignedCode(QrCode(signing_key, UUID(bytes=venue), serial), signed[-_SIGNATURE_BYTES:])


_ALTERED = "the QR code is damaged or was altered; scan it again"


def _checksum(signed: bytes) -> bytes:
    return zlib.crc32(signed).to_bytes(_CHECKSUM_BYTES)
