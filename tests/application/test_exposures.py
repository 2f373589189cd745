"""The exposures of a case are what a trace from scratch finds, whenever and in whatever order facts become known."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from application.exposures import MOST_STEPS, exposures_stream
from domain.cases import Case
from domain.contacts import Encounter
from domain.errors import TruyvetError
from domain.exposures import Exposure, Exposures
from domain.rules import CaseDates
from tests.conftest import fresh_database, opened
from tests.outbreak import at

Fact = Callable[[Truyvet], object]

DATES = CaseDates(onset=date(2021, 8, 30))


def visit(text: str) -> Fact:
    """``"ann cafe 9-11"``, ``"bob cafe 10-?"``; the visit's id is the text up to the dash."""
    person, venue, times = text.split()
    start, end = times.split("-")
    visit_id = f"{person}.{venue}.{start}"
    left = None if end == "?" else at(end)
    return lambda truyvet: truyvet.visits.check_in(f"ref:{person}", venue, at(start), check_out=left, visit_id=visit_id)


def standing(truyvet: Truyvet, case: UUID) -> dict[UUID, Exposure]:
    exposures = truyvet.log.load(Exposures, exposures_stream(case))
    return {} if exposures is None else exposures.standing


def traced(truyvet: Truyvet, case: UUID) -> dict[UUID, Exposure]:
    """The same from a trace of all that is in the log."""
    truyvet.graph.catch_up()
    levels, rules = truyvet.cases.get(case).levels, truyvet.cases.get(case).rules
    found = truyvet.contacts.of_case(case, levels=levels, evidence=True)
    ids = {found.person: truyvet.cases.get(case).person} | found.person_ids
    exposures = {}
    for contact in found.contacts:
        met = found.evidence()[contact.person]
        exposures[ids[contact.person]] = Exposure(
            ids[contact.person], contact.level, contact.exposed_at, max(m.end for m in met), contact.encounters,
            contact.contact_seconds, contact.certain, tuple(sorted(ids[via] for via in contact.via)),
            _in_order_of_recording(truyvet, met), rules,
        )  # fmt: skip
    return exposures


def _in_order_of_recording(truyvet: Truyvet, met: Sequence[Encounter]) -> tuple[str, ...]:
    visits = {v for m in met for v in (*m.infector_visits, *m.contact_visits)}
    return tuple(sorted(visits, key=lambda v: truyvet.log.position_of(truyvet.visits.get(v).id, 1)))


def kinds(truyvet: Truyvet) -> list[str]:
    truyvet.policies.catch_up()
    return [
        event.type.removeprefix("Exposure.")
        for event in truyvet.log.read_all(0)
        if event.type in ("Exposure.Identified", "Exposure.Revised", "Exposure.Withdrawn")
    ]


@pytest.fixture
def outbreak(truyvet: Truyvet) -> Truyvet:
    """Ann at the cafe, who met Bob, who met Cid at the gym."""
    for code in ("cafe", "gym"):
        truyvet.venues.register(code, "restaurant", code=code, default_stay_minutes=60)
    for text in ("ann cafe 9-11", "bob cafe 10-12", "bob gym 13-15", "cid gym 14-16"):
        visit(text)(truyvet)
    return truyvet


class TestACase:
    def test_when_confirmed_gives_each_contact_an_exposure(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        assert kinds(outbreak) == ["Identified", "Identified"]
        found = standing(outbreak, case.id)
        assert found == traced(outbreak, case.id)
        assert sorted(exposure.level for exposure in found.values()) == [1, 2]

    def test_says_why_in_each_event(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        first = next(e for e in outbreak.log.read_all(0) if e.type == "Exposure.Identified").as_dict()
        bob = outbreak.people.find("ref:bob")
        assert (first["actor"], first["cause"]) == ("policy:exposures", case.position)
        assert first["data"] == {
            "case": str(case.id), "person": str(bob), "level": 1, "exposed_at": "2021-08-30T10:00:00Z",
            "last_exposed_at": "2021-08-30T11:00:00Z", "encounters": 1, "contact_seconds": 3600,
            "certainty": "certain", "via": [str(outbreak.people.find("ref:ann"))],
            "visits": ["ann.cafe.9", "bob.cafe.10"], "rules": "vn-11042", "rules_version": "2021-12-29",
            "as_of": case.position,
        }  # fmt: skip

    def test_traced_again_with_nothing_new_adds_no_event(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        before = kinds(outbreak)
        outbreak.cases.amend(case.id, isolated_at=at("30"))  # after everything that happened
        visit("dan gym 1-2")(outbreak)
        assert kinds(outbreak) == before

    def test_without_contacts_is_known_to_have_been_traced(self, truyvet: Truyvet) -> None:
        case = truyvet.cases.confirm("ref:ann", DATES)
        truyvet.policies.catch_up()
        exposures = truyvet.log.load(Exposures, exposures_stream(case.id))
        assert exposures is not None
        assert not exposures.standing

    def test_as_deep_as_it_says(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES, levels=1)
        outbreak.policies.catch_up()
        assert [exposure.level for exposure in standing(outbreak, case.id).values()] == [1]

    def test_when_closed_is_traced_no_more_until_it_is_reopened(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        outbreak.cases.close(case.id)
        visit("dan cafe 9-10")(outbreak)
        outbreak.policies.catch_up()
        assert len(standing(outbreak, case.id)) == 2
        outbreak.cases.reopen(case.id)
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)
        assert len(standing(outbreak, case.id)) == 3

    @pytest.mark.parametrize(
        "change",
        [
            lambda truyvet, case: truyvet.cases.amend(case, sampled=date(2021, 9, 20), onset=None),
            lambda truyvet, case: truyvet.cases.isolate(case, at("10:30")),
            lambda truyvet, case: truyvet.cases.withdraw(case),
        ],
        ids=["amended", "isolated", "withdrawn"],
    )
    def test_when_changed_amid_more_facts_than_are_traced_one_by_one_is_not_passed_over(
        self, outbreak: Truyvet, change: Callable[[Truyvet, UUID], object]
    ) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        for number in range(60):
            visit(f"p{number} cafe 9-11")(outbreak)
            if number == 20:
                change(outbreak, case.id)
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)

    def test_when_withdrawn_has_no_contacts(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        outbreak.cases.withdraw(case.id)
        assert kinds(outbreak) == ["Identified", "Identified", "Withdrawn", "Withdrawn"]


class TestALateFact:
    def test_names_the_very_event_that_changed_the_list(self, outbreak: Truyvet) -> None:
        outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        visit("eve gym 5-6")(outbreak)
        dan = outbreak.visits.check_in("ref:dan", "cafe", at("9"), check_out=at("10"))
        fay = outbreak.visits.check_in("ref:fay", "gym", at("13"), check_out=at("14"))
        outbreak.policies.catch_up()
        causes = [e.cause for e in outbreak.log.read_all(dan.position) if e.type == "Exposure.Identified"]
        assert causes == [dan.position, fay.position]

    def test_that_makes_a_contact_leads_on_to_facts_of_the_same_batch(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        for text in ("dan cafe 10-11", "dan market 20-22", "eve market 21-22"):
            if "market" in text:
                outbreak.venues.register("market", "market", code="market")
            visit(text)(outbreak)
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)
        assert len(standing(outbreak, case.id)) == 4

    def test_that_takes_back_what_ended_a_stay_elsewhere(self, outbreak: Truyvet) -> None:
        """Dan's stay at the cafe ended before Ann came, as he was seen at the gym; he was not."""
        case = outbreak.cases.confirm("ref:ann", DATES)
        for text in ("dan cafe 8:30-?", "dan gym 8:50-9"):
            visit(text)(outbreak)
        outbreak.policies.catch_up()
        assert len(standing(outbreak, case.id)) == 2
        outbreak.visits.retract("dan.gym.8:50")
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)
        assert len(standing(outbreak, case.id)) == 3

    def test_about_a_default_stay(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        visit("dan cafe 8-?")(outbreak)
        outbreak.policies.catch_up()
        outbreak.venues.amend("cafe", default_stay_minutes=120)
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)
        assert len(standing(outbreak, case.id)) == 3

    def test_of_an_index_person_who_was_never_seen_before(self, outbreak: Truyvet) -> None:
        case = outbreak.cases.confirm("ref:zoe", DATES)
        outbreak.policies.catch_up()
        visit("zoe cafe 9-11")(outbreak)
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)
        assert len(standing(outbreak, case.id)) == 3

    def test_is_reacted_to_after_another_process_led(
        self, outbreak: Truyvet, truyvet_again: Callable[[], Truyvet]
    ) -> None:
        case = outbreak.cases.confirm("ref:ann", DATES)
        outbreak.policies.catch_up()
        other = truyvet_again()
        visit("dan cafe 9-10")(other)
        other.policies.catch_up()
        visit("eve cafe 9-10")(outbreak)
        outbreak.policies.catch_up()
        assert standing(outbreak, case.id) == traced(outbreak, case.id)
        assert len(standing(outbreak, case.id)) == 4


def test_a_rebuilt_graph_is_watched_anew(outbreak: Truyvet) -> None:
    case = outbreak.cases.confirm("ref:ann", DATES)
    outbreak.policies.catch_up()
    outbreak.graph.rebuild()
    visit("dan cafe 9-10")(outbreak)
    outbreak.policies.catch_up()
    assert standing(outbreak, case.id) == traced(outbreak, case.id)


# --- any facts in any order

PEOPLE = ("ann", "bob", "cid", "dan", "eve")
VENUES = ("cafe", "gym")
CASES = {"ann": UUID(int=1), "bob": UUID(int=2)}

_spans = st.tuples(st.integers(0, 46), st.one_of(st.none(), st.integers(1, 12))).map(
    lambda quarter: (at("6") + 900 * quarter[0], None if quarter[1] is None else 900 * quarter[1])
)


@st.composite
def facts(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Facts as plain tuples; what cannot be recorded is refused, and changes nothing."""
    number = draw(st.integers(4, 14))
    kinds = st.sampled_from(
        ["visit"] * 8 + ["leave", "correct", "retract", "quarantine", "release", "case", "amend", "isolate",
                         "withdraw", "stay", "catch up", "catch up", "catch up"]
    )  # fmt: skip
    said = []
    for n in range(number):
        start, lasting = draw(_spans)
        said.append(
            (draw(kinds), n, draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(VENUES)), start,
             None if lasting is None else start + lasting, draw(st.integers(0, number - 1)))
        )  # fmt: skip
    return said


def tell(truyvet: Truyvet, fact: tuple[Any, ...]) -> None:
    kind, n, person, venue, start, end, other = fact
    actions: dict[str, Callable[[], object]] = {
        "visit": lambda: truyvet.visits.check_in(f"ref:{person}", venue, start, check_out=end, visit_id=f"v{n}"),
        "leave": lambda: truyvet.visits.check_out(f"v{other}", end),
        "correct": lambda: truyvet.visits.correct(f"v{other}", check_in=start, check_out=end),
        "retract": lambda: truyvet.visits.retract(f"v{other}"),
        "quarantine": lambda: truyvet.quarantines.assign(f"ref:{person}", start, end, quarantine_id=f"q{n}"),
        "release": lambda: truyvet.quarantines.release(f"q{other}", end or start + 60),
        "case": lambda: truyvet.cases.confirm(f"ref:{person}", DATES, case_id=CASES.get(person)),
        "amend": lambda: truyvet.cases.amend(CASES["ann"], rules="vn-5053", cleared_at=end),
        "isolate": lambda: truyvet.cases.isolate(CASES["ann"], start),
        "withdraw": lambda: truyvet.cases.withdraw(CASES["bob"]),
        "stay": lambda: truyvet.venues.amend(venue, default_stay_minutes=15 * (n + 1)),
        "catch up": truyvet.policies.catch_up,
    }
    with suppress(TruyvetError):
        actions[kind]()


@contextmanager
def province(server: str) -> Iterator[Truyvet]:
    with ExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory())
        truyvet = stack.enter_context(opened(stack.enter_context(fresh_database(server)), Path(directory)))
        for code in VENUES:
            truyvet.venues.register(code, "restaurant", code=code, default_stay_minutes=60)
        yield truyvet


def check(truyvet: Truyvet) -> None:
    truyvet.policies.catch_up()
    for case in truyvet.log.load_many(Case, CASES.values()):
        assert standing(truyvet, case) == traced(truyvet, case)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts(), st.sampled_from([2, MOST_STEPS]))
def test_whatever_is_told_the_exposures_are_what_a_trace_finds(
    server: str, told: list[tuple[Any, ...]], steps: int
) -> None:
    """Also when a case is traced less often than facts concern it."""
    with patch("application.exposures.MOST_STEPS", steps), province(server) as truyvet:
        truyvet.cases.confirm("ref:ann", DATES, case_id=CASES["ann"])
        for fact in told:
            tell(truyvet, fact)
            if fact[0] == "catch up":
                check(truyvet)
        check(truyvet)
