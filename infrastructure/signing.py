"""The keys that sign the QR codes of venues: Ed25519, made from the master key, so that nothing more need be kept."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.errors import Unavailable

_ID_BYTES: Final = 4


class SigningKeys:
    """The keys numbered 1 to ``newest``: that one signs new codes, all of them are known."""

    def __init__(self, master_key: bytes, newest: int = 1) -> None:
        keys = [_key(master_key, number) for number in range(1, newest + 1)]
        self._private = {_id_of(key): key for key in keys}
        self._public = {key_id: key.public_key() for key_id, key in self._private.items()}
        self.newest = _id_of(keys[-1])
        self.public_keys: Mapping[bytes, bytes] = {
            key_id: key.public_bytes_raw() for key_id, key in self._public.items()
        }

    def sign(self, key_id: bytes, message: bytes) -> bytes:
        """Equal messages give equal signatures. Raises Unavailable for a key that is not known here."""
        if key_id not in self._private:
            raise Unavailable("the key that signs this QR code is not known here; raise TRUYVET_SIGNING_KEY")
        return self._private[key_id].sign(message)

    def is_signed(self, key_id: bytes, message: bytes, signature: bytes) -> bool:
        """False also for a key that is not known."""
        try:
            self._public[key_id].verify(signature, message)
        except (KeyError, InvalidSignature):
            return False
        return True


def _key(master_key: bytes, number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(
        hmac.digest(master_key, f"truyvet sign venue codes {number}".encode(), "sha256")
    )


def _id_of(key: Ed25519PrivateKey) -> bytes:
    return hashlib.sha256(key.public_key().public_bytes_raw()).digest()[:_ID_BYTES]
