"""Triage: what people are asked, on the phone and in a declaration, and when the answers are abnormal."""

import json
import re
from dataclasses import dataclass
from typing import Final

from domain.errors import Malformed

SYMPTOMS: Final = (
    "fever", "cough", "breathlessness", "sore_throat", "runny_nose", "loss_of_smell_or_taste", "fatigue", "muscle_pain",
    "headache", "diarrhoea", "nausea", "chest_pain", "other",
)  # fmt: skip
"""Those of the health declarations of 2021, Vietnamese and WHO; the answers to a call name them by these words."""

LARGEST_HOUSEHOLD: Final = 100
LONGEST_ADDRESS: Final = 500
_ADDRESS: Final = re.compile(rf"[^\x00-\x1f\x7f]{{1,{LONGEST_ADDRESS}}}")


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody said: symptoms (none: there are none), how many live in the household, where, in which commune.

    Raises Malformed for a symptom that is not in the list, and for what cannot be.
    """

    symptoms: tuple[str, ...] = ()
    household: int | None = None
    address: str | None = None
    commune: str | None = None

    def __post_init__(self) -> None:
        if not set(self.symptoms) <= set(SYMPTOMS):
            raise Malformed(f"a symptom is one of {', '.join(SYMPTOMS)}")
        if self.household is not None and not 1 <= self.household <= LARGEST_HOUSEHOLD:
            raise Malformed(f"a household has 1 to {LARGEST_HOUSEHOLD} people")
        if self.address is not None and not _ADDRESS.fullmatch(self.address):
            raise Malformed(f"an address has 1 to {LONGEST_ADDRESS} characters, on one line")


def is_abnormal(answers: Answers) -> bool:
    """Any symptom is: whether it is this illness is the CDC's to say."""
    return bool(answers.symptoms)


def as_text(answers: Answers) -> str:
    """JSON, to be sealed. Answers that say the same are the same text."""
    said = {
        "symptoms": [symptom for symptom in SYMPTOMS if symptom in answers.symptoms],
        "household": answers.household,
        "address": answers.address,
        "commune": answers.commune,
    }
    return json.dumps({name: value for name, value in said.items() if value is not None}, ensure_ascii=False)


def from_text(text: str) -> Answers:
    said = json.loads(text)
    return Answers(tuple(said["symptoms"]), said.get("household"), said.get("address"), said.get("commune"))
