"""What makes calls of exposures and declarations, and ends the calling of a contact who becomes a case."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from application.calls import CallList, call_stream
from application.log import Draft, Entry, Fact, Log, Raced, settled
from application.policies import because_of
from application.provenance import Provenance
from domain.call_reasons import Origin, Reason
from domain.calling_hours import CallingHours
from domain.calls import Call
from domain.cases import Case
from domain.declarations import Declaration
from domain.exposures import Exposures
from domain.rules import DEFAULT_RULES
from domain.times import Seconds, local_day, parse_instant

_EXPOSED: Final = frozenset({Exposures.Identified.TOPIC, Exposures.Revised.TOPIC})
_IS_CASE: Final = frozenset({Case.Confirmed.TOPIC, Case.Reopened.TOPIC})
_NO_CASE: Final = frozenset({Case.Withdrawn.TOPIC, Case.Closed.TOPIC})

_AT_ONCE: Final = 2_000
"""People whose calls are decided and saved together."""

_MOST_KEPT: Final = 20_000
"""Calls that are kept at hand, of the people who were written of last."""


class OpenCases(Protocol):
    def open_cases(self, people: Collection[UUID]) -> Mapping[UUID, Collection[UUID]]:
        """The cases of these people that are neither withdrawn nor closed, by person; may be a moment behind."""


class CallPolicy:
    """Each person's calls are one stream, which remembers what it has heard: the same facts again change nothing."""

    name = "calls"
    topics = _EXPOSED | _IS_CASE | _NO_CASE | {Exposures.Withdrawn.TOPIC, Declaration.Made.TOPIC}
    waking: frozenset[str] = frozenset()

    def __init__(
        self, log: Log, calls: CallList, cases: OpenCases, hours: CallingHours, now: Callable[[], Seconds]
    ) -> None:
        self.log = log
        self.calls = calls
        self.cases = cases
        self.hours = hours
        self.now = now
        self._own_cases: dict[UUID, dict[UUID, bool]] = defaultdict(dict)
        """By person, whether each case is open: what the register may not have read yet."""
        self._recent: dict[UUID, Call] = {}

    def begin(self, position: int) -> None:  # noqa: ARG002 # the register has read further
        self._own_cases.clear()
        self._recent.clear()

    def react(self, facts: Sequence[Fact], until: int) -> None:  # noqa: ARG002 # nothing here asks the visit graph
        for first in range(0, len(facts), _AT_ONCE):
            self._react(facts[first : first + _AT_ONCE])

    def tick(self) -> None:
        """Answers that are waited for no more."""
        now = self.now()
        overdue = self.log.load_many(Call, self.calls.overdue(local_day(now), _AT_ONCE)).values()
        by = Provenance(actor=f"policy:{self.name}")
        entries = [Entry(Draft([call]), by) for call in overdue if call.miss(now)]
        if entries:
            self.log.save_all(entries)

    def _react(self, facts: Sequence[Fact]) -> None:
        """In halves where somebody else has just written to one of the streams, so that the others are not held up."""
        try:
            self._record(facts)
        except Raced:
            self._recent.clear()
            middle = len(facts) // 2
            if middle == 0:
                settled(self._record)(facts)
            else:
                self._react(facts[:middle])
                self._react(facts[middle:])

    def _record(self, facts: Sequence[Fact]) -> None:
        calls = self._known(map(_stream, facts))
        for one_each in _rounds(facts):
            entries = []
            strangers = {_person(fact) for fact in one_each if _stream(fact) not in calls and fact.topic in _EXPOSED}
            cases = self.cases.open_cases(strangers) if strangers else {}
            for fact in one_each:
                call = self._decided(fact, calls.get(_stream(fact)), cases.get(_person(fact), ()))
                if call is not None and call.pending_events:
                    calls[call.id] = call
                    entries.append(Entry(Draft([call]), because_of(self, fact)))
            if entries:
                self.log.save_all(entries)
        self._keep(calls)

    def _known(self, streams: Iterable[UUID]) -> dict[UUID, Call]:
        """As they were left here; should somebody else have written since, saving fails and they are loaded."""
        wanted = set(streams)
        recent = {stream: self._recent.pop(stream) for stream in wanted & self._recent.keys()}
        return recent | self.log.load_many(Call, wanted - recent.keys())

    def _keep(self, calls: Mapping[UUID, Call]) -> None:
        self._recent |= calls
        for stream in list(self._recent)[: max(len(self._recent) - _MOST_KEPT, 0)]:
            del self._recent[stream]

    def _decided(self, fact: Fact, call: Call | None, cases: Collection[UUID]) -> Call | None:
        """The call with what follows from a fact pending; ``cases`` are known of the person."""
        person, now = _person(fact), self.now()
        if fact.topic in _IS_CASE | _NO_CASE:
            self._own_cases[person][fact.stream] = fact.topic in _IS_CASE
        reason = _reason(fact)
        if reason is not None and call is None:
            call = Call.request(_stream(fact), person, reason, fact.position, now)
            for case in self._still_open(person, cases):
                call.become_case(case, fact.position, now)
        elif call is None:
            return None
        elif reason is not None:
            call.give(reason, fact.position, self.hours, now)
        elif fact.topic == Exposures.Withdrawn.TOPIC:
            call.take_back(_case(fact.state), fact.position, self.hours, now)
        elif fact.topic in _IS_CASE:
            call.become_case(fact.stream, fact.position, now)
        elif fact.topic in _NO_CASE:
            never_was = fact.topic == Case.Withdrawn.TOPIC
            call.cease_to_be_case(fact.stream, fact.position, now, never_was=never_was)
        return call

    def _still_open(self, person: UUID, cases: Collection[UUID]) -> list[UUID]:
        known = dict.fromkeys(cases, True) | self._own_cases.get(person, {})
        return sorted(case for case, is_open in known.items() if is_open)


def _rounds(facts: Iterable[Fact]) -> Collection[list[Fact]]:
    """One fact of each person in a round, so that what follows from it names it as its cause."""
    rounds: dict[int, list[Fact]] = defaultdict(list)
    seen: dict[UUID, int] = defaultdict(int)
    for fact in facts:
        rounds[seen[_person(fact)]].append(fact)
        seen[_person(fact)] += 1
    return rounds.values()


def _person(fact: Fact) -> UUID:
    return UUID(fact.state["person"])


def _stream(fact: Fact) -> UUID:
    return call_stream(_person(fact))


def _case(state: Mapping[str, Any]) -> Origin:
    return Origin("case", state["case"])


def _reason(fact: Fact) -> Reason | None:
    """Why a fact has somebody called; None where it does not."""
    state = fact.state
    if fact.topic in _EXPOSED:
        return Reason(
            origin=_case(state),
            level=state["level"],
            exposed_at=parse_instant(state["exposed_at"]),
            last_exposed_at=parse_instant(state["last_exposed_at"]),
            certain=state["certainty"] == "certain",
            rules=state["rules"],
        )
    if fact.topic == Declaration.Made.TOPIC and state["kind"] == "returnee":
        arrived = parse_instant(state["arrived_at"] or state["happened_at"])
        origin = Origin("declaration", state["declaration_id"])
        return Reason(origin, None, arrived, arrived, True, DEFAULT_RULES)
    return None
