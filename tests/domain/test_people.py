import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Malformed
from domain.people import parse_identity


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("0912345678", "phone:+84912345678"),
        ("0912 345 678", "phone:+84912345678"),
        ("+84 912 345 678", "phone:+84912345678"),
        ("84912345678", "phone:+84912345678"),
        ("phone:0912.345.678", "phone:+84912345678"),
        ("phone:+33612345678", "phone:+33612345678"),
        ("cccd:001099012345", "cccd:001099012345"),
        ("ref:A-1._:z", "ref:A-1._:z"),
    ],
)
def test_an_identity_as_it_is_kept(text: str, identity: str) -> None:
    assert str(parse_identity(text)) == identity
    assert str(parse_identity(identity)) == identity


@pytest.mark.parametrize(
    "text",
    ["", "ann", "phone:", "phone:12", "phone:+84abc", "cccd:12", "cccd:00109901234x", "ref:", "ref:a b", "x:1",
     "0912345678\n", "ref:" + "a" * 129, "ref:é", "phone:＋84912345678"],
)  # fmt: skip
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(Malformed):
        parse_identity(text)


@given(st.sampled_from(["", "phone:", "cccd:"]), st.from_regex(r"\d{3,7}[x ]\d{9,30}", fullmatch=True))
def test_a_refusal_never_repeats_what_may_be_personal(scheme: str, value: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_identity(scheme + value)
    assert value not in str(refusal.value)
