"""The command line: ``truyvet …``. Results on stdout, progress and logs on stderr.

Exit 0 done, 1 refused or failed with one clear line, 2 usage.
"""

import os
import sys

import psycopg
import psycopg_pool
from eventsourcing.persistence import PersistenceError

from api.cli import (  # noqa: F401 # each adds its commands
    bench,
    calls,
    cases,
    demo,
    dialler_files,
    events,
    imports,
    keys,
    maintenance,
    overlaps,
    quality,
    report,
    simulate,
    trace,
)
from api.cli.root import app
from domain.errors import TruyvetError

REFUSED = 1


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code."""
    try:
        app(arguments)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (TruyvetError, PersistenceError, psycopg.Error, psycopg_pool.PoolTimeout, OSError) as error:
        print(f"truyvet: {_one_line(error)}", file=sys.stderr)  # noqa: T201 # the command line's one clear line
        return REFUSED
    return 0


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
