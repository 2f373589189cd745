"""Files of visits and quarantines, good and bad, once and twice, from two processes, and killed in the middle."""

import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import Truyvet
from application.provenance import LOCAL
from domain.people import Person
from domain.times import LATEST, to_text
from domain.visits import Visit
from infrastructure.imports import Outcome
from infrastructure.imports.encoding import encode_check_in, encode_registered
from infrastructure.lines import LONGEST_LINE, Unreadable
from infrastructure.mapper import EventMapper

HEADER = "person,venue,check_in,check_out\n"
GOOD = "ref:ann,cafe,2021-08-30T09:00:00+07:00,2021-08-30T11:00:00+07:00\n"


def visits(
    truyvet: Truyvet, text: str | bytes, *, register_venues: bool = True
) -> tuple[Outcome, list[tuple[int, str]]]:
    content = text.encode() if isinstance(text, str) else text
    rejects: list[tuple[int, str]] = []
    outcome = truyvet.imports.visits(
        io.BytesIO(content), register_venues=register_venues, by=LOCAL,
        reject=lambda number, reason, _: rejects.append((number, reason)),
    )  # fmt: skip
    return outcome, rejects


def counts(outcome: Outcome) -> tuple[int, int, int, int, int]:
    """Read, recorded, completed, duplicates, rejected."""
    tally = outcome.tally
    assert tally.read == tally.recorded + tally.completed + tally.duplicates + tally.rejected
    return tally.read, tally.recorded, tally.completed, tally.duplicates, tally.rejected


def facts(truyvet: Truyvet) -> list[tuple[str, str, str, str | None]]:
    """Every visit as (person, venue, check-in, check-out), whatever its ids and positions."""
    known: dict[UUID, dict[str, str]] = {}
    for event in truyvet.log.read_all(0):
        if event.type.startswith("Visit."):
            known[event.stream] = known.get(event.stream, {}) | event.as_dict()["data"]
    names = truyvet.people.identities({UUID(data["person"]) for data in known.values()})
    venues = truyvet.contacts.venue_names({UUID(data["venue"]) for data in known.values()})
    return sorted(
        (names[UUID(d["person"])], venues[UUID(d["venue"])], d["check_in"], d["check_out"] or "")
        for d in known.values()
    )


def made_up(count: int, seed: int = 1) -> list[str]:
    """Lines without repeated triples; a tenth without check-out."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        start = 1_630_300_000 + number * 7
        end = "" if rng.random() < 0.1 else to_text(start + rng.randrange(60, 7_200))
        lines.append(f"ref:p{rng.randrange(count // 10 + 1)},v{rng.randrange(40)},{to_text(start)},{end}\n")
    return lines


class TestWhatComesIn:
    def test_a_visit_is_recorded_and_can_be_asked_for(self, truyvet: Truyvet) -> None:
        outcome, _ = visits(truyvet, HEADER + GOOD + GOOD.replace("ann", "bob"))
        truyvet.graph.catch_up()
        found = truyvet.contacts.trace("ref:ann", 1_630_000_000, 1_631_000_000)

        assert counts(outcome) == (2, 2, 0, 0, 0)
        assert [(c.person, c.level, c.contact_seconds, c.certain) for c in found.contacts] == [
            ("ref:bob", 1, 7200, True)
        ]
        assert outcome.position == truyvet.log.head()

    def test_ndjson_gzip_byte_order_mark_and_windows_line_ends(self, truyvet: Truyvet) -> None:
        line = {"person": "ref:ann", "venue": "cafe", "check_in": "2021-08-30T02:00:00Z", "check_out": None}
        ndjson = json.dumps(line) + "\n"
        assert counts(visits(truyvet, gzip.compress(ndjson.encode()))[0]) == (1, 1, 0, 0, 0)
        csv = "\ufeff" + HEADER + "ref:ann,cafe,2021-08-30T02:00:00Z,\n"
        assert counts(visits(truyvet, csv.replace("\n", "\r\n"))[0]) == (1, 0, 0, 1, 0)

    def test_columns_may_come_in_any_order_with_visit_id_and_source(self, truyvet: Truyvet) -> None:
        text = "source,visit_id,check_out,check_in,venue,person\n"
        text += "pccovid,pccovid:8841,,2021-08-30T02:00:00Z,cafe,0912345678\n"
        outcome, _ = visits(truyvet, text)
        visit = truyvet.visits.get("pccovid:8841")
        recorded = [event for event in truyvet.log.read_all(0) if event.type == "Visit.CheckedIn"]

        assert counts(outcome) == (1, 1, 0, 0, 0)
        assert truyvet.people.identities([visit.person]) == {visit.person: "phone:+84912345678"}
        assert [event.source for event in recorded] == ["pccovid"]

    def test_a_later_line_supplies_the_check_out_in_the_same_file_or_the_next(self, truyvet: Truyvet) -> None:
        opened, other = "ref:ann,cafe,2021-08-30T02:00:00Z,", "ref:bob,cafe,2021-08-30T02:00:00Z,"
        ended = "2021-08-30T03:00:00Z"
        first, _ = visits(truyvet, f"{HEADER}{opened}\n{opened}{ended}\n{opened}\n{other}\n")
        second, _ = visits(truyvet, f"{HEADER}{other}{ended}\n{opened}\n{opened}{ended}\n")

        assert counts(first) == (4, 2, 1, 1, 0)
        assert counts(second) == (3, 0, 1, 2, 0)

    def test_another_check_out_or_id_is_refused(self, truyvet: Truyvet) -> None:
        text = "person,venue,check_in,check_out,visit_id\n"
        text += "ref:ann,cafe,2021-08-30T02:00:00Z,2021-08-30T03:00:00Z,a\n"
        text += "ref:ann,cafe,2021-08-30T02:00:00Z,2021-08-30T04:00:00Z,a\n"
        text += "ref:ann,cafe,2021-08-30T02:00:00Z,2021-08-30T03:00:00Z,b\n"
        text += "ref:bob,cafe,2021-08-30T02:00:00Z,2021-08-30T03:00:00Z,a\n"
        for _ in range(2):
            outcome, rejects = visits(truyvet, text)
            assert [number for number, _ in rejects] == [3, 4, 5]
        assert counts(outcome) == (4, 0, 0, 1, 3)

    def test_the_default_stay_of_venues_registered_on_the_way(self, truyvet: Truyvet) -> None:
        content = io.BytesIO((HEADER + GOOD).encode())
        truyvet.imports.visits(content, register_venues=True, default_stay_minutes=25, by=LOCAL)
        assert truyvet.venues.get("cafe").default_stay_minutes == 25

    def test_people_are_sealed_from_the_first_event_on(self, truyvet: Truyvet) -> None:
        visits(
            truyvet, HEADER + "0912345678,cafe,2021-08-30T02:00:00Z,\ncccd:001099012345,cafe,2021-08-30T02:00:00Z,\n"
        )
        with truyvet.database.get_connection() as connection:
            queries = ("SELECT e::text FROM events e", "SELECT k::text FROM keys k", "SELECT v::text FROM vault v")
            stored = "".join(str(connection.execute(query).fetchall()) for query in queries)
            states = b"".join(row["state"] for row in connection.execute("SELECT state FROM events"))
        assert "912345678" not in stored
        assert b"912345678" not in states
        assert b"001099012345" not in states


class TestBadInput:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("ref:ann,cafe,2021-08-30T09:00:00,", "offset"),
            ("ref:ann,cafe,yesterday,", "no instant"),
            ("ref:ann,cafe,2021-02-30T09:00:00Z,", "does not exist"),
            ("ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T09:00:00Z", "not after the check-in"),
            ("ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T08:00:00Z", "not after the check-in"),
            ("ref:ann,cafe,FUTURE,", "check-in lies in the future"),
            ("ref:ann,cafe,2021-08-30T09:00:00Z,FUTURE", "check-out lies in the future"),
            ("phone:12,cafe,2021-08-30T09:00:00Z,", "phone"),
            ("ann,cafe,2021-08-30T09:00:00Z,", "named like"),
            ("id:nobody,cafe,2021-08-30T09:00:00Z,", "by identity"),
            ("ref:ann,ca fé,2021-08-30T09:00:00Z,", "code"),
            ("ref:ann,cafe", "2 fields"),
            ('ref:ann,"cafe,2021-08-30T09:00:00Z,', "does not end"),
            ("ref:ann,,2021-08-30T09:00:00Z,", "code"),
            (",cafe,2021-08-30T09:00:00Z,", "named like"),
            ("ref:ann,cafe,,", "no instant"),
            ("ref:ann\0,cafe,2021-08-30T09:00:00Z,", "ref has"),
        ],
    )
    def test_a_bad_line_is_rejected_and_the_rest_is_in(self, truyvet: Truyvet, line: str, reason: str) -> None:
        line = line.replace("FUTURE", to_text(int(time.time()) + 900))
        outcome, rejects = visits(truyvet, f"{HEADER}{line}\n{GOOD}")

        assert counts(outcome) == (2, 1, 0, 0, 1)
        assert [number for number, _ in rejects] == [2]
        assert reason in rejects[0][1]

    def test_rejects_come_in_the_order_of_their_lines(self, truyvet: Truyvet) -> None:
        bad = ["ref:ann,cafe,now,", "ref:ann,no where,2021-08-30T09:00:00Z,", "who,cafe,2021-08-30T09:00:00Z,"]
        _, rejects = visits(truyvet, HEADER + "\n".join([*bad, *bad]) + "\n")
        assert [number for number, _ in rejects] == [2, 3, 4, 5, 6, 7]

    def test_an_unknown_venue_without_registering(self, truyvet: Truyvet) -> None:
        outcome, rejects = visits(truyvet, HEADER + GOOD, register_venues=False)
        assert counts(outcome) == (1, 0, 0, 0, 1)
        assert rejects == [(2, "there is no venue with that code or id")]
        assert truyvet.log.head() == 0

    def test_a_line_of_10_mb(self, truyvet: Truyvet) -> None:
        outcome, rejects = visits(truyvet, HEADER + "ref:" + "a" * 10_000_000 + "\n" + GOOD)
        assert counts(outcome) == (2, 1, 0, 0, 1)
        assert rejects == [(2, f"the line is longer than {LONGEST_LINE} bytes")]

    def test_a_line_that_is_not_utf_8(self, truyvet: Truyvet) -> None:
        outcome, rejects = visits(truyvet, HEADER.encode() + b"ref:\xff\xfe,cafe,x,\n" + GOOD.encode())
        assert counts(outcome) == (2, 1, 0, 0, 1)
        assert rejects == [(2, "the line is not UTF-8")]

    @pytest.mark.parametrize("line", ["[]", "{", '{"person": 7}', '{"who": "x"}', '{"person": "ref:ann"}'])
    def test_a_bad_line_of_ndjson(self, truyvet: Truyvet, line: str) -> None:
        good = json.dumps({"person": "ref:ann", "venue": "cafe", "check_in": "2021-08-30T02:00:00Z"})
        assert counts(visits(truyvet, f"{good}\n{line}\n")[0]) == (2, 1, 0, 0, 1)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "empty"),
            (b"\n\n", "empty"),
            (GOOD.encode(), "header lacks"),
            (b"person,venue,check_in\n" + GOOD.encode(), "header lacks check_out"),
            (b"person,venue,check_in,check_out,colour\n", "nothing else"),
            (b"person,venue,check_in,check_out,person\n", "once"),
            (HEADER.encode("utf-16"), "UTF-8"),
            (b"\x93\xa7\xff" * 100, "UTF-8"),
            (gzip.compress(HEADER.encode() + GOOD.encode(), mtime=0)[:15], "truncated"),
        ],
    )
    def test_a_file_that_cannot_be_read(self, truyvet: Truyvet, content: bytes, reason: str) -> None:
        with pytest.raises(Unreadable, match=reason):
            visits(truyvet, content)
        assert truyvet.log.head() == 0

    def test_a_truncated_archive_keeps_the_whole_lines_before_the_cut(self, truyvet: Truyvet) -> None:
        lines = made_up(20_000)
        packed = gzip.compress((HEADER + "".join(lines)).encode())
        outcome, _ = visits(truyvet, packed[: len(packed) // 2])

        assert outcome.failure == "the gzip archive is truncated or damaged"
        assert 2_000 < outcome.tally.recorded < 18_000
        assert outcome.tally.rejected == 0
        end = [event for event in truyvet.log.read_all(0) if event.type == "Import.Completed"][-1].as_dict()["data"]
        assert (end["recorded"], end["failure"]) == (outcome.tally.recorded, outcome.failure)

    def test_200_000_lines_with_one_in_a_hundred_bad(self, truyvet: Truyvet) -> None:
        lines = made_up(200_000)
        lines[50::100] = ["ref:ann,cafe,2021-08-30T09:00:00,\n"] * len(lines[50::100])
        outcome, rejects = visits(truyvet, HEADER + "".join(lines))

        assert counts(outcome) == (200_000, 198_000, 0, 0, 2_000)
        assert [number for number, _ in rejects] == list(range(52, 200_002, 100))
        truyvet.graph.catch_up()
        assert truyvet.graph.columns.visits == 198_000


class TestAgain:
    def test_the_same_file_twice_records_nothing_new(self, truyvet: Truyvet) -> None:
        text = HEADER + "".join(made_up(5_000))
        visits(truyvet, text)
        head = truyvet.log.head()
        outcome, _ = visits(truyvet, text)

        assert counts(outcome) == (5_000, 0, 0, 5_000, 0)
        assert truyvet.log.head() == outcome.position == head

    def test_the_import_itself_is_recorded(self, truyvet: Truyvet) -> None:
        text = HEADER + GOOD
        visits(truyvet, text)
        events = list(truyvet.log.read_all(0))
        begun, completed = events[0], events[-1]

        assert (begun.type, completed.type) == ("Import.Begun", "Import.Completed")
        assert {event.correlation for event in events} == {str(begun.stream)}
        told = completed.as_dict()["data"]
        assert told["recorded"] == told["read"] == 1
        assert len(told["sha256"]) == 64

    def test_halves_in_two_processes_come_to_the_same_as_one_import(
        self, truyvet: Truyvet, database_url: str, tmp_path: Path
    ) -> None:
        lines = made_up(12_000)
        halves = [lines[:7_000], lines[5_000:]]  # they share 2,000 lines, people and venues
        processes = [_import_process(tmp_path, database_url, number, half) for number, half in enumerate(halves)]
        tallies = [json.loads(process.communicate(timeout=120)[0]) for process in processes]

        assert [process.returncode for process in processes] == [0, 0]
        assert sum(tally["recorded"] for tally in tallies) == 12_000
        assert sum(tally["duplicates"] for tally in tallies) == 2_000
        assert facts(truyvet) == _facts_of(lines)

    def test_killed_in_the_middle_and_imported_again(self, truyvet: Truyvet, database_url: str, tmp_path: Path) -> None:
        lines = made_up(60_000)
        process = _import_process(tmp_path, database_url, 0, lines)
        _wait(lambda: truyvet.log.head() > 8_000)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed_at = truyvet.log.head()
        outcome, _ = visits(truyvet, HEADER + "".join(lines))

        assert 8_000 < killed_at < 60_000
        assert outcome.tally.duplicates > 0
        assert outcome.tally.recorded + outcome.tally.duplicates == 60_000
        assert facts(truyvet) == _facts_of(lines)


class TestQuarantines:
    def test_assigned_completed_and_refused(self, truyvet: Truyvet) -> None:
        text = "person,from,until\n"
        text += "ref:ann,2021-08-30T00:00:00Z,\nref:ann,2021-08-30T00:00:00Z,2021-09-03T00:00:00Z\n"
        text += "ref:ann,2021-08-30T00:00:00Z,2021-09-04T00:00:00Z\nref:bob,2021-08-30T00:00:00Z,2021-08-30T00:00:00Z\n"
        rejects: list[int] = []
        outcome = truyvet.imports.assigned_quarantines(
            io.BytesIO(text.encode()), by=LOCAL, reject=lambda number, *_: rejects.append(number)
        )
        again = truyvet.imports.assigned_quarantines(io.BytesIO(text.encode()), by=LOCAL)

        assert counts(outcome) == (4, 1, 1, 0, 2)
        assert rejects == [4, 5]
        assert counts(again) == (4, 0, 0, 2, 2)


class TestBothWaysOfEncoding:
    @given(
        visit_id=st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True),
        check_in=st.integers(0, LATEST - 100_000),
        stay=st.none() | st.integers(1, 100_000),
    )
    def test_a_check_in(self, visit_id: str, check_in: int, stay: int | None) -> None:
        person, venue, check_out = uuid4(), uuid4(), None if stay is None else check_in + stay
        visit = Visit.begin(uuid4(), visit_id, person, venue, check_in, check_out, LATEST)
        stored = EventMapper().to_stored_event(visit.pending_events[0])  # type: ignore[arg-type] # typed too narrowly

        assert stored.state == encode_check_in(visit_id, str(person), str(venue), check_in, check_out)

    @given(
        scheme=st.sampled_from(["phone", "cccd", "ref"]),
        sealed=st.from_regex(r"[A-Za-z0-9+/]{40}={0,2}", fullmatch=True),
    )
    def test_a_registration(self, scheme: str, sealed: str) -> None:
        person = Person.register(uuid4(), scheme, sealed, 1_630_000_000)
        stored = EventMapper().to_stored_event(person.pending_events[0])  # type: ignore[arg-type] # typed too narrowly

        assert stored.state == encode_registered(scheme, sealed, 1_630_000_000)


def _facts_of(lines: list[str]) -> list[tuple[str, ...]]:
    return sorted(tuple(line.rstrip("\n").split(",")) for line in lines)


def _import_process(tmp_path: Path, database_url: str, number: int, lines: list[str]) -> "subprocess.Popen[bytes]":
    file = tmp_path / f"{number}.csv"
    file.write_text(HEADER + "".join(lines))
    environment = os.environ | {"TRUYVET_DATABASE_URL": database_url, "TRUYVET_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "api.cli", "import", "visits", str(file), "--register-venues"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def _wait(reached: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
