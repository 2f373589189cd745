"""What callers say and ask, in Vietnamese and in English, side by side."""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Query

from api.http.problems import problems
from api.http.words import Answer
from api.reports.words import Language, Said
from domain.triage import SYMPTOMS

router = APIRouter(prefix="/v1/call-script", tags=["calls"])

OPENING: Final = Said(
    "Xin chào, tôi gọi từ tổng đài phòng, chống dịch COVID-19 của tỉnh. Tôi xin phép hỏi thăm sức khỏe của ông/bà trong"
    " vài phút.",
    "Hello, I am calling from the COVID-19 call centre of the province. May I ask about your health for a few minutes?",
)

CLOSING: Final = Said(
    "Cảm ơn ông/bà. Đề nghị ông/bà hạn chế tiếp xúc, thực hiện 5K và gọi lại cho chúng tôi ngay khi có triệu chứng.",
    "Thank you. Please keep away from others, follow the 5K rules, and call us at once when you feel any symptom.",
)

CLOSING_ABNORMAL: Final = Said(
    "Cảm ơn ông/bà. Đề nghị ông/bà ở yên tại chỗ, đeo khẩu trang và không tiếp xúc với người khác. Trung tâm Kiểm soát"
    " bệnh tật sẽ liên hệ với ông/bà trong thời gian sớm nhất. Nếu khó thở, hãy gọi ngay 115.",
    "Thank you. Please stay where you are, wear a mask and keep away from others. The Center for Disease Control will"
    " contact you as soon as possible. If you are short of breath, call 115 at once.",
)


class Question(NamedTuple):
    """``field`` is where the answer goes: in ``answers`` of an attempt at a call, or in the declaration."""

    field: str
    answer: str
    asks: Said


QUESTIONS: Final = (
    Question("symptoms", "choices", Said(
        "Trong 14 ngày qua, ông/bà có triệu chứng nào sau đây không?",
        "In the last 14 days, have you had any of the following symptoms?",
    )),
    Question("household", "number", Said(
        "Có bao nhiêu người đang sống cùng nhà với ông/bà, kể cả ông/bà?",
        "How many people live in your household, including you?",
    )),
    Question("address", "text", Said(
        "Hiện nay ông/bà đang ở địa chỉ nào (số nhà, đường, thôn, tổ dân phố)?",
        "At which address are you staying now (house number, street, hamlet, neighbourhood)?",
    )),
    Question("commune", "unit", Said(
        "Địa chỉ đó thuộc xã, phường hay thị trấn nào, quận hoặc huyện nào?",
        "In which commune, ward or town is that, and in which district?",
    )),
)  # fmt: skip

CHOICES: Final[Mapping[str, Said]] = {
    "fever": Said("Sốt", "Fever"),
    "cough": Said("Ho", "Cough"),
    "breathlessness": Said("Khó thở", "Shortness of breath"),
    "sore_throat": Said("Đau họng", "Sore throat"),
    "runny_nose": Said("Chảy nước mũi, nghẹt mũi", "Runny or blocked nose"),
    "loss_of_smell_or_taste": Said("Mất khứu giác hoặc vị giác", "Loss of smell or taste"),
    "fatigue": Said("Mệt mỏi", "Fatigue"),
    "muscle_pain": Said("Đau cơ", "Muscle pain"),
    "headache": Said("Đau đầu", "Headache"),
    "diarrhoea": Said("Tiêu chảy", "Diarrhoea"),
    "nausea": Said("Buồn nôn hoặc nôn", "Nausea or vomiting"),
    "chest_pain": Said("Đau ngực", "Chest pain"),
    "other": Said("Triệu chứng khác", "Another symptom"),
}
"""How the symptoms are called."""


class ChoiceAnswer(Answer):
    value: str
    says: str


class QuestionAnswer(Answer):
    """`answer`: `choices` (any number of the values), `number`, `text`, `unit` (the official code of a commune)."""

    field: str
    answer: str
    asks: str
    choices: list[ChoiceAnswer]


class ScriptAnswer(Answer):
    """`closing_abnormal` is said to somebody who named any symptom."""

    lang: Language
    opening: str
    questions: list[QuestionAnswer]
    closing: str
    closing_abnormal: str


@router.get("", responses=problems())
def call_script(
    lang: Annotated[Language, Query(description="Vietnamese or English")] = Language.vi,
) -> ScriptAnswer:
    """What a caller says; each `field` is where the answer goes: in `answers` of an attempt, or in a declaration."""
    return ScriptAnswer(
        lang=lang,
        opening=_in(lang, OPENING),
        questions=[
            QuestionAnswer(
                field=question.field,
                answer=question.answer,
                asks=_in(lang, question.asks),
                choices=_symptoms(lang) if question.answer == "choices" else [],
            )
            for question in QUESTIONS
        ],
        closing=_in(lang, CLOSING),
        closing_abnormal=_in(lang, CLOSING_ABNORMAL),
    )


def _symptoms(lang: Language) -> list[ChoiceAnswer]:
    return [ChoiceAnswer(value=symptom, says=_in(lang, CHOICES[symptom])) for symptom in SYMPTOMS]


def _in(lang: Language, said: Said) -> str:
    return str(getattr(said, lang))
