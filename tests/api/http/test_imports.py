import gzip
import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from tests.api.http.asking import FIRST, Api, at

CSV = {"Content-Type": "text/csv"}
HEADER = b"person,venue,check_in,check_out\n"
LINE = b"ref:ann,cafe,2021-08-30T09:00:00+07:00,2021-08-30T10:00:00+07:00\n"


def test_visits_are_imported_and_answered_like_the_command(api: Api) -> None:
    content = HEADER + LINE + LINE + b"ref:bob,cafe,yesterday,\n"
    answer = api.client.post("/v1/imports/visits?register_venues=true&default_stay=90", content=content, headers=CSV)
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("seconds") >= 0
    assert UUID(told.pop("import_id"))
    assert told == {
        "read": 3, "recorded": 1, "completed": 0, "duplicates": 1, "rejected": 1, "position": FIRST + 4,
        "rejects": [{"line": 4, "reason": "the time is no instant; write it like 2021-08-30T09:00:00+07:00"}],
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


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_whatever_kind_a_file_is_said_to_be_its_content_tells(api: Api, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    told = api.imported("visits", HEADER + LINE, headers=headers, params={"register_venues": "true"})
    assert told["recorded"] == 1


def test_what_an_import_brings_carries_its_id(api: Api) -> None:
    api.client.post("/v1/imports/visits?register_venues=true", content=HEADER + LINE, headers=CSV)
    begun, *rest = api.items("events", after=FIRST - 1)
    assert begun["type"] == "Import.Begun"
    assert {event["correlation"] for event in rest} == {begun["stream"]}


def test_an_import_is_named_unless_it_brought_nothing_new(api: Api) -> None:
    first, again = (api.imported("visits", HEADER + LINE, params={"register_venues": "true"}) for _ in range(2))
    assert first["import_id"] == api.items("events", after=FIRST - 1)[0]["stream"]
    assert (again["duplicates"], again["import_id"]) == (1, None)


def test_a_truncated_import_is_named_too(api: Api) -> None:
    api.venue("cafe")
    lines = b"".join(b"ref:p%d,cafe,2021-08-30T09:00:00+07:00,\n" % n for n in range(20_000))
    told = api.client.post("/v1/imports/visits", content=gzip.compress(HEADER + lines)[:-2000]).json()
    assert told["import_id"] == api.items("events", type="Import.Begun")[0]["stream"]


def test_imports_are_listed_with_what_they_came_to(api: Api) -> None:
    visits = api.imported("visits", HEADER + LINE + b"ref:bob,cafe,yesterday,\n", params={"register_venues": "true"})
    quarantines = api.imported("quarantines", b"person,from,until\nref:ann,2021-08-30T09:00:00+07:00,\n")
    first, second = api.items("imports")
    assert [first["import_id"], second["import_id"]] == [visits["import_id"], quarantines["import_id"]]
    assert first["begun_at"] <= first["ended_at"]
    assert len(first["sha256"]) == 64
    assert {name: first[name] for name in ("kind", "read", "recorded", "completed", "duplicates", "rejected")} == {
        "kind": "visits", "read": 2, "recorded": 1, "completed": 0, "duplicates": 0, "rejected": 1,
    }  # fmt: skip
    assert (first["failure"], first["retracted_at"], first["actor"], first["position"]) == (
        None, None, f"key:{api.key.id}", FIRST,
    )  # fmt: skip


def test_an_import_is_retracted_as_a_whole(api: Api) -> None:
    api.venue("cafe")
    api.visit("bob", "cafe", "09:30")
    import_id = api.imported("visits", HEADER + LINE)["import_id"]
    retracted = api.post(f"imports/{import_id}/retraction", {"reason": "the wrong file"})
    assert retracted.status_code == 200
    assert retracted.json() == {"import_id": import_id, "position": api.truyvet.log.head()}
    left = api.items("venues/cafe/visits", **{"from": at("00:00"), "to": at("23:59")})
    assert [visit["person"] for visit in left] == ["ref:bob"]
    assert api.items("imports")[0]["retracted_at"] is not None
    assert api.post(f"imports/{import_id}/retraction").json() == retracted.json()
    assert "wrong" not in json.dumps(api.items("events"))


@pytest.mark.parametrize("name", ["8d2ab8a0-9d27-4d4c-8c07-6f1fd40ab7d0", "nothing", "%00"])
def test_an_unknown_import_is_not_found(api: Api, name: str) -> None:
    assert api.post(f"imports/{name}/retraction", {"reason": "the wrong file"}).status_code == 404


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": 1}, {"because": "x"}, []])
def test_a_retraction_is_read_strictly(api: Api, body: object) -> None:
    assert api.post(f"imports/{uuid4()}/retraction", body).status_code == 422


def test_a_retraction_is_no_file_and_has_the_bound_of_other_bodies(api: Api) -> None:
    assert api.post(f"imports/{uuid4()}/retraction", {"reason": "x" * 1_000_000}).status_code == 413


def test_no_request_can_make_a_fact_part_of_an_import(api: Api) -> None:
    import_id = api.imported("visits", HEADER + LINE, params={"register_venues": "true"})["import_id"]
    body = {"venue": "cafe", "person": "ref:own", "at": at("09:00"), "visit_id": "own"}
    assert api.post("check-ins", body, headers={"X-Request-Id": import_id}).headers["X-Request-Id"] == import_id
    api.post(f"imports/{import_id}/retraction")
    assert not api.truyvet.visits.get("own").retracted
