"""``truyvet calls list``: whom to call."""

from typing import Annotated, Final

import typer

from api.cli.output import write
from api.cli.root import AsOf, Format, app, opened, position
from domain.call_list import Filter
from domain.call_reasons import CAMPAIGNS
from domain.errors import Malformed

calls = typer.Typer(no_args_is_help=True, help="The call list.")
app.add_typer(calls, name="calls")

COLUMNS: Final = (
    "call_id", "person", "phone", "campaign", "level", "purpose", "priority", "due_at", "attempts", "last_outcome",
    "held_until",
)  # fmt: skip


@calls.command("list")
def list_calls(
    campaign: Annotated[str | None, typer.Option(help=f"One of {', '.join(CAMPAIGNS)}.")] = None,
    level: Annotated[int | None, typer.Option(min=1, help="1 for F1, 2 for F2.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1_000,
    as_of: AsOf = None,
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """Whom to call now, each person once, the most urgent first; calls that somebody holds say until when."""
    from api.http.call_list import instant, listed  # only this question of the command line needs it

    if format == Format.graphml:
        raise typer.BadParameter("calls are a table; use csv, json or ndjson", param_hint="--format")
    if campaign not in (None, *CAMPAIGNS):
        raise Malformed(f"a campaign is one of {', '.join(CAMPAIGNS)}")
    only = Filter(campaign, level)
    with opened() as truyvet:
        truyvet.policies.catch_up()
        truyvet.registers.catch_up()
        known = position(truyvet, as_of)
        at = instant(truyvet, as_of, known or 0)
        found = (
            truyvet.registers.calls.due(at, limit, only)
            if known is None
            else truyvet.calls.due_as_of(known, at, only)[:limit]
        )
        write(listed(truyvet, found, at), COLUMNS, format, "calls")
