"""How tests run the command line."""

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Runs one command line; its exit code, stdout and stderr."""
