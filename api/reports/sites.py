"""The forms of the report of quarantine sites."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Final

from rich.table import Table

from api.csv_cells import csv_line
from api.reports.words import Language, number, place, said
from application.site_reports import Row, SiteReport

_FIGURES: Final = ("sites", "sites_connected", "cameras_registered", "cameras_connected", "capacity")

COLUMNS: Final = (*(field.name for field in fields(Row)), "position")
"""Of the CSV."""


def csv_lines(report: SiteReport) -> Iterator[str]:
    """The units below in their order, and the total, which bears the code of the unit itself."""
    yield csv_line(COLUMNS)
    for row in (*report.rows, report.total):
        yield csv_line([*asdict(row).values(), report.position])


def terminal_table(report: SiteReport, lang: Language) -> Table:
    title = f"{said('sites_title', lang)}, {place(report.unit, lang)}"
    caption = said("position_short", lang, position=number(report.position, lang))
    shown = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in ("name", *_FIGURES):
        shown.add_column(said(column, lang), justify="left" if column == "name" else "right")
    for row in report.rows:
        shown.add_row(row.name, *_cells(row, lang), end_section=row is report.rows[-1])
    shown.add_row(said("total", lang), *_cells(report.total, lang), style="bold")
    return shown


def _cells(row: Row, lang: Language) -> list[str]:
    return [number(getattr(row, column), lang) for column in _FIGURES]
