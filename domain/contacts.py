"""Who met whom, and who is a contact of an index person: the readable meaning of semantics.md on a networkx graph.

The visit graph is bipartite: people and venues are nodes, every stay is an edge. ``infrastructure/graph`` answers the
same questions on columns; tests hold the two equal.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

import networkx as nx

from domain.stays import Id, Stay
from domain.times import LATEST, Seconds, to_text

FOREVER: Final[Seconds] = LATEST + 1
"""Ends a window that nothing closes."""

Window: TypeAlias = tuple[Seconds, Seconds]


@dataclass(frozen=True, slots=True)
class Confinement:
    """A quarantine as tracing sees it: ``[since, until)``, open while ``until`` is None."""

    person: Id
    since: Seconds
    until: Seconds | None


@dataclass(frozen=True, slots=True)
class Question:
    """Who are the contacts of ``person`` in ``[start, end)``? None leaves ``end`` or the horizon ``until`` open."""

    person: Id
    start: Seconds
    end: Seconds | None
    until: Seconds | None = None
    levels: int = 2
    min_seconds: Seconds = 900


@dataclass(frozen=True, slots=True)
class Encounter:
    """Two stays at one venue that overlap, clipped to a window of the infector."""

    infector: Id
    contact: Id
    venue: Id
    start: Seconds
    end: Seconds
    infector_visits: tuple[Id, ...]
    contact_visits: tuple[Id, ...]
    infector_observed: bool
    contact_observed: bool

    @property
    def seconds(self) -> Seconds:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Contact:
    """``encounters`` counts the qualifying ones, ``contact_seconds`` adds them up; ``via`` are the infectors."""

    person: Id
    level: int
    exposed_at: Seconds
    encounters: int
    contact_seconds: Seconds
    via: tuple[Id, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """``contacts`` by level, exposed_at and person; ``encounters`` by contact in that order, then by start."""

    contacts: list[Contact]
    encounters: list[Encounter]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two people at a venue at once; ``certain`` when both stays are observed.

    ``venue_a`` and ``venue_b`` are told where a whole and its parts are taken for one place.
    """

    person_a: Id
    person_b: Id
    start: Seconds
    end: Seconds
    seconds: Seconds
    certain: bool
    visits_a: tuple[Id, ...]
    visits_b: tuple[Id, ...]
    venue_a: Id = None
    venue_b: Id = None


def visit_graph(stays: Iterable[Stay]) -> nx.MultiGraph:
    """People and venues as nodes ``("person", p)`` and ``("venue", v)``, each stay an edge with itself as ``stay``."""
    graph = nx.MultiGraph()
    for stay in stays:
        graph.add_node(("person", stay.person), bipartite="person")
        graph.add_node(("venue", stay.venue), bipartite="venue")
        graph.add_edge(("person", stay.person), ("venue", stay.venue), stay=stay)
    return graph


def trace(graph: nx.MultiGraph, confinements: Iterable[Confinement], question: Question) -> Trace:
    """The contacts of ``question.person``. semantics.md, "Trace"; a person without stays has none."""
    confined: dict[Id, list[Confinement]] = defaultdict(list)
    for confinement in confinements:
        confined[confinement.person].append(confinement)
    levels = _encounters_by_level(graph, confined, question)
    certain = _encounters_by_level(_observed(graph), confined, question)
    contacts = [
        _contact(person, level, met, person in certain[level - 1])
        for level, encounters in enumerate(levels, start=1)
        for person, met in encounters.items()
    ]
    contacts.sort(key=lambda contact: (contact.level, contact.exposed_at, contact.person))
    return Trace(contacts, [met for contact in contacts for met in levels[contact.level - 1][contact.person]])


def overlaps(
    graph: nx.MultiGraph,
    venue: Id,
    start: Seconds,
    end: Seconds,
    person: Id | None = None,
    min_seconds: Seconds = 0,
    parts: Collection[Id] | None = None,
) -> list[Overlap]:
    """Who were at ``venue`` together in ``[start, end)``. semantics.md, "Encounter", overlaps at a venue.

    With ``parts``, the venue and these other venues are one place; the stays are those at each of them.
    """
    found = []
    present = [stay for place in {venue, *(parts or ())} for stay in _stays_at(graph, ("venue", place))]
    for one, other in combinations(present, 2):
        a, b = sorted((one, other), key=lambda stay: stay.person)
        shared = (max(a.start, b.start, start), min(a.end, b.end, end))
        if a.person != b.person and person in (None, a.person, b.person) and _is_long(shared, min_seconds):
            seconds = shared[1] - shared[0]
            where = (None, None) if parts is None else (a.venue, b.venue)
            is_certain = a.observed and b.observed
            found.append(Overlap(a.person, b.person, *shared, seconds, is_certain, a.visits, b.visits, *where))
    return sorted(found, key=lambda o: (o.start, o.person_a, o.person_b, o.end, o.visits_a[-1], o.visits_b[-1]))


def within(venue: Id, part_of: Mapping[Id, Id]) -> set[Id]:
    """The venue and everything in it; ``part_of`` gives for each part the venue in which it lies."""
    graph = nx.DiGraph((whole, part) for part, whole in part_of.items())
    return {venue} | (nx.descendants(graph, venue) if venue in graph else set())


def open_windows(
    starts: Iterable[Seconds], confinements: Collection[Confinement], until: Seconds | None
) -> list[Window]:
    """The windows that exposures at ``starts`` open for one person. semantics.md, "Trace", 4.

    ``confinements`` are that person's. A window that nothing closes ends at FOREVER.
    """
    windows: list[Window] = []
    for start in sorted(set(starts)):
        stop = min(FOREVER if until is None else until, _next_confined(start, confinements))
        if stop <= start:
            continue
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(stop, windows[-1][1]))
        else:
            windows.append((start, stop))
    return windows


def contact_graph(index_person: Id, contacts: Iterable[Contact], encounters: Iterable[Encounter]) -> nx.MultiDiGraph:
    """F0 → F1 → F2 …: people as nodes, each encounter an edge from infector to contact.

    All attributes are text, numbers or booleans, so that GraphML and node-link JSON can hold them: times
    ``2021-08-30T02:00:00Z``, visits joined with ``;``, ``imputed`` naming whose stay is (``infector contact``).
    """
    graph = nx.MultiDiGraph()
    graph.add_node(str(index_person), level=0)
    for contact in contacts:
        graph.add_node(
            str(contact.person),
            level=contact.level,
            exposed_at=to_text(contact.exposed_at),
            encounters=contact.encounters,
            contact_seconds=contact.contact_seconds,
            certainty="certain" if contact.certain else "possible",
        )
    for number, met in enumerate(encounters):
        graph.add_edge(
            str(met.infector),
            str(met.contact),
            key=number,
            venue=str(met.venue),
            start=to_text(met.start),
            end=to_text(met.end),
            seconds=met.seconds,
            infector_visits=";".join(map(str, met.infector_visits)),
            contact_visits=";".join(map(str, met.contact_visits)),
            imputed=_imputed(met),
        )
    return graph


def _encounters_by_level(
    graph: nx.MultiGraph, confined: dict[Id, list[Confinement]], question: Question
) -> list[dict[Id, list[Encounter]]]:
    """For each level from 1: its people, each with the qualifying encounters from the level before.

    semantics.md, "Trace", 1 to 4.
    """
    levels: list[dict[Id, list[Encounter]]] = []
    reached = {question.person}
    windows = {question.person: [(question.start, FOREVER if question.end is None else question.end)]}
    for _ in range(question.levels):
        joining: dict[Id, list[Encounter]] = defaultdict(list)
        for person, own_windows in windows.items():
            for met in _encounters(graph, person, own_windows, question.min_seconds):
                if met.contact not in reached:
                    joining[met.contact].append(met)
        levels.append({person: sorted(met, key=_in_order) for person, met in joining.items()})
        reached |= joining.keys()
        windows = {
            person: open_windows((met.start for met in encounters), confined.get(person, []), question.until)
            for person, encounters in joining.items()
        }
    return levels


def _encounters(
    graph: nx.MultiGraph, person: Id, windows: Iterable[Window], min_seconds: Seconds
) -> Iterator[Encounter]:
    """What remains of each stay in each window meets the stays of others at the venue. semantics.md, "Trace", 2."""
    for own in _stays_at(graph, ("person", person)):
        for window_start, window_end in windows:
            start, end = max(own.start, window_start), min(own.end, window_end)
            for theirs in _stays_at(graph, ("venue", own.venue)) if start < end else ():
                shared = (max(start, theirs.start), min(end, theirs.end))
                if theirs.person != person and _is_long(shared, min_seconds):
                    yield Encounter(
                        person, theirs.person, own.venue, *shared,
                        own.visits, theirs.visits, own.observed, theirs.observed,
                    )  # fmt: skip


def _is_long(shared: Window, min_seconds: Seconds) -> bool:
    """At least the minimum, and positive."""
    return shared[1] - shared[0] >= max(min_seconds, 1)


def _next_confined(instant: Seconds, confinements: Iterable[Confinement]) -> Seconds:
    """The first instant at or after ``instant`` in quarantine, FOREVER when there is none."""
    ahead = (c for c in confinements if c.until is None or c.until > instant)
    return min((max(instant, c.since) for c in ahead), default=FOREVER)


def _contact(person: Id, level: int, met: Sequence[Encounter], certain: bool) -> Contact:
    """semantics.md, "Trace", 3, and what is said of each contact."""
    return Contact(
        person=person,
        level=level,
        exposed_at=min(encounter.start for encounter in met),
        encounters=len(met),
        contact_seconds=sum(encounter.seconds for encounter in met),
        via=tuple(sorted({encounter.infector for encounter in met})),
        certain=certain,
    )


def _observed(graph: nx.MultiGraph) -> nx.MultiGraph:
    """The graph as if only observed stays existed. semantics.md, "Certainty"."""
    return visit_graph(stay for _, _, stay in graph.edges(data="stay") if stay.observed)


def _stays_at(graph: nx.MultiGraph, node: tuple[str, Id]) -> list[Stay]:
    return [stay for _, _, stay in graph.edges(node, data="stay")] if node in graph else []


def _in_order(met: Encounter) -> tuple[Id, ...]:
    return met.start, met.end, met.infector, met.infector_visits[-1], met.contact_visits[-1]


def _imputed(met: Encounter) -> str:
    return " ".join(
        who for who, seen in (("infector", met.infector_observed), ("contact", met.contact_observed)) if not seen
    )
