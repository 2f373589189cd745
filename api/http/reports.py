"""Reports of a unit: JSON, CSV, or a page for printing."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field, StringConstraints

from api.http.given import App
from api.http.lists import CSV, JSON, POSITION_HEADER, ViewsPosition, accepted
from api.http.problems import problems
from api.http.words import UNIT, Answer, Day, IsoWeek, WeekEnding
from api.reports.adoption import COLUMNS, csv_lines, page
from api.reports.campaign import COLUMNS as CAMPAIGN_COLUMNS
from api.reports.campaign import csv_lines as campaign_csv_lines
from api.reports.sites import COLUMNS as SITE_COLUMNS
from api.reports.sites import csv_lines as site_csv_lines
from api.reports.words import Language
from application.adoption import report_content
from application.campaign import report_content as campaign_content
from application.site_reports import report_content as sites_content
from domain.campaign import SUMS
from domain.errors import Malformed
from domain.weeks import Week

router = APIRouter(prefix="/v1/reports", tags=["reports"])

HTML: Final = "text/html"
_ONLY_ITSELF: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

UnitCode = Annotated[
    str,
    StringConstraints(pattern=UNIT),
    Query(examples=["387"], description="The official code of a province, district or commune; `VN` for all"),
]


class UnitAnswer(Answer):
    code: str
    name: str
    level: str = Field(json_schema_extra={"enum": ["country", "province", "district", "commune"]})


class RowAnswer(Answer):
    """Shares are fractions of the week's scans, to four places. A total has no rank, and is not behind."""

    code: str
    name: str
    points: int = Field(description="To the end of the week; of these new, active (a scan in the week) and silent ones")
    points_new: int
    points_active: int
    points_silent: int
    scans: int = Field(description="In the week")
    scans_change: int = Field(description="On the week before, as are the other changes")
    scans_total: int = Field(description="To the end of the week")
    weekend_share: float | None
    check_out_rate: float | None
    rank: int | None = Field(description="By scans of the week; equal ones share it")
    rank_change: int | None = Field(description="Positive for a unit that climbed")
    points_change: int
    points_active_change: int
    behind: bool | None = Field(
        description="No point is active, or the share of active points is below half of that of the whole"
    )


class AdoptionAnswer(Answer):
    unit: UnitAnswer
    start: str = Field(alias="from", json_schema_extra={"format": "date"})
    end: str = Field(alias="to", json_schema_extra={"format": "date"})
    position: int = Field(description="What the report is as of; as of it, it can be made again identically")
    recorded_at: str | None = Field(description="When the event at that position was recorded")
    total: RowAnswer = Field(description="Always the sum of the rows; of a commune, itself")
    rows: list[RowAnswer] = Field(description="A row for each unit below")
    points_outside: int = Field(description="Points, anywhere, whose commune is not known: they count for no unit")


_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The report",
        "headers": {POSITION_HEADER: {"schema": {"type": "integer"}, "description": "What the report is as of"}},
        "content": {
            CSV: {"schema": {"type": "string"}, "example": ",".join(COLUMNS) + "\n"},
            HTML: {"schema": {"type": "string"}},
        },
    }
}


@router.get("/adoption", response_model=AdoptionAnswer, responses=problems(403, 404, 504) | _FORMS)
def adoption(
    request: Request,
    truyvet: App,
    position: ViewsPosition,
    unit: UnitCode,
    week: Annotated[IsoWeek | None, Query(description="Monday to Sunday, as ISO 8601 counts")] = None,
    week_ending: Annotated[WeekEnding | None, Query(description="The seven days that end with it")] = None,
    lang: Annotated[Language, Query(description="Of the page")] = Language.vi,
) -> Response:
    """The weekly adoption report: points and scans of a unit and of those below it. Give `week` or `week_ending`."""
    if (week is None) == (week_ending is None):
        raise Malformed("give one of week and week_ending")
    asked = Week.numbered(week) if week is not None else Week.ending(week_ending or "")
    report = truyvet.adoption.report(unit, asked, position)
    headers = {POSITION_HEADER: str(position), "Vary": "Accept"}
    form = accepted(request, (JSON, CSV, HTML))
    if form == CSV:
        return Response("".join(csv_lines(report)), media_type=CSV, headers=headers)
    if form == HTML:
        return HTMLResponse(page(report, lang), headers=headers | {"Content-Security-Policy": _ONLY_ITSELF})
    return JSONResponse(report_content(report), headers=headers)


class CampaignRow(Answer):
    """Of people whose residence is not known where `code` is null, of the whole period where `day` is."""

    day: str | None = Field(json_schema_extra={"format": "date"})
    code: str | None
    name: str | None
    campaign: str = Field(
        json_schema_extra={"enum": list(SUMS)},
        description="`outbound` is `contacts` and `returnees` together, `all` with what came in, `inbound`",
    )
    calls: int
    answered: int = Field(description="Calls in which the questions were answered")
    people: int = Field(description="Who were called, or called; each is counted once in a row")
    reached: int = Field(description="Those of them who answered at least once")
    attempts_per_person: float | None = Field(description="Calls by people, to two places")
    reach_rate: float | None = Field(description="Reached by people, to four places")
    passed_on: int = Field(description="To the CDC, as abnormal")
    first_calls: int = Field(description="Contacts of a case who were called for it for the first time")
    first_call_median_seconds: int | None = Field(description="From the confirmation of the case to that call")
    first_call_p90_seconds: int | None


class CampaignAnswer(Answer):
    unit: UnitAnswer
    start: str = Field(alias="from", json_schema_extra={"format": "date"})
    end: str = Field(alias="to", json_schema_extra={"format": "date"})
    position: int = Field(description="What the report is as of; as of it, it can be made again identically")
    recorded_at: str | None = Field(description="When the event at that position was recorded")
    total: list[CampaignRow] = Field(description="A row for each campaign, and for their sums")
    rows: list[CampaignRow] = Field(description="The same for each unit below, and for people of no known residence")
    days: list[CampaignRow] = Field(description="The same for each day, local")
    details: list[CampaignRow] = Field(description="Each unit, day and campaign in which there was a call")


_CAMPAIGN_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The figures",
        "headers": _FORMS[200]["headers"],
        "content": {CSV: {"schema": {"type": "string"}, "example": ",".join(CAMPAIGN_COLUMNS) + "\n"}},
    }
}


@router.get("/campaign", response_model=CampaignAnswer, responses=problems(403, 404, 504) | _CAMPAIGN_FORMS)
def campaign(
    request: Request,
    truyvet: App,
    position: ViewsPosition,
    unit: UnitCode,
    start: Annotated[Day, Query(alias="from", description="The first day, local")],
    end: Annotated[Day, Query(alias="to", description="The last day; 366 at most")],
) -> Response:
    """What the call centre did: calls to contacts and to returnees, calls that came in, who was passed on to the CDC.

    By residence of the people and by day; docs/campaign.md says how each figure is counted.
    """
    report = truyvet.campaign.report(unit, start, end, position)
    headers = {POSITION_HEADER: str(position), "Vary": "Accept"}
    if accepted(request, (JSON, CSV)) == CSV:
        return Response("".join(campaign_csv_lines(report)), media_type=CSV, headers=headers)
    return JSONResponse(campaign_content(report), headers=headers)


class SitesRow(Answer):
    """Sites that are not closed; one is connected when one of its cameras is."""

    code: str
    name: str
    sites: int
    sites_connected: int
    cameras_registered: int
    cameras_connected: int
    capacity: int


class SitesAnswer(Answer):
    unit: UnitAnswer
    position: int = Field(description="What the report is as of; as of it, it can be made again identically")
    total: SitesRow = Field(description="Always the sum of the rows; of a commune, itself")
    rows: list[SitesRow] = Field(description="A row for each unit below")


_SITES_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The report",
        "headers": _FORMS[200]["headers"],
        "content": {CSV: {"schema": {"type": "string"}, "example": ",".join(SITE_COLUMNS) + "\n"}},
    }
}


@router.get("/sites", response_model=SitesAnswer, responses=problems(403, 404, 504) | _SITES_FORMS)
def sites(request: Request, truyvet: App, position: ViewsPosition, unit: UnitCode) -> Response:
    """The quarantine sites of a unit and of those below it, and their cameras."""
    report = truyvet.site_reports.report(unit, position)
    headers = {POSITION_HEADER: str(position), "Vary": "Accept"}
    if accepted(request, (JSON, CSV)) == CSV:
        return Response("".join(site_csv_lines(report)), media_type=CSV, headers=headers)
    return JSONResponse(sites_content(report), headers=headers)
