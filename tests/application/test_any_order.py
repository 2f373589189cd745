"""Whatever the order in which the same facts are recorded, the same exposures stand and the same calls are open."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from application.calls import call_stream
from domain.calls import Call
from tests.application.test_exposures import DATES, PEOPLE, VENUES, province, standing
from tests.outbreak import at

Fact = Callable[[Truyvet], object]

CASES = {person: UUID(int=number) for number, person in enumerate(PEOPLE, start=1)}
QUARTER = 900


def _visit(number: int, person: str, venue: str, start: int, left: int | None, then: str) -> list[Fact]:
    """A visit, and what became known of it later."""
    name, check_in = f"v{number}", at("6") + QUARTER * start
    check_out = None if left is None else check_in + QUARTER * left
    later: dict[str, list[Fact]] = {
        "nothing": [],
        "left": [lambda truyvet: truyvet.visits.check_out(name, check_in + 3 * QUARTER)] if left is None else [],
        "corrected": [lambda truyvet: truyvet.visits.correct(name, check_in=check_in + 60, check_out=check_in + 4_000)],
        "retracted": [lambda truyvet: truyvet.visits.retract(name)],
    }
    came: Fact = lambda truyvet: truyvet.visits.check_in(  # noqa: E731 # as short as the others
        f"ref:{person}", venue, check_in, check_out=check_out, visit_id=name
    )
    return [came, *later[then]]


def _quarantine(number: int, person: str, start: int, released: bool) -> list[Fact]:
    name, since = f"q{number}", at("6") + QUARTER * start
    assigned: Fact = lambda truyvet: truyvet.quarantines.assign(f"ref:{person}", since, quarantine_id=name)  # noqa: E731 # typed
    release: Fact = lambda truyvet: truyvet.quarantines.release(name, since + 6 * QUARTER)  # noqa: E731 # typed
    return [assigned, release] if released else [assigned]


def _case(person: str, then: str) -> list[Fact]:
    case = CASES[person]
    confirmed: Fact = lambda truyvet: truyvet.cases.confirm(f"ref:{person}", DATES, case_id=case)  # noqa: E731 # typed
    later: dict[str, list[Fact]] = {
        "nothing": [],
        "isolated": [lambda truyvet: truyvet.cases.isolate(case, at("12"))],
        "withdrawn": [lambda truyvet: truyvet.cases.withdraw(case)],
    }
    return [confirmed, *later[then]]


_visits = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE), st.sampled_from(VENUES), st.integers(0, 40), st.none() | st.integers(1, 10),
        st.sampled_from(["nothing", "nothing", "left", "corrected", "retracted"]),
    ),
    min_size=2, max_size=8, unique_by=lambda visit: visit[:3],
)  # fmt: skip
_quarantines = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.integers(0, 40), st.booleans()), max_size=2, unique_by=lambda q: q[:2]
)
_cases = st.dictionaries(
    st.sampled_from(PEOPLE), st.sampled_from(["nothing", "isolated", "withdrawn"]), min_size=1, max_size=2
)


@st.composite
def orders(draw: st.DrawFn) -> list[list[Fact | str]]:
    """Two orders of the same facts, each with pauses in which the policies catch up."""
    chains = [_visit(number, *visit) for number, visit in enumerate(draw(_visits))]
    chains += [_quarantine(number, *quarantine) for number, quarantine in enumerate(draw(_quarantines))]
    chains += [_case(*case) for case in draw(_cases).items()]
    return [_merged(draw, chains) for _ in range(2)]


def _merged(draw: st.DrawFn, chains: list[list[Fact]]) -> list[Fact | str]:
    turns = [number for number, chain in enumerate(chains) for _ in chain]
    waiting = [iter(chain) for chain in chains]
    facts: list[Fact | str] = []
    for turn in draw(st.permutations(turns)):
        facts.append(next(waiting[turn]))
        if draw(st.booleans()):
            facts.append("catch up")
    return facts


def ends_in(truyvet: Truyvet, facts: list[Fact | str]) -> dict[str, Any]:
    for fact in facts:
        if callable(fact):
            fact(truyvet)
        else:
            truyvet.policies.catch_up()
    truyvet.policies.catch_up()
    names = {truyvet.people.find(f"ref:{person}"): person for person in PEOPLE}
    exposures = {
        case: {
            names[person]: (e.level, e.exposed_at, e.last_exposed_at, e.encounters, e.contact_seconds, e.certain,
                            {names[via] for via in e.via}, set(e.visits))
            for person, e in standing(truyvet, case).items()
        }
        for case in CASES.values()
    }  # fmt: skip
    return {"exposures": exposures, "calls": {name: _open_call(truyvet, person) for person, name in names.items()}}


def _open_call(truyvet: Truyvet, person: UUID | None) -> Any:
    call = None if person is None else truyvet.log.load(Call, call_stream(person))
    if call is None or call.status != "open":
        return None
    return call.stands


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders())
def test_any_order_of_the_same_facts_ends_in_the_same(server: str, told: list[list[Fact | str]]) -> None:
    found = []
    for facts in told:
        with province(server) as truyvet:
            found.append(ends_in(truyvet, facts))
    assert found[0] == found[1]
