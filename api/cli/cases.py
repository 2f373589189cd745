"""``truyvet case …``: confirm a case, list its contacts."""

from typing import Annotated
from uuid import UUID

import typer

from api.cli.output import write_line
from api.cli.root import AsOf, Format, app, opened, position
from api.cli.trace import write_contacts
from application.cases import case_dates
from domain.rules import DEFAULT_RULES, RULES, Window
from domain.times import parse_instant, to_text

case = typer.Typer(no_args_is_help=True, help="Confirmed cases.")
app.add_typer(case, name="case")


@case.command()
def confirm(
    person: Annotated[str, typer.Option()],
    onset: Annotated[str | None, typer.Option(metavar="DATE", help="First symptoms.")] = None,
    sampled: Annotated[
        str | None, typer.Option(metavar="DATE", help="Positive sample, where there are no symptoms.")
    ] = None,
    isolated: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    cleared: Annotated[str | None, typer.Option(metavar="TIME", help="Negative test.")] = None,
    rules: Annotated[str, typer.Option(help=f"One of {', '.join(RULES)}.")] = DEFAULT_RULES,
) -> None:
    """Record a case; its rule set turns the dates into the infectious window."""
    if (onset is None) == (sampled is None):
        raise typer.BadParameter("give one of them", param_hint="--onset or --sampled")
    dates = case_dates(
        onset, sampled,
        None if isolated is None else parse_instant(isolated), None if cleared is None else parse_instant(cleared),
    )  # fmt: skip
    with opened(as_of_now=False) as truyvet:
        recorded = truyvet.cases.confirm(person, dates, rules)
        window = truyvet.cases.get(recorded.id).window
    write_line({
        "case_id": str(recorded.id), "person": person, "rules": rules, "window": window_row(window),
        "position": recorded.position,
    })  # fmt: skip


@case.command()
def contacts(
    case_id: Annotated[UUID, typer.Argument()],
    levels: Annotated[int, typer.Option()] = 2,
    min_minutes: Annotated[int | None, typer.Option(help="Instead of the rule set's minimum.")] = None,
    as_of: AsOf = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show each encounter.")] = False,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """The contacts of a case under its rule set."""
    with opened() as truyvet:
        found = truyvet.contacts.of_case(
            case_id, levels=levels, min_minutes=min_minutes, as_of=position(truyvet, as_of),
            evidence=evidence or format == Format.graphml,
        )  # fmt: skip
    write_contacts(found, format, evidence)


def window_row(window: Window) -> dict[str, str | None]:
    return {"from": to_text(window.start), "to": None if window.end is None else to_text(window.end)}
