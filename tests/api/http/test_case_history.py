"""How the list of a case changed, what differs between two positions, and why somebody is in it."""

from typing import Any

import pytest

from tests.api.http.asking import Api, at


@pytest.fixture
def case(api: Api) -> str:
    """ann met bob for half an hour, and bob met cat, who forgot to check out."""
    api.venue("cafe")
    api.venue("bar")
    api.visit("ann", "cafe", "09:00", "10:00")
    api.visit("bob", "cafe", "09:30", "10:30")
    api.visit("bob", "bar", "12:00", "13:00")
    api.visit("cat", "bar", "12:10")
    return str(api.case("ann")["case_id"])


def history(api: Api, case: str, **query: object) -> list[dict[str, Any]]:
    api.truyvet.policies.catch_up()
    return api.items(f"cases/{case}/history", **query)


def told(changes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(change["change"], change["person"]) for change in changes]


def test_a_confirmed_case_adds_its_contacts_and_says_so(api: Api, case: str) -> None:
    bob, cat = history(api, case)
    assert (bob["change"], bob["person"], bob["level"]) == ("added", "ref:bob", 1)
    assert (cat["change"], cat["person"], cat["level"]) == ("added", "ref:cat", 2)
    assert bob["cause"]["type"] == "Case.Confirmed"
    assert bob["in_words"].startswith("added: case confirmed recorded on 20")
    assert bob["before"] is None
    assert bob["after"]["visits"] != []
    assert bob["position"] > bob["cause"]["position"]


def test_a_late_check_out_revises_and_names_itself(api: Api, case: str) -> None:
    history(api, case)
    visit = api.items(f"people/{history(api, case)[1]['person_id']}/visits")[0]["visit_id"]
    left = api.post(f"visits/{visit}/check-out", {"at": at("12:40")}).json()["position"]
    revised = history(api, case)[2]
    assert (revised["change"], revised["person"], revised["cause"]["position"]) == ("revised", "ref:cat", left)
    assert revised["in_words"].startswith("revised: late check-out (2021-08-30 12:40) recorded on ")
    assert (revised["before"]["certainty"], revised["after"]["certainty"]) == ("possible", "certain")


def test_the_words_are_there_in_vietnamese_too(api: Api, case: str) -> None:
    assert "xác nhận ca bệnh" in history(api, case, lang="vi")[0]["in_words"]


def test_a_withdrawn_case_withdraws_everybody_and_the_list_of_before_is_still_there(api: Api, case: str) -> None:
    before = history(api, case)
    api.post(f"cases/{case}/withdrawal", {"reason": "another person's sample"})
    assert told(history(api, case))[2:] == [("withdrawn", "ref:bob"), ("withdrawn", "ref:cat")]
    assert history(api, case, as_of=before[-1]["position"]) == before


def test_a_page_at_a_time(api: Api, case: str) -> None:
    everything = history(api, case)
    first = api.get(f"cases/{case}/history", limit=1).json()
    second = api.get(f"cases/{case}/history", limit=1, cursor=first["next"]).json()
    assert first["items"] + second["items"] == everything
    assert second["next"] is None


def test_waits_for_what_comes_of_an_event(api: Api, case: str) -> None:
    api.truyvet.policies.start()
    api.visit("dan", "cafe", "09:15", "09:45")
    changes = api.items(f"cases/{case}/history", wait_for=api.truyvet.log.head())
    assert ("added", "ref:dan") in told(changes)


def test_the_difference_between_two_positions(api: Api, case: str) -> None:
    confirmed = api.truyvet.log.head()
    api.visit("dan", "cafe", "09:15", "09:45")
    api.post("quarantines", {"person": "ref:bob", "from": at("11:00")})
    quarantined = api.truyvet.log.head()
    found = api.items(f"cases/{case}/difference", since=confirmed, as_of=quarantined)
    assert [(one["change"], one["person"]) for one in found] == [("added", "ref:dan"), ("withdrawn", "ref:cat")]
    assert found[0]["before"] is None
    assert found[1]["before"]["via"] == ["ref:bob"]
    assert api.items(f"cases/{case}/difference", since=confirmed, as_of=confirmed) == []
    assert api.get(f"cases/{case}/difference", since=quarantined, as_of=confirmed).status_code == 422
    everybody = api.items(f"cases/{case}/difference", since=0, as_of=confirmed)
    assert [(one["change"], one["person"]) for one in everybody] == [("added", "ref:bob"), ("added", "ref:cat")]


def test_the_evidence_tells_the_path_the_minutes_and_the_clause(api: Api, case: str) -> None:
    cat = api.items(f"cases/{case}/contacts")[1]["person_id"]
    found = api.get(f"cases/{case}/contacts/{cat}/evidence").json()
    assert [(hop["infector"], hop["contact"], hop["minutes"]) for hop in found["path"]] == [
        ("ref:ann", "ref:bob", 30.0), ("ref:bob", "ref:cat", 50.0),
    ]  # fmt: skip
    assert found["path"][1]["imputed"] == ["contact"]
    assert {(v["person"], v["observed"]) for v in found["visits"]} == {
        ("ref:ann", True), ("ref:bob", True), ("ref:cat", False),
    }  # fmt: skip
    assert "15 minutes or more" in found["rules"]["clause"]
    assert found["rules"]["source"].startswith("Document 11042/BYT-DP")


def test_the_path_leads_through_the_exposure_that_counts(api: Api, case: str) -> None:
    """Bob was confined after the first time, released, and exposed again before he met Eve."""
    api.post("quarantines", {"person": "ref:bob", "from": at("13:00"), "until": at("14:00")})
    api.visit("ann", "bar", "15:00", "16:00")
    api.visit("bob", "bar", "15:10", "16:00")
    api.visit("bob", "cafe", "17:00", "18:00")
    api.visit("eve", "cafe", "17:00", "18:00")
    eve = next(c for c in api.items(f"cases/{case}/contacts") if c["person"] == "ref:eve")["person_id"]
    path = api.get(f"cases/{case}/contacts/{eve}/evidence").json()["path"]
    assert [hop["start"] for hop in path] == ["2021-08-30T08:10:00Z", "2021-08-30T10:00:00Z"]


def test_who_is_no_contact_has_no_evidence(api: Api, case: str) -> None:
    api.visit("dan", "bar", "20:00", "21:00")
    dan = api.truyvet.people.find("ref:dan")
    assert api.get(f"cases/{case}/contacts/{dan}/evidence").status_code == 404
    assert api.get("cases/0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10/history").status_code == 404


def test_auditors_see_ids_only(api: Api, case: str) -> None:
    history(api, case)
    auditor = api.as_("auditor")
    bob, cat = auditor.items(f"cases/{case}/history")
    assert bob["person"] == f"id:{bob['person_id']}"
    found = auditor.get(f"cases/{case}/contacts/{cat['person_id']}/evidence")
    assert "ref:" not in found.text
    assert "ref:" not in auditor.get(f"cases/{case}/difference", since=0).text


def test_a_closed_case_stays_as_it_is_until_it_is_reopened(api: Api, case: str) -> None:
    history(api, case)
    assert api.post(f"cases/{case}/closure", {}).json()["closed"] is True
    api.visit("dan", "cafe", "09:15", "09:45")
    assert len(history(api, case)) == 2
    assert api.post(f"cases/{case}/reopening").json()["closed"] is False
    assert told(history(api, case))[2:] == [("added", "ref:dan")]
