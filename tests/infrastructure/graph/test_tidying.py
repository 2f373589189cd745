"""Parts are put together beside the projection: whatever happens meanwhile, no answer and no checksum changes."""

from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.contacts import Question
from infrastructure.graph import VisitGraph
from infrastructure.graph.part import BESIDE, ENTANGLED, MIXED, PAST, SHORT, Part
from infrastructure.graph.tidying import Merge, due
from tests.infrastructure.graph.test_equals_reference import on_every_path, outbreaks, questions
from tests.outbreak import Outbreak, asked, at, by_name, by_uuid
from tests.tracing_paths import tracing_path  # noqa: F401 # a fixture


@pytest.fixture(autouse=True)
def _tiny_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.graph.tidying.SMALL", 2)
    monkeypatch.setattr("infrastructure.graph.tidying.LARGE", 4)
    monkeypatch.setattr("infrastructure.graph.tidying._AT_ONCE", 3)


@pytest.fixture
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long parts are put together when a test says so."""
    monkeypatch.setattr(VisitGraph, "_tidy_aside", lambda _: None)


def crowd(people: int) -> Outbreak:
    """Some of whom are checked out later, or corrected."""
    outbreak = Outbreak("ann cafe 9-12")
    for number in range(people):
        visit = outbreak.visit(f"p{number:03} cafe {9 + number % 3}-?")
        if number % 2:
            outbreak.correct(visit, f"{9 + number % 2}-11")
        if number % 10 == 4:
            outbreak.check_out(visit, at("18"))
    return outbreak


def contacts(graph: VisitGraph, as_of: int | None = None) -> list[str]:
    return [contact.person for contact in by_name(list(graph.trace(by_uuid(asked("ann")), as_of)))]


def tells_what_is_entangled(part: Part) -> bool:
    """In the order of people as in that of venues."""
    told = np.unpackbits(part.entangled, count=len(part), bitorder="little")
    return bool(((part.rows.flags[part.by_person] & (ENTANGLED | BESIDE) != 0) == told).all())


@on_every_path
@pytest.mark.usefixtures("_by_hand")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), outbreaks(), questions())
def test_facts_come_while_parts_are_put_together(data: st.DataObject, outbreak: Outbreak, question: Question) -> None:
    graph = VisitGraph("this log")
    merge: Merge | None = None
    while graph.position < outbreak.position:
        upto = data.draw(st.integers(graph.position + 1, min(graph.position + 8, outbreak.position)))
        graph.project(outbreak.events[graph.position : upto], upto)
        few = due(graph.snapshot.parts, saver=True)
        if merge is None and few:
            merge = Merge(few)
        elif merge is not None and data.draw(st.booleans()):
            graph._swap(merge)
            merge = None
    at_once = outbreak.graph()
    assert graph.checksum() == at_once.checksum()
    assert all(map(tells_what_is_entangled, graph.snapshot.parts))
    for as_of in {outbreak.position, data.draw(st.integers(0, outbreak.position))}:
        expected = outbreak.history[as_of].trace(question)
        assert by_name(graph.trace(by_uuid(question), as_of, evidence=True).to_domain()) == expected


@on_every_path
@pytest.mark.usefixtures("_by_hand")
def test_what_is_superseded_or_entangled_meanwhile_is_so_afterwards() -> None:
    outbreak = Outbreak("ann cafe 9-12", *(f"p{number} cafe 9-?" for number in range(9)))
    graph = outbreak.graph(*range(outbreak.position))
    few = due(graph.snapshot.parts)
    assert few
    merge = Merge(few)
    outbreak.correct(5, "13-14")
    outbreak.visit("p4 gym 9-10")
    outbreak.visit("p6 gym 9:05-10")
    outbreak.stay("cafe", 240)
    graph.project(outbreak.events[graph.position :], outbreak.position)
    graph._swap(merge)

    assert graph.checksum() == outbreak.graph().checksum()
    for as_of in range(10, outbreak.position + 1):
        expected = outbreak.history[as_of].trace(asked("ann")).contacts
        assert by_name(list(graph.trace(by_uuid(asked("ann")), as_of))) == expected


def test_threads_put_parts_together_while_facts_come_and_questions_are_asked() -> None:
    outbreak = crowd(120)
    graph = VisitGraph("this log")
    graph.project(outbreak.events[:2], 2)
    seen: list[tuple[int, list[str]]] = []

    def ask() -> None:
        while graph.position < outbreak.position:
            answer = graph.trace(by_uuid(asked("ann")))
            seen.append((answer.position, [contact.person for contact in by_name(list(answer))]))

    reader = Thread(target=ask)
    reader.start()
    for before, after in pairwise(range(2, outbreak.position + 1)):
        graph.project(outbreak.events[before:after], after)
    reader.join()
    graph.tidy()

    assert seen
    for position, people in seen[:: 1 + len(seen) // 50]:
        assert people == [contact.person for contact in outbreak.history[position].trace(asked("ann")).contacts]
    assert graph.checksum() == outbreak.graph().checksum()
    assert len(graph.snapshot.parts) < 12


@pytest.mark.usefixtures("_by_hand")
def test_what_is_past_moves_to_a_part_of_its_own() -> None:
    outbreak = Outbreak("ann cafe 9-12", *(f"p{number:03} cafe 9-11" for number in range(40)))
    graph = outbreak.graph(*range(outbreak.position))
    for visit in range(3, 43, 2):
        outbreak.correct(visit, "10-11")
    graph.project(outbreak.events[graph.position :], outbreak.position)
    assert not any(part.kind == PAST for part in graph.snapshot.parts)

    graph.tidy()
    kinds = {part.kind: len(part) for part in graph.snapshot.parts}
    assert (kinds[PAST], kinds[SHORT]) == (20, 41)
    assert contacts(graph, 42) == contacts(outbreak.graph(), 42) == [f"p{number:03}" for number in range(40)]


@pytest.mark.usefixtures("_by_hand")
def test_a_merge_of_parts_that_are_gone_is_dropped() -> None:
    outbreak = crowd(30)
    graph = outbreak.graph(*range(0, outbreak.position, 5))
    few = due(graph.snapshot.parts, saver=True)
    assert few
    merge = Merge(few)
    graph.compact()
    parts = graph.snapshot.parts
    graph._swap(merge)
    assert graph.snapshot.parts == parts
    assert graph.checksum() == outbreak.graph().checksum()


@pytest.mark.usefixtures("_by_hand")
def test_parts_that_processes_share_are_left_to_the_one_that_saves(tmp_path: Path) -> None:
    outbreak = crowd(30)
    outbreak.graph(*range(0, outbreak.position, 5)).save(tmp_path)
    loaded = VisitGraph.load(tmp_path, "this log")
    assert loaded is not None

    assert all(part.is_mapped for part in loaded.snapshot.parts)
    assert due(loaded.snapshot.parts) is None
    assert due(loaded.snapshot.parts, saver=True)
    loaded.tidy()
    assert due(loaded.snapshot.parts, saver=True) is None
    assert loaded.checksum() == outbreak.graph().checksum()


def test_compacted_there_is_one_part_of_each_kind() -> None:
    outbreak = crowd(60)
    graph = outbreak.graph(*range(0, outbreak.position, 7))
    graph.compact()
    kinds = [part.kind for part in graph.snapshot.parts]
    assert len(kinds) == len(set(kinds) - {MIXED})
    assert graph.checksum() == outbreak.graph().checksum()
