"""Reports of a unit: JSON, CSV, or a page for printing."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field, StringConstraints

from api.http.given import App
from api.http.lists import CSV, JSON, POSITION_HEADER, ViewsPosition, accepted
from api.http.problems import problems
from api.http.words import Answer, IsoWeek, WeekEnding
from api.reports.adoption import COLUMNS, csv_lines, page
from api.reports.words import Language
from application.adoption import report_content
from domain.errors import Malformed
from domain.weeks import Week

router = APIRouter(prefix="/v1/reports", tags=["reports"])

HTML: Final = "text/html"
_ONLY_ITSELF: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

UnitCode = Annotated[
    str,
    StringConstraints(pattern="^(VN|[0-9]{2}|[0-9]{3}|[0-9]{5})$"),
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
