"""The log and the vault as the application needs them; ``infrastructure`` keeps them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar
from uuid import UUID

from eventsourcing.domain import AggregateCreated, BaseAggregate

from application.provenance import Answered, Provenance, Request
from domain.errors import Conflict, Unavailable
from domain.people import Identity
from domain.times import Seconds

Stream = TypeVar("Stream", bound=BaseAggregate[UUID])
Beginning = TypeVar("Beginning", bound=AggregateCreated)
P = ParamSpec("P")
R = TypeVar("R")


class Key(NamedTuple):
    """What must be unique across streams, hashed to 16 bytes, and the 16 bytes of the stream that holds it."""

    key: bytes
    stream: bytes


class Secret(NamedTuple):
    """The wrapped key of a person or import, for the vault."""

    subject: UUID
    wrapped_key: bytes


@dataclass(slots=True)
class Draft:
    """What one command records: streams with pending events, their keys and secrets; all or nothing."""

    streams: list[BaseAggregate[UUID]] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)


class Entry(NamedTuple):
    """What one command records, and who, for whom, from where and why."""

    draft: Draft
    by: Provenance


class Fact(NamedTuple):
    """An event as it stands in the log: where, what, whose stream, and its content."""

    position: int
    topic: str
    stream: UUID
    state: Mapping[str, Any]
    correlation: str | None = None


class Recording(NamedTuple):
    """An event with when and why it was recorded."""

    position: int
    recorded_at: datetime
    topic: str
    state: Mapping[str, Any]
    cause: int | None


class Raced(Exception):
    """Another writer took a key or a place in a stream first; load again and decide again."""


class Log(Protocol):
    def together(self) -> AbstractContextManager[None]:
        """What is asked within is asked with less ado; nothing is saved within."""

    def load(self, kind: type[Stream], stream: UUID, as_of: int | None = None) -> Stream | None:
        """The stream as known at position ``as_of`` (now when None); None where it has no event."""

    def load_many(
        self, kind: type[Stream], streams: Iterable[UUID], as_of: int | None = None
    ) -> dict[UUID, Stream]: ...

    def beginnings(self, kind: type[Beginning], streams: Iterable[UUID]) -> dict[UUID, Beginning]:
        """The first event of each stream that begins with one of that kind."""

    def save(self, draft: Draft, by: Provenance) -> int:
        """The position of the last event. Raises Raced; nothing is recorded then."""

    def save_all(self, entries: Sequence[Entry]) -> list[int]:
        """The same for several commands in one commit, all or nothing; no stream may be in two of them."""

    def answered_all(self, requests: Sequence[Request]) -> dict[bytes, Answered]:
        """What the requests that were answered before were answered, by their keys."""

    def note(self, request: Request, answer_id: str, position: int) -> Answered:
        """Note the answer to a request that recorded nothing; what was noted first stays and is returned."""

    def holder(self, key: bytes) -> UUID | None: ...

    def holders(self, keys: Sequence[bytes]) -> dict[bytes, UUID]: ...

    def position_of(self, stream: UUID, version: int) -> int: ...

    def position_by(self, stream: UUID, topic: str, correlation: str | None) -> int | None:
        """The position of the event of that name in a stream that belongs to ``correlation``."""

    def states_at(self, positions: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """The content of the events at these positions."""

    def devices_at(self, positions: Sequence[int]) -> Mapping[int, str]:
        """The devices of the check-ins at these positions that nobody did on the visitor's behalf; keyed hashes."""

    def correlated(self, correlation: str, after: int, until: int, limit: int) -> Sequence[Fact]:
        """The next events at positions in ``(after, until]`` that belong to ``correlation``, at most ``limit``."""

    def history(self, stream: UUID, until: int) -> Sequence[Recording]:
        """The events of a stream up to a position, in order."""

    def recordings_at(self, positions: Iterable[int]) -> Mapping[int, Recording]: ...

    def head(self) -> int:
        """The position of the last event; 0 for an empty log."""

    def position_at(self, microseconds: int) -> int:
        """The position of the last event with recorded_at at or before that instant, in microseconds since 1970."""


class Vault(Protocol):
    def identity_key(self, identity: Identity) -> bytes:
        """A keyed hash: equal identities give equal keys, a key tells nothing without the master key."""

    def pseudonym(self, kind: str, *parts: str) -> bytes:
        """A keyed hash of 16 bytes; ``kind`` (at most 16 letters) keeps the kinds apart."""

    def declaration_code(self, venue: UUID, person: UUID) -> str:
        """What a person is called at a venue: 8 characters, the same at every visit there, another elsewhere."""

    def alias(self, stream: UUID) -> str:
        """Another name of a stream, which tells nothing without the master key."""

    def unaliased(self, alias: str) -> UUID | None:
        """The stream with that alias; None for what is no alias."""

    def new_secret(self, subject: UUID) -> Secret: ...

    def seal(self, secret: Secret, field: str, text: str) -> str: ...

    def open(self, secret: Secret, field: str, sealed: str) -> str: ...

    def secrets(self, subjects: Iterable[UUID]) -> dict[UUID, Secret]:
        """The secrets that are still there; forgotten subjects are missing."""


def load_own(log: Log, kind: type[Stream], stream: UUID) -> Stream | None:
    """The stream with an id that a client chose; None for a free one. Raises Conflict when it is of another kind."""
    found: BaseAggregate[UUID] | None = log.load(BaseAggregate, stream)
    if found is None or isinstance(found, kind):
        return found
    raise Conflict("that id belongs to something else already")


def unique_key(kind: str, *parts: str) -> bytes:
    """The key of what is unique across streams; ``kind`` (at most 16 letters) keeps the kinds apart."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16, person=kind.encode()).digest()


def unique_keys(kind: str, many: Iterable[str]) -> list[bytes]:
    """The keys of many at once, the parts of each joined by line ends."""
    begun, keys = hashlib.blake2b(digest_size=16, person=kind.encode()), []
    for parts in many:
        hashed = begun.copy()
        hashed.update(parts.encode())
        keys.append(hashed.digest())
    return keys


def timed_key(kind: str, instant: Seconds, *parts: str) -> bytes:
    """The key of what is unique at an instant. It begins with that, so that the keys of one time lie together: however
    many there are, an index takes new ones in at its end. Migrations tell it, too: the hash is one of PostgreSQL's.
    """
    return timed_keys(kind, [instant], ["\n".join(parts)])[0]


def timed_keys(kind: str, instants: Iterable[Seconds], many: Iterable[str]) -> list[bytes]:
    """The keys of many at once, the parts of each joined by line ends."""
    return [
        (instant % 2**32).to_bytes(4) + hashlib.sha256(f"{kind}\n{parts}".encode()).digest()[:12]
        for instant, parts in zip(instants, many, strict=True)
    ]


def settled(command: Callable[P, R]) -> Callable[P, R]:
    """Run a command again when another writer was faster; it finds that one's result then."""

    @wraps(command)
    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(_TRIES):
            try:
                return command(*args, **kwargs)
            except Raced:
                continue
        raise Unavailable("too many others are changing the same things; try again")

    return again


_TRIES = 20


class Recorded(NamedTuple):
    """What a write answers: the id of what it recorded or found, and the position of its last event."""

    id: Any
    position: int
