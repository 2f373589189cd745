"""A real conference: 403 people, two days, one hall; one check-out comes late.

Who is confirmed and whose check-out is withheld follows from the data by the rules of ``plan``; what the late check-out
changes is computed, not told.
"""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from importlib import resources
from typing import Final
from uuid import UUID

from api.app import Truyvet
from api.demo.evidence import certainty, day_and_time, minutes, show_contacts, show_evidence
from api.demo.screen import Row, Screen, must
from application.contact_lists import ContactList
from application.provenance import LOCAL, Provenance
from domain.contacts import Contact
from domain.rules import CaseDates, rule_set
from domain.stays import KnownVisit
from domain.times import LOCAL as VIET_NAM
from domain.times import Seconds, add_days, parse_instant, to_datetime, to_text
from domain.venues import DEFAULT_STAY, Minutes

VENUE: Final = "conference-hall"
KIND: Final = "event"
RULES: Final = "who"
SOURCE: Final = "sfhh"
"""The data set, as a system that visits come from."""
FEWEST_MET: Final = 10
"""The index person met at least so many, so that there is a list to talk about."""

_NICE = timezone(timedelta(hours=2))


@dataclass(frozen=True, slots=True)
class Plan:
    """``withheld`` is the visit whose check-out comes late; ``met`` the index person's visit that it hides from."""

    index: str
    onset: date
    met: KnownVisit
    withheld: KnownVisit


@dataclass(frozen=True, slots=True)
class Change:
    """One person in the list before and after; None where they are not in it."""

    person: str
    before: Contact | None
    after: Contact | None

    @property
    def words(self) -> str:
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        named = {
            "level": self.before.level != self.after.level,
            "minutes": self.before.contact_seconds != self.after.contact_seconds,
            "certainty": self.before.certain != self.after.certain,
            "via": self.before.via != self.after.via,
        }
        return ", ".join(name for name, differs in named.items() if differs)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo can point at afterwards: the case and the last position before the late check-out."""

    case_id: UUID
    index: str
    start: Seconds
    end: Seconds
    before: int


def show(truyvet: Truyvet, screen: Screen) -> Shown:
    """Record the conference, confirm the case, let the withheld check-out come in; show the list before and after."""
    visits = read_visits()
    story = plan(visits, DEFAULT_STAY[KIND])
    screen.heading("1. A conference: one check-out comes late")
    _record(truyvet, screen, visits, story.withheld)
    case_id = _confirm(truyvet, screen, story)
    before = _list(truyvet, case_id)
    title = f"F1 and F2 of {story.index}, at position {before.position}"
    show_contacts(screen, title, before.contacts, _NICE)
    show_evidence(screen, before, _first_of_level(before, 2), rule_set(RULES), _NICE)
    _check_out(truyvet, screen, story)
    after, as_of_before = _list(truyvet, case_id), _list(truyvet, case_id, before.position)
    must(as_of_before.contacts == before.contacts, "the list as of before is the one that was given before")
    _show_changes(screen, as_of_before, after)
    show_evidence(screen, after, story.withheld.person, rule_set(RULES), _NICE)
    window = truyvet.cases.get(case_id).window
    return Shown(case_id, story.index, window.start, window.end or visits[-1].check_in, before.position)


def read_visits() -> list[KnownVisit]:
    """The packaged stays, in the order of the file; the line gives the visit its id."""
    path = resources.files("infrastructure").joinpath("data", "conference_visits.csv.gz")
    with path.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8") as text:
        return [
            KnownVisit(
                f"{SOURCE}:{number}", row["person"], row["venue"],
                parse_instant(row["check_in"]), parse_instant(row["check_out"]),
            )
            for number, row in enumerate(csv.DictReader(text), start=1)
        ]  # fmt: skip


def plan(visits: Sequence[KnownVisit], default_stay: Minutes) -> Plan:
    """Onset: so that the rule set's window opens with the last day. Index: who met the fewest people on it, but at
    least FEWEST_MET. Withheld: of the people met, the longest stay that, taken to last for the default stay, would have
    been over before they met. Ties go to the first in the order of names.
    """
    rules = rule_set(RULES)
    last_day = to_datetime(max(visit.check_in for visit in visits)).astimezone(VIET_NAM).date()
    onset = add_days(last_day, rules.days_before)
    opens = rules.window(CaseDates(onset=onset)).start
    met = {
        person: meetings
        for person, meetings in _meetings(visits, opens, rules.min_minutes * 60).items()
        if len({theirs.person for _, theirs in meetings}) >= FEWEST_MET
    }
    must(bool(met), f"somebody met {FEWEST_MET} people or more")
    index = min(met, key=lambda person: (len({theirs.person for _, theirs in met[person]}), person))
    hidden = [
        (own, theirs) for own, theirs in met[index] if theirs.check_in + default_stay * 60 <= max(own.check_in, opens)
    ]
    must(bool(hidden), f"without a check-out, somebody whom {index} met would not be found")
    own, theirs = min(hidden, key=lambda pair: (pair[1].check_in - (pair[1].check_out or 0), pair[1].person))
    return Plan(index, onset, own, theirs)


def _meetings(
    visits: Iterable[KnownVisit], opens: Seconds, at_least: Seconds
) -> dict[str, list[tuple[KnownVisit, KnownVisit]]]:
    """For each person the pairs of an own visit and another's that overlap after ``opens`` for long enough."""
    late = [visit for visit in visits if (visit.check_out or 0) > opens]
    found: dict[str, list[tuple[KnownVisit, KnownVisit]]] = defaultdict(list)
    for own in late:
        for theirs in late:
            start = max(own.check_in, theirs.check_in, opens)
            end = min(own.check_out or 0, theirs.check_out or 0)
            if end - start >= at_least and own.person != theirs.person:
                found[own.person].append((own, theirs))
    return found


def _record(truyvet: Truyvet, screen: Screen, visits: Sequence[KnownVisit], withheld: KnownVisit) -> None:
    truyvet.venues.register("Conference hall, Nice", KIND, code=VENUE, registered_at=visits[0].check_in)
    file = io.BytesIO("".join(_csv(visits, withheld)).encode())
    outcome = truyvet.imports.visits(file, by=LOCAL)
    tally = outcome.tally
    must(tally.recorded == len(visits) and not tally.rejected, "every visit of the conference was recorded")
    truyvet.graph.catch_up()
    people = len({visit.person for visit in visits})
    screen.say(
        f"Imported {tally.recorded:,} stays of {people} people in {outcome.seconds:.1f} s: the SocioPatterns SFHH"
        f" conference (CC0; Génois and Barrat, EPJ Data Science 2018), as worn sensors saw it. One check-out is held"
        f" back: whoever does not check out of an event is taken to stay {DEFAULT_STAY[KIND]} minutes. Times are those"
        f" of Nice."
    )


def _csv(visits: Iterable[KnownVisit], withheld: KnownVisit) -> Iterator[str]:
    yield "person,venue,check_in,check_out,visit_id,source\n"
    for visit in visits:
        left = "" if visit == withheld or visit.check_out is None else to_text(visit.check_out)
        yield f"{visit.person},{visit.venue},{to_text(visit.check_in)},{left},{visit.visit},{SOURCE}\n"


def _confirm(truyvet: Truyvet, screen: Screen, story: Plan) -> UUID:
    recorded = truyvet.cases.confirm(story.index, CaseDates(onset=story.onset), RULES)
    rules, window = rule_set(RULES), truyvet.cases.get(recorded.id).window
    closes = "open" if window.end is None else _time(window.end)
    screen.say(
        f"{story.index} is confirmed (chosen by rule: of those who met {FEWEST_MET} people or more on the last day, who"
        f" met the fewest)."
    )
    screen.lines([
        ("onset", f"{story.onset:%-d %B %Y}"),
        ("rule set", f"{rules.name} of {rules.in_force:%Y}: contacts of {rules.min_minutes} minutes or more"),
        ("window", f"{_time(window.start)} to {closes} ({rules.days_before} days before onset, 00:00 in Viet Nam)"),
        ("source", rules.source),
    ])  # fmt: skip
    case_id: UUID = recorded.id
    return case_id


def _list(truyvet: Truyvet, case_id: UUID, as_of: int | None = None) -> ContactList:
    truyvet.graph.catch_up()
    return truyvet.contacts.of_case(case_id, as_of=as_of, evidence=True)


def _check_out(truyvet: Truyvet, screen: Screen, story: Plan) -> None:
    late = story.withheld
    recorded = truyvet.visits.check_out(late.visit, late.check_out, Provenance(source=SOURCE))
    taken_to_end = late.check_in + DEFAULT_STAY[KIND] * 60
    screen.say(
        f"Now the withheld check-out arrives, as the event at position {recorded.position}: {late.person} came at"
        f" {_time(late.check_in)}, was taken to have left at {_time(taken_to_end)}, and left at"
        f" {_time(late.check_out or 0)}. {story.index} came in at {_time(story.met.check_in)}: a contact that nobody"
        f" could see."
    )


def changes(before: ContactList, after: ContactList) -> list[Change]:
    """Everyone in either list, in the order of the later list; who is gone comes last."""
    then = {contact.person: contact for contact in before.contacts}
    now = {contact.person: contact for contact in after.contacts}
    gone = [person for person in then if person not in now]
    return [Change(person, then.get(person), now.get(person)) for person in [*now, *gone]]


def _show_changes(screen: Screen, before: ContactList, after: ContactList) -> None:
    found = changes(before, after)
    must(any(change.words for change in found), "the late check-out changes the list")
    screen.table(
        f"The list as of position {before.position}, and the list now, at position {after.position}",
        ("person", "then", "#min", "certainty", "now", "#min", "certainty", "change"),
        [(change.person, *_cells(change.before), *_cells(change.after), change.words or "-") for change in found],
    )
    added, removed = [c for c in found if c.before is None], [c for c in found if c.after is None]
    revised = [c for c in found if c.before and c.after and c.words]
    unchanged = len(found) - len(added) - len(removed) - len(revised)
    screen.say(
        f"Added {len(added)}, removed {len(removed)}, revised {len(revised)}, unchanged {unchanged}. Nothing was"
        f" overwritten: the list as of position {before.position} is still the one that was given then."
    )


def _cells(contact: Contact | None) -> Row:
    return ("-", "-", "-") if contact is None else (f"F{contact.level}", minutes(contact), certainty(contact))


def _first_of_level(found: ContactList, level: int) -> str:
    person = next((contact.person for contact in found.contacts if contact.level == level), None)
    must(person is not None, f"somebody is F{level}")
    return str(person)


def _time(instant: Seconds) -> str:
    return day_and_time(instant, _NICE)
