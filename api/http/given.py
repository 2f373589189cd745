"""What routes are given: the application, who records, and writes that are answered once."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Header, Request

from api.app import Truyvet
from api.http.access import allowed
from application.callers import Caller
from application.log import Recorded
from application.provenance import Answered, Provenance, Repeated
from application.provenance import Request as KeyedRequest
from domain.errors import Conflict, Malformed, TruyvetError


async def _truyvet(request: Request) -> Truyvet:
    """As the caller may see it: people are named only to those who may know them."""
    caller: Caller | None = getattr(request.state, "caller", None)
    sees_identities = caller is not None and caller.sees_identities
    return cast("Truyvet", request.app.state.truyvet if sees_identities else request.app.state.unnamed)


async def _by(request: Request) -> Provenance:
    """Marked as a request, so that nobody's X-Request-Id makes a fact part of an import."""
    caller: Caller = request.state.caller
    return Provenance(actor=caller.actor, correlation=f"request:{request.state.request_id}")


_IDEMPOTENCY_KEY: Final = r"^[ -~]{1,128}$"

App = Annotated[Truyvet, Depends(_truyvet)]
By = Annotated[Provenance, Depends(_by)]


@dataclass(frozen=True, slots=True)
class Once:
    """A write, answered once for each Idempotency-Key; without one it is simply done."""

    truyvet: Truyvet
    who: Caller
    by: Provenance
    key: bytes | None
    """The hash of actor, route, path and Idempotency-Key."""
    place: str
    """Method and path."""
    body: bytes

    @property
    def provenance(self) -> Provenance:
        """Whose request it is, for commands that look the request up themselves."""
        return self.by if self.key is None else replace(self.by, request=self._request(self.key))

    def record(
        self, command: Callable[[Provenance], Recorded], id_of: Callable[[str], Any] = str, *, in_parts: bool = False
    ) -> Recorded:
        """What the command answers, or what it answered before to the same request.

        One that appends ``in_parts`` finds by itself what it did before; its answer is noted when all is done.
        Raises Conflict for the key of another request.
        """
        if self.key is None:
            return command(self.by)
        request = self._request(self.key)
        answered = self.truyvet.log.answered(request) or self._run(command, request, in_parts)
        if answered.fingerprint != request.fingerprint:
            raise Conflict("that Idempotency-Key came with another request before")
        return Recorded(id_of(str(answered.id)), answered.position)

    def _request(self, key: bytes) -> KeyedRequest:
        return KeyedRequest(key, self.truyvet.vault.fingerprint(f"{self.place}\n{_canonical(self.body)}".encode()))

    def _run(self, command: Callable[[Provenance], Recorded], request: KeyedRequest, in_parts: bool) -> Answered:
        try:
            recorded = command(self.by if in_parts else replace(self.by, request=request))
        except Repeated as repeated:  # the same request was being answered at the same time
            return repeated.answered
        except TruyvetError:  # also when it was answered just before the command looked
            answered = self.truyvet.log.answered(request)
            if answered is None:
                raise
            return answered
        return self.truyvet.log.note(request, str(recorded.id), recorded.position)


def _canonical(body: bytes) -> str:
    """What a body says, however it is spaced and ordered; no body is an empty one."""
    return json.dumps(json.loads(body or b"{}"), sort_keys=True)


async def once_of(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=_IDEMPOTENCY_KEY,
            description="The same again, with the same key, gives the same answer and records nothing, whatever "
            "happened since; another body with it 409",
        ),
    ] = None,
) -> Once:
    """Raises Malformed for a key that is none."""
    if idempotency_key is not None and not re.fullmatch(_IDEMPOTENCY_KEY, idempotency_key):
        raise Malformed("an Idempotency-Key has 1 to 128 printable ASCII characters")
    truyvet, by, path = await _truyvet(request), await _by(request), request.scope["path"]
    key = None
    if idempotency_key is not None:
        parts = (by.actor, request.scope["route"].path, path, idempotency_key)
        key = blake2b(json.dumps(parts).encode(), digest_size=32).digest()
    return Once(truyvet, request.state.caller, by, key, f"{request.method} {path}", await request.body())


async def admitted(request: Request) -> None:
    """What every route but health asks first. Raises Forbidden, Unknown or Malformed."""
    await allowed(request)
    await only_known_parameters(request)


async def only_known_parameters(request: Request) -> None:
    """What the OpenAPI document does not name is refused: a misspelt minimum must not be a silent default."""
    if not request.scope["query_string"]:
        return
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


Writing = Annotated[Once, Depends(once_of)]
