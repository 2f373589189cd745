from typing import Any
from uuid import uuid4

import pytest

from domain.access_keys import ROLES, AccessKey
from domain.errors import Malformed, Refused

NOON = 1_630_299_600
SHA256 = "a" * 64
OTHER = "b" * 64
VENUE = uuid4()

PLACES: dict[str, list[dict[str, Any]]] = {
    role: [{}, {"venue": VENUE}, {"area": "387"}] for role in ("gateway", "epidemiologist", "auditor", "caller")
} | {"admin": [{}], "guard": [{"venue": VENUE}], "manager": [{"venue": VENUE}, {"area": "387"}]}
"""The places that a key of each role may be bound to."""


def created(role: str = "gateway", **more: Any) -> AccessKey:
    return AccessKey.create(uuid4(), role, SHA256, NOON, **more)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_places_that_make_sense_for_it_and_no_others(role: str) -> None:
    for place in ({}, {"venue": VENUE}, {"area": "387"}, {"venue": VENUE, "area": "387"}):
        if place in PLACES[role]:
            key = created(role, **place)
            assert (key.role, key.venue, key.area) == (role, place.get("venue"), place.get("area"))
        else:
            with pytest.raises(Refused):
                created(role, **place)


@pytest.mark.parametrize("role", ["", "root", "Admin", "admin ", "admin,guard"])
def test_a_role_that_is_none_is_refused(role: str) -> None:
    with pytest.raises(Malformed, match="a role is one of"):
        created(role)


@pytest.mark.parametrize("sha256", ["", "A" * 64, "a" * 63, "a" * 65, "secret"])
def test_nothing_but_a_hash_is_recorded(sha256: str) -> None:
    with pytest.raises(Malformed):
        AccessKey.create(uuid4(), "gateway", sha256, NOON)


@pytest.mark.parametrize("label", ["", "  ", "gate\n7", "x" * 81])
def test_a_label_is_one_short_line(label: str) -> None:
    with pytest.raises(Refused):
        created(label=label)


def test_it_admits_its_own_secret_only() -> None:
    key = created()
    assert key.admits(SHA256, NOON)
    assert not key.admits(OTHER, NOON)
    assert not key.admits("", NOON)


def test_it_begins_at_the_very_second() -> None:
    key = created(valid_from=NOON + 60, expires_at=NOON + 120)
    assert [key.admits(SHA256, NOON + after) for after in (0, 59, 60, 119, 120)] == [False, False, True, True, False]


@pytest.mark.parametrize("expires_at", [NOON + 60, NOON + 59])
def test_it_ends_after_it_begins(expires_at: int) -> None:
    with pytest.raises(Refused, match="expires after it becomes valid"):
        created(valid_from=NOON + 60, expires_at=expires_at)


def test_it_ends_at_the_very_second() -> None:
    key = created(expires_at=NOON + 60)
    assert key.admits(SHA256, NOON + 59)
    assert not key.admits(SHA256, NOON + 60)


@pytest.mark.parametrize("end", [NOON, NOON - 1])
def test_an_end_that_is_not_in_the_future_is_refused(end: int) -> None:
    with pytest.raises(Refused, match="in the future"):
        created(expires_at=end)


def test_revoked_it_admits_nothing_and_is_revoked_once() -> None:
    key = created()
    assert key.revoke(NOON + 1)
    assert not key.admits(SHA256, NOON)
    assert not key.revoke(NOON + 2)
    assert [type(event).TOPIC for event in key.collect_events()] == ["AccessKey.Created", "AccessKey.Revoked"]
