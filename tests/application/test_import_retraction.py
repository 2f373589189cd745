import json
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.app import Truyvet, now
from application.imports import ImportRetraction
from application.provenance import Provenance
from domain.errors import Unknown
from domain.imports import Import
from domain.quarantines import Quarantine
from domain.times import parse_instant
from domain.visits import Visit
from infrastructure.log import RecordedEvent

NINE = parse_instant("2021-08-30T09:00:00Z")
TEN = parse_instant("2021-08-30T10:00:00Z")
ELEVEN = parse_instant("2021-08-30T11:00:00Z")
HEADER = "person,venue,check_in,check_out,visit_id\n"
BY = Provenance("key-1", on_behalf_of="Sở Y tế")


@pytest.fixture
def retraction(truyvet: Truyvet) -> ImportRetraction:
    return ImportRetraction(truyvet.log, truyvet.vault, truyvet.people, now)


def imported(truyvet: Truyvet, *lines: str) -> UUID:
    truyvet.imports.visits(BytesIO((HEADER + "\n".join(lines)).encode()), register_venues=True, by=Provenance())
    return last_import(truyvet)


def quarantined(truyvet: Truyvet, *lines: str) -> UUID:
    truyvet.imports.assigned_quarantines(BytesIO(("person,from,until\n" + "\n".join(lines)).encode()), by=Provenance())
    return last_import(truyvet)


def last_import(truyvet: Truyvet) -> UUID:
    return truyvet.log.read(0, 1_000_000, topic=Import.Begun.TOPIC)[-1].stream


def events(truyvet: Truyvet, after: int = 0) -> list[RecordedEvent]:
    return truyvet.log.read(after, 1_000_000)


def state(event: RecordedEvent) -> dict[str, Any]:
    return dict(json.loads(event.state))


def test_every_visit_of_the_import_is_retracted(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    truyvet.venues.register("Café", "shop", code="cafe")
    truyvet.visits.check_in("ref:own", "cafe", NINE, visit_id="own")
    import_id = imported(
        truyvet,
        "ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z,v1",
        "ref:bob,cafe,2021-08-30T09:30:00Z,,v2",
    )
    head = truyvet.log.head()
    recorded = retraction.retract(import_id, "the wrong file", BY)
    assert [event.type for event in events(truyvet, head)] == ["Visit.Retracted", "Visit.Retracted", "Import.Retracted"]
    assert recorded == (import_id, head + 3)
    assert truyvet.visits.get("v1").retracted
    assert truyvet.visits.get("v2").retracted
    assert not truyvet.visits.get("own").retracted


def test_each_event_says_why_and_who(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    import_id = imported(truyvet, "ref:ann,cafe,2021-08-30T09:00:00Z,,v1")
    head = truyvet.log.head()
    retraction.retract(import_id, "the wrong file", BY)
    begun = truyvet.log.position_of(import_id, 1)
    for event in events(truyvet, head):
        assert (event.cause, event.correlation) == (begun, f"{import_id}:retraction")
        assert (event.actor, event.on_behalf_of) == ("key-1", "Sở Y tế")
    sealed = state(events(truyvet, head)[-1])["reason"]
    assert "wrong" not in sealed
    secret = truyvet.vault.secrets([import_id])[import_id]
    assert truyvet.vault.open(secret, "reason", sealed) == "the wrong file"


def test_a_check_out_that_the_import_supplied_is_unknown_again(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    truyvet.venues.register("Café", "shop", code="cafe")
    truyvet.visits.check_in("ref:ann", "cafe", NINE, visit_id="v1")
    import_id = imported(truyvet, "ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z,v1")
    assert truyvet.visits.get("v1").check_out == TEN
    retraction.retract(import_id)
    visit = truyvet.visits.get("v1")
    assert (visit.check_in, visit.check_out, visit.retracted) == (NINE, None, False)


def test_a_check_out_that_was_corrected_since_stands(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    truyvet.venues.register("Café", "shop", code="cafe")
    truyvet.visits.check_in("ref:ann", "cafe", NINE, visit_id="v1")
    import_id = imported(truyvet, "ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z,v1")
    truyvet.visits.correct("v1", check_out=ELEVEN)
    retraction.retract(import_id)
    assert truyvet.visits.get("v1").check_out == ELEVEN


def test_a_visit_recorded_and_ended_by_the_import_is_retracted_once(
    truyvet: Truyvet, retraction: ImportRetraction
) -> None:
    import_id = imported(
        truyvet,
        "ref:ann,cafe,2021-08-30T09:00:00Z,,v1",
        "ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z,v1",
    )
    head = truyvet.log.head()
    retraction.retract(import_id)
    assert [event.type for event in events(truyvet, head)] == ["Visit.Retracted", "Import.Retracted"]


def test_quarantines_are_withdrawn_and_ends_taken_back(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    truyvet.quarantines.assign("ref:ann", NINE, quarantine_id="q1")
    import_id = quarantined(
        truyvet,
        "ref:ann,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z",
        "ref:bob,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z",
    )
    assert truyvet.quarantines.get("q1").until == TEN
    retraction.retract(import_id)
    first = truyvet.quarantines.get("q1")
    assert (first.until, first.withdrawn) == (None, False)
    assigned = truyvet.log.read(0, 100, topic=Quarantine.Assigned.TOPIC)[-1]
    assert truyvet.quarantines.get(state(assigned)["quarantine_id"]).withdrawn


def test_an_end_that_was_changed_since_stands(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    truyvet.quarantines.assign("ref:ann", NINE, quarantine_id="q1")
    import_id = quarantined(truyvet, "ref:ann,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z")
    truyvet.quarantines.extend("q1", ELEVEN)
    retraction.retract(import_id)
    assert truyvet.quarantines.get("q1").until == ELEVEN


def test_the_same_again_records_nothing(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    import_id = imported(truyvet, "ref:ann,cafe,2021-08-30T09:00:00Z,,v1")
    recorded = retraction.retract(import_id, "the wrong file")
    assert retraction.retract(import_id, "another reason") == recorded
    assert truyvet.log.head() == recorded.position


def test_a_retraction_that_was_killed_continues(
    truyvet: Truyvet, retraction: ImportRetraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.imports._BATCH", 10)
    import_id = imported(truyvet, *(f"ref:p{n},cafe,2021-08-30T09:00:00Z,,v{n}" for n in range(35)))
    with monkeypatch.context() as patch:
        save, saved = truyvet.log.save, []

        def killed(*args: Any) -> int:
            if len(saved) == 2:
                raise KeyboardInterrupt
            saved.append(save(*args))
            return saved[-1]

        patch.setattr(truyvet.log, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            retraction.retract(import_id)
    done = len(truyvet.log.read(0, 1000, topic=Visit.Retracted.TOPIC))
    assert 0 < done < 35
    retraction.retract(import_id)
    assert len(truyvet.log.read(0, 1000, topic=Visit.Retracted.TOPIC)) == 35
    assert truyvet.log.read(0, 1000)[-1].type == "Import.Retracted"


def test_an_import_that_never_ended_is_retracted_up_to_the_head(
    truyvet: Truyvet, retraction: ImportRetraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("infrastructure.imports.recorded.RecordedImport.complete", lambda *_: None)
        import_id = imported(truyvet, "ref:ann,cafe,2021-08-30T09:00:00Z,,v1")
    retraction.retract(import_id)
    assert truyvet.visits.get("v1").retracted


def test_an_unknown_import_is_unknown(retraction: ImportRetraction) -> None:
    with pytest.raises(Unknown):
        retraction.retract(uuid4())


def test_what_was_retracted_counts_for_no_question(truyvet: Truyvet, retraction: ImportRetraction) -> None:
    import_id = imported(
        truyvet,
        "ref:ann,cafe,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z,v1",
        "ref:bob,cafe,2021-08-30T09:00:00Z,2021-08-30T10:00:00Z,v2",
    )
    truyvet.graph.catch_up()
    assert len(truyvet.contacts.trace("ref:ann", NINE, None).contacts) == 1
    retraction.retract(import_id)
    truyvet.graph.catch_up()
    assert truyvet.contacts.trace("ref:ann", NINE, None).contacts == []
