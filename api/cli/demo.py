"""``truyvet demo``: the main job on real input, start to finish."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.root import app
from api.demo import run


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where it works; DIR/data is made anew each time.")
    ] = Path("demo-output"),
) -> None:
    """A real conference with a late check-out, then a district with a case, its contacts and their graph.

    It keeps everything in DIR, with a local PostgreSQL there, and touches no other data or database.
    """
    run(output)
