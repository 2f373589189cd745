import asyncio
import json
import threading
from collections.abc import AsyncIterator

import pytest
from eventsourcing.persistence import OperationalError

from api.app import Truyvet
from api.http import lists, live
from api.http.events import Wanted
from api.http.live import Source
from tests.api.http.asking import FIRST, Api


@pytest.fixture
def three(api: Api) -> None:
    api.venue("cafe")
    api.visit("ann", "cafe", "09:00")


def test_events_come_in_order_with_everything_that_the_log_says(api: Api, three: None) -> None:
    items = api.items("events", after=FIRST - 1)
    assert [event["type"] for event in items] == ["Venue.Registered", "Person.Registered", "Visit.CheckedIn"]
    assert list(items[2]) == [
        "position", "recorded_at", "type", "schema", "stream", "version", "happened_at", "actor", "on_behalf_of",
        "source", "cause", "correlation", "basis", "data",
    ]  # fmt: skip
    assert items[2]["actor"] == f"key:{api.key.id}"
    assert items[1]["correlation"] == items[2]["correlation"]


def test_events_after_a_position_of_a_type_and_of_a_stream(api: Api, three: None) -> None:
    everything = api.items("events")
    assert api.items("events", after=2) == everything[2:]
    assert api.items("events", type="Person.Registered") == [everything[2]]
    assert api.items("events", stream=everything[2]["stream"]) == [everything[2]]
    assert api.items("events", as_of=1) == everything[:1]
    assert api.get("events", type="Nothing.Known").status_code == 422


def test_pages_of_events_end_where_the_first_began(api: Api, three: None) -> None:
    first = api.get("events", limit=3).json()
    api.visit("bob", "cafe", "10:00")
    second = api.get("events", limit=3, cursor=first["next"]).json()
    assert [event["position"] for event in second["items"]] == [4]
    assert (second["next"], second["position"]) == (None, 4)


def test_the_whole_log_as_a_stream(api: Api, three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_READ_AT_ONCE", 2)
    lines = api.get("events", accept="application/x-ndjson", limit=1).text.splitlines()
    assert [json.loads(line) for line in lines] == api.items("events")
    assert len(api.get("events", accept="text/csv").text.splitlines()) == 5


def test_the_log_is_followed_live_through_an_outage_until_the_end(
    api: Api, three: None, truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LOOK_AT_LOG_SECONDS", 0.05)
    monkeypatch.setattr(live, "_HEARTBEAT_SECONDS", 0.1)
    stopping = threading.Event()
    read = truyvet.log.read

    async def told() -> list[str]:
        source = Source(Wanted(truyvet.log, None, None).told, truyvet.log.head, lambda: truyvet.graph.position)
        stream = live.follow(truyvet.access_keys, api.key.id, source, FIRST, stopping)
        assert (await anext(stream)).startswith(b":")
        seen = [(await anext(stream)).decode()]
        monkeypatch.setattr(truyvet.log, "read", _away)
        assert await anext(stream) == b":\n\n"
        monkeypatch.setattr(truyvet.log, "read", read)
        await asyncio.to_thread(api.venue, "bar")
        seen.append(await _next_told(stream))
        stopping.set()
        assert [chunk async for chunk in stream] == []
        return seen

    first, second = asyncio.run(told())
    assert [line for line in first.splitlines() if line.startswith("id")] == ["id: 3", "id: 4"]
    assert json.loads(second.partition("data: ")[2])["data"]["code"] == "bar"


async def _next_told(stream: AsyncIterator[bytes]) -> str:
    async for chunk in stream:
        if not chunk.startswith(b":"):
            return chunk.decode()
    raise AssertionError("the stream ended")


def _away(*_: object, **__: object) -> None:
    raise OperationalError
