"""The keys that the log implies: what must be unique across streams, computed from the events again.

Each event on its own implies its keys, so that neither the order nor the streams matter.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import numpy as np
from pydantic_core import from_json

from application.log import Secret
from application.people import IDENTITY
from application.quarantines import since_key
from application.venues import code_key
from application.visit_keys import keys_of_triples, triple_keys
from domain.errors import Unavailable
from domain.people import Identity, Person
from domain.quarantines import Quarantine
from domain.times import parse_instant
from domain.venues import Venue
from domain.visits import Visit
from infrastructure.graph.arrays import Array
from infrastructure.graph.blocks import Block
from infrastructure.graph.plain import BEFORE_VENUE, ID, NO_CLOCK, PlainCheckIns
from infrastructure.key_table import key_rows
from infrastructure.reading import UNREADABLE, Placed, Undecodable
from infrastructure.vault import SealedVault

KEYED: Final = frozenset({
    Person.Registered.TOPIC, Person.Identified.TOPIC, Venue.Registered.TOPIC, Visit.CheckedIn.TOPIC,
    Quarantine.Assigned.TOPIC,
})  # fmt: skip
"""The events that imply keys."""

_NAMING: Final = frozenset({Person.Registered.TOPIC, Person.Identified.TOPIC})


def implied_keys(vault: SealedVault, block: Block) -> Array:
    """The keys of events with topics in KEYED, as ``key_rows``; none for people whom the vault has forgotten.

    Raises Undecodable.
    """
    others = keys_of_events(vault, block.events(block.others(KEYED)))
    return np.concatenate([keys_of_check_ins(block, block.check_ins), others])


def keys_of_check_ins(block: Block, check_ins: PlainCheckIns) -> Array:
    """Of some that are plain."""
    person, venue = (block.texts(check_ins.person_at + offset, ID) for offset in (0, BEFORE_VENUE))
    keys = keys_of_triples(person, venue, check_ins.start.tolist())
    row = check_ins.row
    timed = np.flatnonzero(check_ins.clock_error != NO_CLOCK)
    for at in timed.tolist():
        start, error = int(check_ins.start[at]), int(check_ins.clock_error[at])
        keys += triple_keys(person[at], venue[at], start, error)[1:]
    row = np.concatenate([row, row[timed]])
    streams = block.pieces(block.places.stream[row], 16).tobytes()
    return key_rows(b"".join(keys), streams, block.places.position[row])


def keys_of_events(vault: SealedVault, events: Sequence[Placed]) -> Array:
    """Of any. Raises Undecodable."""
    secrets = vault.secrets({event.stream for event in events if event.topic in _NAMING})
    found = [(key, event) for event in events for key in _keys(vault, secrets, event)]
    keys = b"".join([key for key, _ in found])
    streams = b"".join([event.stream.bytes for _, event in found])
    return key_rows(keys, streams, np.array([event.position for _, event in found], np.int64))


def _keys(vault: SealedVault, secrets: dict[UUID, Secret], event: Placed) -> list[bytes]:
    try:
        state = from_json(event.state, cache_strings="keys")
        if event.topic in _NAMING:
            return [_identity_key(vault, secrets[event.stream], state)] if event.stream in secrets else []
        return _plain_keys(event.topic, state)
    except Unavailable:
        raise Undecodable(event.position, event.topic, "its sealed identity cannot be opened") from None
    except UNREADABLE as error:
        raise Undecodable(event.position, event.topic, type(error).__name__) from error


def _plain_keys(topic: str, state: dict[str, Any]) -> list[bytes]:
    if topic == Visit.CheckedIn.TOPIC:
        check_in, clock_error = parse_instant(state["check_in"]), state.get("clock_error_seconds")
        return triple_keys(state["person"], state["venue"], check_in, clock_error)
    if topic == Quarantine.Assigned.TOPIC:
        return [since_key(UUID(state["person"]), parse_instant(state["since"]))]
    return [] if state["code"] is None else [code_key(state["code"])]


def _identity_key(vault: SealedVault, secret: Secret, state: dict[str, Any]) -> bytes:
    scheme, _, value = vault.open(secret, IDENTITY, state["sealed"]).partition(":")
    return vault.identity_key(Identity(scheme, value))
