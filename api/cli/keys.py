"""``truyvet keys …``: access keys, for HTTP."""

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import typer

from api.app import Truyvet
from api.cli.output import write, write_line
from api.cli.root import Format, app, opened
from domain.access_keys import ROLES
from domain.times import parse_instant
from infrastructure.registers import AccessKeyRow
from infrastructure.registers.access_keys import AccessKeyRegister

keys = typer.Typer(no_args_is_help=True, help="Access keys: who may ask what over HTTP.")
app.add_typer(keys, name="keys")

COLUMNS = (
    "key_id", "role", "venue_id", "area", "valid_from", "expires_at", "label", "person", "created_at", "created_by",
    "revoked_at",
)  # fmt: skip


@keys.command()
def create(
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")],
    venue: Annotated[str | None, typer.Option(help="Bound to this venue, by its id or code.")] = None,
    area: Annotated[str | None, typer.Option(metavar="CODE", help="Bound to a commune, district or province.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="Never when left out.")] = None,
    label: Annotated[str | None, typer.Option(help="What it is for; nothing personal.")] = None,
    person: Annotated[str | None, typer.Option(help="Whose it is, where that is one person.")] = None,
    only_key: Annotated[bool, typer.Option("--only-key", help="Print the key and nothing else.")] = False,
) -> None:
    """Create a key. It is printed here, once, and kept nowhere."""
    expires_at = None if expires is None else parse_instant(expires)
    with opened(as_of_now=False) as truyvet:
        recorded, text = truyvet.access_keys.create(
            role, venue=venue, area=area, expires_at=expires_at, label=label, person=person
        )
    if only_key:
        print(text)  # noqa: T201 # the result
    else:
        write_line({"key_id": str(recorded.id), "key": str(text), "role": role, "position": recorded.position})


@keys.command("list")
def list_keys(
    format: Annotated[Format, typer.Option()] = Format.table,  # noqa: A002 # the option's name
) -> None:
    """Every key that was ever created; the keys themselves are kept nowhere."""
    if format == Format.graphml:
        raise typer.BadParameter("keys are a table; use csv, json or ndjson", param_hint="--format")
    with opened(as_of_now=False) as truyvet:
        truyvet.registers.catch_up()
        rows = _rows(truyvet)
    write(rows, COLUMNS, format, "access keys")


@keys.command()
def revoke(key_id: Annotated[UUID, typer.Argument()]) -> None:
    """Let a key open nothing any more, within a second."""
    with opened(as_of_now=False) as truyvet:
        recorded = truyvet.access_keys.revoke(key_id)
    write_line({"key_id": str(key_id), "position": recorded.position})


def _rows(truyvet: Truyvet) -> list[dict[str, Any]]:
    rows = list(_all(truyvet.registers.access_keys))
    people = truyvet.people.identities({row.person_id for row in rows if row.person_id is not None})
    return [row.as_dict(people.get(row.person_id) if row.person_id else None) for row in rows]


def _all(register: AccessKeyRegister) -> Iterator[AccessKeyRow]:
    after = 0
    while rows := register.page(after):
        yield from rows
        after = rows[-1].position
