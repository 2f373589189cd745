"""An import: a file that brought facts; what it brought carries its id as correlation."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Refused
from domain.times import Seconds, to_datetime

DISPOSITIONS: Final = "dispositions"
"""The kind of an import of what diallers report; the others are ``visits`` and ``quarantines``."""


class Import(BaseAggregate[UUID]):
    """Begun with the first fact that is new; a file that brings nothing new leaves no trace."""

    TOPIC = "Import"

    class Event(AggregateEvent):
        pass

    class Begun(Event, AggregateCreated):
        TOPIC = "Import.Begun"
        kind: str

    class Completed(Event):
        """``failure`` says why reading stopped before the end, if it did; the counts hold until there."""

        TOPIC = "Import.Completed"
        sha256: str
        read: int
        recorded: int
        completed: int
        duplicates: int
        rejected: int
        failure: str | None

        def apply(self, import_: "Import") -> None:
            import_.ended = True

    class Retracted(Event):
        TOPIC = "Import.Retracted"
        reason: str | None

        def apply(self, import_: "Import") -> None:
            import_.retracted = True

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.ended = False
        self.retracted = False

    @classmethod
    def begin(cls, import_id: UUID, kind: str, at: Seconds) -> "Import":
        return cls._create(cls.Begun, id=import_id, timestamp=to_datetime(at), kind=kind)

    def complete(self, sha256: str, counts: Mapping[str, int], failure: str | None, at: Seconds) -> None:
        if self.ended:
            raise Refused("the import has ended already")
        self.trigger_event(self.Completed, timestamp=to_datetime(at), sha256=sha256, failure=failure, **counts)

    def retract(self, reason: str | None, at: Seconds) -> bool:
        """True when it stood until now."""
        if self.retracted:
            return False
        self.trigger_event(self.Retracted, timestamp=to_datetime(at), reason=reason)
        return True
