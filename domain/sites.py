"""A site: where people are confined together, how many it takes, who takes its places, and its cameras."""

from collections.abc import Iterable
from itertools import accumulate
from operator import add
from typing import Final, NamedTuple
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from domain.errors import Conflict, Malformed, Refused
from domain.times import LATEST, Seconds, from_datetime, parse_instant, to_datetime, to_text
from domain.visits import CLOCK_TOLERANCE

KINDS: Final = ("facility", "hospital")
LARGEST_CAPACITY: Final = 100_000
MOST_CAMERAS: Final = 100_000


class Taken(NamedTuple):
    """A place is taken in ``[since, until)``, open while ``until`` is unknown."""

    since: Seconds
    until: Seconds | None

    @property
    def end(self) -> Seconds:
        return LATEST if self.until is None else self.until


class Site(BaseAggregate[UUID]):
    """It hears of every quarantine that begins, ends or moves here in the commit that records it: so its places are
    exact, and of two who want the last one at once one is refused."""

    TOPIC = "Site"

    class Event(AggregateEvent):
        pass

    class Registered(Event, AggregateCreated):
        """``venue`` is the venue, where there is one, at which the people of the site check in."""

        TOPIC = "Site.Registered"
        name: str
        kind: str
        commune: str
        capacity: int
        venue: str | None
        latitude: float | None
        longitude: float | None

    class CapacityChanged(Event):
        TOPIC = "Site.CapacityChanged"
        capacity: int

        def apply(self, site: "Site") -> None:
            site.capacity = self.capacity

    class CamerasReported(Event):
        """All its cameras, and those of them whose pictures come in."""

        TOPIC = "Site.CamerasReported"
        registered: int
        connected: int

        def apply(self, site: "Site") -> None:
            site.cameras = Cameras(self.registered, self.connected)

    class Closed(Event):
        """For good, from ``happened_at`` on."""

        TOPIC = "Site.Closed"

        def apply(self, site: "Site") -> None:
            site.closed_at = from_datetime(self.timestamp)

    class PlaceTaken(Event):
        TOPIC = "Site.PlaceTaken"
        quarantine: str
        since: str
        until: str | None

        def apply(self, site: "Site") -> None:
            site.places[self.quarantine] = Taken(parse_instant(self.since), _instant(self.until))

    class PlaceChanged(Event):
        """It is taken until another time, or nobody knows until when."""

        TOPIC = "Site.PlaceChanged"
        quarantine: str
        until: str | None

        def apply(self, site: "Site") -> None:
            site.places[self.quarantine] = site.places[self.quarantine]._replace(until=_instant(self.until))

    class PlaceFreed(Event):
        """Whoever took it is elsewhere from then on; was never here, when that is the time from which it was taken."""

        TOPIC = "Site.PlaceFreed"
        quarantine: str
        freed_at: str

        def apply(self, site: "Site") -> None:
            taken = site.places.pop(self.quarantine)
            left = Taken(taken.since, min(taken.end, parse_instant(self.freed_at)))
            if left.since < left.end:
                site.left.append(left)

    def __init__(
        self,
        name: str,
        kind: str,
        commune: str,
        capacity: int,
        venue: str | None,
        latitude: float | None,
        longitude: float | None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.commune = commune
        self.capacity = capacity
        self.venue = None if venue is None else UUID(venue)
        self.latitude = latitude
        self.longitude = longitude
        self.cameras = Cameras(0, 0)
        self.closed_at: Seconds | None = None
        self.places: dict[str, Taken] = {}
        self.left: list[Taken] = []

    @classmethod
    def register(
        cls,
        site_id: UUID,
        name: str,
        kind: str,
        commune: str,
        capacity: int,
        happened: Seconds,
        *,
        venue: UUID | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
    ) -> "Site":
        """Raises Malformed or Refused for a kind, name, capacity or coordinates that are none."""
        if kind not in KINDS:
            raise Malformed(f"a site is a {' or a '.join(KINDS)}")
        if not name.strip() or len(name) > 200 or not name.isprintable():
            raise Refused("a site's name has 1 to 200 printable characters")
        _check_coordinates(latitude, longitude)
        return cls._create(
            cls.Registered,
            id=site_id,
            timestamp=to_datetime(happened),
            name=name,
            kind=kind,
            commune=commune,
            capacity=_checked_capacity(capacity),
            venue=None if venue is None else str(venue),
            latitude=latitude,
            longitude=longitude,
        )

    def taken_at(self, instant: Seconds) -> int:
        """How many of its places are taken then."""
        return sum(taken.since <= instant < taken.end for taken in (*self.places.values(), *self.left))

    def change_capacity(self, capacity: int, happened: Seconds) -> None:
        """Nobody has to leave when it is less than the places that are taken; nobody else is let in then."""
        if _checked_capacity(capacity) != self.capacity:
            self._refuse_when_closed()
            self.trigger_event(self.CapacityChanged, timestamp=to_datetime(happened), capacity=capacity)

    def report_cameras(self, registered: int, connected: int, happened: Seconds) -> None:
        if not 0 <= connected <= registered <= MOST_CAMERAS:
            raise Refused("of a site's cameras no more can be connected than are registered")
        if (registered, connected) != self.cameras:
            self._refuse_when_closed()
            self.trigger_event(
                self.CamerasReported, timestamp=to_datetime(happened), registered=registered, connected=connected
            )

    def close(self, at: Seconds | None, now: Seconds) -> None:
        """For good, from ``at`` or from now on."""
        if self.closed_at is not None and at in (None, self.closed_at):
            return
        if self.closed_at is not None:
            raise Conflict("the site was closed at another time already")
        instant = now if at is None else at
        if instant > now + CLOCK_TOLERANCE:
            raise Refused("that lies in the future")
        if any(taken.end > instant for taken in (*self.places.values(), *self.left)):
            raise Refused("people are confined in the site at that time or later; move them first")
        self.trigger_event(self.Closed, timestamp=to_datetime(instant))

    def take(
        self, quarantine: str, since: Seconds, until: Seconds | None, happened: Seconds, *, even_if_full: bool = False
    ) -> None:
        """Raises Refused where at any time all its places are taken already."""
        if not even_if_full:
            self._refuse_when_closed()
            self._refuse_when_full(Taken(since, until), self.places.values())
        self.trigger_event(
            self.PlaceTaken, timestamp=to_datetime(happened), quarantine=quarantine, since=to_text(since),
            until=_text(until),
        )  # fmt: skip

    def keep(
        self, quarantine: str, since: Seconds, until: Seconds | None, happened: Seconds, *, even_if_full: bool = False
    ) -> None:
        """Whoever is here from ``since`` on stays until then. Raises Refused as ``take`` does, for a longer time."""
        wanted, taken = Taken(since, until), self.places.get(quarantine)
        if wanted.end <= since:
            self.free(quarantine, since, happened)
        elif taken is None:
            self.take(quarantine, since, until, happened, even_if_full=even_if_full)
        elif until != taken.until:
            if wanted.end > taken.end and not even_if_full:
                others = [other for name, other in self.places.items() if name != quarantine]
                self._refuse_when_full(Taken(taken.end, until), others)
            self.trigger_event(
                self.PlaceChanged, timestamp=to_datetime(happened), quarantine=quarantine, until=_text(until)
            )

    def free(self, quarantine: str, at: Seconds, happened: Seconds) -> None:
        """From ``at`` on; all of it, when that is not after the time from which it was taken."""
        if quarantine in self.places:
            self.trigger_event(
                self.PlaceFreed, timestamp=to_datetime(happened), quarantine=quarantine, freed_at=to_text(at)
            )

    def _refuse_when_full(self, wanted: Taken, others: Iterable[Taken]) -> None:
        if most_at_once(wanted, (*others, *self.left)) >= self.capacity:
            raise Refused(f"the site is full: at some time of that, all of its places ({self.capacity}) are taken")

    def _refuse_when_closed(self) -> None:
        if self.closed_at is not None:
            raise Refused("the site is closed for good")


class Cameras(NamedTuple):
    registered: int
    connected: int


def most_at_once(within: Taken, places: Iterable[Taken]) -> int:
    """How many places are taken at the same time, at most, within that time."""
    overlapping = [taken for taken in places if taken.since < within.end and within.since < taken.end]
    begun = [(max(taken.since, within.since), 1) for taken in overlapping]
    ended = [(taken.end, -1) for taken in overlapping]
    return max(accumulate((change for _, change in sorted(begun + ended)), add), default=0)


class Figures(NamedTuple):
    """What can be added up, of one site or of many; a site is connected when one of its cameras is."""

    sites: int
    sites_connected: int
    cameras_registered: int
    cameras_connected: int
    capacity: int


def figures_of(sites: Iterable[Site]) -> Figures:
    return added_up(Figures(1, site.cameras.connected > 0, *site.cameras, site.capacity) for site in sites)


def added_up(parts: Iterable[Figures]) -> Figures:
    return Figures(*map(sum, zip(Figures(0, 0, 0, 0, 0), *parts, strict=True)))


def _checked_capacity(capacity: int) -> int:
    if not 0 < capacity <= LARGEST_CAPACITY:
        raise Refused(f"a site has 1 to {LARGEST_CAPACITY} places")
    return capacity


def _check_coordinates(latitude: float | None, longitude: float | None) -> None:
    if (latitude is None) != (longitude is None):
        raise Refused("a site's coordinates are a latitude and a longitude")
    if latitude is not None and longitude is not None and not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise Refused("a latitude lies between -90 and 90 degrees, a longitude between -180 and 180")


def _instant(text: str | None) -> Seconds | None:
    return None if text is None else parse_instant(text)


def _text(instant: Seconds | None) -> str | None:
    return None if instant is None else to_text(instant)
