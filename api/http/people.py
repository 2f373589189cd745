"""People, by their random id only: personal data does not belong in a URL."""

from fastapi import APIRouter, Response

from api.http.given import App
from api.http.lists import List, ListedPosition, Page, list_responses
from api.http.problems import problems
from api.http.visits import VISIT_COLUMNS, VISIT_EXAMPLE, VisitAnswer, visit_rows
from api.http.words import PathPerson

router = APIRouter(prefix="/v1/people", tags=["people"])


@router.get("/{person_id}/visits", response_model=Page[VisitAnswer],
            responses=problems(504) | list_responses(VISIT_EXAMPLE, VISIT_COLUMNS))  # fmt: skip
def visits(person_id: PathPerson, truyvet: App, position: ListedPosition, listing: List) -> Response:
    """Where the person was, by check-in. An unknown person was nowhere."""
    _, found = truyvet.contacts.visits_of_person(f"id:{person_id}", as_of=position)
    return listing.answer(position, visit_rows(found))
