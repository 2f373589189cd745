"""What-if traces: any person, any window; nothing is recorded."""

from fastapi import APIRouter, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.http.contacts import CONTACT_COLUMNS, CONTACT_EXAMPLE, ContactAnswer, contact_rows
from api.http.given import App
from api.http.lists import List, Page, WaitFor, list_responses, pinned
from api.http.problems import problems
from api.http.words import AsOf, Body, Certainty, Instant, Levels, MinMinutes, PersonName

router = APIRouter(prefix="/v1/traces", tags=["traces"])


class TraceQuestion(Body):
    person: PersonName
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    until: Instant | None = Field(None, description="The horizon; unbounded when left out")
    levels: Levels = 2
    min_minutes: MinMinutes = 15
    certainty: Certainty | None = None
    evidence: bool = False
    as_of: AsOf | None = None


@router.post("", response_model=Page[ContactAnswer],
             responses=problems(400, 403, 413, 415, 504)
             | list_responses(CONTACT_EXAMPLE, CONTACT_COLUMNS))  # fmt: skip
async def trace(question: TraceQuestion, truyvet: App, listing: List, wait_for: WaitFor = None) -> Response:
    """Who would be F1, F2, … of this person. An unknown person has no contacts."""
    position = await pinned(truyvet, wait_for, question.as_of, listing.cursor)
    found = await run_in_threadpool(
        truyvet.contacts.trace, question.person, question.start, question.end, until=question.until,
        levels=question.levels, min_minutes=question.min_minutes, as_of=position, evidence=question.evidence,
    )  # fmt: skip
    rows = contact_rows(found, certainty=question.certainty, evidence=question.evidence)
    return await run_in_threadpool(listing.answer, position, rows)
