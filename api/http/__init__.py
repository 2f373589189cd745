"""HTTP: what can be asked and recorded, for other programs. The contract's section HTTP, under ``/v1``.

access.py     who may do what                   words.py     how names, times and numbers are written
given.py      what routes are given
problems.py   errors                            lists.py     positions, pages and streams
live.py       lists that are followed live
requests.py   around every request              docs.py      the OpenAPI document and its page
turns.py      how many are worked on at once
gathering.py  requests that are answered together
rush.py       routes that read requests themselves
serve.py      the process
"""

import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from types import FrameType
from typing import Final

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI

from api.app import Truyvet
from api.http import (
    alerts,
    call_exports,
    call_list,
    call_script,
    calls,
    case_history,
    cases,
    declarations,
    escalations,
    events,
    guards,
    health,
    imports,
    keys,
    people,
    qr_codes,
    quality,
    quarantines,
    reports,
    scans,
    sites,
    traces,
    venues,
    visits,
)
from api.http.access import Access
from api.http.docs import document
from api.http.gathering import Gathering
from api.http.given import admitted, only_known_parameters
from api.http.problems import handle_problems
from api.http.requests import Requests
from api.http.turns import TakingTurns, all_turns

__all__ = ["create_app", "opened_app"]

_ROUTERS: Final = (
    scans.rush, scans.router, venues.router, guards.router, quality.router, qr_codes.router, visits.router,
    people.router, imports.router, cases.router, case_history.router, traces.router, quarantines.router, alerts.router,
    sites.router,
    reports.router, events.router,
    keys.router, declarations.router, escalations.router, call_script.router, call_list.router, call_exports.router,
    calls.router,
)  # fmt: skip


def create_app(truyvet: Truyvet) -> FastAPI:
    """The application on what is open already."""
    return opened_app(lambda: nullcontext(truyvet))


def opened_app(opened: Callable[[], AbstractContextManager[Truyvet]]) -> FastAPI:
    """The application on what its lifespan opens and closes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with opened() as truyvet, _told_of_the_end(app.state.stopping):
            app.state.truyvet = truyvet
            app.state.unnamed = truyvet.unnamed()
            app.state.door = Gathering(truyvet.scans.record)
            app.state.turns = all_turns(truyvet.settings.questions_at_once)
            app.openapi()  # now, and not while the first request waits
            yield

    app = FastAPI(
        title="truyvet",
        version="1",
        description="Contact tracing on an event log: who overlapped, who is F1, who is F2, and what was known when.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # a body of no said kind is JSON
    )
    app.state.stopping = threading.Event()
    app.state.imports = CapacityLimiter(imports.AT_ONCE)
    for router in _ROUTERS:
        app.include_router(router, dependencies=[Depends(admitted)])
    app.include_router(health.router, dependencies=[Depends(only_known_parameters)])
    handle_problems(app)
    document(app)
    app.add_middleware(Access)
    app.add_middleware(TakingTurns)
    app.add_middleware(Requests)
    return app


@contextmanager
def _told_of_the_end(stopping: threading.Event) -> Iterator[None]:
    """Set ``stopping`` when the server is told to end, before it waits for what is still open: the live streams."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM)}

    def told(number: int, frame: FrameType | None) -> None:
        stopping.set()
        following = before[signal.Signals(number)]
        if callable(following):
            following(number, frame)

    for sig in before:
        signal.signal(sig, told)
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
