"""A morning at a checkpoint, from the first poster to the last list, and the same morning at a market."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from api.app import Truyvet
from application.access_keys import read_key_text
from domain.times import Seconds, parse_instant, to_text
from infrastructure.verification import verify
from tests.api.http.asking import Api, at

HUNDRED_BY_APP, FIFTY_BY_PHONE, FIFTY_BY_QR = range(100), range(100, 150), range(150, 200)
OFFLINE = {*range(140, 150), *range(190, 200)}
"""The guard's scans while there is no network."""
AHEAD: Seconds = 90
"""What the clock of the guard's tablet is ahead."""


@dataclass
class Visitor:
    """An invented one. Every other personal QR is that of an identity card, which tells no phone number."""

    number: int
    visit_id: str = ""

    @property
    def identity(self) -> str:
        if self.number not in FIFTY_BY_QR:
            return f"phone:{self._phone}"
        return f"cccd:{self._card}" if self.number % 2 else f"ref:qid:{self._qid}"

    @property
    def name(self) -> str | None:
        letters = f"{chr(65 + self.number // 26)}{chr(65 + self.number % 26)}"
        return f"NGUYEN VAN {letters}" if self.number in FIFTY_BY_QR else None

    @property
    def phone(self) -> str | None:
        return None if self.number in FIFTY_BY_QR and self.number % 2 else self._phone

    @property
    def says(self) -> dict[str, str]:
        """What is scanned of them, or what they say."""
        if self.number not in FIFTY_BY_QR:
            return {"person": self._phone}
        if self.number % 2:
            return {"personal_qr": f"{self._card}||{self.name}|02031985|Nữ|Xã X|01012021"}
        further = f"<1<<0{self._phone.removeprefix('+84')}"
        return {"personal_qr": f"******{self.number:06}|{self.name}|1990-**-**|0|{self._qid}|{further}"}

    @property
    def comes(self) -> Seconds:
        """From six o'clock on, one every twenty seconds; those who come offline from eight on, one a minute."""
        if self.number in OFFLINE:
            return parse_instant(at("08:00")) + 60 * sorted(OFFLINE).index(self.number)
        return parse_instant(at("06:00")) + 20 * self.number

    @property
    def _phone(self) -> str:
        return f"+8490000{self.number:04}"

    @property
    def _card(self) -> str:
        return f"001099000{self.number:03}"

    @property
    def _qid(self) -> str:
        return f"1600000000000{self.number:03}"


class Clock:
    """What everything takes for now."""

    def __init__(self, truyvet: Truyvet) -> None:
        self._told = [part for part in vars(type(truyvet))["__slots__"] if hasattr(getattr(truyvet, part), "now")]
        self._truyvet = truyvet
        self.now = parse_instant(at("05:00"))
        for part in self._told:
            getattr(truyvet, part).now = lambda: self.now

    def strikes(self, time: str) -> None:
        self.now = parse_instant(at(time))


@dataclass
class Morning:
    admin: Api
    clock: Clock
    venue: str = ""
    manager: Api = field(init=False)
    guard: Api = field(init=False)
    app: Api = field(init=False)
    visitors: list[Visitor] = field(default_factory=lambda: [Visitor(number) for number in range(200)])

    def with_key(self, **wanted: Any) -> Api:
        created = self.admin.post("keys", wanted)
        assert created.status_code == 201, created.text
        return self._holding(created.json()["key"])

    def begin(self, kind: str) -> None:
        """The venue is registered, its code printed and hung up, a guard authorised for the morning."""
        self.app = self.with_key(role="gateway", label="the app")
        body = {"name": "Chốt số 7", "kind": kind, "commune": "14995", "code": "chot-7", "address": "Km 12, QL 217"}
        self.venue = self.app.post("venues", body).json()["venue_id"]
        self.manager = self.with_key(role="manager", venue=self.venue)
        self.manager.post(f"venues/{self.venue}/qr-codes")

        authorised = self.manager.post(
            f"venues/{self.venue}/guards", {"phone": "+84900009999", "from": at("06:00"), "until": at("12:00")}
        )
        self.guard = self._holding(authorised.json()["key"])
        assert self.guard.get(f"venues/{self.venue}/open-visits").status_code == 401  # it is five o'clock
        self.clock.strikes("06:00")
        assert self.guard.items(f"venues/{self.venue}/open-visits") == []

    def let_everybody_in(self) -> None:
        code = self.photographed_code()
        for visitor in self.visitors:
            if visitor.number not in OFFLINE:
                self.clock.now = visitor.comes
                if visitor.number in HUNDRED_BY_APP:
                    scan = {"qr_code": code, "assurance": "one_time_code"} | visitor.says
                    visitor.visit_id = checked_in(self.app, scan | {"visit_id": f"app:{visitor.number}"})
                else:
                    visitor.visit_id = checked_in(self.guard, {"venue": self.venue} | visitor.says)

    def deliver_what_was_kept(self) -> None:
        """The network comes back at half past eight. The tablet sends one scan twice, with a new estimate."""
        self.clock.strikes("08:30")
        for visitor in self.visitors:
            if visitor.number in OFFLINE:
                scan = {"venue": self.venue, "at": to_text(visitor.comes + AHEAD)} | visitor.says
                visitor.visit_id = checked_in(self.guard, scan | {"clock_error_seconds": AHEAD})
        again = checked_in(self.guard, scan | {"clock_error_seconds": AHEAD - 30})
        assert again == visitor.visit_id

    def let_fifty_out(self) -> None:
        """Thirty by their visits, twenty as they show themselves again; each is as safe to repeat."""
        self.clock.strikes("09:00")
        for visitor in self.visitors[120:150]:
            for _ in range(2):
                left = self.guard.post(f"visits/{visitor.visit_id}/check-out", {"at": at("09:00")})
                assert (left.status_code, left.json()["visit_id"]) == (200, visitor.visit_id)
        for visitor in self.visitors[180:]:
            for _ in range(2):
                left = self.guard.post("check-outs", {"venue": self.venue, "at": at("09:00")} | visitor.says)
                assert (left.status_code, left.json()["visit_id"]) == (200, visitor.visit_id)

    def close_for_the_day(self) -> None:
        self.clock.strikes("11:30")
        closed = self.manager.post(f"venues/{self.venue}/check-outs")
        assert closed.json()["checked_out"] == 150
        assert self.manager.post(f"venues/{self.venue}/suspension").json()["status"] == "suspended"
        assert self.app.post("check-ins", {"venue": self.venue, "person": "0900000000"}).status_code == 422

    def photographed_code(self) -> str:
        """What a phone reads off the wall."""
        png = self.manager.get(f"venues/{self.venue}/qr-code", accept="image/png").content
        (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
        return str(found.text)

    def visits(self, who: Api) -> list[dict[str, Any]]:
        return who.items(f"venues/{self.venue}/visits", limit=1000, **{"from": at("00:00"), "to": at("23:59")})

    def open_visits(self, who: Api) -> list[dict[str, Any]]:
        return who.items(f"venues/{self.venue}/open-visits", limit=1000)

    def by_check_in(self) -> list[Visitor]:
        return sorted(self.visitors, key=lambda visitor: visitor.comes)

    def _holding(self, key: str) -> Api:
        text = read_key_text(key)
        assert text is not None
        return Api(self.admin.client, self.admin.truyvet, text)


def checked_in(api: Api, scan: dict[str, Any]) -> str:
    answer = api.post("check-ins", scan)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["visit_id"])


@pytest.fixture
def morning(api: Api) -> Iterator[Morning]:
    api.truyvet.graph.start()
    return Morning(api, Clock(api.truyvet))


def test_a_morning_at_a_checkpoint(morning: Morning) -> None:
    morning.begin("checkpoint")
    morning.let_everybody_in()
    assert len(morning.open_visits(morning.guard)) == 180
    morning.deliver_what_was_kept()
    assert len(morning.open_visits(morning.guard)) == 200
    morning.let_fifty_out()

    gone = {*range(120, 150), *range(180, 200)}
    there = [visitor for visitor in morning.by_check_in() if visitor.number not in gone]
    for who in (morning.guard, morning.manager):
        seen = [(visit["name"], visit["phone"]) for visit in morning.open_visits(who)]
        assert seen == [(visitor.name, visitor.phone) for visitor in there]
    morning.close_for_the_day()
    assert morning.open_visits(morning.guard) == []

    listed = morning.visits(morning.manager)
    assert [(visit["name"], visit["phone"], visit["declaration_code"], visit["check_in"]) for visit in listed] == [
        (visitor.name, visitor.phone, None, to_text(visitor.comes)) for visitor in morning.by_check_in()
    ]
    left = Counter(visit["check_out"] for visit in listed)
    assert left == {to_text(parse_instant(at("09:00"))): 50, to_text(parse_instant(at("11:30"))): 150}
    assert morning.guard.get(f"venues/{morning.venue}/visits").status_code == 403
    known_to_epidemiologists(morning)
    hidden_from_others(morning)
    morning.clock.strikes("12:00")
    assert morning.guard.get(f"venues/{morning.venue}/open-visits").status_code == 401
    who_acted_for_whom(morning)
    whole(morning)


def test_the_same_morning_at_a_market(morning: Morning) -> None:
    """Where the manager and the guard see declaration codes only: as many as people, and the same at a second visit."""
    morning.begin("market")
    morning.let_everybody_in()
    morning.deliver_what_was_kept()
    (first, *_) = morning.open_visits(morning.guard)
    assert (first["name"], first["phone"], len(first["declaration_code"])) == (None, None, 8)
    morning.let_fifty_out()
    morning.clock.strikes("10:00")
    came_back = morning.visitors[149]
    checked_in(morning.guard, {"venue": morning.venue} | came_back.says)
    assert len(morning.open_visits(morning.guard)) == 151
    morning.clock.strikes("10:10")
    assert morning.guard.post("check-outs", {"venue": morning.venue} | came_back.says).status_code == 200
    morning.close_for_the_day()

    listed = morning.visits(morning.manager)
    assert {(visit["name"], visit["phone"]) for visit in listed} == {(None, None)}
    codes = Counter(visit["declaration_code"] for visit in listed)
    assert (len(listed), len(codes), max(codes.values())) == (201, 200, 2)
    shown = morning.manager.get(f"venues/{morning.venue}/visits", **{"from": at("00:00"), "to": at("23:59")}).text
    assert not [told for told in ("8490000", "NGUYEN", "001099", "160000", "app:") if told in shown]
    known_to_epidemiologists(morning)
    hidden_from_others(morning)
    whole(morning)


def known_to_epidemiologists(morning: Morning) -> None:
    seen = morning.visits(morning.with_key(role="epidemiologist"))
    assert {visit["person"] for visit in seen} == {visitor.identity for visitor in morning.visitors}
    auditor = morning.visits(morning.with_key(role="auditor"))
    assert [visit["person"] for visit in auditor] == [f"id:{visit['person_id']}" for visit in seen]


def hidden_from_others(morning: Morning) -> None:
    """To the manager of another venue it looks like one that is not there; to a stranger like everything else."""
    day = {"from": at("00:00"), "to": at("23:59")}
    elsewhere = morning.admin.venue("elsewhere")
    manager = morning.with_key(role="manager", venue=elsewhere)
    answers = [manager.get(f"venues/{name}/visits", **day) for name in (morning.venue, "chot-7", "no-such-venue")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    stranger = {"Authorization": "Bearer nobody"}
    answers = [
        morning.admin.client.get(f"/v1/venues/{path}", headers=stranger)
        for path in (f"{morning.venue}/visits", f"{morning.venue}/open-visits", "no-such-venue/visits")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


def who_acted_for_whom(morning: Morning) -> None:
    """Every scan says whose key it was, on whose behalf, and how sure it is who came."""
    events = [event.as_dict() for event in morning.admin.truyvet.log.read_all(0)]
    scans = [event for event in events if event["type"] == "Visit.CheckedIn"]
    by = Counter((event["actor"], event["data"].get("assurance")) for event in scans)
    guard, app = (f"key:{who.key.id}" for who in (morning.guard, morning.app))
    assert by == {(app, "one_time_code"): 100, (guard, "none"): 50, (guard, "phone"): 25, (guard, "document"): 25}
    for event in scans:
        behalf = None if event["actor"] == app else f"id:{event['data']['person']}"
        assert event["on_behalf_of"] == behalf
    late = [event["data"] for event in scans if "clock_error_seconds" in event["data"]]
    assert [data["clock_error_seconds"] for data in late] == [AHEAD] * 20
    assert not [event for event in events if any(told in str(event) for told in ("8490000", "NGUYEN", "001099"))]


def whole(morning: Morning) -> None:
    truyvet = morning.admin.truyvet
    truyvet.registers.catch_up()
    assert list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)) == []
