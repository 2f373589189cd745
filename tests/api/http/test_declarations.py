"""Declarations and the CDC's queue over HTTP: who may record, who may read, and what is passed on."""

from typing import Any
from uuid import UUID

import pytest

from domain.triage import SYMPTOMS
from tests.api.http.asking import FIRST, Api, at

RETURNEE: dict[str, Any] = {"person": "+84900000123", "kind": "returnee", "channel": "phone"}
ILL = {"symptoms": ["cough", "fever"], "household": 4, "address": "12 Lê Lợi", "commune": "14995"}


@pytest.fixture
def caller(api: Api) -> Api:
    return api.as_("caller")


@pytest.fixture
def cdc(api: Api) -> Api:
    return api.as_("epidemiologist")


@pytest.fixture
def auditor(api: Api) -> Api:
    return api.as_("auditor")


def declared(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post("declarations", RETURNEE | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


class TestDeclaring:
    def test_by_phone_is_recorded_by_whoever_takes_the_call(self, caller: Api) -> None:
        answer = caller.post("declarations", RETURNEE | {"declaration_id": "call:1"})
        assert answer.json() == {
            "declaration_id": "call:1", "abnormal": False, "escalation_id": None,
            "position": caller.truyvet.log.head(),
        }  # fmt: skip
        assert answer.headers["Location"] == "/v1/declarations/call:1"

    def test_by_other_ways_is_not_the_callers_to_record(self, api: Api, caller: Api) -> None:
        gateway = api.as_("gateway")
        for channel in ("app", "web", "paper", "border"):
            assert caller.post("declarations", RETURNEE | {"channel": channel}).status_code == 403
            assert declared(gateway, channel=channel)["abnormal"] is False

    def test_again_gives_the_same_answer_and_another_body_is_refused(self, caller: Api) -> None:
        ill = ILL | {"declaration_id": "call:1"}
        assert declared(caller, **ill) == declared(caller, **ill)
        assert caller.post("declarations", RETURNEE | {"declaration_id": "call:1"}).status_code == 409
        once = {"Idempotency-Key": "8841"}
        first, again = (caller.post("declarations", RETURNEE | ILL, headers=once).json() for _ in range(2))
        assert first == again
        assert caller.post("declarations", RETURNEE, headers=once).status_code == 409
        assert len(caller.truyvet.registers.declarations.page()) == 0
        caller.truyvet.registers.catch_up()
        assert [row.channel for row in caller.truyvet.registers.declarations.page()] == ["phone", "phone"]

    def test_is_read_whole_by_those_who_may_know_the_person(self, caller: Api, cdc: Api, auditor: Api) -> None:
        arrival = {"at": at("10:00"), "arrived_at": at("08:00"), "came_from": "Bình Dương", "notes": "đi xe máy"}
        made = declared(caller, declaration_id="call:1", **arrival, **ILL)
        read = cdc.get("declarations/call:1").json()
        assert read == {
            "declaration_id": "call:1", "person": "phone:+84900000123", "person_id": read["person_id"],
            "kind": "returnee", "channel": "phone", "at": "2021-08-30T03:00:00Z",
            "arrived_at": "2021-08-30T01:00:00Z", "came_from": "Bình Dương", "symptoms": ["fever", "cough"],
            "household": 4, "address": "12 Lê Lợi", "commune": "14995", "notes": "đi xe máy", "abnormal": True,
            "escalation_id": made["escalation_id"], "position": cdc.truyvet.log.head(),
        }  # fmt: skip
        unnamed = {"person": f"id:{read['person_id']}"} | dict.fromkeys(
            ("came_from", "symptoms", "household", "address", "notes")
        )
        assert auditor.get("declarations/call:1").json() == read | unnamed
        assert caller.get("declarations/call:1").status_code == 403
        assert cdc.get("declarations/call:1", as_of=FIRST - 1).status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            {"kind": "other"}, {"kind": None}, {"channel": "fax"}, {"symptoms": ["sốt"]}, {"symptoms": None},
            {"symptoms": "fever"}, {"household": 0}, {"household": "4"}, {"address": ""}, {"commune": "387"},
            {"commune": "99999"}, {"at": "2021-08-30T10:00:00"}, {"at": "2100-01-01T00:00:00Z"}, {"person": "12"},
            {"declaration_id": "a b"}, {"came_from": "\x00"}, {"abnormal": False},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_without_repeating_it(self, caller: Api, body: dict[str, Any]) -> None:
        head = caller.truyvet.log.head()
        refused = caller.post("declarations", RETURNEE | body)
        assert (refused.status_code, "900000123" in refused.text, "sốt" in refused.text) == (422, False, False)
        assert caller.truyvet.log.head() == head


class TestTheQueueOfTheCdc:
    def test_holds_what_is_abnormal_until_somebody_takes_it(self, caller: Api, cdc: Api) -> None:
        first, _, second = (declared(caller, **more) for more in (ILL, {}, {"symptoms": ["other"]}))
        queue = cdc.items("escalations", status="open")
        assert [one["escalation_id"] for one in queue] == [first["escalation_id"], second["escalation_id"]]
        assert queue[0] | {"raised_at": None} == {
            "escalation_id": first["escalation_id"], "status": "open", "person": "phone:+84900000123",
            "person_id": queue[0]["person_id"], "reason": "symptoms", "symptoms": ["fever", "cough"],
            "origin": "declaration", "origin_id": first["declaration_id"], "cases": [], "raised_at": None,
            "acknowledged_at": None, "acknowledged_by": None, "note": None, "position": first["position"] - 1,
        }  # fmt: skip
        path = f"escalations/{first['escalation_id']}/acknowledgement"
        taken = cdc.post(path, {"note": "đã gọi"})
        assert taken.json() == {"escalation_id": first["escalation_id"], "position": cdc.truyvet.log.head()}
        assert [one["escalation_id"] for one in cdc.items("escalations", status="open")] == [second["escalation_id"]]
        (done,) = cdc.items("escalations", status="acknowledged")
        assert (done["note"], done["acknowledged_by"], done["status"]) == (
            "đã gọi", f"key:{cdc.key.id}", "acknowledged",
        )  # fmt: skip
        assert [one["status"] for one in cdc.items("escalations")] == ["acknowledged", "open"]

    def test_is_taken_from_once(self, caller: Api, cdc: Api) -> None:
        path = f"escalations/{declared(caller, **ILL)['escalation_id']}/acknowledgement"
        first = cdc.post(path)
        assert first.status_code == 200
        assert cdc.post(path, {}).json() == first.json()
        assert cdc.post(path, {"note": "another"}).status_code == 409
        assert cdc.post(f"escalations/{UUID(int=7)}/acknowledgement").status_code == 404
        assert cdc.post("escalations/nothing/acknowledgement").status_code == 404

    def test_is_not_the_callers_to_see(self, caller: Api, cdc: Api, auditor: Api) -> None:
        path = f"escalations/{declared(caller, **ILL)['escalation_id']}/acknowledgement"
        assert cdc.post(path, {"note": "đã gọi"}).status_code == 200
        assert caller.get("escalations").status_code == 403
        assert {role.post(path).status_code for role in (caller, auditor)} == {403}
        (one,) = auditor.items("escalations")
        assert one["person"] == f"id:{one['person_id']}"
        assert (one["symptoms"], one["note"]) == (None, None)

    def test_comes_in_pages_and_as_a_file(self, caller: Api, cdc: Api) -> None:
        for _ in range(3):
            declared(caller, **ILL)
        first = cdc.get("escalations", limit=2, status="open").json()
        rest = cdc.get("escalations", limit=2, status="open", cursor=first["next"]).json()
        assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
        lines = cdc.get("escalations", accept="text/csv").text.splitlines()
        assert len(lines) == 4
        assert ",fever;cough," in lines[1]


class TestTheCallScript:
    @pytest.mark.parametrize(("lang", "fever"), [("vi", "Sốt"), ("en", "Fever")])
    def test_asks_for_every_answer_that_is_taken(self, caller: Api, lang: str, fever: str) -> None:
        script = caller.get("call-script", lang=lang).json()
        assert [question["field"] for question in script["questions"]] == list(ILL)
        symptoms = script["questions"][0]["choices"]
        assert tuple(choice["value"] for choice in symptoms) == SYMPTOMS
        assert symptoms[0]["says"] == fever
        answers = {"symptoms": [choice["value"] for choice in symptoms]}
        assert declared(caller, **answers)["abnormal"] is True

    def test_is_vietnamese_unless_english_is_asked_for(self, caller: Api) -> None:
        assert caller.get("call-script").json() == caller.get("call-script", lang="vi").json()
        assert caller.get("call-script", lang="fr").status_code == 422

    def test_says_every_sentence_in_both_languages(self, caller: Api) -> None:
        vietnamese, english = (texts(caller.get("call-script", lang=lang).json()) for lang in ("vi", "en"))
        assert len(vietnamese) == len(english) == 3 + len(ILL) + len(SYMPTOMS)
        assert set(vietnamese).isdisjoint(english)


def texts(script: dict[str, Any]) -> list[str]:
    questions = script["questions"]
    return [
        *(script[name] for name in ("opening", "closing", "closing_abnormal")),
        *(question["asks"] for question in questions),
        *(choice["says"] for question in questions for choice in question["choices"]),
    ]
