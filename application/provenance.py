"""Who recorded something, for whom, from where and why: what every event says beside its own content."""

from dataclasses import dataclass


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


LOCAL = Provenance()
