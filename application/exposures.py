"""The policy that keeps the exposures of open cases up with what becomes known, late facts included."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from application.log import Draft, Fact, Log, settled, unique_key
from application.policies import because_of
from domain.cases import Case
from domain.contacts import Contact, Question
from domain.exposures import Exposure, Exposures
from domain.rules import rule_set
from domain.times import Seconds

MOST_STEPS: Final = 16
"""A case is traced at most so often for the facts of one batch, but for those of the case itself: beyond that, several
share the last one's name."""

_FEWEST_STEPS: Final = 2
_FALLING_BEHIND: Final = 5_000
"""Positions in one batch from which on a case is traced only so often, so that lists are up before all else."""

_MOST_EVENTS: Final = 10_000
"""Appended at once: the ordering lock is held for the copy and the commit of these."""

_MOST_KEPT: Final = 50_000
"""Exposures that are kept at hand, of the cases that changed last."""


class TracedContact(NamedTuple):
    """``last_exposed_at`` is the end of the last encounter; ``visits`` the positions of all that are evidence."""

    contact: Contact
    last_exposed_at: Seconds
    visits: tuple[int, ...]


class Found(NamedTuple):
    """What a trace found otherwise than the one before; ``gone`` is None when it is all that there is."""

    contacts: list[TracedContact]
    gone: list[UUID] | None


class Watching(Protocol):
    """Traces open cases, and knows which facts may concern them."""

    @property
    def is_current(self) -> bool: ...

    @property
    def cases(self) -> frozenset[UUID]: ...

    def clear(self) -> None: ...

    def forget(self, case: UUID) -> None: ...

    def read(self, facts: Sequence[Fact]) -> Any: ...

    def concerned(self, seen: Any) -> Mapping[UUID, Sequence[int]]: ...

    def concerning(self, case: UUID, seen: Any, after: int) -> Sequence[int]: ...

    def trace(self, case: UUID, question: Question, rules: str, as_of: int) -> Found: ...

    def remember(self, case: UUID, question: Question, rules: str, as_of: int) -> None: ...

    def is_the_same(self, case: UUID, question: Question, rules: str, as_of: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Batch:
    """Facts that are looked at together; ``seen`` are those that any trace may depend on."""

    facts: Mapping[int, Fact]
    of_case: Mapping[UUID, Sequence[int]]
    seen: Any
    until: int


class ExposurePolicy:
    name = "exposures"

    def __init__(
        self,
        log: Log,
        watching: Watching,
        read: frozenset[str],
        confirmed: Callable[[int], Iterable[UUID]],
        now: Callable[[], Seconds],
    ) -> None:
        """``read`` are the events that ``watching`` reads, ``confirmed`` gives the cases confirmed up to a position."""
        self.log = log
        self.watching = watching
        self._read = read
        self._confirmed = confirmed
        self._now = now
        self._questions: dict[UUID, tuple[Question, str]] = {}
        self._recent: dict[UUID, Exposures] = {}
        self._position = 0

    @property
    def topics(self) -> frozenset[str]:
        """While no case is open, nothing depends on visits."""
        return _OF_CASES | self._read if self.watching.cases else _OF_CASES

    @property
    def waking(self) -> frozenset[str]:
        return frozenset() if self.watching.cases else _OF_CASES

    def begin(self, position: int) -> None:
        self.watching.clear()
        self._questions.clear()
        self._recent.clear()
        self._position = position
        for case_id, case in self.log.load_many(Case, self._confirmed(position), position).items():
            if case.is_open:
                self.watching.remember(case_id, *self._asked(case_id, case), position)

    def react(self, facts: Sequence[Fact], until: int) -> None:
        if not self.watching.is_current:
            self.begin(self._position)
        of_case: dict[UUID, list[int]] = defaultdict(list)
        for fact in facts:
            if fact.topic in _OF_CASES:
                of_case[fact.stream].append(fact.position)
        seen = self.watching.read([fact for fact in facts if fact.topic in self._read])
        batch = _Batch({fact.position: fact for fact in facts}, of_case, seen, until)
        for case_id in sorted(of_case.keys() | self.watching.concerned(seen).keys()):
            self._follow(case_id, batch)
        self._position = until

    def tick(self) -> None:
        """Time alone exposes nobody."""

    def _follow(self, case_id: UUID, batch: _Batch) -> None:
        """Step by step, as each may lead to other people and places, of whom later facts then are."""
        after = self._position
        steps = MOST_STEPS if batch.until - after < _FALLING_BEHIND else _FEWEST_STEPS
        while positions := self._positions(case_id, batch, after):
            if len(positions) > 1 and self._comes_to_nothing(case_id, batch, after):
                return
            after = self._next(case_id, batch, positions, steps)
            steps = max(steps - 1, 1)
            self._settle(case_id, batch.facts[after])

    def _positions(self, case_id: UUID, batch: _Batch, after: int) -> list[int]:
        own = [position for position in batch.of_case.get(case_id, ()) if position > after]
        return sorted({*own, *self.watching.concerning(case_id, batch.seen, after)})

    def _next(self, case_id: UUID, batch: _Batch, positions: list[int], steps: int) -> int:
        """The fact to trace as of, past some where there are too many; past none of the case itself."""
        near = positions[: (len(positions) - 1) // steps + 1]
        return min(set(near).intersection(batch.of_case.get(case_id, ())), default=near[-1])

    def _comes_to_nothing(self, case_id: UUID, batch: _Batch, after: int) -> bool:
        """Whether the list is the same after all the facts of the batch."""
        if any(position > after for position in batch.of_case.get(case_id, ())):
            return False
        return self.watching.is_the_same(case_id, *self._question(case_id, batch.until), batch.until)

    def _settle(self, case_id: UUID, fact: Fact) -> None:
        """Record what is otherwise as of a fact than it was before."""
        if fact.topic in _OF_CASES:
            self._questions.pop(case_id, None)
        case = self.log.load(Case, case_id, fact.position) if fact.topic in _OF_CASES else None
        if case is not None and not case.is_open:
            self.watching.forget(case_id)
            if case.withdrawn:
                self._record(case_id, fact, Found([], None))
            return
        question, rules = self._question(case_id, fact.position)
        found = self.watching.trace(case_id, question, rules, fact.position)
        if found.contacts or found.gone or found.gone is None:
            self._record(case_id, fact, found)

    @settled
    def _record(self, case_id: UUID, fact: Fact, found: Found) -> None:
        exposures = self._taken(case_id, fact)
        contacts = self._exposures(case_id, fact, found)
        gone = exposures.others(contacts) if found.gone is None else found.gone
        for start in range(0, len(contacts), _MOST_EVENTS):
            exposures.change(contacts[start : start + _MOST_EVENTS], (), fact.position, self._now())
            self._save(exposures, fact)
        exposures.change((), gone, fact.position, self._now())
        self._save(exposures, fact)
        self._keep(exposures)

    def _taken(self, case_id: UUID, fact: Fact) -> Exposures:
        """As they were left here; should somebody else have written since, saving fails and they are loaded."""
        return (
            self._recent.pop(case_id, None)
            or self.log.load(Exposures, exposures_stream(case_id))
            or self._opened(case_id, fact)
        )

    def _keep(self, exposures: Exposures) -> None:
        self._recent[exposures.case] = exposures
        kept = sum(len(known.standing) for known in self._recent.values())
        while kept > _MOST_KEPT and len(self._recent) > 1:
            oldest = self._recent.pop(next(iter(self._recent)))
            kept -= len(oldest.standing)

    def _save(self, exposures: Exposures, fact: Fact) -> None:
        if exposures.pending_events:
            self.log.save(Draft([exposures]), because_of(self, fact))

    def _opened(self, case_id: UUID, fact: Fact) -> Exposures:
        case = self._case(case_id, fact.position)
        return Exposures.open(exposures_stream(case_id), case_id, case.person, self._now())

    def _exposures(self, case_id: UUID, fact: Fact, found: Found) -> list[Exposure]:
        if not found.contacts:
            return []
        _, rules = self._question(case_id, fact.position)
        positions = {visit for traced in found.contacts for visit in traced.visits}
        ids = {position: state["visit_id"] for position, state in self.log.states_at(sorted(positions)).items()}
        return [_exposure(traced, ids, rules) for traced in found.contacts]

    def _question(self, case_id: UUID, position: int) -> tuple[Question, str]:
        """As the case stands at a position; it is asked again when something was recorded of it."""
        asked = self._questions.get(case_id)
        return asked or self._asked(case_id, self._case(case_id, position))

    def _asked(self, case_id: UUID, case: Case) -> tuple[Question, str]:
        rules, window = rule_set(case.rules), case.window
        question = Question(
            case.person, window.start, window.end, levels=case.levels, min_seconds=rules.min_minutes * 60
        )
        self._questions[case_id] = question, rules.name
        return question, rules.name

    def _case(self, case_id: UUID, position: int) -> Case:
        case = self.log.load(Case, case_id, position)
        assert case is not None  # noqa: S101 # a fact is about it
        return case


_OF_CASES: Final = frozenset({
    Case.Confirmed.TOPIC, Case.Amended.TOPIC, Case.Isolated.TOPIC, Case.Withdrawn.TOPIC, Case.Closed.TOPIC,
    Case.Reopened.TOPIC,
})  # fmt: skip


def exposures_stream(case_id: UUID) -> UUID:
    """The stream of a case's exposures follows from its id."""
    return UUID(bytes=unique_key("exposures", case_id.hex))


def _exposure(traced: TracedContact, visit_ids: Mapping[int, str], rules: str) -> Exposure:
    contact = traced.contact
    return Exposure(
        person=contact.person,
        level=contact.level,
        exposed_at=contact.exposed_at,
        last_exposed_at=traced.last_exposed_at,
        encounters=contact.encounters,
        contact_seconds=contact.contact_seconds,
        certain=contact.certain,
        via=contact.via,
        visits=tuple(visit_ids[visit] for visit in traced.visits),
        rules=rules,
    )
