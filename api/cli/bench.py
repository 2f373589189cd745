"""``truyvet bench …``: measurements against what one would use instead."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.bench import adoption, bounds, cases, country, door, imports, overlaps, rebuild, serve, trace
from api.bench.documents import write_section
from api.bench.results import Measurement
from api.cli.output import console, write_line
from api.cli.root import app

bench = typer.Typer(no_args_is_help=True, help="Measure, side by side with the alternatives, in one run.")
app.add_typer(bench, name="bench")

Count = Annotated[int, typer.Option("--visits", min=1_000, help="How many visits are made up.")]
Against = Annotated[str | None, typer.Option(metavar="NAME,…", help="Only these alternatives; none when empty.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Filled = Annotated[
    Path | None, typer.Option("--filled", metavar="DIR", help="A data directory with visits; it keeps what comes here.")
]
Write = Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Its section of docs/benchmarks.md, too.")]


@bench.command("trace")
def bench_trace(
    visits: Count = 1_000_000,
    against: Against = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="At 100,000 visits, ten times more, … up to --visits.")
    ] = False,
    as_json: Json = False,
    write: Write = None,
) -> None:
    """F0 → F1 → F2: 100 questions, each in turn to everyone, the best of three; the answers are compared."""
    if curve:
        _show(trace.curve(visits), as_json, write)
    else:
        _run(trace.measure, visits, against, trace.ALTERNATIVES, as_json, write)


@bench.command("overlaps")
def bench_overlaps(
    visits: Count = 5_000_000, against: Against = None, as_json: Json = False, write: Write = None
) -> None:
    """Who were together at a venue of 300,000 visits; the F1 of 5,000 cases in one pass."""
    _run(overlaps.measure, visits, against, overlaps.ALTERNATIVES, as_json, write)


@bench.command("import")
def bench_import(
    visits: Count = 1_000_000, against: Against = None, as_json: Json = False, write: Write = None
) -> None:
    """From CSV to answerable: validated, sealed, stored, projected; and how its rate keeps up with size."""
    _run(imports.measure, visits, against, imports.ALTERNATIVES, as_json, write)


@bench.command("rebuild")
def bench_rebuild(visits: Count = 1_000_000, filled: Filled = None, as_json: Json = False, write: Write = None) -> None:
    """All views from the log again; from a restart to ready; the memory of one and of two workers."""
    _show(rebuild.measure(visits, (), filled), as_json, write)


@bench.command("country")
def bench_country(visits: Count = 75_000_000, as_json: Json = False, write: Write = None) -> None:
    """The full path once, without alternatives: simulated, imported, restarted, asked, rebuilt; time, disk, memory."""
    _run(country.measure, visits, "", country.ALTERNATIVES, as_json, write)


@bench.command("bounds")
def bench_bounds(visits: Count = 1_000_000, as_json: Json = False, write: Write = None) -> None:
    """Where the time of a trace, an import and a check-in goes, and what memory bandwidth would allow."""
    _run(bounds.measure, visits, "", bounds.ALTERNATIVES, as_json, write)


@bench.command("door")
def bench_door(
    visits: Annotated[int, typer.Option("--visits", min=700, help="How many check-ins for each service.")] = 21_000,
    against: Against = None,
    as_json: Json = False,
    write: Write = None,
) -> None:
    """Live check-ins over HTTP from 64 clients, in turns with a bare service that does one INSERT for each."""
    _run(door.measure, visits, against, door.ALTERNATIVES, as_json, write)


@bench.command("serve")
def bench_serve(
    visits: Count = 1_000_000,
    filled: Filled = None,
    as_json: Json = False,
    write: Write = None,
) -> None:
    """Contacts of cases over HTTP, 2 workers and 32 clients, while check-ins arrive; then twice the capacity."""
    _show(serve.measure(visits, (), filled), as_json, write)


@bench.command("adoption")
def bench_adoption(as_json: Json = False, write: Write = None) -> None:
    """The weekly report of a province of 12,661 points and 342,842 scans, as of several positions."""
    _show(adoption.measure(), as_json, write)


@bench.command("cases")
def bench_cases(visits: Count = 1_000_000, as_json: Json = False, write: Write = None) -> None:
    """From a confirmed case of 300 F1 to the calls in the list; late facts with 1,000 open cases."""
    _run(cases.measure, visits, "", cases.ALTERNATIVES, as_json, write)


def _run(
    measure: Callable[[int, Sequence[str]], Measurement],
    visits: int,
    against: str | None,
    alternatives: Sequence[str],
    as_json: bool,
    write: Path | None,
) -> None:
    chosen = list(alternatives) if against is None else [name for name in against.split(",") if name]
    _show(measure(visits, chosen), as_json, write)


def _show(measurement: Measurement, as_json: bool, write: Path | None) -> None:
    if write is not None:
        write_section(measurement, f"truyvet {' '.join(_told_again(sys.argv[1:]))}", write)
    if as_json:
        write_line(measurement.as_dict())
        return
    everyone = [measurement.ours.as_dict(), *(other.as_dict() for other in measurement.alternatives)]
    names = list(dict.fromkeys(name for row in everyone for name in row))
    table = Table(*names, title=f"{measurement.name}, {measurement.visits:,} visits", title_justify="left")
    for row in everyone:
        table.add_row(
            *[f"{row[name]:,}" if isinstance(row.get(name), int | float) else row.get(name, "") for name in names]
        )
    console().print(table)
    facts = {"answers equal": measurement.answers_equal} | measurement.ratios | measurement.more
    for name, value in facts.items():
        console().print(f"{name}: {value}")


def _told_again(arguments: Sequence[str]) -> list[str]:
    """The command without where it wrote to."""
    if "--write" not in arguments:
        return list(arguments)
    at = list(arguments).index("--write")
    return [*arguments[:at], *arguments[at + 2 :]]
