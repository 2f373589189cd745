"""``truyvet report …``: reports of a unit, as known at a position."""

import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from api.cli.output import console
from api.cli.root import AsOf, app, opened, position
from api.reports.adoption import csv_lines, page, terminal_table
from api.reports.campaign import csv_lines as campaign_csv_lines
from api.reports.campaign import terminal_table as campaign_table
from api.reports.sites import csv_lines as site_csv_lines
from api.reports.sites import terminal_table as sites_table
from api.reports.words import Language
from application.adoption import Report, report_content
from application.campaign import report_content as campaign_content
from application.site_reports import report_content as sites_content
from domain.times import parse_date
from domain.weeks import Week

report = typer.Typer(no_args_is_help=True, help="Reports for the offices.")
app.add_typer(report, name="report")


class ReportFormat(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    html = "html"


class PlainFormat(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


Unit = Annotated[
    str, typer.Option(metavar="CODE", help="A province, district or commune by its official code; VN for all.")
]


@report.command()
def adoption(
    unit: Unit,
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


@report.command()
def campaign(
    unit: Unit,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day.")],
    as_of: AsOf = None,
    format: Annotated[PlainFormat, typer.Option()] = PlainFormat.table,  # noqa: A002 # the option's name
    lang: Annotated[Language, typer.Option(help="Of tables.")] = Language.vi,
) -> None:
    """Calls out and in, who was reached how soon, who was passed on to the CDC; by unit of residence and by day."""
    first, last = parse_date(start), parse_date(end)
    with opened() as truyvet:
        truyvet.registers.catch_up()
        found = truyvet.campaign.report(unit, first, last, position(truyvet, as_of))
    match format:
        case PlainFormat.table:
            console().print(campaign_table(found, lang))
        case PlainFormat.csv:
            sys.stdout.writelines(campaign_csv_lines(found))
        case PlainFormat.json:
            _write_json(campaign_content(found))


@report.command()
def sites(
    unit: Unit,
    as_of: AsOf = None,
    format: Annotated[PlainFormat, typer.Option()] = PlainFormat.table,  # noqa: A002 # the option's name
    lang: Annotated[Language, typer.Option(help="Of tables.")] = Language.vi,
) -> None:
    """Quarantine sites and their cameras, of a unit and of those below it. As of a position always the same."""
    with opened() as truyvet:
        truyvet.registers.catch_up()
        found = truyvet.site_reports.report(unit, position(truyvet, as_of))
    match format:
        case PlainFormat.table:
            console().print(sites_table(found, lang))
        case PlainFormat.csv:
            sys.stdout.writelines(site_csv_lines(found))
        case PlainFormat.json:
            _write_json(sites_content(found))


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
            _write_json(report_content(found))
        case ReportFormat.html:
            sys.stdout.write(page(found, lang))


def _write_json(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
