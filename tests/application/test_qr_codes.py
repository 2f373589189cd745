"""The QR codes of venues: rotation, and what is read at the time of the scan."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError

from api.app import Truyvet, build
from application.provenance import LOCAL
from application.qr_codes import MEMORY_SECONDS, QrCodes
from application.recent import Recent
from domain.errors import AlteredCode, EndedCode, ForeignCode, ForgedCode, Refused, Unknown
from domain.qr_codes import QrCode, parse_qr_code
from infrastructure.events import EventRecorder
from infrastructure.signing import SigningKeys

HOUR = 3_600


@pytest.fixture
def cafe(truyvet: Truyvet) -> UUID:
    venue_id: UUID = truyvet.venues.register("Cafe", "restaurant", code="cafe").id
    return venue_id


def issued(truyvet: Truyvet, venue: str = "cafe", end_others_at: int | None = None) -> str:
    """The text of a new code."""
    truyvet.qr_codes.issue(venue, end_others_at)
    return truyvet.qr_codes.current(venue).text


def signed_elsewhere(text: str, **changes: object) -> str:
    """The same code with something else in it, as it is signed by whoever has another key."""
    code = replace(parse_qr_code(text).code, **changes)  # type: ignore[arg-type] # fields of the code
    keys = SigningKeys(bytes(32))
    return code.text(keys.sign(keys.newest, code.message))


def signed_here(truyvet: Truyvet, code: QrCode) -> str:
    return code.text(truyvet.qr_codes.signer.sign(code.signing_key, code.message))


class TestIssuing:
    def test_a_venue_has_no_code_until_one_is_issued(self, truyvet: Truyvet, cafe: UUID) -> None:
        with pytest.raises(Unknown, match="issue one"):
            truyvet.qr_codes.current("cafe")
        text = issued(truyvet)
        assert truyvet.qr_codes.read(text) == cafe
        assert truyvet.qr_codes.current(str(cafe)).text == text

    def test_a_code_is_the_same_however_often_it_is_printed(
        self, truyvet: Truyvet, truyvet_again: Callable[[], Truyvet], cafe: UUID
    ) -> None:
        text = issued(truyvet)
        assert truyvet_again().qr_codes.current("cafe").text == text

    def test_the_event_says_nothing_that_could_be_printed(self, truyvet: Truyvet, cafe: UUID) -> None:
        issued(truyvet)
        (event,) = truyvet.log.read(0, 10, topic="Venue.QrCodeIssued")
        assert event.as_dict()["data"] == {"serial": 1, "signing_key": truyvet.qr_codes.signer.newest.hex()}

    def test_an_unknown_venue_and_an_unknown_serial(self, truyvet: Truyvet, cafe: UUID) -> None:
        for refused in (
            lambda: truyvet.qr_codes.issue("gym"),
            lambda: truyvet.qr_codes.end("cafe", 1),
            lambda: truyvet.qr_codes.printed(truyvet.venues.get("cafe"), 1),
        ):
            with pytest.raises(Unknown):
                refused()

    def test_who_issues_at_the_same_time_gets_the_same_code(self, truyvet: Truyvet, cafe: UUID) -> None:
        for serial in range(1, 6):
            with ThreadPoolExecutor(4) as threads:
                copies = [threads.submit(truyvet.qr_codes._issue, "cafe", serial, None, LOCAL) for _ in range(4)]
            assert len({copy.result() for copy in copies}) == 1
        assert list(truyvet.venues.get("cafe").qr_codes) == [1, 2, 3, 4, 5]

    def test_a_code_is_issued_once_when_the_answer_of_the_database_is_lost(
        self, truyvet: Truyvet, cafe: UUID, lost_acknowledgement: None
    ) -> None:
        recorded = truyvet.qr_codes.issue("cafe")
        assert recorded.position == truyvet.log.head() == 2

    @pytest.fixture
    def lost_acknowledgement(self, monkeypatch: pytest.MonkeyPatch, cafe: UUID) -> Iterator[None]:
        append, calls = EventRecorder.append, []

        def losing(self: EventRecorder, *args: object, **kwargs: object) -> object:
            appended = append(self, *args, **kwargs)  # type: ignore[arg-type] # passed on as it came
            calls.append(appended)
            if len(calls) == 1:
                raise OperationalError("the connection was cut after the commit")
            return appended

        monkeypatch.setattr(EventRecorder, "append", losing)
        yield
        assert calls


class TestRotation:
    def test_both_codes_count_until_the_old_one_ends(self, truyvet: Truyvet, cafe: UUID) -> None:
        tomorrow = truyvet.qr_codes.now() + 24 * HOUR
        old = issued(truyvet)
        new = issued(truyvet, end_others_at=tomorrow)
        read = truyvet.qr_codes.read
        assert {read(old), read(new), read(old, tomorrow - 1), read(new, tomorrow)} == {cafe}
        with pytest.raises(EndedCode):
            read(old, tomorrow)
        assert truyvet.qr_codes.current("cafe").text == new

    def test_the_time_of_the_scan_counts_not_that_of_its_delivery(self, truyvet: Truyvet, cafe: UUID) -> None:
        """A phone without a network scanned an hour ago what was ended a minute ago."""
        now = truyvet.qr_codes.now()
        old = issued(truyvet)
        truyvet.qr_codes.end("cafe", 1, now - 60)
        assert truyvet.qr_codes.read(old, now - HOUR) == cafe
        with pytest.raises(EndedCode):
            truyvet.qr_codes.read(old)

    def test_when_the_newest_was_ended_the_one_before_counts_again_as_the_current_one(
        self, truyvet: Truyvet, cafe: UUID
    ) -> None:
        first = issued(truyvet)
        issued(truyvet)
        truyvet.qr_codes.end("cafe", 2)
        assert truyvet.qr_codes.current("cafe").text == first
        truyvet.qr_codes.end("cafe", 1)
        with pytest.raises(Unknown):
            truyvet.qr_codes.current("cafe")

    def test_ending_again_is_found_and_not_done_twice(self, truyvet: Truyvet, cafe: UUID) -> None:
        issued(truyvet)
        ended = truyvet.qr_codes.end("cafe", 1)
        assert truyvet.qr_codes.end("cafe", 1) == ended
        with pytest.raises(Refused, match="issue a new one"):
            truyvet.qr_codes.end("cafe", 1, truyvet.qr_codes.now() + HOUR)

    def test_a_code_keeps_its_key_when_a_newer_one_signs(
        self, truyvet: Truyvet, cafe: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = issued(truyvet)
        later = build(truyvet.settings.model_copy(update={"signing_key": 2}), truyvet.database)
        new = issued(later)
        assert parse_qr_code(old).code.signing_key != parse_qr_code(new).code.signing_key
        assert later.qr_codes.read(old) == later.qr_codes.read(new) == cafe
        assert later.qr_codes.printed(later.venues.get("cafe"), 1).text == old
        with pytest.raises(ForeignCode):
            truyvet.qr_codes.read(new)

    def test_what_another_process_issued_or_ended_is_seen(
        self, truyvet: Truyvet, truyvet_again: Callable[[], Truyvet], cafe: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [0.0]
        other = truyvet_again().qr_codes
        other._issued = Recent(other._codes_of, MEMORY_SECONDS, clock=lambda: clock[0])
        first = issued(truyvet)
        assert other.read(first) == cafe
        second = issued(truyvet)
        assert other.read(second) == cafe  # at once, as it is not known yet
        truyvet.qr_codes.end("cafe", 1)
        clock[0] += MEMORY_SECONDS
        with pytest.raises(EndedCode):
            other.read(first)
        assert MEMORY_SECONDS < 1


class TestWhatIsRefused:
    def test_a_code_with_another_signature(self, truyvet: Truyvet, cafe: UUID) -> None:
        text = issued(truyvet)
        truyvet.qr_codes.read(text)
        for forged in (signed_elsewhere(text), signed_elsewhere(text, venue=uuid4()), signed_elsewhere(text, serial=2)):
            with pytest.raises(ForgedCode, match="signature"):
                truyvet.qr_codes.read(forged)

    def test_a_code_signed_with_a_key_of_somebody_else(self, truyvet: Truyvet, cafe: UUID) -> None:
        foreign = signed_elsewhere(issued(truyvet), signing_key=SigningKeys(bytes(32)).newest)
        with pytest.raises(ForeignCode, match="key"):
            truyvet.qr_codes.read(foreign)

    def test_a_code_that_was_never_issued_though_its_signature_is_right(self, truyvet: Truyvet, cafe: UUID) -> None:
        code = parse_qr_code(issued(truyvet)).code
        for never in (replace(code, serial=2), replace(code, venue=uuid4())):
            with pytest.raises(ForgedCode, match="never issued"):
                truyvet.qr_codes.read(signed_here(truyvet, never))

    def test_a_serial_that_was_issued_under_another_key(self, truyvet: Truyvet, cafe: UUID) -> None:
        code = parse_qr_code(issued(truyvet)).code
        later = build(truyvet.settings.model_copy(update={"signing_key": 2}), truyvet.database)
        other = replace(code, signing_key=later.qr_codes.signer.newest)
        with pytest.raises(ForgedCode, match="never issued"):
            later.qr_codes.read(signed_here(later, other))

    def test_an_altered_and_a_foreign_text(self, truyvet: Truyvet, cafe: UUID) -> None:
        text = issued(truyvet)
        with pytest.raises(AlteredCode):
            truyvet.qr_codes.read(text[:-1] + ("A" if text[-1] != "A" else "B"))
        with pytest.raises(ForeignCode):
            truyvet.qr_codes.read("https://qr.example/place/4711")


def test_a_rush_hour_verifies_a_code_once_and_looks_into_the_log_once(
    truyvet: Truyvet, cafe: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = issued(truyvet)
    verified, looked = [], []
    signer, log = truyvet.qr_codes.signer, truyvet.log
    is_signed, load = signer.is_signed, log.load
    monkeypatch.setattr(signer, "is_signed", lambda *said: verified.append(1) or is_signed(*said))
    monkeypatch.setattr(log, "load", lambda *stream: looked.append(1) or load(*stream))
    codes = QrCodes(truyvet.log, truyvet.venues, signer, truyvet.qr_codes.now)
    codes._issued = Recent(codes._codes_of, MEMORY_SECONDS, clock=lambda: 0.0)
    assert {codes.read(text) for _ in range(100)} == {cafe}
    assert (len(verified), len(looked)) == (1, 1)
