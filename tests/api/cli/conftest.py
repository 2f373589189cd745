"""The command line, in this process."""

import pytest

from api.app import Truyvet
from api.cli import run
from tests.api.cli.running import Run


@pytest.fixture
def cli(truyvet: Truyvet, database_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """On the test's database."""
    data_dir = str(truyvet.settings.data_dir)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(["--data-dir", data_dir, "--database-url", database_url, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command
