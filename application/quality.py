"""The quality of what is recorded at a venue: flagged, never dropped. Nothing here records anything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from uuid import UUID

from application.log import Log
from application.venues import Venues
from domain.errors import Refused, Unknown
from domain.quality import (
    FAST_SECONDS,
    LONGEST_HOP,
    Arrival,
    Elsewhere,
    Flag,
    Metres,
    Watched,
    check_out_rate,
    flags,
    metres_between,
)
from domain.times import LATEST, Seconds, add_days, from_datetime, local_day, start_of_day, to_text
from domain.venues import Venue

DAYS: Final = 28
"""Local days that are looked at unless asked otherwise; the last is that of the venue's last visit."""
_DAY: Final[Seconds] = 86_400


class VenueGraph(Protocol):
    @property
    def position(self) -> int: ...

    def arrivals(
        self, venue: UUID, start: Seconds, end: Seconds, near: Seconds, as_of: int | None = None
    ) -> tuple[Sequence[Arrival], Sequence[Elsewhere], Sequence[Elsewhere]]:
        """The visits that begin in ``[start, end)``, the hops of at most ``near`` seconds, the doubled ones."""

    def last_check_in(self, venue: UUID, as_of: int | None = None) -> Seconds | None: ...


@dataclass(frozen=True, slots=True)
class VenueQuality:
    """What is to be said of the visits that began at a venue in ``[start, end)``; examples are visit ids."""

    position: int
    venue_id: UUID
    start: Seconds
    end: Seconds
    visits: int
    check_out_rate: float | None
    flags: list[Flag]


class Quality:
    def __init__(self, log: Log, graph: VenueGraph, venues: Venues) -> None:
        self.log = log
        self.graph = graph
        self.venues = venues

    def of_venue(
        self, venue: str, start: Seconds | None = None, end: Seconds | None = None, *, as_of: int | None = None
    ) -> VenueQuality:
        """Raises Unknown, also for a venue that was not yet known at ``as_of``."""
        position = self.graph.position if as_of is None else as_of
        known = self._known(venue, position)
        start, end = self._window(known, start, end, position)
        near = FAST_SECONDS if _place(known) is None else LONGEST_HOP
        arrivals, hops, doubled = self.graph.arrivals(known.id, start, end, near, position)
        watched = Watched(
            kind=known.kind,
            default_stay=known.default_stay_minutes * 60,
            arrivals=arrivals,
            devices=self.log.devices_at([arrival.visit for arrival in arrivals]),
            hops=hops,
            doubled=doubled,
            metres=self._metres(known, {hop.venue for hop in hops}, position),
        )
        found = self._named(flags(watched))
        return VenueQuality(position, known.id, start, end, len(arrivals), check_out_rate(arrivals), found)

    def _known(self, venue: str, position: int) -> Venue:
        known = self.log.load(Venue, self.venues.get(venue).id, position)
        if known is None:
            raise Unknown("there is no venue with that code or id at that position")
        return known

    def _window(
        self, venue: Venue, start: Seconds | None, end: Seconds | None, position: int
    ) -> tuple[Seconds, Seconds]:
        """Without an end, that of the local day of the last visit; the registration's where there is none."""
        if end is None:
            last = self.graph.last_check_in(venue.id, position)
            end = _end_of_day(max(from_datetime(venue.created_on) if last is None else last, start or 0))
        if start is None:
            start = max(end - DAYS * _DAY, 0)
        if end <= start:
            raise Refused("the window ends after it begins")
        return start, end

    def _metres(self, venue: Venue, others: Iterable[UUID], position: int) -> dict[UUID, Metres]:
        """To those whose coordinates are known; none where the venue's own are not."""
        here = _place(venue)
        if here is None:
            return {}
        places = {other.id: _place(other) for other in self.log.load_many(Venue, others, position).values()}
        return {other: metres_between(here, place) for other, place in places.items() if place is not None}

    def _named(self, found: Iterable[Flag]) -> list[Flag]:
        """With the visits as they are called, not by the positions of their first events."""
        found = list(found)
        states = self.log.states_at([visit for flag in found for visit in flag.examples])
        ids = {position: state["visit_id"] for position, state in states.items()}
        return [replace(flag, examples=tuple(ids[visit] for visit in flag.examples)) for flag in found]


def quality_row(found: VenueQuality, lang: str) -> dict[str, Any]:
    """As it is written out, in one of the languages of domain/quality.py."""
    return {
        "venue_id": str(found.venue_id),
        "from": to_text(found.start),
        "to": to_text(found.end),
        "visits": found.visits,
        "check_out_rate": found.check_out_rate,
        "flags": [
            {"name": f.name, "says": f.says[lang], "count": f.count, "share": f.share, "examples": list(f.examples)}
            for f in found.flags
        ],
        "position": found.position,
    }


def _place(venue: Venue) -> tuple[float, float] | None:
    """Latitude and longitude, as far as they are known."""
    _, _, latitude, longitude = venue.place
    return None if latitude is None or longitude is None else (latitude, longitude)


def _end_of_day(instant: Seconds) -> Seconds:
    return start_of_day(add_days(local_day(instant), 1)) if instant < LATEST - _DAY else LATEST
