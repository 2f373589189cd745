"""Where somebody is confined may be an address: it is sealed with the person's key, and opened for who may know it."""

from typing import Any, Final

import pytest
from psycopg.sql import SQL, Identifier

from api.app import Truyvet
from application.log import Draft, Key
from application.provenance import LOCAL
from application.quarantines import quarantine_stream, since_key
from domain.quarantines import Quarantine
from domain.times import parse_instant
from infrastructure.verification import verify
from tests.api.http.asking import Api, at

HOME: Final = "12 Lê Lợi"
ELSEWHERE: Final = "34 Hai Bà Trưng"


def assigned(api: Api, person: str = "ann", **more: Any) -> dict[str, Any]:
    body = {"person": f"ref:{person}", "from": at("09:00"), "quarantine_id": person, "kind": "home", "place": HOME}
    answer = api.post("quarantines", body | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def moved(api: Api, person: str = "ann", **more: Any) -> dict[str, Any]:
    body = {"kind": "home", "place": ELSEWHERE, "at": at("12:00")}
    answer = api.post(f"quarantines/{person}/move", body | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def everything_kept(truyvet: Truyvet) -> str:
    """Every row of every table, as text."""
    truyvet.registers.catch_up()
    with truyvet.database.get_connection() as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        rows = SQL(" UNION ALL ").join(
            SQL("SELECT t::text FROM {} t").format(Identifier(t["tablename"])) for t in tables
        )
        kept = connection.execute(rows).fetchall()
    return "\n".join(event.state.decode() for event in truyvet.log.read(0, 1_000)) + str(kept)


def told_in_the_clear(truyvet: Truyvet, place: str) -> None:
    """As quarantines were recorded before places were sealed."""
    draft = Draft()
    person, since = truyvet.people.find_or_draft("ref:ann", draft), parse_instant(at("09:00"))
    quarantine = Quarantine.assign(quarantine_stream("ann"), "ann", person, since, None, kind="home")
    (event,) = quarantine.pending_events
    vars(event)["place"] = place
    draft.streams.append(quarantine)
    draft.keys.append(Key(since_key(person, since), quarantine.id.bytes))
    truyvet.log.save(draft, LOCAL)


def is_whole(truyvet: Truyvet) -> bool:
    return list(verify(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph)) == []


def forget(truyvet: Truyvet, person: str) -> None:
    with truyvet.database.get_connection() as connection:
        connection.execute("DELETE FROM vault WHERE subject = %s", [person])


@pytest.mark.parametrize("kind", ["home", "at his sister's", None])
def test_the_place_stands_nowhere_in_the_clear(api: Api, kind: str | None) -> None:
    assigned(api, kind=kind)
    api.post("quarantines", {"person": "ref:ann", "from": at("09:00"), "place": ELSEWHERE})
    moved(api)
    kept = everything_kept(api.truyvet)
    assert "Quarantine.Moved" in kept
    assert not any(said in kept for said in (HOME, "Lê Lợi", ELSEWHERE, "Trưng"))
    assert is_whole(api.truyvet)


def test_who_may_know_people_is_told_the_place_and_auditors_are_not(api: Api) -> None:
    ann, bob = assigned(api), assigned(api, "bob", place=None)
    there = moved(api)
    assert (ann["place"], bob["place"], there["place"]) == (HOME, None, ELSEWHERE)
    epidemiologist, auditor = api.as_("epidemiologist"), api.as_("auditor")
    assert moved(epidemiologist) == there
    for asking, places in ((api, (HOME, ELSEWHERE)), (epidemiologist, (HOME, ELSEWHERE)), (auditor, (None, None))):
        then = asking.get("quarantines/ann", as_of=ann["position"]).json()["place"]
        assert (then, asking.get("quarantines/ann").json()["place"]) == places
        then = asking.items("quarantines", as_of=ann["position"])[0]["place"]
        assert (then, asking.items("quarantines")[0]["place"]) == places
        assert (ELSEWHERE in asking.get("quarantines", accept="text/csv").text) is (places[1] is not None)
    assert assigned(api.as_("gateway"))["place"] is None


def test_the_same_place_again_is_found_and_another_is_a_conflict(api: Api) -> None:
    ann, head = assigned(api), api.truyvet.log.head()
    assert assigned(api) == assigned(api, place=None) == ann
    body = {"person": "ref:ann", "from": at("09:00"), "place": ELSEWHERE}
    assert api.post("quarantines", body).status_code == 409
    assert assigned(api.as_("gateway"))["position"] == ann["position"]
    there = moved(api)
    assert moved(api) == moved(api, at=None) == there
    assert assigned(api)["position"] == ann["position"]
    assert [event["type"] for event in api.items("events", after=head)] == ["AccessKey.Created", "Quarantine.Moved"]


def test_a_move_to_another_place_and_back_is_told(api: Api) -> None:
    assigned(api)
    moved(api)
    back = moved(api, place=HOME, at=at("15:00"))
    assert back["place"] == HOME
    assert moved(api, place=HOME, at=at("15:00")) == moved(api, at=at("12:00")) == back


def test_what_is_no_place_is_refused(api: Api) -> None:
    body = {"person": "ref:ann", "from": at("09:00"), "place": "12\u200bLê Lợi"}
    assert api.post("quarantines", body).status_code == 422
    assigned(api)
    assert api.post("quarantines/ann/move", {"kind": "home", "place": "12\u200bLê Lợi"}).status_code == 422


def test_nobody_is_told_the_place_of_who_was_forgotten(api: Api) -> None:
    ann = assigned(api)
    moved(api)
    assigned(api, "bob")
    forget(api.truyvet, ann["person_id"])
    assert api.get("quarantines/ann").json()["place"] is None
    assert [row["place"] for row in api.items("quarantines")] == [None, HOME]
    assert [row["place"] for row in api.items("quarantines", as_of=ann["position"])] == [None]
    assert [event["type"] for event in api.items("events")][-1] == "Quarantine.Assigned"


def test_what_was_told_in_the_clear_is_shown_as_before_and_found_again(api: Api) -> None:
    told_in_the_clear(api.truyvet, HOME)
    ann = api.get("quarantines/ann").json()
    assert (ann["place"], api.items("quarantines")[0]["place"]) == (HOME, HOME)
    assert assigned(api)["position"] == ann["position"]
    assert api.post("quarantines", {"person": "ref:ann", "from": at("09:00"), "place": ELSEWHERE}).status_code == 409
    assert moved(api, place=HOME)["position"] == ann["position"]
    assert (moved(api)["place"], api.items("quarantines")[0]["place"]) == (ELSEWHERE, ELSEWHERE)
    assert moved(api, place=HOME, at=at("15:00"))["place"] == HOME
    clear, *sealed = (e.state.decode() for e in api.truyvet.log.read(0, 100) if e.type.startswith("Quarantine."))
    assert (HOME in clear, len(sealed), HOME in "".join(sealed)) == (True, 2, False)
