"""Sites of quarantine: registered, their capacity and cameras; closed."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from application.log import Draft, Log, Recorded, load_own, settled
from application.people import People
from application.provenance import LOCAL, Provenance
from application.venues import Venues
from domain.errors import Conflict, Unknown
from domain.sites import Site
from domain.times import Seconds


@dataclass(frozen=True, slots=True)
class NewSite:
    """``venue`` is the id or code of the venue at which its people check in."""

    name: str
    kind: str
    commune: str
    capacity: int
    venue: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Sites:
    def __init__(self, log: Log, people: People, venues: Venues, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.people = people
        self.venues = venues
        self.now = now

    def register(self, site: NewSite, *, site_id: UUID | None = None, by: Provenance = LOCAL) -> Recorded:
        """The same again with its id is found. Raises Conflict when the id stands for another, Unknown for a venue."""
        self.people.check_commune(site.commune)
        return self._register(site, site_id or uuid4(), by)

    @settled
    def _register(self, new: NewSite, site_id: UUID, by: Provenance) -> Recorded:
        is_there = load_own(self.log, Site, site_id) is not None
        site = Site.register(
            site_id, new.name, new.kind, new.commune, new.capacity, self.now(),
            venue=None if new.venue is None else self.venues.get(new.venue).id,
            latitude=new.latitude, longitude=new.longitude,
        )  # fmt: skip
        return self._same(site) if is_there else Recorded(site_id, self.log.save(Draft([site]), by))

    def _same(self, wanted: Site) -> Recorded:
        """Whatever became of the site since."""
        position = self.log.position_of(wanted.id, 1)
        if _content(get_site(self.log, wanted.id, position)) != _content(wanted):
            raise Conflict("that id belongs to another site already")
        return Recorded(wanted.id, position)

    @settled
    def change_capacity(self, site_id: UUID, capacity: int, by: Provenance = LOCAL) -> Recorded:
        site = get_site(self.log, site_id)
        site.change_capacity(capacity, self.now())
        return self._save(site, by)

    @settled
    def report_cameras(self, site_id: UUID, registered: int, connected: int, by: Provenance = LOCAL) -> Recorded:
        site = get_site(self.log, site_id)
        site.report_cameras(registered, connected, self.now())
        return self._save(site, by)

    @settled
    def close(self, site_id: UUID, at: Seconds | None = None, by: Provenance = LOCAL) -> Recorded:
        site = get_site(self.log, site_id)
        site.close(at, self.now())
        return self._save(site, by)

    def _save(self, site: Site, by: Provenance) -> Recorded:
        if not site.pending_events:
            return Recorded(site.id, self.log.position_of(site.id, site.version))
        return Recorded(site.id, self.log.save(Draft([site]), by))


def get_site(log: Log, site_id: UUID, as_of: int | None = None) -> Site:
    """Raises Unknown."""
    site = log.load(Site, site_id, as_of)
    if site is None:
        raise Unknown("there is no site with that id")
    return site


def _content(site: Site) -> tuple[object, ...]:
    return site.name, site.kind, site.commune, site.capacity, site.venue, site.latitude, site.longitude
