import re

import networkx as nx
import pytest

from tests.api.http.asking import FIRST, Api, at


@pytest.fixture
def met(api: Api) -> None:
    """ann met bob for half an hour, and bob met cat, who forgot to check out."""
    api.venue("cafe")
    api.venue("bar")
    api.visit("ann", "cafe", "09:00", "10:00")
    api.visit("bob", "cafe", "09:30", "10:30")
    api.visit("bob", "bar", "12:00", "13:00")
    api.visit("cat", "bar", "12:10")


def test_a_case_says_its_window_and_is_the_same_when_sent_again(api: Api) -> None:
    body = {"person": "phone:0912345678", "onset": "2021-08-30", "isolated_at": at("12:00")}
    first = api.post("cases", body, headers={"Idempotency-Key": "k"})
    again = api.post("cases", body, headers={"Idempotency-Key": "k"})
    assert first.status_code == 201
    assert first.json() == again.json()
    assert first.json() | {"case_id": 0, "person_id": 0} == {
        "case_id": 0, "person": "phone:+84912345678", "person_id": 0, "rules": "vn-11042",
        "window": {"from": "2021-08-27T17:00:00Z", "to": "2021-08-30T05:00:00Z"}, "onset": "2021-08-30",
        "sampled": None, "isolated_at": "2021-08-30T05:00:00Z", "cleared_at": None, "withdrawn": False,
        "closed": False, "levels": 2,
        "position": FIRST + 1,
    }  # fmt: skip
    assert api.get(f"cases/{first.json()['case_id']}").json() == first.json()
    assert api.post("cases", body | {"onset": "2021-08-29"}, headers={"Idempotency-Key": "k"}).status_code == 409


def test_an_amendment_keeps_what_it_leaves_out_and_forgets_what_is_null(api: Api) -> None:
    case = api.case("ann", sampled="2021-08-31", isolated_at=at("12:00"))
    amended = api.post(f"cases/{case['case_id']}/amendment", {"onset": "2021-08-29", "isolated_at": None}).json()
    assert (amended["onset"], amended["sampled"], amended["isolated_at"]) == ("2021-08-29", "2021-08-31", None)
    assert amended["window"] == {"from": "2021-08-26T17:00:00Z", "to": None}
    refused = api.post(f"cases/{case['case_id']}/amendment", {"onset": None, "sampled": None})
    assert refused.status_code == 422


def test_isolation_and_withdrawal(api: Api, met: None) -> None:
    case = api.case("ann")["case_id"]
    isolated = api.post(f"cases/{case}/isolation", {"at": at("09:10")}).json()
    assert isolated["window"]["to"] == "2021-08-30T02:10:00Z"
    assert api.items(f"cases/{case}/contacts") == []
    withdrawn = api.post(f"cases/{case}/withdrawal", {"reason": "another person's sample"}).json()
    assert withdrawn["withdrawn"] is True
    assert api.items(f"cases/{case}/contacts", as_of=isolated["position"] - 1) != []


def test_contacts_have_the_fields_of_the_trace_and_the_person_id(api: Api, met: None) -> None:
    case = api.case("ann")["case_id"]
    bob, cat = api.items(f"cases/{case}/contacts")
    person_id = bob.pop("person_id")
    assert bob == {
        "person": "ref:bob", "level": 1, "exposed_at": "2021-08-30T02:30:00Z", "encounters": 1,
        "contact_seconds": 1800, "via": ["ref:ann"], "certainty": "certain",
    }  # fmt: skip
    assert (cat["level"], cat["via"], cat["certainty"]) == (2, ["ref:bob"], "possible")
    assert api.items(f"people/{person_id}/visits") != []


def test_contacts_are_narrowed_by_level_length_and_certainty(api: Api, met: None) -> None:
    case = api.case("ann")["case_id"]

    def people(**query: object) -> list[str]:
        return [contact["person"] for contact in api.items(f"cases/{case}/contacts", **query)]

    assert people(levels=1) == ["ref:bob"]
    assert people(certainty="possible") == ["ref:cat"]
    assert people(min_minutes=31) == []


def test_evidence_comes_when_asked_for(api: Api, met: None) -> None:
    case = api.case("ann")["case_id"]
    bob, cat = api.items(f"cases/{case}/contacts", evidence="true")
    assert [met["venue"] for met in bob["evidence"]] == ["cafe"]
    assert [met["imputed"] for met in cat["evidence"]] == [["contact"]]


def test_the_contact_graph_as_node_link_json_and_graphml(api: Api, met: None) -> None:
    case = api.case("ann")["case_id"]
    answer = api.get(f"cases/{case}/contact-graph")
    graph = nx.node_link_graph(answer.json(), edges="edges")
    assert sorted(graph.edges()) == [("ref:ann", "ref:bob"), ("ref:bob", "ref:cat")]
    assert graph.graph["position"] == api.truyvet.log.head()
    xml = api.get(f"cases/{case}/contact-graph", accept="application/graphml+xml")
    assert xml.headers["content-type"].startswith("application/graphml+xml")
    assert len(nx.parse_graphml(xml.text).edges) == 2


def test_every_edge_of_the_graph_has_an_id_of_its_own(api: Api, met: None) -> None:
    api.visit("ann", "bar", "12:30", "13:30")
    api.visit("ann", "cafe", "14:00", "15:00")
    api.visit("bob", "cafe", "14:00", "15:00")
    case = api.case("ann")["case_id"]
    xml = api.get(f"cases/{case}/contact-graph", accept="application/graphml+xml").text
    ids = re.findall(r'<edge [^>]*\bid="([^"]*)"', xml)
    edges = api.get(f"cases/{case}/contact-graph").json()["edges"]
    assert len(ids) == len(set(ids)) == len(edges) == len({edge["key"] for edge in edges})
    assert len(edges) > 3


def test_a_trace_records_nothing_and_an_unknown_person_has_no_contacts(api: Api, met: None) -> None:
    api.truyvet.graph.catch_up()
    head = api.truyvet.log.head()
    question = {"person": "ref:ann", "from": at("00:00"), "to": at("23:00"), "levels": 1}
    assert [c["person"] for c in api.post("traces", question).json()["items"]] == ["ref:bob"]
    assert api.post("traces", question | {"as_of": 1}).json() == {"items": [], "next": None, "position": 1}
    assert api.post("traces", question | {"person": "ref:nobody"}).json()["items"] == []
    assert api.truyvet.log.head() == head


def test_a_quarantine_from_assignment_to_release(api: Api) -> None:
    body = {"person": "ref:ann", "from": at("09:00"), "kind": "home", "reason": "contact of a case"}
    assigned = api.post("quarantines", body)
    assert assigned.status_code == 201
    assert assigned.json() == api.post("quarantines", body).json()
    quarantine = assigned.json()["quarantine_id"]
    extended = api.post(f"quarantines/{quarantine}/extension", {"until": at("20:00")}).json()
    assert (extended["from"], extended["until"]) == ("2021-08-30T02:00:00Z", "2021-08-30T13:00:00Z")
    released = api.post(f"quarantines/{quarantine}/release", {"at": at("18:00"), "reason": "negative"}).json()
    assert released["until"] == "2021-08-30T11:00:00Z"
    assert api.get(f"quarantines/{quarantine}").json() == released
    assert api.get(f"quarantines/{quarantine}", as_of=extended["position"]).json() == extended
    assert api.post(f"quarantines/{quarantine}/release", {"at": at("08:00")}).status_code == 422


def test_the_cases_as_they_were_at_a_position(api: Api) -> None:
    first = api.case("ann")
    before = api.items("cases")
    then = api.truyvet.log.head()
    api.post(f"cases/{first['case_id']}/amendment", {"rules": "who"})
    api.case("bob")
    assert [case["rules"] for case in api.items("cases")] == ["who", "vn-11042"]
    assert api.items("cases", as_of=then) == before
    page = api.get("cases", as_of=api.truyvet.log.head(), limit=1).json()
    assert len(api.items("cases", as_of=page["position"], limit=1, cursor=page["next"])) == 1
