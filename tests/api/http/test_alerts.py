import asyncio
import json
import threading
from typing import Any

import pytest

from api.http import alerts, live
from tests.api.http.asking import Api, at

HOME = {"latitude": 20.2711, "longitude": 104.9921}
FAR = {"latitude": 20.2811, "longitude": 104.9921}  # 1,112 metres to the north


@pytest.fixture
def confined(api: Api) -> Api:
    """Ann, at home from nine to eighteen; there is a cafe."""
    api.venue("cafe")
    answer = api.post(
        "quarantines",
        {"person": "ref:ann", "from": at("09:00"), "until": at("18:00"), "quarantine_id": "q1", "kind": "home", **HOME},
    )
    assert answer.status_code == 201, answer.text
    return api


def listed(api: Api, **query: Any) -> list[dict[str, Any]]:
    api.truyvet.policies.catch_up()
    return api.items("alerts", **query)


class TestPositions:
    def test_the_app_of_the_confined_is_told_how_far_away_they_are(self, confined: Api) -> None:
        app = confined.as_("gateway")
        answer = app.post("quarantines/q1/positions", {**FAR, "at": at("10:00"), "accuracy_metres": 12.5})
        assert answer.status_code == 201, answer.text
        assert answer.json() | {"position": None} == {
            "quarantine_id": "q1", "at": "2021-08-30T03:00:00Z", "distance_metres": 1112, "within": False,
            "position": None,
        }  # fmt: skip
        again = app.post("quarantines/q1/positions", {**FAR, "at": at("10:00")})
        assert again.json()["at"] == answer.json()["at"]

    def test_a_retry_without_an_instant_is_answered_the_same(self, confined: Api) -> None:
        confined.post("quarantines", {"person": "ref:bob", "from": at("09:00"), "quarantine_id": "q2", **HOME})
        answers = [confined.post("quarantines/q2/positions", HOME, headers={"Idempotency-Key": "p1"}) for _ in range(2)]
        assert answers[0].status_code == 201, answers[0].text
        assert answers[0].json() == answers[1].json()

    def test_the_radius_is_that_of_the_quarantine(self, confined: Api) -> None:
        body = {"person": "ref:bob", "from": at("09:00"), "quarantine_id": "q2", **HOME, "radius_metres": 1_200}
        confined.post("quarantines", body)
        answer = confined.post("quarantines/q2/positions", {**FAR, "at": at("10:00")})
        assert answer.json()["within"]
        conflict = confined.post("quarantines", body | {"radius_metres": 50})
        assert conflict.status_code == 409
        assert confined.post("quarantines", body | {"latitude": 20.3}).status_code == 409
        assert confined.post("quarantines", body).status_code == 201

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({**HOME, "at": at("19:00")}, 422),
            ({"latitude": 20.0, "at": at("10:00")}, 422),
            ({**HOME, "at": at("10:00"), "accuracy_metres": -1}, 422),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, confined: Api, body: dict[str, Any], status: int) -> None:
        assert confined.post("quarantines/q1/positions", body).status_code == status

    def test_a_quarantine_that_is_none_is_unknown(self, confined: Api) -> None:
        assert confined.post("quarantines/q9/positions", HOME).status_code == 404

    def test_nobody_reads_where_somebody_was(self, confined: Api) -> None:
        confined.post("quarantines/q1/positions", {**FAR, "at": at("10:00")})
        for path in ("events", "alerts", "quarantines"):
            assert "20.2811" not in confined.get(path).text


class TestTheList:
    def test_shows_each_breach_with_its_evidence(self, confined: Api) -> None:
        visit_id = confined.visit("ann", "cafe", "10:00")
        confined.post("quarantines/q1/positions", {**FAR, "at": at("11:00")})
        position, check_in = sorted(listed(confined), key=lambda alert: str(alert["kind"]), reverse=True)
        assert (check_in["kind"], check_in["visit_id"], check_in["distance_metres"]) == ("check_in", visit_id, None)
        assert check_in["venue_id"] == confined.get("venues/cafe").json()["venue_id"]
        assert (position["kind"], position["visit_id"], position["distance_metres"]) == ("position", None, 1112)
        assert {alert["person"] for alert in (position, check_in)} == {"ref:ann"}
        assert {alert["state"] for alert in (position, check_in)} == {"open"}
        assert confined.get("quarantines/q1").json()["breaches"] == 2

    def test_names_nobody_to_an_auditor(self, confined: Api) -> None:
        confined.visit("ann", "cafe", "10:00")
        (alert,) = listed(confined.as_("auditor"))
        assert alert["person"] == f"id:{alert['person_id']}"

    def test_comes_in_pages_in_the_order_of_positions(self, confined: Api) -> None:
        for hour in range(10, 15):
            confined.visit("ann", "cafe", f"{hour}:00")
        everything = listed(confined)
        first = confined.get("alerts", limit=3).json()
        second = confined.get("alerts", limit=3, cursor=first["next"]).json()
        assert first["items"] + second["items"] == everything
        assert [alert["position"] for alert in everything] == sorted(alert["alert_id"] for alert in everything)
        assert listed(confined, after=everything[2]["position"]) == everything[3:]
        assert len(confined.get("alerts", accept="text/csv").text.splitlines()) == 6

    def test_is_as_of_any_position(self, confined: Api) -> None:
        visit_id = confined.visit("ann", "cafe", "10:00")
        (alert,) = listed(confined)
        confined.post(f"visits/{visit_id}/retraction", {"reason": "not her"})
        (now,) = listed(confined)
        assert (now["state"], now["dismissed"]) == ("dismissed", "visit_retracted")
        assert listed(confined, as_of=alert["position"]) == [alert]
        assert listed(confined, as_of=alert["position"] - 1) == []

    def test_says_that_the_end_came(self, confined: Api) -> None:
        confined.visit("ann", "cafe", "10:00")
        confined.truyvet.policies.catch_up()
        confined.truyvet.policies.tick()
        assert [alert["state"] for alert in listed(confined)] == ["completed"]
        quarantine = confined.get("quarantines/q1").json()
        assert (quarantine["completed"], quarantine["breaches"]) == (True, 1)


class TestDismissal:
    def test_takes_a_reason_once(self, confined: Api) -> None:
        confined.visit("ann", "cafe", "10:00")
        (alert,) = listed(confined)
        path = f"alerts/{alert['alert_id']}/dismissal"
        answers = [confined.post(path, {"reason": reason}) for reason in ("sent for a test", "another")]
        assert [answer.json() for answer in answers] == [answers[0].json()] * 2
        assert [alert["dismissed"] for alert in listed(confined)] == ["by_hand"]
        assert "sent for a test" not in confined.get("events").text

    @pytest.mark.parametrize("alert_id", ["1", "nothing", "9" * 40, "-1"])
    def test_of_what_is_no_alert_is_unknown(self, confined: Api, alert_id: str) -> None:
        assert confined.post(f"alerts/{alert_id}/dismissal", {"reason": "none"}).status_code == 404

    def test_is_answered_once_for_each_idempotency_key(self, confined: Api) -> None:
        confined.visit("ann", "cafe", "10:00")
        (alert,) = listed(confined)
        path, headers = f"alerts/{alert['alert_id']}/dismissal", {"Idempotency-Key": "d1"}
        answers = [confined.post(path, {"reason": "none"}, headers=headers).json() for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0]["alert_id"] == alert["alert_id"]


class TestOutbox:
    def test_shows_what_waits_and_what_it_tells(self, confined: Api) -> None:
        confined.post("quarantines/q1/positions", {**FAR, "at": at("10:00")})
        (alert,) = listed(confined)
        (waiting,) = confined.as_("auditor").items("outbox", delivered="false")
        assert (waiting["position"], waiting["attempts"], waiting["delivered_at"]) == (alert["alert_id"], 0, None)
        assert waiting["content"]["data"]["distance_metres"] == 1112
        assert confined.items("outbox", delivered="true") == []
        assert len(confined.get("outbox", accept="text/csv").text.splitlines()) == 2


class TestLive:
    def test_is_asked_for_as_an_event_stream(self, confined: Api) -> None:
        confined.client.app.state.stopping.set()  # type: ignore[attr-defined] # a stream that ends at once
        answer = confined.get("alerts", accept="text/event-stream")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.text.startswith(": ")

    def test_alerts_are_told_as_they_are_raised_and_when_they_are_dismissed(
        self, confined: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "_LOOK_AT_LOG_SECONDS", 0.05)
        stopping, truyvet = threading.Event(), confined.truyvet
        stream = live.follow(truyvet.access_keys, confined.key.id, alerts._news(truyvet), 0, stopping)

        def after(recorded: object) -> None:
            truyvet.policies.catch_up()
            truyvet.registers.catch_up()

        async def told() -> list[str]:
            assert (await anext(stream)).startswith(b":")
            seen = []
            visit_id = await asyncio.to_thread(confined.visit, "ann", "cafe", "10:00")
            await asyncio.to_thread(after, visit_id)
            seen.append((await anext(stream)).decode())
            await asyncio.to_thread(confined.post, f"visits/{visit_id}/retraction", {"reason": "not her"})
            await asyncio.to_thread(after, visit_id)
            seen.append((await anext(stream)).decode())
            stopping.set()
            return seen

        raised, dismissed = map(_read, asyncio.run(told()))
        assert (raised[1]["state"], dismissed[1]["state"]) == ("open", "dismissed")
        assert raised[1]["alert_id"] == dismissed[1]["alert_id"] == raised[0] < dismissed[0]

    def test_a_reader_that_comes_back_is_told_what_it_missed(self, confined: Api) -> None:
        for hour in (10, 11, 12):
            confined.visit("ann", "cafe", f"{hour}:00")
        alert_ids = [alert["alert_id"] for alert in listed(confined)]
        source = alerts._news(confined.truyvet)
        stream = live.follow(confined.truyvet.access_keys, confined.key.id, source, alert_ids[0], threading.Event())

        async def told() -> str:
            await anext(stream)
            return (await anext(stream)).decode()

        ids = [line for line in asyncio.run(told()).splitlines() if line.startswith("id: ")]
        assert ids == [f"id: {alert_id}" for alert_id in alert_ids[1:]]


def _read(sent: str) -> tuple[int, dict[str, Any]]:
    first, second = sent.strip().splitlines()
    return int(first.removeprefix("id: ")), json.loads(second.removeprefix("data: "))
