import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from api.app import Truyvet
from application.access_keys import AccessKeys, read_key_text
from infrastructure.admin_key import FILE_NAME, admin_key_file


def ensured(truyvet: Truyvet) -> Path | None:
    return admin_key_file(truyvet.access_keys, truyvet.registers, truyvet.settings.data_dir)


def role(truyvet: Truyvet, path: Path | None) -> str | None:
    assert path is not None
    caller = truyvet.access_keys.authenticate(path.read_text().strip())
    return None if caller is None else caller.role


def test_an_empty_log_gets_an_admin_whose_key_only_the_owner_can_read(truyvet: Truyvet) -> None:
    before = os.umask(0)
    try:
        path = ensured(truyvet)
    finally:
        os.umask(before)
    assert path == truyvet.settings.data_dir / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert role(truyvet, path) == "admin"
    assert truyvet.log.head() == 1
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(FILE_NAME)] == [FILE_NAME]


def test_it_is_used_again(truyvet: Truyvet, truyvet_again: Callable[[], Truyvet]) -> None:
    path = ensured(truyvet)
    assert path is not None
    text = path.read_text()
    assert ensured(truyvet_again()) == path
    assert (path.read_text(), truyvet.log.head()) == (text, 1)


def test_who_begins_at_the_same_time_gets_the_same(truyvet: Truyvet, truyvet_again: Callable[[], Truyvet]) -> None:
    everybody, together = [truyvet, *(truyvet_again() for _ in range(3))], Barrier(4)

    def begin(one: Truyvet) -> Path | None:
        together.wait()
        return ensured(one)

    with ThreadPoolExecutor(4) as threads:
        paths = set(threads.map(begin, everybody))
    assert (len(paths), truyvet.log.head()) == (1, 1)
    assert role(truyvet, paths.pop()) == "admin"


def test_where_admins_have_keys_none_is_made(truyvet: Truyvet) -> None:
    truyvet.access_keys.create("admin")
    assert ensured(truyvet) is None
    assert not (truyvet.settings.data_dir / FILE_NAME).exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff", b"truyvet_"])
def test_a_file_that_opens_nothing_is_replaced(truyvet: Truyvet, content: bytes) -> None:
    (truyvet.settings.data_dir / FILE_NAME).write_bytes(content)
    assert role(truyvet, ensured(truyvet)) == "admin"


def test_a_key_that_was_revoked_is_replaced(truyvet: Truyvet) -> None:
    path = ensured(truyvet)
    assert path is not None
    shown = read_key_text(path.read_text().strip())
    assert shown is not None
    truyvet.access_keys.revoke(shown.id)
    assert role(truyvet, ensured(truyvet)) == "admin"


def test_a_key_that_is_no_admins_is_replaced(truyvet: Truyvet) -> None:
    _, gateway = truyvet.access_keys.create("gateway")
    (truyvet.settings.data_dir / FILE_NAME).write_text(str(gateway))
    assert role(truyvet, ensured(truyvet)) == "admin"


def test_an_end_between_the_file_and_the_log_leaves_no_valid_key_that_nobody_has(
    truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(AccessKeys, "create", _killed)
        with pytest.raises(KeyboardInterrupt):
            ensured(truyvet)
    path = truyvet.settings.data_dir / FILE_NAME
    assert role(truyvet, path) is None
    assert truyvet.log.head() == 0
    assert role(truyvet, ensured(truyvet)) == "admin"
    assert truyvet.log.head() == 1


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
