"""The figures of the call centre, from events: what a province reported, recomputed; and the same again at any time."""

from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import BaseAggregate

from api.app import Truyvet
from application.calls import Said, call_stream
from application.campaign import Report, report_content
from application.declarations import Told
from application.log import Draft
from application.provenance import LOCAL
from domain.call_reasons import Origin, Reason
from domain.calls import Call
from domain.campaign import CAMPAIGNS, Row
from domain.cases import Case
from domain.declarations import Declaration
from domain.errors import Malformed, Refused, Unknown
from domain.people import Person
from domain.rules import CaseDates
from domain.times import Seconds, parse_instant, to_datetime
from domain.triage import Answers
from infrastructure.verification import verify

NINE = parse_instant("2021-11-08T09:00:00+07:00")
MINUTE, DAY = 60, 86_400
SON_LA = "14"
TO, NANG = "03646", "03685"
"""Two communes of the province, in its town and in a district."""


def week(truyvet: Truyvet, unit: str = SON_LA, **more: Any) -> Report:
    truyvet.registers.catch_up()
    return truyvet.campaign.report(unit, date(2021, 11, 8), date(2021, 11, 14), **more)


def one(rows: list[Row], campaign: str, code: str | None = SON_LA, day: date | None = None) -> Row:
    (found,) = [row for row in rows if (row.campaign, row.code, row.day) == (campaign, code, day)]
    return found


class Centre:
    """A call centre whose clock stands where a test puts it."""

    def __init__(self, truyvet: Truyvet) -> None:
        self.truyvet = truyvet
        self.case: UUID | None = None

    def at(self, instant: Seconds) -> None:
        for part in (self.truyvet.cases, self.truyvet.calls, self.truyvet.declarations, self.truyvet.people):
            part.now = lambda: instant  # type: ignore[method-assign] # a clock that stands

    def confirmed(self, at: Seconds) -> UUID:
        self.at(at)
        dates = CaseDates(onset=date(2021, 11, 6), sampled=None, isolated_at=None, cleared_at=None)
        return UUID(str(self.truyvet.cases.confirm(f"ref:{uuid4()}", dates).id))

    def asked_for(self, person: str, case: UUID | None, at: Seconds) -> UUID:
        """Somebody is to be called: as a contact of a case, or as a returnee."""
        draft = Draft()
        person_id = self.truyvet.people.find_or_draft(person, draft)
        origin = Origin("declaration", "d") if case is None else Origin("case", str(case))
        reason = Reason(origin, None if case is None else 1, at - DAY, at - DAY + 3_600, True, "vn-11042")
        draft.streams.append(Call.request(call_stream(person_id), person_id, reason, 0, at))
        self.truyvet.log.save(draft, LOCAL)
        return call_stream(person_id)

    def attempted(self, call: UUID, at: Seconds, outcome: str = "reached", **said: Any) -> None:
        self.at(at)
        self.truyvet.calls.attempt(call, Said(outcome, at, attempt_id=uuid4().hex, **said))


@pytest.fixture
def centre(truyvet: Truyvet) -> Centre:
    return Centre(truyvet)


class TestFigures:
    def test_are_of_calls_out_and_in_and_of_what_was_passed_on(self, truyvet: Truyvet, centre: Centre) -> None:
        case = centre.confirmed(NINE)
        contact = centre.asked_for("ref:ann", case, NINE)
        returnee = centre.asked_for("ref:bob", None, NINE)
        centre.attempted(contact, NINE + 10 * MINUTE, "no_answer")
        centre.attempted(contact, NINE + 40 * MINUTE, answers=Answers(("fever",), commune=TO))
        centre.attempted(returnee, NINE + 5 * MINUTE, answers=Answers(commune=NANG))
        centre.attempted(returnee, NINE + DAY, "busy")
        centre.attempted(returnee, NINE + DAY + 60, direction="inbound")
        centre.truyvet.declarations.declare("ref:cat", Told("health", "phone", answers=Answers(("cough",))))
        centre.truyvet.declarations.declare("ref:cat", Told("health", "app", answers=Answers(("cough",))))
        report = week(truyvet)
        told = {row.campaign: (row.calls, row.people, row.reached, row.passed_on) for row in report.table.total}
        assert told == {
            "contacts": (2, 1, 1, 1), "returnees": (2, 1, 1, 0), "outbound": (4, 2, 2, 1), "inbound": (2, 2, 2, 1),
            "all": (6, 3, 3, 2),
        }  # fmt: skip
        assert one(report.table.total, "outbound").attempts_per_person == 2.0
        assert [one(report.table.rows, campaign, "116").calls for campaign in ("contacts", "returnees")] == [2, 0]
        assert one(report.table.rows, "inbound", None).calls == 1
        assert one(report.table.days, "returnees", day=date(2021, 11, 9)).reach_rate == 0.0
        assert one(report.table.total, "contacts").first_call_median_seconds == 10 * MINUTE

    def test_time_to_the_first_call_is_counted_for_each_contact_of_each_case(
        self, truyvet: Truyvet, centre: Centre
    ) -> None:
        first, second = centre.confirmed(NINE), centre.confirmed(NINE + 60 * MINUTE)
        for number, minutes in enumerate((5, 15, 30)):
            centre.attempted(centre.asked_for(f"ref:{number}", first, NINE), NINE + minutes * MINUTE, "no_answer")
        call = centre.asked_for("ref:both", first, NINE)
        centre.attempted(call, NINE + 10 * MINUTE, "no_answer")
        both = truyvet.calls.get(call)
        both.give(
            Reason(Origin("case", str(second)), 1, NINE, NINE + 60, True, "vn-11042"), 1, truyvet.calls.hours, NINE
        )
        truyvet.log.save(Draft([both]), LOCAL)
        centre.attempted(call, NINE + 180 * MINUTE)
        row = one(week(truyvet).table.total, "contacts")
        minutes = (row.first_calls, row.first_call_median_seconds, row.first_call_p90_seconds)
        assert minutes == (5, 15 * MINUTE, 120 * MINUTE)

    def test_a_call_that_came_in_is_no_first_call_and_one_before_the_confirmation_took_no_time(
        self, truyvet: Truyvet, centre: Centre
    ) -> None:
        case = centre.confirmed(NINE)
        rang, called = (centre.asked_for(f"ref:{name}", case, NINE) for name in ("ann", "bob"))
        centre.attempted(rang, NINE + 60, direction="inbound")
        centre.attempted(called, NINE - 60)
        row = one(week(truyvet).table.total, "contacts")
        assert (row.first_calls, row.first_call_median_seconds) == (1, 0)

    def test_who_cannot_be_reached_is_passed_on_without_being_abnormal(self, truyvet: Truyvet, centre: Centre) -> None:
        centre.attempted(centre.asked_for("ref:ann", None, NINE), NINE, "wrong_number")
        report = week(truyvet)
        (escalation,) = truyvet.registers.escalations.page()
        assert escalation.reason == "wrong_number"
        assert one(report.table.total, "all").passed_on == 0

    def test_days_are_those_of_viet_nam(self, truyvet: Truyvet, centre: Centre) -> None:
        call = centre.asked_for("ref:ann", None, NINE)
        for text in ("2021-11-08T00:00:00+07:00", "2021-11-08T23:59:59+07:00", "2021-11-07T23:59:59+07:00"):
            centre.attempted(call, parse_instant(text), "busy")
        report = week(truyvet)
        assert one(report.table.total, "returnees").calls == 2
        assert one(report.table.days, "returnees", day=date(2021, 11, 8)).calls == 2

    def test_those_who_live_elsewhere_are_counted_there(self, truyvet: Truyvet, centre: Centre) -> None:
        call = centre.asked_for("ref:ann", None, NINE)
        centre.attempted(call, NINE, answers=Answers(commune="00001"))
        assert one(week(truyvet).table.total, "all").calls == 0
        assert one(week(truyvet, "01").table.total, "all", "01").calls == 1
        assert one(week(truyvet, "00001").table.rows, "all", "00001").calls == 1
        assert one(week(truyvet, "VN").table.rows, "all", "01").calls == 1

    def test_what_makes_no_sense_is_refused(self, truyvet: Truyvet) -> None:
        day = date(2021, 11, 8)
        for first, last, error in (
            (day, date(2021, 11, 7), Refused), (day, date(2022, 11, 9), Refused),
            (date(9999, 12, 31), date(9999, 12, 31), Malformed), (date(1900, 1, 1), date(1900, 1, 1), Malformed),
        ):  # fmt: skip
            with pytest.raises(error):
                truyvet.campaign.report(SON_LA, first, last)
        with pytest.raises(Unknown):
            truyvet.campaign.report("999", day, day)


def test_made_again_as_of_its_position_a_report_is_the_same_whatever_came_since(
    truyvet: Truyvet, centre: Centre
) -> None:
    call = centre.asked_for("ref:ann", centre.confirmed(NINE), NINE)
    centre.attempted(call, NINE + 60, answers=Answers(commune=TO))
    before = report_content(week(truyvet))
    centre.attempted(call, NINE + 30, "no_answer")
    centre.attempted(call, NINE + 90, answers=Answers(("fever",), commune=NANG))
    truyvet.declarations.declare("ref:ann", Told("health", "phone"))
    after = report_content(week(truyvet))
    assert report_content(week(truyvet, as_of=before["position"])) == before
    assert (after["total"][0]["calls"], before["total"][0]["calls"]) == (3, 1)
    assert after["total"][0]["first_call_median_seconds"] == 30
    truyvet.graph.catch_up()
    assert list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)) == []


class TestTheProvince:
    """26,500 calls to F1 and F2, 31,900 to returnees, 8,100 in, 287 passed on: as it reported them in 2021."""

    def test_reports_again_what_it_reported_and_it_adds_up(self, truyvet: Truyvet) -> None:
        streams = _province()
        while some := list(islice(streams, 2_000)):
            truyvet.log.save(Draft(some), LOCAL)
        table = week(truyvet).table
        assert {row.campaign: row.calls for row in table.total} == {
            "contacts": 26_500, "returnees": 31_900, "outbound": 58_400, "inbound": 8_100, "all": 66_500,
        }  # fmt: skip
        assert one(table.total, "all").passed_on == 287
        contacts, returnees = (one(table.total, campaign) for campaign in ("contacts", "returnees"))
        assert (contacts.people, contacts.attempts_per_person, contacts.reach_rate) == (5_300, 5.0, 0.8)
        assert (returnees.people, returnees.attempts_per_person, returnees.reach_rate) == (6_380, 5.0, 0.8)
        assert (contacts.first_call_median_seconds, contacts.first_call_p90_seconds) == (50 * MINUTE, 90 * MINUTE)
        for rows in (table.rows, table.days, table.details):
            for campaign, calls in (("contacts", 26_500), ("returnees", 31_900), ("inbound", 8_100)):
                assert sum(row.calls for row in rows if row.campaign == campaign) == calls
            assert sum(row.passed_on for row in rows if row.campaign in CAMPAIGNS) == 287


_PLACEHOLDER = "c2VhbGVk"
_PASSED_ON_BY = {"contacts": 120, "returnees": 100, "inbound": 67}


def _province() -> Iterator[BaseAggregate[UUID]]:
    """Streams as they would be; what is sealed in them nobody opens."""
    case = Case.confirm(uuid4(), uuid4(), CaseDates(date(2021, 11, 6), None, None, None), "vn-11042", NINE)
    yield case
    yield from _called("contacts", 5_300, case.id)
    yield from _called("returnees", 6_380, None)
    for number in range(8_100):
        escalation = uuid4() if number < _PASSED_ON_BY["inbound"] else None
        yield Declaration.make(
            uuid4(), f"in:{number}", uuid4(), "health", "phone", NINE + number % 7 * DAY,
            abnormal=escalation is not None, answers=_PLACEHOLDER, escalation=escalation,
        )  # fmt: skip


def _called(campaign: str, people: int, case: UUID | None) -> Iterator[BaseAggregate[UUID]]:
    """Four or six times each; four of five answer the last time; two of three live in a commune that is known."""
    for number in range(people):
        person = uuid4()
        origin = Origin("declaration", "d") if case is None else Origin("case", str(case))
        reason = Reason(origin, None if case is None else 1, NINE - DAY, NINE, True, "vn-11042")
        call = Call.request(call_stream(person), person, reason, 0, NINE)
        begun, often = NINE + (number % 10 + 1) * 10 * MINUTE, (4, 6)[number % 2]
        for turn in range(often):
            is_answered = turn == often - 1 and number % 5 != 0
            is_abnormal = is_answered and number < _PASSED_ON_BY[campaign] * 5 // 4
            _attempt(call, begun + turn * DAY, is_answered, is_abnormal, campaign, case)
        yield call
        if number % 3:
            resident = Person.register(person, "ref", _PLACEHOLDER, NINE)
            resident.reside((TO, NANG)[number % 2], NINE)
            yield resident


def _attempt(call: Call, at: Seconds, is_answered: bool, is_abnormal: bool, campaign: str, case: UUID | None) -> None:
    call.trigger_event(
        Call.Attempted, timestamp=to_datetime(at), attempt_id=uuid4().hex, person=str(call.person),
        outcome="reached" if is_answered else "no_answer", by="key:dialler", lease=None, direction="outbound",
        call_back_at=None, abnormal=is_abnormal, symptoms=is_abnormal, notes=None, answers=None, campaign=campaign,
        level=None if case is None else 1, cases=[] if case is None else [str(case)], failures=0, due_at=None,
        closed=None, escalation=str(uuid4()) if is_abnormal else None,
    )  # fmt: skip
