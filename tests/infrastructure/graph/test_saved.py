"""Saves are whole or passed over, and a column that did not change is not written again."""

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.graph import VisitGraph, saved
from tests.outbreak import Outbreak

ROOT = Path(__file__).parents[3]


@pytest.fixture
def outbreak() -> Outbreak:
    return Outbreak("ann cafe 9-11", "bob cafe 9-?", "cid gym 9-11")


@pytest.fixture
def later(outbreak: Outbreak) -> Outbreak:
    """With a second part: somebody new, and what supersedes a version and entangles another of the first."""
    outbreak.visit("dan cafe 10-11")
    outbreak.correct(2, "9-12")
    outbreak.visit("bob gym 9-12")
    return outbreak


def loaded(directory: Path) -> VisitGraph:
    graph = VisitGraph.load(directory, "this log")
    assert graph is not None
    return graph


def files(save: Path) -> dict[int, str]:
    return {path.stat().st_ino: path.name for path in save.iterdir()}


def test_a_torn_or_foreign_save_is_passed_over(tmp_path: Path, outbreak: Outbreak) -> None:
    graph = outbreak.graph()
    graph.save(tmp_path)
    outbreak.visit("dan cafe 9-11")
    graph.project(outbreak.events[5:], 6)
    graph.save(tmp_path)

    assert VisitGraph.load(tmp_path, "another log") is None
    assert VisitGraph.load(tmp_path / "nowhere", "this log") is None
    torn = next((tmp_path / "6").glob("person.*.npy"))
    torn.write_bytes(torn.read_bytes()[:-2])
    assert loaded(tmp_path).position == 5
    assert VisitGraph.load(tmp_path, "this log", after=5) is None
    (tmp_path / "5" / "manifest.json").write_text("{")
    assert VisitGraph.load(tmp_path, "this log") is None


@pytest.mark.parametrize("change", [{"format": 2}, {"graph": {"position": 5}}, {"graph": {"unheard_of": 5}}])
def test_a_save_of_another_format_is_passed_over(tmp_path: Path, outbreak: Outbreak, change: dict[str, object]) -> None:
    outbreak.graph().save(tmp_path)
    manifest = tmp_path / "5" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    assert VisitGraph.load(tmp_path, "this log") is None


def test_a_save_is_its_owner_s_alone(tmp_path: Path) -> None:
    VisitGraph("log").save(tmp_path / "graph")
    assert (tmp_path / "graph").stat().st_mode & 0o777 == 0o700


def test_only_the_newest_saves_stay(tmp_path: Path, outbreak: Outbreak) -> None:
    for position in (2, 3, 4):
        graph = VisitGraph("this log")
        graph.project(outbreak.events[:position], position)
        graph.save(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]
    saved.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_again_that_did_not_change(tmp_path: Path, outbreak: Outbreak) -> None:
    """Only what may change at any time is."""
    outbreak.graph().save(tmp_path)
    loaded(tmp_path).save(tmp_path / "again")
    first, again = files(tmp_path / "5"), files(tmp_path / "again" / "5")
    written = {name.partition(".")[0] for inode, name in again.items() if inode not in first}
    assert written == {"known_until", "flags", "entangled", "manifest"}
    assert loaded(tmp_path / "again").checksum() == outbreak.graph().checksum()


def test_saves_that_have_columns_in_common_are_told_apart(tmp_path: Path, later: Outbreak) -> None:
    first = VisitGraph("this log")
    first.project(later.events[:5], 5)
    first.save(tmp_path)
    graph = loaded(tmp_path)
    graph.project(later.events[5:], later.position)
    graph.save(tmp_path)

    assert files(tmp_path / "5").keys() & files(tmp_path / str(later.position)).keys()
    assert loaded(tmp_path).checksum() == later.graph().checksum()
    shutil.rmtree(tmp_path / str(later.position))
    assert loaded(tmp_path).checksum() == first.checksum()


def test_a_column_whose_file_is_gone_is_written_again(tmp_path: Path, outbreak: Outbreak) -> None:
    outbreak.graph().save(tmp_path)
    graph = loaded(tmp_path)
    saved.forget(tmp_path)
    graph.save(tmp_path)
    assert loaded(tmp_path).checksum() == outbreak.graph().checksum()


def test_what_was_put_together_in_files_is_not_written_again(
    tmp_path: Path, outbreak: Outbreak, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("SMALL", "LARGE"):
        monkeypatch.setattr(f"infrastructure.graph.tidying.{size}", 1)
    monkeypatch.setattr(VisitGraph, "_tidy_aside", lambda _: None)
    graph = outbreak.graph(*range(outbreak.position))
    with saved.scratch(tmp_path) as room:
        graph.tidy(room)
        (part,) = graph.snapshot.parts
        assert part.is_mapped
        made = {path.stat().st_ino for aside in tmp_path.iterdir() for path in aside.iterdir()}
        graph.save(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["5"]
    assert made
    assert made <= files(tmp_path / "5").keys()
    assert loaded(tmp_path).checksum() == outbreak.graph().checksum()


def test_one_process_at_a_time_saves(tmp_path: Path) -> None:
    with saved.alone(tmp_path) as first, saved.alone(tmp_path) as second:
        assert (first, second) == (True, False)
    with saved.alone(tmp_path, wait=True) as again:
        assert again


SAVING = """
import sys
from pathlib import Path
from infrastructure.graph import VisitGraph
from tests.infrastructure.graph.test_saved import long_story
outbreak, directory = long_story(), Path(sys.argv[1])
graph = VisitGraph.load(directory, "this log") or VisitGraph("this log")
for upto in range(graph.position + 1, outbreak.position + 1):
    graph.project(outbreak.events[graph.position : upto], upto)
    graph.save(directory)
    graph = VisitGraph.load(directory, "this log")
    print(upto, flush=True)
"""


def long_story() -> Outbreak:
    outbreak = Outbreak()
    for number in range(150):
        visit = outbreak.visit(f"p{number % 40:02} v{number % 7} {number % 20}-?")
        outbreak.history[:-1] = []
        if number % 3 == 0:
            outbreak.check_out(visit, outbreak.known.visits[visit].check_in + 600)
    return outbreak


@pytest.fixture
def saving(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_a_save_that_is_killed_leaves_one_that_can_be_loaded(
    tmp_path: Path, saving: list[subprocess.Popen[bytes]]
) -> None:
    """Each process goes on from what the one before has left."""
    some, outbreak, reached = random.Random(7), long_story(), 0
    for _ in range(4):
        command = [sys.executable, "-c", SAVING, str(tmp_path)]
        saving.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        assert saving[-1].stdout is not None
        for _ in range(some.randint(1, 8)):
            said = int(saving[-1].stdout.readline())
        with pytest.raises(subprocess.TimeoutExpired):
            saving[-1].wait(some.uniform(0, 0.02))
        saving[-1].send_signal(signal.SIGKILL)
        saving[-1].wait()
        graph = VisitGraph.load(tmp_path, "this log") or VisitGraph("this log")
        assert graph.position >= said > reached
        reached = graph.position
        again = VisitGraph("this log")
        again.project(outbreak.events[:reached], reached)
        assert graph.checksum() == again.checksum()
