"""An import is retracted as a whole: what it recorded no longer counts, what it supplied is unknown again.

The people and venues that it registered stay. What others have changed since stands: only a check-out or an end that is
still the import's own is taken back. Each event names the import's beginning as its cause; the reason stands with the
import alone, sealed with a key of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from application.log import Draft, Fact, Log, Recorded, Vault, settled
from application.people import People
from application.provenance import LOCAL, Provenance
from application.visits import REASON
from domain.errors import Refused, Unknown
from domain.imports import DISPOSITIONS, Import
from domain.quarantines import Quarantine
from domain.sites import Site
from domain.times import Seconds, parse_instant
from domain.visits import Visit

_BATCH: Final = 2_000
"""Events looked at together, and appended at once: the ordering lock is held for the copy and the commit of these."""


class ImportRetraction:
    def __init__(self, log: Log, vault: Vault, people: People, now: Callable[[], Seconds]) -> None:
        self.log = log
        self.vault = vault
        self.people = people
        self.now = now

    def retract(self, import_id: UUID, reason: str | None = None, by: Provenance = LOCAL) -> Recorded:
        """Take everything back, then say so. Killed in the middle, the same again continues.

        An import that never ended should have stopped: what it brings afterwards only another retraction takes back.
        Raises Unknown, and Refused for what cannot be taken back: calls that were made.
        """
        import_ = self._get(import_id)
        if import_.kind == DISPOSITIONS:
            raise Refused("calls were made, whatever came of them; report what is wrong as a further attempt")
        if import_.retracted and import_.ended:
            return Recorded(import_id, self.log.position_of(import_id, import_.version))
        begun = self.log.position_of(import_id, 1)
        until = self.log.position_of(import_id, 2) if import_.ended else self.log.head()
        provenance = replace(by, cause=begun, correlation=f"{import_id}:retraction")
        for facts in self._brought(import_id, begun, until):
            self._take_back(facts, provenance)
        return self._close(import_id, reason, provenance)

    def _brought(self, import_id: UUID, begun: int, until: int) -> Iterator[Sequence[Fact]]:
        after = begun - 1
        while facts := self.log.correlated(str(import_id), after, until, _BATCH):
            yield facts
            after = facts[-1].position

    @settled
    def _take_back(self, facts: Sequence[Fact], by: Provenance) -> None:
        visits = self.log.load_many(Visit, {fact.stream for fact in facts if fact.topic in _OF_VISITS})
        quarantines = self.log.load_many(Quarantine, {fact.stream for fact in facts if fact.topic in _OF_QUARANTINES})
        for fact in facts:
            if fact.topic in _OF_VISITS:
                self._take_back_visit(fact, visits[fact.stream])
            elif fact.topic in _OF_QUARANTINES:
                self._take_back_quarantine(fact, quarantines[fact.stream])
        changed = [stream for stream in (*visits.values(), *quarantines.values()) if stream.pending_events]
        if changed:
            self.log.save(Draft([*changed, *self._sites(quarantines.values())]), by)

    def _sites(self, quarantines: Iterable[Quarantine]) -> list[Site]:
        """Those in which people were not confined after all, or nobody knows any more until when."""
        changed = [(q.site, q) for q in quarantines if q.pending_events and q.site is not None]
        sites = self.log.load_many(Site, {site for site, _ in changed})
        for site, quarantine in changed:
            since = quarantine.here_since
            until = since if quarantine.withdrawn else quarantine.until
            sites[site].keep(quarantine.quarantine_id, since, until, self.now(), even_if_full=True)
        return [site for site in sites.values() if site.pending_events]

    def _take_back_visit(self, fact: Fact, visit: Visit) -> None:
        if fact.topic == Visit.CheckedIn.TOPIC:
            visit.retract(None, self.now())
        elif not visit.retracted and visit.check_out == parse_instant(fact.state["check_out"]):
            visit.correct(visit.check_in, None, None, self.now(), self.now())

    def _take_back_quarantine(self, fact: Fact, quarantine: Quarantine) -> None:
        if fact.topic == Quarantine.Assigned.TOPIC:
            quarantine.withdraw(None, self.now())
        elif not quarantine.withdrawn and quarantine.until == _end(fact.state):
            quarantine.extend(None, self.now())

    @settled
    def _close(self, import_id: UUID, reason: str | None, by: Provenance) -> Recorded:
        import_ = self._get(import_id)
        if import_.retracted:
            return Recorded(import_id, self.log.position_of(import_id, import_.version))
        draft = Draft([import_])
        if reason is not None:
            draft.secrets.append(self.vault.new_secret(import_id))
        import_.retract(self.people.seal_note(import_id, REASON, reason, draft), self.now())
        return Recorded(import_id, self.log.save(draft, by))

    def _get(self, import_id: UUID) -> Import:
        import_ = self.log.load(Import, import_id)
        if import_ is None:
            raise Unknown("there is no import with that id")
        return import_


_OF_VISITS: Final = frozenset({Visit.CheckedIn.TOPIC, Visit.CheckedOut.TOPIC})
_OF_QUARANTINES: Final = frozenset({Quarantine.Assigned.TOPIC, Quarantine.Extended.TOPIC})


def _end(state: Any) -> Seconds | None:
    return None if state["until"] is None else parse_instant(state["until"])
