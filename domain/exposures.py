"""Exposures: who is a contact of a case, as the log keeps it. semantics.md, "Exposure".

One stream for each case, so that two who trace it at once cannot both record what they found. What a trace finds later
revises or withdraws; nothing is overwritten, and nothing is recorded where nothing changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.rules import rule_set
from domain.times import Seconds, parse_instant, to_datetime, to_text


@dataclass(frozen=True, slots=True)
class Exposure:
    """``last_exposed_at`` is the end of the last encounter; ``visits`` are the ids of all that are evidence."""

    person: UUID
    level: int
    exposed_at: Seconds
    last_exposed_at: Seconds
    encounters: int
    contact_seconds: Seconds
    certain: bool
    via: tuple[UUID, ...]
    visits: tuple[str, ...]
    rules: str


class Exposures(BaseAggregate[UUID]):
    """``standing`` are those that were identified and not withdrawn since, by person."""

    TOPIC = "Exposure"

    class Event(AggregateEvent):
        pass

    class Opened(Event, AggregateCreated):
        """The contacts of a case are kept up from now on."""

        TOPIC = "Exposure.Opened"
        case: str
        person: str

    class Identified(Event):
        """A contact that the case did not have; computed as of position ``as_of``."""

        TOPIC = "Exposure.Identified"
        case: str
        person: str
        level: int
        exposed_at: str
        last_exposed_at: str
        encounters: int
        contact_seconds: Seconds
        certainty: str
        via: list[str]
        visits: list[str]
        rules: str
        rules_version: str
        as_of: int

        def apply(self, exposures: "Exposures") -> None:
            exposures.standing[UUID(self.person)] = told(self)

    class Revised(Event):
        """A contact as it stands now."""

        TOPIC = "Exposure.Revised"
        case: str
        person: str
        level: int
        exposed_at: str
        last_exposed_at: str
        encounters: int
        contact_seconds: Seconds
        certainty: str
        via: list[str]
        visits: list[str]
        rules: str
        rules_version: str
        as_of: int

        def apply(self, exposures: "Exposures") -> None:
            exposures.standing[UUID(self.person)] = told(self)

    class Withdrawn(Event):
        """No contact of the case, as is known now; ``level`` is what it was."""

        TOPIC = "Exposure.Withdrawn"
        case: str
        person: str
        level: int
        as_of: int

        def apply(self, exposures: "Exposures") -> None:
            del exposures.standing[UUID(self.person)]

    def __init__(self, case: str, person: str) -> None:
        self.case = UUID(case)
        self.person = UUID(person)
        self.standing: dict[UUID, Exposure] = {}

    @classmethod
    def open(cls, stream: UUID, case: UUID, person: UUID, happened: Seconds) -> "Exposures":
        return cls._create(cls.Opened, id=stream, timestamp=to_datetime(happened), case=str(case), person=str(person))

    def others(self, found: Iterable[Exposure]) -> set[UUID]:
        """Who stand and are not among these."""
        return self.standing.keys() - {exposure.person for exposure in found}

    def change(self, found: Iterable[Exposure], gone: Iterable[UUID], as_of: int, happened: Seconds) -> None:
        """``found`` may differ from what stands, ``gone`` may be contacts no more; of all others nothing changed."""
        for exposure in found:
            known = self.standing.get(exposure.person)
            if known is None:
                self._record(self.Identified, exposure, as_of, happened)
            elif known != exposure:
                self._record(self.Revised, exposure, as_of, happened)
        withdrawn = [self.standing[person] for person in gone if person in self.standing]
        for exposure in sorted(withdrawn, key=lambda known: (known.level, known.person)):
            self.trigger_event(
                self.Withdrawn, timestamp=to_datetime(happened), case=str(self.case), person=str(exposure.person),
                level=exposure.level, as_of=as_of,
            )  # fmt: skip

    def _record(
        self, event: type[Identified] | type[Revised], exposure: Exposure, as_of: int, happened: Seconds
    ) -> None:
        self.trigger_event(
            event,
            timestamp=to_datetime(happened),
            case=str(self.case),
            person=str(exposure.person),
            level=exposure.level,
            exposed_at=to_text(exposure.exposed_at),
            last_exposed_at=to_text(exposure.last_exposed_at),
            encounters=exposure.encounters,
            contact_seconds=exposure.contact_seconds,
            certainty="certain" if exposure.certain else "possible",
            via=[str(person) for person in exposure.via],
            visits=list(exposure.visits),
            rules=exposure.rules,
            rules_version=rule_set(exposure.rules).version,
            as_of=as_of,
        )


def told(event: Exposures.Identified | Exposures.Revised) -> Exposure:
    """What an event says of a contact."""
    return Exposure(
        person=UUID(event.person),
        level=event.level,
        exposed_at=parse_instant(event.exposed_at),
        last_exposed_at=parse_instant(event.last_exposed_at),
        encounters=event.encounters,
        contact_seconds=event.contact_seconds,
        certain=event.certainty == "certain",
        via=tuple(map(UUID, event.via)),
        visits=tuple(event.visits),
        rules=event.rules,
    )
