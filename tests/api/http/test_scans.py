"""Scans over HTTP: by code or QR code, live or delivered later, out by visit, by person or all at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from application.log import Recorded
from application.scans import Round
from domain.times import to_text
from infrastructure.events import EventRecorder
from tests.api.http.asking import Api, at

NATIONAL = "001099000007|NGUYEN VAN A|1990-12-01|0|160000000000000007|<1<<0900000007"
CARD = "001099000008||TRAN THI B|02031985|Nữ|Xã X|01012021"


@pytest.fixture
def cafe(api: Api) -> str:
    api.truyvet.graph.start()
    return api.venue("cafe")


def events_of(api: Api, position: int) -> dict[str, Any]:
    return api.truyvet.log.read(position - 1, 1)[0].as_dict()


class TestCheckIn:
    def test_many_at_once_share_commits(self, api: Api, cafe: str, monkeypatch: pytest.MonkeyPatch) -> None:
        append, commits = EventRecorder.append, []

        def counting(self: EventRecorder, rows: list[bytes], **more: Any) -> Any:
            commits.append(len(rows))
            return append(self, rows, **more)

        monkeypatch.setattr(EventRecorder, "append", counting)
        with ThreadPoolExecutor(24) as threads:
            answers = list(
                threads.map(
                    lambda n: api.post("check-ins", {"venue": "cafe", "person": f"ref:p{n}", "at": at("09:00")}),
                    range(120),
                )
            )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["visit_id"] for answer in answers}) == 120
        assert sum(commits) == 240
        assert len(commits) < 60

    def test_one_that_breaks_takes_no_other_with_it(self, api: Api, cafe: str, monkeypatch: pytest.MonkeyPatch) -> None:
        decide = Round.decide

        def breaking(self: Round, scan: Any, fresh_id: str) -> Any:
            if scan.person == "ref:bad":
                raise ZeroDivisionError
            return decide(self, scan, fresh_id)

        monkeypatch.setattr(Round, "decide", breaking)
        people = [f"ref:p{n}" for n in range(15)] + ["ref:bad"]
        with ThreadPoolExecutor(16) as threads:
            answers = threads.map(lambda person: api.post("check-ins", {"venue": "cafe", "person": person}), people)
        assert [answer.status_code for answer in answers] == [201] * 15 + [500]

    def test_by_the_codes_of_venue_and_visitor(self, api: Api, cafe: str) -> None:
        payload = api.post(f"venues/{cafe}/qr-codes", {}).json()["payload"]
        answer = api.post("check-ins", {"qr_code": payload, "personal_qr": NATIONAL})
        assert answer.status_code == 201, answer.text
        assert events_of(api, answer.json()["position"])["data"]["assurance"] == "phone"
        card = api.post("check-ins", {"venue": "cafe", "personal_qr": CARD}).json()
        assert events_of(api, card["position"])["data"]["assurance"] == "document"
        people = [api.truyvet.people.find(name) for name in ("cccd:001099000007", "ref:qid:160000000000000007")]
        assert people[0] == people[1] is not None
        assert api.truyvet.people.find("phone:0900000007") is None
        told = api.truyvet.people.descriptions([people[0]])
        assert told == {people[0]: {"name": "NGUYEN VAN A", "birth_date": "1990-12-01", "phone": "+84900000007"}}

    @pytest.mark.parametrize(
        "body",
        [
            {"person": "ref:ann"},
            {"venue": "cafe"},
            {"venue": "cafe", "qr_code": "x", "person": "ref:ann"},
            {"venue": "cafe", "person": "ref:ann", "personal_qr": NATIONAL},
            {"venue": "cafe", "person": "ref:ann", "assurance": "sure"},
            {"venue": "cafe", "person": "ref:ann", "clock_error_seconds": 10**9},
            {"venue": "cafe", "personal_qr": "hello"},
        ],
    )
    def test_what_names_nobody_or_nowhere_is_refused_without_repeating_it(
        self, api: Api, cafe: str, body: dict[str, Any]
    ) -> None:
        head = api.truyvet.log.head()
        refused = api.post("check-ins", body)
        assert refused.status_code == 422
        assert "NGUYEN" not in refused.text
        assert api.truyvet.log.head() == head

    @pytest.mark.parametrize("content", [b'{"venue": "cafe", "person": "\\ud800"}', b'{"venue": "caf\xe9"}', b"{", b""])
    def test_what_is_no_json_is_called_so(self, api: Api, cafe: str, content: bytes) -> None:
        answer = api.client.post("/v1/check-ins", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == (422 if not content else 400), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_delivered_later_with_an_estimate_of_the_clock_s_error(self, api: Api, cafe: str) -> None:
        body = {"venue": "cafe", "person": "ref:ann", "at": at("09:05"), "clock_error_seconds": 300, "device": "tab-1"}
        first = api.post("check-ins", body).json()
        assert api.post("check-ins", body | {"clock_error_seconds": 240}).json() == first
        data = events_of(api, first["position"])["data"]
        assert (data["check_in"], data["clock_error_seconds"]) == ("2021-08-30T02:00:00Z", 300)
        assert data["device"] != "tab-1"

    def test_a_device_that_is_ahead_is_believed_when_it_says_so(self, api: Api, cafe: str) -> None:
        ahead = api.truyvet.visits.now() + 3600
        text = f"{ahead}"
        body = {"venue": "cafe", "person": "ref:ann", "at": to_text(ahead)}
        assert api.post("check-ins", body).status_code == 422, text
        assert api.post("check-ins", body | {"clock_error_seconds": 3600}).status_code == 201


class TestCheckOut:
    def test_of_a_person_from_a_venue(self, api: Api, cafe: str) -> None:
        api.visit("ann", "cafe", "07:00", "08:00")
        visit = api.visit("ann", "cafe", "09:00")
        body = {"venue": "cafe", "person": "ref:ann", "at": at("10:00")}
        left = api.post("check-outs", body)
        assert (left.status_code, left.json()["visit_id"]) == (200, visit)
        assert api.post("check-outs", body).json() == left.json()
        assert api.post("check-outs", body | {"at": at("11:00")}).status_code == 409
        assert api.truyvet.visits.get(visit).check_out is not None

    def test_sent_again_after_a_late_check_in_it_ends_no_other_visit(self, api: Api, cafe: str) -> None:
        first = api.visit("ann", "cafe", "09:00")
        body = {"venue": "cafe", "person": "ref:ann", "at": at("11:00")}
        left = api.post("check-outs", body)
        late = api.visit("ann", "cafe", "10:00")
        assert api.post("check-outs", body).json() == left.json()
        assert left.json()["visit_id"] == first
        assert api.truyvet.visits.get(late).check_out is None

    def test_of_somebody_who_never_came(self, api: Api, cafe: str) -> None:
        assert api.post("check-outs", {"venue": "cafe", "person": "ref:ann"}).status_code == 404
        assert api.post("check-outs", {"venue": "nowhere", "person": "ref:ann"}).status_code == 404

    def test_with_an_idempotency_key_it_ends_no_second_visit(self, api: Api, cafe: str) -> None:
        key = {"Idempotency-Key": "tap 1"}
        body = {"venue": "cafe", "person": "ref:ann"}
        api.visit("ann", "cafe", "09:00")
        first = api.post("check-outs", body, headers=key)
        again = api.post("check-ins", {"venue": "cafe", "person": "ref:ann", "at": at("12:00")})
        assert api.post("check-outs", body, headers=key).json() == first.json()
        assert api.truyvet.visits.get(again.json()["visit_id"]).check_out is None

    def test_of_everybody_at_closing_time(self, api: Api, cafe: str) -> None:
        api.venue("bar")
        gone = api.visit("ann", "cafe", "09:00", "09:30")
        moved_on = api.visit("bob", "cafe", "09:00")
        api.visit("bob", "bar", "09:40")
        twice = [api.visit("cat", "cafe", start) for start in ("09:00", "09:50")]
        api.visit("dan", "cafe", "10:00")
        key = {"Idempotency-Key": "closing"}
        closed = api.post(f"venues/{cafe}/check-outs", {"at": at("18:00")}, headers=key)
        assert (closed.status_code, closed.json()["checked_out"]) == (200, 2)
        assert api.post(f"venues/{cafe}/check-outs", {"at": at("18:00")}, headers=key).json() == closed.json()
        ends = {visit: api.truyvet.visits.get(visit).check_out for visit in (gone, moved_on, *twice)}
        assert [ends[moved_on], ends[twice[0]]] == [None, None]
        assert ends[gone] < ends[twice[1]]  # type: ignore[operator] # both are known
        assert events_of(api, closed.json()["position"])["basis"] == "closing"
        nobody = api.post(f"venues/{cafe}/check-outs", {"at": at("18:00")}).json()
        assert (nobody["checked_out"], nobody["position"]) == (0, api.truyvet.log.head())


def test_open_visits_are_those_of_who_is_there(api: Api, cafe: str) -> None:
    now = api.truyvet.visits.now()
    visits = {
        person: api.post("check-ins", {"venue": "cafe", "person": f"ref:{person}", "at": to_text(now - ago)}).json()
        for person, ago in (("ann", 7200), ("bob", 600), ("cat", 600), ("old", 3 * 86_400))
    }
    api.post(f"visits/{visits['cat']['visit_id']}/check-out")
    there = api.items(f"venues/{cafe}/open-visits")
    assert [visit["visit_id"] for visit in there] == [visits["ann"]["visit_id"], visits["bob"]["visit_id"]]


def test_recorded_is_what_the_door_answers(api: Api, cafe: str) -> None:
    first = api.truyvet.visits.check_in("ref:ann", "cafe", 1_630_288_800)
    assert isinstance(first, Recorded)
    assert api.visit("ann", "cafe", "09:00") == first.id
