"""Routes for the rush hour: documented by their signature like all others, but they read their requests themselves.

Solving a route's dependencies costs FastAPI more than all else that a check-in takes. What comes in is held to the same
models, and what is wrong with it is answered the same.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast, get_args

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from api.http.given import Once, admitted, once_of
from api.http.words import Body

Read = Callable[[Request, Once], Awaitable[Any]]


class RushRoute(APIRoute):
    """Its endpoint takes the Request, a Once, one Body, and what its path names; it answers with a Response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        parameters = inspect.signature(endpoint).parameters.values()
        read = {parameter.name: _reader(parameter) for parameter in parameters}

        async def handle(request: Request) -> Response:
            await admitted(request)
            once = await once_of(request, request.headers.get("idempotency-key"))
            return await endpoint(**{name: await reader(request, once) for name, reader in read.items()})

        return handle


def _reader(parameter: inspect.Parameter) -> Read:
    kind, *_ = get_args(parameter.annotation) or (parameter.annotation,)
    if kind is Request:
        return _request
    if kind is Once:
        return _once
    if isinstance(kind, type) and issubclass(kind, Body):
        return _body(kind, parameter.default)
    return _path(parameter.name, TypeAdapter(parameter.annotation))


async def _request(request: Request, _: Once) -> Request:
    return request


async def _once(_: Request, once: Once) -> Once:
    return once


def _body(kind: type[Body], default: Any) -> Read:
    async def read(request: Request, once: Once) -> Body:
        if not once.body and default is not inspect.Parameter.empty:
            return cast("Body", default)
        if not _is_json(request.headers.get("content-type", "")):
            raise RequestValidationError([{"loc": ("body",), "input": once.body, "type": "media_type", "msg": ""}])
        body: Body = _validated("body", lambda: kind.model_validate_json(once.body or b"null"))
        return body

    return read


def _is_json(media_type: str) -> bool:
    """A body of no said kind is JSON."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind in ("", "application/json") or (kind.startswith("application/") and kind.endswith("+json"))


def _path(name: str, adapter: TypeAdapter[Any]) -> Read:
    async def read(request: Request, _: Once) -> Any:
        return _validated("path", lambda: adapter.validate_python(request.path_params[name]), name)

    return read


def _validated(place: str, read: Callable[[], Any], *names: str) -> Any:
    try:
        return read()
    except ValidationError as error:
        errors = [one | {"loc": (place, *names, *one["loc"])} for one in error.errors()]
        raise RequestValidationError(errors) from error
