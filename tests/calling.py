"""Contacts and their calls in a few words, on a clock that a test puts: ``traced.contacts("f0", "ann 1", "bob 2")``."""

import json
from uuid import UUID, uuid4

from api.app import Truyvet
from application.call_policy import CallPolicy
from application.calls import call_stream
from application.exposures import exposures_stream
from application.log import Draft, Fact
from application.provenance import LOCAL
from domain.calls import Call
from domain.exposures import Exposure, Exposures
from domain.rules import CaseDates
from domain.times import Seconds, local_day, parse_instant

NOW = parse_instant("2021-09-01T10:00:00+07:00")
MINUTE, HOUR, DAY = 60, 3_600, 86_400


class Traced:
    """What is recorded of contacts, heard by a policy of its own, which has read everything so far."""

    def __init__(self, truyvet: Truyvet) -> None:
        self.truyvet = truyvet
        self.at(NOW)
        self.policy = CallPolicy(
            truyvet.log, truyvet.registers.calls, truyvet.registers.cases, truyvet.calls.hours, lambda: self.now
        )
        self.read = 0

    def at(self, instant: Seconds) -> "Traced":
        self.now = instant
        for part in (self.truyvet.calls, self.truyvet.cases, self.truyvet.people, self.truyvet.declarations):
            part.now = lambda: instant  # type: ignore[method-assign] # a clock that stands
        return self

    def person(self, name: str) -> UUID:
        draft = Draft()
        person = self.truyvet.people.find_or_draft(f"ref:{name}", draft)
        if draft.streams:
            self.truyvet.log.save(draft, LOCAL)
        return person

    def case(self, name: str, case_id: UUID | None = None) -> UUID:
        """Confirmed, with no contacts yet."""
        dates = CaseDates(onset=local_day(NOW - 2 * DAY))
        return UUID(str(self.truyvet.cases.confirm(f"ref:{name}", dates, case_id=case_id).id))

    def contacts(self, case: UUID, *contacts: str, exposed_at: Seconds = NOW - DAY) -> int:
        """All contacts of a case as they stand now, ``"bob 2"`` or ``"bob 2?"`` for a possible one."""
        stream = exposures_stream(case)
        found = [_exposure(self.person(contact.split()[0]), contact.split()[1], exposed_at) for contact in contacts]
        exposures = self.truyvet.log.load(Exposures, stream) or Exposures.open(stream, case, uuid4(), self.now)
        exposures.change(found, exposures.others(found), self.truyvet.log.head(), self.now)
        return self.truyvet.log.save(Draft([exposures]), LOCAL)

    def react(self, after: int | None = None) -> list[str]:
        """Let the policy hear what is new, or everything after a position again; the events that come of it."""
        head = self.truyvet.log.head()
        facts = [
            Fact(event.position, event.type, event.stream, json.loads(event.state), event.correlation)
            for event in self.truyvet.log.read_all(self.read if after is None else after)
            if event.type in self.policy.topics
        ]
        self.policy.react(facts, head)
        self.read = self.truyvet.log.head()
        self.truyvet.registers.catch_up()
        return [event.type for event in self.truyvet.log.read_all(head)]

    def call(self, name: str) -> Call:
        return self.truyvet.calls.get(self.call_id(name))

    def call_id(self, name: str) -> UUID:
        return call_stream(self.person(name))

    def due(self) -> list[str]:
        """The names of those to call now, most urgent first."""
        self.truyvet.registers.catch_up()
        rows = self.truyvet.registers.calls.due(self.now, 100_000)
        names = self.truyvet.people.identities({row.person_id for row in rows})
        return [names[row.person_id].removeprefix("ref:") for row in rows]


def _exposure(person: UUID, level: str, exposed_at: Seconds) -> Exposure:
    return Exposure(
        person,
        int(level.rstrip("?")),
        exposed_at,
        exposed_at + HOUR,
        1,
        HOUR,
        not level.endswith("?"),
        (),
        (),
        "vn-11042",
    )
