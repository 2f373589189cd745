"""How results are written: tables for people, CSV and JSON for programs."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import networkx as nx
from rich.console import Console
from rich.table import Table

from api.cli.root import Format
from api.csv_cells import safe_cell

Row = Mapping[str, Any]


def write(rows: Iterable[Row], columns: Sequence[str], form: Format, title: str = "") -> None:
    """Write rows in their order. JSON holds every field, CSV and tables the ``columns``, lists joined with ``;``."""
    match form:
        case Format.csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([safe_cell(row[column]) for column in columns] for row in rows)
        case Format.json:
            sys.stdout.write(json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n")
        case Format.ndjson:
            sys.stdout.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        case _:
            _table(list(rows), columns, title)


def write_line(row: Row) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_graphml(graph: nx.MultiDiGraph) -> None:
    sys.stdout.write("\n".join(nx.generate_graphml(graph)) + "\n")


def console() -> Console:
    """Where tables go: as wide as the terminal, and without cutting anything where there is none."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=not sys.stdout.isatty())


def _table(rows: list[Row], columns: Sequence[str], title: str) -> None:
    table = Table(
        *columns, title=title or None, title_justify="left", caption=f"{len(rows)} rows", caption_justify="left"
    )
    for row in rows:
        table.add_row(*[_cell(row[column]) for column in columns])
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
