"""The worked examples of semantics.md: every case, and every step as of every earlier one, on every implementation."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from domain.contacts import Contact, Question
from domain.times import parse_instant, to_text
from tests.outbreak import Outbreak, by_name, by_uuid
from tests.tracing_paths import tracing_path  # noqa: F401 # a fixture

pytestmark = pytest.mark.usefixtures("tracing_path")

CASES = Path(__file__).parent / "cases"


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def question(query: dict[str, Any]) -> Question:
    start, end, until = (instant(query[name]) for name in ("from", "to", "until"))
    assert start is not None
    return Question(query["person"], start, end, until, query["levels"], query["min_minutes"] * 60)


def instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)


def rows(contacts: Iterable[Contact]) -> list[dict[str, Any]]:
    """As the cases write them: by level and person."""
    return [
        {
            "person": contact.person,
            "level": contact.level,
            "exposed_at": to_text(contact.exposed_at),
            "encounters": contact.encounters,
            "contact_seconds": contact.contact_seconds,
            "via": list(contact.via),
            "certainty": "certain" if contact.certain else "possible",
        }
        for contact in sorted(contacts, key=lambda contact: (contact.level, contact.person))
    ]


def records(case: dict[str, Any]) -> Outbreak:
    outbreak = Outbreak(default_stay=case["default_stay_minutes"])
    for visit in case["visits"]:
        outbreak.check_in(
            visit["person"], visit["venue"], parse_instant(visit["check_in"]), instant(visit["check_out"])
        )
    for quarantine in case["quarantines"]:
        outbreak.assign(quarantine["person"], parse_instant(quarantine["from"]), instant(quarantine["until"]))
    return outbreak


def record(outbreak: Outbreak, step: dict[str, Any], visits: dict[str, int]) -> None:
    match step["fact"]:
        case "visit":
            times = parse_instant(step["check_in"]), instant(step["check_out"])
            visits[step["visit"]] = outbreak.check_in(step["person"], step["venue"], *times)
        case "check_out":
            outbreak.check_out(visits[step["visit"]], parse_instant(step["at"]))
        case "correction":
            old = outbreak.known.visits[visits[step["visit"]]]
            start = parse_instant(step["check_in"]) if "check_in" in step else old.check_in
            end = instant(step["check_out"]) if "check_out" in step else old.check_out
            outbreak.correct_to(visits[step["visit"]], start, end)
        case "retraction":
            outbreak.retract(visits[step["visit"]])
        case "quarantine":
            times = parse_instant(step["from"]), instant(step["until"])
            outbreak.assign(step["person"], *times, quarantine=step["quarantine"])
        case "release":
            outbreak.release(step["quarantine"], parse_instant(step["at"]))
        case "default_stay":
            outbreak.stay(step["venue"], step["minutes"])
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_a_case_has_its_expected_contacts(path: Path) -> None:
    case = load(path)
    asked = question(case["query"])
    outbreak = records(case)

    assert rows(outbreak.known.trace(asked).contacts) == case["expected"]
    assert rows(by_name(list(outbreak.graph().trace(by_uuid(asked))))) == case["expected"]


@pytest.mark.parametrize("path", sorted(CASES.glob("steps/*.json")), ids=lambda path: path.stem)
def test_each_step_has_its_expected_contacts_then_and_as_of_then(path: Path) -> None:
    case = load(path)
    asked = question(case["query"])
    outbreak, visits = Outbreak(default_stay=case["default_stay_minutes"]), dict[str, int]()
    recorded = []
    for step in case["steps"]:
        record(outbreak, step, visits)
        recorded.append((outbreak.position, step["expected"]))
    at_once, one_by_one = outbreak.graph(), outbreak.graph(*(position for position, _ in recorded))

    for position, expected in recorded:
        assert rows(outbreak.history[position].trace(asked).contacts) == expected
        for graph in (at_once, one_by_one, outbreak.graph(position)):
            assert rows(by_name(list(graph.trace(by_uuid(asked), position)))) == expected


def test_the_examples_are_here() -> None:
    assert len(list(CASES.glob("*.json"))) >= 34
    assert len(list(CASES.glob("steps/*.json"))) >= 14
