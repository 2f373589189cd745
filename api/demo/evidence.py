"""A contact list and the evidence behind one contact, as tables."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final

from api.demo.screen import Screen, must
from application.contacts import ContactList
from domain.contacts import Contact, Encounter
from domain.times import Seconds

_MOST_ENCOUNTERS: Final = 3


def show_contacts(screen: Screen, title: str, contacts: Iterable[Contact], zone: tzinfo) -> None:
    screen.table(
        title,
        ("person", "level", "exposed at", "#minutes", "certainty", "through"),
        [
            (
                contact.person, f"F{contact.level}", day_and_time(contact.exposed_at, zone), minutes(contact),
                certainty(contact), "F0" if contact.level == 1 else f"{len(contact.via)} F{contact.level - 1}",
            )
            for contact in contacts
        ],
    )  # fmt: skip


def show_evidence(screen: Screen, found: ContactList, person: str, zone: tzinfo) -> None:
    """Through which visits, how long, and which ends of stays nobody saw; the longest encounters first."""
    met = found.evidence()[person]
    must(bool(met), f"there is evidence for {person}")
    level = next(contact.level for contact in found.contacts if contact.person == person)
    shown = sorted(met, key=lambda encounter: (-encounter.seconds, encounter.infector))[:_MOST_ENCOUNTERS]
    some = f", the longest {len(shown)} of {len(met)} encounters" if len(met) > len(shown) else ""
    screen.table(
        f"Why {person} is F{level}{some}",
        (f"F{level - 1}", "at", "from", "to", "#min", "visits", "check-outs"),
        [
            (
                encounter.infector, encounter.venue, day_and_time(encounter.start, zone), time(encounter.end, zone),
                encounter.seconds // 60, ", ".join((*encounter.infector_visits, *encounter.contact_visits)),
                _check_outs(encounter),
            )
            for encounter in shown
        ],
    )  # fmt: skip


def minutes(contact: Contact) -> int:
    """Whole minutes, as rules count them: 14:59 is not yet 15."""
    return contact.contact_seconds // 60


def certainty(contact: Contact) -> str:
    return "certain" if contact.certain else "possible"


def day_and_time(instant: Seconds, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%d %b %H:%M:%S}"


def time(instant: Seconds, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%H:%M:%S}"


def _check_outs(met: Encounter) -> str:
    match met.infector_observed, met.contact_observed:
        case True, True:
            return "both seen"
        case True, False:
            return "own missing"
        case False, True:
            return "other's missing"
        case _:
            return "both missing"
