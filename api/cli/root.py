"""The global options, and what every command needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.app import Truyvet, open_truyvet
from application.as_of import position_as_of
from infrastructure.settings import Settings

app = typer.Typer(
    name="truyvet",
    help="Event-sourced contact tracing: who overlapped, who is F1, who is F2, and what was known when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    ndjson = "ndjson"
    graphml = "graphml"


_settings: ContextVar[Settings] = ContextVar("settings")


@app.callback()
def _global(
    data_dir: Annotated[
        Path | None, typer.Option(envvar="TRUYVET_DATA_DIR", help="Everything local lives here, PostgreSQL too.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="TRUYVET_DATABASE_URL", show_envvar=True, help="An external PostgreSQL (15 or newer) instead."
        ),
    ] = None,
) -> None:
    url = database_url or None
    _settings.set(Settings(database_url=url) if data_dir is None else Settings(data_dir=data_dir, database_url=url))


def settings() -> Settings:
    """The settings of the command that runs."""
    return _settings.get()


@contextmanager
def opened(*, as_of_now: bool = True) -> Iterator[Truyvet]:
    """Everything, with the graph at the end of the log unless the command asks no question."""
    with open_truyvet(settings()) as truyvet:
        if as_of_now:
            truyvet.graph.catch_up()
        yield truyvet


def position(truyvet: Truyvet, as_of: str | None) -> int | None:
    return None if as_of is None else position_as_of(truyvet.log, as_of)


AsOf = Annotated[str | None, typer.Option("--as-of", metavar="POSITION|TIME", help="As known then.")]
