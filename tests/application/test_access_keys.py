"""A key opens what it is for while it is valid, in every process; what is kept of it does not give it away."""

import base64
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from api.app import Truyvet
from application.access_keys import MEMORY_SECONDS, KeyText, new_key_text, read_key_text
from application.log import Draft, Recorded
from application.provenance import LOCAL
from domain.access_keys import AccessKey
from domain.errors import Forbidden, Malformed, Unknown
from infrastructure.events import EventRecorder

CAFE, GYM = "cafe", "gym"
QUAN_SON, THANH_HOA, HANOI = "387", "38", "01"


@pytest.fixture
def venues(truyvet: Truyvet) -> dict[str, UUID]:
    """A cafe in a commune of Quan Son, a gym in Hanoi, and a stall that lies nowhere."""
    communes = {CAFE: "14995", GYM: "00001", "stall": None}
    return {
        code: truyvet.venues.register(code.title(), "other", code=code, commune=commune).id
        for code, commune in communes.items()
    }


class TestItsText:
    @given(st.binary(min_size=32, max_size=32), st.uuids())
    def test_is_read_as_it_is_written(self, secret: bytes, key_id: UUID) -> None:
        text = KeyText(key_id, base64.urlsafe_b64encode(secret).decode().rstrip("="))
        assert read_key_text(str(text)) == text

    def test_holds_256_random_bits(self) -> None:
        secrets = {new_key_text().secret for _ in range(100)}
        assert len(secrets) == 100
        assert {len(secret) * 6 // 8 for secret in secrets} == {32}

    @pytest.mark.parametrize(
        "text",
        ["", "truyvet_", "admin", f"truyvet_{UUID(int=7)}_", f"truyvet_{UUID(int=7)}_{'a' * 42}", "\0", "é" * 90],
    )
    def test_is_nothing_else(self, truyvet: Truyvet, text: str) -> None:
        assert read_key_text(text) is None
        assert truyvet.access_keys.authenticate(text) is None

    def test_is_not_shown_by_accident(self) -> None:
        text = new_key_text()
        assert text.secret not in repr(text)
        assert text.secret not in f"{[text]} {(text, 1)}"


class TestWhoIsAdmitted:
    def test_the_holder_of_the_key(self, truyvet: Truyvet, venues: dict[str, UUID]) -> None:
        recorded, text = truyvet.access_keys.create("guard", venue=CAFE, person="ref:ann", label="gate 7")
        caller = truyvet.access_keys.authenticate(str(text))
        assert caller is not None
        assert (caller.key_id, caller.role, caller.venue, caller.area) == (recorded.id, "guard", venues[CAFE], None)
        assert caller.person == truyvet.people.find("ref:ann")
        assert caller.actor == f"key:{recorded.id}"

    def test_nobody_else(self, truyvet: Truyvet) -> None:
        _, text = truyvet.access_keys.create("gateway")
        last = "A" if text.secret[-1] != "A" else "B"
        wrong = KeyText(text.id, text.secret[:-1] + last)
        unknown, elsewhere = KeyText(uuid4(), text.secret), KeyText(_other_stream(truyvet), text.secret)
        for nobody in (wrong, unknown, elsewhere, new_key_text()):
            assert truyvet.access_keys.authenticate(str(nobody)) is None

    def test_nobody_after_the_key_was_revoked(self, truyvet: Truyvet) -> None:
        recorded, text = truyvet.access_keys.create("gateway")
        truyvet.access_keys.revoke(recorded.id)
        assert truyvet.access_keys.authenticate(str(text)) is None
        assert truyvet.access_keys.recognise(str(text)) is None

    def test_nobody_from_the_second_on_at_which_it_expires(self, truyvet: Truyvet) -> None:
        now = truyvet.access_keys.now()
        truyvet.access_keys.now = lambda: now  # type: ignore[method-assign] # a clock that stands
        _, text = truyvet.access_keys.create("gateway", expires_at=now + 10)
        assert truyvet.access_keys.authenticate(str(text))
        truyvet.access_keys.now = lambda: now + 10  # type: ignore[method-assign] # the time is the test's
        assert truyvet.access_keys.recognise(str(text)) is None
        assert truyvet.access_keys.authenticate(str(text)) is None

    def test_without_looking_in_the_log_again_and_again(
        self, truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, text = truyvet.access_keys.create("gateway")
        caller = truyvet.access_keys.authenticate(str(text))
        monkeypatch.setattr(truyvet.access_keys, "log", None)
        assert truyvet.access_keys.recognise(str(text)) == caller


def test_a_revocation_by_another_process_is_effective_within_a_second(
    truyvet: Truyvet, truyvet_again: Callable[[], Truyvet], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = truyvet.access_keys, truyvet_again().access_keys
    recorded, text = there.create("gateway")
    clock = [0.0]
    monkeypatch.setattr(here._recent, "_clock", lambda: clock[0])
    assert here.authenticate(str(text))
    there.revoke(recorded.id)
    clock[0] = MEMORY_SECONDS
    assert MEMORY_SECONDS < 1
    assert here.recognise(str(text)) is None
    assert here.authenticate(str(text)) is None
    assert not here.is_live(recorded.id)


class TestWhatIsRecorded:
    def test_the_hash_and_nothing_of_the_key_itself(self, truyvet: Truyvet) -> None:
        recorded, text = truyvet.access_keys.create("gateway", label="app")
        (event,) = truyvet.log.read(0, 10)
        assert event.as_dict()["data"] == {
            "role": "gateway", "venue": None, "area": None, "expires_at": None, "sha256": text.sha256, "label": "app",
            "person": None,
        }  # fmt: skip
        assert recorded == Recorded(text.id, 1)
        assert text.secret.encode() not in event.state

    def test_the_listed_key_without_its_hash(self, truyvet: Truyvet, venues: dict[str, UUID]) -> None:
        recorded, text = truyvet.access_keys.create("guard", venue=CAFE, person="ref:ann")
        revoked = truyvet.access_keys.revoke(recorded.id)
        truyvet.registers.catch_up()
        (row,) = truyvet.registers.access_keys.page()
        shown = row.as_dict("ref:ann")
        assert (shown["key_id"], shown["venue_id"], shown["person"]) == (str(text.id), str(venues[CAFE]), "ref:ann")
        assert (shown["created_by"], shown["revoked_by"], shown["position"]) == ("local", "local", recorded.position)
        assert revoked.position > recorded.position
        assert text.sha256 not in str(shown)

    def test_once_when_the_acknowledgement_is_lost(self, truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch) -> None:
        append, lost = EventRecorder.append, []

        def loses_the_first(own: EventRecorder, *arguments: object, **more: object) -> object:
            appended = append(own, *arguments, **more)  # type: ignore[arg-type] # passed on
            if not lost:
                lost.append(appended)
                raise OperationalError
            return appended

        monkeypatch.setattr(EventRecorder, "append", loses_the_first)
        recorded, text = truyvet.access_keys.create("gateway")
        assert (recorded.position, truyvet.log.head()) == (1, 1)
        assert truyvet.access_keys.authenticate(str(text))

    def test_a_revocation_once(self, truyvet: Truyvet) -> None:
        recorded, _ = truyvet.access_keys.create("gateway")
        first = truyvet.access_keys.revoke(recorded.id)
        assert truyvet.access_keys.revoke(recorded.id) == first == Recorded(recorded.id, 2)

    def test_nothing_that_makes_no_sense(self, truyvet: Truyvet) -> None:
        for area in ("00000", "", "Hanoi"):
            with pytest.raises(Malformed, match="area is no code"):
                truyvet.access_keys.create("gateway", area=area)
        with pytest.raises(Unknown):
            truyvet.access_keys.create("guard", venue="nowhere")
        for unknown in (uuid4(), _other_stream(truyvet)):
            with pytest.raises(Unknown):
                truyvet.access_keys.revoke(unknown)
        assert not any(event.type.startswith("AccessKey") for event in truyvet.log.read(0, 10))


class TestWhereItReaches:
    @pytest.mark.parametrize(
        ("bound", "reached"),
        [
            ({}, {CAFE, GYM, "stall"}), ({"venue": CAFE}, {CAFE}), ({"area": QUAN_SON}, {CAFE}),
            ({"area": THANH_HOA}, {CAFE}), ({"area": "14995"}, {CAFE}), ({"area": HANOI}, {GYM}),
        ],
    )  # fmt: skip
    def test_its_venue_or_the_venues_of_its_area(
        self, truyvet: Truyvet, venues: dict[str, UUID], bound: dict[str, str], reached: set[str]
    ) -> None:
        _, text = truyvet.access_keys.create("gateway", **bound)
        caller = truyvet.access_keys.authenticate(str(text))
        assert caller is not None
        for code, venue_id in venues.items():
            assert caller.reaches(truyvet.venues.get(code)) == (code in reached)
            for name in (code, venue_id, str(venue_id)):
                if code in reached:
                    caller.reach(name)
                else:
                    with pytest.raises(Unknown, match="no venue with that code or id"):
                        caller.reach(name)

    def test_a_venue_that_is_not_there_looks_like_a_foreign_one(
        self, truyvet: Truyvet, venues: dict[str, UUID]
    ) -> None:
        _, text = truyvet.access_keys.create("manager", venue=CAFE)
        caller = truyvet.access_keys.authenticate(str(text))
        assert caller is not None
        told = set()
        for name in (GYM, str(venues[GYM]), "nowhere", str(uuid4()), "no name\0"):
            with pytest.raises(Unknown) as refused:
                caller.reach(name)
            told.add(str(refused.value))
        assert len(told) == 1

    def test_a_unit_of_its_area_and_none_beside_or_above(self, truyvet: Truyvet, venues: dict[str, UUID]) -> None:
        _, text = truyvet.access_keys.create("manager", area=QUAN_SON)
        caller = truyvet.access_keys.authenticate(str(text))
        assert caller is not None
        caller.reach_unit(QUAN_SON)
        caller.reach_unit("14995")
        for foreign in (THANH_HOA, HANOI, "VN", "nowhere"):
            with pytest.raises(Forbidden):
                caller.reach_unit(foreign)

    def test_a_key_of_a_venue_reaches_no_unit(self, truyvet: Truyvet, venues: dict[str, UUID]) -> None:
        _, text = truyvet.access_keys.create("manager", venue=CAFE)
        caller = truyvet.access_keys.authenticate(str(text))
        assert caller is not None
        with pytest.raises(Forbidden):
            caller.reach_unit("14995")


def test_a_key_can_be_part_of_what_another_command_records(truyvet: Truyvet, venues: dict[str, UUID]) -> None:
    draft, text = Draft(), new_key_text()
    truyvet.access_keys.draft(draft, text, "guard", venue=venues[CAFE])
    assert truyvet.access_keys.authenticate(str(text)) is None
    truyvet.log.save(draft, LOCAL)
    assert truyvet.access_keys.authenticate(str(text))
    assert isinstance(draft.streams[0], AccessKey)


def _other_stream(truyvet: Truyvet) -> UUID:
    venue: UUID = truyvet.venues.register("Other", "other", code="other").id
    return venue
