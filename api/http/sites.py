"""Sites of quarantine: registered, their places, their cameras; closed."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Body as InBody
from pydantic import Field

from api.app import Truyvet, now
from api.http.given import App, Once, Writing
from api.http.lists import (
    AsOf,
    InOrder,
    InOrderAsOf,
    List,
    LogPosition,
    Page,
    RegisterAsOf,
    columns_of,
    list_responses,
)
from api.http.problems import problems
from api.http.venues import Coordinates
from api.http.words import (
    Answer,
    AnswerPosition,
    Body,
    Commune,
    Id,
    Instant,
    NewUuid,
    PathUuid,
    ShortText,
    SiteKind,
    Whole,
)
from application.log import Recorded
from application.provenance import Provenance
from application.sites import NewSite, get_site
from domain.sites import LARGEST_CAPACITY, MOST_CAMERAS, Site
from domain.times import Seconds, from_datetime, to_text
from infrastructure.registers import SiteRow

router = APIRouter(prefix="/v1/sites", tags=["sites"])

Capacity = Annotated[int, Field(ge=1, le=LARGEST_CAPACITY, description="Places"), Whole]
CameraCount = Annotated[int, Field(ge=0, le=MOST_CAMERAS), Whole]


class NewSiteBody(Coordinates):
    name: ShortText = Field(examples=["Ký túc xá B, Trường Cao đẳng Y tế"])
    kind: SiteKind
    commune: Commune
    capacity: Capacity
    venue: Id | None = Field(None, description="The code or id of the venue at which its people check in")
    site_id: NewUuid | None = None


class SiteChanges(Body):
    capacity: Capacity


class CameraReport(Body):
    """All its cameras, and those whose pictures come in: no more than all."""

    registered: CameraCount
    connected: CameraCount


class Closure(Body):
    at: Instant | None = Field(None, description="Now when left out")


_NOW: Final = Closure()


class SiteAnswer(Answer):
    """`taken` is how many of its places are taken now, or were when the position of `as_of` was recorded."""

    site_id: UUID
    name: str
    kind: str
    commune: str
    capacity: int
    taken: int
    free: int
    cameras_registered: int
    cameras_connected: int
    venue_id: UUID | None
    latitude: float | None
    longitude: float | None
    closed_at: str | None
    position: AnswerPosition


_COLUMNS: Final = columns_of(SiteAnswer)
_EXAMPLE: Final[dict[str, Any]] = {
    "site_id": "3f0c1f4e-6a0b-4c55-9a57-1d2f4f6a7b21", "name": "Ký túc xá B, Trường Cao đẳng Y tế", "kind": "facility",
    "commune": "03646", "capacity": 120, "taken": 87, "free": 33, "cameras_registered": 12, "cameras_connected": 9,
    "venue_id": None, "latitude": 21.3272, "longitude": 103.9141, "closed_at": None, "position": 17,
}  # fmt: skip


@router.post("", status_code=201, responses=problems(400, 403, 404, 409, 413, 415))
def register(site: NewSiteBody, truyvet: App, once: Writing, response: Response) -> SiteAnswer:
    """Register a site. The same again with its `site_id` is found, not made twice."""
    new = NewSite(**site.model_dump(exclude={"site_id"}))
    answer = _changed(truyvet, once, lambda by: truyvet.sites.register(new, site_id=site.site_id, by=by))
    response.headers["Location"] = f"/v1/sites/{answer.site_id}"
    return answer


@router.get("", response_model=Page[SiteAnswer],
            responses=problems(504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def sites(truyvet: App, position: RegisterAsOf, listing: List, as_of: AsOf = None) -> Response:
    """In the order of their registration, with the places that are taken now, or were then."""
    read = truyvet.registers.sites.page
    if as_of is None:
        return listing.answer_in_order(position, InOrder(read, partial(_listed, truyvet), _COLUMNS))
    return listing.answer_as_of(position, InOrderAsOf(read, partial(_listed_then, truyvet), _COLUMNS))


@router.get("/{site_id}", responses=problems(404, 504))
def get(site_id: PathUuid, truyvet: App, position: LogPosition, as_of: AsOf = None) -> SiteAnswer:
    site = get_site(truyvet.log, site_id, position)
    return _answer(site, now() if as_of is None else _then(truyvet, position), position)


@router.patch("/{site_id}", responses=problems(400, 403, 404, 409, 413, 415))
def change(site_id: PathUuid, changes: SiteChanges, truyvet: App, once: Writing) -> SiteAnswer:
    """Change its capacity. Nobody has to leave for it."""
    return _changed(truyvet, once, lambda by: truyvet.sites.change_capacity(site_id, changes.capacity, by))


@router.post("/{site_id}/cameras", responses=problems(400, 403, 404, 409, 413, 415))
def report_cameras(site_id: PathUuid, report: CameraReport, truyvet: App, once: Writing) -> SiteAnswer:
    """Report how many cameras it has, and how many of them are connected."""
    return _changed(
        truyvet, once, lambda by: truyvet.sites.report_cameras(site_id, report.registered, report.connected, by)
    )


@router.post("/{site_id}/closure", responses=problems(400, 403, 404, 409, 413, 415))
def close(site_id: PathUuid, truyvet: App, once: Writing, closure: Annotated[Closure, InBody()] = _NOW) -> SiteAnswer:
    """Close it for good, once nobody is confined there any more."""
    return _changed(truyvet, once, lambda by: truyvet.sites.close(site_id, closure.at, by))


def _changed(truyvet: Truyvet, once: Once, command: Callable[[Provenance], Recorded]) -> SiteAnswer:
    recorded = once.record(command, UUID)
    return _answer(get_site(truyvet.log, recorded.id, recorded.position), now(), recorded.position)


def _then(truyvet: Truyvet, position: int) -> Seconds:
    """When the position was recorded."""
    return from_datetime(truyvet.log.recorded_at(position))


def _answer(site: Site, instant: Seconds, position: int) -> SiteAnswer:
    taken = site.taken_at(instant)
    return SiteAnswer(
        site_id=site.id, name=site.name, kind=site.kind, commune=site.commune, capacity=site.capacity, taken=taken,
        free=max(site.capacity - taken, 0), cameras_registered=site.cameras.registered,
        cameras_connected=site.cameras.connected, venue_id=site.venue, latitude=site.latitude,
        longitude=site.longitude, closed_at=None if site.closed_at is None else to_text(site.closed_at),
        position=position,
    )  # fmt: skip


def _listed(truyvet: Truyvet, rows: Sequence[SiteRow]) -> list[dict[str, Any]]:
    taken = truyvet.registers.quarantines.taken([row.site_id for row in rows], now())
    same = [name for name in SiteAnswer.model_fields if name not in ("taken", "free", "closed_at")]
    return [
        SiteAnswer(
            **{name: getattr(row, name) for name in same},
            taken=taken[row.site_id],
            free=max(row.capacity - taken[row.site_id], 0),
            closed_at=None if row.closed_at is None else to_text(from_datetime(row.closed_at)),
        ).model_dump(mode="json")
        for row in rows
    ]


def _listed_then(truyvet: Truyvet, rows: Sequence[SiteRow], position: int) -> list[dict[str, Any]]:
    if not rows:
        return []
    found = truyvet.log.load_many(Site, [row.site_id for row in rows], position)
    instant = _then(truyvet, position)
    return [_answer(found[row.site_id], instant, row.position).model_dump(mode="json") for row in rows]
