"""The forms of the figures of calling campaigns. The same report always gives the same bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from rich.table import Table

from api.csv_cells import csv_line
from api.reports.words import Language, day, duration, number, percent, place, quotient, said
from application.campaign import Report
from domain.campaign import ALL, CONTACTS, INBOUND, OUTBOUND, RETURNEES, Row

COLUMNS: Final = (*(field.name for field in fields(Row)), "from", "to", "position")
"""Of the CSV: those of a row, and what every row is of."""

_SHOWN: Final[Mapping[str, tuple[str, str]]] = {
    "contacts": (CONTACTS, "calls"),
    "returnees": (RETURNEES, "calls"),
    "inbound": (INBOUND, "calls"),
    "people": (OUTBOUND, "people"),
    "attempts_per_person": (OUTBOUND, "attempts_per_person"),
    "reach_rate": (OUTBOUND, "reach_rate"),
    "passed_on": (ALL, "passed_on"),
    "first_call_median_seconds": (CONTACTS, "first_call_median_seconds"),
    "first_call_p90_seconds": (CONTACTS, "first_call_p90_seconds"),
}
"""The columns for people: each a figure of one campaign, or of several together."""


def csv_lines(report: Report) -> Iterator[str]:
    """Each unit on each day; the days; the units, where ``day`` is empty; the whole, which comes last."""
    about = {"from": report.first, "to": report.last, "position": report.position}
    yield csv_line(COLUMNS)
    for row in (*report.table.details, *report.table.days, *report.table.rows, *report.table.total):
        told = asdict(row) | about
        yield csv_line([told[column] for column in COLUMNS])


def terminal_table(report: Report, lang: Language) -> Table:
    period = said("period", lang, first=day(report.first, lang), last=day(report.last, lang))
    title = f"{said('campaign_title', lang)}, {place(report.unit, lang)}\n{period}"
    position = said("position_short", lang, position=number(report.position, lang))
    caption = f"{said('campaign_note', lang)}\n{position}"
    shown = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    shown.add_column(said("name", lang))
    for column in _SHOWN:
        shown.add_column(said(column, lang), justify="right")
    units = [list(of_unit) for _, of_unit in groupby(report.table.rows, attrgetter("code"))]
    for of_unit in units:
        name = of_unit[0].name or said("not_known", lang)
        shown.add_row(name, *_cells(of_unit, lang), end_section=of_unit is units[-1])
    shown.add_row(said("total", lang), *_cells(report.table.total, lang), style="bold")
    return shown


def _cells(of_unit: list[Row], lang: Language) -> list[str]:
    of_campaign = {row.campaign: row for row in of_unit}
    return [_cell(column, getattr(of_campaign[campaign], column), lang) for campaign, column in _SHOWN.values()]


def _cell(column: str, value: Any, lang: Language) -> str:
    match column:
        case "attempts_per_person":
            return quotient(value, lang)
        case "reach_rate":
            return percent(value, lang)
        case "calls" | "people" | "passed_on":
            return number(value, lang)
        case _:
            return duration(value)
