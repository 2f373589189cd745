"""The history of calling campaigns: every call, out and in, and where people live, as known at any position."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, assert_never, get_args
from uuid import UUID

from psycopg.rows import class_row

from application.campaign import CaseCall
from domain.calls import Call
from domain.campaign import INBOUND, Called
from domain.declarations import Declaration
from domain.next_calls import ANSWERED
from domain.people import Person
from domain.times import LOCAL, Seconds, to_datetime
from infrastructure.registers.register import Change, Origin, Register, Row

CampaignEvent: TypeAlias = Call.Attempted | Declaration.Made | Person.Resides


@dataclass(frozen=True, slots=True)
class CampaignFact:
    position: int
    kind: str
    person_id: UUID
    happened_at: datetime
    campaign: str | None
    answered: bool | None
    passed_on: bool | None
    cases: list[UUID] | None
    commune: str | None


PAGE: Final = """
-- Calls and residences in the order in which they were recorded.
SELECT position, kind, person_id, happened_at, campaign, answered, passed_on, cases, commune FROM campaign_history
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s) ORDER BY position LIMIT %(limit)s
"""

GET: Final = """
-- What was recorded of a person last.
SELECT position, kind, person_id, happened_at, campaign, answered, passed_on, cases, commune FROM campaign_history
WHERE person_id = %(id)s ORDER BY position DESC LIMIT 1
"""

CALLED: Final = """
-- The calls of some days, by day, person and campaign, as known at a position: to people who live in some communes, or
-- of whom it is not known.
SELECT day, commune, campaign, person_id AS person, calls, answered, passed_on
FROM (
    SELECT (happened_at AT TIME ZONE %(zone)s)::date AS day, person_id, campaign, count(*) AS calls,
        count(*) FILTER (WHERE answered) AS answered, count(*) FILTER (WHERE passed_on) AS passed_on
    FROM campaign_history
    WHERE kind = 'called' AND happened_at >= %(since)s AND happened_at < %(until)s AND position <= %(position)s
    GROUP BY day, person_id, campaign
) AS calls LEFT JOIN LATERAL (
    SELECT home.commune FROM campaign_history AS home
    WHERE home.kind = 'resides' AND home.person_id = calls.person_id AND home.position <= %(position)s
    ORDER BY home.position DESC LIMIT 1
) AS home ON true
WHERE commune IS NULL OR commune = ANY(%(communes)s)
"""

FIRST_CALLS: Final = """
-- The first call to each contact of each case, where it was made in some days, as known at a position; of the same
-- people.
SELECT case_id AS "case", commune, extract(epoch FROM at)::bigint AS at
FROM (
    SELECT case_id, person_id, min(happened_at) AS at
    FROM campaign_history CROSS JOIN unnest(cases) AS case_id
    WHERE kind = 'called' AND campaign <> 'inbound' AND position <= %(position)s AND happened_at < %(until)s
    GROUP BY case_id, person_id HAVING min(happened_at) >= %(since)s
) AS first_calls LEFT JOIN LATERAL (
    SELECT home.commune FROM campaign_history AS home
    WHERE home.kind = 'resides' AND home.person_id = first_calls.person_id AND home.position <= %(position)s
    ORDER BY home.position DESC LIMIT 1
) AS home ON true
WHERE commune IS NULL OR commune = ANY(%(communes)s)
"""

ADD: Final = """
-- Somebody was called, or called, or said where they live.
INSERT INTO campaign_history (position, kind, person_id, happened_at, campaign, answered, passed_on, cases, commune)
VALUES (%(position)s, %(kind)s, %(person_id)s, %(happened_at)s, %(campaign)s, %(answered)s, %(passed_on)s, %(cases)s,
    %(commune)s)
"""


class CampaignHistory(Register[CampaignEvent, CampaignFact]):
    table = "campaign_history"
    events = get_args(CampaignEvent)
    row = CampaignFact
    page_sql = PAGE
    get_sql = GET

    def called(self, since: Seconds, until: Seconds, communes: Sequence[str], position: int) -> list[Called]:
        """The calls in ``[since, until)``, as known at ``position``."""
        return self._asked(CALLED, Called, since, until, communes, position)

    def first_calls(self, since: Seconds, until: Seconds, communes: Sequence[str], position: int) -> list[CaseCall]:
        """The first calls to contacts in ``[since, until)``, as known at ``position``."""
        return self._asked(FIRST_CALLS, CaseCall, since, until, communes, position)

    def _asked(
        self, sql: str, row: type[Row], since: Seconds, until: Seconds, communes: Sequence[str], position: int
    ) -> list[Row]:
        values = {
            "since": to_datetime(since), "until": to_datetime(until), "communes": list(communes), "position": position,
            "zone": LOCAL.key,
        }  # fmt: skip
        with self.database.get_connection() as connection, connection.cursor(row_factory=class_row(row)) as rows:
            return rows.execute(sql.encode(), values, prepare=True).fetchall()

    def change(self, event: CampaignEvent, origin: Origin) -> Change:
        match event:
            case Call.Attempted():
                is_inbound = event.direction == "inbound"
                return _added(
                    event, origin, "called", UUID(event.person),
                    campaign=INBOUND if is_inbound else event.campaign, answered=event.outcome in ANSWERED,
                    passed_on=event.abnormal and event.escalation is not None,
                    cases=[UUID(case) for case in event.cases],
                )  # fmt: skip
            case Declaration.Made():
                return _added(
                    event, origin, "called" if event.channel == "phone" else "declared", UUID(event.person),
                    campaign=INBOUND, answered=True, passed_on=event.escalation is not None,
                )  # fmt: skip
            case Person.Resides():
                return _added(event, origin, "resides", origin.stream, commune=event.commune)
            case _:
                assert_never(event)


_NOTHING: Final[dict[str, Any]] = dict.fromkeys(("campaign", "answered", "passed_on", "cases", "commune"))


def _added(event: CampaignEvent, origin: Origin, kind: str, person: UUID, **told: Any) -> Change:
    about = {"position": origin.position, "kind": kind, "person_id": person, "happened_at": event.timestamp}
    return Change(ADD, _NOTHING | about | told)
