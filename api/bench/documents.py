"""Sections of docs/benchmarks.md that a measurement writes; the prose around them is by hand."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.bench.results import Measurement
from domain.errors import Refused

_NOT_SHOWN = ("name", "visits", "answers_equal", "ours", "alternatives", "ratios", "machine")


def write_section(measurement: Measurement, command: str, path: Path) -> None:
    """Replaces the section of that bench and number of visits; a new one comes after the others of that bench.

    The first one comes after the mark ``here``. Raises Refused for a file that is not there, or has no such mark.
    """
    if not path.exists():
        raise Refused(f"there is no {path}")
    text, name = path.read_text(), measurement.name
    begin, end = (f"<!-- {which}: {name} {measurement.visits} -->" for which in ("measured", "end"))
    section = "\n".join([begin, *_lines(measurement, command), end])
    if begin in text:
        head, _, rest = text.partition(begin)
        path.write_text(head + section + rest.partition(end)[2])
        return
    places = list(re.finditer(rf"<!-- (?:here: {name}|end: {name} \d+) -->\n", text))
    if not places:
        raise Refused(f"{path} has no place for it: <!-- here: {name} -->")
    at = places[-1].end()
    path.write_text(f"{text[:at]}\n{section}\n{text[at:]}")


def _lines(measurement: Measurement, command: str) -> Iterator[str]:
    told = measurement.as_dict()
    rows = [told["ours"], *told["alternatives"]]
    yield f"`{command}`, {datetime.now(UTC):%Y-%m-%d}: **{measurement.visits:,} visits**."
    yield ""
    yield from _table(rows)
    yield ""
    equal = "Answers equal" if measurement.answers_equal else "**ANSWERS DIFFER**"
    ratios = measurement.ratios
    ahead = "" if ratios["median"] is None else f"; ratio median **{ratios['median']}**, smallest **{ratios['worst']}**"
    yield f"{equal}{ahead}."
    yield ""
    yield from _facts({name: value for name, value in told.items() if name not in _NOT_SHOWN})
    yield f"- machine: {', '.join(f'{name} {version}' for name, version in told['machine'].items())}"


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    yield f"| {' | '.join(name.replace('_', ' ') for name in names)} |"
    yield "|---" * len(names) + "|"
    for row in rows:
        yield f"| {' | '.join(_shown(row.get(name, '')) for name in names)} |"


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    """Plain facts as a list, tables and what has parts below it."""
    for name, value in facts.items():
        title = name.replace("_", " ")
        match value:
            case [dict(), *_]:
                yield f"- {title}:"
                yield ""
                yield from _table(value)
                yield ""
            case dict() if any(isinstance(part, list) for part in value.values()):
                yield from _facts({f"{name}, {part}": inner for part, inner in value.items()})
            case _:
                yield f"- {title}: {value if name == 'seed' else _shown(value)}"


def _shown(value: Any) -> str:
    match value:
        case bool() | None:
            return str(value)
        case int() | float():
            return f"{value:,}"
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {_shown(part)}" for name, part in value.items())
        case list():
            return ", ".join(map(_shown, value)) or "none"
        case _:
            return str(value)
