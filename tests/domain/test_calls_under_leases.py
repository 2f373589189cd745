"""Whatever diallers do in whatever order while time goes on: nobody holds what another does, nothing comes twice."""

from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.call_attempts import Report, Told
from domain.call_reasons import Origin
from domain.calls import Call
from domain.errors import Conflict, Refused
from domain.leases import Hold
from domain.next_calls import OUTCOMES
from infrastructure.mapper import EventMapper
from tests.domain.test_calls import HOURS, NOW, ONE, TWO, exposed

DAY = 86_400
diallers = st.sampled_from(["ann", "bob", "cid"])
cases = st.sampled_from([ONE, TWO])


class Diallers(RuleBasedStateMachine):
    """``holder`` is who holds the call until when, as far as the diallers know; ``told`` is what they have reported."""

    def __init__(self) -> None:
        super().__init__()
        self.call = Call.request(uuid4(), uuid4(), exposed(), 1, NOW)
        self.now = NOW
        self.as_of = 1
        self.holder: tuple[str, int] | None = None
        self.told: list[str] = []

    @rule(seconds=st.sampled_from([1, 60, 600, 3_600, DAY]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(by=diallers, seconds=st.integers(1, 3_600))
    def claim(self, by: str, seconds: int) -> None:
        may = self.call.due_at is not None and self.call.due_at <= self.now and self._held_by() is None
        try:
            self.call.claim(Hold(uuid4(), by, self.now + seconds), self.now)
        except (Conflict, Refused):
            assert not may
        else:
            assert may
            self.holder = by, self.now + seconds

    @rule(by=diallers, outcome=st.sampled_from(OUTCOMES), earlier=st.integers(0, 2 * DAY), number=st.integers(0, 5))
    def attempt(self, by: str, outcome: str, earlier: int, number: int) -> None:
        """The same number again is the same attempt."""
        told = Told(f"{by}:{outcome}:{number}")
        report = Report(str(told.attempt_id), outcome, self.now - earlier, by)
        if self.call.recorded(report, told, self.now) is not None:
            assert told.attempt_id in self.told
            return
        assert told.attempt_id not in self.told
        may = self._held_by() in (None, by)
        try:
            self.call.attempt(report, self.call.follows(report, HOURS, self.now), None)
        except Conflict:
            assert not may
        else:
            assert may
            self.told.append(str(told.attempt_id))
            self.holder = None

    @rule(by=diallers)
    def give_back(self, by: str) -> None:
        try:
            assert self.call.give_back(by, self.now) == (self._held_by() == by)
        except Conflict:
            assert self._held_by() not in (None, by)
        else:
            self.holder = None

    @rule(case=cases, level=st.integers(1, 3))
    def give(self, case: UUID, level: int) -> None:
        self.as_of += 1
        self.call.give(exposed(case, level), self.as_of, HOURS, self.now)

    @rule(case=cases)
    def take_back(self, case: UUID) -> None:
        self.as_of += 1
        self.call.take_back(Origin("case", str(case)), self.as_of, HOURS, self.now)

    @rule()
    def miss(self) -> None:
        self.call.miss(self.now)

    @invariant()
    def records_each_attempt_once(self) -> None:
        assert [attempt.report.attempt_id for attempt in self.call.attempts] == self.told
        assert self.call.state.attempts == len(self.told)

    @invariant()
    def is_held_by_who_was_given_it_while_it_is_due(self) -> None:
        assert (self.call.status == "open") == (self.call.due_at is not None)
        if self.call.status != "open":
            self.holder = None
        held = self.call.hold.by if self.call.hold is not None and self.call.is_held(self.now) else None
        assert held == self._held_by()

    def teardown(self) -> None:
        """The stream says all of it."""
        mapper, again = EventMapper(), None
        for event in self.call.collect_events():
            again = mapper.to_domain_event(mapper.to_stored_event(event)).mutate(again)  # type: ignore[attr-defined] # a domain event applies itself
        assert isinstance(again, Call)
        assert again.state == self.call.state
        assert (again.reasons, again.heard, again.hold) == (self.call.reasons, self.call.heard, self.call.hold)

    def _held_by(self) -> str | None:
        return None if self.holder is None or self.holder[1] <= self.now else self.holder[0]


Diallers.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestDiallers = Diallers.TestCase
