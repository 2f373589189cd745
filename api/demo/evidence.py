"""A contact list and the evidence behind one contact, as tables."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final

from api.demo.screen import Screen, must
from application.contact_lists import ContactList
from domain.contacts import Contact, Encounter
from domain.rules import RuleSet
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
    screen.note("Minutes are added up over all encounters, those of an F2 with every F1.")


def show_evidence(screen: Screen, found: ContactList, person: str, rules: RuleSet, zone: tzinfo) -> None:
    """Through which visits, how long, which check-outs nobody saw, by which clause; the longest encounters first."""
    met = found.evidence()[person]
    must(bool(met), f"there is evidence for {person}")
    contact = next(contact for contact in found.contacts if contact.person == person)
    shown = sorted(met, key=lambda encounter: (-encounter.seconds, encounter.infector))[:_MOST_ENCOUNTERS]
    some = f": the longest {len(shown)} of {len(met)} encounters" if len(met) > len(shown) else ""
    screen.table(
        f"Why {person} is F{contact.level}, {certainty(contact)}{some}",
        ("#min", "together", "evidence"),
        [
            (
                encounter.seconds // 60,
                f"{day_and_time(encounter.start, zone)} - {time(encounter.end, zone)}",
                _words(encounter, contact.level - 1),
            )
            for encounter in shown
        ],
    )
    at_least = f"{rules.min_minutes} minutes or more" if rules.min_minutes else "of any duration"
    screen.note(f"Rule set {rules.name}: encounters {at_least}. {rules.source}.")


def _words(met: Encounter, level: int) -> str:
    visits = " and ".join("+".join(map(str, ids)) for ids in (met.infector_visits, met.contact_visits))
    return f"with F{level} {met.infector} at {met.venue}, visits {visits}, {_check_outs(met)}"


def _check_outs(met: Encounter) -> str:
    match met.infector_observed, met.contact_observed:
        case True, True:
            return "both check-outs seen"
        case True, False:
            return "own check-out missing, its time imputed"
        case False, True:
            return f"check-out of {met.infector} missing, its time imputed"
        case _:
            return "both check-outs missing, their times imputed"


def minutes(contact: Contact) -> int:
    """Whole minutes, as rules count them: 14:59 is not yet 15."""
    return contact.contact_seconds // 60


def certainty(contact: Contact) -> str:
    return "certain" if contact.certain else "possible"


def day_and_time(instant: Seconds, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%d %b %H:%M:%S}"


def time(instant: Seconds, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%H:%M:%S}"
