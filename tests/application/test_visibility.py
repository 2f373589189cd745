"""Who sees what of a visitor, where; and what is shown instead of a name."""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from application.callers import Caller
from application.people import NameAndPhone
from application.scans import CheckIn
from application.visibility import Shown, shown
from domain.access_keys import ROLES
from domain.errors import Malformed, Unknown
from domain.venues import DEFAULT_STAY
from infrastructure.vault import SealedVault

NINE = 1_630_288_800
ELSEWHERE = sorted(set(DEFAULT_STAY) - {"checkpoint"})

SHOWN = {
    "admin": (Shown.IDENTITY, Shown.IDENTITY),
    "epidemiologist": (Shown.IDENTITY, Shown.IDENTITY),
    "caller": (Shown.IDENTITY, Shown.IDENTITY),
    "auditor": (Shown.PERSON_ID, Shown.PERSON_ID),
    "manager": (Shown.NAME_AND_PHONE, Shown.DECLARATION_CODE),
    "guard": (Shown.NAME_AND_PHONE, Shown.DECLARATION_CODE),
    "gateway": (Shown.DECLARATION_CODE, Shown.DECLARATION_CODE),
}
"""At a checkpoint, and at any other kind of venue."""

each_example_in_the_same_database = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def caller(truyvet: Truyvet, role: str) -> Caller:
    return Caller(uuid4(), role, places=truyvet.access_keys.places)


@pytest.mark.parametrize("role", [*ROLES, "a role of tomorrow"])
def test_the_table(truyvet: Truyvet, role: str) -> None:
    at_checkpoint, elsewhere = SHOWN.get(role, (Shown.DECLARATION_CODE, Shown.DECLARATION_CODE))
    who = caller(truyvet, role)
    assert shown(who, "checkpoint") is at_checkpoint
    assert {shown(who, kind) for kind in ELSEWHERE} == {elsewhere}
    assert len(ELSEWHERE) == 12


class TestDeclarationCodes:
    @given(st.lists(st.tuples(st.uuids(), st.uuids()), min_size=2, max_size=50, unique=True))
    @each_example_in_the_same_database
    def test_are_stable_and_told_apart_by_venue_and_person(
        self, truyvet: Truyvet, pairs: list[tuple[UUID, UUID]]
    ) -> None:
        codes = [truyvet.vault.declaration_code(venue, person) for venue, person in pairs]
        assert codes == [truyvet.vault.declaration_code(venue, person) for venue, person in pairs]
        assert len(set(codes)) == len(pairs)

    def test_can_be_read_aloud(self, truyvet: Truyvet) -> None:
        codes = [truyvet.vault.declaration_code(uuid4(), uuid4()) for _ in range(500)]
        assert {len(code) for code in codes} == {8}
        assert set("".join(codes)) == set("23456789ABCDEFGHJKLMNPQRSTUVWXYZ")

    def test_are_another_s_under_another_master_key(self, truyvet: Truyvet, other_vault: SealedVault) -> None:
        venue, person = uuid4(), uuid4()
        assert truyvet.vault.declaration_code(venue, person) != other_vault.declaration_code(venue, person)


class TestAliases:
    @given(st.uuids())
    @each_example_in_the_same_database
    def test_lead_back_to_what_they_name_and_are_the_same_each_time(self, truyvet: Truyvet, stream: UUID) -> None:
        alias = truyvet.vault.alias(stream)
        assert truyvet.vault.unaliased(alias) == stream
        assert truyvet.vault.alias(stream) == alias
        assert stream.hex not in alias

    def test_of_others_and_what_merely_looks_like_one_name_nothing(
        self, truyvet: Truyvet, other_vault: SealedVault
    ) -> None:
        alias = truyvet.vault.alias(uuid4())
        last = "0" if alias[-1] != "0" else "1"
        for text in (
            "",
            "0" * 64,
            alias[:-1],
            alias[:-1] + last,
            alias.upper() + "A",
            other_vault.alias(uuid4()),
            "é" * 64,
        ):
            assert truyvet.vault.unaliased(text) is None

    def test_name_a_visit_as_its_id_does(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Café", "restaurant", code="cafe")
        visit = truyvet.visits.check_in("ref:ann", "cafe", NINE, visit_id="app:1")
        looks_like_one = truyvet.visits.check_in("ref:bob", "cafe", NINE, visit_id="0" * 64)
        for name, visit_id in (
            (truyvet.visibility.alias("app:1"), visit.id), ("app:1", visit.id), ("0" * 64, looks_like_one.id),
        ):  # fmt: skip
            assert truyvet.visibility.visit(name).visit_id == visit_id
        for nothing in (truyvet.visibility.alias("app:2"), "app:2"):
            with pytest.raises(Unknown):
                truyvet.visibility.visit(nothing)
        with pytest.raises(Malformed):
            truyvet.visibility.visit("a b")


class TestNamesAndPhones:
    def test_are_those_that_are_known(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Chốt", "checkpoint", code="gate")
        told = {"name": "NGUYEN VAN A", "birth_date": "1990", "phone": "+84900000007"}
        for person, description in (
            ("cccd:001099000007", told), ("phone:+84900000008", told), ("ref:bob", None), ("ref:cat", {"name": "B"}),
        ):  # fmt: skip
            truyvet.visits.scan(CheckIn(person, "gate", NINE, description=description))
        truyvet.people.identify("ref:bob", "phone:+84900000009")
        names = ("cccd:001099000007", "phone:+84900000008", "ref:bob", "ref:cat")
        people = [truyvet.people.find(name) for name in names]
        found = truyvet.people.names_and_phones([person for person in people if person is not None])
        assert [found[person] for person in people if person is not None] == [
            NameAndPhone("NGUYEN VAN A", "+84900000007"),
            NameAndPhone("NGUYEN VAN A", "+84900000008"),  # their own before what was told
            NameAndPhone(None, "+84900000009"),
            NameAndPhone("B", None),
        ]

    def test_of_who_is_forgotten_or_was_never_there_are_none(self, truyvet: Truyvet) -> None:
        truyvet.venues.register("Chốt", "checkpoint", code="gate", manager="phone:+84900000008")
        person = truyvet.people.find("phone:+84900000008")
        assert person is not None
        with truyvet.database.transaction(commit=True) as cursor:
            cursor.execute("DELETE FROM vault")
        assert truyvet.people.names_and_phones([person, uuid4()]) == {}


@pytest.fixture
def other_vault(truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch) -> SealedVault:
    monkeypatch.setattr(SealedVault, "_check", lambda *_: None)
    return SealedVault(truyvet.database, b"k" * 32)
