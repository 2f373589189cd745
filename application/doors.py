"""Leaving without the visit's id: a person from a venue, or everybody at closing time."""

from dataclasses import replace

from application.contacts import Contacts
from application.log import Log, Recorded
from application.provenance import LOCAL, Provenance
from application.scans import CheckOut, Scans
from domain.errors import Conflict, TruyvetError
from domain.times import Seconds

CLOSING = "closing"
"""The basis of a check-out that nobody scanned."""


class Doors:
    def __init__(self, log: Log, contacts: Contacts, scans: Scans) -> None:
        self.log = log
        self.contacts = contacts
        self.scans = scans

    def departure(self, person: str, venue: str, left: CheckOut) -> CheckOut:
        """``left``, of the person's last visit at the venue. Raises Unknown."""
        at = self.scans.now() if left.at is None else left.at - (left.clock_error_seconds or 0)
        return replace(left, visit_id=self.contacts.last_visit(person, venue, at))

    def check_out_all(self, venue: str, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        """Whoever is still there leaves now, or at a time; the id is how many did.

        Who scans out at the same time counts as they scanned. Raises Unknown.
        """
        instant = self.scans.now() if at is None else at
        _, there = self.contacts.open_visits(venue, instant - 1)
        basis = replace(by, basis=CLOSING)
        answers = self.scans.record([CheckOut(visit.visit_id, instant, by=basis) for visit in there])
        for answer in answers:
            if isinstance(answer, TruyvetError) and not isinstance(answer, Conflict):
                raise answer
        left = [answer.position for answer in answers if isinstance(answer, Recorded)]
        return Recorded(str(len(left)), max(left, default=self.log.head()))
