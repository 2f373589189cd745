"""The changes, differences and evidence of a case as they are written out, over HTTP and on the command line."""

from typing import Any, Final

from api.causes import in_words
from api.reports.words import Language
from application.case_history import Change, Difference, Evidence
from application.contacts import contact_row, encounter_row
from domain.times import to_text
from infrastructure.log import instant_text

_TOLD: Final = (
    "level", "exposed_at", "last_exposed_at", "encounters", "contact_seconds", "certainty", "via", "visits", "rules",
    "rules_version", "as_of",
)  # fmt: skip


def change_row(change: Change, language: Language) -> dict[str, Any]:
    cause = None if change.cause is None else {
        "position": change.cause.position, "type": change.cause.topic,
        "recorded_at": instant_text(change.cause.recorded_at), "in_words": in_words(change.cause, language),
    }  # fmt: skip
    return {
        "change": change.change, "person": change.person, "person_id": str(change.person_id), "level": change.level,
        "position": change.position, "recorded_at": instant_text(change.recorded_at), "cause": cause,
        "in_words": change.change if cause is None else f"{change.change}: {cause['in_words']}",
        "before": _exposure(change.before), "after": _exposure(change.after),
    }  # fmt: skip


def difference_row(one: Difference) -> dict[str, Any]:
    return {
        "change": one.change, "person": one.person, "person_id": str(one.person_id),
        "before": None if one.before is None else _unnamed(contact_row(one.before)),
        "after": None if one.after is None else _unnamed(contact_row(one.after)),
    }  # fmt: skip


def evidence_row(found: Evidence) -> dict[str, Any]:
    rules = found.rules
    return contact_row(found.contact) | {
        "person_id": str(found.person_id),
        "rules": {
            "name": rules.name, "version": rules.version, "min_minutes": rules.min_minutes,
            "clause": rules.clause(found.contact.level), "source": rules.source,
        },
        "path": [encounter_row(met) | {"minutes": met.seconds / 60} for met in found.path],
        "evidence": [encounter_row(met) | {"minutes": met.seconds / 60} for met in found.encounters],
        "visits": [
            {
                "visit_id": visit.visit_id, "person": visit.person, "venue": visit.venue,
                "check_in": to_text(visit.check_in),
                "check_out": None if visit.check_out is None else to_text(visit.check_out),
                "observed": visit.check_out is not None,
            }
            for visit in found.visits.values()
        ],
        "position": found.position,
    }  # fmt: skip


def _exposure(state: Any) -> dict[str, Any] | None:
    return None if state is None else {name: state[name] for name in _TOLD}


def _unnamed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "person"}
