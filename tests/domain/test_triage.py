"""The same rules triage the answers to a call and a declaration: any symptom is abnormal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Malformed
from domain.triage import LARGEST_HOUSEHOLD, LONGEST_ADDRESS, SYMPTOMS, Answers, as_text, from_text, is_abnormal

ADDRESSES = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1)

ANSWERS = st.builds(
    Answers,
    symptoms=st.lists(st.sampled_from(SYMPTOMS)).map(tuple),
    household=st.none() | st.integers(1, LARGEST_HOUSEHOLD),
    address=st.none() | ADDRESSES,
    commune=st.none() | st.just("14995"),
)


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_any_symptom_is_abnormal(symptom: str) -> None:
    assert is_abnormal(Answers((symptom,)))


def test_no_symptom_is_not_abnormal_whatever_else_is_said() -> None:
    assert not is_abnormal(Answers())
    assert not is_abnormal(Answers(household=9, address="12 Lê Lợi", commune="14995"))


@given(ANSWERS)
def test_what_was_said_is_read_again(answers: Answers) -> None:
    again = from_text(as_text(answers))
    assert set(again.symptoms) == set(answers.symptoms)
    assert (again.household, again.address, again.commune) == (answers.household, answers.address, answers.commune)
    assert is_abnormal(again) == is_abnormal(answers)
    assert as_text(again) == as_text(answers)


@given(st.permutations(SYMPTOMS[:4]))
def test_the_same_symptoms_in_another_order_or_twice_say_the_same(symptoms: list[str]) -> None:
    assert as_text(Answers((*symptoms, symptoms[0]))) == as_text(Answers(SYMPTOMS[:4]))


def test_what_was_not_said_is_not_kept() -> None:
    assert json.loads(as_text(Answers())) == {"symptoms": []}


@pytest.mark.parametrize(
    "said",
    [
        {"symptoms": ("sốt",)}, {"symptoms": ("",)}, {"household": 0}, {"household": LARGEST_HOUSEHOLD + 1},
        {"address": ""}, {"address": "a\nb"}, {"address": "a" * (LONGEST_ADDRESS + 1)},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_without_repeating_it(said: dict[str, object]) -> None:
    with pytest.raises(Malformed) as refused:
        Answers(**said)  # type: ignore[arg-type] # of the names above
    assert "sốt" not in str(refused.value)
