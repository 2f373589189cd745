"""Declarations are triaged as calls are: what is abnormal is passed on to the CDC in the same commit."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from api.app import Truyvet
from application.declarations import Kept, Told, opened
from application.log import Recorded
from application.provenance import Provenance
from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.people import Person
from domain.times import from_datetime
from domain.triage import Answers, as_text
from infrastructure.verification import verify

PERSON = "phone:+84900000123"
ILL = Answers(("fever", "cough"), 4, "12 Lê Lợi", "14995")
RETURNEE = Told("returnee", "phone", arrived_at=1_630_281_600, came_from="Bình Dương", notes="một mình")


def types(truyvet: Truyvet, after: int = 0) -> list[str]:
    return [event.type for event in truyvet.log.read(after, 100)]


def everything_written(truyvet: Truyvet) -> str:
    return b"\n".join(event.state for event in truyvet.log.read(0, 100)).decode()


def declared(truyvet: Truyvet, told: Told = RETURNEE, declaration_id: str | None = "d1", **more: Any) -> Recorded:
    return truyvet.declarations.declare(PERSON, told, declaration_id=declaration_id, **more)


class TestDeclaring:
    def test_registers_the_person_and_keeps_what_was_said(self, truyvet: Truyvet) -> None:
        recorded = declared(truyvet, by=Provenance(actor="key:caller"))
        assert types(truyvet) == ["Person.Registered", "Declaration.Made"]
        made = truyvet.declarations.get("d1")
        assert recorded == ("d1", 2)
        assert (made.person, made.kind, made.channel) == (truyvet.people.find(PERSON), "returnee", "phone")
        assert (made.arrived_at, made.abnormal, made.escalation) == (1_630_281_600, False, None)
        assert opened(made, truyvet.people) == Kept("Bình Dương", as_text(Answers()), "một mình")

    def test_happened_when_it_says_and_now_when_it_does_not_say(self, truyvet: Truyvet) -> None:
        truyvet.declarations.now = lambda: 1_700_000_000  # type: ignore[method-assign] # a clock that stands
        declared(truyvet)
        declared(truyvet, replace(RETURNEE, at=1_699_999_000), "d2")
        times = [from_datetime(truyvet.declarations.get(name).created_on) for name in ("d1", "d2")]
        assert times == [1_700_000_000, 1_699_999_000]

    def test_of_somebody_with_symptoms_is_passed_on_in_the_same_commit(self, truyvet: Truyvet) -> None:
        declared(truyvet, replace(RETURNEE, answers=ILL))
        assert types(truyvet, 1) == ["Person.Resides", "Escalation.Raised", "Declaration.Made"]
        assert len({event.recorded_at for event in truyvet.log.read(0, 100)}) == 1
        made = truyvet.declarations.get("d1")
        assert made.escalation is not None
        raised = truyvet.escalations.get(made.escalation)
        assert (made.abnormal, raised.person, raised.reason) == (True, made.person, "symptoms")
        assert (raised.origin, raised.origin_id, raised.cases) == ("declaration", "d1", ())

    def test_says_where_the_person_lives(self, truyvet: Truyvet) -> None:
        for number, commune in enumerate(("14995", "14995", "14998")):
            declared(truyvet, Told("health", "app", answers=Answers(commune=commune)), f"d{number}")
        assert types(truyvet).count("Person.Resides") == 2
        person = truyvet.people.find(PERSON)
        assert person is not None
        resident = truyvet.log.load(Person, person)
        assert resident is not None
        truyvet.registers.catch_up()
        assert resident.commune == "14998"
        assert truyvet.registers.residents.communes([person]) == {person: "14998"}

    def test_again_is_found_and_another_under_its_id_refused(self, truyvet: Truyvet) -> None:
        told = replace(RETURNEE, answers=ILL)
        first, head = declared(truyvet, told), truyvet.log.head()
        swapped = replace(ILL, symptoms=("cough", "fever", "cough"))
        assert declared(truyvet, told) == declared(truyvet, replace(told, answers=swapped)) == first
        for other in (
            replace(told, kind="health"), replace(told, channel="app"), replace(told, at=1_600_000_000),
            replace(told, arrived_at=None), replace(told, came_from="Đồng Nai"), replace(told, answers=Answers()),
            replace(told, notes=None),
        ):  # fmt: skip
            with pytest.raises(Conflict):
                declared(truyvet, other)
        with pytest.raises(Conflict):
            truyvet.declarations.declare("ref:bob", told, declaration_id="d1")
        assert truyvet.log.head() == head

    def test_each_without_an_id_is_another(self, truyvet: Truyvet) -> None:
        assert declared(truyvet, declaration_id=None).id != declared(truyvet, declaration_id=None).id

    @pytest.mark.parametrize(
        ("told", "error"),
        [
            (replace(RETURNEE, kind="other"), Malformed),
            (replace(RETURNEE, channel="fax"), Malformed),
            (replace(RETURNEE, at=4_000_000_000), Refused),
            (replace(RETURNEE, answers=Answers(commune="387")), Malformed),
            (replace(RETURNEE, answers=Answers(commune="99999")), Malformed),
        ],
    )
    def test_what_makes_no_sense_is_refused_and_nothing_recorded(
        self, truyvet: Truyvet, told: Told, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            declared(truyvet, told)
        with pytest.raises(Malformed):
            declared(truyvet, declaration_id="no id")
        with pytest.raises(Unknown):
            truyvet.declarations.get("d1")
        assert truyvet.log.head() == 0

    def test_nothing_that_was_said_is_in_the_log_in_the_clear(self, truyvet: Truyvet) -> None:
        declared(truyvet, replace(RETURNEE, answers=ILL))
        written = everything_written(truyvet)
        assert not any(said in written for said in ("900000123", "Bình Dương", "một mình", "Lê Lợi", "cough"))


class TestEscalations:
    def test_wait_until_somebody_takes_them(self, truyvet: Truyvet) -> None:
        for number in range(3):
            declared(truyvet, replace(RETURNEE, answers=ILL), f"d{number}")
        taken = truyvet.declarations.get("d1").escalation
        assert taken is not None
        truyvet.escalations.acknowledge(taken, "gọi lại lúc 8 giờ", by=Provenance(actor="key:cdc"))
        truyvet.registers.catch_up()
        waiting, done = (truyvet.registers.escalations.page(is_open=is_open) for is_open in (True, False))
        assert [row.origin_id for row in waiting] == ["d0", "d2"]
        assert [(row.escalation_id, row.acknowledged_by) for row in done] == [(taken, "key:cdc")]
        assert len(truyvet.registers.escalations.page()) == 3
        assert "gọi" not in everything_written(truyvet)

    def test_are_taken_once(self, truyvet: Truyvet) -> None:
        declared(truyvet, replace(RETURNEE, answers=ILL))
        escalation = truyvet.declarations.get("d1").escalation
        assert escalation is not None
        taken = truyvet.escalations.acknowledge(escalation, "on it")
        assert truyvet.escalations.acknowledge(escalation, "on it") == taken
        assert truyvet.escalations.acknowledge(escalation) == taken
        with pytest.raises(Conflict):
            truyvet.escalations.acknowledge(escalation, "somebody else")
        assert truyvet.log.head() == taken.position

    def test_that_are_not_there_are_unknown(self, truyvet: Truyvet) -> None:
        with pytest.raises(Unknown):
            truyvet.escalations.acknowledge(UUID(int=7))


def test_the_log_of_declarations_is_whole_and_the_registers_equal_a_replay(truyvet: Truyvet) -> None:
    declared(truyvet, replace(RETURNEE, answers=ILL))
    declared(truyvet, Told("health", "web"), None)
    escalation = truyvet.declarations.get("d1").escalation
    assert escalation is not None
    truyvet.escalations.acknowledge(escalation)
    truyvet.registers.catch_up()
    truyvet.graph.catch_up()
    assert list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)) == []


def test_a_declaration_under_another_id_is_found_by_verify(truyvet: Truyvet) -> None:
    declared(truyvet)
    with truyvet.database.transaction(commit=True) as cursor:
        cursor.execute(
            "UPDATE events SET state = convert_to(replace(convert_from(state, 'UTF8'), '\"d1\"', '\"d2\"'), 'UTF8') "
            "WHERE topic = 'Declaration.Made'"
        )
    findings = list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph))
    assert any("position 2" in finding and "another stream" in finding for finding in findings)
