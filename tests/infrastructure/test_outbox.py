"""Alerts are delivered to a receiver at least once, and a rebuild of the views repeats none."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from api.app import Truyvet
from application.log import Draft
from application.provenance import Provenance
from domain.adherence import Coordinates
from domain.times import to_text
from domain.triage import Answers
from infrastructure.outbox import Alert, Deliveries
from infrastructure.rebuilding import rebuild
from tests.outbreak import at

HOME = Coordinates(20.2711, 104.9921)
FAR = Coordinates(20.2811, 104.9921)


class Receiver(HTTPServer):
    """On loopback; answers what ``answers`` says, and 204 when that is used up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.received: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alerts?token=secret"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert (self.path, self.headers["Content-Type"]) == ("/alerts?token=secret", "application/json")
        self.server.received.append(json.loads(body))
        self.server.keys.append(self.headers["Idempotency-Key"])
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with _running(Receiver()) as receiver:
        yield receiver


@contextmanager
def _running(receiver: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


@pytest.fixture
def alert(truyvet: Truyvet) -> int:
    """The position of a breach by Ann, that the policies have reacted to."""
    truyvet.quarantines.assign("ref:ann", at("9"), quarantine_id="q1", coordinates=HOME)
    position = truyvet.adherence.report("q1", FAR, at("10")).position
    truyvet.policies.catch_up()
    return position


def deliver(truyvet: Truyvet, url: str | None) -> None:
    with truyvet.database.connect() as connection:
        Deliveries(truyvet.database, url, truyvet.log.log_id).deliver(connection)


def waiting(truyvet: Truyvet) -> list[Alert]:
    return truyvet.outbox.page(0, 100, until=truyvet.log.head(), delivered=False)


def pause_is_over(truyvet: Truyvet) -> None:
    with truyvet.database.connect() as connection:
        connection.execute("UPDATE outbox SET due_at = now()")


def test_an_alert_is_delivered_once_and_tells_ids_only(truyvet: Truyvet, alert: int, receiver: Receiver) -> None:
    for _ in range(2):
        deliver(truyvet, receiver.url)
    (told,) = receiver.received
    breach = truyvet.log.read(alert - 1, 1)[0]
    assert told == {
        "id": f"{truyvet.log.log_id()}:{alert}",
        "position": alert,
        "type": "Quarantine.Breached",
        "stream": str(breach.stream),
        "happened_at": to_text(at("10")),
        "data": {
            "quarantine_id": "q1", "person": str(truyvet.people.find("ref:ann")), "number": 1, "kind": "position",
            "at": to_text(at("10")), "visit_id": None, "venue": None, "distance_metres": 1112,
        },
    }  # fmt: skip
    assert receiver.keys == [told["id"]]
    assert waiting(truyvet) == []


def test_an_alert_that_was_not_taken_is_delivered_again_under_the_same_key(
    truyvet: Truyvet, alert: int, receiver: Receiver
) -> None:
    receiver.answers = [503, 302]
    for failure in ("HTTP 503", "HTTP 302"):
        deliver(truyvet, receiver.url)
        assert [told.failure for told in waiting(truyvet)] == [failure]
        deliver(truyvet, receiver.url)  # not before the pause is over
        pause_is_over(truyvet)
    deliver(truyvet, receiver.url)
    assert len(receiver.keys) == 3
    assert len(set(receiver.keys)) == 1
    assert waiting(truyvet) == []


def test_an_escalation_is_delivered_without_the_answers_that_led_to_it(truyvet: Truyvet, receiver: Receiver) -> None:
    draft, answers = Draft(), Answers(symptoms=("fever",))
    person = truyvet.people.find_or_draft("ref:bob", draft)
    truyvet.escalations.draft(draft, person, "symptoms", "declaration", "ncovi:1", [], at("9"), answers)
    position = truyvet.log.save(draft, Provenance())
    truyvet.policies.catch_up()
    deliver(truyvet, receiver.url)
    (told,) = receiver.received
    assert (told["position"], told["type"]) == (position, "Escalation.Raised")
    assert told["data"] == {
        "person": str(person), "reason": "symptoms", "origin": "declaration", "origin_id": "ncovi:1", "cases": [],
    }  # fmt: skip


def test_pauses_grow(truyvet: Truyvet, alert: int, receiver: Receiver) -> None:
    receiver.answers = [500] * 12
    pauses = []
    for _ in range(12):
        pause_is_over(truyvet)
        deliver(truyvet, receiver.url)
        with truyvet.database.connect() as connection:
            row = connection.execute("SELECT extract(epoch FROM due_at - now()) AS pause FROM outbox").fetchone()
        assert row is not None
        pauses.append(row["pause"])
    assert [round(float(pause)) for pause in pauses] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_nobody_there_is_a_failure_that_does_not_tell_the_address(truyvet: Truyvet, alert: int) -> None:
    deliver(truyvet, "http://127.0.0.1:9/alerts?token=secret")
    assert [told.failure for told in waiting(truyvet)] == ["ConnectionRefusedError"]


def test_with_nobody_to_tell_alerts_wait(truyvet: Truyvet, alert: int, receiver: Receiver) -> None:
    deliver(truyvet, None)
    assert [told.position for told in waiting(truyvet)] == [alert]
    deliver(truyvet, receiver.url)
    assert len(receiver.received) == 1


def test_one_that_is_not_taken_holds_up_the_others_for_one_round_only(
    truyvet: Truyvet, alert: int, receiver: Receiver
) -> None:
    truyvet.adherence.report("q1", HOME, at("11"))
    second = truyvet.adherence.report("q1", FAR, at("12")).position
    truyvet.policies.catch_up()
    receiver.answers = [500]
    for _ in range(2):
        deliver(truyvet, receiver.url)
    assert [told["position"] for told in receiver.received] == [alert, second]
    assert [told.position for told in waiting(truyvet)] == [alert]


def test_a_rebuild_of_the_views_repeats_no_alert(truyvet: Truyvet, alert: int, receiver: Receiver) -> None:
    deliver(truyvet, receiver.url)
    head = truyvet.log.head()
    rebuild(truyvet.vault, truyvet.registers, truyvet.graph)
    truyvet.policies.catch_up()
    deliver(truyvet, receiver.url)
    assert len(receiver.received) == 1
    assert truyvet.log.head() == head


def test_policies_that_begin_anew_repeat_no_alert(truyvet: Truyvet, alert: int, receiver: Receiver) -> None:
    deliver(truyvet, receiver.url)
    with truyvet.database.connect() as connection:
        connection.execute("DELETE FROM tracking WHERE application_name = 'policies'")
    truyvet.policies.catch_up()
    deliver(truyvet, receiver.url)
    assert len(receiver.received) == 1


def test_one_process_delivers_at_a_time(truyvet: Truyvet, alert: int, receiver: Receiver) -> None:
    others = Deliveries(truyvet.database, receiver.url, truyvet.log.log_id)
    with truyvet.database.connect() as connection:
        assert others._leads(connection)
        deliver(truyvet, receiver.url)
        assert receiver.received == []
    deliver(truyvet, receiver.url)
    assert len(receiver.received) == 1


def test_a_thread_of_its_own_delivers_while_it_runs(truyvet: Truyvet, receiver: Receiver) -> None:
    deliveries = Deliveries(truyvet.database, receiver.url, truyvet.log.log_id)
    deliveries.start()
    try:
        truyvet.quarantines.assign("ref:ann", at("9"), quarantine_id="q1", coordinates=HOME)
        truyvet.adherence.report("q1", FAR, at("10"))
        truyvet.policies.catch_up()
        _wait_until(lambda: waiting(truyvet) == [])
    finally:
        deliveries.stop()
    assert len(receiver.received) == 1


def _wait_until(is_so: Any) -> None:
    for _ in range(2_000):
        if is_so():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come to be")
