"""Stays, encounters, windows and contacts of small outbreaks, told one by one."""

import json
from io import BytesIO
from typing import Any

import networkx as nx
import pytest

from domain.contacts import (
    FOREVER,
    Confinement,
    Contact,
    contact_graph,
    open_windows,
    visit_graph,
)
from domain.stays import Stay
from tests.outbreak import Outbreak, asked, at


def told(stay: Stay) -> str:
    seen = "observed" if stay.observed else "imputed"
    return f"{stay.person} {stay.venue} {clock(stay.start)}-{clock(stay.end)} {seen}"


def clock(instant: int) -> str:
    hours, seconds = divmod(instant - at("0"), 3600)
    return f"{hours}:{seconds // 60:02}" if seconds else f"{hours}"


def stays_of(*visits: str, default_stay: int = 60) -> list[str]:
    graph = Outbreak(*visits, default_stay=default_stay).known.graph()
    return sorted(told(stay) for _, _, stay in graph.edges(data="stay"))


def people(contacts: list[Contact]) -> list[str]:
    return [f"F{contact.level} {contact.person}" for contact in contacts]


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        (["ann cafe 9-11"], ["ann cafe 9-11 observed"]),
        (["ann cafe 9-?"], ["ann cafe 9-10 imputed"]),
        (["ann cafe 9-?", "ann gym 9:30-12"], ["ann cafe 9-9:30 imputed", "ann gym 9:30-12 observed"]),
        (["ann cafe 9-?", "ann cafe 10-11"], ["ann cafe 9-11 observed"]),
        (["ann cafe 9-?", "ann cafe 9:50-?", "ann cafe 10:40-?"], ["ann cafe 9-11:40 imputed"]),
        (["ann cafe 9-?", "ann cafe 10:01-11"], ["ann cafe 10:01-11 observed", "ann cafe 9-10 imputed"]),
        (["ann cafe 9-12", "ann cafe 10-11"], ["ann cafe 10-11 observed", "ann cafe 9-12 observed"]),
        (["ann cafe 9-?", "bob gym 9:30-10"], ["ann cafe 9-10 imputed", "bob gym 9:30-10 observed"]),
        (
            ["ann cafe 9-?", "ann gym 9:30-10", "ann cafe 9:30-11"],
            ["ann cafe 9-11 observed", "ann gym 9:30-10 observed"],
        ),
    ],
)  # fmt: skip
def test_stays(visits: list[str], expected: list[str]) -> None:
    assert stays_of(*visits) == expected


def test_of_two_visits_at_one_instant_the_first_recorded_is_continued_into() -> None:
    outbreak = Outbreak("ann cafe 9-?", "ann cafe 9:30-12", "ann cafe 14-15")
    outbreak.correct(outbreak.position, "9:30-10")

    assert sorted(told(stay) for _, _, stay in outbreak.known.graph().edges(data="stay")) == [
        "ann cafe 9-12 observed",
        "ann cafe 9:30-10 observed",
    ]


def test_a_person_and_a_venue_of_one_name_are_two_nodes() -> None:
    graph = visit_graph([Stay("cafe", "cafe", 0, 10, True, ("v1",))])

    assert set(graph.nodes) == {("person", "cafe"), ("venue", "cafe")}
    assert nx.is_bipartite(graph)


def test_somebody_unknown_has_no_contacts() -> None:
    assert Outbreak("ann cafe 9-11").known.trace(asked("zoe")).contacts == []


def test_an_outbreak_told_in_full() -> None:
    known = Outbreak("ann cafe 9-11", "bob cafe 10-12", "bob gym 14-?", "cid gym 14-15", "dan gym 14-15").known
    trace = known.trace(asked("ann", "0-24"))

    assert trace.contacts == [
        Contact("bob", 1, at("10"), 1, 3600, ("ann",), certain=True),
        Contact("cid", 2, at("14"), 1, 3600, ("bob",), certain=False),
        Contact("dan", 2, at("14"), 1, 3600, ("bob",), certain=False),
    ]
    assert [(met.infector, met.contact, met.seconds) for met in trace.encounters] == [
        ("ann", "bob", 3600),
        ("bob", "cid", 3600),
        ("bob", "dan", 3600),
    ]


def test_whoever_is_confined_passes_nothing_on_until_exposed_again() -> None:
    outbreak = Outbreak("ann cafe 9-11", "bob cafe 9-11", "bob gym 12-13", "cid gym 12-13")
    assert people(outbreak.known.trace(asked("ann")).contacts) == ["F1 bob", "F2 cid"]

    outbreak.confine("bob 11:30-?")
    assert people(outbreak.known.trace(asked("ann")).contacts) == ["F1 bob"]


@pytest.mark.parametrize(
    ("starts", "confined", "until", "expected"),
    [
        (["9"], [], None, [("9", None)]),
        (["9", "12"], [], "15", [("9", "15")]),
        (["9"], [], "9", []),
        (["9"], ["8-10"], None, []),
        (["8"], ["8-10"], None, []),
        (["10"], ["8-10"], None, [("10", None)]),
        (["7"], ["8-10"], None, [("7", "8")]),
        (["7", "11"], ["8-10"], None, [("7", "8"), ("11", None)]),
        (["7", "11"], ["8-10", "20-?"], "30", [("7", "8"), ("11", "20")]),
        (["7", "9", "11"], ["8-10", "9-12"], None, [("7", "8")]),
    ],
)
def test_windows(starts: list[str], confined: list[str], until: str | None, expected: list[Any]) -> None:
    confinements = [
        Confinement("bob", at(since), None if end == "?" else at(end))
        for since, end in (text.split("-") for text in confined)
    ]
    found = open_windows(map(at, starts), confinements, None if until is None else at(until))

    assert found == [(at(start), FOREVER if end is None else at(end)) for start, end in expected]


def test_overlaps_name_the_smaller_person_first_and_clip_to_the_window() -> None:
    known = Outbreak("zoe cafe 9-11", "ann cafe 10-?", "ann cafe 10:30-12", "bob cafe 11-12").known

    found = known.overlaps("cafe", at("9"), at("11"))
    assert [(o.person_a, o.person_b, clock(o.start), clock(o.end), o.certain) for o in found] == [
        ("ann", "zoe", "10", "11", True)
    ]
    assert len(found[0].visits_a) == 2
    assert known.overlaps("cafe", at("9"), at("12"), "zoe", 3600) == found
    assert known.overlaps("cafe", at("9"), at("12"), "zoe", 3601) == []


def test_the_contact_graph_can_be_written() -> None:
    trace = Outbreak("ann cafe 9-11", "bob cafe 10-?", "bob gym 14-?", "cid gym 14-15").known.trace(asked("ann"))
    graph = contact_graph("ann", trace.contacts, trace.encounters)

    assert dict(graph.nodes(data="level")) == {"ann": 0, "bob": 1, "cid": 2}
    assert graph.nodes["bob"]["certainty"] == "possible"
    assert graph.edges["ann", "bob", 0]["imputed"] == "contact"
    assert graph.edges["bob", "cid", 1]["start"] == "2021-08-30T14:00:00Z"
    written = BytesIO()
    nx.write_graphml(graph, written)
    assert written.getvalue().count(b' id="0"') == 1  # each edge has an id of its own
    assert nx.read_graphml(BytesIO(written.getvalue()), force_multigraph=True).number_of_edges() == 2
    assert json.loads(json.dumps(nx.node_link_data(graph)))["multigraph"]
