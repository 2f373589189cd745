"""Quan Son district, 12 November 2021: its points and scans, one case, who was exposed where, and the contact graph.

Every figure that is shown is counted from the log, not from the simulation that filled it.
"""

import io
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

import networkx as nx

from api.app import Truyvet
from api.demo.district import (
    DISTRICT,
    NEW_POINTS,
    POINTS,
    REPORTED,
    SCANS,
    SEED,
    WEEK,
    WEEK_SCANS,
    Point,
    Scan,
    commune_names,
    csv_lines,
    points,
    scans,
)
from api.demo.evidence import certainty, day_and_time, show_contacts, show_evidence
from api.demo.picture import Node, picture
from api.demo.screen import Screen, must
from application.adoption import Report
from application.contact_lists import ContactList
from application.provenance import LOCAL
from domain.adoption import Row
from domain.contacts import Encounter
from domain.rules import CaseDates, Window, rule_set
from domain.times import LOCAL as VIET_NAM
from domain.times import Seconds, start_of_day
from domain.weeks import Week
from infrastructure.communes import units

RULES: Final = "vn-5053"
"""In force in November 2021; 11042 came in December."""

ONSET: Final = date(2021, 11, 9)
"""So that the window of the rule set opens with the week that was reported."""

ISOLATED_AT: Final = start_of_day(date(2021, 11, 12)) + 18 * 3600
FREQUENT: Final = 40
RICH: Final = 4
"""F0 is, of so many most frequent visitors of the week, the one with the fourth-longest list."""

_MOST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Venue:
    """A registered point, as the log has it."""

    name: str
    commune: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo can point at afterwards; ``busiest`` is the code of a venue."""

    case_id: UUID
    index: str
    window: Window
    busiest: str
    graphml: Path
    svg: Path


def show(truyvet: Truyvet, screen: Screen, output: Path) -> Shown:
    """Fill the log, count it by commune, confirm a case, show its contacts by commune, write the graph."""
    screen.heading(f"2. Quan Son district, {WEEK[1]:%-d %B %Y}: one case among {POINTS} points")
    visits = _record(truyvet, screen)
    _show_communes(screen, truyvet.adoption.report(DISTRICT, Week(WEEK[1])))
    venues = _venues(truyvet)
    window = rule_set(RULES).window(_dates())
    index = _index_person(truyvet, screen, visits, window)
    case_id = _confirm(truyvet, screen, index)
    found = truyvet.contacts.of_case(case_id, evidence=True)
    must({contact.level for contact in found.contacts} == {1, 2}, "the case has F1 and F2")
    found = found._replace(encounters=sorted(found.encounters, key=_when_and_where))
    exposing = {person: met[0].venue for person, met in found.evidence().items()}
    _show_contacts(screen, found, exposing, venues)
    _show_network(screen, found, venues)
    graphml, svg = output / "quan-son.graphml", output / "quan-son.svg"
    _write(found, exposing, venues, graphml, svg)
    return Shown(case_id, index, window, _busiest(found)[0], graphml, svg)


def _record(truyvet: Truyvet, screen: Screen) -> list[Scan]:
    rng = random.Random(SEED)  # noqa: S311 # a simulation with a fixed seed, no secret
    places = points(rng)
    visits = scans(rng, places)
    _register(truyvet, screen, places)
    with screen.progress("importing scans", len(visits)) as reached:
        file = io.BytesIO("".join(csv_lines(visits)).encode())
        outcome = truyvet.imports.visits(file, by=LOCAL, progress=reached)
    must(outcome.tally.recorded == len(visits) and not outcome.tally.rejected, "every scan was recorded")
    truyvet.graph.catch_up()
    truyvet.registers.catch_up()
    screen.say(
        f"The points and scans of each commune are the district's own figures. Only the district's sums of the new"
        f" points and of the week's scans were published: they are shared out in proportion to each commune's points"
        f" and scans, by the largest-remainder rule. Visitors are simulated over these figures (seed {SEED}); none of"
        f" them exists. Imported {outcome.tally.recorded:,} scans in {outcome.seconds:.1f} s."
    )
    return visits


def _register(truyvet: Truyvet, screen: Screen, places: Sequence[Point]) -> None:
    with screen.progress("registering points", len(places)) as reached:
        for number, place in enumerate(places, start=1):
            truyvet.venues.register(
                place.name, place.kind, commune=place.commune, code=place.code, registered_at=place.registered_at
            )
            reached(number)


def _venues(truyvet: Truyvet) -> dict[str, Venue]:
    """The points by code."""
    rows = truyvet.registers.venues.page(limit=2 * POINTS)
    return {row.code: Venue(row.name, row.commune) for row in rows if row.code and row.commune}


def _show_communes(screen: Screen, report: Report) -> None:
    total = report.total
    sums = (total.points, total.points_new, total.scans_total, total.scans)
    must(sums == (POINTS, NEW_POINTS, SCANS, WEEK_SCANS), "the log adds up to what the district reported")
    must({row.code: (row.points, row.scans_total) for row in report.rows} == REPORTED, "so each commune")
    screen.table(
        f"{report.unit.name}, counted from the log; the week is {WEEK[0]:%-d} to {WEEK[1]:%-d %B %Y}",
        ("commune", "#points", "#new", "#active", "#scans", "#in week", "#change", "#rank", "#weekend", "#check-out"),
        [_row(row.name, row) for row in report.rows],
        _row("district", total),
    )
    screen.say(
        f"Sums as reported: {total.points} points, {total.points_new} of them new; {total.scans_total:,} scans,"
        f" {total.scans:,} of them in the week."
    )


def _row(name: str, row: Row) -> Sequence[object]:
    return (
        name, row.points, row.points_new, row.points_active, f"{row.scans_total:,}", f"{row.scans:,}",
        f"{row.scans_change:+,}", row.rank or "", f"{row.weekend_share or 0:.0%}", f"{row.check_out_rate or 0:.0%}",
    )  # fmt: skip


def _dates() -> CaseDates:
    return CaseDates(onset=ONSET, isolated_at=ISOLATED_AT)


def _index_person(truyvet: Truyvet, screen: Screen, visits: Iterable[Scan], window: Window) -> str:
    """Someone with a rich contact list, not the richest: by FREQUENT and RICH; ties by name."""
    begin, minimum = start_of_day(WEEK[0]), rule_set(RULES).min_minutes
    often = Counter(scan.person for scan in visits if scan.came >= begin)
    frequent = sorted(often, key=lambda person: (-often[person], person))[:FREQUENT]
    lengths = {}
    with screen.progress("looking for a case with a rich list", len(frequent)) as reached:
        for number, person in enumerate(frequent, start=1):
            found = truyvet.contacts.trace(person, window.start, window.end, min_minutes=minimum)
            lengths[person] = len(found.contacts)
            reached(number)
    return sorted(frequent, key=lambda person: (-lengths[person], person))[RICH - 1]


def _confirm(truyvet: Truyvet, screen: Screen, index: str) -> UUID:
    recorded = truyvet.cases.confirm(index, _dates(), RULES)
    truyvet.graph.catch_up()
    rules = rule_set(RULES)
    screen.say(
        f"{index} is confirmed (chosen by rule: of the {FREQUENT} most frequent visitors of the week, number {RICH} by"
        f" the length of the list)."
    )
    screen.lines([
        ("onset", f"{ONSET:%-d %B %Y}, isolated {day_and_time(ISOLATED_AT, VIET_NAM)}"),
        ("rule set", f"{rules.name} of {rules.in_force:%Y}: {rules.days_before} days before onset until isolation"),
        ("source", rules.source),
    ])  # fmt: skip
    case_id: UUID = recorded.id
    return case_id


def _show_contacts(
    screen: Screen, found: ContactList, exposing: Mapping[str, str], venues: Mapping[str, Venue]
) -> None:
    names, by_commune = commune_names(), defaultdict[str, Counter[str]](Counter)
    for contact in found.contacts:
        by_commune[venues[exposing[contact.person]].commune].update([f"F{contact.level}", certainty(contact)])
    columns = ("F1", "F2", "certain", "possible")
    total = sum(by_commune.values(), Counter[str]())
    screen.table(
        f"{total['F1']} F1 and {total['F2']} F2, by the commune of their first exposure",
        ("commune", *(f"#{column}" for column in columns)),
        [(names[code], *(by_commune[code][column] for column in columns)) for code in names if code in by_commune],
        ("all", *(total[column] for column in columns)),
    )
    first = [contact for contact in found.contacts if contact.level == 1]
    show_contacts(screen, "The F1, to be called first", first, VIET_NAM)
    possible = next((contact.person for contact in found.contacts if not contact.certain), found.contacts[0].person)
    show_evidence(screen, found, possible, rule_set(RULES), VIET_NAM)


def _show_network(screen: Screen, found: ContactList, venues: Mapping[str, Venue]) -> None:
    """Whom the F2 hang on, and where it happened."""
    graph = nx.DiGraph(found.graph())
    levels = nx.get_node_attributes(graph, "level")
    between = nx.betweenness_centrality(graph)
    above = nx.immediate_dominators(graph, found.person)
    only = Counter(above[person] for person in graph if levels[person] == 2)
    reached = {person: sum(levels[q] == 2 for q in graph.successors(person)) for person in graph if levels[person] == 1}
    central = sorted(reached, key=lambda person: (-between[person], person))[:_MOST_ROWS]
    screen.table(
        "The F1 through whom most F2 were exposed",
        ("person", "#F2", "#only through them", "#share of shortest chains"),
        [(person, reached[person], only[person], _share(between, levels, person)) for person in central],
    )
    people, encounters = _exposed_at(found), Counter(met.venue for met in found.encounters)
    screen.table(
        "The places where most were exposed",
        ("place", "code", "#people", "#encounters"),
        [(venues[code].name, code, len(people[code]), encounters[code]) for code in _busiest(found)[:_MOST_ROWS]],
    )


def _busiest(found: ContactList) -> list[str]:
    """The codes of the places, where most people were exposed first."""
    people = _exposed_at(found)
    return sorted(people, key=lambda code: (-len(people[code]), code))


def _exposed_at(found: ContactList) -> dict[str, set[str]]:
    people: dict[str, set[str]] = defaultdict(set)
    for met in found.encounters:
        people[met.venue].add(met.contact)
    return people


def _share(between: Mapping[str, float], levels: Mapping[str, int], person: str) -> str:
    total = sum(between[other] for other, level in levels.items() if level == 1)
    return f"{between[person] / total:.0%}" if total else "-"


def _write(
    found: ContactList, exposing: Mapping[str, str], venues: Mapping[str, Venue], graphml: Path, svg: Path
) -> None:
    """The contact graph with the places by name; the picture shows each person where they were first exposed."""
    names, graph = commune_names(), found.graph()
    for person, code in exposing.items():
        graph.nodes[person]["commune"] = names[venues[code].commune]
    for _, _, attributes in graph.edges(data=True):
        venue = venues[attributes["venue"]]
        attributes |= {"place": venue.name, "commune": names[venue.commune]}
    nx.write_graphml(graph, graphml)
    nodes = [Node(found.person, 0)] + [
        Node(contact.person, contact.level, names[venues[exposing[contact.person]].commune], contact.certain)
        for contact in found.contacts
    ]
    counts = Counter(contact.level for contact in found.contacts)
    svg.write_text(
        picture(
            f"{units()[DISTRICT].name}: the contacts of {found.person}",
            f"{counts[1]} F1 and {counts[2]} F2 under {RULES}, by the commune of first exposure. Simulated visitors.",
            nodes,
            [(met.infector, met.contact) for met in found.encounters],
        ),
        encoding="utf-8",
    )


def _when_and_where(met: Encounter) -> tuple[Seconds, Seconds, str, str, str]:
    return met.start, met.end, met.infector, met.contact, met.venue
