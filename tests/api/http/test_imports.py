import gzip
import json
from collections.abc import Iterator

import pytest

from tests.api.http.asking import Api

CSV = {"Content-Type": "text/csv"}
HEADER = b"person,venue,check_in,check_out\n"
LINE = b"ref:ann,cafe,2021-08-30T09:00:00+07:00,2021-08-30T10:00:00+07:00\n"


def test_visits_are_imported_and_answered_like_the_command(api: Api) -> None:
    content = HEADER + LINE + LINE + b"ref:bob,cafe,yesterday,\n"
    answer = api.client.post("/v1/imports/visits?register_venues=true&default_stay=90", content=content, headers=CSV)
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("seconds") >= 0
    assert told == {
        "read": 3, "recorded": 1, "completed": 0, "duplicates": 1, "rejected": 1, "position": 5,
        "rejects": [{"line": 4, "reason": "time 'yesterday' is no instant; write it like 2021-08-30T09:00:00+07:00"}],
    }  # fmt: skip
    assert api.get("venues/cafe").json()["default_stay_minutes"] == 90


def test_a_body_of_any_size_is_taken_in_as_it_comes(api: Api) -> None:
    def lines() -> Iterator[bytes]:
        yield HEADER[:10]
        yield HEADER[10:]
        for n in range(25_000):
            yield b"ref:p%d,cafe,2021-08-30T09:00:00+07:00,\n" % n

    answer = api.client.post("/v1/imports/visits", params={"register_venues": "true"}, content=lines(), headers=CSV)
    assert answer.json()["recorded"] == 25_000


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/gzip"])
def test_ndjson_and_archives_are_read_too(api: Api, kind: str) -> None:
    api.venue("cafe")
    line = {"person": "ref:ann", "venue": "cafe", "check_in": "2021-08-30T09:00:00+07:00"}
    content = json.dumps(line).encode()
    content = gzip.compress(content) if kind == "application/gzip" else content
    answer = api.client.post("/v1/imports/visits", content=content, headers={"Content-Type": kind})
    assert answer.json()["recorded"] == 1


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"\x1f\x8b\x08broken"])
def test_a_file_that_cannot_be_read_is_a_problem(api: Api, content: bytes) -> None:
    answer = api.client.post("/v1/imports/visits", content=content, headers=CSV)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_truncated_file_is_a_problem_with_the_tally_of_what_came_before(api: Api) -> None:
    api.venue("cafe")
    lines = b"".join(b"ref:p%d,cafe,2021-08-30T09:00:00+07:00,\n" % n for n in range(20_000))
    whole = gzip.compress(HEADER + lines)
    answer = api.client.post("/v1/imports/visits", content=whole[:-2000], headers={"Content-Type": "application/gzip"})
    told = answer.json()
    assert (answer.status_code, told["status"]) == (422, 422)
    assert told["detail"] == "the gzip archive is truncated or damaged"
    assert 0 < told["recorded"] == told["read"] < 20_000


def test_quarantines_are_imported(api: Api) -> None:
    content = b"person,from,until\nref:ann,2021-08-30T09:00:00+07:00,\n"
    answer = api.client.post("/v1/imports/quarantines", content=content, headers=CSV)
    assert answer.json()["recorded"] == 1


def test_a_web_page_cannot_send_a_file_without_asking(api: Api) -> None:
    answer = api.client.post("/v1/imports/visits", content=HEADER, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_what_an_import_brings_carries_its_id(api: Api) -> None:
    api.client.post("/v1/imports/visits?register_venues=true", content=HEADER + LINE, headers=CSV)
    begun, *rest = api.items("events")
    assert begun["type"] == "Import.Begun"
    assert {event["correlation"] for event in rest} == {begun["stream"]}
