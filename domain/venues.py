"""A venue: a place where people check in, its kind, its commune and its default stay."""

import re
from typing import Final
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Malformed, Refused
from domain.times import Seconds, to_datetime

Minutes = int

DEFAULT_STAY: Final[dict[str, Minutes]] = {
    "public_body": 60,
    "hospital": 120,
    "market": 45,
    "shop": 30,
    "restaurant": 60,
    "hotel": 720,
    "school": 480,
    "workplace": 480,
    "transport": 60,
    "worship": 90,
    "event": 180,
    "checkpoint": 10,
    "other": 60,
}
"""Minutes that a visit without a check-out is taken to last, by kind of venue."""

LONGEST_DEFAULT_STAY: Final[Minutes] = 14 * 24 * 60

_CODE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def parse_kind(text: str) -> str:
    """The kind of a venue, ``public body`` and ``public_body`` alike. Raises Malformed."""
    kind = text.strip().lower().replace(" ", "_").replace("-", "_")
    if kind not in DEFAULT_STAY:
        raise Malformed(f"a venue's kind is one of {', '.join(DEFAULT_STAY)}")
    return kind


def parse_code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise Malformed("a venue's code has 1 to 128 of the characters A-Z a-z 0-9 . _ : -")
    return text


class Venue(BaseAggregate[UUID]):
    TOPIC = "Venue"

    class Event(AggregateEvent):
        pass

    class Registered(Event, AggregateCreated):
        """The default stay is written out even where it follows from the kind, so that no later table changes it."""

        TOPIC = "Venue.Registered"
        code: str | None
        name: str
        kind: str
        commune: str | None
        address: str | None
        default_stay_minutes: Minutes

    class Renamed(Event):
        TOPIC = "Venue.Renamed"
        name: str

        def apply(self, venue: "Venue") -> None:
            venue.name = self.name

    class DefaultStayChanged(Event):
        TOPIC = "Venue.DefaultStayChanged"
        default_stay_minutes: Minutes

        def apply(self, venue: "Venue") -> None:
            venue.default_stay_minutes = self.default_stay_minutes

    def __init__(
        self,
        code: str | None,
        name: str,
        kind: str,
        commune: str | None,
        address: str | None,
        default_stay_minutes: Minutes,
    ) -> None:
        self.code = code
        self.name = name
        self.kind = kind
        self.commune = commune
        self.address = address
        self.default_stay_minutes = default_stay_minutes

    @classmethod
    def register(
        cls,
        venue_id: UUID,
        name: str,
        kind: str,
        at: Seconds,
        *,
        code: str | None = None,
        commune: str | None = None,
        address: str | None = None,
        default_stay_minutes: Minutes | None = None,
    ) -> "Venue":
        """Raises Malformed or Refused for a name, kind, code or default stay that is none."""
        kind = parse_kind(kind)
        stay = DEFAULT_STAY[kind] if default_stay_minutes is None else default_stay_minutes
        return cls._create(
            cls.Registered,
            id=venue_id,
            timestamp=to_datetime(at),
            code=None if code is None else parse_code(code),
            name=_checked_name(name),
            kind=kind,
            commune=commune,
            address=None if address is None else _checked_address(address),
            default_stay_minutes=checked_stay(stay),
        )

    def rename(self, name: str, at: Seconds) -> None:
        if _checked_name(name) != self.name:
            self.trigger_event(self.Renamed, timestamp=to_datetime(at), name=name)

    def change_default_stay(self, minutes: Minutes, at: Seconds) -> None:
        if checked_stay(minutes) != self.default_stay_minutes:
            self.trigger_event(self.DefaultStayChanged, timestamp=to_datetime(at), default_stay_minutes=minutes)


def checked_stay(minutes: Minutes) -> Minutes:
    if not 1 <= minutes <= LONGEST_DEFAULT_STAY:
        raise Refused(f"a default stay lasts 1 to {LONGEST_DEFAULT_STAY} minutes")
    return minutes


def _checked_address(address: str) -> str:
    if not address.strip() or len(address) > 400 or not address.isprintable():
        raise Refused("a venue's address has 1 to 400 printable characters")
    return address


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise Refused("a venue's name has 1 to 200 printable characters")
    return name
