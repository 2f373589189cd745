"""What every import works with."""

from collections.abc import Callable
from dataclasses import dataclass

from application.calls import Calls
from application.people import People
from application.quarantines import Quarantines
from application.venues import Venues
from domain.times import Seconds
from infrastructure.log import EventLog
from infrastructure.vault import SealedVault


@dataclass(frozen=True, slots=True)
class Tools:
    log: EventLog
    vault: SealedVault
    people: People
    venues: Venues
    quarantines: Quarantines
    calls: Calls
    now: Callable[[], Seconds]
