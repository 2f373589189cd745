"""Whoever is measured answers the same; a difference, had there been one, would be told."""

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from api.bench import overlaps, trace
from api.bench.alternatives import alternatives
from api.bench.alternatives.postgres import filled
from api.bench.ours import Ours
from api.bench.questions import Met, System, same
from api.bench.rounds import Asking, ask_all
from api.bench.stays import StayColumns, stay_columns
from api.bench.synthetic import Made, made
from domain.errors import Refused
from domain.stays import KnownVisit, stays

COUNT = 1_500


@pytest.fixture(scope="module")
def data() -> Made:
    return made(COUNT)


@pytest.fixture(scope="module")
def ours(data: Made) -> Ours:
    return Ours(data)


@pytest.fixture(scope="module")
def columns(data: Made) -> StayColumns:
    return stay_columns(data.visits, data.default_stay)


@pytest.fixture(params=["duckdb", "polars", "networkx"])
def other(request: pytest.FixtureRequest, columns: StayColumns) -> Iterator[System]:
    if request.param != "networkx":
        pytest.importorskip(request.param)
    with alternatives([request.param], columns) as (opened,):
        yield opened


def answers_the_same(other: System, ours: Ours, data: Made) -> None:
    found, contacts = trace.candidates(ours, data)
    asked = trace.spread(found, contacts, 4)
    answers = [(ours.found(ours.trace(one)), other.found(other.trace(one))) for one in asked]
    busy, venue = overlaps.with_a_busy_venue(data)
    windows = overlaps.questions_at(busy, venue)[:: overlaps.OF_EACH]

    assert {level for one, _ in answers for level in one.level.tolist()} == {1, 2}
    assert {certain for one, _ in answers for certain in one.certain.tolist()} == {0, 1}
    assert all(map(same, answers))
    assert all(same([ours.met(ours.overlaps(window)), other.met(other.overlaps(window))]) for window in windows)


def test_stays_are_those_of_the_reference(data: Made, columns: StayColumns) -> None:
    names = ("person", "venue", "check_in", "check_out", "observed")
    rows = zip(*(getattr(data.visits, name).tolist() for name in names), strict=True)
    known = [
        KnownVisit(number, person, venue, start, end if observed else None)
        for number, (person, venue, start, end, observed) in enumerate(rows)
    ]
    reference = stays(known, dict(enumerate(data.default_stay.tolist())))

    assert len(reference) < COUNT, "some visits continue"
    assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == sorted(
        (stay.person, stay.venue, stay.start, stay.end, stay.observed) for stay in reference
    )


def test_an_alternative_answers_the_same(other: System, ours: Ours, data: Made) -> None:
    answers_the_same(other, ours, data)


def test_postgres_answers_the_same_by_either_index(
    database_url: str, columns: StayColumns, ours: Ours, data: Made
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for system in filled(connection, columns):
            answers_the_same(system, ours, data)


def test_many_cases_at_once_are_answered_the_same(ours: Ours, columns: StayColumns, data: Made) -> None:
    pytest.importorskip("duckdb")
    with alternatives(["duckdb"], columns) as others:
        told, equal = overlaps.many_cases(ours, others, data)

    assert equal
    assert told["contacts"] > told["cases"] > 10


def test_a_wrong_answer_is_told() -> None:
    right, wrong = (Met(*(np.array([number]) for _ in range(5))) for number in (1, 2))

    def asking(name: str, answer: Met) -> Asking:
        return Asking(name, lambda _: answer, lambda answer: answer)

    assert ask_all([asking("one", right), asking("other", right)], [0, 1], same).equal
    assert not ask_all([asking("one", right), asking("other", wrong)], [0, 1], same).equal


def test_who_is_too_slow_is_not_asked_any_more() -> None:
    answer = Met(*(np.array([1]) for _ in range(5)))
    everyone = [Asking(name, lambda _: answer, lambda answer: answer) for name in ("one", "other")]
    seconds = ask_all(everyone, list(range(5)), same, patience=0).seconds

    assert all(taken is not None for taken in seconds["one"])
    assert seconds["other"] == [None] * 5


def test_an_alternative_that_there_is_not_is_refused(columns: StayColumns, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="an alternative is one of"), alternatives(["spreadsheet"], columns):
        pass
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    monkeypatch.delitem(__import__("sys").modules, "api.bench.alternatives.duckdb", raising=False)
    with pytest.raises(Refused, match=r"install truyvet\[bench\]"), alternatives(["duckdb"], columns):
        pass
