"""The call list: due calls, most urgent first, as they are now or were."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.app import Truyvet
from api.http.given import App
from api.http.lists import JSON, AsOf, FollowedAsOf, List, Page, columns_of, list_responses, page, stream
from api.http.problems import problems
from api.http.reports import UnitCode
from api.http.words import Answer, Campaign, Digits, Levels
from application.as_of import instant_as_of
from application.people import NameAndPhone
from domain.call_list import CallState, Filter, Place, place, priority
from domain.errors import Malformed, Unknown
from domain.times import Seconds, from_datetime, to_text
from infrastructure import communes

router = APIRouter(prefix="/v1/call-list", tags=["calls"])

_READ_AT_ONCE: Final = 5_000


class PriorityParts(Answer):
    """Points; what each is for is in docs/calls.md."""

    level: int
    waiting: int
    certainty: int
    incubation: int
    attempts: int


class ListedCall(Answer):
    """`phone` is null where none is known, and to those who may not call; `level` of a returnee without known contact.

    `priority` is the sum of its parts. `attempts` are all there were, `failures` those since the last answer.
    """

    call_id: UUID
    person: str
    person_id: UUID
    phone: str | None
    campaign: Campaign
    level: int | None
    cases: list[UUID]
    purpose: str = Field(json_schema_extra={"enum": ["first_call", "follow_up"]})
    priority: int
    priority_parts: PriorityParts
    due_at: str | None
    attempts: int
    failures: int
    last_outcome: str | None
    exposed_at: str
    last_exposed_at: str
    certainty: str = Field(json_schema_extra={"enum": ["certain", "possible"]})
    last_day: str = Field(description="Asked daily to this day", json_schema_extra={"format": "date"})
    held_until: str | None


_COLUMNS: Final = columns_of(ListedCall)
EXAMPLE: Final[dict[str, Any]] = {
    "call_id": "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10", "person": "phone:+84912345678",
    "person_id": "5d3c1f0e-7b39-4c47-9f0a-2f6d0a6f6c11", "phone": "+84912345678", "campaign": "contacts", "level": 1,
    "cases": ["7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e"], "purpose": "first_call", "priority": 1431,
    "priority_parts": {"level": 1200, "waiting": 40, "certainty": 100, "incubation": 91, "attempts": 0},
    "due_at": "2021-09-01T02:00:00Z", "attempts": 0, "failures": 0, "last_outcome": None,
    "exposed_at": "2021-08-30T02:00:00Z", "last_exposed_at": "2021-08-30T03:00:00Z", "certainty": "certain",
    "last_day": "2021-09-13", "held_until": None,
}  # fmt: skip


class Moment(NamedTuple):
    """``position`` and instant of a list; of the past when another position than the present one is asked for."""

    position: int
    at: Seconds
    is_past: bool


async def moment(truyvet: App, listing: List, position: FollowedAsOf, as_of: AsOf = None) -> Moment:
    """A further page is as of the first one's instant, so that nothing changes its place in between."""
    cursor = listing.cursor if listing.media_type == JSON else None
    position = position if cursor is None else min(cursor.position, position)
    if cursor is not None and cursor.instant is not None:
        return Moment(position, cursor.instant, as_of is not None)
    return Moment(position, await run_in_threadpool(instant, truyvet, as_of, position), as_of is not None)


def instant(truyvet: Truyvet, as_of: str | None, position: int) -> Seconds:
    """Now, the instant that ``as_of`` means, or that at which the event at its position was recorded."""
    if as_of is None:
        return truyvet.calls.now()
    at = instant_as_of(as_of)
    if at is not None:
        return at
    return from_datetime(truyvet.log.recorded_at(position)) if position else 0


def only(
    campaign: Campaign | None = None,
    level: Annotated[Levels | None, Digits, Query()] = None,
    unit: Annotated[UnitCode | None, Query(description="Of people who said that they live in it")] = None,
) -> Filter:
    """Raises Unknown for a unit that is not there."""
    if unit is not None and communes.named(unit) is None:
        raise Unknown("there is no unit with that code in the official list of November 2021")
    return Filter(campaign, level, None if unit is None else frozenset(communes.venue_units(unit)))


@router.get("", response_model=Page[ListedCall], responses=problems(404, 504) | list_responses(EXAMPLE, _COLUMNS))
def call_list(
    truyvet: App,
    listing: List,
    moment: Annotated[Moment, Depends(moment)],
    only: Annotated[Filter, Depends(only)],
) -> Response:
    """Whom to call now, each person once, the most urgent first; calls that somebody holds say until when."""
    read = _reader(truyvet, moment, only)
    if listing.media_type != JSON:
        return stream(listing.media_type, moment.position, _COLUMNS, _all(truyvet, moment.at, read))
    calls = read(None if listing.cursor is None else _placed(listing.cursor.key), listing.limit + 1)
    shown = calls[: listing.limit]
    following = None
    if len(calls) > len(shown):
        following = listing.cursor_after(moment.position, _key(place(shown[-1], moment.at)), moment.at)
    return page(moment.position, listed(truyvet, shown, moment.at), following)


def listed(truyvet: Truyvet, calls: Sequence[CallState], at: Seconds) -> list[dict[str, Any]]:
    people = truyvet.people.identities({call.person_id for call in calls})
    phones = truyvet.people.names_and_phones({call.person_id for call in calls})
    return [
        _shown(call, at, people[call.person_id], phones.get(call.person_id, NameAndPhone()).phone) for call in calls
    ]


def _shown(call: CallState, at: Seconds, person: str, phone: str | None) -> dict[str, Any]:
    parts = priority(call, at)
    return {
        "call_id": str(call.call_id),
        "person": person,
        "person_id": str(call.person_id),
        "phone": phone,
        "campaign": call.campaign,
        "level": call.level,
        "cases": [str(case) for case in call.cases],
        "purpose": call.purpose,
        "priority": parts.points,
        "priority_parts": parts._asdict(),
        "due_at": None if call.due_at is None else to_text(call.due_at),
        "attempts": call.attempts,
        "failures": call.failures,
        "last_outcome": call.last_outcome,
        "exposed_at": to_text(call.exposed_at),
        "last_exposed_at": to_text(call.last_exposed_at),
        "certainty": "certain" if call.certain else "possible",
        "last_day": call.last_day.isoformat(),
        "held_until": to_text(call.held_until) if call.held_until is not None and call.held_until > at else None,
    }


def _reader(truyvet: Truyvet, moment: Moment, only: Filter) -> Callable[[Place | None, int], Sequence[CallState]]:
    """What gives the calls behind a place, at most so many."""
    position, at, is_past = moment
    if not is_past:
        return lambda after, limit: truyvet.registers.calls.due(at, limit, only, after=after, until=position)
    due = truyvet.calls.due_as_of(position, at, only)
    return lambda after, limit: [call for call in due if after is None or place(call, at) > after][:limit]


def _all(
    truyvet: Truyvet, at: Seconds, read: Callable[[Place | None, int], Sequence[CallState]]
) -> Iterator[dict[str, Any]]:
    after = None
    while calls := read(after, _READ_AT_ONCE):
        yield from listed(truyvet, calls, at)
        after = place(calls[-1], at)


def _key(last: Place) -> str:
    return f"{last.points}:{last.due_at}:{last.call_id.hex}"


def _placed(key: str) -> Place:
    found = re.fullmatch(r"(-?\d{1,5}):(\d{1,10}):([0-9a-f]{32})", key, re.ASCII)
    if found is None:
        raise Malformed("that is no cursor of ours")
    return Place(int(found[1]), int(found[2]), UUID(found[3]))
