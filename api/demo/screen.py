"""How the demo shows things: tables and prose on stdout, progress on stderr, plain where nobody is looking."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain.errors import TruyvetError

_WIDEST = 100
"""Columns; a wider terminal does not make tables easier to read."""

Row = Sequence[object]
Reached = Callable[[int], None]


class Screen:
    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without Vietnamese letters shows ?, and goes on
        self.console = Console(highlight=False, markup=False, emoji=False)
        self.console.width = min(self.console.width, _WIDEST) if self.is_terminal else _WIDEST

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal

    def heading(self, text: str) -> None:
        self.console.print()
        self.console.print(text, style="bold")
        self.console.print(("─" if self.is_terminal and not self.console.options.ascii_only else "=") * len(text))

    def say(self, text: str) -> None:
        self.console.print()
        self.console.print(text)

    def note(self, text: str) -> None:
        """Belongs to what is above it."""
        self.console.print(text)

    def lines(self, rows: Iterable[tuple[str, str]]) -> None:
        """Names and values below one another."""
        grid = Table.grid("name", "value", padding=(0, 2))
        for row in rows:
            grid.add_row(*row)
        self.console.print(grid)

    def command(self, line: str) -> None:
        """To be copied: never wrapped."""
        self.console.print(f"  {line}", soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Row], total: Row | None = None) -> None:
        """``columns`` that hold numbers begin with ``#``, which is not shown: they are aligned on the right."""
        table = Table(
            box=box.SIMPLE_HEAD if self.is_terminal else box.ASCII2,
            padding=(0, 1, 0, 0) if self.is_terminal else (0, 1),
            show_edge=False,
            pad_edge=False,
        )
        for column in columns:
            justify: Literal["left", "right"] = "right" if column.startswith("#") else "left"
            table.add_column(column.removeprefix("#"), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*map(str, row), end_section=total is not None and row is rows[-1])
        if total is not None:
            table.add_row(*map(str, total), style="bold")
        self.console.print()
        self.console.print(title, style="bold")
        self.console.print(table)

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Reached]:
        """Yields what is told how much is done; a bar on stderr where that is a terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(description, total=total)
            yield lambda done: progress.update(task, completed=done)


def must(holds: bool, claim: str) -> None:
    """What the demo says is computed; where the computation says otherwise it stops with one line."""
    if not holds:
        raise TruyvetError(f"the demo shows nothing that is not so, and this is not: {claim}")
