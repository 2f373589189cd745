from uuid import UUID, uuid4

import pytest

from domain.errors import Refused
from domain.guards import Guard

NOON = 1_630_299_600
HOUR = 3_600
VENUE, PERSON, KEY = uuid4(), uuid4(), uuid4()


def authorised(since: int = NOON, until: int | None = None, at: int = NOON) -> Guard:
    return Guard.authorise(uuid4(), VENUE, PERSON, "sealed", KEY, since, until, at)


def test_an_authorisation_says_who_where_from_when_and_until_when() -> None:
    guard = authorised(NOON + HOUR, NOON + 2 * HOUR)
    assert (guard.venue, guard.person, guard.key) == (VENUE, PERSON, KEY)
    assert (guard.since, guard.until, guard.revoked) == (NOON + HOUR, NOON + 2 * HOUR, False)
    assert isinstance(guard.venue, UUID)
    assert authorised().until is None


@pytest.mark.parametrize(
    ("since", "until"), [(NOON, NOON), (NOON + HOUR, NOON + HOUR - 1), (NOON - 2 * HOUR, NOON), (NOON - HOUR, NOON - 1)]
)
def test_it_ends_after_it_begins_and_ahead(since: int, until: int) -> None:
    with pytest.raises(Refused, match="ends"):
        authorised(since, until)


def test_it_may_have_begun_before_it_was_told() -> None:
    assert authorised(NOON - HOUR, NOON + 1).since == NOON - HOUR


def test_it_is_revoked_once() -> None:
    guard = authorised()
    assert guard.revoke(NOON + 1)
    assert guard.revoked
    assert not guard.revoke(NOON + 2)
