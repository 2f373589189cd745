"""The forms of the weekly adoption report. The same report always gives the same bytes."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.table import Table

from api.csv_cells import csv_line
from api.reports.words import Language, climbed, day, local, number, percent, place, said, signed
from application.adoption import Report
from domain.adoption import Row

COLUMNS: Final = (*(field.name for field in fields(Row)), "from", "to", "position")
"""Of the CSV: those of a row, and what every row is of."""

_NUMBERS: Final = ("points", "points_new", "points_active", "points_silent", "scans", "scans_total")
_CHANGES: Final = ("points_active_change", "scans_change")
_SHARES: Final = ("weekend_share", "check_out_rate")

SHOWN: Final = (
    "name", "points", "points_new", "points_active", "points_active_change", "active_share", "points_silent", "scans",
    "scans_change", "scans_total", "weekend_share", "check_out_rate", "rank", "rank_change",
)  # fmt: skip
"""The columns for people."""

_TEMPLATES: Final = Environment(
    loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def csv_lines(report: Report) -> Iterator[str]:
    """The units below in their order, and the total, which bears the code of the unit itself."""
    about = {"from": report.week.first, "to": report.week.last, "position": report.position}
    yield csv_line(COLUMNS)
    for row in (*report.rows, report.total):
        told = asdict(row) | about
        yield csv_line([told[column] for column in COLUMNS])


def terminal_table(report: Report, lang: Language) -> Table:
    title = f"{said('title', lang)}, {place(report.unit, lang)}\n{_week(report, lang)}"
    caption = said("position_short", lang, position=number(report.position, lang))
    shown = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in SHOWN:
        shown.add_column(said(column, lang), justify="left" if column == "name" else "right")
    for row in report.rows:
        shown.add_row(*cells(row, lang).values(), end_section=row is report.rows[-1])
    shown.add_row(*cells(report.total, lang).values(), style="bold")
    return shown


def page(report: Report, lang: Language) -> str:
    """HTML for printing on A4; it asks no other host for anything."""
    total, recorded_at = report.total, report.recorded_at
    return _TEMPLATES.get_template("adoption.html").render(
        lang=lang.value,
        said=partial(said, lang=lang),
        place=place(report.unit, lang),
        week=_week(report, lang),
        last=day(report.week.last, lang),
        columns=SHOWN,
        total=cells(total, lang),
        rows=[cells(row, lang) for row in report.rows],
        behind=[row.behind for row in report.rows],
        outside=number(report.outside, lang) if report.outside else None,
        position=number(report.position, lang),
        recorded_at=None if recorded_at is None else local(recorded_at, lang),
        again=again(report, lang),
    )


def cells(row: Row, lang: Language) -> dict[str, str]:
    """What stands in each column; the name of a unit that is behind says so."""
    told: dict[str, Any] = asdict(row)
    written = {
        "name": said("total", lang) if row.rank is None else _name(row, lang),
        "active_share": percent(row.points_active / row.points if row.points else None, lang),
        "rank": "" if row.rank is None else str(row.rank),
        "rank_change": climbed(row.rank_change),
    }
    written |= {column: number(told[column], lang) for column in _NUMBERS}
    written |= {column: signed(told[column], lang) for column in _CHANGES}
    written |= {column: percent(told[column], lang) for column in _SHARES}
    return {column: written[column] for column in SHOWN}


def again(report: Report, lang: Language) -> str:
    """The command that makes this page again."""
    return (
        f"truyvet report adoption --unit {report.unit.code} --week-ending {report.week.last}"
        f" --as-of {report.position} --format html --lang {lang.value}"
    )


def _name(row: Row, lang: Language) -> str:
    return f"{row.name} ({said('behind', lang)})" if row.behind else row.name


def _week(report: Report, lang: Language) -> str:
    return said("week", lang, first=day(report.week.first, lang), last=day(report.week.last, lang))
