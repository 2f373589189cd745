"""``truyvet overlaps``: who were at a venue together."""

from typing import Annotated

import typer

from api.cli.output import write
from api.cli.root import AsOf, Format, app, opened, position
from application.contacts import overlap_columns, overlap_row
from domain.times import parse_instant


@app.command()
def overlaps(
    venue: Annotated[str, typer.Option(help="Its id or code.")],
    from_: Annotated[str, typer.Option("--from", metavar="TIME")],
    to: Annotated[str, typer.Option(metavar="TIME")],
    person: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    min_minutes: Annotated[int, typer.Option(help="Shortest overlap that counts.")] = 0,
    parts: Annotated[bool, typer.Option("--parts", help="The venue and everything in it as one place.")] = False,
    as_of: AsOf = None,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """Who overlapped with whom at a venue, for how long, through which visits."""
    if format == Format.graphml:
        raise typer.BadParameter("overlaps are a table; use csv, json or ndjson", param_hint="--format")
    start, end = parse_instant(from_), parse_instant(to)
    with opened() as truyvet:
        _, found = truyvet.contacts.overlaps(
            venue, start, end, person=person, min_minutes=min_minutes, as_of=position(truyvet, as_of), parts=parts
        )
    rows = [overlap_row(overlap) for overlap in found]
    write(rows, overlap_columns(parts=parts), format, f"overlaps at {venue}")
