"""What-if traces: any person, any window; nothing is recorded."""

from fastapi import APIRouter, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.app import Truyvet
from api.http.contacts import CONTACT_COLUMNS, CONTACT_EXAMPLE, ContactAnswer, contact_rows, is_certain
from api.http.given import App
from api.http.lists import List, Listing, Page, WaitFor, list_responses, pinned
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
    return await run_in_threadpool(_answer, question, truyvet, listing, position)


def _answer(asked: TraceQuestion, truyvet: Truyvet, listing: Listing, position: int) -> Response:
    with truyvet.log.together():
        question = truyvet.contacts.question(
            asked.person, asked.start, asked.end, until=asked.until, levels=asked.levels, min_minutes=asked.min_minutes
        )
        found = truyvet.contacts.listed(
            question, position, certain=is_certain(asked.certainty), evidence=asked.evidence
        )  # fmt: skip
        return listing.answer(position, contact_rows(found, evidence=asked.evidence))
