"""A list of contacts that is read in part says what the whole one says."""

import random
from io import BytesIO

import pytest

from api.app import Truyvet
from application import contact_lists
from application.provenance import LOCAL
from domain.contacts import Question
from domain.times import to_text

NINE = 1_630_285_200
HOUR = 3_600
ROOMS = 3


@pytest.fixture
def question(truyvet: Truyvet) -> Question:
    """Many come on the hour, so that many are exposed at once; half of them are not seen leaving."""
    rng = random.Random(2)
    lines = ["person,venue,check_in,check_out"]
    for person in range(60):
        for _ in range(2):
            start = NINE + HOUR * rng.randrange(4)
            end = to_text(start + HOUR) if rng.random() < 0.5 else ""
            lines.append(f"ref:p{person},room{rng.randrange(ROOMS)},{to_text(start)},{end}")
    truyvet.imports.visits(BytesIO("\n".join(lines).encode()), register_venues=True, by=LOCAL)
    truyvet.graph.catch_up()
    question = truyvet.contacts.question("ref:p0", NINE, NINE + 4 * HOUR)
    assert question is not None
    return question


@pytest.fixture
def whole(truyvet: Truyvet, question: Question) -> contact_lists.ContactList:
    found = truyvet.contacts.trace("ref:p0", NINE, NINE + 4 * HOUR, evidence=True)
    moments = {(contact.level, contact.exposed_at) for contact in found.contacts}
    assert len(moments) < len(found.contacts) / 3
    assert {contact.certain for contact in found.contacts} == {True, False}
    return found


@pytest.mark.parametrize("certain", [None, True, False])
def test_each_part_is_that_of_the_whole(
    truyvet: Truyvet, question: Question, whole: contact_lists.ContactList, certain: bool | None
) -> None:
    listed = truyvet.contacts.listed(question, whole.position, certain=certain, evidence=True)
    wanted = [contact for contact in whole.contacts if certain in (None, contact.certain)]
    assert len(listed) == len(wanted)
    for low in range(len(wanted) + 1):
        for high in (low, low + 1, low + 7, len(wanted)):
            assert [row.contact for row in listed[low:high]] == wanted[low:high]
    evidence = whole.evidence()
    for row in listed[3:20]:
        assert row.person_id == whole.person_ids[row.contact.person]
        assert row.encounters == evidence[row.contact.person]
        assert len(row.encounters) == row.contact.encounters


def test_read_from_its_beginning_to_its_end_it_is_the_whole(
    truyvet: Truyvet, question: Question, whole: contact_lists.ContactList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_lists, "_AT_ONCE", 4)
    listed = truyvet.contacts.listed(question, whole.position)
    assert [row.contact for row in listed] == whole.contacts
    assert not any(row.encounters for row in listed)


def test_only_those_who_are_looked_at_are_named(
    truyvet: Truyvet, question: Question, whole: contact_lists.ContactList, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, open_sealed = list[str](), truyvet.vault.open

    def counted(*sealed: str) -> str:
        opened.append(open_sealed(*sealed))
        return opened[-1]

    monkeypatch.setattr(truyvet.vault, "open", counted)
    last = truyvet.contacts.listed(question, whole.position)[-1]
    alike = [
        one for one in whole.contacts if one.exposed_at == last.contact.exposed_at and one.level == last.contact.level
    ]
    assert set(opened) == {person for one in alike for person in (one.person, *one.via)}
    assert len(set(opened)) < len(whole.contacts)


def test_the_forgotten_are_told_by_their_ids(
    truyvet: Truyvet, question: Question, whole: contact_lists.ContactList
) -> None:
    forgotten = whole.contacts[0].person
    with truyvet.database.connect() as connection:
        connection.execute("DELETE FROM vault WHERE subject = %s", [whole.person_ids[forgotten]])
    listed = truyvet.contacts.listed(question, whole.position)
    told = {name for row in listed for name in (row.contact.person, *row.contact.via)}
    assert forgotten not in told
    assert f"id:{whole.person_ids[forgotten]}" in told
    assert [row.contact for row in listed] == truyvet.contacts.trace("ref:p0", NINE, NINE + 4 * HOUR).contacts
