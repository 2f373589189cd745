"""Lines of visits, read: times and ids, everything that needs nobody else."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import Malformed, TruyvetError
from domain.times import Seconds, parse_instant
from domain.venues import parse_code
from domain.visits import CLOCK_TOLERANCE, check_times, parse_visit_id
from infrastructure.imports.batch import Batch, Row, Rows
from infrastructure.imports.instants import NONE, plain_instants
from infrastructure.lines import Line, Table

_ANY_ID: Final = "id:"


def read_table(table: Table, now: Seconds, batch: Batch) -> Rows:
    """The rows of a table; the plain ones are checked column by column, each of the others by itself."""
    for line in table.unreadable:
        batch.reject(line, line.problem or "the line cannot be read")
    person, venue, check_in, check_out, visit_id, source = table.columns
    rows = Rows(
        table.numbers, table.raw, person, venue, plain_instants(check_in), plain_instants(check_out), visit_id, source
    )
    kept = np.ones(len(person), np.bool_)
    for index in np.flatnonzero(~_is_plain(rows, check_out, now)).tolist():
        values = tuple(column[index] for column in table.columns)
        row = _read(Line(table.numbers[index], table.raw[index], values), values, now, batch)
        kept[index] = row is not None
        if row is not None:
            rows.check_in[index] = row.check_in
            rows.check_out[index] = NONE if row.check_out is None else row.check_out
    return rows.only(kept)


def _is_plain(rows: Rows, check_out: Sequence[str], now: Seconds) -> NDArray[np.bool_]:
    """Where there is nothing to refuse, and nothing to read but what was read."""
    latest = now + CLOCK_TOLERANCE
    is_open = np.fromiter((not text for text in check_out), np.bool_, len(check_out))
    has_ended = (rows.check_out > rows.check_in) & (rows.check_out <= latest)
    is_plain: NDArray[np.bool_] = (rows.check_in != NONE) & (rows.check_in <= latest) & (is_open | has_ended)
    is_plain &= ~np.fromiter((name.startswith(_ANY_ID) for name in rows.person), np.bool_, len(rows.person))
    for column, parse in ((rows.visit_id, parse_visit_id), (rows.source, parse_code)):
        bad = problems(set(column) - {""}, parse)
        if bad:
            is_plain &= ~np.fromiter((text in bad for text in column), np.bool_, len(column))
    return is_plain


def _read(line: Line, values: tuple[str, ...], now: Seconds, batch: Batch) -> Row | None:
    person, venue, check_in, check_out, visit_id, source = values
    try:
        start = parse_instant(check_in)
        end = parse_instant(check_out) if check_out else None
        check_times(start, end, now)
        if person.startswith(_ANY_ID):
            raise Malformed("a file names people by identity, not by id")
        if visit_id:
            parse_visit_id(visit_id)
        return Row(line, person, venue, start, end, visit_id or None, parse_code(source) if source else None)
    except TruyvetError as error:
        batch.reject(line, str(error))
        return None


def problems(texts: Iterable[str], parse: Callable[[str], object]) -> dict[str, str]:
    """Why texts are refused, for those that are."""
    found = {}
    for text in texts:
        try:
            parse(text)
        except Malformed as error:
            found[text] = str(error)
    return found
