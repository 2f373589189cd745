"""People: registered with the first fact about them, named by identity or by ``id:PERSON_ID``."""

from collections.abc import Callable, Iterable
from uuid import UUID, uuid4

from application.log import Draft, Key, Log, Recorded, Vault, settled
from application.provenance import LOCAL, Provenance
from domain.errors import Conflict, Malformed, Unknown
from domain.people import Identity, Person, parse_identity
from domain.times import Seconds

IDENTITY = "identity"
"""The sealed field of a person's identities."""


class People:
    def __init__(self, log: Log, vault: Vault, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.vault = vault
        self.now = now

    def find(self, name: str) -> UUID | None:
        """The person of that name; None for an unknown one, as a question treats both alike. Raises Malformed."""
        if name.startswith("id:"):
            return _person_id(name)
        return self.log.holder(self.vault.identity_key(parse_identity(name)))

    def find_or_draft(self, name: str, draft: Draft) -> UUID:
        """The person of that name, registered in ``draft`` when unknown. Raises Malformed, and Unknown for an id."""
        person = self.find(name)
        if name.startswith("id:"):
            if person is None or self.log.load(Person, person) is None:
                raise Unknown("there is no person with that id")
            return person
        return person or self.draft(parse_identity(name), draft)

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
        for person_id, person in self.log.load_many(Person, wanted).items():
            if person_id in secrets:
                _, sealed = person.identities[0]
                names[person_id] = self.vault.open(secrets[person_id], IDENTITY, sealed)
        return names

    def seal_note(self, person: UUID, field: str, note: str | None, draft: Draft) -> str | None:
        """Free text about a person may hold anything: sealed with the person's key."""
        if note is None:
            return None
        drafted = {secret.subject: secret for secret in draft.secrets}
        secret = drafted.get(person) or self.vault.secrets([person]).get(person)
        return None if secret is None else self.vault.seal(secret, field, note)


def _person_id(name: str) -> UUID:
    try:
        return UUID(name.removeprefix("id:"))
    except ValueError:
        raise Malformed("id: is followed by a person's id, as answers give it") from None
