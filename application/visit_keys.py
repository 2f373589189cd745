"""What makes a visit unique: its id, its triple, and what names it again."""

from collections.abc import Iterable
from uuid import UUID

from application.log import timed_key, timed_keys, unique_key, unique_keys
from domain.errors import Conflict
from domain.times import Seconds
from domain.visits import Visit


def visit_stream(visit_id: str) -> UUID:
    """The stream of a visit follows from its id, so that the id is unique without a key of its own."""
    return UUID(bytes=unique_key("visit", visit_id))


def visit_streams(visit_ids: Iterable[str]) -> list[bytes]:
    """The same of many, each as its 16 bytes."""
    return unique_keys("visit", visit_ids)


def triple_key(person: UUID | str, venue: UUID | str, check_in: Seconds) -> bytes:
    """The key of a visit's triple; people and venues as UUIDs or as their text."""
    return timed_key("triple", check_in, str(person), str(venue))


def keys_of_triples(people: Iterable[str], venues: Iterable[str], check_ins: Iterable[Seconds]) -> list[bytes]:
    """The same of many triples, column by column."""
    return timed_keys("triple", check_ins, map("\n".join, zip(people, venues, strict=True)))


def triple_keys(
    person: UUID | str, venue: UUID | str, check_in: Seconds, clock_error_seconds: Seconds | None
) -> list[bytes]:
    """The same, and the key of what the device's clock showed: delivered again, its error may be estimated anew."""
    keys = [triple_key(person, venue, check_in)]
    if clock_error_seconds is not None:
        keys.append(timed_key("device triple", check_in + clock_error_seconds, str(person), str(venue)))
    return keys


def refuse_another(existing: Visit, visit_id: str | None, person: UUID | None, venue: UUID) -> None:
    """Raises Conflict when what came in names another visit than the one that holds its id or triple."""
    if visit_id not in (None, existing.visit_id):
        raise Conflict("that person, venue and check-in are recorded under another visit_id")
    if (existing.person, existing.venue) != (person, venue):
        raise Conflict("that visit_id belongs to another visit")
