"""The registers together: asked by anyone, kept up with the log by whoever leads.

Every process may follow; the one that holds the advisory lock leads. It holds the lock on the connection on which it
writes, and only while there is something to write: a leader that dies, or whose connection is cut, takes its
transaction and its lock with it, and a rebuild gets its turn.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from psycopg import Connection
from psycopg.rows import DictRow

from domain.errors import TimedOut
from infrastructure.following import Following, Status
from infrastructure.log import EventLog
from infrastructure.registers.access_keys import AccessKeyRegister
from infrastructure.registers.breaches import BreachRegister
from infrastructure.registers.calls import CallRegister
from infrastructure.registers.campaign_history import CampaignHistory
from infrastructure.registers.cases import CaseRegister
from infrastructure.registers.declarations import DeclarationRegister
from infrastructure.registers.escalations import EscalationRegister
from infrastructure.registers.guards import GuardRegister
from infrastructure.registers.imports import ImportRegister
from infrastructure.registers.leads import Leads
from infrastructure.registers.projection import Projection
from infrastructure.registers.quarantines import QuarantineRegister
from infrastructure.registers.residents import ResidentRegister
from infrastructure.registers.sites import SiteRegister
from infrastructure.registers.venue_history import VenueHistory
from infrastructure.registers.venues import VenueRegister

_LEADING = 7_479_002  # any fixed number: the advisory lock that the leader holds
_LOOK_SECONDS = 0.02
_GATHER_SECONDS = 0.25  # most of what is appended is no business of theirs

TRY_TO_LEAD: Final = """
-- Lead the registers, unless somebody else does.
SELECT pg_try_advisory_lock(%s) AS leads
"""
LEAD: Final = """
-- Lead the registers, as soon as nobody else does.
SELECT pg_advisory_lock(%s)
"""
LEAD_NO_LONGER: Final = """
-- Let others lead.
SELECT pg_advisory_unlock(%s)
"""


class Registers:
    def __init__(self, log: EventLog, revive: Callable[[], object] | None = None) -> None:
        self.log = log
        self.venues = VenueRegister(log.database)
        self.cases = CaseRegister(log.database)
        self.quarantines = QuarantineRegister(log.database)
        self.breaches = BreachRegister(log.database)
        self.imports = ImportRegister(log.database)
        self.access_keys = AccessKeyRegister(log.database)
        self.guards = GuardRegister(log.database)
        self.venue_history = VenueHistory(log.database)
        self.declarations = DeclarationRegister(log.database)
        self.escalations = EscalationRegister(log.database)
        self.residents = ResidentRegister(log.database)
        self.campaign_history = CampaignHistory(log.database)
        self.sites = SiteRegister(log.database)
        self.calls = CallRegister(log.database)
        self.projection = Projection(
            log,
            (
                self.venues,
                self.cases,
                self.quarantines,
                self.breaches,
                self.imports,
                self.access_keys,
                self.guards,
                self.venue_history,
                self.declarations,
                self.escalations,
                self.residents,
                self.campaign_history,
                self.sites,
                self.calls,
            ),
        )
        self.leads = Leads(log.database, self.projection)
        self._following = Following("registers", log.database, self._follow, revive, _GATHER_SECONDS)
        self._seen = 0

    @property
    def position(self) -> int:
        """How far the registers have read the log, whoever leads."""
        with self.log.database.get_connection() as connection:
            self._seen = self.projection.place(connection).position
        return self._seen

    @property
    def status(self) -> Status:
        """``position`` as it was last seen, so that this answers while the database does not."""
        return Status(self._seen, self._following.error)

    def start(self) -> None:
        self._following.start()

    def stop(self) -> None:
        self._following.stop()

    def catch_up(self, seconds: float = 60.0) -> int:
        """Take in everything that is in the log now, or wait for the leader to do it; the position reached.

        Raises TimedOut, and Undecodable when this process leads and meets an event that cannot be read.
        """
        deadline = time.monotonic() + seconds
        with self.log.database.connect() as connection:
            head = self.projection.place(connection).head
            while not self._has_reached(head, connection):
                if time.monotonic() > deadline:
                    raise _late(self._seen, head)
                time.sleep(_LOOK_SECONDS)
        return self._seen

    def wait_for(self, position: int, seconds: float) -> None:
        """Raises TimedOut when the registers have not reached ``position`` by then."""
        deadline = time.monotonic() + seconds
        while self.position < position:
            if time.monotonic() > deadline:
                raise _late(self._seen, position)
            time.sleep(_LOOK_SECONDS)

    @contextmanager
    def leading(self) -> Iterator[Connection[DictRow]]:
        """A connection of its own that leads, once nobody else does."""
        with self.log.database.connect() as connection:
            connection.execute(LEAD.encode(), [_LEADING])
            yield connection

    def _follow(self, connection: Connection[DictRow]) -> None:
        """Up to the present head of the log, unless another leads: then it does that."""
        self._has_reached(self.projection.place(connection).head, connection)

    def _has_reached(self, head: int, connection: Connection[DictRow]) -> bool:
        """True when the registers are there, because they were or because this process led them there."""
        self._seen = self.projection.place(connection).position
        if self._seen < head and self._leads(connection):
            try:
                while self._seen < head:
                    self._seen = self.projection.advance(connection)
            finally:
                if not connection.broken:
                    connection.execute(LEAD_NO_LONGER.encode(), [_LEADING])
        return self._seen >= head

    def _leads(self, connection: Connection[DictRow]) -> bool:
        row = connection.execute(TRY_TO_LEAD.encode(), [_LEADING]).fetchone()
        return row is not None and bool(row["leads"])


def _late(position: int, wanted: int) -> TimedOut:
    return TimedOut(f"the registers are at position {position}, {wanted} was waited for")
