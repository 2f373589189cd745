"""The due calls of the log as leads, now or as of a position."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from api.app import Truyvet
from api.exports.bundle import Asked, Filters, Split, export
from api.exports.leads import Form, Lead
from api.exports.sinks import Sink
from application.people import NameAndPhone
from domain.call_list import ALL, CallState, Filter, priority
from domain.errors import Malformed
from domain.people import Person, normal_phone
from domain.times import Seconds

_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """``filters`` are those of ``only`` as they were asked for; ``as_of`` is a position of the log, None for now."""

    form: Form
    split: Split
    at: Seconds
    only: Filter = ALL
    filters: Filters = field(default_factory=dict)
    as_of: int | None = None


class Resident(NamedTuple):
    call: CallState
    commune: str | None


class Found(NamedTuple):
    position: int
    calls: int
    residents: Iterable[Resident]


def export_due(truyvet: Truyvet, wanted: Wanted, sink: Sink) -> dict[str, Any]:
    """The manifest, without its files, of what was written. Raises Unavailable for what is not whole."""
    with (_now if wanted.as_of is None else _as_of)(truyvet, wanted) as found:
        asked = Asked(wanted.form, wanted.split, wanted.filters, found.position, wanted.at, found.calls)
        return export(asked, _leads(truyvet, found, wanted.at), sink)


@contextmanager
def _now(truyvet: Truyvet, wanted: Wanted) -> Iterator[Found]:
    by_commune = wanted.split == Split.commune
    with truyvet.registers.leads.due(wanted.at, wanted.only, by_commune=by_commune) as listed:
        yield Found(listed.position, listed.calls, (Resident(row, row.commune) for row in listed.rows))


@contextmanager
def _as_of(truyvet: Truyvet, wanted: Wanted) -> Iterator[Found]:
    """From the streams themselves, all in memory."""
    position = wanted.as_of or 0
    due = truyvet.calls.due_as_of(position, wanted.at, wanted.only)
    free = [call for call in due if (call.held_until or 0) <= wanted.at]
    people = truyvet.log.load_many(Person, {call.person_id for call in free}, position)
    residents = [Resident(call, people[call.person_id].commune) for call in free]
    if wanted.split == Split.commune:
        residents.sort(key=lambda resident: (resident.commune is None, resident.commune))
    yield Found(position, len(residents), residents)


def _leads(truyvet: Truyvet, found: Found, at: Seconds) -> Iterator[Lead]:
    rest = iter(found.residents)
    while some := list(islice(rest, _AT_ONCE)):
        yield from _named(truyvet, some, found.position, at)


def _named(truyvet: Truyvet, residents: Sequence[Resident], position: int, at: Seconds) -> Iterator[Lead]:
    known = truyvet.people.names_and_phones({resident.call.person_id for resident in residents}, position)
    for call, commune in residents:
        told = known.get(call.person_id, NameAndPhone())
        assert call.due_at is not None  # noqa: S101 # it is due
        yield Lead(
            call_id=call.call_id,
            campaign=call.campaign,
            purpose=call.purpose,
            level=call.level,
            cases=tuple(call.cases),
            priority=priority(call, at).points,
            due_at=call.due_at,
            attempts=call.attempts,
            phone=_callable(told.phone),
            name=told.name,
            commune=commune,
        )


def _callable(phone: str | None) -> str | None:
    """What somebody once told as a number may be none."""
    try:
        return None if phone is None else normal_phone(phone)
    except Malformed:
        return None
