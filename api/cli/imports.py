"""``truyvet import …``: facts from files."""

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from api.app import Truyvet
from api.cli.output import write_line
from api.cli.root import app, opened
from application.provenance import LOCAL
from domain.errors import TruyvetError
from infrastructure.imports import Outcome, Reject

import_ = typer.Typer(no_args_is_help=True, help="Facts from files: CSV or NDJSON, .gz too, - for standard input.")
app.add_typer(import_, name="import")

File = Annotated[str, typer.Argument(metavar="FILE|-")]
Rejects = Annotated[Path | None, typer.Option(metavar="FILE", help="Receives line number, reason and line.")]


@import_.command()
def visits(
    file: File,
    register_venues: Annotated[bool, typer.Option("--register-venues", help="Register venues not known yet.")] = False,
    default_stay: Annotated[int | None, typer.Option(metavar="MINUTES", help="Of the venues registered here.")] = None,
    rejects: Rejects = None,
) -> None:
    """Import person,venue,check_in,check_out[,visit_id,source]; ends with one JSON line of counts."""
    import_file(
        reading(file), rejects,
        lambda truyvet, opened_file, reject: truyvet.imports.visits(
            opened_file, register_venues=register_venues, default_stay_minutes=default_stay, by=LOCAL, reject=reject
        ),
    )  # fmt: skip


@import_.command()
def quarantines(file: File, rejects: Rejects = None) -> None:
    """Import person,from,until; ends with one JSON line of counts."""
    import_file(
        reading(file), rejects,
        lambda truyvet, opened_file, reject: truyvet.imports.assigned_quarantines(opened_file, by=LOCAL, reject=reject),
    )  # fmt: skip


@import_.command()
def retract(
    import_id: Annotated[UUID, typer.Argument(help="The correlation of the import's events.")],
    reason: Annotated[str | None, typer.Option(help="Kept sealed.")] = None,
) -> None:
    """Take back all that an import brought; nothing that was recorded is altered."""
    with opened(as_of_now=False) as truyvet:
        recorded = truyvet.retraction.retract(import_id, reason)
        truyvet.graph.catch_up()
        write_line({"import_id": str(recorded.id), "position": recorded.position})


def import_file(
    file: AbstractContextManager[IO[bytes]],
    rejects: Path | None,
    work: Callable[[Truyvet, IO[bytes], Reject | None], Outcome],
) -> None:
    with ExitStack() as stack:
        opened_file = stack.enter_context(file)
        truyvet = stack.enter_context(opened(as_of_now=False))
        reject = None if rejects is None else stack.enter_context(_rejects(rejects))
        with truyvet.graph.abreast():
            outcome = work(truyvet, opened_file, reject)
        truyvet.graph.catch_up()
        write_line(outcome.as_dict())
    if outcome.failure is not None:
        raise TruyvetError(outcome.failure)


@contextmanager
def reading(file: str) -> Iterator[IO[bytes]]:
    """The file, with a progress bar where someone is looking."""
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as plain:
        if not sys.stderr.isatty():
            yield plain
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
        with (
            Progress(*columns, console=Console(stderr=True), transient=True) as progress,
            progress.wrap_file(plain, total=Path(file).stat().st_size, description="importing") as watched,
        ):
            yield watched


@contextmanager
def _rejects(path: Path) -> Iterator[Reject]:
    """The lines may name people: readable by the owner only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["line", "reason", "content"])

        def reject(number: int, reason: str, raw: bytes) -> None:
            writer.writerow([number, reason, raw.decode(errors="backslashreplace")])

        yield reject
