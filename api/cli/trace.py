"""``truyvet trace``: the contacts of a person in a window."""

from typing import Annotated, Any

import typer

from api.cli.output import write, write_graphml
from api.cli.root import AsOf, Format, app, opened, position
from application.contacts import ContactList, contact_row, encounter_row
from domain.times import parse_instant

COLUMNS = ("person", "level", "exposed_at", "encounters", "contact_seconds", "via", "certainty")
EVIDENCE_COLUMNS = ("contact", "infector", "venue", "start", "end", "seconds", "imputed")


@app.command()
def trace(
    person: Annotated[str, typer.Option(help="The index person, F0.")],
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="The window of F0 opens.")],
    to: Annotated[str, typer.Option(metavar="TIME", help="The window of F0 closes.")],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The horizon: nothing later opens a window.")
    ] = None,
    levels: Annotated[int, typer.Option(help="1 finds F1, 2 also F2, …")] = 2,
    min_minutes: Annotated[int, typer.Option(help="Shortest encounter that counts.")] = 15,
    as_of: AsOf = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show each encounter.")] = False,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """Who are the contacts of a person: F1, F2, … with minutes, certainty and evidence."""
    start, end = parse_instant(from_), parse_instant(to)
    horizon = None if until is None else parse_instant(until)
    with opened() as truyvet:
        found = truyvet.contacts.trace(
            person, start, end, until=horizon, levels=levels, min_minutes=min_minutes,
            as_of=position(truyvet, as_of), evidence=evidence or format == Format.graphml,
        )  # fmt: skip
    write_contacts(found, format, evidence)


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
