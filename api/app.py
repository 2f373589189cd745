"""Everything is built here, once and by hand."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace

from application.access_keys import AccessKeys
from application.adherence import Adherence, AdherencePolicy
from application.adoption import Adoption
from application.alerts import AlertPolicy
from application.call_policy import CallPolicy
from application.callers import Places
from application.calls import Calls
from application.campaign import Campaign
from application.case_history import CaseHistory
from application.cases import Cases
from application.contacts import Contacts
from application.declarations import Declarations
from application.doors import Doors
from application.escalations import Escalations
from application.exposures import ExposurePolicy
from application.guards import Guards
from application.imports import ImportRetraction
from application.people import People, UnnamedPeople
from application.qr_codes import QrCodes
from application.quality import Quality
from application.quarantines import Quarantines
from application.scans import Scans
from application.site_reports import SiteReports
from application.sites import Sites
from application.venues import Venues
from application.visibility import Visibility
from application.visits import Visits
from domain.calling_hours import parse_calling_hours
from domain.errors import Unavailable
from domain.times import Seconds
from infrastructure import communes
from infrastructure.database import Database, migrate
from infrastructure.durability import UnsafeDatabase, check_durable
from infrastructure.follower import GraphFollower
from infrastructure.imports import Imports
from infrastructure.log import EventLog
from infrastructure.outbox import Deliveries, Outbox
from infrastructure.policies import Policies
from infrastructure.postgres import PostgresUnavailable, ensure_running, local_postgres
from infrastructure.registers import Registers
from infrastructure.settings import Settings
from infrastructure.signing import SigningKeys
from infrastructure.vault import SealedVault, master_key
from infrastructure.watching import READ, Watching


@dataclass(frozen=True, slots=True)
class Truyvet:
    """What can be asked and recorded; the command line and HTTP are two ways to reach it."""

    settings: Settings
    database: Database
    log: EventLog
    vault: SealedVault
    people: People
    venues: Venues
    qr_codes: QrCodes
    scans: Scans
    visits: Visits
    cases: Cases
    quarantines: Quarantines
    sites: Sites
    site_reports: SiteReports
    imports: Imports
    retraction: ImportRetraction
    access_keys: AccessKeys
    guards: Guards
    visibility: Visibility
    registers: Registers
    graph: GraphFollower
    policies: Policies
    contacts: Contacts
    case_history: CaseHistory
    doors: Doors
    adoption: Adoption
    quality: Quality
    escalations: Escalations
    declarations: Declarations
    campaign: Campaign
    calls: Calls
    adherence: Adherence
    outbox: Outbox
    deliveries: Deliveries

    def unnamed(self) -> "Truyvet":
        """The same for those who may not know who the people are."""
        people, contacts = UnnamedPeople(self.log, self.vault, communes.is_venue_unit, now), copy(self.contacts)
        contacts.people = people
        history = CaseHistory(self.log, people, self.cases, contacts)
        return replace(self, people=people, contacts=contacts, case_history=history)


def now() -> Seconds:
    return int(time.time())


@contextmanager
def open_truyvet(settings: Settings) -> Iterator[Truyvet]:
    """Everything, on the configured database or the local one. Raises Unavailable with one clear line."""
    with ExitStack() as stack:
        database = Database(stack.enter_context(_conninfo(settings)))
        stack.callback(database.close)
        prepare(database)
        revive = None if settings.database_url is not None else lambda: ensure_running(settings.data_dir)
        truyvet = build(settings, database, revive)
        stack.callback(truyvet.graph.stop)
        stack.callback(truyvet.registers.stop)
        stack.callback(truyvet.policies.stop)
        stack.callback(truyvet.deliveries.stop)
        yield truyvet


@contextmanager
def _conninfo(settings: Settings) -> Iterator[str]:
    if settings.database_url is not None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield settings.database_url
        return
    try:
        with local_postgres(settings.data_dir) as conninfo:
            yield conninfo
    except PostgresUnavailable as error:
        raise Unavailable(str(error)) from error


def prepare(database: Database) -> None:
    """Check that the server keeps what it acknowledges, and bring the schema up to date."""
    with database.connect() as connection:
        try:
            check_durable(connection)
        except UnsafeDatabase as error:
            raise Unavailable(str(error)) from error
        migrate(connection)


def build(settings: Settings, database: Database, revive: Callable[[], object] | None = None) -> Truyvet:
    """``revive`` has a database that is away brought back; the followers call it before they try again."""
    log = EventLog(database)
    master = master_key(settings.master_key, settings.data_dir)
    vault = SealedVault(database, master)
    people = People(log, vault, communes.is_venue_unit, now)
    venues = Venues(log, people, now)
    scans = Scans(log, people, venues, now)
    visits = Visits(log, people, scans, now)
    cases = Cases(log, people, now, settings.trace_levels)
    quarantines = Quarantines(log, people, now)
    escalations = Escalations(log, people, now)
    registers = Registers(log, revive)
    graph = GraphFollower(log, settings.data_dir / "graph", revive)
    contacts = Contacts(log, graph, people, venues, cases)
    exposures = ExposurePolicy(log, Watching(graph), READ, registers.cases.confirmed, now)
    adherence = AdherencePolicy(log, registers.quarantines.confined, now)
    outbox = Outbox(database)
    alert_url = None if settings.alert_url is None else str(settings.alert_url)
    hours = parse_calling_hours(settings.calling_hours)
    calls = Calls(log, people, escalations, registers.calls, hours, now)
    calling = CallPolicy(log, registers.calls, registers.cases, hours, now)
    access_keys = AccessKeys(log, people, venues, Places(venues, communes.lies_in), communes.named, now)
    return Truyvet(
        settings=settings,
        database=database,
        log=log,
        vault=vault,
        people=people,
        venues=venues,
        qr_codes=QrCodes(log, venues, SigningKeys(master, settings.signing_key), now),
        scans=scans,
        visits=visits,
        cases=cases,
        quarantines=quarantines,
        sites=Sites(log, people, venues, now),
        site_reports=SiteReports(log, registers, communes),
        imports=Imports(log, vault, people, venues, quarantines, calls, now),
        retraction=ImportRetraction(log, vault, people, now),
        access_keys=access_keys,
        guards=Guards(log, people, venues, access_keys, now),
        visibility=Visibility(log, people, vault),
        registers=registers,
        graph=graph,
        policies=Policies(log, graph, registers, (exposures, calling, adherence, AlertPolicy(outbox)), revive),
        contacts=contacts,
        case_history=CaseHistory(log, people, cases, contacts),
        doors=Doors(log, contacts, scans),
        adoption=Adoption(log, graph, registers, communes),
        quality=Quality(log, graph, venues),
        escalations=escalations,
        declarations=Declarations(log, people, escalations, now),
        campaign=Campaign(log, registers, communes),
        calls=calls,
        adherence=Adherence(log, people, quarantines, now),
        outbox=outbox,
        deliveries=Deliveries(database, alert_url, log.log_id, revive),
    )
