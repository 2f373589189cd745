"""Cases: confirmed, amended, isolated, withdrawn."""

from collections.abc import Callable
from datetime import date
from typing import TypedDict, Unpack
from uuid import UUID, uuid4

from application.log import Draft, Log, Recorded, load_own, settled
from application.people import People
from application.provenance import LOCAL, Provenance
from application.visits import REASON
from domain.cases import Case
from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.rules import DEFAULT_RULES, CaseDates
from domain.times import Seconds, parse_date, start_of_day


class Dates(TypedDict, total=False):
    """The dates that an amendment changes; None makes one unknown again."""

    onset: date | None
    sampled: date | None
    isolated_at: Seconds | None
    cleared_at: Seconds | None


class Cases:
    def __init__(self, log: Log, people: People, now: Callable[[], Seconds], levels: int = 2) -> None:
        """The contacts of a case are kept ``levels`` deep unless it says otherwise."""
        self.log = log
        self.people = people
        self.now = now
        self.levels = levels

    def confirm(
        self,
        person: str,
        dates: CaseDates,
        rules: str = DEFAULT_RULES,
        *,
        levels: int | None = None,
        case_id: UUID | None = None,
        by: Provenance = LOCAL,
    ) -> Recorded:
        """Its contacts are kept ``levels`` deep, as deep as usual when left out.

        Raises Conflict when the id stands for another case, Malformed without onset and sample.
        """
        self._refuse_future(dates)
        return self._confirm(person, dates, rules, self.levels if levels is None else levels, case_id or uuid4(), by)

    @settled
    def _confirm(
        self, person: str, dates: CaseDates, rules: str, levels: int, case_id: UUID, by: Provenance
    ) -> Recorded:
        existing = load_own(self.log, Case, case_id)
        draft = Draft()
        person_id = self.people.find_or_draft(person, draft)
        if existing is not None:
            return self._same(case_id, person_id, dates, rules, levels)
        draft.streams.append(Case.confirm(case_id, person_id, dates, rules, self.now(), levels))
        return Recorded(case_id, self.log.save(draft, by))

    def _same(self, case_id: UUID, person: UUID, dates: CaseDates, rules: str, levels: int) -> Recorded:
        """The same confirmation again is found whatever became of the case since."""
        position = self.log.position_of(case_id, 1)
        confirmed = self.get(case_id, position)
        said = (confirmed.person, confirmed.dates, confirmed.rules, confirmed.levels)
        if said != (person, dates, rules, levels):
            raise Conflict("that id belongs to another case already")
        return Recorded(case_id, position)

    @settled
    def amend(
        self, case_id: UUID, *, rules: str | None = None, by: Provenance = LOCAL, **changes: Unpack[Dates]
    ) -> Recorded:
        case = self.get(case_id)
        dates = CaseDates(
            onset=changes.get("onset", case.dates.onset),
            sampled=changes.get("sampled", case.dates.sampled),
            isolated_at=changes.get("isolated_at", case.dates.isolated_at),
            cleared_at=changes.get("cleared_at", case.dates.cleared_at),
        )
        self._refuse_future(dates)
        case.amend(dates, rules or case.rules, self.now())
        return self._save(case, Draft([case]), by)

    @settled
    def isolate(self, case_id: UUID, at: Seconds, by: Provenance = LOCAL) -> Recorded:
        case = self.get(case_id)
        case.isolate(at)
        return self._save(case, Draft([case]), by)

    @settled
    def withdraw(self, case_id: UUID, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        case = self.get(case_id)
        case.withdraw(self.people.seal_note(case.person, REASON, reason, Draft()), self.now())
        return self._save(case, Draft([case]), by)

    @settled
    def close(self, case_id: UUID, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        """Its contacts are traced no more, and their list stays as it is."""
        case = self.get(case_id)
        case.close(self.people.seal_note(case.person, REASON, reason, Draft()), self.now())
        return self._save(case, Draft([case]), by)

    @settled
    def reopen(self, case_id: UUID, by: Provenance = LOCAL) -> Recorded:
        case = self.get(case_id)
        case.reopen(self.now())
        return self._save(case, Draft([case]), by)

    def get(self, case_id: UUID, as_of: int | None = None) -> Case:
        """Raises Unknown, also when it was not yet known at ``as_of``."""
        case = self.log.load(Case, case_id, as_of)
        if case is None:
            raise Unknown("there is no case with that id" + ("" if as_of is None else " at that position"))
        return case

    def _save(self, case: Case, draft: Draft, by: Provenance) -> Recorded:
        if not case.pending_events:
            return Recorded(case.id, self.log.position_of(case.id, case.version))
        return Recorded(case.id, self.log.save(draft, by))

    def _refuse_future(self, dates: CaseDates) -> None:
        for day in (dates.onset, dates.sampled):
            if day is not None and start_of_day(day) > self.now():
                raise Refused("the date of onset or sample lies in the future")


def case_dates(
    onset: str | None, sampled: str | None, isolated_at: Seconds | None, cleared_at: Seconds | None
) -> CaseDates:
    """Raises Malformed without onset and sample."""
    if onset is None and sampled is None:
        raise Malformed("a case needs the date of onset or of the positive sample")
    return CaseDates(
        onset=None if onset is None else parse_date(onset),
        sampled=None if sampled is None else parse_date(sampled),
        isolated_at=isolated_at,
        cleared_at=cleared_at,
    )
