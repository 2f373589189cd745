"""People: registered with the first fact about them, named by identity or by ``id:PERSON_ID``."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, Secret, Vault, settled
from application.provenance import LOCAL, Provenance
from domain.errors import Conflict, Forbidden, Malformed, Unknown
from domain.people import Identity, Person, parse_identity
from domain.times import Seconds

Description = Mapping[str, str]
"""What is known of a person beside identities: ``name``, ``birth_date``, ``phone``."""

DESCRIPTION = "description"
"""The sealed field of a person's description."""

IDENTITY = "identity"
"""The sealed field of a person's identities."""


class Note(NamedTuple):
    """What was sealed, about whom, as which field; None where there was nothing."""

    person: UUID
    field: str
    sealed: str | None


class NameAndPhone(NamedTuple):
    """As far as they are known."""

    name: str | None = None
    phone: str | None = None


class People:
    def __init__(self, log: Log, vault: Vault, communes: Callable[[str], bool], now: Callable[[], Seconds]) -> None:
        """``communes`` says whether an official code is that of a commune (or of a district without communes)."""
        self.log = log
        self.vault = vault
        self.communes = communes
        self.now = now

    def find(self, name: str) -> UUID | None:
        """The person of that name; None for an unknown one, as a question treats both alike. Raises Malformed."""
        if name.startswith("id:"):
            return _person_id(name)
        return self.log.holder(self.vault.identity_key(parse_identity(name)))

    def find_known(self, names: Iterable[str]) -> dict[str, UUID]:
        """Those who are known, by the names that they are called here. Raises Malformed."""
        wanted = set(names)
        ids = {name: _person_id(name) for name in wanted if name.startswith("id:")}
        known = self.log.load_many(Person, ids.values()) if ids else {}
        keys = {name: self.key(name) for name in wanted - ids.keys()}
        holders = self.log.holders(list(keys.values())) if keys else {}
        return {name: person for name, person in ids.items() if person in known} | {
            name: holders[key] for name, key in keys.items() if key in holders
        }

    def key(self, name: str) -> bytes:
        """What is unique about an identity; of an id, which nobody else is called, its bytes. Raises Malformed."""
        if name.startswith("id:"):
            return _person_id(name).bytes
        return self.vault.identity_key(parse_identity(name))

    def find_or_draft(self, name: str, draft: Draft) -> UUID:
        """The person of that name, registered in ``draft`` when unknown. Raises Malformed, and Unknown for an id."""
        return self.find_known([name]).get(name) or self.draft_named(name, draft)

    def draft_named(self, name: str, draft: Draft) -> UUID:
        """A person who is not known by that name yet. Raises Unknown for an id."""
        if name.startswith("id:"):
            raise Unknown("there is no person with that id")
        return self.draft(parse_identity(name), draft)

    def draft(self, identity: Identity, draft: Draft) -> UUID:
        person_id = uuid4()
        secret = self.vault.new_secret(person_id)
        sealed = self.vault.seal(secret, IDENTITY, str(identity))
        draft.streams.append(Person.register(person_id, identity.scheme, sealed, self.now()))
        draft.keys.append(Key(self.vault.identity_key(identity), person_id.bytes))
        draft.secrets.append(secret)
        return person_id

    @settled
    def identify(self, person: str, identity: str, by: Provenance = LOCAL) -> Recorded:
        """Give a person a further identity. Raises Conflict when it belongs to another."""
        draft = Draft()
        person_id = self.find_or_draft(person, draft)
        key = self.vault.identity_key(parse_identity(identity))
        holder = self.log.holder(key)
        if holder not in (None, person_id):
            raise Conflict("that identity belongs to another person")
        aggregate = self.log.load(Person, person_id)
        if aggregate is None:
            raise Unknown("there is no such person yet; record a fact about them first")
        if holder == person_id:
            return Recorded(person_id, self.log.position_of(person_id, aggregate.version))
        secret = self.vault.secrets([person_id])[person_id]
        parsed = parse_identity(identity)
        aggregate.identify(parsed.scheme, self.vault.seal(secret, IDENTITY, str(parsed)), self.now())
        draft.streams.append(aggregate)
        draft.keys.append(Key(key, person_id.bytes))
        return Recorded(person_id, self.log.save(draft, by))

    def identities(self, people: Iterable[UUID]) -> dict[UUID, str]:
        """The first registered identity of each; ``id:…`` for those who were forgotten."""
        wanted = list(people)
        secrets = self.vault.secrets(wanted)
        names = {person: f"id:{person}" for person in wanted}
        for person_id, registered in self.log.beginnings(Person.Registered, secrets).items():
            names[person_id] = self.vault.open(secrets[person_id], IDENTITY, registered.sealed)
        return names

    def identify_further(self, person: UUID, identities: Iterable[str], draft: Draft, known: Person | None) -> None:
        """Add identities that nobody has to ``draft``; ``known`` is the person as in the log, None for one drafted."""
        for identity in map(parse_identity, identities):
            sealed = self.seal_note(person, IDENTITY, str(identity), draft)
            if sealed is not None:
                _drafted(person, draft, known).identify(identity.scheme, sealed, self.now())
                draft.keys.append(Key(self.vault.identity_key(identity), person.bytes))

    def describe(self, person: UUID, description: Description, draft: Draft, known: Person | None) -> None:
        """Add to ``draft`` what is told of a person beside identities, unless it is known; ``known`` as above."""
        told = json.dumps(description, ensure_ascii=False, sort_keys=True)
        if known is not None and known.description is not None and self._opened(known, known.description) == told:
            return
        sealed = self.seal_note(person, DESCRIPTION, told, draft)
        if sealed is not None:
            _drafted(person, draft, known).describe(sealed, self.now())

    def resides(self, person: UUID, commune: str, draft: Draft, known: Person | None) -> None:
        """Add to ``draft`` where a person lives, unless it is known; ``known`` as above. Raises Malformed."""
        self.check_commune(commune)
        _drafted(person, draft, known).reside(commune, self.now())

    def check_commune(self, commune: str | None) -> None:
        """Raises Malformed for a code that is none."""
        if commune is not None and not self.communes(commune):
            raise Malformed("commune is no code of the official list of November 2021")

    def _opened(self, person: Person, sealed: str) -> str | None:
        secret = self.vault.secrets([person.id]).get(person.id)
        return None if secret is None else self.vault.open(secret, DESCRIPTION, sealed)

    def descriptions(self, people: Iterable[UUID]) -> dict[UUID, Description]:
        """What is known of each beside identities; those of whom nothing is known are missing."""
        wanted = list(people)
        secrets = self.vault.secrets(wanted)
        return {
            person_id: json.loads(self.vault.open(secrets[person_id], DESCRIPTION, person.description))
            for person_id, person in self.log.load_many(Person, wanted).items()
            if person_id in secrets and person.description is not None
        }

    def names_and_phones(self, people: Iterable[UUID], as_of: int | None = None) -> dict[UUID, NameAndPhone]:
        """What a guard asks a visitor for; those who were forgotten are missing."""
        wanted = list(people)
        secrets = self.vault.secrets(wanted)
        return {
            person_id: self._name_and_phone(person, secrets[person_id])
            for person_id, person in self.log.load_many(Person, wanted, as_of).items()
            if person_id in secrets
        }

    def _name_and_phone(self, person: Person, secret: Secret) -> NameAndPhone:
        """A number that is nobody else's before one that was told."""
        told: Description = (
            {} if person.description is None else json.loads(self.vault.open(secret, DESCRIPTION, person.description))
        )
        own = next((sealed for scheme, sealed in person.identities if scheme == "phone"), None)
        phone = told.get("phone") if own is None else parse_identity(self.vault.open(secret, IDENTITY, own)).value
        return NameAndPhone(told.get("name"), phone)

    def seal_note(self, person: UUID, field: str, note: str | None, draft: Draft) -> str | None:
        """Free text about a person may hold anything: sealed with the person's key."""
        if note is None:
            return None
        drafted = {secret.subject: secret for secret in draft.secrets}
        secret = drafted.get(person) or self.vault.secrets([person]).get(person)
        return None if secret is None else self.vault.seal(secret, field, note)

    def notes(self, sealed: Iterable[Note]) -> list[str | None]:
        """What ``seal_note`` sealed; None of those who were forgotten."""
        asked = list(sealed)
        secrets = self.vault.secrets({person for person, _, note in asked if note is not None})
        return [
            self.vault.open(secrets[person], field, note) if note is not None and person in secrets else None
            for person, field, note in asked
        ]


def _drafted(person: UUID, draft: Draft, known: Person | None) -> Person:
    """The person with what is pending in ``draft``, who is in it from now on."""
    found = next((s for s in draft.streams if isinstance(s, Person) and s.id == person), known)
    assert found is not None  # noqa: S101 # a person is in the log or in the draft
    if found not in draft.streams:
        draft.streams.append(found)
    return found


class UnnamedPeople(People):
    """People for those who may not know who they are: shown as ``id:…``, and asked about by it only."""

    def find(self, name: str) -> UUID | None:
        return super().find(_only_id(name))

    def key(self, name: str) -> bytes:
        return super().key(_only_id(name))

    def identities(self, people: Iterable[UUID]) -> dict[UUID, str]:
        return {person: f"id:{person}" for person in people}

    def descriptions(self, people: Iterable[UUID]) -> dict[UUID, Description]:  # noqa: ARG002 # nothing is told of anybody
        return {}

    def names_and_phones(
        self,
        people: Iterable[UUID],  # noqa: ARG002 # as above
        as_of: int | None = None,  # noqa: ARG002 # as above
    ) -> dict[UUID, NameAndPhone]:
        return {}

    def notes(self, sealed: Iterable[Note]) -> list[str | None]:
        return [None for _ in sealed]


def _only_id(name: str) -> str:
    if not name.startswith("id:"):
        raise Forbidden("this key may name people by id: only")
    return name


def check_name(name: str) -> None:
    """Raises Malformed."""
    if name.startswith("id:"):
        _person_id(name)
    else:
        parse_identity(name)


def _person_id(name: str) -> UUID:
    try:
        return UUID(name.removeprefix("id:"))
    except ValueError:
        raise Malformed("id: is followed by a person's id, as answers give it") from None
