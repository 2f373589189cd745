"""Benches are asked by the command line, too."""

from tests.api.cli.conftest import cli

__all__ = ["cli"]
