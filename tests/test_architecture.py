"""The layers are contracts in the build, and the contracts can fail."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "application", "infrastructure", "api")


def lint_imports(directory: Path) -> "subprocess.CompletedProcess[str]":
    program = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=directory, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(directory), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return tmp_path


def test_imports_point_inwards_and_the_domain_is_pure(house: Path) -> None:
    kept = lint_imports(house)
    assert kept.returncode == 0, kept.stdout
    assert "3 kept, 0 broken" in kept.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("domain/visits.py", "import application.visits", "Imports point inwards"),
        ("application/visits.py", "import infrastructure.log", "Imports point inwards"),
        ("infrastructure/log.py", "import api.app", "Imports point inwards"),
        ("domain/rules.py", "import fastapi", "The domain is pure"),
        ("domain/contacts.py", "import numpy", "The domain is pure"),
        ("application/cases.py", "import psycopg", "The application knows neither HTTP nor SQL"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(house: Path, file: str, line: str, contract: str) -> None:
    broken = house / file
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    result = lint_imports(house)

    assert result.returncode != 0
    assert f"{contract} BROKEN" in result.stdout


def test_only_the_fixed_packages_hold_code() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 # git of the machine
    folders = {Path(name).parts[0] for name in tracked.stdout.splitlines()}
    assert folders <= {*PACKAGES, "tests"}


def test_the_lock_file_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert "index-url" not in lock


def test_no_fixture_carries_a_real_name_or_phone() -> None:
    cases = [json.loads(file.read_text()) for file in (ROOT / "tests" / "cases").rglob("*.json")]
    people = {
        visit["person"] for case in cases for visit in case.get("visits", case.get("steps", [])) if "person" in visit
    }
    assert people
    assert not any(character.isdigit() and len(person) > 6 for person in people for character in person)
