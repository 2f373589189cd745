import pytest

from tests.api.http.asking import FIRST, Api, at


@pytest.fixture
def cafe(api: Api) -> str:
    return api.venue("cafe", default_stay_minutes=45)


def test_a_venue_is_registered_amended_and_read_as_of_any_position(api: Api, cafe: str) -> None:
    amended = api.patch(f"venues/{cafe}", {"default_stay_minutes": 90}).json()
    assert amended["default_stay_minutes"] == 90
    assert amended["name"] == "Cafe"
    assert api.get("venues/cafe").json() == amended
    assert api.get(f"venues/{cafe}", as_of=FIRST).json()["default_stay_minutes"] == 45
    assert api.get(f"venues/{cafe}", as_of=0).status_code == 404


def test_what_an_amendment_leaves_out_stays_and_null_is_refused(api: Api, cafe: str) -> None:
    assert api.patch(f"venues/{cafe}", {}).json()["position"] == FIRST
    refused = api.patch(f"venues/{cafe}", {"name": None})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"in": "body", "field": "name", "detail": "leave it out or give a value"}]


def test_a_check_in_is_answered_the_same_when_sent_again(api: Api, cafe: str) -> None:
    body = {"venue": "cafe", "person": "phone:0912345678", "at": at("09:00"), "visit_id": "gate:1", "source": "gate"}
    first, again = api.post("check-ins", body), api.post("check-ins", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() == {"visit_id": "gate:1", "position": FIRST + 2}
    assert api.post("check-ins", body | {"at": at("09:01")}).status_code == 409


def test_a_check_in_without_a_time_is_the_same_when_sent_again_later(
    api: Api, cafe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"venue": "cafe", "person": "ref:ann", "visit_id": "gate:1"}
    first = api.post("check-ins", body).json()
    now = api.truyvet.visits.now() + 60
    monkeypatch.setattr(api.truyvet.scans, "now", lambda: now)
    assert api.post("check-ins", body).json() == first


def test_an_idempotency_key_finds_what_it_created_and_conflicts_with_another_body(api: Api, cafe: str) -> None:
    key = {"Idempotency-Key": "gate 7, scan 12"}
    body = {"venue": "cafe", "person": "ref:ann", "at": at("09:00")}
    first = api.post("check-ins", body, headers=key)
    assert api.post("check-ins", body, headers=key).json() == first.json()
    assert api.post("check-ins", body | {"person": "ref:bob"}, headers=key).status_code == 409


def test_a_check_in_with_a_key_finds_the_one_without(api: Api, cafe: str) -> None:
    visit = api.visit("ann", "cafe", "09:00")
    body = {"venue": "cafe", "person": "ref:ann", "at": at("09:00")}
    again = api.post("check-ins", body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["visit_id"]) == (201, visit)


def test_a_check_out_without_a_time_is_the_same_when_its_request_is_sent_again(api: Api, cafe: str) -> None:
    visit = api.visit("ann", "cafe", "09:00")
    first = api.post(f"visits/{visit}/check-out", headers={"Idempotency-Key": "out-1"})
    assert first.status_code == 200
    api.truyvet.visits.now = lambda: int(10**9.3)  # type: ignore[method-assign] # a clock that goes wrong
    assert api.post(f"visits/{visit}/check-out", headers={"Idempotency-Key": "out-1"}).json() == first.json()
    assert api.post(f"visits/{visit}/check-out", {"at": at("11:00")}).status_code == 409


def test_a_correction_leaves_what_it_does_not_name_and_forgets_what_is_null(api: Api, cafe: str) -> None:
    visit = api.visit("ann", "cafe", "09:00", "10:00")
    assert api.post(f"visits/{visit}/correction", {"check_in": at("09:05"), "reason": "typo"}).status_code == 200
    assert _times(api, cafe) == [("2021-08-30T02:05:00Z", "2021-08-30T03:00:00Z")]
    assert api.post(f"visits/{visit}/correction", {"check_out": None, "reason": "unknown"}).status_code == 200
    assert _times(api, cafe) == [("2021-08-30T02:05:00Z", None)]


@pytest.mark.parametrize("body", [{"reason": "nothing"}, {"check_in": None, "reason": "null"}, {"check_out": None}])
def test_a_correction_names_a_time_and_a_reason(api: Api, cafe: str, body: dict[str, str | None]) -> None:
    visit = api.visit("ann", "cafe", "09:00")
    assert api.post(f"visits/{visit}/correction", body).status_code == 422


def test_a_retracted_visit_is_not_listed_but_was_before(api: Api, cafe: str) -> None:
    visit = api.visit("ann", "cafe", "09:00")
    before = api.truyvet.log.head()
    assert api.post(f"visits/{visit}/retraction", {"reason": "never there"}).json()["position"] == before + 1
    assert _times(api, cafe) == []
    assert len(api.items(f"venues/{cafe}/visits", as_of=before, **_DAY)) == 1


def test_the_visits_of_a_person_are_found_by_the_random_id_only(api: Api, cafe: str) -> None:
    api.visit("ann", "cafe", "09:00", "10:00")
    (there,) = api.items("venues/cafe/visits", **_DAY)
    assert api.items(f"people/{there['person_id']}/visits") == [there]
    assert there["person"] == "ref:ann"
    assert api.items(f"people/id:{there['person_id']}/visits") == [there]
    assert api.items("people/0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10/visits") == []


@pytest.mark.parametrize(
    "name", ["ref:ann", "phone:+84912345678", "0912345678", "id:ann", "garbage", "id:id:", "ann-x"]
)
def test_a_person_is_not_looked_for_by_name_in_a_url(api: Api, cafe: str, name: str) -> None:
    api.visit("ann", "cafe", "09:00")
    refused = api.get(f"people/{name}/visits")
    assert refused.status_code == 422
    assert name not in refused.text


def test_overlaps_give_the_columns_of_the_semantics(api: Api, cafe: str) -> None:
    a, b = api.visit("ann", "cafe", "09:00", "10:00"), api.visit("bob", "cafe", "09:30", "10:30")
    api.visit("cat", "cafe", "10:10", "10:20")
    first, second = api.items("venues/cafe/overlaps", **_DAY)
    assert first == {
        "person_a": "ref:ann", "person_b": "ref:bob", "start": "2021-08-30T02:30:00Z", "end": "2021-08-30T03:00:00Z",
        "seconds": 1800, "certainty": "certain", "visits_a": [a], "visits_b": [b],
    }  # fmt: skip
    assert (second["person_a"], second["person_b"]) == ("ref:bob", "ref:cat")
    assert api.items("venues/cafe/overlaps", person="ref:ann", **_DAY) == [first]
    assert api.items("venues/cafe/overlaps", min_minutes=11, **_DAY) == [first]
    assert api.get("venues/cafe/overlaps", accept="text/csv", **_DAY).text.splitlines() == [
        "person_a,person_b,start,end,seconds,certainty,visits_a,visits_b",
        f"ref:ann,ref:bob,2021-08-30T02:30:00Z,2021-08-30T03:00:00Z,1800,certain,{a},{b}",
        ",".join(";".join(v) if isinstance(v, list) else str(v) for v in second.values()),
    ]


@pytest.mark.parametrize("person", ["phone:+84912345678", "0912345678", "cccd:001234567890"])
def test_personal_data_is_refused_in_a_url(api: Api, cafe: str, person: str) -> None:
    refused = api.get("venues/cafe/overlaps", person=person, **_DAY)
    assert refused.status_code == 422
    assert "do not belong in" in refused.json()["detail"]
    assert person not in refused.text


def test_a_plus_that_was_not_escaped_is_understood(api: Api, cafe: str) -> None:
    api.visit("ann", "cafe", "09:00")
    api.truyvet.graph.catch_up()
    query = "from=2021-08-30T00:00:00+07:00&to=2021-08-31T00:00:00+07:00"
    assert len(api.client.get(f"/v1/venues/cafe/visits?{query}").json()["items"]) == 1
    assert api.client.get(f"/v1/venues/cafe/visits?{query}&as_of=2021-08-30T00:00:00+07:00").json()["items"] == []


_DAY = {"from": at("00:00"), "to": at("23:59")}


def _times(api: Api, venue: str) -> list[tuple[str, str | None]]:
    return [(visit["check_in"], visit["check_out"]) for visit in api.items(f"venues/{venue}/visits", **_DAY)]
