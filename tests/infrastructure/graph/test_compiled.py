"""What the compiled loops need beyond equal answers: scratch arrays that are shared, types, places to cache."""

import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from domain.contacts import Question, Trace
from domain.errors import Refused
from infrastructure.graph import VisitGraph, kernel, warm_up
from tests.outbreak import Outbreak, asked, at, by_name, by_uuid, uuid

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _compiled() -> None:
    if not warm_up():
        pytest.skip("numba is not installed: pip install truyvet[compiled]")


def crowd(people: int, seed: int = 5) -> Outbreak:
    """People at a few venues, scanned again, confined, sometimes without check-out."""
    some = random.Random(seed)
    outbreak = Outbreak()
    for number in range(people):
        for _ in range(some.randint(2, 5)):
            start, venue = some.randint(0, 40), some.choice(["cafe", "gym", "bar", "spa"])
            end = some.choice(["?", f"{start + some.randint(1, 4)}"])
            outbreak.visit(f"p{number:03} {venue} {start}-{end}")
        if number % 7 == 0:
            outbreak.confine(f"p{number:03} {some.randint(0, 40)}-?")
    return outbreak


def questions(people: int) -> list[Question]:
    return [asked(f"p{number:03}", levels=1 + number % 3, min_seconds=900) for number in range(people)]


def both(outbreak: Outbreak) -> tuple[VisitGraph, VisitGraph]:
    snapshot = outbreak.graph().snapshot
    return VisitGraph("", snapshot, compiled=True), VisitGraph("", snapshot, compiled=False)


def answered(graph: VisitGraph, question: Question) -> Trace:
    found: Trace = graph.trace(by_uuid(question), evidence=True).to_domain()
    return found


def test_a_crowd_is_traced_alike_on_both_paths() -> None:
    compiled, passes = both(crowd(80))
    for question in questions(80):
        found = answered(compiled, question)
        assert found == answered(passes, question)
        assert list(compiled.trace(by_uuid(question))) == found.contacts
    assert any(not contact.certain for contact in found.contacts)


@pytest.mark.parametrize("min_seconds", [0, 3600, 7200])
def test_overlaps_of_a_crowd_are_told_alike_on_both_paths(min_seconds: int) -> None:
    """Some are there several times at once, with other ends."""
    outbreak = crowd(80)
    for number in range(0, 80, 3):
        outbreak.visit(f"p{number:03} cafe 8-{12 + number % 5}")
        outbreak.visit(f"p{number:03} cafe 7-{16 - number % 4}")
    compiled, passes = both(outbreak)
    for window in ((at("0"), at("48")), (at("9"), at("20"))):
        for person in (None, *(uuid(f"p{number:03}") for number in range(80))):
            asking = uuid("cafe"), *window, person, min_seconds
            for as_of in (outbreak.position, outbreak.position // 2):
                assert list(compiled.overlaps(*asking, as_of)) == list(passes.overlaps(*asking, as_of))


def test_a_list_of_overlaps_is_whole_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody is there at once, who is no pair."""
    compiled, _ = both(crowd(80))
    whole = len(compiled.overlaps(uuid("cafe"), at("0"), at("48")))
    monkeypatch.setattr("infrastructure.graph.overlaps.MOST_OVERLAPS", whole)
    assert len(compiled.overlaps(uuid("cafe"), at("0"), at("48"))) == whole
    monkeypatch.setattr("infrastructure.graph.overlaps.MOST_OVERLAPS", whole - 1)
    with pytest.raises(Refused, match="overlaps: ask for a shorter window"):
        compiled.overlaps(uuid("cafe"), at("0"), at("48"))


@pytest.mark.parametrize("visits", [("ann cafe 9-10", "ann gym 60-61"), ("ann gym 60-61", "ann cafe 9-10")])
def test_whoever_is_entangled_twice_is_found_both_times(visits: tuple[str, str]) -> None:
    """Whichever of the venues is looked at first: they are in the order in which they became known."""
    outbreak = Outbreak(*visits)
    for venue, hour in (("cafe", 9), ("gym", 60)):
        outbreak.visit(f"bob {venue} {hour}-?")
        outbreak.visit(f"bob {venue} {hour}:30-?")
    compiled, passes = both(outbreak)
    found = answered(compiled, asked("ann", levels=1))
    assert found == answered(passes, asked("ann", levels=1))
    assert [encounter.start for encounter in found.encounters] == [at("9"), at("60")]


def test_buffers_grow() -> None:
    """More people, pairs, windows and encounters than the loops have room for at first."""
    visits = [f"p{number:04} cafe {9 + number % 3}-{12 + number % 5}" for number in range(300)]
    outbreak = Outbreak(*visits, *visits, *(f"q{number:04} cafe 15-?" for number in range(100)))
    compiled, passes = both(outbreak)

    question = asked("p0000", levels=3, min_seconds=0)
    found = compiled.trace(by_uuid(question))
    assert len(found) == 399
    assert list(found) == list(passes.trace(by_uuid(question)))
    few = asked("p0000", "9-10", levels=2, min_seconds=0)
    assert answered(compiled, few) == answered(passes, few)


@pytest.mark.parametrize("index", ["ann", "bob"])
def test_buffers_grow_for_those_who_come_often(index: str) -> None:
    """Again and again without check-out, by which stays are joined, and with it."""
    outbreak = Outbreak()
    for day in range(60):
        start, others = 24 * day, day % 2
        outbreak.visit(f"ann place{day} {start}-{start + 3}")
        outbreak.visit(f"bob place{day} {start}-{'?' if others else start + 2}")
        if others:
            outbreak.visit(f"bob place{day} {start}:20-?")
        outbreak.visit(f"cat{day} place{day} {start + 1}-{start + 2}")
    compiled, passes = both(outbreak)
    question = asked(index, "0-1440", levels=3, min_seconds=0)
    found = answered(compiled, question)
    assert found == answered(passes, question)
    assert len(found.contacts) == 61


def test_buffers_grow_for_many_who_come_often() -> None:
    """Each with few rows, but more joined stays in all than the loops have room for at first."""
    outbreak = Outbreak("ann hall 0-3")
    for number in range(40):
        outbreak.visit(f"bob{number} hall 0-3")
        for day in range(1, 13):
            start = 24 * day
            outbreak.visit(f"bob{number} place{number} {start}-?")
            outbreak.visit(f"bob{number} place{number} {start}:20-?")
        outbreak.visit(f"cat{number} place{number} {24 * (1 + number % 12)}-{24 * (1 + number % 12) + 1}")
    compiled, passes = both(outbreak)
    question = asked("ann", "0-400", levels=2, min_seconds=0)
    found = answered(compiled, question)
    assert found == answered(passes, question)
    assert len(found.contacts) == 80


def test_many_threads_at_once_get_the_same_answers() -> None:
    compiled, _ = both(crowd(60))
    asks = questions(60)
    expected = [list(compiled.trace(by_uuid(question))) for question in asks]
    threads = 12
    together = Barrier(threads)

    def ask_all(seed: int) -> bool:
        order = random.Random(seed).sample(range(len(asks)), len(asks))
        together.wait()
        return all(list(compiled.trace(by_uuid(asks[number]))) == expected[number] for number in order * 3)

    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(ask_all, range(threads)))


def test_scratch_arrays_leave_nothing_behind() -> None:
    from infrastructure.graph import scanning

    compiled, _ = both(crowd(40))
    for question in questions(40):
        for evidence in (False, True):
            compiled.trace(by_uuid(question), evidence=evidence)
            compiled.overlaps(uuid("cafe"), at("0"), at("48"), uuid(question.person) if evidence else None)
            assert scanning._free
            for seen in scanning._free:
                blank = np.empty(len(seen), seen.dtype)
                scanning.loops.forget(blank, np.arange(len(seen), dtype=np.uint32))
                assert all(np.array_equal(seen[name], blank[name]) for name in seen.dtype.names)


def test_a_scratch_array_of_a_question_that_failed_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from infrastructure.graph import scanning

    compiled, passes = both(crowd(40))
    question = questions(40)[5]
    trace = scanning.levels.trace

    def failing(parts: Any, quarantines: Any, people: Any, seen: Any, *_: Any) -> Any:
        seen["state"] = scanning.loops.REACHED
        raise MemoryError

    monkeypatch.setattr(scanning.levels, "trace", failing)
    with pytest.raises(MemoryError):
        compiled.trace(by_uuid(question))
    monkeypatch.setattr(scanning.levels, "trace", trace)
    for question in questions(40):
        assert answered(compiled, question) == answered(passes, question)


def test_a_loaded_graph_needs_no_further_compilation(tmp_path: Path) -> None:
    from infrastructure.graph import levels, loops, pairing

    outbreak = crowd(30)
    outbreak.graph().save(tmp_path)
    loaded = VisitGraph.load(tmp_path, "this log", compiled=True)
    assert loaded is not None
    for question in questions(30):
        expected = outbreak.known.trace(question)
        assert by_name(answered(loaded, question)) == expected
        for person in (None, uuid(question.person)):
            loaded.overlaps(uuid("cafe"), at("0"), at("48"), person, parts=True)
    graph = outbreak.graph()
    list(VisitGraph("", graph.snapshot, compiled=True).trace_many([by_uuid(asked("p000", levels=1))]))
    asked_for = (levels.trace, levels.each, loops.forget, pairing.of_one, pairing.all_there, pairing.of_all)
    assert [len(loop.signatures) for loop in asked_for] == [1] * len(asked_for)


def test_without_numba_the_passes_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_scanning", None)
    monkeypatch.setitem(sys.modules, "numba", None)
    outbreak = Outbreak("ann cafe 9-11", "bob cafe 9-11")

    assert not warm_up()
    assert [contact.person for contact in by_name(list(outbreak.graph().trace(by_uuid(asked("ann")))))] == ["bob"]
    with pytest.raises(RuntimeError, match="warm_up"):
        VisitGraph("", outbreak.graph().snapshot, compiled=True).trace(by_uuid(asked("ann")))


def test_importing_the_graph_does_not_import_numba() -> None:
    run_python("import sys, infrastructure.graph; assert 'numba' not in sys.modules", ROOT, dict(os.environ))


def test_it_compiles_where_nothing_can_be_cached(tmp_path: Path) -> None:
    """As installed read-only, without a home. (Root may write anywhere, so numba is told that there is no place.)"""
    for package in ("domain", "infrastructure"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    nowhere = (
        "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n"
        "from infrastructure.graph import loops; assert loops._is_long(1, 2, 1)"
    )
    run_python(nowhere, tmp_path, {name: value for name, value in os.environ.items() if name != "HOME"})
    assert not list(tmp_path.rglob("*.nbi"))


def run_python(code: str, directory: Path, environment: dict[str, str]) -> None:
    environment = {**environment, "PYTHONPATH": str(directory)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=directory, env=environment, timeout=120)
