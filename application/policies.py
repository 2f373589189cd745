"""Policies: what follows from facts by itself. They react to events with further events, whose cause they name.

A policy may be handed the same facts again, by another process too: what it has recorded decides what is left to do.
"""

from collections.abc import Sequence
from typing import Protocol

from application.log import Fact
from application.provenance import Provenance


class Policy(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> frozenset[str]:
        """The events that it reads now."""

    @property
    def waking(self) -> frozenset[str]:
        """The events after which ``topics`` may be more."""

    def begin(self, position: int) -> None:
        """It leads from now on; what it remembers is void. Everything up to ``position`` was reacted to."""

    def react(self, facts: Sequence[Fact], until: int) -> None:
        """Its events up to position ``until``, in order; the visit graph has reached that position."""

    def tick(self) -> None:
        """About once a second: what time alone brings."""


def because_of(policy: Policy, fact: Fact) -> Provenance:
    """Who records what follows from a fact."""
    return Provenance(actor=f"policy:{policy.name}", cause=fact.position, correlation=fact.correlation)
