"""What a quarantine is assigned from, and until when the rules say that it lasts."""

import json
from datetime import date
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.app import Truyvet
from application.declarations import Told
from application.provenance import LOCAL
from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.quarantines import Grounds, Quarantine
from domain.rules import CaseDates
from domain.times import Seconds, parse_instant

MINUTE = 60
DAY = 86_400


def on(text: str) -> Seconds:
    """``"12-20 09:00"`` is a time of 2021, local."""
    return parse_instant(f"2021-{text.replace(' ', 'T')}:00+07:00")


@pytest.fixture
def case(truyvet: Truyvet) -> UUID:
    """Fay on 19 and 20 December 2021; Ann met her on both days, Bob met Ann on the 21st, Cid nobody."""
    for code in ("cafe", "gym"):
        truyvet.venues.register(code, "shop", code=code)
    for person, venue, came in (
        ("fay", "cafe", "12-19 09:00"), ("ann", "cafe", "12-19 09:00"), ("fay", "gym", "12-20 23:00"),
        ("ann", "gym", "12-20 23:00"), ("ann", "cafe", "12-21 09:00"), ("bob", "cafe", "12-21 09:00"),
        ("cid", "gym", "12-22 09:00"),
    ):  # fmt: skip
        truyvet.visits.check_in(f"ref:{person}", venue, on(came), check_out=on(came) + 30 * MINUTE)
    confirmed = truyvet.cases.confirm("ref:fay", CaseDates(onset=date(2021, 12, 20))).id
    truyvet.policies.catch_up()
    return UUID(str(confirmed))


def assigned(truyvet: Truyvet, person: str, since: str, *, until: Seconds | None = None, **more: Any) -> Quarantine:
    recorded = truyvet.quarantines.assign(f"ref:{person}", on(since), until, **more)
    return truyvet.quarantines.get(recorded.id)


def test_the_quarantine_of_an_f1_is_counted_from_the_last_exposure(truyvet: Truyvet, case: UUID) -> None:
    quarantine = assigned(truyvet, "ann", "12-22 15:00", case=case)
    assert quarantine.grounds == Grounds("exposure", str(case), 1, "vn-10696")
    assert (quarantine.until, quarantine.grounds.monitored_until(quarantine.until)) == (
        on("12-20 00:00") + 15 * DAY,
        on("12-20 00:00") + 29 * DAY,
    )
    assert quarantine.kind is None


def test_full_vaccination_makes_it_seven_days_at_home(truyvet: Truyvet, case: UUID) -> None:
    quarantine = assigned(truyvet, "ann", "12-22 15:00", case=case, vaccination="full")
    assert (quarantine.until, quarantine.kind) == (on("12-28 00:00"), "home")
    assert quarantine.grounds.vaccination == "full"
    assert quarantine.grounds.monitored_until(quarantine.until) == on("12-28 00:00") + 7 * DAY


def test_vaccination_is_kept_only_where_the_rules_ask_for_it(truyvet: Truyvet, case: UUID) -> None:
    for since, rules in (("12-22 15:00", "vn-5599"), ("12-22 16:00", "vn-2021-05-05")):
        grounds = assigned(truyvet, "ann", since, case=case, vaccination="full", rules=rules).grounds
        assert (grounds.rules, grounds.vaccination) == (rules, None)
    assert assigned(truyvet, "bob", "12-22 15:00", case=case, vaccination="full").grounds.vaccination is None
    assert assigned(truyvet, "ann", "12-22 17:00", case=case, vaccination="none").grounds.vaccination == "none"


def test_an_f2_stays_at_home(truyvet: Truyvet, case: UUID) -> None:
    quarantine = assigned(truyvet, "bob", "12-22 15:00", case=case)
    assert quarantine.grounds == Grounds("exposure", str(case), 2, "vn-10696")
    assert (quarantine.until, quarantine.kind) == (on("12-21 00:00") + 15 * DAY, "home")


def test_the_end_that_is_given_stands_and_no_rules_are_named(truyvet: Truyvet, case: UUID) -> None:
    quarantine = assigned(truyvet, "ann", "12-22 15:00", until=on("12-30 00:00"), case=case, vaccination="full")
    assert (quarantine.until, quarantine.grounds) == (on("12-30 00:00"), Grounds("exposure", str(case), 1))
    assert quarantine.grounds.monitored_until(quarantine.until) is None


def test_a_case_is_isolated_with_an_open_end(truyvet: Truyvet, case: UUID) -> None:
    quarantine = assigned(truyvet, "fay", "12-22 15:00", case=case, kind="hospital")
    assert (quarantine.until, quarantine.grounds) == (None, Grounds("case", str(case)))


@pytest.mark.parametrize(("arrived_at", "ends"), [("07-18 22:00", "08-02 00:00"), (None, "08-04 00:00")])
def test_a_returnee_s_days_are_counted_from_arrival_or_from_the_beginning(
    truyvet: Truyvet, arrived_at: str | None, ends: str
) -> None:
    told = Told("returnee", "border", arrived_at=None if arrived_at is None else on(arrived_at))
    declared = truyvet.declarations.declare("ref:ann", told).id
    quarantine = assigned(truyvet, "ann", "07-20 09:00", declaration=declared)
    assert (quarantine.until, quarantine.grounds) == (on(ends), Grounds("declaration", declared, None, "vn-5599"))


def test_of_an_arrival_nobody_asks_for_vaccination(truyvet: Truyvet) -> None:
    declared = truyvet.declarations.declare("ref:ann", Told("returnee", "border")).id
    quarantine = assigned(truyvet, "ann", "12-20 09:00", declaration=declared, vaccination="full")
    assert (quarantine.until, quarantine.grounds.vaccination) == (on("12-20 00:00") + 15 * DAY, None)


def test_an_order_is_named_by_its_number(truyvet: Truyvet) -> None:
    quarantine = assigned(truyvet, "ann", "05-10 09:00", order="1234/QĐ-UBND")
    assert quarantine.until == on("06-01 00:00")
    assert quarantine.grounds == Grounds("order", "1234/QĐ-UBND", None, "vn-2021-05-05")


def test_rules_alone_give_a_length_too_and_without_them_it_is_open(truyvet: Truyvet) -> None:
    assert assigned(truyvet, "ann", "12-20 09:00", rules="vn-10696", vaccination="full").until == on("12-28 00:00")
    bare = assigned(truyvet, "bob", "12-20 09:00", kind="home", vaccination="full")
    assert (bare.until, bare.grounds) == (None, Grounds())


def test_the_rules_of_the_first_day_decide(truyvet: Truyvet) -> None:
    for person, since, ends in (("ann", "07-13 23:59", "08-04 00:00"), ("bob", "07-14 00:00", "07-29 00:00")):
        assert assigned(truyvet, person, since, order="1").until == on(ends)
    with pytest.raises(Refused, match="no rule set"):
        truyvet.quarantines.assign("ref:cid", parse_instant("2020-02-01T09:00:00+07:00"), order="1")


def test_who_is_no_contact_is_refused_and_not_registered(truyvet: Truyvet, case: UUID) -> None:
    head = truyvet.log.head()
    for person in ("ref:cid", "ref:nobody"):
        with pytest.raises(Refused, match="no contact of the case"):
            truyvet.quarantines.assign(person, on("12-22 15:00"), case=case)
    assert truyvet.log.head() == head


def test_what_is_no_origin_is_refused(truyvet: Truyvet, case: UUID) -> None:
    others = truyvet.declarations.declare("ref:bob", Told("returnee", "web")).id
    for kind, origin in (
        (Unknown, {"case": uuid4()}), (Unknown, {"declaration": "none"}), (Refused, {"declaration": others}),
        (Malformed, {"order": "QĐ 12"}), (Refused, {"case": case, "order": "12"}), (Malformed, {"rules": "vn-11042"}),
        (Malformed, {"rules": "vn-10696", "vaccination": "yes"}),
    ):  # fmt: skip
        with pytest.raises(kind):
            truyvet.quarantines.assign("ref:ann", on("12-22 15:00"), **origin)
    truyvet.cases.withdraw(case)
    with pytest.raises(Refused, match="withdrawn"):
        truyvet.quarantines.assign("ref:ann", on("12-22 15:00"), case=case)


def test_one_that_would_be_over_before_it_begins_is_refused(truyvet: Truyvet, case: UUID) -> None:
    with pytest.raises(Refused, match="over before it begins"):
        truyvet.quarantines.assign("ref:ann", on("12-28 00:00"), case=case, vaccination="full")


def test_the_same_again_is_found_whatever_became_of_the_exposure_and_the_quarantine(
    truyvet: Truyvet, case: UUID
) -> None:
    wanted: dict[str, Any] = {"person": "ref:ann", "since": on("12-22 15:00"), "case": case, "vaccination": "full"}
    first = truyvet.quarantines.assign(**wanted)
    truyvet.quarantines.extend(first.id, on("12-29 00:00"))
    truyvet.quarantines.move(first.id, "hospital", at=on("12-23 09:00"))
    truyvet.cases.withdraw(case)
    truyvet.policies.catch_up()
    assert truyvet.quarantines.assign(**wanted) == first
    assert truyvet.quarantines.assign("ref:ann", on("12-22 15:00"), case=case) == first
    for other in ({"case": uuid4()}, {"vaccination": "none"}, {"rules": "vn-5599"}, {"kind": "facility"}):
        with pytest.raises(Conflict):
            truyvet.quarantines.assign(**wanted | other)


def test_an_import_still_says_what_it_said(truyvet: Truyvet) -> None:
    text = b"person,from,until\nref:ann,2021-12-20T09:00:00+07:00,\n"
    truyvet.imports.assigned_quarantines(BytesIO(text), by=LOCAL)
    truyvet.quarantines.assign("ref:bob", on("12-20 09:00"))
    states = [json.loads(event.state) for event in truyvet.log.read(0, 100, topic=Quarantine.Assigned.TOPIC)]
    assert [list(state) for state in states] == 2 * [
        ["schema", "happened_at", "quarantine_id", "person", "since", "until", "kind", "place", "reason"]
    ]
