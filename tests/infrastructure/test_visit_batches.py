"""Visits of a batch, column by column: the same as one line after another."""

import io
import itertools
import random
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.app import Truyvet
from application.log import Secret
from application.provenance import LOCAL, Provenance
from domain.errors import Malformed
from domain.people import Identity
from domain.times import LATEST, parse_instant, to_text
from infrastructure.events import copy_row
from infrastructure.imports import VISIT_COLUMNS, VISIT_OPTIONS
from infrastructure.imports.batch import Batch
from infrastructure.imports.encoding import CheckIns, Encoder, encode_check_in
from infrastructure.imports.instants import NONE, instant_characters, plain_instants
from infrastructure.imports.names import Names
from infrastructure.imports.visits import VisitImport
from infrastructure.lines import Lines
from infrastructure.mapper import EventMapper

NOW = 1_630_400_000

offsets = st.sampled_from(["Z", "+07:00", "-11:30", "+23:59", "+24:00", "+07:60", "+7:00", "z", "", "+0700"])
dates = st.dates().map(str) | st.sampled_from(["2021-02-29", "2020-02-29", "2021-13-01", "2021-00-10", "2106-02-07"])
clocks = st.times().map(lambda time: str(time)[:8]) | st.sampled_from(["24:00:00", "23:60:00", "12:00:60", "1:00:00"])
instants = st.builds("{}{}{}{}".format, dates, st.sampled_from("TTTt "), clocks, offsets)
scribbled = st.builds(
    lambda text, place, letter: text[:place] + letter + text[place + 1 :],
    instants, st.integers(0, 25), st.sampled_from("0:-Zé/٣\0"),
)  # fmt: skip


def parsed(text: str) -> int:
    try:
        return parse_instant(text)
    except Malformed:
        return NONE


class TestInstants:
    @given(st.lists(instants | scribbled | st.text(max_size=26)))
    @example(["2021-08-30T24:00:00Z", "2021-08-30T23:60:00Z", "2021-08-30T23:59:60Z", "2021-02-29T00:00:00Z"])
    @example(["2021-08-30T09:00:00+24:00", "2021-08-30T09:00:00+07:60", "2021-08-30T09:00:00 07:00"])
    @example(["1970-01-01T00:00:00+00:01", "2106-02-07T06:28:15Z", "2106-03-01T00:00:00Z", "2021-08-30T02:00:00Z"])
    def test_what_is_read_plainly_reads_the_same_alone(self, texts: list[str]) -> None:
        read = plain_instants(texts).tolist()
        assert [found for found in read if found != NONE] == [
            parsed(text) for text, found in zip(texts, read, strict=True) if found != NONE
        ]

    @given(st.lists(st.tuples(st.integers(0, LATEST), st.sampled_from([None, "+07:00", "-03:30"]))))
    def test_what_is_written_plainly_is_read_so(self, written: list[tuple[int, str | None]]) -> None:
        texts = [to_text(at) if zone is None else to_text(at)[:-1] + zone for at, zone in written]
        assert plain_instants(texts).tolist() == [parsed(text) for text in texts]

    @given(st.lists(st.integers(0, LATEST)))
    def test_the_text_of_many_is_the_text_of_each(self, seconds: list[int]) -> None:
        characters = instant_characters(np.array(seconds, np.int64))
        assert [bytes(row).decode() for row in characters] == [to_text(at) for at in seconds]


visits = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.text("aZ9._:-", min_size=1, max_size=4) | st.text("0f", min_size=32, max_size=32),
    st.uuids().map(str), st.uuids().map(str),
    st.integers(0, LATEST), st.just(NONE) | st.integers(0, LATEST),
    st.sampled_from(["", "pccovid", "x"]),
)  # fmt: skip


@given(st.lists(visits))
def test_rows_written_together_are_those_written_alone(written: list[tuple[Any, ...]]) -> None:
    encoder = Encoder(EventMapper(), Provenance(correlation="import"))
    columns = [list(column) for column in zip(*written, strict=True)] or [[] for _ in range(7)]
    stream, visit_id, person, venue, check_in, check_out, source = columns
    times = np.array(check_in, np.int64), np.array(check_out, np.int64)
    alone = [
        copy_row(
            stream, 1, b"Visit.CheckedIn",
            encode_check_in(visit_id, person, venue, check_in, None if check_out == NONE else check_out),
            encoder.origin(source or None),
        )
        for stream, visit_id, person, venue, check_in, check_out, source in written
    ]  # fmt: skip
    assert encoder.check_ins(CheckIns(stream, visit_id, person, venue, *times, source)) == alone


class TestNames:
    def test_those_not_asked_for_are_forgotten(self) -> None:
        names = Names(most=2)
        for name in ("ann", "bob", "cam", "dan", "eve"):
            names.learn({name: name.upper()})
            assert names.known(["ann"]) == ["ANN"]
        assert names.known(["ann", "bob", "eve", "ann"]) == ["ANN", None, "EVE", "ANN"]

    def test_what_was_never_recorded_is_forgotten_at_once(self) -> None:
        names = Names(most=1)
        names.learn({"ann": "1"})
        names.learn({"bob": "2"})
        names.forget(["ann", "bob", "cam"])
        assert names.known(["ann", "bob"]) == [None, None]


people = st.sampled_from(["ref:ann", "ref:bob", "0912345678", "phone:+84912345678", "id:ann", "nobody", '"ref:ann"'])
venues = st.sampled_from(["cafe", "bar", "no where", ""])
moments = st.sampled_from([
    "2021-08-30T02:00:00Z", "2021-08-30T09:00:00+07:00", "2021-08-30T03:00:00Z", "2021-08-30T02:00:00.7Z",
    "2021-08-30t04:00:00z", "2021-08-30T09:00:00", "2021-09-30T09:00:00Z", "",
])  # fmt: skip
visit_ids = st.sampled_from(["", "", "a", "b", "no id"])
sources = st.sampled_from(["", "pccovid", "a source"])
any_lines = st.tuples(people, venues, moments, moments, visit_ids, sources).map(",".join)
plain_lines = st.builds(
    "ref:{},cafe,{},,,".format, st.sampled_from(["ann", "bob", "cam"]), st.integers(0, NOW).map(to_text)
)


def numbered_uuids() -> Iterator[UUID]:
    return map(UUID, (f"{number:032x}" for number in itertools.count(1)))


def decided(content: str, *, plainly: bool) -> Batch:
    """What a batch comes to where nothing is known, with ids in order; not ``plainly``: one line after another."""
    fresh, rng, tools = numbered_uuids(), random.Random(1), MagicMock()
    tools.now.return_value = NOW
    tools.log.mapper = EventMapper()
    tools.log.holders.return_value = {}
    tools.venues.find_many.return_value = {}
    tools.vault.identity_key.side_effect = _identity_key
    tools.vault.new_secret.side_effect = lambda person: Secret(person, b"")
    tools.vault.seal.side_effect = lambda _secret, _field, text: text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infrastructure.imports.visits.uuid4", lambda: next(fresh))
        patch.setattr("infrastructure.imports.recorded.uuid4", lambda: UUID(int=0))
        patch.setattr("os.urandom", rng.randbytes)
        if not plainly:
            patch.setattr(Lines, "_plain_table", lambda *_: None)
            patch.setattr("infrastructure.imports.reading.plain_instants", lambda texts: np.full(len(texts), NONE))
            patch.setattr("infrastructure.imports.decision.Decision._is_all_new", lambda *_: False)
        work = VisitImport(tools, True, None, LOCAL)
        (table,) = Lines(io.BytesIO(content.encode()), VISIT_COLUMNS, VISIT_OPTIONS).tables(100)
        return work._decide(table, look_up=False)


def _identity_key(identity: Identity) -> bytes:
    return str(identity).encode().ljust(16)[:16]


odd_batch = [
    "id:ann,cafe,2021-08-30T02:00:00Z,,,",
    "ref:ann,cafe,2021-09-30T09:00:00Z,,,",
    "ref:ann,cafe,2021-08-30T02:00:00Z,2021-09-30T09:00:00Z,,",
    "ref:ann,cafe,2021-08-30T02:00:00Z,2021-08-30T02:00:00Z,,",
    "ref:ann,cafe,2021-08-30T02:00:00Z,,no id!,",
    "ref:ann,cafe,2021-08-30T02:00:00Z,,,no-source!",
]


@settings(deadline=None)
@example(odd_batch)
@example(["ref:ann,cafe,2021-08-30T02:00:00Z,,a,", "ref:bob,cafe,2021-08-30T02:00:00Z,,a,"])
@example(["ref:ann,cafe,2021-08-30T02:00:00Z,,a,", "ref:ann,cafe,2021-08-30T02:00:00Z,,b,"])
@given(st.lists(plain_lines, min_size=1, max_size=8) | st.lists(any_lines | plain_lines, min_size=1, max_size=8))
def test_a_batch_comes_to_the_same_as_its_lines_one_by_one(lines: list[str]) -> None:
    content = "\n".join(["person,venue,check_in,check_out,visit_id,source", *lines])
    at_once, one_by_one = decided(content, plainly=True), decided(content, plainly=False)
    at_once.rejects.sort()
    one_by_one.rejects.sort()

    assert at_once == one_by_one
    assert at_once.tally.read == len(lines)


@pytest.mark.parametrize("known", [0, 14, 35, 99])
def test_batches_that_meet_a_known_visit_are_decided_again_in_order(
    truyvet: Truyvet, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    monkeypatch.setattr("infrastructure.imports.BATCH", 10)
    header = "person,venue,check_in,check_out\n"
    lines = [f"ref:p{number},v{number % 7},{to_text(NOW - 5_000 + number)},\n" for number in range(100)]
    for content in (header + lines[known], header + "".join(lines)):
        outcome = truyvet.imports.visits(io.BytesIO(content.encode()), register_venues=True, by=LOCAL)
    everything = list(truyvet.log.read_all(0))
    events = [event for event in everything if event.correlation == str(outcome.import_id)]
    told = [event.as_dict()["data"] for event in events if event.type == "Visit.CheckedIn"]

    assert (outcome.tally.recorded, outcome.tally.duplicates) == (99, 1)
    assert [data["check_in"] for data in told] == [to_text(NOW - 5_000 + at) for at in range(100) if at != known]
    assert {data[of] for data in told for of in ("person", "venue")} <= {str(event.stream) for event in everything}
    assert [event.type for event in events if event.type.startswith("Import.")] == ["Import.Begun", "Import.Completed"]
