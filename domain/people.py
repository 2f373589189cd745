"""A person: a random id, and identities that are sealed before they reach an event."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

import phonenumbers
from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Malformed, Refused
from domain.times import Seconds, to_datetime

_REF: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_CCCD: Final = re.compile(r"\d{12}", re.ASCII)
_BARE_PHONE: Final = re.compile(r"\+?[\d .()-]{8,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """``scheme:value`` as everybody writes it; what it names is personal data."""

    scheme: str
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


@lru_cache(maxsize=65_536)
def parse_identity(text: str) -> Identity:
    """The identity in ``phone:…``, ``cccd:…``, ``ref:…`` or a bare Vietnamese phone number.

    Raises Malformed without repeating the value, which may be personal.
    """
    scheme, colon, value = text.partition(":")
    if not colon:
        if _BARE_PHONE.fullmatch(text):
            return Identity("phone", normal_phone(text))
        raise Malformed("a person is named like phone:+84912345678, cccd:001234567890 or ref:ABC-1")
    match scheme:
        case "phone":
            return Identity(scheme, normal_phone(value))
        case "cccd" if _CCCD.fullmatch(value):
            return Identity(scheme, value)
        case "cccd":
            raise Malformed("a cccd has 12 digits")
        case "ref" if _REF.fullmatch(value):
            return Identity(scheme, value)
        case "ref":
            raise Malformed("a ref has 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
        case _:
            raise Malformed("an identity begins with phone:, cccd: or ref:")


def normal_phone(text: str) -> str:
    """E.164 of a phone number; without a plus it is Vietnamese. Raises Malformed."""
    try:
        number = phonenumbers.parse(text, "VN")
    except phonenumbers.NumberParseException:
        raise Malformed("the phone number cannot be read") from None
    if not _BARE_PHONE.fullmatch(text) or not phonenumbers.is_possible_number(number):
        raise Malformed("the phone number is none")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Person(BaseAggregate[UUID]):
    """``sealed`` is an identity encrypted with this person's own key, base64."""

    TOPIC = "Person"

    class Event(AggregateEvent):
        pass

    class Registered(Event, AggregateCreated):
        TOPIC = "Person.Registered"
        scheme: str
        sealed: str

    class Identified(Event):
        TOPIC = "Person.Identified"
        scheme: str
        sealed: str

        def apply(self, person: "Person") -> None:
            person.identities.append((self.scheme, self.sealed))

    class Described(Event):
        """``sealed`` is what is known of the person beside identities, a JSON object of texts."""

        TOPIC = "Person.Described"
        sealed: str

        def apply(self, person: "Person") -> None:
            person.description = self.sealed

    class Resides(Event):
        """Lives in that commune; its official code names nobody."""

        TOPIC = "Person.Resides"
        commune: str

        def apply(self, person: "Person") -> None:
            person.commune = self.commune

    def __init__(self, scheme: str, sealed: str) -> None:
        self.identities = [(scheme, sealed)]
        self.description: str | None = None
        self.commune: str | None = None

    @classmethod
    def register(cls, person_id: UUID, scheme: str, sealed: str, at: Seconds) -> "Person":
        return cls._create(cls.Registered, id=person_id, timestamp=to_datetime(at), scheme=scheme, sealed=sealed)

    def identify(self, scheme: str, sealed: str, at: Seconds) -> None:
        """Give this person a further identity. Raises Refused beyond 32."""
        if len(self.identities) >= _MOST_IDENTITIES:
            raise Refused(f"a person has at most {_MOST_IDENTITIES} identities")
        self.trigger_event(self.Identified, timestamp=to_datetime(at), scheme=scheme, sealed=sealed)

    def describe(self, sealed: str, at: Seconds) -> None:
        self.trigger_event(self.Described, timestamp=to_datetime(at), sealed=sealed)

    def reside(self, commune: str, at: Seconds) -> None:
        """Nothing new where they are known to live."""
        if commune != self.commune:
            self.trigger_event(self.Resides, timestamp=to_datetime(at), commune=commune)


_MOST_IDENTITIES = 32
