"""``truyvet case …``: confirm a case, list its contacts, say how the list changed and why somebody is in it."""

from typing import Annotated
from uuid import UUID, uuid4

import typer

from api.case_rows import change_row, difference_row, evidence_row
from api.cli.output import write, write_line
from api.cli.root import AsOf, Format, app, opened, position
from api.cli.trace import EVIDENCE_COLUMNS, write_contacts
from api.reports.words import Language
from application.as_of import position_as_of
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
    levels: Annotated[int | None, typer.Option(help="So deep its contacts are kept; 2 unless set otherwise.")] = None,
) -> None:
    """Record a case; its rule set turns the dates into the infectious window."""
    if (onset is None) == (sampled is None):
        raise typer.BadParameter("give one of them", param_hint="--onset or --sampled")
    dates = case_dates(
        onset, sampled,
        None if isolated is None else parse_instant(isolated), None if cleared is None else parse_instant(cleared),
    )  # fmt: skip
    with opened(as_of_now=False) as truyvet:
        recorded = truyvet.cases.confirm(person, dates, rules, levels=levels)
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


@case.command()
def history(
    case_id: Annotated[UUID, typer.Argument()],
    since: Annotated[
        str | None, typer.Option(metavar="POSITION|TIME", help="Only what differs from what was known then.")
    ] = None,
    as_of: AsOf = None,
    lang: Annotated[Language, typer.Option(help="Of the words.")] = Language.en,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """How the list of contacts changed, each change with the event that caused it."""
    with opened() as truyvet:
        truyvet.policies.catch_up()
        truyvet.graph.catch_up()  # what they recorded, too
        until = truyvet.log.head() if as_of is None else position_as_of(truyvet.log, as_of)
        if since is not None:
            found = truyvet.case_history.difference(case_id, position_as_of(truyvet.log, since), until)
            write([difference_row(one) for one in found], _DIFFERENCE, format, f"from {since} to position {until}")
            return
        rows = [change_row(change, lang) for change in truyvet.case_history.changes(case_id, until)]
    write(rows, _HISTORY, format, f"changes up to position {until}")


@case.command()
def evidence(
    case_id: Annotated[UUID, typer.Argument()],
    person: Annotated[str, typer.Option(help="The contact.")],
    as_of: AsOf = None,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """Why somebody is a contact of a case: the path from F0, each encounter, the clause of the rule set."""
    with opened() as truyvet:
        person_id = truyvet.people.find(person)
        known = truyvet.log.head() if as_of is None else position_as_of(truyvet.log, as_of)
        found = truyvet.case_history.evidence(case_id, person_id or uuid4(), known)
    row = evidence_row(found)
    if format in (Format.json, Format.ndjson):
        write([row], (), format)
        return
    write(row["path"], EVIDENCE_COLUMNS, format, f"path from F0; {row['rules']['clause']} ({row['rules']['source']})")
    if format == Format.table:
        write(row["evidence"], EVIDENCE_COLUMNS, format, "encounters")
        write(row["visits"], _VISITS, format, "visits")


@case.command()
def close(
    case_id: Annotated[UUID, typer.Argument()],
    reason: Annotated[str | None, typer.Option(help="Kept sealed.")] = None,
) -> None:
    """The contacts of a case are traced no more; the list stays as it is."""
    with opened(as_of_now=False) as truyvet:
        recorded = truyvet.cases.close(case_id, reason)
    write_line({"case_id": str(case_id), "position": recorded.position})


@case.command()
def reopen(case_id: Annotated[UUID, typer.Argument()]) -> None:
    """The contacts of a closed case are kept up again."""
    with opened(as_of_now=False) as truyvet:
        recorded = truyvet.cases.reopen(case_id)
    write_line({"case_id": str(case_id), "position": recorded.position})


_HISTORY = ("position", "recorded_at", "change", "person", "level", "in_words")
_DIFFERENCE = ("change", "person", "before", "after")
_VISITS = ("visit_id", "person", "venue", "check_in", "check_out", "observed")


def window_row(window: Window) -> dict[str, str | None]:
    return {"from": to_text(window.start), "to": None if window.end is None else to_text(window.end)}
