"""What a visitor's own QR code says of who they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Malformed
from domain.people import parse_identity
from domain.personal_qr import FORMATS, parse_personal_qr

QID = "160000000000000001"
FULL = f"001090000001|NGUYEN VAN A|1990-12-01|0|{QID}|<1<GD4000000000001<0900000001"
BY_QID, BY_PHONE, BY_CCCD = f"ref:qid:{QID}", "phone:+84900000001", "cccd:001090000001"


@pytest.mark.parametrize(
    ("text", "identities", "birth_date", "masked"),
    [
        (FULL, (BY_CCCD, BY_QID, BY_PHONE), "1990-12-01", False),
        (f"******000001|NGUYEN VAN A|1990-**-**|0|{QID}|<1<<0900000001", (BY_QID, BY_PHONE), "1990", True),
        (f"******000001|NGUYEN VAN A|1990-**-**|0|{QID}|<0", (BY_QID,), "1990", True),
        (f"******001|NGUYEN VAN A|1990-12-01|0|{QID}", (BY_QID,), "1990-12-01", True),
        (f"010000001|NGUYEN VAN A|1990-12-01|0|{QID}|", (BY_QID,), "1990-12-01", False),
        (f"C0000001|NGUYEN VAN A|1990-12-01|0|{QID}|<2<<", (BY_QID,), "1990-12-01", False),
        (f"|NGUYEN VAN A|1990-*-*|0|{QID}|", (BY_QID,), "1990", False),
        ("001090000001|NGUYEN VAN A|1990-12-01|0||", (BY_CCCD,), "1990-12-01", False),
    ],
    ids=["whole", "masked", "no phone", "no further values", "cmnd", "passport", "no document", "no qid"],
)
def test_the_national_code(text: str, identities: tuple[str, ...], birth_date: str, masked: bool) -> None:
    read = parse_personal_qr(text)
    assert (read.format, read.name) == ("1405/QD-BTTTT", "NGUYEN VAN A")
    assert (read.identities, read.birth_date, read.masked) == (identities, birth_date, masked)
    assert read.identity == identities[0]


@pytest.mark.parametrize(
    ("further", "identities"),
    [
        ("<1<GD4000000000001<0900000001", (BY_CCCD, BY_QID, BY_PHONE)),
        ("<1<GD4000000000001<0900000001<c2lnbmF0dXJl<and<more|and|more", (BY_CCCD, BY_QID, BY_PHONE)),
        ("1<GD4000000000001<0900000001", (BY_CCCD, BY_QID, BY_PHONE)),
        ("1<0900000002<", (BY_CCCD, BY_QID)),
        ("<1<0900000002<", (BY_CCCD, BY_QID)),
        ("<1<<0943******", (BY_CCCD, BY_QID)),
        ("<<<", (BY_CCCD, BY_QID)),
        ("nobody knows", (BY_CCCD, BY_QID)),
    ],
)
def test_of_the_further_values_only_a_phone_at_its_place_identifies(further: str, identities: tuple[str, ...]) -> None:
    read = parse_personal_qr(f"001090000001|NGUYEN VAN A|1990-12-01|0|{QID}|{further}")
    assert read.identities == identities


def test_a_phone_that_somebody_else_declared_identifies_nobody() -> None:
    by_another = f"001090000001|NGUYEN VAN A|1990-12-01|1|{QID}|160000000000000002<1<<0900000001"
    assert parse_personal_qr(by_another).identities == (BY_CCCD, BY_QID)


@pytest.mark.parametrize(
    ("text", "name", "birth_date"),
    [
        (
            "001090000001|010000001|Nguyễn Văn A|01121990|Nam|Thôn 1, Sơn Hà, Quan Sơn, Thanh Hóa|15042021",
            "Nguyễn Văn A", "1990-12-01",
        ),
        ("001090000001||Nguyễn Văn A|01121990|Nam|Sơn Hà|15042021||||", "Nguyễn Văn A", "1990-12-01"),
        ("001090000001||Nguye\u0302\u0303n  Va\u0306n A |00001990|Nam|Sơn Hà|15042021", "Nguyễn Văn A", "1990"),
    ],
    ids=["with an old number", "of 2024, with further fields", "of who knows the year only"],
)  # fmt: skip
def test_the_card_with_a_chip(text: str, name: str, birth_date: str) -> None:
    read = parse_personal_qr(text)
    assert (read.format, read.identities, read.name) == ("CCCD", (BY_CCCD,), name)
    assert (read.birth_date, read.qid, read.masked) == (birth_date, None, False)


def test_a_person_is_the_same_by_the_card_the_whole_code_and_the_masked_one() -> None:
    card = parse_personal_qr("001090000001||Nguyễn Văn A|01121990|Nam|Sơn Hà|15042021")
    whole = parse_personal_qr(FULL)
    masked = parse_personal_qr(f"******000001|NGUYEN VAN A|1990-**-**|0|{QID}|<1<<")
    assert card.identity == whole.identity
    assert masked.identity in whole.identities
    assert masked.qid == whole.qid == QID


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "format"),
        ("https://example.org/q/1AAAA", "format"),
        ("a|b|c", "format"),
        (f"001090000001|NGUYEN VAN A|1990-12-01|2|{QID}|", "format"),
        (FULL + "<" * 2_000, "format"),
        (f"0010 9000|NGUYEN VAN A|1990-12-01|0|{QID}|", "document number"),
        (f"số|NGUYEN VAN A|1990-12-01|0|{QID}|", "document number"),
        ("001090000001|NGUYEN VAN A|1990-12-01|0|q i d|", "QID"),
        (f"001090000001||1990-12-01|0|{QID}|", "name"),
        (f"001090000001|NGUYEN\0A|1990-12-01|0|{QID}|", "name"),
        (f"001090000001|{'A' * 201}|1990-12-01|0|{QID}|", "name"),
        (f"001090000001|NGUYEN VAN A|1990-02-30|0|{QID}|", "birth date"),
        (f"001090000001|NGUYEN VAN A|01/12/1990|0|{QID}|", "birth date"),
        (f"001090000001|NGUYEN VAN A||0|{QID}|", "birth date"),
        ("******000001|NGUYEN VAN A|1990-**-**|0||", "identifies nobody"),
        ("00109000|x|Nguyễn Văn A|01121990|Nam|Sơn Hà|15042021", "identity card"),
        ("001090000001||Nguyễn Văn A|31021990|Nam|Sơn Hà|15042021", "birth date"),
        ("001090000001||Nguyễn Văn A|٠١١٢١٩٩٠|Nam|Sơn Hà|15042021", "birth date"),
    ],
)
def test_what_is_refused_and_why(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parse_personal_qr(text)


VALUES = [*FULL.split("|"), "******000001", "1990-**-**", "01121990", "1", "Nam", "٣", "\ud800"]


@given(st.lists(st.sampled_from(VALUES) | st.text(max_size=30), max_size=9).map("|".join))
def test_a_refusal_never_repeats_what_was_scanned(text: str) -> None:
    try:
        read = parse_personal_qr(text)
    except Malformed as refusal:
        told = str(refusal)
        assert not any(value in told for value in VALUES if len(value) > 3)
    else:
        assert [str(parse_identity(identity)) for identity in read.identities] == list(read.identities)
        assert read.format in {known.name for known in FORMATS}
