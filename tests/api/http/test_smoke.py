from tests.api.http.conftest import Api
def test_all(api: Api) -> None:
    api.venue("cafe"); 
    api.visit("ann","cafe","09:00","10:00"); api.visit("bob","cafe","09:30","10:30")
    c = api.case("ann"); print(c)
    r = api.get(f"cases/{c['case_id']}/contacts", evidence="true"); print(r.status_code, r.text)
    for a in ("text/csv","application/x-ndjson"): print(api.get(f"cases/{c['case_id']}/contacts", accept=a).text)
    print(api.get(f"cases/{c['case_id']}/contact-graph").text)
    print(api.get("events").text[:600]); print(api.get("health/ready").text)
    print(api.client.get("/openapi.json").text[:300])
    print(api.client.get("/docs").text[:300])
    print(api.client.get("/nothing").text, api.client.delete("/v1/venues/x").headers, api.client.get("/docs/assets/nix").text)
