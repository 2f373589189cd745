"""Who may do what: all but health and the documentation needs an access key; what the table does not name is refused.

The door (``Access``) asks whose key it is before anything else of a request is read. The table (``RIGHTS``) says which
roles may use a route, and how the place of a request is found, which must be one that the key reaches.
"""

from enum import Enum, auto
from http import HTTPStatus
from typing import Annotated, Final, NamedTuple, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import Truyvet
from api.http.problems import OUTAGES, outage, problem
from application.access_keys import AccessKeys
from application.callers import Caller
from domain.access_keys import ROLES
from domain.errors import Forbidden, Malformed, Unknown

OPEN: Final = ("/openapi.json", "/docs")
OPEN_BELOW: Final = ("/v1/health/", "/docs/assets/")


class Place(Enum):
    """How the place of a request is found; a key that is bound to a venue or an area must reach it."""

    NONE = auto()
    """It has none: no bound key may ask."""
    ANY = auto()
    """It has none that matters: bound keys may ask too."""
    VENUE = auto()
    """``venue_id`` in the path, an id or a code."""
    VISIT = auto()
    """That of the visit ``visit_id`` in the path."""
    UNIT = auto()
    """``unit`` in the query, the code of a commune, district or province."""
    STATED = auto()
    """In the body: the route itself asks ``who.reach(venue)`` or ``who.reach_unit(commune)``."""


class Right(NamedTuple):
    roles: frozenset[str]
    place: Place


def _may(roles: str = "", place: Place = Place.NONE) -> Right:
    """Admins may everything."""
    named = frozenset(roles.split())
    if not named <= frozenset(ROLES):
        raise ValueError(f"no such role: {roles}")
    return Right(named | {"admin"}, place)


RIGHTS: Final[dict[str, Right]] = {
    "POST /v1/venues": _may("gateway", Place.STATED),
    "GET /v1/venues": _may("epidemiologist auditor"),
    "PATCH /v1/venues/{venue_id}": _may("gateway manager", Place.VENUE),
    "POST /v1/venues/{venue_id}/suspension": _may("gateway manager", Place.VENUE),
    "POST /v1/venues/{venue_id}/reactivation": _may("gateway manager", Place.VENUE),
    "POST /v1/venues/{venue_id}/closure": _may("gateway manager", Place.VENUE),
    "GET /v1/venues/{venue_id}": _may("gateway manager epidemiologist auditor", Place.VENUE),
    "GET /v1/venues/{venue_id}/visits": _may("manager epidemiologist auditor", Place.VENUE),
    "GET /v1/venues/{venue_id}/overlaps": _may("epidemiologist auditor", Place.VENUE),
    "GET /v1/venues/{venue_id}/quality": _may("manager epidemiologist auditor", Place.VENUE),
    "POST /v1/venues/{venue_id}/qr-codes": _may("gateway manager", Place.VENUE),
    "GET /v1/venues/{venue_id}/qr-codes": _may("gateway manager auditor", Place.VENUE),
    "POST /v1/venues/{venue_id}/qr-codes/{serial}/end": _may("gateway manager", Place.VENUE),
    "GET /v1/venues/{venue_id}/qr-code": _may("gateway manager", Place.VENUE),
    "GET /v1/venues/{venue_id}/poster": _may("gateway manager", Place.VENUE),
    "POST /v1/qr-codes/reading": _may("gateway guard manager", Place.STATED),
    "GET /v1/qr-codes/signing-keys": _may("gateway guard manager", Place.ANY),  # they are public
    "POST /v1/check-ins": _may("gateway guard manager", Place.STATED),
    "POST /v1/check-outs": _may("gateway guard manager", Place.STATED),
    "POST /v1/venues/{venue_id}/check-outs": _may("gateway guard manager", Place.VENUE),
    "GET /v1/venues/{venue_id}/open-visits": _may("guard manager epidemiologist auditor", Place.VENUE),
    "POST /v1/venues/{venue_id}/guards": _may("manager", Place.VENUE),
    "GET /v1/venues/{venue_id}/guards": _may("manager", Place.VENUE),
    "POST /v1/venues/{venue_id}/guards/{guard_id}/revocation": _may("manager", Place.VENUE),
    "POST /v1/visits/{visit_id}/check-out": _may("gateway guard manager", Place.VISIT),
    "POST /v1/visits/{visit_id}/correction": _may("gateway epidemiologist", Place.VISIT),
    "POST /v1/visits/{visit_id}/retraction": _may("gateway epidemiologist", Place.VISIT),
    "GET /v1/people/{person_id}/visits": _may("epidemiologist auditor"),
    "POST /v1/imports/visits": _may("gateway"),
    "POST /v1/imports/quarantines": _may("gateway"),
    "POST /v1/imports/dispositions": _may("gateway caller"),
    "GET /v1/imports": _may("gateway auditor"),
    "POST /v1/imports/{import_id}/retraction": _may("epidemiologist"),
    "POST /v1/cases": _may("epidemiologist"),
    "GET /v1/cases": _may("epidemiologist auditor"),
    "GET /v1/cases/{case_id}": _may("epidemiologist auditor"),
    "POST /v1/cases/{case_id}/amendment": _may("epidemiologist"),
    "POST /v1/cases/{case_id}/isolation": _may("epidemiologist"),
    "POST /v1/cases/{case_id}/withdrawal": _may("epidemiologist"),
    "POST /v1/cases/{case_id}/closure": _may("epidemiologist"),
    "POST /v1/cases/{case_id}/reopening": _may("epidemiologist"),
    "GET /v1/cases/{case_id}/history": _may("epidemiologist auditor"),
    "GET /v1/cases/{case_id}/difference": _may("epidemiologist auditor"),
    "GET /v1/cases/{case_id}/contacts": _may("epidemiologist auditor"),
    "GET /v1/cases/{case_id}/contacts/{person_id}/evidence": _may("epidemiologist auditor"),
    "GET /v1/cases/{case_id}/contact-graph": _may("epidemiologist auditor"),
    "POST /v1/traces": _may("epidemiologist auditor"),
    "POST /v1/quarantines": _may("gateway epidemiologist"),
    "GET /v1/quarantines": _may("epidemiologist auditor"),
    "GET /v1/quarantines/{quarantine_id}": _may("epidemiologist auditor"),
    "POST /v1/quarantines/{quarantine_id}/extension": _may("gateway epidemiologist"),
    "POST /v1/quarantines/{quarantine_id}/move": _may("gateway epidemiologist"),
    "POST /v1/quarantines/{quarantine_id}/release": _may("gateway epidemiologist"),
    "POST /v1/quarantines/{quarantine_id}/positions": _may("gateway"),
    "GET /v1/alerts": _may("epidemiologist auditor"),
    "POST /v1/alerts/{alert_id}/dismissal": _may("epidemiologist"),
    "GET /v1/outbox": _may("auditor"),
    "POST /v1/sites": _may("epidemiologist"),
    "GET /v1/sites": _may("epidemiologist auditor"),
    "GET /v1/sites/{site_id}": _may("epidemiologist auditor"),
    "PATCH /v1/sites/{site_id}": _may("epidemiologist"),
    "POST /v1/sites/{site_id}/cameras": _may("epidemiologist"),
    "POST /v1/sites/{site_id}/closure": _may("epidemiologist"),
    "POST /v1/declarations": _may("gateway epidemiologist caller"),  # by a caller's key only those by phone
    "GET /v1/declarations/{declaration_id}": _may("epidemiologist auditor"),
    "GET /v1/escalations": _may("epidemiologist auditor"),
    "POST /v1/escalations/{escalation_id}/acknowledgement": _may("epidemiologist"),
    "GET /v1/call-list": _may("epidemiologist auditor caller"),
    "GET /v1/call-list/export": _may("epidemiologist caller"),
    "POST /v1/calls/claim": _may("caller"),
    "GET /v1/calls/{call_id}": _may("epidemiologist auditor caller"),
    "POST /v1/calls/{call_id}/attempts": _may("caller"),
    "POST /v1/calls/{call_id}/return": _may("caller"),
    "GET /v1/call-script": _may("gateway epidemiologist auditor caller", Place.ANY),
    "GET /v1/reports/adoption": _may("epidemiologist auditor", Place.UNIT),
    "GET /v1/reports/sites": _may("epidemiologist auditor", Place.UNIT),
    "GET /v1/reports/campaign": _may("epidemiologist auditor", Place.UNIT),
    "GET /v1/events": _may("auditor"),
    "POST /v1/keys": _may(),
    "GET /v1/keys": _may("auditor"),
    "POST /v1/keys/{key_id}/revocation": _may(),
}
"""Each route, who may use it, and how the place of a request is found."""


class Access:
    """Lets nobody in without a key that is valid now, and notes whose it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            caller = await _caller(scope["app"].state.truyvet.access_keys, Headers(scope=scope))
        except OUTAGES:
            await outage()(scope, receive, send)
            return
        if caller is not None:
            scope.setdefault("state", {})["caller"] = caller
        await (self.app if caller is not None else _unknown_key())(scope, receive, send)


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


async def _caller(keys: AccessKeys, headers: Headers) -> Caller | None:
    given = headers.getlist("authorization")
    scheme, _, text = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        return None
    text = text.strip()
    return keys.recognise(text) or await run_in_threadpool(keys.authenticate, text)


def _unknown_key() -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    return problem(HTTPStatus.UNAUTHORIZED, "send a valid access key: Authorization: Bearer KEY", headers=headers)


async def who(request: Request) -> Caller:
    return cast("Caller", request.state.caller)


Who = Annotated[Caller, Depends(who)]
"""Who asks. A route whose place is STATED asks it ``reach``."""


async def allowed(request: Request) -> None:
    """Raises Forbidden for a role that may not use the route, and Unknown for a place that the key does not reach."""
    who: Caller = request.state.caller
    right = RIGHTS.get(f"{request.method} {request.scope['route'].path}")
    if right is None or who.role not in right.roles:
        raise Forbidden("this key's role may not do that")
    if not who.is_bound:
        return
    match right.place:
        case Place.NONE:
            raise Forbidden("a key that is bound to a place may not do that")
        case Place.VENUE:
            await run_in_threadpool(who.reach, request.path_params["venue_id"])
        case Place.VISIT:
            request.state.visit_id = await run_in_threadpool(
                _reach_visit, who, _truyvet(request), request.path_params["visit_id"]
            )
        case Place.UNIT:
            who.reach_unit(request.query_params.get("unit", ""))
        case Place.STATED | Place.ANY:
            pass


def _reach_visit(who: Caller, truyvet: Truyvet, name: str) -> str:
    """The visit's id. One elsewhere is answered like one that is not there."""
    try:
        visit = truyvet.visibility.visit(name) if who.is_at_a_door else truyvet.visits.get(name)
        who.reach(visit.venue)
    except (Unknown, Malformed):
        raise Unknown("there is no visit with that id") from None
    return str(visit.visit_id)


def true_visit_id(request: Request, name: str) -> str:
    """The id of the visit that the path names, perhaps by its alias."""
    return cast("str", getattr(request.state, "visit_id", name))


def _truyvet(request: Request) -> Truyvet:
    return cast("Truyvet", request.app.state.truyvet)
