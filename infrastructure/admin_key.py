"""The first admin key: made when no admin has a key that is valid, and kept in a file of the data directory."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from application.access_keys import AccessKeys, new_key_text
from domain.errors import TimedOut
from infrastructure.reading import Undecodable
from infrastructure.registers import Registers

FILE_NAME: Final = "admin.key"

_MAKING = 7_479_004  # any fixed number: the advisory lock of whoever looks for an admin's key and makes it

LOCK: Final = """
-- Make the first admin key, as soon as nobody else does.
SELECT pg_advisory_lock(%s)
"""


def admin_key_file(keys: AccessKeys, registers: Registers, data_dir: Path) -> Path | None:
    """The file with an admin's key that is valid; None where there is none because admins have other keys.

    Where no admin has a key at all one is made. It is in the file before it is in the log, so that there never is a
    valid key that nobody has.
    """
    path = data_dir / FILE_NAME
    with registers.log.database.connect() as connection:
        connection.execute(LOCK.encode(), [_MAKING])
        if _opens(keys, path):
            return path
        with suppress(TimedOut, Undecodable):  # what of the registers is there has to do
            registers.catch_up()
        if registers.access_keys.live("admin"):
            return None
        text = new_key_text()
        _write(path, f"{text}\n".encode())
        keys.create("admin", label="the first", text=text)
        return path


def _opens(keys: AccessKeys, path: Path) -> bool:
    try:
        caller = keys.authenticate(path.read_text().strip())
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    return caller is not None and caller.role == "admin"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by the owner only, in the place of what was there."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
