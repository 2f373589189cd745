"""A venue: a place where people check in, its kind, where it lies, and whether it is in use."""

import re
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Conflict, Malformed, Refused, Unknown
from domain.opening_hours import parse_opening_hours
from domain.qr_codes import LARGEST_SERIAL, IssuedCode
from domain.times import Seconds, from_datetime, parse_instant, to_datetime, to_text
from domain.visits import CLOCK_TOLERANCE

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


class Place(NamedTuple):
    """Where a venue lies; latitude and longitude in degrees, WGS 84, both known or neither."""

    commune: str | None
    address: str | None
    latitude: float | None = None
    longitude: float | None = None


class Venue(BaseAggregate[UUID]):
    TOPIC = "Venue"

    class Event(AggregateEvent):
        pass

    class Registered(Event, AggregateCreated):
        """The default stay is written out even where it follows from the kind, so that no later table changes it.

        ``manager`` is a person, ``part_of`` the venue that this one lies in, as a stall in a market.
        """

        TOPIC = "Venue.Registered"
        code: str | None
        name: str
        kind: str
        commune: str | None
        address: str | None
        default_stay_minutes: Minutes
        latitude: float | None = None
        longitude: float | None = None
        opening_hours: str | None = None
        manager: str | None = None
        part_of: str | None = None

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

    class Moved(Event):
        """Where it lies from now on, all of it."""

        TOPIC = "Venue.Moved"
        commune: str | None
        address: str | None
        latitude: float | None
        longitude: float | None

        def apply(self, venue: "Venue") -> None:
            venue.place = Place(self.commune, self.address, self.latitude, self.longitude)

    class OpeningHoursChanged(Event):
        TOPIC = "Venue.OpeningHoursChanged"
        opening_hours: str | None

        def apply(self, venue: "Venue") -> None:
            venue.opening_hours = self.opening_hours

    class ManagerChanged(Event):
        TOPIC = "Venue.ManagerChanged"
        manager: str | None

        def apply(self, venue: "Venue") -> None:
            venue.manager = _as_id(self.manager)

    class Suspended(Event):
        """Nobody checks in from ``happened_at`` on, until it is reactivated."""

        TOPIC = "Venue.Suspended"

        def apply(self, venue: "Venue") -> None:
            venue.suspensions.append((from_datetime(self.timestamp), None))

    class Reactivated(Event):
        TOPIC = "Venue.Reactivated"

        def apply(self, venue: "Venue") -> None:
            since, _ = venue.suspensions[-1]
            venue.suspensions[-1] = (since, from_datetime(self.timestamp))

    class Closed(Event):
        """For good, from ``happened_at`` on."""

        TOPIC = "Venue.Closed"

        def apply(self, venue: "Venue") -> None:
            venue.closed_at = from_datetime(self.timestamp)

    class QrCodeIssued(Event):
        """``signing_key`` is the id of the key that signs it, hexadecimal."""

        TOPIC = "Venue.QrCodeIssued"
        serial: int
        signing_key: str

        def apply(self, venue: "Venue") -> None:
            venue.qr_codes[self.serial] = IssuedCode(self.signing_key, from_datetime(self.timestamp), None)

    class QrCodeEnded(Event):
        """It counts until ``ends_at``, which may lie ahead and may be moved while it does."""

        TOPIC = "Venue.QrCodeEnded"
        serial: int
        ends_at: str

        def apply(self, venue: "Venue") -> None:
            ended = venue.qr_codes[self.serial]._replace(ends_at=parse_instant(self.ends_at))
            venue.qr_codes[self.serial] = ended

    def __init__(
        self,
        code: str | None,
        name: str,
        kind: str,
        commune: str | None,
        address: str | None,
        default_stay_minutes: Minutes,
        latitude: float | None,
        longitude: float | None,
        opening_hours: str | None,
        manager: str | None,
        part_of: str | None,
    ) -> None:
        self.code = code
        self.name = name
        self.kind = kind
        self.place = Place(commune, address, latitude, longitude)
        self.default_stay_minutes = default_stay_minutes
        self.opening_hours = opening_hours
        self.manager = _as_id(manager)
        self.part_of = _as_id(part_of)
        self.suspensions: list[tuple[Seconds, Seconds | None]] = []
        self.closed_at: Seconds | None = None
        self.qr_codes: dict[int, IssuedCode] = {}

    @property
    def status(self) -> str:
        """active, suspended or closed, as far as is known now."""
        if self.closed_at is not None:
            return "closed"
        return "active" if self.suspended_since is None else "suspended"

    @property
    def status_since(self) -> Seconds:
        """When the status began: for one that was never suspended or closed, when it was registered."""
        changes = [self.closed_at, *reversed([at for suspension in self.suspensions for at in suspension])]
        return next((at for at in changes if at is not None), from_datetime(self.created_on))

    @property
    def suspended_since(self) -> Seconds | None:
        """When the suspension began that nothing has ended yet."""
        since, until = self.suspensions[-1] if self.suspensions else (None, None)
        return since if until is None else None

    def is_active_at(self, instant: Seconds) -> bool:
        """Whether people may have checked in then: a scan from before a closure counts when it is delivered later."""
        if self.closed_at is not None and self.closed_at <= instant:
            return False
        return not any(since <= instant and (until is None or instant < until) for since, until in self.suspensions)

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
        latitude: float | None = None,
        longitude: float | None = None,
        default_stay_minutes: Minutes | None = None,
        opening_hours: str | None = None,
        manager: UUID | None = None,
        part_of: UUID | None = None,
    ) -> "Venue":
        """Raises Malformed or Refused for a name, kind, code, place, default stay or opening hours that are none."""
        kind = parse_kind(kind)
        stay = DEFAULT_STAY[kind] if default_stay_minutes is None else default_stay_minutes
        return cls._create(
            cls.Registered,
            id=venue_id,
            timestamp=to_datetime(at),
            code=None if code is None else parse_code(code),
            name=_checked_name(name),
            kind=kind,
            default_stay_minutes=checked_stay(stay),
            **_checked_place(Place(commune, address, latitude, longitude))._asdict(),
            opening_hours=None if opening_hours is None else parse_opening_hours(opening_hours),
            manager=_as_text(manager),
            part_of=_as_text(part_of),
        )

    def rename(self, name: str, at: Seconds) -> None:
        if _checked_name(name) != self.name:
            self.trigger_event(self.Renamed, timestamp=to_datetime(at), name=name)

    def change_default_stay(self, minutes: Minutes, at: Seconds) -> None:
        if checked_stay(minutes) != self.default_stay_minutes:
            self.trigger_event(self.DefaultStayChanged, timestamp=to_datetime(at), default_stay_minutes=minutes)

    def move(self, place: Place, at: Seconds) -> None:
        if _checked_place(place) != self.place:
            self.trigger_event(self.Moved, timestamp=to_datetime(at), **_checked_place(place)._asdict())

    def change_opening_hours(self, hours: str | None, at: Seconds) -> None:
        """None: they are not known."""
        if (None if hours is None else parse_opening_hours(hours)) != self.opening_hours:
            self.trigger_event(self.OpeningHoursChanged, timestamp=to_datetime(at), opening_hours=hours)

    def change_manager(self, person: UUID | None, at: Seconds) -> None:
        if person != self.manager:
            self.trigger_event(self.ManagerChanged, timestamp=to_datetime(at), manager=_as_text(person))

    def suspend(self, at: Seconds | None, now: Seconds) -> None:
        """From ``at``, or from now on unless it is suspended already."""
        if at in {since for since, _ in self.suspensions} or (at is None and self.status == "suspended"):
            return
        self._refuse_when_closed()
        if self.status == "suspended":
            raise Conflict("the venue is suspended from another time on already")
        self.trigger_event(self.Suspended, timestamp=self._next_change(at, now))

    def reactivate(self, at: Seconds | None, now: Seconds) -> None:
        """From ``at``, or from now on unless it is active already."""
        ended = {until for _, until in self.suspensions if until is not None}
        if at in ended or (at is None and self.status == "active"):
            return
        self._refuse_when_closed()
        if self.status == "active":
            raise Refused("the venue is not suspended")
        self.trigger_event(self.Reactivated, timestamp=self._next_change(at, now))

    def close(self, at: Seconds | None, now: Seconds) -> None:
        """For good, from ``at`` or from now on."""
        if self.closed_at is not None and at in (None, self.closed_at):
            return
        if self.closed_at is not None:
            raise Conflict("the venue was closed at another time already")
        self.trigger_event(self.Closed, timestamp=self._next_change(at, now))

    @property
    def next_serial(self) -> int:
        return max(self.qr_codes, default=0) + 1

    def lasting_qr_codes(self, instant: Seconds) -> list[int]:
        """The serials of those that have not ended then, the newest last."""
        return [serial for serial, issued in self.qr_codes.items() if not issued.has_ended(instant)]

    def issue_qr_code(self, signing_key: str, now: Seconds) -> None:
        self._refuse_when_closed()
        if self.next_serial > LARGEST_SERIAL:
            raise Refused(f"a venue has at most {LARGEST_SERIAL} QR codes")
        self.trigger_event(
            self.QrCodeIssued, timestamp=to_datetime(now), serial=self.next_serial, signing_key=signing_key
        )

    def end_qr_codes_before(self, serial: int, ends_at: Seconds, now: Seconds) -> None:
        """All older ones, unless they end earlier."""
        for other in self.lasting_qr_codes(max(now, ends_at)):
            if other < serial:
                self.end_qr_code(other, ends_at, now)

    def end_qr_code(self, serial: int, ends_at: Seconds | None, now: Seconds) -> None:
        """From ``ends_at`` on, which may lie ahead, or from now on unless it has ended already.

        Raises Unknown for a serial that was never issued, Refused when that would let an ended code count again.
        """
        if serial not in self.qr_codes:
            raise Unknown("the venue has no QR code with that serial")
        issued, end = self.qr_codes[serial], now if ends_at is None else ends_at
        if issued.ends_at is not None:
            if end == issued.ends_at or (ends_at is None and issued.has_ended(now)):
                return
            if issued.has_ended(now) and end > issued.ends_at:
                raise Refused("the QR code has ended already; issue a new one")
        self.trigger_event(self.QrCodeEnded, timestamp=to_datetime(now), serial=serial, ends_at=to_text(end))

    def _next_change(self, at: Seconds | None, now: Seconds) -> datetime:
        """When the status changes. Raises Refused before its last change, and in the future."""
        instant = now if at is None else at
        if instant > now + CLOCK_TOLERANCE:
            raise Refused("that lies in the future")
        if self.suspensions and instant < self.status_since:
            raise Refused("the status of the venue changed after that time already")
        return to_datetime(instant)

    def _refuse_when_closed(self) -> None:
        if self.closed_at is not None:
            raise Refused("the venue is closed for good")


def checked_stay(minutes: Minutes) -> Minutes:
    if not 1 <= minutes <= LONGEST_DEFAULT_STAY:
        raise Refused(f"a default stay lasts 1 to {LONGEST_DEFAULT_STAY} minutes")
    return minutes


def _checked_place(place: Place) -> Place:
    if place.address is not None:
        _checked_address(place.address)
    if (place.latitude is None) != (place.longitude is None):
        raise Refused("a venue's coordinates are a latitude and a longitude")
    if place.latitude is None or place.longitude is None:
        return place
    if not (-90 <= place.latitude <= 90 and -180 <= place.longitude <= 180):
        raise Refused("a latitude lies between -90 and 90 degrees, a longitude between -180 and 180")
    return place._replace(latitude=float(place.latitude), longitude=float(place.longitude))


def _checked_address(address: str) -> str:
    if not address.strip() or len(address) > 400 or not address.isprintable():
        raise Refused("a venue's address has 1 to 400 printable characters")
    return address


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise Refused("a venue's name has 1 to 200 printable characters")
    return name


def _as_id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _as_text(an_id: UUID | None) -> str | None:
    return None if an_id is None else str(an_id)
