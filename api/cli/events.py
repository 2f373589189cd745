"""``truyvet events``: the log, one event a line."""

from itertools import islice
from typing import Annotated

import typer

from api.cli.output import write_line
from api.cli.root import app, opened


@app.command()
def events(
    after: Annotated[int, typer.Option(min=0, metavar="POSITION", help="Only later ones.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
) -> None:
    """Write the log as NDJSON, in the order of positions."""
    with opened(as_of_now=False) as truyvet:
        for event in islice(truyvet.log.read_all(after, truyvet.log.head()), limit):
            write_line(event.as_dict())
