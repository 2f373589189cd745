"""``truyvet serve``, ``rebuild``, ``verify``: running it and looking after it."""

from contextlib import suppress
from typing import Annotated

import typer

from api.cli.output import console
from api.cli.root import app, opened, settings
from domain.errors import TruyvetError
from infrastructure.rebuilding import rebuild as rebuild_views
from infrastructure.verification import verify as findings


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option()] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that answer.")] = 1,
) -> None:
    """Answer HTTP, follow the log; ends with SIGTERM or SIGINT."""
    from api.http.serve import serve as serve_http  # only this command needs the web framework

    serve_http(settings(), host, port, workers)


@app.command()
def rebuild() -> None:
    """Drop the projections, replay the log; prints a checksum for each view."""
    with opened(as_of_now=False) as truyvet:
        for view, checksum in rebuild_views(truyvet.vault, truyvet.registers, truyvet.graph).items():
            console().print(f"{view:13} {checksum}")


@app.command()
def verify() -> None:
    """Is the log whole: positions, order, streams, every event readable; do the views equal a replay?"""
    with opened(as_of_now=False) as truyvet:
        for view in (truyvet.registers.catch_up, truyvet.graph.catch_up):
            with suppress(TruyvetError):  # what stops a view is among the findings
                view()
        found = 0
        for finding in findings(truyvet.log, truyvet.vault, truyvet.registers, truyvet.graph):
            found += 1
            console().print(finding)
        if found:
            raise TruyvetError(f"{found} findings: the log or a view is not whole")
        console().print(f"{truyvet.log.head()} events: the log is whole, the views equal a replay")
