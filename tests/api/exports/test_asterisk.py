"""Asterisk's call files, read as pbx_spool.c reads them."""

from hypothesis import given
from hypothesis import strategies as st

from api.exports.asterisk import Spool
from api.exports.leads import Lead
from tests.api.exports.leads import lead

SPOOL = Spool("PJSIP/{phone}@trunk", "truyvet")


def parse(text: str) -> list[tuple[str, str]]:
    """Lines of a name, a colon and a value, without what follows a ``#`` after a blank or a ``;``."""
    lines = [line.partition(" #")[0].partition(";")[0] for line in text.splitlines()]
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def test_a_call_file_says_what_to_dial_and_names_the_call() -> None:
    assert parse(SPOOL.form.text(lead(1, commune="15013"))) == [
        ("Channel", "PJSIP/+84900000001@trunk"), ("MaxRetries", "0"), ("RetryTime", "300"), ("WaitTime", "45"),
        ("Context", "truyvet"), ("Extension", "s"), ("Priority", "1"),
        ("Set", "TRUYVET_CALL_ID=00000000-0000-0001-0000-000000000007"), ("Set", "TRUYVET_PHONE=+84900000001"),
        ("Set", "TRUYVET_CAMPAIGN=contacts"), ("Set", "TRUYVET_PURPOSE=first_call"),
        ("Set", "TRUYVET_LEVEL=1"), ("Set", "TRUYVET_ATTEMPTS=0"),
        ("Set", "TRUYVET_DUE_AT=2021-08-30T02:00:00Z"), ("Set", "TRUYVET_COMMUNE=15013"), ("Archive", "yes"),
    ]  # fmt: skip


def test_each_call_has_a_file_of_its_own() -> None:
    assert SPOOL.form.path("15013", lead(1)) == "15013/00000000-0000-0001-0000-000000000007.call"


@given(st.builds(lead, st.just(1), phone=st.text(), name=st.text(), campaign=st.text(), commune=st.text()))
def test_nothing_that_was_typed_adds_a_line_or_an_argument(typed: Lead) -> None:
    text = SPOOL.form.text(typed)
    lines = parse(text)
    assert text.isascii()
    assert [name for name, _ in lines] == [name for name, _ in parse(SPOOL.form.text(lead(1, commune="15013")))]
    assert all(len(line) < 255 for line in text.splitlines() if not line.startswith("Set: TRUYVET_CA"))
    assert not set("".join(value for _, value in lines)) & set("()${}&|;#,\"'`\\ \t")
