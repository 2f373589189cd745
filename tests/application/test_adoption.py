"""The weekly report from events: published figures, made again later, and random weeks against a count by hand."""

import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from api.bench import province
from api.demo import district
from api.reports.adoption import csv_lines, page
from api.reports.words import Language
from application.adoption import Adoption, Report, report_content
from application.provenance import LOCAL
from domain.adoption import CLOSED, MOVED, REGISTERED, Row, VenueFact
from domain.errors import TimedOut, Unknown
from domain.stays import KnownVisit
from domain.times import parse_instant, to_datetime
from domain.weeks import Week
from infrastructure import communes
from infrastructure.graph import VisitGraph
from infrastructure.log import EventLog
from infrastructure.rebuilding import rebuild
from tests.outbreak import Outbreak, uuid

WEEK = Week.ending("2021-11-12")
ADDED_UP = ("points", "points_new", "points_active", "points_silent", "scans", "scans_change", "scans_total",
            "points_change", "points_active_change")  # fmt: skip


def catch_up(truyvet: Truyvet) -> int:
    truyvet.graph.catch_up()
    return truyvet.registers.catch_up()


@pytest.fixture
def quan_son(truyvet: Truyvet) -> Truyvet:
    """The district as its simulation fills it."""
    rng = random.Random(district.SEED)
    places = district.points(rng)
    for place in places:
        truyvet.venues.register(
            place.name, place.kind, commune=place.commune, code=place.code, registered_at=place.registered_at
        )
    lines = "".join(district.csv_lines(district.scans(rng, places)))
    truyvet.imports.visits(io.BytesIO(lines.encode()), by=LOCAL)
    catch_up(truyvet)
    return truyvet


class TestQuanSon:
    def test_the_table_of_12_november_2021_comes_out_of_events(self, quan_son: Truyvet) -> None:
        report = quan_son.adoption.report("387", WEEK)
        assert {row.code: (row.points, row.scans_total) for row in report.rows} == district.REPORTED
        total = report.total
        assert (total.points, total.scans_total) == (584, 4_336)
        assert (total.points_new, total.scans) == (58, 1_150)
        assert (total.points_active + total.points_silent, total.points_change) == (584, 58)
        before = quan_son.adoption.report("387", WEEK.before)
        assert (before.total.points, before.total.scans_total) == (584 - 58, 4_336 - 1_150)
        assert total.scans_change == total.scans - before.total.scans
        assert total.points_active_change == total.points_active - before.total.points_active

    def test_it_is_written_out_as_the_contract_says(self, quan_son: Truyvet) -> None:
        content = report_content(quan_son.adoption.report("387", WEEK))
        assert content["unit"] == {"code": "387", "name": "Huyện Quan Sơn", "level": "district"}
        assert (content["from"], content["to"]) == ("2021-11-06", "2021-11-12")
        assert content["position"] == quan_son.log.head()
        assert list(content["rows"][0])[:13] == [
            "code", "name", "points", "points_new", "points_active", "points_silent", "scans", "scans_change",
            "scans_total", "weekend_share", "check_out_rate", "rank", "rank_change",
        ]  # fmt: skip
        assert [row["code"] for row in content["rows"]] == list(district.REPORTED)
        assert content["recorded_at"] == quan_son.log.read(content["position"] - 1, 1)[0].as_dict()["recorded_at"]

    def test_units_above_and_below_say_the_same(self, quan_son: Truyvet) -> None:
        rows = quan_son.adoption.report("387", WEEK).rows
        for row in rows:
            report = quan_son.adoption.report(row.code, WEEK)
            assert (added_up(report.total), report.rows) == (added_up(row), [])
        for code, below in (("38", "387"), ("VN", "38")):
            report = quan_son.adoption.report(code, WEEK)
            (there,) = (row for row in report.rows if row.code == below)
            assert added_up(there) == added_up(report.total) == added_up(quan_son.adoption.report("387", WEEK).total)

    def test_made_again_as_of_its_position_it_is_the_same_byte_for_byte(self, quan_son: Truyvet) -> None:
        first = quan_son.adoption.report("387", WEEK)
        made = forms(first)
        much_happens(quan_son)
        assert forms(quan_son.adoption.report("387", WEEK)) != made
        assert forms(quan_son.adoption.report("387", WEEK, first.position)) == made
        rebuild(quan_son.vault, quan_son.registers, quan_son.graph)
        assert forms(quan_son.adoption.report("387", WEEK, first.position)) == made


def forms(report: Report) -> list[str]:
    content = json.dumps(report_content(report), ensure_ascii=False)
    return [content, "".join(csv_lines(report)), *(page(report, lang) for lang in Language)]


def much_happens(truyvet: Truyvet) -> None:
    """Late scans, corrections, retractions; venues that are registered late, renamed, moved, suspended, closed."""
    visits = [truyvet.visits.get(f"qs:{number:04}") for number in (4_000, 4_100, 4_200, 4_300)]
    codes = list(truyvet.contacts.venue_names({visit.venue for visit in visits}).values())
    at = parse_instant("2021-11-09T09:00:00+07:00")
    for number, code in enumerate(codes):
        truyvet.visits.check_in(f"ref:late:{number}", code, at)
    truyvet.visits.correct("qs:4000", check_in=visits[0].check_in - 14 * 86_400, reason="the wrong week")
    truyvet.visits.retract("qs:4100", "never there")
    truyvet.venues.register("Late", "shop", commune="15013", code="late", registered_at=at)
    truyvet.venues.amend(codes[0], name="Another name", commune="14998")
    truyvet.venues.suspend(codes[1], at)
    truyvet.venues.close(codes[2], at)
    catch_up(truyvet)


class TestSonLa:
    def test_the_figures_of_a_week_come_out_of_a_generated_province(self, truyvet: Truyvet) -> None:
        province.record(truyvet, province.province())
        report = truyvet.adoption.report("14", province.WEEK)
        total = report.total
        assert (total.points, total.points_new) == (12_661, 2_684)
        assert (total.points_active, total.points_active_change) == (3_318, 793)
        assert (total.scans_total, total.scans) == (342_842, 108_435)
        assert len(report.rows) == 12
        assert added_up(total) == tuple(map(sum, zip(*map(added_up, report.rows), strict=True)))

    def test_the_province_follows_from_its_seed(self) -> None:
        made, again, other = province.province(), province.province(), province.province(1)
        assert (made.point.tobytes(), made.check_in.tobytes()) == (again.point.tobytes(), again.check_in.tobytes())
        assert made.point.tobytes() != other.point.tobytes()
        assert len(other.check_in) == province.SCANS


class TestAsked:
    def test_an_unknown_unit(self, truyvet: Truyvet) -> None:
        for code in ("", "999", "vn", "Huyện Quan Sơn"):
            with pytest.raises(Unknown, match="official list"):
                truyvet.adoption.report(code, WEEK)

    def test_an_empty_log_has_a_report_of_nothing(self, truyvet: Truyvet) -> None:
        report = truyvet.adoption.report("387", WEEK)
        assert (report.position, report.recorded_at, report.total.points, report.total.scans) == (0, None, 0, 0)
        assert len(report.rows) == 12

    def test_an_island_district_without_communes_is_where_its_venues_lie(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Quay", "transport", commune="536", code="quay", registered_at=WEEK.begin)
        truyvet.visits.check_in("ref:ann", "quay", WEEK.begin)
        catch_up(truyvet)
        report = truyvet.adoption.report("536", WEEK)
        assert (report.total.points_active, report.total.scans, report.rows) == (1, 1, [])
        assert added_up(truyvet.adoption.report("51", WEEK).total) == added_up(report.total)

    def test_venues_without_a_commune_are_counted_outside(self, truyvet: Truyvet) -> None:
        for number in range(4):
            truyvet.venues.register("Stall", "shop", code=f"stall-{number}", registered_at=WEEK.begin)
        truyvet.venues.close("stall-1", WEEK.begin)
        truyvet.venues.close("stall-2", WEEK.end)
        truyvet.venues.amend("stall-3", commune="14995")  # today
        before = catch_up(truyvet)
        truyvet.venues.close("stall-0", WEEK.begin)
        catch_up(truyvet)
        assert truyvet.adoption.report("387", WEEK, before).outside == 3
        assert truyvet.adoption.report("387", WEEK).outside == 2
        assert truyvet.adoption.report("VN", WEEK.before).outside == 0
        assert truyvet.adoption.report("VN", Week.ending("2100-01-01"), before).outside == 1

    def test_nothing_is_answered_from_a_view_that_is_late(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Cafe", "restaurant", commune="14995", registered_at=WEEK.begin)
        with pytest.raises(TimedOut):
            truyvet.adoption.report("387", WEEK)
        truyvet.graph.catch_up()
        with pytest.raises(TimedOut, match="registers"):
            truyvet.adoption.report("387", WEEK)
        truyvet.registers.catch_up()
        assert truyvet.adoption.report("387", WEEK).total.points == 1


def added_up(row: Row) -> tuple[int, ...]:
    return attrgetter(*ADDED_UP)(row)


# --- random weeks

PLACES = ["14995", "14998", "14845", "536", "00001", None]
"""Two communes of a district, one of another in the same province, an island, one elsewhere, none."""
UNITS = ["VN", "38", "387", "51", "536", "14995", "01"]
HOUR = 3_600


@dataclass
class Country:
    """Facts in the order of their positions, for the visit graph, for the register and for counting by hand."""

    outbreak: Outbreak = field(default_factory=Outbreak)
    facts: list[VenueFact] = field(default_factory=list)

    def says(self, venue: str, kind: str, happened_at: int, commune: str | None = None) -> None:
        position = self.outbreak.stay(venue, 60) if kind == REGISTERED else self.outbreak.rename(venue)
        self.facts.append(VenueFact(position, uuid(venue), kind, happened_at, commune))

    def adoption(self, until: int) -> Adoption:
        """Of a log that ends there."""
        graph = VisitGraph()
        graph.project(self.outbreak.events[:until], until)
        views = Views(graph, [fact for fact in self.facts if fact.position <= until])
        return Adoption(views, views, views, communes)

    def visits(self, position: int) -> list[KnownVisit]:
        return list(self.outbreak.history[position].visits.values())


class Views:
    """The log, the graph and the registers, in memory."""

    def __init__(self, graph: VisitGraph, facts: list[VenueFact]) -> None:
        self.graph = graph
        self.facts = facts
        self.week_scans = graph.week_scans
        self.venue_history = self

    def head(self) -> int:
        return self.graph.position

    def recorded_at(self, position: int) -> datetime:
        return datetime.fromtimestamp(position, UTC)

    def wait_for(self, position: int, seconds: float) -> None:
        assert position <= self.graph.position

    def of_communes(self, communes: Sequence[str], position: int) -> list[VenueFact]:
        known = [fact for fact in self.facts if fact.position <= position]
        there = {fact.venue for fact in known if fact.commune in communes}
        return sorted(
            (fact for fact in known if fact.venue in there), key=lambda fact: (fact.happened_at, fact.position)
        )

    def outside(self, instant: int, position: int) -> int:
        known = [fact for fact in self.facts if fact.position <= position]
        venues = {fact.venue for fact in known}
        return sum(is_point(known, venue, instant) and lies(known, venue, instant) is None for venue in venues)


def is_point(facts: list[VenueFact], venue: UUID, instant: int) -> bool:
    kinds = {fact.kind for fact in facts if fact.venue == venue and fact.happened_at < instant}
    return REGISTERED in kinds and CLOSED not in kinds


def lies(facts: list[VenueFact], venue: UUID, instant: int) -> str | None:
    """Where the last move led, else where it was registered."""
    own = [fact for fact in facts if fact.venue == venue]
    moves = [fact for fact in own if fact.kind == MOVED and fact.happened_at < instant]
    return max(moves, key=lambda fact: (fact.happened_at, fact.position)).commune if moves else own[0].commune


def counted(country: Country, unit: str, week: Week, position: int) -> dict[str, int]:
    """By hand, from what is known at a position."""
    facts = [fact for fact in country.facts if fact.position <= position]
    venues = {fact.venue for fact in facts}
    here = {venue for venue in venues if lies(facts, venue, week.end) in communes.venue_units(unit)}
    scans = [
        visit for visit in country.visits(position) if uuid(str(visit.venue)) in here and visit.check_in < week.end
    ]
    in_week = [visit for visit in scans if visit.check_in >= week.begin]
    points = {venue for venue in here if is_point(facts, venue, week.end)}
    active = points & {uuid(str(visit.venue)) for visit in in_week}
    is_new = {fact.venue for fact in facts if fact.kind == REGISTERED and fact.happened_at >= week.begin}
    return {
        "points": len(points), "points_new": len(points & is_new), "points_active": len(active),
        "points_silent": len(points - active), "scans": len(in_week), "scans_total": len(scans),
        "weekend": sum(weekday(visit.check_in) >= 5 for visit in in_week),
        "checked_out": sum(visit.check_out is not None for visit in in_week),
    }  # fmt: skip


def weekday(instant: int) -> int:
    return to_datetime(instant + 7 * HOUR).weekday()


instants = st.integers(-9 * 24, 8 * 24).map(lambda hours: WEEK.begin + hours * HOUR)
places = st.sampled_from([*PLACES, None])


@st.composite
def countries(draw: st.DrawFn) -> Country:
    country = Country()
    for _ in range(draw(st.integers(1, 6))):
        register(draw, country)
    often, seldom = [scan] * 6, [register, move, close, check_out, correct, retract]
    for happens in draw(st.lists(st.sampled_from(often + seldom), max_size=30)):
        happens(draw, country)
    return country


@st.composite
def histories(draw: st.DrawFn) -> Country:
    """Nobody comes."""
    country = Country()
    for happens in [register, *draw(st.lists(st.sampled_from([register, move, move, close]), max_size=12))]:
        happens(draw, country)
    return country


def register(draw: st.DrawFn, country: Country) -> None:
    country.says(f"v{len(country.facts)}", REGISTERED, draw(instants), draw(places))


def move(draw: st.DrawFn, country: Country) -> None:
    venue = any_venue(draw, country)
    country.says(venue, MOVED, draw(instants), draw(places))


def close(draw: st.DrawFn, country: Country) -> None:
    venue = any_venue(draw, country)
    if not any(fact.kind == CLOSED for fact in country.facts if fact.venue == uuid(venue)):
        country.says(venue, CLOSED, draw(instants))


def scan(draw: st.DrawFn, country: Country) -> None:
    start, person = draw(instants), draw(st.sampled_from(["ann", "bob", "cid"]))
    country.outbreak.check_in(person, any_venue(draw, country), start, draw(st.sampled_from([None, start + HOUR])))


def check_out(draw: st.DrawFn, country: Country) -> None:
    for visit in any_visit(draw, country):
        if visit.check_out is None:
            country.outbreak.check_out(visit.visit, visit.check_in + HOUR)


def correct(draw: st.DrawFn, country: Country) -> None:
    for visit in any_visit(draw, country):
        country.outbreak.correct_to(visit.visit, draw(instants), None)


def retract(draw: st.DrawFn, country: Country) -> None:
    for visit in any_visit(draw, country):
        country.outbreak.retract(visit.visit)


def any_venue(draw: st.DrawFn, country: Country) -> str:
    return draw(st.sampled_from(sorted(country.outbreak.known.stays)))


def any_visit(draw: st.DrawFn, country: Country) -> list[KnownVisit]:
    visits = list(country.outbreak.known.visits.values())
    return [draw(st.sampled_from(visits))] if visits else []


many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(countries(), st.sampled_from(UNITS))
def test_a_report_is_what_is_counted_by_hand(country: Country, unit: str) -> None:
    position = country.outbreak.position
    report = country.adoption(position).report(unit, WEEK)
    for row in (report.total, *report.rows):
        now, before = (counted(country, row.code, week, position) for week in (WEEK, WEEK.before))
        expected = {name: number for name, number in now.items() if hasattr(row, name)}
        expected |= {
            f"{name}_change": now[name] - before[name] for name in ("points", "points_active", "scans")
        }  # fmt: skip
        assert {name: getattr(row, name) for name in expected} == expected
        assert row.weekend_share == (round(now["weekend"] / now["scans"], 4) if now["scans"] else None)
        assert row.check_out_rate == (round(now["checked_out"] / now["scans"], 4) if now["scans"] else None)


@many
@given(countries())
def test_parents_are_the_sum_of_their_children_at_every_level(country: Country) -> None:
    adoption = country.adoption(country.outbreak.position)
    for unit in ("VN", "38", "387", "51"):
        report = adoption.report(unit, WEEK)
        assert added_up(report.total) == tuple(map(sum, zip(*map(added_up, report.rows), strict=True)))
        for row in report.rows:
            if row.code in UNITS:
                assert added_up(adoption.report(row.code, WEEK).total) == added_up(row)


@many
@given(countries(), st.sampled_from(UNITS), st.data())
def test_as_of_a_position_it_is_what_it_was_then(country: Country, unit: str, data: st.DataObject) -> None:
    then = data.draw(st.integers(1, country.outbreak.position))
    now = country.adoption(country.outbreak.position)
    assert now.report(unit, WEEK, then) == country.adoption(then).report(unit, WEEK)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(country=histories(), data=st.data())
def test_the_register_tells_the_same_history(truyvet: Truyvet, country: Country, data: st.DataObject) -> None:
    history, kept = truyvet.registers.venue_history, Views(VisitGraph(), country.facts)
    with truyvet.database.transaction(commit=True) as cursor:
        cursor.execute("TRUNCATE venue_history")
        for fact in country.facts:
            cursor.execute(
                "INSERT INTO venue_history (position, venue_id, kind, happened_at, commune) "
                "VALUES (%s, %s, %s, %s, %s)",
                [fact.position, fact.venue, fact.kind, to_datetime(fact.happened_at), fact.commune],
            )
    asked = data.draw(st.lists(st.sampled_from([place for place in PLACES if place])))
    for position in range(country.outbreak.position + 1):
        assert history.of_communes(asked, position) == kept.of_communes(asked, position)
        for instant in (WEEK.before.begin, WEEK.begin, WEEK.end):
            assert history.outside(instant, position) == kept.outside(instant, position)


def test_when_an_event_was_recorded(truyvet: Truyvet) -> None:
    truyvet.venues.register("Cafe", "restaurant")
    log: EventLog = truyvet.log
    assert log.recorded_at(1) == log.read(0, 1)[0].recorded_at
