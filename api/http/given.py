"""What routes are given: the application, who records, and an id that follows from an Idempotency-Key."""

from typing import Annotated, Any, Final, cast
from uuid import UUID, uuid5

from fastapi import Depends, Header, Request

from api.app import Truyvet
from application.provenance import Provenance
from domain.errors import Malformed

_KEYS: Final = UUID("5f3d2d0e-4f0a-5d5e-9f55-2f1c6f0c8b61")
"""The namespace of ids that follow from idempotency keys; any fixed UUID."""

ACTOR: Final = "local"


async def _truyvet(request: Request) -> Truyvet:
    return cast("Truyvet", request.app.state.truyvet)


async def _by(request: Request) -> Provenance:
    """Marked as a request, so that nobody's X-Request-Id makes a fact part of an import."""
    return Provenance(actor=ACTOR, correlation=f"request:{request.state.request_id}")


async def _key_id(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[ -~]{1,128}$",
            description="The same again, with the same key, gives the same answer; another body with it 409",
        ),
    ] = None,
) -> UUID | None:
    """The id of what this request creates, the same for the same key, route and actor."""
    if idempotency_key is None:
        return None
    return uuid5(_KEYS, "\n".join((ACTOR, request.scope["route"].path, idempotency_key)))


async def only_known_parameters(request: Request) -> None:
    """What the OpenAPI document does not name is refused: a misspelt minimum must not be a silent default."""
    documented: dict[str, Any] = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    operation = documented.get(request.method.lower(), {})
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = sorted(set(given) - known)
    if unknown:
        raise Malformed(
            f"there is no query parameter {unknown[0]!a}; this path takes {', '.join(sorted(known)) or 'none'}"
        )
    if len(given) != len(set(given)):
        raise Malformed("a query parameter is given once")


App = Annotated[Truyvet, Depends(_truyvet)]
By = Annotated[Provenance, Depends(_by)]
KeyId = Annotated[UUID | None, Depends(_key_id)]


async def _key_name(key_id: KeyId) -> str | None:
    return None if key_id is None else key_id.hex


KeyName = Annotated[str | None, Depends(_key_name)]
