"""Events of imports as JSON, written without aggregates; byte for byte what the mapper writes."""

from domain.times import Seconds, to_text


def encode_check_in(visit_id: str, person: str, venue: str, check_in: Seconds, check_out: Seconds | None) -> bytes:
    """The state of a Visit.CheckedIn as the mapper would write it; nothing in it needs escaping."""
    start = to_text(check_in)
    end = "null" if check_out is None else f'"{to_text(check_out)}"'
    return (
        f'{{"schema":1,"happened_at":"{start}","visit_id":"{visit_id}","person":"{person}","venue":"{venue}",'
        f'"check_in":"{start}","check_out":{end}}}'
    ).encode()


def encode_registered(scheme: str, sealed: str, at: Seconds) -> bytes:
    """The state of a Person.Registered as the mapper would write it."""
    return f'{{"schema":1,"happened_at":"{to_text(at)}","scheme":"{scheme}","sealed":"{sealed}"}}'.encode()
