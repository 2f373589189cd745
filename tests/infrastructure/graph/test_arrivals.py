"""Who came to a venue and where else they were about then: as told by looking at every visit in turn."""

from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.graph import VisitGraph
from tests.infrastructure.graph.test_equals_reference import (
    STEP,
    VENUES,
    _tiny_parts,  # noqa: F401 # a fixture
    check_out,
    correct,
    graph_in_batches,
    instants,
    outbreaks,
    retract,
    venues,
)
from tests.outbreak import MIDNIGHT, Known, Outbreak, at, name, uuid

FOREVER = 10**10
NEAR = 3600


def told(graph: VisitGraph, venue: str, start: int, end: int, near: int, as_of: int) -> tuple[list[object], ...]:
    came, hops, doubled = graph.arrivals(uuid(venue), start, end, near, as_of)
    return (
        [(visit, start, end) for visit, _, start, end in came],
        *(sorted((visit, name(venue), seconds) for visit, venue, seconds in pairs) for pairs in (hops, doubled)),
    )


def looked_up(known: Known, venue: str, start: int, end: int, near: int) -> tuple[list[object], ...]:
    related = {other for other in known.stays if other in known.within(venue) or venue in known.within(other)}
    came = [v for v in known.visits.values() if v.venue == venue and start <= v.check_in < end]
    came.sort(key=lambda visit: (visit.check_in, visit.visit))
    hops, doubled = [], []
    for visit in came:
        others = [v for v in known.visits.values() if v.person == visit.person and v.venue not in related]
        others.sort(key=lambda other: (other.check_in, other.visit))
        before = [other for other in others if other.check_in < visit.check_in][-1:]
        after = [other for other in others if other.check_in >= visit.check_in][:1]
        near_ones = [other for other in before + after if abs(other.check_in - visit.check_in) <= near]
        hops += [(visit.visit, other.venue, abs(other.check_in - visit.check_in)) for other in near_ones]
        for other in others:
            ends = [v.check_out for v in (visit, other) if v.check_out is not None]
            seconds = min(ends) - max(visit.check_in, other.check_in) if len(ends) == 2 else 0
            if seconds > 0:
                doubled.append((visit.visit, other.venue, seconds))
    return [(v.visit, v.check_in, v.check_out) for v in came], sorted(hops), sorted(doubled)


@st.composite
def busy_lives(draw: st.DrawFn) -> Outbreak:
    """Of two people, so that they are often at two places at once or nearly."""
    outbreak = Outbreak()
    times = st.tuples(st.integers(0, 24), st.none() | st.integers(1, 12))
    for person, venue, (start, length) in draw(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), venues, times))):
        at = MIDNIGHT + start * STEP
        outbreak.check_in(person, venue, at, None if length is None else at + length * STEP)
    for change in draw(st.lists(st.sampled_from([check_out, correct, retract]), max_size=4)):
        change(draw, outbreak)
    return outbreak


@settings(max_examples=250, deadline=None)
@given(
    st.data(),
    outbreaks() | busy_lives(),
    st.sampled_from(VENUES),
    instants,
    st.sampled_from([0, 299, 300, 3600, 86_400]),
)
def test_whatever_is_recorded(data: st.DataObject, outbreak: Outbreak, venue: str, start: int, near: int) -> None:
    graph = graph_in_batches(data, outbreak)
    window = data.draw(st.sampled_from([(0, FOREVER), (start, start + 1800), (start, FOREVER)]))
    for as_of in {outbreak.position, data.draw(st.integers(0, outbreak.position))}:
        came, hops, doubled = told(graph, venue, *window, near, as_of)
        expected = looked_up(outbreak.history[as_of], venue, *window, near)
        assert (came, hops, doubled) == expected
        there = [v.check_in for v in outbreak.history[as_of].visits.values() if v.venue == venue]
        assert graph.last_check_in(uuid(venue), as_of) == max(there, default=None)


def test_people_are_told_apart() -> None:
    graph = Outbreak("ann cafe 9-10", "bob cafe 9-10", "ann cafe 11-12").graph()
    came, _, _ = graph.arrivals(uuid("cafe"), 0, FOREVER, NEAR)
    assert [came[0].person == came[n].person for n in range(3)] == [True, False, True]


def test_a_stall_and_its_market_are_one_place() -> None:
    outbreak = Outbreak()
    outbreak.part("hall", "market")
    outbreak.part("stall", "hall")
    outbreak.part("pier", "market")
    for venue in ("market", "hall", "stall", "pier", "cafe"):
        outbreak.visit(f"ann {venue} 9-12")
    graph = outbreak.graph()

    for venue, others in {"market": ["cafe"], "stall": ["cafe", "pier"], "hall": ["cafe", "pier"]}.items():
        _, hops, doubled = told(graph, venue, 0, FOREVER, NEAR, outbreak.position)
        assert [other for _, other, _ in doubled] == others
        assert {other for _, other, _ in hops} <= set(others)


def test_one_person_thousands_of_times_at_two_venues() -> None:
    """Every pair of them would be millions; nobody needs more than a few of each."""
    outbreak = Outbreak()
    for venue in ("cafe", "gym"):
        outbreak.stay(venue, 60)
    known = outbreak.known
    for number in range(3_000):
        outbreak.history[:] = [known]  # the reference is not asked
        outbreak.check_in("ann", "cafe" if number % 2 else "gym", at("9") + number, at("12"))
    came, hops, doubled = outbreak.graph().arrivals(uuid("cafe"), 0, FOREVER, NEAR)

    assert len(came) == 1_500
    assert {visit for visit, _, _ in hops} == {visit for visit, _, _ in doubled} == {arrival.visit for arrival in came}
    assert len(hops) + len(doubled) <= len(came) * 70
