"""Sites hear of every quarantine that begins, ends or moves there, in the same commit; a full one refuses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Truyvet, now
from application.imports import ImportRetraction
from application.provenance import LOCAL
from application.quarantines import Quarantines
from application.sites import NewSite, get_site
from domain.errors import Conflict, Malformed, Refused, TruyvetError, Unknown
from domain.imports import Import
from domain.sites import Site
from domain.times import Seconds, parse_instant
from infrastructure.verification import verify

DAY = 86_400
MONDAY = parse_instant("2021-08-30T00:00:00+07:00")
"""Days are counted from it."""


def site(truyvet: Truyvet, capacity: int = 1, kind: str = "facility", **more: Any) -> UUID:
    recorded = truyvet.sites.register(NewSite("KTX B", kind, "14995", capacity, **more))
    return UUID(str(recorded.id))


def assign(truyvet: Truyvet, person: str, site: UUID | None, since: float = 0, until: float | None = None) -> str:
    end = None if until is None else day(until)
    return str(truyvet.quarantines.assign(f"ref:{person}", day(since), end, quarantine_id=person, site=site).id)


def day(number: float) -> Seconds:
    return MONDAY + int(number * DAY)


def taken(truyvet: Truyvet, site: UUID, *days: float) -> list[int]:
    """As the site says itself and, of times after the last move, the register counts."""
    truyvet.registers.catch_up()
    found = [get_site(truyvet.log, site).taken_at(day(number)) for number in days]
    assert found == [truyvet.registers.quarantines.taken([site], day(number))[site] for number in days]
    return found


def test_a_full_site_is_refused_and_nothing_is_recorded(truyvet: Truyvet) -> None:
    full = site(truyvet, capacity=2)
    for person in ("ann", "bob"):
        assign(truyvet, person, full, until=14)
    head = truyvet.log.head()
    with pytest.raises(Refused, match=r"the site is full"):
        assign(truyvet, "cid", full, since=13)
    assert truyvet.log.head() == head
    assert truyvet.people.find("ref:cid") is None
    assign(truyvet, "cid", full, since=14)
    assert taken(truyvet, full, -1, 0, 13, 14, 100) == [0, 2, 2, 1, 1]


def test_a_released_place_is_free_for_the_next(truyvet: Truyvet) -> None:
    full = site(truyvet)
    assign(truyvet, "ann", full)
    with pytest.raises(Refused):
        assign(truyvet, "bob", full, since=5)
    truyvet.quarantines.release("ann", day(5))
    assign(truyvet, "bob", full, since=5, until=6)
    with pytest.raises(Refused):
        truyvet.quarantines.extend("ann", day(5.5))
    truyvet.quarantines.extend("ann", day(4))
    assert taken(truyvet, full, 0, 4, 5, 6) == [1, 0, 1, 0]


def test_the_missing_end_that_comes_in_later_frees_the_place(truyvet: Truyvet) -> None:
    full = site(truyvet)
    assign(truyvet, "ann", full)
    lines = b"person,from,until\nref:ann,2021-08-30T00:00:00+07:00,2021-09-02T00:00:00+07:00\n"
    truyvet.imports.assigned_quarantines(BytesIO(lines), by=LOCAL)
    assign(truyvet, "bob", full, since=3)
    assert taken(truyvet, full, 0, 2, 3) == [1, 1, 1]


def test_a_retracted_import_frees_the_places_of_its_people_and_reopens_what_it_had_closed(truyvet: Truyvet) -> None:
    full = site(truyvet)
    assign(truyvet, "ann", full)
    lines = "ref:ann,2021-08-30T00:00:00+07:00,2021-09-02T00:00:00+07:00\nref:bob,2021-08-30T00:00:00+07:00,\n"
    truyvet.imports.assigned_quarantines(BytesIO(f"person,from,until\n{lines}".encode()), by=LOCAL)
    bob = truyvet.quarantines.assign("ref:bob", MONDAY).id
    truyvet.quarantines.move(bob, "facility", site=full, at=day(3))
    assert get_site(truyvet.log, full).taken_at(day(2)) == 1
    assert taken(truyvet, full, 3, 4) == [1, 1]
    imported = truyvet.log.read(0, 1_000, topic=Import.Begun.TOPIC)[-1].stream
    ImportRetraction(truyvet.log, truyvet.vault, truyvet.people, now).retract(imported)
    assert taken(truyvet, full, 2, 3, 4) == [1, 1, 1]
    assert set(get_site(truyvet.log, full).places) == {"ann"}


def test_who_moves_leaves_one_place_and_takes_another(truyvet: Truyvet) -> None:
    first, second = site(truyvet), site(truyvet, kind="hospital")
    assign(truyvet, "ann", first, until=14)
    truyvet.quarantines.move("ann", "hospital", site=second, at=day(3))
    assign(truyvet, "bob", first, since=3, until=14)
    with pytest.raises(Refused):
        truyvet.quarantines.move("bob", "hospital", site=second, at=day(4))
    truyvet.quarantines.move("ann", "home", place="nhà người thân", at=day(5))
    truyvet.quarantines.move("bob", "hospital", site=second, at=day(5))
    assert [(at, there.kind, there.site) for at, there in truyvet.quarantines.get("ann").moves] == [
        (day(0), "facility", first), (day(3), "hospital", second), (day(5), "home", None),
    ]  # fmt: skip
    assert taken(truyvet, first, 6) == [0]
    assert taken(truyvet, second, 6) == [1]
    assert [get_site(truyvet.log, second).taken_at(day(number)) for number in (2, 3, 4, 5, 14)] == [0, 1, 1, 1, 0]


def test_a_move_again_is_found_and_nothing_of_it_recorded_twice(truyvet: Truyvet) -> None:
    first, second = site(truyvet), site(truyvet)
    assign(truyvet, "ann", first)
    moved = truyvet.quarantines.move("ann", "facility", site=second, at=day(3))
    assert truyvet.quarantines.move("ann", "facility", site=second, at=day(3)) == moved
    assert truyvet.quarantines.move("ann", "facility", site=second) == moved
    assert truyvet.log.head() == moved.position
    truyvet.quarantines.move("ann", "facility", site=second, place="room 12", at=day(4))
    truyvet.quarantines.release("ann", day(3.5))
    assert taken(truyvet, second, 3, 3.4, 3.6) == [1, 1, 0]


def test_a_move_outside_the_quarantine_or_its_order_is_refused(truyvet: Truyvet) -> None:
    assign(truyvet, "ann", None, until=14)
    truyvet.quarantines.move("ann", "hospital", at=day(3))
    for at, said in ((day(-1), "outside"), (day(14), "outside"), (day(2), "later time"), (now() + DAY, "future")):
        with pytest.raises(Refused, match=said):
            truyvet.quarantines.move("ann", "facility", at=at)
    with pytest.raises(Malformed):
        truyvet.quarantines.move("ann", "hotel", at=day(4))


def test_one_that_has_not_begun_is_moved_from_its_beginning(truyvet: Truyvet) -> None:
    first, second = site(truyvet), site(truyvet)
    begins = now() + 5 * DAY
    truyvet.quarantines.assign("ref:ann", begins, quarantine_id="ann", site=first)
    truyvet.quarantines.move("ann", "facility", site=second)
    assert get_site(truyvet.log, first).taken_at(begins) == 0
    assert get_site(truyvet.log, second).taken_at(begins) == 1


def test_a_site_gives_the_kind_and_another_one_is_refused(truyvet: Truyvet) -> None:
    hospital = site(truyvet, kind="hospital")
    with pytest.raises(Refused, match="that site is a hospital"):
        truyvet.quarantines.assign("ref:ann", MONDAY, site=hospital, kind="facility")
    with pytest.raises(Unknown):
        truyvet.quarantines.assign("ref:ann", MONDAY, site=uuid4())
    assign(truyvet, "ann", hospital)
    assert truyvet.quarantines.get("ann").kind == "hospital"
    with pytest.raises(Refused, match="that site is a hospital"):
        truyvet.quarantines.move("ann", "home", site=hospital, at=day(1))


def test_the_same_site_again_is_found_another_with_its_id_refused(truyvet: Truyvet) -> None:
    site_id, new = uuid4(), NewSite("KTX B", "facility", "14995", 120)
    first = truyvet.sites.register(new, site_id=site_id)
    truyvet.sites.change_capacity(site_id, 150)
    assert truyvet.sites.register(new, site_id=site_id) == first
    with pytest.raises(Conflict):
        truyvet.sites.register(NewSite("KTX B", "facility", "14995", 150), site_id=site_id)
    for kind, commune in (("facility", "99999"), ("home", "14995")):
        with pytest.raises(Malformed):
            truyvet.sites.register(NewSite("A", kind, commune, 1))
    with pytest.raises(Unknown):
        truyvet.sites.register(NewSite("A", "facility", "14995", 1, venue="nowhere"))


def test_of_many_who_want_the_last_places_at_once_no_more_get_them_than_there_are(
    truyvet: Truyvet, truyvet_again: Callable[[], Truyvet]
) -> None:
    full, others = site(truyvet, capacity=3), [truyvet, truyvet_again()]

    def wanted(number: int) -> str | None:
        try:
            return assign(others[number % 2], f"p{number}", full)
        except Refused:
            return None

    with ThreadPoolExecutor(8) as threads:
        got = [name for name in threads.map(wanted, range(8)) if name is not None]
    assert len(got) == 3
    assert set(get_site(truyvet.log, full).places) == set(got)
    assert {name for name in (f"p{number}" for number in range(8)) if truyvet.people.find(f"ref:{name}")} == set(got)


def test_the_last_place_that_somebody_takes_between_the_look_and_the_commit_is_gone(
    truyvet: Truyvet, truyvet_again: Callable[[], Truyvet], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, other = site(truyvet), truyvet_again()
    looked: list[Site] = []
    find = Quarantines._site

    def overtaken(self: Quarantines, site_id: UUID, kind: str | None) -> Site:
        found = find(self, site_id, kind)
        if self is truyvet.quarantines and not looked:
            looked.append(found)
            assign(other, "bob", full)
        return found

    monkeypatch.setattr(Quarantines, "_site", overtaken)
    with pytest.raises(Refused, match="full"):
        assign(truyvet, "ann", full)
    assert looked
    assert set(get_site(truyvet.log, full).places) == {"bob"}


steps = st.lists(
    st.tuples(
        st.sampled_from(["assign", "extend", "release", "move", "home"]), st.sampled_from("abcd"), st.integers(0, 1),
        st.integers(0, 9),
    ),
    max_size=12,
)  # fmt: skip


@given(steps)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sites_and_quarantines_agree_whatever_happens(truyvet: Truyvet, steps: list[tuple[str, str, int, int]]) -> None:
    run = uuid4().hex[:8]
    sites = [site(truyvet, capacity=2), site(truyvet, capacity=2)]
    for verb, letter, number, at in steps:
        name = f"{run}-{letter}"
        try:
            match verb:
                case "assign":
                    assign(truyvet, name, sites[number], since=at)
                case "extend":
                    truyvet.quarantines.extend(name, day(20 + at))
                case "release":
                    truyvet.quarantines.release(name, day(10 + at))
                case "move":
                    truyvet.quarantines.move(name, "facility", site=sites[number], at=day(at))
                case "home":
                    truyvet.quarantines.move(name, "home", at=day(at))
        except TruyvetError:
            continue
    for place in sites:
        taken(truyvet, place, *range(10, 31))
        assert all(get_site(truyvet.log, place).taken_at(day(number)) <= 2 for number in range(31))


def test_what_sites_record_is_whole_and_replays_to_the_same(truyvet: Truyvet) -> None:
    venue = truyvet.venues.register("KTX B", "other", code="ktx").id
    full = site(truyvet, capacity=5, venue="ktx", latitude=20.1, longitude=105.3)
    assign(truyvet, "ann", full)
    truyvet.quarantines.move("ann", "home", at=day(2))
    truyvet.sites.report_cameras(full, 12, 9)
    truyvet.sites.change_capacity(full, 7)
    closed = truyvet.sites.close(full)
    assert truyvet.sites.close(full) == closed
    truyvet.registers.catch_up()
    truyvet.graph.catch_up()
    row = truyvet.registers.sites.get(full)
    assert row is not None
    assert (row.name, row.capacity, row.cameras_registered, row.cameras_connected) == ("KTX B", 7, 12, 9)
    assert (row.venue_id, row.latitude, row.closed_at is None) == (venue, 20.1, False)
    assert list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)) == []
