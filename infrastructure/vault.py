"""The vault: one key per person, wrapped by the master key, kept outside the log.

What identifies a person is sealed with that person's own key (AES-256-GCM, subject and field as associated data);
look-up goes through a keyed hash. Without the master key neither tells anything.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from application.log import Secret
from domain.errors import Unavailable
from domain.people import Identity
from infrastructure.database import Database

_KEY_BYTES = 32
_NONCE_BYTES = 12

_UNAMBIGUOUS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0 and O, no 1 and I. As many as divide 256: each is as likely as the others."""
_CODE_LENGTH = 8
_ALIAS = b"alias"


class SealedVault:
    """Raises Unavailable when the master key is not the one that the database was begun with."""

    def __init__(self, database: Database, master_key: bytes) -> None:
        self.database = database
        self._wrapping = AESGCM(_derived(master_key, "wrap"))
        self._index = _derived(master_key, "index")
        self._aliases = AESSIV(_derived(master_key, "alias"))
        self._check(_derived(master_key, "check"))

    def identity_key(self, identity: Identity) -> bytes:
        return hashlib.blake2b(str(identity).encode(), digest_size=16, key=self._index, person=b"identity").digest()

    def pseudonym(self, kind: str, *parts: str) -> bytes:
        said = "\n".join(parts).encode()
        return hashlib.blake2b(said, digest_size=16, key=self._index, person=kind.encode()).digest()

    def declaration_code(self, venue: UUID, person: UUID) -> str:
        pseudonym = self.pseudonym("declaration", str(venue), str(person))
        return "".join(_UNAMBIGUOUS[byte % len(_UNAMBIGUOUS)] for byte in pseudonym[:_CODE_LENGTH])

    def alias(self, stream: UUID) -> str:
        return self._aliases.encrypt(stream.bytes, [_ALIAS]).hex()

    def unaliased(self, alias: str) -> UUID | None:
        if not re.fullmatch("[0-9a-f]{64}", alias, re.ASCII):
            return None
        try:
            return UUID(bytes=self._aliases.decrypt(bytes.fromhex(alias), [_ALIAS]))
        except InvalidTag:
            return None

    def fingerprint(self, said: bytes) -> bytes:
        """A keyed hash of what a request says, which may name people."""
        return hashlib.blake2b(said, digest_size=32, key=self._index, person=b"request").digest()

    def new_secret(self, subject: UUID) -> Secret:
        nonce = os.urandom(_NONCE_BYTES)
        return Secret(subject, nonce + self._wrapping.encrypt(nonce, os.urandom(_KEY_BYTES), subject.bytes))

    def seal(self, secret: Secret, field: str, text: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher(secret).encrypt(nonce, text.encode(), _context(secret, field))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, secret: Secret, field: str, sealed: str) -> str:
        """Raises Unavailable for what was sealed for another subject or field, or altered."""
        raw = base64.b64decode(sealed)
        try:
            return (
                self._cipher(secret).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _context(secret, field)).decode()
            )
        except InvalidTag:
            raise Unavailable("a sealed field cannot be opened: it was altered or moved") from None

    def secrets(self, subjects: Iterable[UUID]) -> dict[UUID, Secret]:
        with self.database.get_connection() as connection:
            rows = connection.execute(
                "SELECT subject, wrapped_key FROM vault WHERE subject = ANY(%b)", [list(subjects)], binary=True
            )
            return {row["subject"]: Secret(row["subject"], row["wrapped_key"]) for row in rows}

    def _cipher(self, secret: Secret) -> AESGCM:
        wrapped = secret.wrapped_key
        return AESGCM(self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], secret.subject.bytes))

    def _check(self, key_check: bytes) -> None:
        with self.database.transaction(commit=True) as cursor:
            cursor.execute("UPDATE log_head SET key_check = %s WHERE key_check IS NULL", [key_check])
            row = cursor.execute("SELECT key_check FROM log_head").fetchone()
        if row is None or not hmac.compare_digest(row["key_check"], key_check):
            raise Unavailable(
                "the master key is not the one that this database was begun with; "
                "set TRUYVET_MASTER_KEY or restore master.key in the data directory"
            )


def master_key(configured: str | None, data_dir: Path) -> bytes:
    """The configured key (base64 of 32 bytes), else that of ``master.key``, made with mode 0600 when missing."""
    if configured is not None:
        return _decoded(configured, "TRUYVET_MASTER_KEY")
    path = data_dir / "master.key"
    if not path.exists():
        _write_once(path, base64.b64encode(os.urandom(_KEY_BYTES)))
    return _decoded(path.read_text(), str(path))


def _write_once(path: Path, content: bytes) -> None:
    """Whole or not at all, whoever is first: two processes may begin at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def _decoded(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Unavailable(f"{origin} must be the base64 of {_KEY_BYTES} bytes")
    return key


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"truyvet {purpose}".encode(), "sha256")


def _context(secret: Secret, field: str) -> bytes:
    return secret.subject.bytes + field.encode()
