"""Whatever is recorded, in whatever batches: the columns answer what the reference answers from what was known then."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.contacts import Question
from infrastructure.graph import VisitGraph
from tests.outbreak import MIDNIGHT, Outbreak, by_name, by_uuid, name, uuid
from tests.tracing_paths import tracing_path  # noqa: F401 # a fixture

PEOPLE = ["ann", "bob", "cid", "person-number-1", "person-number-2", "cafe"]
VENUES = ["cafe", "gym", "bar", "pool"]
STEP = 5 * 60

many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some = settings(many, max_examples=40)
"""Every save waits for the disk."""
on_every_path = pytest.mark.usefixtures("tracing_path")

people = st.sampled_from(PEOPLE)
venues = st.sampled_from(VENUES)
instants = st.integers(0, 60).map(lambda n: MIDNIGHT + n * STEP)
lengths = st.none() | st.integers(1, 24).map(lambda n: n * STEP)


@st.composite
def outbreaks(draw: st.DrawFn) -> Outbreak:
    outbreak = Outbreak(default_stay=draw(st.sampled_from([10, 30, 60])))
    often, seldom = [check_in] * 8 + [scan_again] * 3, [check_out, correct, retract, set_stay, confine, extend, part]
    facts = st.sampled_from(often + seldom)
    for fact in draw(st.lists(facts, min_size=4, max_size=45)):
        fact(draw, outbreak)
    return outbreak


@st.composite
def wholes(draw: st.DrawFn) -> Outbreak:
    """Outbreaks at a venue in a venue in a venue, or nearly."""
    outbreak = Outbreak(default_stay=draw(st.sampled_from([10, 30, 60])))
    venues_first = st.lists(st.sampled_from([part, part, check_in]), min_size=2, max_size=6)
    then_visits = st.lists(st.sampled_from([*[check_in] * 4, scan_again, check_out, correct, set_stay]), max_size=30)
    for fact in draw(venues_first) + draw(then_visits):
        fact(draw, outbreak)
    return outbreak


def check_in(draw: st.DrawFn, outbreak: Outbreak) -> None:
    start = draw(instants)
    outbreak.check_in(draw(people), draw(venues), start, end_of(start, draw(lengths)))


def scan_again(draw: st.DrawFn, outbreak: Outbreak) -> None:
    """The same person, mostly at the same venue, soon after, or at the same instant."""
    if visit := any_visit(draw, outbreak):
        start = visit.check_in + draw(st.integers(0, 12)) * STEP
        venue = draw(st.sampled_from([visit.venue, visit.venue, *VENUES]))
        outbreak.check_in(visit.person, venue, start, end_of(start, draw(lengths)))


def check_out(draw: st.DrawFn, outbreak: Outbreak) -> None:
    visit = any_visit(draw, outbreak)
    if visit and visit.check_out is None:
        outbreak.check_out(visit.visit, visit.check_in + draw(st.integers(1, 24)) * STEP)


def correct(draw: st.DrawFn, outbreak: Outbreak) -> None:
    """Sometimes onto the instant of another visit."""
    visit, other = any_visit(draw, outbreak), any_visit(draw, outbreak)
    if visit and other:
        start = draw(st.sampled_from([other.check_in, draw(instants)]))
        outbreak.correct_to(visit.visit, start, end_of(start, draw(lengths)))


def retract(draw: st.DrawFn, outbreak: Outbreak) -> None:
    if visit := any_visit(draw, outbreak):
        outbreak.retract(visit.visit)


def set_stay(draw: st.DrawFn, outbreak: Outbreak) -> None:
    outbreak.stay(draw(venues), draw(st.sampled_from([5, 20, 45, 90, 240])))


def part(draw: st.DrawFn, outbreak: Outbreak) -> None:
    """A venue that nobody was at yet lies in another."""
    if unknown := [venue for venue in VENUES if venue not in outbreak.known.stays]:
        venue = draw(st.sampled_from(unknown))
        outbreak.part(venue, draw(venues.filter(lambda whole: whole != venue)))


def confine(draw: st.DrawFn, outbreak: Outbreak) -> None:
    since = draw(instants)
    outbreak.assign(draw(people), since, end_of(since, draw(lengths)))


def extend(draw: st.DrawFn, outbreak: Outbreak) -> None:
    if outbreak.known.confinements:
        quarantine = draw(st.sampled_from(sorted(outbreak.known.confinements)))
        until = end_of(outbreak.known.confinements[quarantine].since, draw(lengths))
        if until is None:
            outbreak.extend(quarantine, None)
        else:
            outbreak.release(quarantine, until)


def any_visit(draw: st.DrawFn, outbreak: Outbreak) -> Any:
    visits = list(outbreak.known.visits.values())
    return draw(st.sampled_from(visits)) if visits else None


def end_of(start: int, length: int | None) -> int | None:
    return None if length is None else start + length


@st.composite
def questions(draw: st.DrawFn) -> Question:
    start = draw(instants)
    return Question(
        draw(people),
        draw(st.sampled_from([MIDNIGHT, start])),
        draw(st.sampled_from([None, start + 3600, start + 86400])),
        draw(st.none() | instants),
        draw(st.integers(1, 3)),
        draw(st.sampled_from([0, 0, 60, 900, 1800])),
    )


def graph_in_batches(data: st.DataObject, outbreak: Outbreak) -> VisitGraph:
    return outbreak.graph(*data.draw(st.lists(st.integers(0, outbreak.position), max_size=6)))


@pytest.fixture(autouse=True)
def _tiny_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a handful of rows is sorted out into kinds, and looked at in several goes."""
    monkeypatch.setattr("infrastructure.graph.tidying.SMALL", 8)
    monkeypatch.setattr("infrastructure.graph.arrays.AT_ONCE", 5)


@on_every_path
@many
@given(st.data(), outbreaks(), questions())
def test_trace(data: st.DataObject, outbreak: Outbreak, question: Question) -> None:
    graph = graph_in_batches(data, outbreak)
    for as_of in {outbreak.position, data.draw(st.integers(0, outbreak.position))}:
        expected = outbreak.history[as_of].trace(question)
        found = by_name(graph.trace(by_uuid(question), as_of, evidence=True).to_domain())
        assert found == expected
        assert by_name(list(graph.trace(by_uuid(question), as_of))) == expected.contacts


@on_every_path
@some
@given(st.data(), outbreaks(), st.lists(questions(), min_size=1, max_size=5), st.booleans())
def test_many_traces_at_once(
    data: st.DataObject, outbreak: Outbreak, asked: list[Question], only_first_level: bool
) -> None:
    graph = graph_in_batches(data, outbreak)
    if only_first_level:
        asked = [replace(question, levels=1, min_seconds=asked[0].min_seconds) for question in asked]
    as_of = data.draw(st.integers(0, outbreak.position))
    found = [by_name(list(one)) for one in graph.trace_many([by_uuid(question) for question in asked], as_of)]
    assert found == [outbreak.history[as_of].trace(question).contacts for question in asked]


@on_every_path
@many
@given(st.data(), outbreaks(), venues, instants, instants)
def test_overlaps(data: st.DataObject, outbreak: Outbreak, venue: str, start: int, end: int) -> None:
    graph = graph_in_batches(data, outbreak)
    minimum = data.draw(st.sampled_from([0, 600]))
    person = data.draw(st.none() | people)
    for as_of in {outbreak.position, data.draw(st.integers(0, outbreak.position))}:
        expected = outbreak.history[as_of].overlaps(venue, start, end, person, minimum)
        whom = None if person is None else uuid(person)
        assert by_name(list(graph.overlaps(uuid(venue), start, end, whom, minimum, as_of))) == expected


@on_every_path
@some
@given(st.data(), wholes(), venues, instants, instants)
def test_overlaps_at_a_whole_and_its_parts(
    data: st.DataObject, outbreak: Outbreak, venue: str, start: int, end: int
) -> None:
    graph = graph_in_batches(data, outbreak)
    minimum = data.draw(st.sampled_from([0, 600]))
    person = data.draw(st.none() | people)
    for as_of in {outbreak.position, data.draw(st.integers(0, outbreak.position))}:
        expected = outbreak.history[as_of].overlaps(venue, start, end, person, minimum, parts=True)
        whom = None if person is None else uuid(person)
        found = graph.overlaps(uuid(venue), start, end, whom, minimum, as_of, parts=True)
        assert by_name(list(found)) == expected


@many
@given(st.data(), wholes(), venues)
def test_what_a_venue_holds(data: st.DataObject, outbreak: Outbreak, venue: str) -> None:
    graph = graph_in_batches(data, outbreak)
    as_of = data.draw(st.integers(0, outbreak.position))
    found = [name(place) for place in graph.within(uuid(venue), as_of)]
    expected = outbreak.history[as_of].within(venue) if venue in outbreak.known.stays else set()
    assert (sorted(found), len(found)) == (sorted(expected), len(set(found)))


@on_every_path
@some
@given(st.data(), outbreaks(), questions())
def test_the_way_it_came_about_does_not_matter(data: st.DataObject, outbreak: Outbreak, question: Question) -> None:
    """Batches, compaction, saving and loading change no answer and no checksum."""
    graph, at_once = graph_in_batches(data, outbreak), outbreak.graph()
    as_of = data.draw(st.integers(0, outbreak.position))
    expected = at_once.trace(by_uuid(question), as_of, evidence=True).to_domain()
    assert graph.checksum() == at_once.checksum()
    assert graph.trace(by_uuid(question), as_of, evidence=True).to_domain() == expected

    graph.compact()
    assert graph.checksum() == at_once.checksum()
    assert graph.trace(by_uuid(question), as_of, evidence=True).to_domain() == expected

    with TemporaryDirectory() as directory:
        graph.save(Path(directory))
        loaded = VisitGraph.load(Path(directory), "this log")
        assert loaded is not None
        assert loaded.checksum() == at_once.checksum()
        assert loaded.trace(by_uuid(question), as_of, evidence=True).to_domain() == expected


@on_every_path
@some
@given(st.data(), outbreaks(), questions())
def test_a_loaded_graph_goes_on(data: st.DataObject, outbreak: Outbreak, question: Question) -> None:
    half = data.draw(st.integers(0, outbreak.position))
    graph = VisitGraph("this log")
    graph.project(outbreak.events[:half], half)
    with TemporaryDirectory() as directory:
        graph.save(Path(directory))
        loaded = VisitGraph.load(Path(directory), "this log")
        assert loaded is not None
        loaded.project(outbreak.events[half:], outbreak.position)
        assert loaded.checksum() == outbreak.graph().checksum()
        expected = outbreak.known.trace(question).contacts
        assert by_name(list(loaded.trace(by_uuid(question)))) == expected
        then = VisitGraph.load(Path(directory), "this log")
        assert then is not None
        assert then.checksum() == graph.checksum()


@many
@given(outbreaks() | wholes(), people, venues, instants, instants)
def test_visits(outbreak: Outbreak, person: str, venue: str, start: int, end: int) -> None:
    graph = outbreak.graph()
    known = outbreak.known.visits.values()
    by_check_in = sorted(known, key=lambda visit: (visit.check_in, visit.visit))
    times = {visit.visit: (visit.check_in, visit.check_out) for visit in by_check_in}

    own = graph.visits_of_person(uuid(person))
    assert [row.visit for row in own] == [visit.visit for visit in by_check_in if visit.person == person]
    assert all((row.check_in, row.check_out) == times[row.visit] for row in own)

    for parts in (False, True):
        places = outbreak.known.within(venue) if parts else {venue}
        there = graph.visits_of_venue(uuid(venue), start, end, parts=parts)
        assert [row.visit for row in there] == [
            visit.visit
            for visit in by_check_in
            if visit.venue in places
            and visit.check_in < end
            and start < (visit.check_out or visit.check_in + outbreak.known.stays[visit.venue])
        ]
