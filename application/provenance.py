"""Who recorded something, for whom, from where and why: what every event says beside its own content."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Request:
    """A write that may be sent again: its key, and the hash of what it says. Neither is part of an event."""

    key: bytes
    fingerprint: bytes


class Answered(NamedTuple):
    """What a request was answered: the hash of what it said, the id and the position of the answer."""

    fingerprint: bytes
    id: str | None
    position: int


class Repeated(Exception):
    """A request with this key was answered before; nothing is recorded again."""

    def __init__(self, answered: Answered) -> None:
        super().__init__("this request was answered before")
        self.answered = answered


@dataclass(frozen=True, slots=True)
class Provenance:
    actor: str = "local"
    """An access key's id, ``local`` for the command line, ``policy:NAME``."""
    on_behalf_of: str | None = None
    source: str | None = None
    """The system that the fact came from."""
    cause: int | None = None
    """Position of the event that led to this one, for policies."""
    correlation: str | None = None
    """The request or import that it belongs to."""
    basis: str | None = None
    """Legal basis or purpose."""
    request: Request | None = None
    """Answered once: noted with the events, and none of what they say."""


LOCAL = Provenance()
