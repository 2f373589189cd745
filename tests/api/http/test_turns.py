"""More requests than can be worked on: some wait, the others are sent away; nothing is lost, nobody is starved."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.app import Truyvet
from api.http import create_app, turns
from api.http.turns import CHECK_INS, QUESTIONS, TakingTurns, Turns
from domain.visits import Visit
from tests.api.http.asking import Api, at, bearer
from tests.api.http.test_problems import is_problem

Answer = Any
_SECONDS = 30


class Gate:
    """Lets calls begin, and go on when it is opened."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._opened = threading.Event()
        self._begun = threading.Semaphore(0)

    def __call__(self, *args: Any, **more: Any) -> Any:
        self._begun.release()
        assert self._opened.wait(_SECONDS)
        return self._call(*args, **more)

    def await_one(self) -> None:
        assert self._begun.acquire(timeout=_SECONDS)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def api(truyvet: Truyvet) -> Iterator[Api]:
    """One question at a time, and sixteen that wait."""
    _, key = truyvet.access_keys.create("admin")
    one = replace(truyvet, settings=truyvet.settings.model_copy(update={"questions_at_once": 1}))
    with TestClient(create_app(one), headers=bearer(key)) as client:
        yield Api(client, truyvet, key)


@pytest.fixture
def many() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(24) as pool:
        yield pool


@pytest.fixture
def question(api: Api) -> Callable[[], Answer]:
    """Who are the contacts of a case? One."""
    api.venue("cafe")
    for person in ("ann", "bob"):
        api.visit(person, "cafe", "09:00", "11:00")
    path = f"cases/{api.case('ann')['case_id']}/contacts"
    assert len(api.items(path)) == 1
    return lambda: api.client.get(f"/v1/{path}")


@pytest.fixture
def slow(api: Api, question: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Questions that are not answered before it is opened."""
    gate = Gate(api.truyvet.contacts.listed)
    monkeypatch.setattr(api.truyvet.contacts, "listed", gate)
    yield gate
    gate.open()


def test_beyond_those_that_may_wait_questions_are_sent_away_at_once_and_the_others_answered_whole(
    api: Api, many: ThreadPoolExecutor, question: Callable[[], Answer], slow: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT_SECONDS", _SECONDS)
    asked = [many.submit(question) for _ in range(20)]
    _until(lambda: sum(one.done() for one in asked) == 3)  # one is worked on, sixteen wait
    refused = [one.result() for one in asked if one.done()]
    assert all(is_problem(answer, 503) and int(answer.headers["Retry-After"]) > 0 for answer in refused)
    slow.open()
    answered = [one.result() for one in asked if one.result() not in refused]
    assert [(answer.status_code, len(answer.json()["items"])) for answer in answered] == [(200, 1)] * 17
    assert api.get("health/ready").json()["refused"] == {"questions": 3, "check_ins": 0, "writes": 0}


def test_nobody_waits_long(
    many: ThreadPoolExecutor, question: Callable[[], Answer], slow: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT_SECONDS", 0.05)
    first = many.submit(question)
    slow.await_one()
    assert is_problem(question(), 503)
    slow.open()
    assert first.result().status_code == 200
    assert question().status_code == 200


def test_check_ins_and_health_do_not_wait_behind_questions(
    api: Api, many: ThreadPoolExecutor, question: Callable[[], Answer], slow: Gate
) -> None:
    asked = [many.submit(question) for _ in range(17)]
    slow.await_one()
    api.visit("cid", "cafe", "09:30", "10:00")
    api.venue("gym")
    ready = api.client.get("/v1/health/ready").json()
    assert (ready["status"], ready["refused"]["check_ins"], ready["refused"]["writes"]) == ("ready", 0, 0)
    assert not any(one.done() for one in asked)


def test_a_check_in_that_is_sent_away_is_not_recorded_and_can_be_sent_again(
    truyvet: Truyvet, many: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(truyvet.scans.record)
    monkeypatch.setattr(truyvet.scans, "record", gate)
    _, key = truyvet.access_keys.create("admin")
    app = create_app(truyvet)
    with TestClient(app, headers=bearer(key)) as client:
        api = Api(client, truyvet, key)
        api.venue("cafe")
        app.state.turns[CHECK_INS] = Turns(1, 0)

        def check_in(number: int) -> Answer:
            visit = {"venue": "cafe", "person": f"ref:p{number}", "at": at("09:00"), "visit_id": f"scan:{number}"}
            return api.post("check-ins", visit)

        first = many.submit(check_in, 1)
        gate.await_one()
        assert is_problem(check_in(2), 503)
        gate.open()
        assert first.result().status_code == 201
        assert _visits(truyvet) == ["scan:1"]
        assert [check_in(number).status_code for number in (1, 2)] == [201, 201]
        assert _visits(truyvet) == ["scan:1", "scan:2"]


def test_who_waits_for_a_position_leaves_the_turn_to_others(
    api: Api, many: ThreadPoolExecutor, question: Callable[[], Answer]
) -> None:
    path, ahead = question().request.url.path, {"wait_for": api.truyvet.log.head() + 1}
    waiting = [many.submit(api.client.get, path, params=ahead) for _ in range(3)]
    assert question().status_code == 200
    api.visit("bob", "cafe", "12:00")
    api.truyvet.graph.catch_up()
    assert [one.result().json()["position"] for one in waiting] == [ahead["wait_for"]] * 3


def test_who_reads_slowly_or_follows_live_leaves_the_turn_to_others() -> None:
    asyncio.run(_read_slowly("text/csv", ends=True))
    asyncio.run(_read_slowly("text/event-stream", ends=False))


async def _read_slowly(media_type: str, *, ends: bool) -> None:
    """The first answer is in two pieces; its reader takes the first one, or waits for the second, when another asks."""
    told, taken = asyncio.Event(), asyncio.Event()

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", media_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        if not ends:
            await taken.wait()
        await send({"type": "http.response.body", "body": b"2"})

    async def read(message: Message) -> None:
        told.set()
        if ends and message.get("more_body"):
            await taken.wait()

    app, scope = TakingTurns(answer), _scope(QUESTIONS, Turns(1, 0))
    reading = asyncio.create_task(app(scope, _nothing, read))
    await told.wait()
    await asyncio.sleep(0)
    statuses: list[int] = []
    other = TakingTurns(_brief)
    await other(scope, _nothing, _noting(statuses))
    assert statuses == [200]
    taken.set()
    await reading


async def _brief(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _noting(statuses: list[int]) -> Callable[[Message], Awaitable[None]]:
    async def note(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    return note


async def _nothing() -> Message:
    return {"type": "http.request"}


def _scope(kind: str, own: Turns) -> Scope:
    app = SimpleNamespace(state=SimpleNamespace(turns={kind: own}))
    return {"type": "http", "method": "GET", "path": "/v1/venues", "headers": [], "app": app}


def _visits(truyvet: Truyvet) -> list[str]:
    events = [event.as_dict() for event in truyvet.log.read_all(0)]
    return [event["data"]["visit_id"] for event in events if event["type"] == Visit.CheckedIn.TOPIC]


def _until(holds: Callable[[], bool]) -> None:
    moment = threading.Event()
    for _ in range(_SECONDS * 100):
        if holds():
            return
        moment.wait(0.01)
    raise AssertionError("it did not happen")
