"""The quality of what is recorded at a venue."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.http.access import Who
from api.http.given import App
from api.http.lists import ViewPosition
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, PathId, QueryInstant
from application.quality import quality_row

router = APIRouter(prefix="/v1/venues", tags=["venues"])


class FlagAnswer(Answer):
    """`count` of the visits, `share` of all in the window, `examples` the first of them by check-in."""

    name: str = Field(examples=["long_stays"])
    says: str = Field(examples=["Lượt quét ra cách lượt quét vào hơn 12 giờ."])
    count: int
    share: float
    examples: list[str] = Field(examples=[["pccovid:8841"]])


class QualityAnswer(Answer):
    """Of the visits that began in `[from, to)`; without flags when all is well."""

    venue_id: UUID
    start: str = Field(alias="from")
    end: str = Field(alias="to")
    visits: int
    check_out_rate: float | None
    flags: list[FlagAnswer]
    position: AnswerPosition


@router.get("/{venue_id}/quality", responses=problems(404, 504))
def quality(
    venue_id: PathId,
    truyvet: App,
    who: Who,
    position: ViewPosition,
    start: Annotated[QueryInstant | None, Query(alias="from", description="28 days before `to` when left out")] = None,
    end: Annotated[
        QueryInstant | None, Query(alias="to", description="The end of the day of the last visit when left out")
    ] = None,
    lang: Annotated[Literal["vi", "en"], Query(description="Vietnamese or English")] = "vi",
) -> QualityAnswer:
    """What looks wrong in the visits of a venue: flagged, never dropped; no trace answers differently for it.

    Managers do not see the flags that tell of other venues.
    """
    found = truyvet.quality.of_venue(venue_id, start, end, as_of=position)
    if not who.sees_person_ids:
        found = replace(found, flags=truyvet.visibility.flags(found.flags))
    return QualityAnswer.model_validate(quality_row(found, lang))
