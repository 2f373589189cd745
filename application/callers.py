"""Who asks: the holder of an access key, and the places that the key reaches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from application.recent import Recent
from application.venues import Venues, unknown_venue
from domain.errors import Forbidden, Malformed, Unknown
from domain.venues import Venue

_SECONDS: Final = 2.0  # so old may be what is known of where a venue lies

_SEE_IDENTITIES: Final = frozenset({"admin", "epidemiologist", "caller"})
_SEE_PERSON_IDS: Final = _SEE_IDENTITIES | {"auditor"}
_AT_A_DOOR: Final = frozenset({"manager", "guard"})


@dataclass(frozen=True, slots=True)
class Caller:
    """``venue`` or ``area`` (the code of a unit) bind the key to a place; ``person`` is whose it is, where known."""

    key_id: UUID
    role: str
    venue: UUID | None = None
    area: str | None = None
    person: UUID | None = None
    places: "Places" = field(kw_only=True, repr=False, compare=False)

    @property
    def actor(self) -> str:
        """What events say of who recorded them."""
        return actor_of(self.key_id)

    @property
    def is_bound(self) -> bool:
        return self.venue is not None or self.area is not None

    @property
    def sees_identities(self) -> bool:
        """Others see a person as ``id:PERSON_ID``, or as application/visibility.py says."""
        return self.role in _SEE_IDENTITIES

    @property
    def sees_person_ids(self) -> bool:
        """Knows a visitor of one venue again at another."""
        return self.role in _SEE_PERSON_IDS

    @property
    def is_at_a_door(self) -> bool:
        """Scans on behalf of visitors."""
        return self.role in _AT_A_DOOR

    def reach(self, venue: UUID | str) -> None:
        """Raises Unknown for a venue (its id or code) that this key does not reach, as for one that is not there.

        For a bound key this may look in the log, unless the venue is its own by id.
        """
        if not self.is_bound or str(venue) == str(self.venue):
            return
        found = self.places.known(str(venue))
        if found is None or not self.reaches(found):  # one elsewhere takes as long as one that is not there
            found = self.places.look_up(str(venue))
        if found is None or not self.reaches(found):
            raise unknown_venue()

    def reaches(self, venue: Venue) -> bool:
        if self.venue is not None:
            return venue.id == self.venue
        return self.area is None or self._covers(venue.place.commune)

    def reach_unit(self, code: str) -> None:
        """Raises Forbidden for a commune, district or province that is not in this key's area."""
        if self.is_bound and not self._covers(code):
            raise Forbidden("this key does not reach that unit")

    def _covers(self, unit: str | None) -> bool:
        return unit is not None and self.area is not None and self.places.lies_in(unit, self.area)


def actor_of(key_id: UUID) -> str:
    """What events say of who recorded them, when it was the holder of a key."""
    return f"key:{key_id}"


class Places:
    def __init__(self, venues: Venues, lies_in: Callable[[str, str], bool]) -> None:
        """``lies_in`` says whether a unit is another or part of it, by their codes."""
        self.venues = venues
        self.lies_in = lies_in
        self._recent = Recent(self._look, _SECONDS)

    def get(self, venue: str) -> Venue | None:
        """The venue with that id or code, as it was a moment ago."""
        return self._recent.get(venue)

    def known(self, venue: str) -> Venue | None:
        """The same without looking; None when it has to be looked up."""
        return self._recent.known(venue)

    def look_up(self, venue: str) -> Venue | None:
        """As it is now."""
        return self._recent.look_up(venue)

    def _look(self, venue: str) -> Venue | None:
        try:
            return self.venues.get(venue)
        except (Unknown, Malformed):
            return None
