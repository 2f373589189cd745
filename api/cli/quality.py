"""``truyvet quality``: what looks wrong in the visits of a venue."""

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.output import write, write_line
from api.cli.root import AsOf, Format, app, opened, position
from application.quality import quality_row
from domain.times import parse_instant

COLUMNS = ("name", "count", "share", "says", "examples")


class Language(StrEnum):
    vi = "vi"
    en = "en"


@app.command()
def quality(
    venue: Annotated[str, typer.Option(help="Its id or code.")],
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Else 28 days before --to.")] = None,
    to: Annotated[str | None, typer.Option(metavar="TIME", help="Else the end of the day of the last visit.")] = None,
    as_of: AsOf = None,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
    lang: Annotated[Language, typer.Option(help="Vietnamese or English.")] = Language.vi,
) -> None:
    """What looks wrong in the visits of a venue, in words and with examples; nothing is dropped for it."""
    if format == Format.graphml:
        raise typer.BadParameter("flags are a table; use csv, json or ndjson", param_hint="--format")
    window = [None if text is None else parse_instant(text) for text in (from_, to)]
    with opened() as truyvet:
        found = truyvet.quality.of_venue(venue, *window, as_of=position(truyvet, as_of))
    row = quality_row(found, lang)
    if format == Format.json:
        write_line(row)
        return
    title = f"{venue}: {row['visits']} visits from {row['from']} to {row['to']} at position {row['position']}"
    write(row["flags"], COLUMNS, format, title)
