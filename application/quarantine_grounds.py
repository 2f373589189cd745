"""What a quarantine is assigned from, and how long it lasts by the rules that are in force."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from application.declarations import declaration_stream
from application.exposures import exposures_stream
from application.log import Log
from domain.cases import Case
from domain.declarations import Declaration, parse_declaration_id
from domain.errors import Refused, Unknown
from domain.exposures import Exposures
from domain.quarantine_rules import parse_vaccination, quarantine_rules, rules_in_force
from domain.quarantines import CASE, DECLARATION, EXPOSURE, ORDER, Grounds, parse_order
from domain.times import Seconds, local_day


@dataclass(frozen=True, slots=True)
class Basis:
    """``case`` stands for the exposure of a contact, or for the case itself when the person is its own.

    Raises Refused for more than one of case, declaration and order.
    """

    case: UUID | None = None
    declaration: str | None = None
    order: str | None = None
    rules: str | None = None
    vaccination: str | None = None

    def __post_init__(self) -> None:
        if sum(origin is not None for origin in (self.case, self.declaration, self.order)) > 1:
            raise Refused("a quarantine is assigned from one thing: a case, a declaration or an order")

    @property
    def gives_length(self) -> bool:
        """Whether rules say until when, where nobody else does."""
        return (self.case, self.declaration, self.order, self.rules) != (None, None, None, None)

    def is_that_of(self, grounds: Grounds) -> bool:
        """As far as it says anything."""
        origins = (({EXPOSURE, CASE}, self.case), ({DECLARATION}, self.declaration), ({ORDER}, self.order))
        is_from_there = all(
            grounds.origin in kinds and grounds.origin_id == str(origin)
            for kinds, origin in origins
            if origin is not None
        )
        said = ((self.rules, grounds.rules), (self.vaccination, grounds.vaccination))
        return is_from_there and all(None in pair or len({*pair}) == 1 for pair in said)


class Length(NamedTuple):
    """``is_at_home`` where the rules mean a quarantine at home."""

    grounds: Grounds
    until: Seconds | None
    is_at_home: bool = False


class _Origin(NamedTuple):
    kind: str | None
    id: str | None
    level: int | None
    counted_from: Seconds


def measured(log: Log, basis: Basis, person: UUID, since: Seconds, until: Seconds | None) -> Length:
    """Until when a quarantine from ``since`` lasts; ``until`` itself, or open, where no rules are asked.

    Nobody knows in advance until when a case is isolated. Raises Unknown for a case or declaration that is none,
    Refused for one of another person, and where the rules say that it would be over already.
    """
    origin = _origin(log, basis, person, since)
    grounds = Grounds(origin.kind, origin.id, origin.level)
    if until is not None or not basis.gives_length or (origin.kind == CASE and basis.rules is None):
        return Length(grounds, until)
    rules = rules_in_force(local_day(since)) if basis.rules is None else quarantine_rules(basis.rules)
    level = origin.level or 1
    asks_for_vaccination = rules.asks_for_vaccination(level) and origin.kind != DECLARATION
    vaccination = parse_vaccination(basis.vaccination) if asks_for_vaccination and basis.vaccination else None
    end = rules.until(origin.counted_from, level, vaccination)
    if end <= since:
        raise Refused("by the rules the quarantine would be over before it begins; say until when")
    is_at_home = level > 1 or rules.length(level, vaccination) == rules.vaccinated
    return Length(grounds._replace(rules=rules.name, vaccination=vaccination), end, is_at_home)


def _origin(log: Log, basis: Basis, person: UUID, since: Seconds) -> _Origin:
    if basis.case is not None:
        return _case(log, basis.case, person, since)
    if basis.declaration is not None:
        return _declaration(log, basis.declaration, person, since)
    if basis.order is not None:
        return _Origin(ORDER, parse_order(basis.order), None, since)
    return _Origin(None, None, None, since)


def _case(log: Log, case_id: UUID, person: UUID, since: Seconds) -> _Origin:
    case = log.load(Case, case_id)
    if case is None:
        raise Unknown("there is no case with that id")
    if case.withdrawn:
        raise Refused("the case was withdrawn")
    if case.person == person:
        return _Origin(CASE, str(case_id), None, since)
    exposures = log.load(Exposures, exposures_stream(case_id))
    exposure = None if exposures is None else exposures.standing.get(person)
    if exposure is None:
        raise Refused("that person is no contact of the case, as far as is known now")
    return _Origin(EXPOSURE, str(case_id), exposure.level, exposure.last_exposed_at)


def _declaration(log: Log, declaration_id: str, person: UUID, since: Seconds) -> _Origin:
    declaration = log.load(Declaration, declaration_stream(parse_declaration_id(declaration_id)))
    if declaration is None:
        raise Unknown("there is no declaration with that id")
    if declaration.person != person:
        raise Refused("that declaration is another person's")
    arrived_at = since if declaration.arrived_at is None else declaration.arrived_at
    return _Origin(DECLARATION, declaration_id, None, arrived_at)
