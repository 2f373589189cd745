"""The answers that people give to the questions of the call script, on the phone and in a declaration."""

from typing import Annotated, Any, Final

from pydantic import Field

from api.http.words import Body, Commune, Whole
from domain.triage import LARGEST_HOUSEHOLD, LONGEST_ADDRESS, SYMPTOMS, Answers

_SYMPTOM: Final[dict[str, Any]] = {"enum": list(SYMPTOMS)}

Symptom = Annotated[str, Field(pattern=f"^({'|'.join(SYMPTOMS)})$", json_schema_extra=_SYMPTOM)]


class Answered(Body):
    """Any symptom makes it abnormal: it is passed on to the CDC."""

    symptoms: list[Symptom] = Field([], max_length=len(SYMPTOMS), description="None when left out")
    household: Annotated[int, Field(ge=1, le=LARGEST_HOUSEHOLD), Whole] | None = Field(
        None, description="How many people live there"
    )
    address: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=LONGEST_ADDRESS)] | None = None
    commune: Commune | None = Field(None, description="Where the person lives, the official code; recorded as that")

    @property
    def answers(self) -> Answers:
        return Answers(tuple(self.symptoms), self.household, self.address, self.commune)
