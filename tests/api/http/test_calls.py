"""Calls over HTTP: listed, claimed, attempted, returned; and the story from a case to a closed call."""

from typing import Any
from uuid import uuid4

import pytest

from api.http.lists import read_cursor
from application.callers import actor_of
from domain.times import to_text
from tests.api.http.asking import Api
from tests.calling import DAY, HOUR, MINUTE, Traced

PHONE = "phone:+84900000123"


@pytest.fixture
def traced(api: Api) -> Traced:
    """Ann and bob are F1, cat an F2 with a phone; the clock stands."""
    traced = Traced(api.truyvet)
    traced.person("cat")
    api.truyvet.people.identify("ref:cat", PHONE)
    traced.contacts(traced.case("f0"), "ann 1", "bob 1?", "cat 2")
    traced.react()
    return traced


@pytest.fixture
def caller(api: Api) -> Api:
    return api.as_("caller")


def people(items: list[dict[str, Any]]) -> list[str]:
    return [item["person"].removeprefix("ref:") for item in items]


def claimed(caller: Api, **more: Any) -> list[dict[str, Any]]:
    answer = caller.post("calls/claim", {"limit": 10, "lease_seconds": 600} | more)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def attempted(caller: Api, call_id: str, outcome: str = "reached", **more: Any) -> dict[str, Any]:
    answer = caller.post(f"calls/{call_id}/attempts", {"outcome": outcome} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


class TestTheCallList:
    def test_has_each_person_once_the_most_urgent_first(self, api: Api, traced: Traced) -> None:
        items = api.items("call-list")
        assert people(items) == ["ann", "bob", "cat"]
        assert [item["priority"] for item in items] == [1413, 1313, 813]
        for item in items:
            assert item["priority"] == sum(item["priority_parts"].values())
        assert items[0]["call_id"] == str(traced.call_id("ann"))
        assert {name: items[2][name] for name in ("level", "campaign", "purpose", "certainty", "attempts")} == {
            "level": 2, "campaign": "contacts", "purpose": "first_call", "certainty": "certain", "attempts": 0,
        }  # fmt: skip
        assert (items[0]["due_at"], items[0]["held_until"]) == ("2021-09-01T03:00:00Z", None)

    def test_tells_the_phone_to_those_who_may_call(self, api: Api, traced: Traced) -> None:
        for role, phone in (("caller", PHONE[6:]), ("epidemiologist", PHONE[6:]), ("auditor", None)):
            cat = api.as_(role).items("call-list", level=2)[0]
            assert cat["phone"] == phone
            assert cat["person"] == (f"id:{cat['person_id']}" if phone is None else "ref:cat")
        assert api.as_("gateway").get("call-list").status_code == 403

    def test_is_narrowed_by_campaign_level_and_residence(self, api: Api, caller: Api, traced: Traced) -> None:
        ann = str(traced.call_id("ann"))
        attempted(caller, ann, "call_back", answers={"commune": "14995"})
        traced.at(traced.now + HOUR)
        assert people(api.items("call-list", unit="14995")) == ["ann"]
        assert people(api.items("call-list", unit="00001")) == []
        assert people(api.items("call-list", level=2)) == ["cat"]
        assert api.items("call-list", campaign="returnees") == []
        assert api.get("call-list", unit="99999").status_code == 404

    def test_comes_in_pages_whose_order_does_not_shift(self, api: Api, caller: Api, traced: Traced) -> None:
        first = api.get("call-list", limit=1).json()
        traced.at(traced.now + 9 * DAY)
        attempted(caller, str(traced.call_id("ann")), "no_answer")
        second = api.get("call-list", limit=1, cursor=first["next"]).json()
        last = api.get("call-list", limit=1, cursor=second["next"]).json()
        assert people(first["items"] + second["items"] + last["items"]) == ["ann", "bob", "cat"]
        assert [page["items"][0]["priority"] for page in (first, second, last)] == [1413, 1313, 813]
        assert last["next"] is None

    def test_comes_whole_as_csv_and_ndjson(self, api: Api, traced: Traced) -> None:
        lines = api.get("call-list", accept="text/csv", limit=1).text.splitlines()
        assert lines[0].startswith("call_id,person,person_id,phone,campaign,level,cases,")
        assert [line.split(",")[1] for line in lines[1:]] == ["ref:ann", "ref:bob", "ref:cat"]
        assert len(api.get("call-list", accept="application/x-ndjson").text.splitlines()) == 3

    def test_is_what_it_was_as_of_a_position(self, api: Api, caller: Api, traced: Traced) -> None:
        api.truyvet.calls.now = lambda: _now(api)  # type: ignore[method-assign] # that of the log
        before = api.get("call-list").json()
        position = before["position"]
        claimed(caller)
        attempted(caller, before["items"][0]["call_id"])
        assert len(api.items("call-list")) == 2
        then = api.get("call-list", as_of=position).json()
        assert people(then["items"]) == ["ann", "bob", "cat"]
        assert then["position"] == position
        page = api.get("call-list", as_of=position, limit=2).json()
        rest = api.get("call-list", as_of=position, limit=2, cursor=page["next"]).json()
        assert page["items"] + rest["items"] == then["items"]
        assert people(api.items("call-list", as_of=to_text(traced.now - DAY))) == []
        assert api.items("call-list", as_of=0) == []

    @pytest.mark.parametrize("key", ["x", "1:2", "1:2:zz", "99999999999:1:" + "0" * 32, "1:2:" + "g" * 32])
    def test_refuses_a_cursor_that_is_none(self, api: Api, traced: Traced, key: str) -> None:
        cursor = read_cursor(api.get("call-list", limit=1).json()["next"])
        forged = cursor.model_copy(update={"key": key}).text()
        assert api.get("call-list", limit=1, cursor=forged).status_code == 422


class TestClaiming:
    def test_holds_calls_for_one_dialler(self, api: Api, caller: Api, traced: Traced) -> None:
        items = claimed(caller, limit=2)
        assert people(items) == ["ann", "bob"]
        assert {item["held_until"] for item in items} == {to_text(traced.now + 600)}
        assert people(claimed(api.as_("caller"))) == ["cat"]
        assert claimed(caller) == []
        assert [item["held_until"] is None for item in api.items("call-list")] == [False] * 3

    def test_a_lapsed_lease_returns_them(self, api: Api, caller: Api, traced: Traced) -> None:
        claimed(caller, lease_seconds=60)
        traced.at(traced.now + 60)
        assert [item["held_until"] for item in api.items("call-list")] == [None] * 3
        assert len(claimed(api.as_("caller"))) == 3

    def test_the_same_request_again_gives_the_same_calls(self, caller: Api, traced: Traced) -> None:
        once = {"Idempotency-Key": "batch 1"}
        first = caller.post("calls/claim", {"limit": 2}, headers=once).json()
        attempted(caller, first["items"][0]["call_id"])
        traced.at(traced.now + HOUR)
        assert caller.post("calls/claim", {"limit": 2}, headers=once).json() == first
        assert caller.post("calls/claim", {"limit": 3}, headers=once).status_code == 409

    def test_of_nothing_is_answered_and_stays_so(self, api: Api, caller: Api) -> None:
        once = {"Idempotency-Key": "batch 1"}
        empty = caller.post("calls/claim", {}, headers=once).json()
        assert (empty["items"], empty["position"]) == ([], api.truyvet.log.head())
        assert caller.post("calls/claim", {}, headers=once).json() == empty

    def test_is_narrowed_by_campaign_level_and_residence(self, caller: Api, traced: Traced) -> None:
        assert claimed(caller, campaign="returnees") == []
        assert claimed(caller, unit="387") == []
        assert caller.post("calls/claim", {"unit": "999"}).status_code == 404
        assert people(claimed(caller, level=2)) == ["cat"]

    def test_is_for_callers(self, api: Api) -> None:
        for role in ("epidemiologist", "auditor", "gateway"):
            assert api.as_(role).post("calls/claim", {}).status_code == 403


class TestAttempts:
    def test_say_what_follows(self, caller: Api, traced: Traced) -> None:
        ann = claimed(caller)[0]["call_id"]
        assert attempted(caller, ann, "no_answer") | {"attempt_id": "", "position": 0} == {
            "call_id": ann, "attempt_id": "", "outcome": "no_answer", "at": to_text(traced.now),
            "by": actor_of(caller.key.id), "direction": "outbound", "call_back_at": None, "abnormal": False,
            "escalation_id": None, "status": "open", "due_at": to_text(traced.now + 30 * MINUTE), "position": 0,
        }  # fmt: skip
        assert attempted(caller, ann)["due_at"] == "2021-09-02T01:00:00Z"

    def test_are_known_again_by_id_by_lease_and_by_idempotency_key(self, api: Api, caller: Api, traced: Traced) -> None:
        ann, bob, cat = (item["call_id"] for item in claimed(caller))
        named = attempted(caller, ann, attempt_id="d:1")
        assert attempted(caller, ann, attempt_id="d:1") == named
        plain = attempted(caller, bob, "no_answer")
        assert attempted(caller, bob, "no_answer") == plain
        once = {"Idempotency-Key": "d:2"}
        keyed = [caller.post(f"calls/{cat}/attempts", {"outcome": "busy"}, headers=once).json() for _ in range(2)]
        assert keyed[0] == keyed[1]
        for call in (ann, bob, cat):
            assert len(api.get(f"calls/{call}").json()["history"]) == 1
        answer = caller.post(f"calls/{ann}/attempts", {"outcome": "busy", "attempt_id": "d:1"})
        assert answer.status_code == 409

    def test_by_another_dialler_are_refused_while_it_is_held(self, api: Api, caller: Api, traced: Traced) -> None:
        ann = claimed(caller)[0]["call_id"]
        assert api.as_("caller").post(f"calls/{ann}/attempts", {"outcome": "reached"}).status_code == 409

    def test_with_symptoms_are_in_the_queue_of_the_cdc(self, api: Api, caller: Api, traced: Traced) -> None:
        ann = claimed(caller)[0]["call_id"]
        made = attempted(caller, ann, answers={"symptoms": ["fever"], "household": 4, "commune": "14995"})
        (raised,) = api.items("escalations")
        assert (made["abnormal"], made["escalation_id"]) == (True, raised["escalation_id"])
        assert (raised["person"], raised["reason"], raised["origin_id"]) == ("ref:ann", "symptoms", ann)
        acknowledged = api.post(f"escalations/{raised['escalation_id']}/acknowledgement", {})
        assert acknowledged.status_code == 200

    def test_are_shown_with_the_call_and_what_was_said_to_those_who_may_know(
        self, api: Api, caller: Api, traced: Traced
    ) -> None:
        ann = claimed(caller)[0]["call_id"]
        attempted(caller, ann, notes="NGUYEN VAN A opens", answers={"symptoms": ["cough"], "address": "12 Lê Lợi"})
        told = caller.get(f"calls/{ann}").json()
        assert (told["status"], told["purpose"], told["attempts"]) == ("open", "follow_up", 1)
        assert [reason["level"] for reason in told["reasons"]] == [1]
        (made,) = told["history"]
        assert (made["notes"], made["answers"]["symptoms"], made["answers"]["address"]) == (
            "NGUYEN VAN A opens", ["cough"], "12 Lê Lợi",
        )  # fmt: skip
        auditor = api.as_("auditor").get(f"calls/{ann}")
        assert (auditor.json()["history"][0]["notes"], auditor.json()["history"][0]["answers"]) == (None, None)
        assert "NGUYEN" not in auditor.text
        assert "Lợi" not in auditor.text

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"outcome": "gone"}, {"outcome": "reached", "at": "2030-01-01T00:00:00Z"},
            {"outcome": "reached", "call_back_at": "2021-09-02T10:00:00Z"}, {"outcome": "reached", "person": "x"},
            {"outcome": "call_back", "call_back_at": "2021-08-01T10:00:00Z"}, {"outcome": "reached", "notes": ""},
            {"outcome": "reached", "answers": {"symptoms": ["spots"]}}, {"outcome": "reached", "direction": "up"},
            {"outcome": "reached", "answers": {"commune": "99999"}},
        ],
    )  # fmt: skip
    def test_that_make_no_sense_are_refused(self, api: Api, caller: Api, traced: Traced, body: dict[str, Any]) -> None:
        head = api.truyvet.log.head()
        assert caller.post(f"calls/{traced.call_id('ann')}/attempts", body).status_code == 422
        assert api.truyvet.log.head() == head

    def test_at_a_call_that_is_not_there_are_answered_so(self, caller: Api) -> None:
        assert caller.post(f"calls/{uuid4()}/attempts", {"outcome": "reached"}).status_code == 404
        assert caller.get(f"calls/{uuid4()}").status_code == 404
        assert caller.post(f"calls/{uuid4()}/return").status_code == 404


class TestReturning:
    def test_lets_others_have_it(self, api: Api, caller: Api, traced: Traced) -> None:
        ann = claimed(caller)[0]["call_id"]
        other = api.as_("caller")
        assert other.post(f"calls/{ann}/return").status_code == 409
        first = caller.post(f"calls/{ann}/return")
        assert (first.status_code, first.json()["call_id"]) == (200, ann)
        assert caller.post(f"calls/{ann}/return").json() == first.json()
        api.truyvet.registers.catch_up()
        assert [item["call_id"] for item in claimed(other)] == [ann]


def test_from_a_case_to_a_closed_call(api: Api, caller: Api) -> None:
    """A check-out that arrives late takes one call back, the withdrawal of the case the other."""
    api.venue("cafe")
    api.visit("ann", "cafe", "09:00", "11:00")
    api.visit("bob", "cafe", "09:30", "10:30")
    late = api.visit("cat", "cafe", "10:30")
    case = api.case("ann")
    api.truyvet.policies.catch_up()
    assert sorted(people(api.items("call-list"))) == ["bob", "cat"]
    api.post(f"visits/{late}/check-out", {"at": "2021-08-30T10:35:00+07:00"})
    api.truyvet.policies.catch_up()
    assert people(api.items("call-list")) == ["bob"]
    (bob,) = claimed(caller)
    assert api.post(f"cases/{case['case_id']}/withdrawal", {"reason": "false positive"}).status_code == 200
    api.truyvet.policies.catch_up()
    assert api.items("call-list") == []
    assert attempted(caller, bob["call_id"])["status"] == "withdrawn"


def _now(api: Api) -> int:
    return int(api.truyvet.log.recorded_at(api.truyvet.log.head()).timestamp())
