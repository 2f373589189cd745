"""``truyvet trace``: the contacts of a person in a window, or of many people, each in their own."""

from typing import Annotated, Any, Final

import typer

from api.cli.imports import reading
from api.cli.output import write, write_graphml
from api.cli.root import AsOf, Format, app, opened, position
from application.contact_lists import ContactList
from application.contacts import IndexPerson, check_window, contact_row, encounter_row
from application.people import check_name
from domain.errors import Malformed, TruyvetError
from domain.times import parse_instant
from infrastructure.graph import warm_up
from infrastructure.lines import Line, Lines

COLUMNS: Final = ("person", "level", "exposed_at", "encounters", "contact_seconds", "via", "certainty")
EVIDENCE_COLUMNS: Final = ("contact", "infector", "venue", "start", "end", "seconds", "imputed")

_WORTH_COMPILING: Final = 200
"""Cases; what was compiled before is there in half a second."""


@app.command()
def trace(
    person: Annotated[str | None, typer.Option(help="The index person, F0.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="The window of F0 opens.")] = None,
    to: Annotated[str | None, typer.Option(metavar="TIME", help="The window of F0 closes.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The horizon: nothing later opens a window.")
    ] = None,
    cases: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="Of many instead: CSV with the header person,from,to[,until]."),
    ] = None,
    levels: Annotated[int, typer.Option(help="1 finds F1, 2 also F2, …")] = 2,
    min_minutes: Annotated[int, typer.Option(help="Shortest encounter that counts.")] = 15,
    as_of: AsOf = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show each encounter.")] = False,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """Who are the contacts of a person: F1, F2, … with minutes, certainty and evidence."""
    if cases is not None:
        _refuse_beside_cases(evidence or format == Format.graphml, person, from_, to, until)
        _trace_cases(cases, levels, min_minutes, as_of, format)
        return
    if person is None or from_ is None or to is None:
        raise typer.BadParameter("--person, --from and --to are needed, or --cases")
    start, end = parse_instant(from_), parse_instant(to)
    horizon = None if until is None else parse_instant(until)
    with opened() as truyvet:
        found = truyvet.contacts.trace(
            person, start, end, until=horizon, levels=levels, min_minutes=min_minutes,
            as_of=position(truyvet, as_of), evidence=evidence or format == Format.graphml,
        )  # fmt: skip
    write_contacts(found, format, evidence)


def _refuse_beside_cases(evidence: bool, *of_one: str | None) -> None:
    if evidence:
        raise typer.BadParameter("evidence and graphs are of one case")
    if any(of_one):
        raise typer.BadParameter("--cases says who and when; --person, --from, --to and --until do not stand beside it")


def _trace_cases(file: str, levels: int, min_minutes: int, as_of: str | None, form: Format) -> None:
    """The file is read whole before anything is written."""
    with reading(file) as content:
        people = [_index_person(line) for line in Lines(content, ("person", "from", "to"), ("until",))]
    if len(people) >= _WORTH_COMPILING:
        warm_up()
    with opened() as truyvet:
        found = truyvet.contacts.of_many(
            people, levels=levels, min_minutes=min_minutes, as_of=position(truyvet, as_of)
        )  # fmt: skip
        rows = ({"case": index.person} | contact_row(contact) for index, contacts in found for contact in contacts)
        write(rows, ("case", *COLUMNS), form, f"contacts of {len(people)} cases")


def _index_person(line: Line) -> IndexPerson:
    """Raises Malformed, naming the line."""
    if line.values is None:
        raise Malformed(f"line {line.number}: {line.problem}")
    person, *times, until = line.values
    try:
        check_name(person)
        start, end = map(parse_instant, times)
        index = IndexPerson(person, start, end, parse_instant(until) if until else None)
        check_window(index.start, index.end, index.until)
    except TruyvetError as error:
        raise Malformed(f"line {line.number}: {error}") from None
    return index


def write_contacts(found: ContactList, form: Format, evidence: bool) -> None:
    if form == Format.graphml:
        write_graphml(found.graph())
        return
    write(contact_rows(found, evidence), COLUMNS, form, f"contacts of {found.person} at position {found.position}")
    if evidence and form == Format.table:
        write([encounter_row(met) for met in found.encounters], EVIDENCE_COLUMNS, form, "evidence")


def contact_rows(found: ContactList, evidence: bool) -> list[dict[str, Any]]:
    rows = [contact_row(contact) for contact in found.contacts]
    if evidence:
        met = found.evidence()
        for row in rows:
            row["evidence"] = [encounter_row(encounter) for encounter in met[row["person"]]]
    return rows
