"""``truyvet simulate``: a made-up country, with the truth about who infected whom."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from api.cli.root import app
from api.simulation import Schedule, Simulation, writing
from api.simulation.schedule import DAYS, FIRST_DAY, SEED
from domain.errors import Malformed
from domain.times import parse_date

_VISITS = 100_000


class SimulatedAs(StrEnum):
    csv = "csv"
    events = "events"
    parquet = "parquet"


@app.command()
def simulate(
    visits: Annotated[
        int | None, typer.Option(min=1, show_default=f"{_VISITS:,}", help="How many; people follow from it.")
    ] = None,
    people: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="Or how many people; they make 1.36 visits a day.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="On how many days.")] = DAYS,
    start: Annotated[str, typer.Option(metavar="DATE", help="The first day.")] = FIRST_DAY.isoformat(),
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same country, to the byte.")] = SEED,
    infected: Annotated[
        int | None, typer.Option(min=0, show_default="one of 100,000 people", help="Who begin the epidemic.")
    ] = None,
    format: Annotated[SimulatedAs, typer.Option(help="CSV is what `import visits` reads.")] = SimulatedAs.csv,  # noqa: A002 # the option's name
    out: Annotated[str, typer.Option(metavar="FILE|-", help="Receives the visits.")] = "-",
    venues: Annotated[Path | None, typer.Option(metavar="FILE", help="CSV: kind and commune of each venue.")] = None,
    infections: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV: who was truly infected when, by whom, where.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV person,from,to: the cases found, for `trace --cases`.")
    ] = None,
) -> None:
    """Make up people in households, the venues they visit, and an epidemic whose course is known.

    Nobody in it exists. `truyvet simulate --visits 1000000 | truyvet import visits --register-venues -` fills a log.
    """
    if visits is not None and people is not None:
        raise Malformed("give the number of visits or of people; the other follows from it")
    first = parse_date(start)
    schedule = (
        Schedule.of_visits(visits or _VISITS, days, first)
        if people is None
        else Schedule.of_people(people, days, first)
    )
    began = time.perf_counter()
    simulation = Simulation(schedule, seed, infected)
    with _writing(out) as file:
        _write(simulation, format, file)
    for path, write in ((venues, writing.write_venues), (infections, writing.write_infections),
                        (cases, writing.write_cases)):  # fmt: skip
        _write_told(simulation, path, write)
    told = {"visits": schedule.visits, "people": schedule.people, "venues": simulation.country.venues,
            "infections": len(simulation.infections), "seconds": round(time.perf_counter() - began, 1)}  # fmt: skip
    print(json.dumps(told), file=sys.stderr)  # noqa: T201 # standard output has the visits


def _write(simulation: Simulation, form: SimulatedAs, file: IO[bytes]) -> None:
    match form:
        case SimulatedAs.csv:
            file.writelines(writing.csv_blocks(simulation))
        case SimulatedAs.events:
            file.writelines(writing.event_blocks(simulation))
        case SimulatedAs.parquet:
            writing.write_parquet(simulation, file)


def _write_told(simulation: Simulation, path: Path | None, write: Callable[[Simulation, IO[str]], None]) -> None:
    if path is not None:
        with path.open("w", newline="") as file:
            write(simulation, file)


@contextmanager
def _writing(out: str) -> Iterator[IO[bytes]]:
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Path(out).open("wb") as file:
        yield file
