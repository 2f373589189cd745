"""``truyvet bench …``: measurements against what one would use instead."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from api.bench import adoption, cases, door, imports, results, trace
from api.cli.root import app

bench = typer.Typer(no_args_is_help=True, help="Measure, side by side with the alternatives, in one run.")
app.add_typer(bench, name="bench")

Count = Annotated[int, typer.Option("--visits", min=1_000, help="How many visits are made up.")]
Against = Annotated[str | None, typer.Option(metavar="NAME,…", help="Only these alternatives; none when empty.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@bench.command("trace")
def bench_trace(visits: Count = 1_000_000, against: Against = None, as_json: Json = False) -> None:
    """F0 → F1 → F2: 100 questions, each in turn to everyone; the answers are compared."""
    _run(trace.measure, visits, against, trace.ALTERNATIVES, as_json)


@bench.command("import")
def bench_import(visits: Count = 1_000_000, against: Against = None, as_json: Json = False) -> None:
    """From CSV to answerable: validated, sealed, stored, projected."""
    _run(imports.measure, visits, against, imports.ALTERNATIVES, as_json)


@bench.command("door")
def bench_door(
    visits: Annotated[int, typer.Option("--visits", min=700, help="How many check-ins for each service.")] = 21_000,
    against: Against = None,
    as_json: Json = False,
) -> None:
    """Live check-ins over HTTP from 64 clients, in turns with a bare service that does one INSERT for each."""
    _run(door.measure, visits, against, door.ALTERNATIVES, as_json)


@bench.command("adoption")
def bench_adoption(as_json: Json = False) -> None:
    """The weekly report of a province of 12,661 points and 342,842 scans, as of several positions."""
    results.show(adoption.measure(), as_json)


@bench.command("cases")
def bench_cases(visits: Count = 1_000_000, as_json: Json = False) -> None:
    """From a confirmed case of 300 F1 to the calls in the list; late facts with 1,000 open cases."""
    _run(cases.measure, visits, "", cases.ALTERNATIVES, as_json)


def _run(
    measure: Callable[[int, Sequence[str]], results.Measurement],
    visits: int,
    against: str | None,
    alternatives: Sequence[str],
    as_json: bool,
) -> None:
    chosen = list(alternatives) if against is None else [name for name in against.split(",") if name]
    results.show(measure(visits, chosen), as_json)
