"""Errors as RFC 9457 problems: one table maps them to statuses, one function writes them."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from application.log import Raced
from domain.errors import (
    AlteredCode,
    Conflict,
    EndedCode,
    Forbidden,
    ForeignCode,
    ForgedCode,
    Malformed,
    Refused,
    TimedOut,
    TruyvetError,
    Unavailable,
    Unknown,
)
from infrastructure.lines import Unreadable

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final[dict[type[TruyvetError], HTTPStatus]] = {
    Malformed: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    Forbidden: HTTPStatus.FORBIDDEN,
    Unknown: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

TYPES: Final[dict[type[TruyvetError], dict[str, str]]] = {
    ForeignCode: {"type": "urn:truyvet:problem:code-foreign", "title": "Foreign QR code"},
    AlteredCode: {"type": "urn:truyvet:problem:code-altered", "title": "Altered QR code"},
    ForgedCode: {"type": "urn:truyvet:problem:code-forged", "title": "Forged QR code"},
    EndedCode: {"type": "urn:truyvet:problem:code-ended", "title": "Ended QR code"},
}
"""What programs must tell apart by more than the status; every other problem is about:blank."""

OUTAGES: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, Raced)
"""What PostgreSQL and its pool raise while the database is away or too busy; PoolTimeout is one of them."""

RETRY_AFTER_SECONDS: Final = 2

_MOST_ERRORS = 20
_TITLES: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
_AT_A_POSITION = " at that position"


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, more: Mapping[str, Any] | None = None
) -> Response:
    """A problem; ``more`` are its further members."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail} | dict(more or {})
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    # ASCII, as what is repeated from a request need not be encodable
    return Response(json.dumps(content), status, {**retry, **(headers or {})}, MEDIA_TYPE)


def handle_problems(app: FastAPI) -> None:
    for kind in STATUSES:
        app.add_exception_handler(kind, _refused)
    for outage in OUTAGES:
        app.add_exception_handler(outage, _outage)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of a route, for the OpenAPI document; any route may answer 422, 500 and 503."""
    return {status: documented(status) for status in sorted({*statuses, 422, 500, 503})}


def documented(status: int) -> dict[str, Any]:
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    example = {"type": "about:blank", "title": title, "status": status, "detail": _EXAMPLES[status]}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    documented = {"description": title, "content": content}
    return documented | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}},
}

SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One clear line."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"in": {"type": "string"}, "field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

_EXAMPLES: Final = {
    400: "the body is no JSON",
    401: "send a valid access key: Authorization: Bearer KEY",
    403: "this key's role may not do that",
    404: "there is no case with that id",
    409: "that id belongs to another case already",
    413: "a JSON body has at most 1 MB",
    415: "send the body as application/json",
    422: "body.at: the time carries no offset; write it like 2021-08-30T09:00:00+07:00",
    500: "something went wrong here; the request id finds it in the log",
    503: "the database cannot be reached now; try again",
    504: "the view is at position 17, 18 was waited for",
}


async def _refused(_: Request, error: Exception) -> Response:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    more = next((more for kind, more in TYPES.items() if isinstance(error, kind)), None)
    return problem(status, str(error).removesuffix(_AT_A_POSITION), more=more)


async def _outage(_: Request, __: Exception) -> Response:
    return outage()


def outage() -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, _EXAMPLES[503])


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 # it is registered for this class only
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return problem(HTTPStatus.BAD_REQUEST, _EXAMPLES[400])
    if found[0]["loc"] == ("body",) and isinstance(found[0].get("input"), bytes):
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _EXAMPLES[415])
    errors = [_told(one) for one in found[:_MOST_ERRORS]]
    first = errors[0]
    place = ".".join(part for part in (first["in"], first["field"]) if part)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{place}: {first['detail']}", more={"errors": errors})


def _told(error: Mapping[str, Any]) -> dict[str, str]:
    """Where it is and what is wrong, without the input, which may be personal."""
    place: Sequence[Any] = error["loc"]
    return {"in": str(place[0]), "field": ".".join(map(str, place[1:])), "detail": error["msg"]}


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path or method, a body that cannot be read."""
    assert isinstance(error, HTTPException)  # noqa: S101 # it is registered for this class only
    headers = dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return problem(404, "there is nothing at this path")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(sorted(_methods(request) | set(headers.get("Allow", "GET").split(", "))))
            return problem(405, f"this path takes {headers['Allow']}", headers=headers)
        case HTTPStatus.BAD_REQUEST:
            return problem(400, _EXAMPLES[400], headers=headers)
        case status:
            return problem(status, str(error.detail), headers=headers)


def _methods(request: Request) -> set[str]:
    """Everything that may be done at this path, whichever route does it; one that stands there as it is goes first."""
    paths, path = request.app.openapi()["paths"], request.url.path
    alike = [path] if path in paths else [known for known in paths if compile_path(known)[0].match(path)]
    return {method.upper() for known in alike for method in paths[known]}
