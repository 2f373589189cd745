"""What the QR code of a venue says, and what becomes of one that was tampered with."""

import string
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AlteredCode, ForeignCode, Refused, Unknown
from domain.qr_codes import LARGEST_SERIAL, QrCode, parse_qr_code
from domain.venues import Venue

NINE, TEN, ELEVEN, NOON = (hour * 3600 for hour in (9, 10, 11, 12))

CODES = st.builds(QrCode, st.binary(min_size=4, max_size=4), st.uuids(), st.integers(0, LARGEST_SERIAL))
SIGNATURES = st.binary(min_size=64, max_size=64)
CODE = QrCode(bytes.fromhex("9f86d081"), UUID("7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e"), 3)
TEXT = CODE.text(bytes(range(64)))


def test_a_code_is_written_as_it_was_from_the_first() -> None:
    """Printed codes hang on walls: this text must be read for ever."""
    assert TEXT == (
        "1T6DNBAL4DXS5ATO3JTYZ2PAKNNFQUT36AABQAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HZAEERCGJBFEYTSQKJKFMWC2LRPGA"
        "YTEMZUGU3DOOBZHI5TYPJ6H4KZRSNZ"
    )
    assert parse_qr_code(TEXT) == (CODE, bytes(range(64)))


@given(CODES, SIGNATURES)
def test_what_is_written_is_read(code: QrCode, signature: bytes) -> None:
    text = code.text(signature)
    assert parse_qr_code(text) == (code, signature)
    assert len(text) == 145
    assert set(text) <= set(string.ascii_uppercase + string.digits)


@pytest.mark.parametrize(
    "text",
    [TEXT, TEXT.lower(), f"HTTPS://TRUYVET.EXAMPLE/Q/{TEXT}", f"https://truyvet.example/q/{TEXT.lower()}",
     f"http://localhost:8000/?c={TEXT}", f"truyvet:{TEXT}", f" {TEXT}\r\n"],
)  # fmt: skip
def test_a_code_is_read_alone_or_at_the_end_of_any_url(text: str) -> None:
    assert parse_qr_code(text).code == CODE


@given(CODES, SIGNATURES, st.integers(0, 144), st.sampled_from(string.ascii_uppercase + string.digits))
def test_no_letter_can_be_changed(code: QrCode, signature: bytes, place: int, letter: str) -> None:
    text = code.text(signature)
    altered = text[:place] + letter + text[place + 1 :]
    if altered == text:
        return
    with pytest.raises(ForeignCode if place == 0 else AlteredCode):
        parse_qr_code(altered)


@given(CODES, SIGNATURES, st.data())
def test_letters_that_changed_places_are_noticed(code: QrCode, signature: bytes, data: st.DataObject) -> None:
    text = code.text(signature)
    one, other = data.draw(st.tuples(st.integers(1, 143), st.integers(1, 143)).map(sorted))
    altered = text[:one] + text[other] + text[one + 1 : other] + text[one] + text[other + 1 :] if one < other else text
    if altered == text:
        return
    with pytest.raises(AlteredCode):
        parse_qr_code(altered)


@pytest.mark.parametrize(
    "text",
    ["", "1", TEXT[:-1], TEXT + "A", f"X{TEXT}", "2" + TEXT[1:], TEXT + "?utm=1", TEXT.replace("A", "Á"),
     f"{TEXT}/", "001090000001|NGUYEN VAN A|1990-12-01|0|160000000000000001|", "https://qr.example/" + "A" * 2_000,
     "\ud800" * 145, "ſ" * 145, "１" * 145],
)  # fmt: skip
def test_what_is_no_code_of_ours(text: str) -> None:
    with pytest.raises(ForeignCode):
        parse_qr_code(text)


class TestOfAVenue:
    @pytest.fixture
    def venue(self) -> Venue:
        return Venue.register(uuid4(), "Cafe", "restaurant", NINE)

    def test_codes_are_numbered_and_both_count_until_one_is_ended(self, venue: Venue) -> None:
        venue.issue_qr_code("9f86d081", NINE)
        venue.issue_qr_code("9f86d081", TEN)
        assert venue.lasting_qr_codes(TEN) == [1, 2]
        venue.end_qr_codes_before(2, NOON, TEN)
        assert venue.lasting_qr_codes(NOON - 1) == [1, 2]
        assert venue.lasting_qr_codes(NOON) == [2]

    def test_a_planned_end_can_be_moved_until_it_has_come(self, venue: Venue) -> None:
        venue.issue_qr_code("9f86d081", NINE)
        for ends_at in (NOON, ELEVEN, ELEVEN):
            venue.end_qr_code(1, ends_at, TEN)
        assert [type(event).__name__ for event in venue.pending_events].count("QrCodeEnded") == 2
        with pytest.raises(Refused, match="issue a new one"):
            venue.end_qr_code(1, NOON, ELEVEN)
        venue.end_qr_code(1, None, NOON)
        assert venue.qr_codes[1].ends_at == ELEVEN
        venue.end_qr_code(1, TEN, NOON)
        assert venue.qr_codes[1].ends_at == TEN

    def test_a_rotation_leaves_what_ends_earlier(self, venue: Venue) -> None:
        for _ in range(3):
            venue.issue_qr_code("9f86d081", NINE)
        venue.end_qr_code(1, NINE, TEN)
        venue.end_qr_code(2, ELEVEN, TEN)
        venue.end_qr_codes_before(3, NOON, TEN)
        assert [code.ends_at for code in venue.qr_codes.values()] == [NINE, ELEVEN, None]

    def test_an_unknown_serial_and_a_closed_venue(self, venue: Venue) -> None:
        with pytest.raises(Unknown):
            venue.end_qr_code(1, None, TEN)
        venue.close(None, TEN)
        with pytest.raises(Refused, match="closed"):
            venue.issue_qr_code("9f86d081", TEN)

    def test_there_is_a_last_serial(self, venue: Venue) -> None:
        venue.issue_qr_code("9f86d081", NINE)
        venue.qr_codes[LARGEST_SERIAL] = venue.qr_codes[1]
        with pytest.raises(Refused, match="at most"):
            venue.issue_qr_code("9f86d081", NINE)
