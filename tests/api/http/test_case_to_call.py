"""A story, from a confirmed case to the calls, while facts keep arriving late.

At each step the exposures that stand are what a trace from scratch finds at that position, and nobody is to be called
who is not among them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.times import LOCAL
from infrastructure.rebuilding import rebuild
from tests.api.http.asking import Api, bearer

DAY = (datetime.now(LOCAL) - timedelta(days=2)).date()
"""The day before yesterday: who was exposed then can still fall ill."""


def at(time: str) -> str:
    return f"{DAY}T{time}:00+07:00"


class Story:
    def __init__(self, api: Api) -> None:
        self.api = api
        self.case = ""
        self.visits: dict[str, str] = {}

    def visit(self, text: str) -> None:
        """``"ann cafe 09:00-11:00"``, ``"bob cafe 09:30-?"``."""
        person, venue, times = text.split()
        start, end = times.split("-")
        answer = self.api.post("check-ins", {"person": f"ref:{person}", "venue": venue, "at": at(start)})
        assert answer.status_code == 201, answer.text
        self.visits[f"{person} {venue} {start}"] = answer.json()["visit_id"]
        if end != "?":
            self.leave(f"{person} {venue} {start}", end)

    def leave(self, visit: str, time: str) -> None:
        answer = self.api.post(f"visits/{self.visits[visit]}/check-out", {"at": at(time)})
        assert answer.status_code == 200, answer.text

    def contacts(self) -> dict[str, int]:
        """Who is in the list, and at which level; the exposures say just the same."""
        self.api.truyvet.policies.catch_up()
        traced = {c["person"]: c for c in self.api.items(f"cases/{self.case}/contacts", evidence="true")}
        standing: dict[str, dict[str, Any]] = {}
        for change in self.api.items(f"cases/{self.case}/history", limit=1000):
            standing.pop(change["person"], None)
            if change["change"] != "withdrawn":
                standing[change["person"]] = change["after"]
        assert standing.keys() == traced.keys()
        for person, exposure in standing.items():
            for field in ("level", "exposed_at", "encounters", "contact_seconds", "certainty"):
                assert exposure[field] == traced[person][field]
            met = traced[person]["evidence"]
            assert {v for m in met for v in (*m["infector_visits"], *m["contact_visits"])} == set(exposure["visits"])
        assert self.due().keys() <= traced.keys()
        return {person: contact["level"] for person, contact in traced.items()}

    def due(self) -> dict[str, dict[str, Any]]:
        return {call["person"]: call for call in self.api.items("call-list", limit=1000)}

    def last_changes(self, count: int) -> set[tuple[str, str]]:
        changes = self.api.items(f"cases/{self.case}/history", limit=1000)[-count:]
        return {(change["change"], change["person"]) for change in changes}

    def attempt(self, call: dict[str, Any], outcome: str, dialler: Api, **more: Any) -> dict[str, Any]:
        answer = dialler.post(f"calls/{call['call_id']}/attempts", {"outcome": outcome} | more)
        assert answer.status_code == 201, answer.text
        self.api.truyvet.policies.catch_up()
        return dict(answer.json())


@pytest.fixture
def story(api: Api) -> Story:
    """Ann came to the market, where nobody saw her leave, and to the cafe; Bob, whom she met there, met Dan."""
    story = Story(api)
    for code in ("market", "cafe", "gym", "shop"):
        api.venue(code)
    for text in (
        "ann market 06:00-?", "eve market 07:30-08:30", "fay market 08:00-09:00", "gus market 08:00-08:45",
        "ann cafe 10:00-12:00", "bob cafe 10:30-11:30", "cat cafe 11:00-?",
        "bob gym 15:00-17:00", "dan gym 16:00-17:00",
    ):  # fmt: skip
        story.visit(text)
    story.case = api.case("ann", onset=str(DAY))["case_id"]
    return story


def test_from_a_case_to_the_calls(story: Story, api: Api) -> None:
    assert story.contacts() == {"ref:bob": 1, "ref:cat": 1, "ref:dan": 2}
    assert story.due().keys() == {"ref:bob", "ref:cat", "ref:dan"}
    assert [call["level"] for call in story.due().values()] == [1, 1, 2], "the most urgent first"

    diallers = [api.as_("caller"), api.as_("caller")]
    held = _at_once([lambda d=d: d.post("calls/claim", {"limit": 2, "lease_seconds": 600}).json() for d in diallers])
    calls = {
        call["person"]: (call, dialler) for one, dialler in zip(held, diallers, strict=True) for call in one["items"]
    }
    assert sorted(len(one["items"]) for one in held) == [1, 2]
    assert calls.keys() == {"ref:bob", "ref:cat", "ref:dan"}, "nobody twice, nobody left out"

    bob, dialler = calls["ref:bob"]
    reached = story.attempt(bob, "reached", dialler, answers={"symptoms": [], "household": 3})
    assert reached["status"] == "open", "to be asked again tomorrow"
    cat, dialler = calls["ref:cat"]
    again = story.attempt(cat, "no_answer", dialler)
    assert again["due_at"] is not None
    dan, dialler = calls["ref:dan"]
    called = story.attempt(dan, "reached", dialler)
    assert (called["abnormal"], story.due()) == (False, {})

    story.leave("ann market 06:00", "08:30")
    story.leave("cat cafe 11:00", "11:05")
    assert story.contacts() == {"ref:bob": 1, "ref:eve": 1, "ref:fay": 1, "ref:gus": 1, "ref:dan": 2}
    assert story.last_changes(4) == {
        ("added", "ref:eve"), ("added", "ref:fay"), ("added", "ref:gus"), ("withdrawn", "ref:cat"),
    }  # fmt: skip
    assert story.due().keys() == {"ref:eve", "ref:fay", "ref:gus"}
    assert api.get(f"calls/{cat['call_id']}").json()["status"] == "withdrawn"

    quarantine = api.post("quarantines", {"person": "ref:bob", "from": at("14:00"), "case": story.case}).json()
    assert quarantine["until"] is not None, "as long as the rules say"
    assert story.contacts() == {"ref:bob": 1, "ref:eve": 1, "ref:fay": 1, "ref:gus": 1}
    assert story.last_changes(1) == {("withdrawn", "ref:dan")}
    assert api.get(f"calls/{dan['call_id']}").json()["status"] == "withdrawn"

    now = datetime.now(LOCAL).isoformat(timespec="seconds")
    shopping = api.post("check-ins", {"person": "ref:bob", "venue": "shop", "at": now}).json()
    story.contacts()
    (alert,) = api.items("alerts")
    assert (alert["quarantine_id"], alert["person"]) == (quarantine["quarantine_id"], "ref:bob")
    assert alert["visit_id"] == shopping["visit_id"]

    claimed = diallers[0].post("calls/claim", {"limit": 1, "lease_seconds": 60}).json()["items"]
    ill = story.attempt(claimed[0], "reached", diallers[0], answers={"symptoms": ["fever"]})
    assert ill["abnormal"] is True
    cdc = api.as_("epidemiologist")
    (escalation,) = cdc.items("escalations")
    assert escalation["person"] == claimed[0]["person"]
    assert cdc.post(f"escalations/{escalation['escalation_id']}/acknowledgement", {}).status_code == 200

    new_case = api.case(claimed[0]["person"].removeprefix("ref:"), onset=str(DAY))
    story.contacts()
    linked = api.get(f"calls/{claimed[0]['call_id']}").json()
    assert linked["status"] == "case"
    assert api.items(f"cases/{new_case['case_id']}/history") != [], "the new case starts its own trace"

    for case in (new_case["case_id"], story.case):
        api.post(f"cases/{case}/withdrawal", {"reason": "another person's sample"})
    assert story.contacts() == {}
    assert story.due() == {}


def test_a_rebuild_of_the_views_repeats_no_call_and_no_alert(story: Story, api: Api) -> None:
    story.contacts()
    api.post("quarantines", {"person": "ref:bob", "from": at("14:00"), "until": None})
    now = datetime.now(LOCAL).isoformat(timespec="seconds")
    api.post("check-ins", {"person": "ref:bob", "venue": "shop", "at": now})
    story.contacts()
    head, due, alerts, outbox = api.truyvet.log.head(), story.due(), api.items("alerts"), api.items("outbox")
    rebuild(api.truyvet.vault, api.truyvet.registers, api.truyvet.graph)
    api.truyvet.policies.catch_up()
    assert api.truyvet.log.head() == head
    assert (story.due().keys(), api.items("alerts"), api.items("outbox")) == (due.keys(), alerts, outbox)


def _at_once(questions: list[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(questions)) as threads:
        return [future.result() for future in [threads.submit(question) for question in questions]]


def test_the_call_list_waits_for_what_comes_of_a_case(story: Story, api: Api) -> None:
    """``wait_for`` the confirmation: its exposures, and the calls that come of those."""
    api.truyvet.registers.start()
    api.truyvet.policies.start()
    case = api.case("bob", onset=str(DAY))
    listed = api.client.get(
        "/v1/call-list", params={"wait_for": case["position"]}, headers=bearer(api.key)
    ).json()["items"]  # fmt: skip
    assert {call["person"] for call in listed} >= {"ref:cat", "ref:dan"}
    assert "ref:bob" not in {call["person"] for call in listed}, "a case is not called as a contact"
