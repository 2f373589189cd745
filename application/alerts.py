"""Alerts: what somebody outside must be told at once, put in the outbox by a policy; ids only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from application.log import Fact
from domain.escalations import Escalation
from domain.quarantines import Quarantine


class Outbox(Protocol):
    def add(self, alerts: Mapping[int, Mapping[str, Any]]) -> None:
        """Contents by the positions of their events; one that is there already stays as it is."""


TOLD: Final[Mapping[str, Sequence[str]]] = {
    Quarantine.Breached.TOPIC: (
        "quarantine_id", "person", "number", "kind", "at", "visit_id", "venue", "distance_metres",
    ),
    Escalation.Raised.TOPIC: ("person", "reason", "origin", "origin_id", "cases"),
}  # fmt: skip
"""The events that alert, and what is told of each: nothing that names anybody, nothing sealed."""


class AlertPolicy:
    name = "alerts"
    topics = frozenset(TOLD)
    waking: frozenset[str] = frozenset()

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def begin(self, position: int) -> None:
        """It remembers nothing."""

    def react(self, facts: Sequence[Fact], until: int) -> None:  # noqa: ARG002 # facts say their own positions
        if facts:
            self.outbox.add({fact.position: _content(fact) for fact in facts})

    def tick(self) -> None:
        """Time brings no alerts."""


def _content(fact: Fact) -> dict[str, Any]:
    told = {name: fact.state[name] for name in TOLD[fact.topic]}
    return {
        "position": fact.position, "type": fact.topic, "stream": str(fact.stream),
        "happened_at": fact.state["happened_at"], "data": told,
    }  # fmt: skip
