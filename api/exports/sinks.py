"""Where the files of an export go: an archive, or a directory that is there when it is whole."""

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Final

from domain.errors import Refused

Sink = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens the file of that path for writing; one at a time."""

_ALWAYS: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive, so that the same export is the same bytes."""
_OWN_FILE: Final = 0o600


@contextmanager
def zip_archive(file: IO[bytes]) -> Iterator[Sink]:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:

        def opened(path: str) -> AbstractContextManager[IO[bytes]]:
            entry = zipfile.ZipInfo(path, _ALWAYS)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = _OWN_FILE << 16
            return archive.open(entry, "w", force_zip64=True)

        yield opened


@contextmanager
def directory(target: Path) -> Iterator[Sink]:
    """Written aside and renamed as one, readable by the owner only. Raises Refused for one that is not empty."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise Refused(f"{target} is not an empty directory")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield lambda path: _own(aside / path)
        aside.rename(target)
    except BaseException:
        shutil.rmtree(aside)
        raise


def _own(path: Path) -> IO[bytes]:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN_FILE), "wb")
