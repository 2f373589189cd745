"""``truyvet report …``: reports of a unit, as known at a position."""

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from api.cli.output import console
from api.cli.root import AsOf, app, opened, position
from api.reports.adoption import csv_lines, page, terminal_table
from api.reports.words import Language
from application.adoption import Report, report_content
from domain.weeks import Week

report = typer.Typer(no_args_is_help=True, help="Reports for the offices.")
app.add_typer(report, name="report")


class ReportFormat(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    html = "html"


@report.command()
def adoption(
    unit: Annotated[
        str, typer.Option(metavar="CODE", help="A province, district or commune by its official code; VN for all.")
    ],
    week: Annotated[str | None, typer.Option(metavar="YYYY-Www", help="Monday to Sunday, as ISO 8601 counts.")] = None,
    week_ending: Annotated[str | None, typer.Option(metavar="DATE", help="The seven days that end with it.")] = None,
    as_of: AsOf = None,
    format: Annotated[ReportFormat, typer.Option()] = ReportFormat.table,  # noqa: A002 # the option's name
    lang: Annotated[Language, typer.Option(help="Of tables and pages.")] = Language.vi,
) -> None:
    """Points and scans of a week, of a unit and of those below it. As of the position that it names always the same."""
    asked = _week(week, week_ending)
    with opened() as truyvet:
        truyvet.registers.catch_up()
        found = truyvet.adoption.report(unit, asked, position(truyvet, as_of))
    _write(found, format, lang)


def _week(number: str | None, ending: str | None) -> Week:
    match number, ending:
        case str(), None:
            return Week.numbered(number)
        case None, str():
            return Week.ending(ending)
        case _:
            raise typer.BadParameter("give one of them", param_hint="--week or --week-ending")


def _write(found: Report, form: ReportFormat, lang: Language) -> None:
    match form:
        case ReportFormat.table:
            console().print(terminal_table(found, lang))
        case ReportFormat.csv:
            sys.stdout.writelines(csv_lines(found))
        case ReportFormat.json:
            sys.stdout.write(json.dumps(report_content(found), ensure_ascii=False, indent=1) + "\n")
        case ReportFormat.html:
            sys.stdout.write(page(found, lang))
