"""Adherence: where somebody is confined, what was reported of it, and what of that was a breach."""

from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import Refused
from domain.times import Seconds

Metres = int

CHECK_IN: Final = "check_in"
POSITION: Final = "position"
KINDS: Final = (CHECK_IN, POSITION)
"""What shows a breach: a check-in elsewhere, a reported position that is too far away."""

BY_HAND: Final = "by_hand"
VISIT_RETRACTED: Final = "visit_retracted"
NOT_ELSEWHERE: Final = "not_elsewhere"
NOT_CONFINED: Final = "not_confined"
"""Why a breach is none: somebody says so, or the visit or the quarantine has changed since and shows none now."""

DEFAULT_RADIUS: Final[Metres] = 100
LARGEST_RADIUS: Final[Metres] = 10_000


class Coordinates(NamedTuple):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"{self.latitude:.6f},{self.longitude:.6f}"

    @classmethod
    def read(cls, text: str) -> "Coordinates":
        return cls(*map(float, text.split(",")))


@dataclass(frozen=True, slots=True)
class Spot:
    """Where somebody is confined from an instant on: at a site, or around ``coordinates``, which are sealed."""

    since: Seconds
    site: UUID | None = None
    coordinates: str | None = None
    radius: Metres = DEFAULT_RADIUS

    def is_near(self, distance: Metres, accuracy: Metres | None) -> bool:
        """A position counts as outside when it is so even where it errs as far as it may."""
        return distance - (accuracy or 0) <= self.radius


@dataclass(slots=True)
class Breach:
    """``visit_id`` names the visit that shows it, None where a position does; ``dismissed`` says why it is none."""

    number: int
    at: Seconds
    visit_id: str | None
    dismissed: str | None = None

    @property
    def stands(self) -> bool:
        return self.dismissed is None


class Report(NamedTuple):
    """A reported position, and the version of the event that says so."""

    distance: Metres
    within: bool
    version: int


@dataclass(slots=True)
class Adherence:
    """How one quarantine is kept, as far as it is known."""

    spots: list[Spot] = field(default_factory=list)
    reports: dict[Seconds, Report] = field(default_factory=dict)
    breaches: dict[int, Breach] = field(default_factory=dict)
    """By their numbers."""

    @property
    def standing(self) -> list[Breach]:
        return [breach for breach in self.breaches.values() if breach.stands]

    @property
    def last_report(self) -> tuple[Seconds, Report]:
        """The one that was recorded last, and the instant that it is of."""
        return max(self.reports.items(), key=lambda report: report[1].version)

    def spot_at(self, at: Seconds) -> Spot:
        return next((spot for spot in reversed(self.spots) if spot.since <= at), self.spots[0])

    def shown_by(self, visit_id: str) -> Breach | None:
        """The last breach that this visit showed."""
        return next((breach for breach in reversed(self.breaches.values()) if breach.visit_id == visit_id), None)

    def is_known_absence(self, at: Seconds) -> bool:
        """One absence is one breach: that of a report outside, with all outside before and after it."""
        times = sorted(self.reports.keys() | {at})
        place = times.index(at)
        run = {at, *takewhile(self._is_outside, times[place + 1 :]), *takewhile(self._is_outside, times[:place][::-1])}
        return any(breach.visit_id is None and breach.at in run for breach in self.standing)

    def _is_outside(self, at: Seconds) -> bool:
        return not self.reports[at].within


def check_radius(radius: Metres | None) -> None:
    if radius is not None and not 1 <= radius <= LARGEST_RADIUS:
        raise Refused(f"the radius of a quarantine is 1 to {LARGEST_RADIUS} metres")
