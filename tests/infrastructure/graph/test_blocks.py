"""Blocks say what their events say, one by one: by NumPy, by compiled loops, whatever is odd or damaged in them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Malformed
from domain.times import LATEST, to_text
from infrastructure.graph import LoggedEvent, blocks
from infrastructure.graph.blocks import Block, whole_streams
from infrastructure.graph.plain import NO_CLOCK, seconds
from infrastructure.graph.projection import read
from tests.blocks import HEADER, NINE, TRAILER, check_in, copied, logged, row, uuid


@pytest.fixture(scope="module", autouse=True, params=[False, True], ids=["numpy", "compiled"])
def compiled(request: pytest.FixtureRequest) -> bool:
    if request.param and not blocks.warm_up():
        pytest.skip("numba is not installed: pip install truyvet[compiled]")
    return bool(request.param)


def said(events: Sequence[LoggedEvent] | Block) -> Any:
    """The facts as plain values, or what is wrong."""
    try:
        return [[(column.dtype, column.tolist()) for column in facts] for facts in read(events)]
    except Malformed as error:
        return str(error)


def plain(compiled: bool, *states: bytes) -> list[int]:
    return Block.of(copied(logged(*states)), compiled=compiled).check_ins.row.tolist()


@pytest.mark.parametrize("end", [None, NINE + 3_600])
@pytest.mark.parametrize("visit_id", ["v", "0b9c1c3e-6a0f-4a57-8f0b-2d1b7d2c9a10", "v" * 128])
def test_check_ins_as_the_mapper_writes_them_are_plain(compiled: bool, visit_id: str, end: int | None) -> None:
    block = Block.of(copied(logged(check_in(visit_id, end=end))), compiled=compiled)
    assert block.check_ins.row.tolist() == [0]
    assert block.visit_ids(block.check_ins) == [visit_id]
    assert block.texts(block.check_ins.person_at, 36) == [str(uuid("ann"))]
    assert block.check_ins.start.tolist() == [NINE]
    assert block.check_ins.end.tolist() == [2**32 - 1 if end is None else end]


@pytest.mark.parametrize("error", [0, 7, -31_622_400])
def test_only_compiled_loops_take_what_came_later_for_plain(compiled: bool, error: int) -> None:
    state = check_in(assurance="phone", clock_error_seconds=error, device="5f0c")
    block = Block.of(copied(logged(state, check_in(device="5f0c"))), compiled=compiled)
    assert block.check_ins.row.tolist() == ([0, 1] if compiled else [])
    assert block.check_ins.clock_error.tolist() == ([error, NO_CLOCK] if compiled else [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"schema":1', '"schema":2'),
        ('"schema":1', '"schema": 1'),
        ('"visit_id":"v1"', '"visit_id":"v\\u0031"'),
        ('"visit_id":"v1"', '"visit_id":"v1","visit_id":"v2"'),
        ("2021-08-30T02:00:00Z", "2021-02-29T02:00:00Z"),
        ("2021-08-30T02:00:00Z", "2021-08-30T02:00:60Z"),
        ("2021-08-30T02:00:00Z", "2021-13-30T02:00:00Z"),
        ("2021-08-30T02:00:00Z", "2107-08-30T02:00:00Z"),
        ("2021-08-30T02:00:00Z", "2021-08-30t02:00:00Z"),
        ('"happened_at":"2021', '"happened_at":"2020'),
        ("-abab-", "-ABAB-"),
        ("abababab", "abababag"),
        ('"check_out":null', '"check_out":7'),
        ('"check_out":null', '"check_out":nil '),
        ('"check_out":null', '"check_out":null,"clock_error_seconds":07'),
        ('"check_out":null', '"check_out":null,"clock_error_seconds":-0'),
        ('"check_out":null', '"check_out":null,"clock_error_seconds":-'),
        ('"check_out":null', '"check_out":null,"device":"'),
        ('"check_out":null', '"check_out":null,"device":"a","assurance":"phone"'),
        ("}", "} "),
        ("}", ""),
    ],
)
def test_what_differs_is_not_plain(compiled: bool, old: str, new: str) -> None:
    odd = check_in().decode().replace(old, new)
    assert odd != check_in().decode()
    assert plain(compiled, check_in(), odd.encode(), check_in()) == [0, 2]


def test_an_empty_block_holds_nothing(compiled: bool) -> None:
    block = Block.of(HEADER + TRAILER, compiled=compiled)
    assert len(block) == 0
    assert said(block) == said([])


def test_events_stand_in_a_block_as_they_are(compiled: bool) -> None:
    events = [*logged(check_in(), b"", b"x"), LoggedEvent(9, "Venue.Renamed", uuid("caf"), "{é}".encode())]
    block = Block.of(copied(events), compiled=compiled)
    assert [LoggedEvent(e.position, e.topic, e.stream, e.state) for e in block.events(np.arange(4))] == events
    assert block.places.version.tolist() == [1, 1, 1, 1]


def test_a_damaged_event_is_named(compiled: bool) -> None:
    block = Block.of(copied(logged(check_in(), b"x", check_in())), compiled=compiled)
    with pytest.raises(Malformed, match="position 2 "):
        read(block)


def test_streams_stay_whole_in_blocks_of_any_size() -> None:
    events = [LoggedEvent(n, "Visit.CheckedIn", uuid(name), check_in()) for n, name in enumerate("aabccd", start=1)]
    rows = [HEADER + row(events[0]), *map(row, events[1:]), TRAILER]
    found = [Block.of(block, compiled=False).places.position.tolist() for block in whole_streams(rows, 1)]
    assert found == [[1, 2], [3, 4, 5], [6]]
    assert list(whole_streams(rows, 1 << 20)) == [b"".join(rows)]


def test_seconds_are_those_of_the_calendar() -> None:
    days = np.arange(LATEST // 86_400)
    dates = days.astype("datetime64[D]")
    year, month = dates.astype("datetime64[Y]"), dates.astype("datetime64[M]")
    counted = (year.astype(int) + 1970, (month - year).astype(int) + 1, (dates - month).astype(int) + 1)
    assert (seconds(*counted, 0, 0, 1) == days * 86_400 + 1).all()


@pytest.mark.parametrize(
    "instant",
    [
        (2021, 2, 29),
        (2100, 2, 29),
        (2021, 4, 31),
        (2021, 12, 32),
        (2021, 0, 1),
        (2021, 13, 1),
        (2021, 1, 0),
        (1969, 12, 31),
    ],
)  # fmt: skip
def test_days_that_do_not_exist_have_no_seconds(instant: tuple[int, int, int]) -> None:
    assert seconds(*instant, 0, 0, 0) == -1
    assert seconds(2024, 2, 29, 0, 0, 0) > 0


instants = st.integers(0, LATEST)
scans = st.fixed_dictionaries(
    {},
    optional={
        "assurance": st.sampled_from(["none", "one_time_code"]),
        "clock_error_seconds": st.integers(-(10**8), 10**8),
        "device": st.text("0123456789abcdef", max_size=32),
    },
)
well_formed = st.builds(
    lambda visit_id, start, end, scan: check_in(visit_id, start, end, **scan),
    st.text("abcXYZ019._:-", min_size=1, max_size=40),
    instants,
    st.none() | instants,
    scans,
)
others = st.builds(
    lambda start, end: json.dumps(
        {
            "schema": 1, "happened_at": to_text(start), "visit_id": 'é"\\', "person": str(uuid("ann")),
            "venue": str(uuid("caf")), "check_in": to_text(start), "check_out": None if end is None else to_text(end),
            "old_check_in": to_text(start), "since": to_text(start), "until": None, "default_stay_minutes": 60,
        }
    ).encode(),
    instants,
    st.none() | instants,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    state = bytearray(draw(well_formed))
    at = draw(st.integers(0, len(state) - 1))
    match draw(st.sampled_from(["replaced", "left out", "put in", "cut off"])):
        case "replaced":
            state[at] = draw(st.integers(0, 255))
        case "left out":
            del state[at]
        case "put in":
            state.insert(at, draw(st.sampled_from(b'0 "\\,}-zA')))
        case _:
            del state[at:]
    return bytes(state)


topics = st.sampled_from(
    [
        "Visit.CheckedOut",
        "Visit.Corrected",
        "Visit.Retracted",
        "Venue.Registered",
        "Quarantine.Assigned",
        "Case.Closed",
        "",
    ]
)
mixes = st.lists(
    st.tuples(st.just("Visit.CheckedIn"), well_formed)
    | st.tuples(st.just("Visit.CheckedIn"), others)
    | st.tuples(topics, others),
    max_size=12,
)


def numbered(told: Sequence[tuple[str, bytes]]) -> list[LoggedEvent]:
    return [LoggedEvent(n, topic, uuid(f"s{n}"), state) for n, (topic, state) in enumerate(told, start=1)]


@given(mixes)
def test_blocks_say_what_their_events_say(compiled: bool, told: list[tuple[str, bytes]]) -> None:
    events = numbered(told)
    facts = said(events)
    assert not isinstance(facts, str)
    assert said(Block.of(copied(events), compiled=compiled)) == facts


@given(mixes, damaged(), mixes)
def test_blocks_name_what_their_events_name(
    compiled: bool, before: list[tuple[str, bytes]], state: bytes, after: list[tuple[str, bytes]]
) -> None:
    events = numbered([*before, ("Visit.CheckedIn", state), *after])
    assert said(Block.of(copied(events), compiled=compiled)) == said(events)
