"""Whether the process lives, and whether it can answer."""

import asyncio
import time
from typing import Literal

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.app import Truyvet
from api.http.given import App
from api.http.problems import OUTAGES, problem, problems
from api.http.words import Answer
from infrastructure.graph import kernel

router = APIRouter(prefix="/v1/health", tags=["health"])

DATABASE_SECONDS = 3.0
"""The log is away when it does not answer within this time."""

ERROR_SECONDS = 3.0
"""A view that fails for longer is no passing trouble."""

_LOOK_AGAIN_SECONDS = 0.1


class Live(Answer):
    status: Literal["live"] = "live"


class Projection(Answer):
    name: str
    position: int
    error: str | None


class Ready(Answer):
    """`position` is that of the log; a projection may be behind it."""

    status: Literal["ready"] = "ready"
    position: int
    projections: list[Projection]
    compiled: bool = Field(description="Whether traces run in compiled loops by now; the answers are the same")
    refused: dict[str, int] = Field(description="Requests of each kind that this process sent away, having too many")


@router.get("/live", responses=problems())
async def live() -> Live:
    return Live()


@router.get("/ready", response_model=Ready, responses=problems())
async def ready(truyvet: App, request: Request) -> Ready | Response:
    """The position of the log and of each projection; 503 when the database is away or a projection keeps failing."""
    head = await _head(truyvet)
    if head is not None:
        await _recovered(truyvet)
    projections = _projections(truyvet)
    told = {"projections": [projection.model_dump() for projection in projections]}
    if head is None:
        return problem(503, "the database cannot be reached now", more=told)
    if any(projection.error is not None for projection in projections):
        return problem(503, "a projection keeps failing", more=told | {"position": head})
    refused = {kind: turns.refused for kind, turns in request.app.state.turns.items()}
    return Ready(position=head, projections=projections, compiled=kernel.tracer() is not None, refused=refused)


def _projections(truyvet: Truyvet) -> list[Projection]:
    statuses = {
        "visit graph": truyvet.graph.status, "registers": truyvet.registers.status, "policies": truyvet.policies.status,
    }  # fmt: skip
    return [Projection(name=name, position=status.position, error=status.error) for name, status in statuses.items()]


async def _head(truyvet: Truyvet) -> int | None:
    """None when the database does not answer in time; the thread that waits for it ends by the pool's own time-out."""
    with anyio.move_on_after(DATABASE_SECONDS):
        return await to_thread.run_sync(_head_or_none, truyvet, abandon_on_cancel=True)
    return None


def _head_or_none(truyvet: Truyvet) -> int | None:
    try:
        return truyvet.log.head()
    except OUTAGES:
        return None


async def _recovered(truyvet: Truyvet) -> None:
    """Give an error of the moment the time to pass."""
    deadline = time.monotonic() + ERROR_SECONDS
    while any(view.error is not None for view in _projections(truyvet)) and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
