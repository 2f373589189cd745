"""``truyvet calls export | import``: files for diallers and offices, and what came of the calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from api.cli.calls import calls
from api.cli.imports import Rejects, import_file, reading
from api.cli.output import write_line
from api.cli.root import AsOf, opened, position
from api.exports import DiallerFormat, Split, Wanted, directory, export_due, form_of
from application.provenance import LOCAL
from domain.call_list import Filter
from domain.call_reasons import CAMPAIGNS
from domain.errors import Malformed

Format = Annotated[DiallerFormat, typer.Option(help="Of the dialler.")]


@calls.command()
def export(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Empty, or not there yet.")],
    format: Format = DiallerFormat.generic,  # noqa: A002 # the option's name
    split: Annotated[Split, typer.Option(help="By commune of residence, a file for each.")] = Split.none,
    campaign: Annotated[str | None, typer.Option(help=f"One of {', '.join(CAMPAIGNS)}.")] = None,
    as_of: AsOf = None,
) -> None:
    """Write what is due and nobody holds to files; ends with one JSON line, the manifest without its files."""
    from api.http.call_list import instant  # only this question of the command line needs it

    if campaign not in (None, *CAMPAIGNS):
        raise Malformed(f"a campaign is one of {', '.join(CAMPAIGNS)}")
    with opened() as truyvet:
        truyvet.policies.catch_up()
        truyvet.registers.catch_up()
        known = position(truyvet, as_of)
        wanted = Wanted(
            form=form_of(format, truyvet.settings),
            split=split,
            at=instant(truyvet, as_of, known or 0),
            only=Filter(campaign),
            filters={"campaign": campaign, "level": None, "unit": None},
            as_of=known,
        )
        with directory(out) as sink:
            manifest = export_due(truyvet, wanted, sink)
    write_line(manifest)


@calls.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE|DIR|-", help="Of Asterisk, a directory of its files too.")],
    format: Format = DiallerFormat.generic,  # noqa: A002 # the option's name
    rejects: Rejects = None,
) -> None:
    """Import what came of calls; ends with one JSON line of counts. The same again records nothing new."""
    import_file(
        _call_files(Path(file)) if Path(file).is_dir() and format == DiallerFormat.asterisk else reading(file),
        rejects,
        lambda truyvet, opened_file, reject: truyvet.imports.dispositions(opened_file, format, by=LOCAL, reject=reject),
    )


@contextmanager
def _call_files(directory: Path) -> Iterator[IO[bytes]]:
    """All of a directory as one file, in the order of their names."""
    yield BufferedReader(_OneAfterAnother(sorted(directory.glob("*.call"))))


class _OneAfterAnother(RawIOBase):
    def __init__(self, files: list[Path]) -> None:
        self._rest = iter(files)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            following = next(self._rest, None)
            self._left = b"" if following is None else following.read_bytes() + b"\n"
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
