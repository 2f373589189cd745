"""``truyvet demo``: the main job on real input, start to finish, in a data directory of its own.

screen.py       tables, prose and progress
fresh.py        the data directory, new for each run
evidence.py     a contact list and what is behind a contact, as tables
conference.py   403 people, two days, one check-out that comes late
district.py     visitors of Quan Son district, simulated over its reported figures
quan_son.py     those figures again, counted from the log; a case, its contacts by commune, its graph
picture.py      the graph as SVG
"""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from api.app import open_truyvet
from api.demo import conference, quan_son
from api.demo.district import DISTRICT, WEEK
from api.demo.fresh import fresh_data_dir
from api.demo.screen import Screen
from domain.times import to_text
from infrastructure.admin_key import FILE_NAME
from infrastructure.settings import Settings

_DATABASE_URL = "TRUYVET_DATABASE_URL"


def run(output: Path) -> None:
    """Everything into ``output``: the data directory ``data``, ``quan-son.graphml`` and ``quan-son.svg``.

    The database is the local one of that data directory, whatever the environment names. Raises TruyvetError.
    """
    began, screen = time.monotonic(), Screen()
    data_dir = fresh_data_dir(output / "data")
    with open_truyvet(Settings(data_dir=data_dir, database_url=None)) as truyvet:
        hall = conference.show(truyvet, screen)
        district = quan_son.show(truyvet, screen, output)
        events = truyvet.log.head()
    screen.heading("3. What to try next")
    screen.say(
        f"{events:,} events in {data_dir}; the graph as {district.graphml} (Gephi, Cytoscape, networkx) and as"
        f" {district.svg} (any browser). Done in {time.monotonic() - began:.0f} s."
    )
    truyvet_here = f"{_program()} --data-dir {shlex.quote(str(data_dir))}"
    for purpose, command in (*_questions(hall, district), *_server(hall, district, data_dir)):
        screen.say(f"{purpose}:")
        screen.command(command.replace("truyvet", truyvet_here, 1) if command.startswith("truyvet") else command)


def _questions(hall: conference.Shown, district: quan_son.Shown) -> Iterator[tuple[str, str]]:
    trace = f"truyvet trace --person {hall.index} --from {to_text(hall.start)} --to {to_text(hall.end)}"
    week = f"--from {to_text(district.window.start)} --to {to_text(district.window.end or 0)}"
    yield "The list of the conference as it was before the late check-out", f"{trace} --as-of {hall.before}"
    yield "The list now, with the evidence", f"{trace} --evidence"
    yield "The late check-out in the log", f"truyvet events --after {hall.before} --limit 1"
    report = f"truyvet report adoption --unit {DISTRICT} --week-ending {WEEK[1]} --lang en"
    yield "The week in Quan Son by commune, also for printing with --format html", report
    yield "The contacts in Quan Son as CSV", f"truyvet case contacts {district.case_id} --format csv"
    yield "Who met whom where most were exposed", f"truyvet overlaps --venue {district.busiest} {week}"
    yield "Is the log whole, do the views equal a replay", "truyvet verify"


def _server(hall: conference.Shown, district: quan_son.Shown, data_dir: Path) -> Iterator[tuple[str, str]]:
    here = "http://127.0.0.1:8000/v1"
    case = f"{here}/cases/{district.case_id}"
    body = f'{{"person": "{hall.index}", "from": "{to_text(hall.start)}", "to": "{to_text(hall.end)}"}}'
    curl = f'curl -s -H "Authorization: Bearer $(cat {shlex.quote(str(data_dir / FILE_NAME))})"'
    yield "The same over HTTP", "truyvet serve --port 8000"
    yield "While it runs, the contacts in Quan Son", f"{curl} '{case}/contacts?levels=2&evidence=true'"
    yield "Their graph", f"{curl} -H 'Accept: application/graphml+xml' {case}/contact-graph"
    yield "A what-if", f"{curl} -H 'Content-Type: application/json' -d '{body}' {here}/traces"


def _program() -> str:
    """How this process was called, so that the commands work as they are printed; on the local database again."""
    called = Path(sys.argv[0])
    if called.name != "truyvet":
        program = f"{shlex.quote(sys.executable)} -m api.cli"
    else:
        program = "truyvet" if shutil.which("truyvet") else shlex.quote(sys.argv[0])
    return f"env -u {_DATABASE_URL} {program}" if os.environ.get(_DATABASE_URL) else program
