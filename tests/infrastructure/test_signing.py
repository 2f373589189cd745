"""The keys that sign the QR codes of venues."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.errors import Unavailable
from infrastructure.signing import SigningKeys

MASTER = bytes(range(32))


def test_what_one_key_signs_is_signed_by_that_key_only() -> None:
    keys = SigningKeys(MASTER, newest=2)
    first, second = keys.public_keys
    signature = keys.sign(first, b"a venue")

    assert keys.is_signed(first, b"a venue", signature)
    assert not keys.is_signed(second, b"a venue", signature)
    assert not keys.is_signed(first, b"another venue", signature)
    assert not keys.is_signed(first, b"a venue", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not keys.is_signed(b"none", b"a venue", signature)


def test_whoever_has_the_public_key_can_verify() -> None:
    keys = SigningKeys(MASTER)
    ((key_id, public),) = keys.public_keys.items()
    assert key_id == hashlib.sha256(public).digest()[:4] == keys.newest
    Ed25519PublicKey.from_public_bytes(public).verify(keys.sign(key_id, b"a venue"), b"a venue")


def test_the_same_master_key_gives_the_same_keys_and_signatures() -> None:
    one, other = SigningKeys(MASTER), SigningKeys(MASTER)
    assert one.public_keys == other.public_keys
    assert one.sign(one.newest, b"a venue") == other.sign(one.newest, b"a venue")
    assert SigningKeys(bytes(32)).newest != one.newest


def test_a_newer_key_signs_and_the_older_ones_stay_known() -> None:
    before, after = SigningKeys(MASTER, newest=1), SigningKeys(MASTER, newest=3)
    assert next(iter(after.public_keys)) == before.newest
    assert list(after.public_keys)[-1] == after.newest
    assert len(after.public_keys) == 3
    with pytest.raises(Unavailable, match="TRUYVET_SIGNING_KEY"):
        before.sign(after.newest, b"a venue")
