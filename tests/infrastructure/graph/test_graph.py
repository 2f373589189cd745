"""What the property tests do not say: refusals, readers beside the projector, odd events."""

import json
from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from domain.errors import Malformed, Refused
from infrastructure.graph import LoggedEvent, VisitGraph
from infrastructure.graph.projection import read
from tests.outbreak import Outbreak, asked, at, by_name, by_uuid, uuid


def contacts(graph: VisitGraph, as_of: int | None = None) -> list[str]:
    return [contact.person for contact in by_name(list(graph.trace(by_uuid(asked("ann")), as_of)))]


def test_somebody_unknown_has_no_contacts_and_no_overlaps() -> None:
    graph = Outbreak("ann cafe 9-11", "bob cafe 9-11").graph()

    assert list(graph.trace(by_uuid(asked("zoe")), evidence=True)) == []
    assert list(graph.overlaps(uuid("cafe"), at("0"), at("24"), uuid("zoe"))) == []
    assert list(graph.overlaps(uuid("nowhere"), at("0"), at("24"))) == []
    assert graph.visits_of_person(uuid("zoe")) == []
    assert list(VisitGraph().trace(by_uuid(asked("ann")))) == []


def test_a_list_of_overlaps_is_whole_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.graph.overlaps.MOST_OVERLAPS", 3)
    graph = Outbreak(*(f"{name} cafe 9-11" for name in ("ann", "bob", "cid", "dan"))).graph()

    assert len(graph.overlaps(uuid("cafe"), at("9"), at("10"), uuid("ann"))) == 3
    with pytest.raises(Refused, match="more than 3 overlaps"):
        graph.overlaps(uuid("cafe"), at("9"), at("10"))


def test_a_position_that_is_not_projected_is_refused() -> None:
    graph = Outbreak("ann cafe 9-11").graph()

    with pytest.raises(Refused, match="lies beyond"):
        graph.trace(by_uuid(asked("ann")), 3)


def test_nothing_is_known_as_of_the_beginning() -> None:
    assert contacts(Outbreak("ann cafe 9-11", "bob cafe 9-11").graph(), 0) == []


@pytest.mark.parametrize(
    "state",
    [b"{", b"{}, {}", b'{"check_in": "2021-08-30T09:00:00Z"}', b"null"],
)
def test_an_event_that_cannot_be_read_is_named_and_nothing_is_taken_in(state: bytes) -> None:
    outbreak = Outbreak("ann cafe 9-11", "bob cafe 9-?")
    graph = outbreak.graph()
    before = graph.checksum()
    outbreak.check_out(3, at("10"))
    broken = LoggedEvent(5, "Visit.CheckedIn", uuid("v"), state)

    with pytest.raises(Malformed, match="position 5"):
        graph.project([*outbreak.events[3:], broken], 5)
    assert (graph.position, graph.checksum()) == (3, before)


@pytest.mark.parametrize("time", ["2021-02-30T09:00:00Z", "2021-08-30T09:00:00+", "1921-08-30T09:00:00Z"])
def test_a_time_that_does_not_exist_is_named(time: str) -> None:
    event = Outbreak("ann cafe 9-11").events[1]
    state = json.dumps({**json.loads(event.state), "check_in": time}).encode()

    with pytest.raises(Malformed, match="position 2"):
        read([event._replace(state=state)])


def test_times_and_uuids_may_be_written_otherwise() -> None:
    event = Outbreak("ann cafe 9-11").events[1]
    fields = json.loads(event.state)
    otherwise = {
        **fields,
        "check_in": "2021-08-30T16:00:00+07:00",
        "person": fields["person"].replace("-", "").upper(),
    }

    facts, expected = (read([event._replace(state=json.dumps(state).encode())]) for state in (otherwise, fields))
    for found, wanted in zip(facts.visits, expected.visits, strict=True):
        assert np.array_equal(found, wanted)


def test_a_batch_that_failed_half_way_can_be_projected_again() -> None:
    outbreak = Outbreak("ann cafe 9-11", "bob cafe 9-?")
    graph = outbreak.graph()
    before = graph.checksum()
    outbreak.check_out(3, at("10"))
    outbreak.stay("cafe", 20)
    outbreak.correct(3, "9-?")
    lost = outbreak.events[3]._replace(position=7, stream=uuid("nobody"))

    with pytest.raises(Malformed, match="position 7"):
        graph.project([*outbreak.events[3:], lost], 7)
    assert graph.checksum() == before
    graph.project(outbreak.events[3:], 6)
    assert graph.checksum() == outbreak.graph().checksum()


def test_events_that_say_nothing_about_tracing_are_passed_over() -> None:
    outbreak = Outbreak("ann cafe 9-11")
    outbreak.rename("cafe")
    outbreak.visit("bob cafe 9-11")

    assert contacts(outbreak.graph(3)) == ["bob"]


def test_a_visit_at_a_venue_that_was_never_registered_is_named() -> None:
    with pytest.raises(Malformed, match="position 2 is at a venue"):
        VisitGraph().project(Outbreak("ann cafe 9-11").events[1:], 2)


def test_a_part_of_a_venue_that_was_never_registered_is_named() -> None:
    outbreak = Outbreak()
    outbreak.part("stall", "market")
    with pytest.raises(Malformed, match="position 2 is in a venue that was never registered"):
        VisitGraph().project(outbreak.events[1:], 2)


def test_what_lies_in_what_is_saved_and_told_by_the_checksum(tmp_path: Path) -> None:
    in_the_market, in_the_mall = Outbreak(), Outbreak()
    for outbreak, whole in ((in_the_market, "market"), (in_the_mall, "mall")):
        outbreak.stay("market", 60)
        outbreak.stay("mall", 60)
        outbreak.part("stall", whole)
    graph = in_the_market.graph()
    graph.save(tmp_path)
    loaded = VisitGraph.load(tmp_path, "this log")

    assert loaded is not None
    assert loaded.within(uuid("market")) == [uuid("market"), uuid("stall")]
    assert loaded.within(uuid("market"), 2) == [uuid("market")]
    assert loaded.within(uuid("nowhere")) == []
    assert loaded.checksum() == graph.checksum() != in_the_mall.graph().checksum()


def test_many_changes_of_default_stays_and_visits_between_them_in_one_batch() -> None:
    outbreak = Outbreak("ann cafe 9-12", "bob cafe 9-?", "cid gym 9-?")
    for minutes in (5, 90, 10):
        outbreak.stay("cafe", minutes)
        outbreak.stay("gym", minutes)
        outbreak.visit("dan cafe 10-?" if minutes == 5 else f"eve{minutes} cafe 11-?")

    graph = outbreak.graph()
    for as_of in range(outbreak.position + 1):
        expected = outbreak.history[as_of].trace(asked("ann")).contacts
        assert by_name(list(graph.trace(by_uuid(asked("ann")), as_of))) == expected


def test_people_have_the_same_numbers_in_whatever_batches() -> None:
    """So another process can go on from what this one saved."""
    outbreak = Outbreak("ann cafe 9-11")
    outbreak.confine("zoe 9-?")
    outbreak.visit("bob cafe 9-11")
    outbreak.confine("ann 9-?")
    people = [graph.snapshot.people for graph in (outbreak.graph(), outbreak.graph(*range(outbreak.position)))]
    assert people[0].uuids(np.arange(3)) == people[1].uuids(np.arange(3)) == [uuid("ann"), uuid("zoe"), uuid("bob")]


def test_readers_keep_the_position_that_they_began_with() -> None:
    """While facts come in, every answer is one of those that were right at some position, never a mixture."""
    outbreak = Outbreak("ann cafe 9-12")
    for number in range(60):
        visit = outbreak.visit(f"p{number:02} cafe {9 + number % 3}-?")
        if number % 2:
            outbreak.correct(visit, f"{9 + number % 2}-11")
    graph = VisitGraph()
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

    assert seen
    for position, people in seen:
        expected = outbreak.history[position].trace(asked("ann")).contacts
        assert people == [contact.person for contact in expected]
