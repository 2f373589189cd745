"""What the README tells people to type is typed here."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README shows curl")
def test_the_outbreak_of_the_readme(tmp_path: Path) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "truyvet").symlink_to(Path(sys.executable).parent / "truyvet")
    script = "set -euo pipefail\n" + "".join(BLOCKS).replace("8000", str(free_port()))
    ended = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,  # noqa: S607 # as people do
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    out = ended.stdout

    assert ended.returncode == 0, ended.stderr + out
    assert out.count("ref:bob,1,2021-08-30T03:00:00Z,1,3600,ref:ann,possible") == 1  # before the check-out arrived
    assert out.count("person,level,exposed_at,encounters,contact_seconds,via,certainty") == 2
    assert '"contact_seconds":3600' in out.replace(" ", "")  # Cid and Dan at the gym
    assert "<graphml" in out


def test_the_tree_of_the_readme_is_the_tree() -> None:
    tree = re.search(r"^```\n(domain/.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert tree is not None
    named = set(re.findall(r"\b([a-z_]+\.py|[a-z]+/)", tree[1]))
    there = {f"{path.name}/" if path.is_dir() else path.name for path in ROOT.rglob("*") if ".venv" not in path.parts}
    assert named <= there


def test_the_two_commands_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"make {target}" in README and f"\n{target}:" in makefile for target in ("demo", "test"))
