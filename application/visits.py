"""Visits: check-in, check-out, correction, retraction."""

from collections.abc import Callable
from types import EllipsisType

from application.log import Draft, Log, Recorded, settled
from application.people import People
from application.provenance import LOCAL, Provenance
from application.scans import AnyScan, CheckIn, CheckOut, Scans
from application.visit_keys import visit_stream
from domain.errors import TruyvetError, Unknown
from domain.times import Seconds
from domain.visits import Visit, parse_visit_id

REASON = "reason"
"""The sealed field of the reason that a correction, retraction, release or withdrawal gives."""


class Visits:
    def __init__(self, log: Log, people: People, scans: Scans, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.scans = scans
        self.now = now

    def check_in(
        self,
        person: str,
        venue: str,
        at: Seconds | None = None,
        *,
        check_out: Seconds | None = None,
        visit_id: str | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Record a visit, or find it: the same input again gives the same answer; ``at`` is now when left out.

        Raises Conflict when the id, or the triple of person, venue and check-in, was recorded otherwise.
        """
        return self.scan(CheckIn(person, venue, at, check_out, visit_id, by=by))

    def check_out(self, visit_id: str, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        return self.scan(CheckOut(visit_id, at, by=by))

    def scan(self, scan: AnyScan) -> Recorded:
        (answer,) = self.scans.record([scan])
        if isinstance(answer, TruyvetError):
            raise answer
        return answer

    @settled
    def correct(
        self,
        visit_id: str,
        *,
        check_in: Seconds | None = None,
        check_out: Seconds | EllipsisType | None = ...,
        reason: str | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """``check_out`` None makes the check-out unknown again; left out, it stays as it is."""
        visit, draft = self.get(visit_id), Draft()
        visit.correct(
            visit.check_in if check_in is None else check_in,
            visit.check_out if isinstance(check_out, EllipsisType) else check_out,
            self.people.seal_note(visit.person, REASON, reason, draft),
            self.now(),
            self.now(),
        )
        return self._save(visit, Draft([visit]), by)

    @settled
    def retract(self, visit_id: str, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        visit = self.get(visit_id)
        visit.retract(self.people.seal_note(visit.person, REASON, reason, Draft()), self.now())
        return self._save(visit, Draft([visit]), by)

    def get(self, visit_id: str) -> Visit:
        """Raises Unknown."""
        visit = self.log.load(Visit, visit_stream(parse_visit_id(visit_id)))
        if visit is None:
            raise Unknown("there is no visit with that id")
        return visit

    def _save(self, visit: Visit, draft: Draft, by: Provenance) -> Recorded:
        if not visit.pending_events:
            return Recorded(visit.visit_id, self.log.position_of(visit.id, visit.version))
        return Recorded(visit.visit_id, self.log.save(draft, by))
