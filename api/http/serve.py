"""The process that answers HTTP: one, or several that share a socket."""

import gc
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from types import FrameType
from typing import Any, Final, NoReturn

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from api.app import Truyvet, open_truyvet
from api.http import create_app, opened_app
from api.http.problems import problem
from domain.errors import Malformed, Refused, TimedOut, Unavailable
from infrastructure.admin_key import admin_key_file
from infrastructure.graph import warm_up
from infrastructure.postgres.family import die_with_parent
from infrastructure.reading import Undecodable
from infrastructure.settings import Settings

_GRACE_SECONDS: Final = 5
"""What is still being answered when the end is asked for may take this long."""

_encode: Final = json.JSONEncoder(ensure_ascii=False, default=repr).encode

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)
_LOOK_AGAIN_SECONDS: Final = 0.05
_SWITCH_SECONDS: Final = 0.002
_ALLOCATIONS: Final = 20_000
"""Objects made between two looks of the collector; a request makes few circles."""
_WARM_UP_SECONDS: Final = 5.0
"""What is compiled already is there sooner; nobody waits longer for what is not."""
_CATCH_UP_SECONDS: Final = 5.0
"""Lists that are far behind, after a large import, go on while questions are answered."""
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> None:
    """Answer HTTP until SIGTERM or SIGINT; port 0 takes a free one.

    Raises Refused for a host that is not this machine's own, Malformed for a port or number of workers that is none,
    and Unavailable when the port is taken or the database cannot be opened.
    """
    _refuse_outside(host)
    if workers < 1:
        raise Malformed("the number of workers is at least 1")
    with _ending_at_once(), _listening(host, port) as listener:
        _log_to_stderr()
        _announce(listener)
        if workers == 1:
            with following(settings) as truyvet:
                _have_an_admin_key(truyvet)
                uvicorn.Server(_config(LoopbackOnly(create_app(truyvet)))).run([listener])
        else:
            _run_workers(settings, _divided(listener), workers)


@contextmanager
def following(settings: Settings) -> Iterator[Truyvet]:
    """Everything, with the views at the end of the log and kept there.

    Registers that cannot get there soon are no reason not to answer what the log and the graph know: `ready` says it.
    """
    warming_up = threading.Thread(target=_warm_up, name="warm-up", daemon=True)
    warming_up.start()
    with open_truyvet(settings) as truyvet:
        with _ending_at_once():
            truyvet.graph.catch_up()
            with suppress(TimedOut, Undecodable):
                truyvet.registers.catch_up(_CATCH_UP_SECONDS)
            warming_up.join(_WARM_UP_SECONDS)
        truyvet.graph.start()
        truyvet.registers.start()
        truyvet.policies.start()
        truyvet.deliveries.start()
        _answer_before_all_else()
        yield truyvet


def _answer_before_all_else() -> None:
    """Requests wait neither for the collector to look through what is here to stay, nor long for other threads."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    sys.setswitchinterval(_SWITCH_SECONDS)


def _have_an_admin_key(truyvet: Truyvet) -> None:
    path = admin_key_file(truyvet.access_keys, truyvet.registers, truyvet.settings.data_dir)
    if path is not None:
        print(f"an admin's access key is in {path}", file=sys.stderr, flush=True)  # noqa: T201 # for whoever started it


def _warm_up() -> None:
    """Compiling may take a minute the first time; until it is done NumPy answers the same."""
    try:
        warm_up()
    except Exception as error:  # whatever numba stumbles over, there is another way to answer
        structlog.get_logger(__name__).warning("traces run without the compiled kernel", error=type(error).__name__)


def worker() -> ASGIApp:
    """What each of several processes serves, as long as the first one lives; the environment says on which database."""
    die_with_parent(signal.SIGTERM)
    _log_to_stderr()
    return LoopbackOnly(opened_app(lambda: following(Settings())))


def _run_workers(settings: Settings, listener: socket.socket, workers: int) -> None:
    """Opened here first: what is wrong is said once, the schema is brought up to date once."""
    with open_truyvet(settings) as truyvet:
        _have_an_admin_key(truyvet)
        os.environ |= _environment(settings)
        config = _config("api.http.serve:worker", factory=True, workers=workers)
        supervisor = Multiprocess(config, sockets=[listener])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise Unavailable("a worker could not start")


def _environment(settings: Settings) -> dict[str, str]:
    values = settings.model_dump(mode="json", exclude_none=True)
    return {f"TRUYVET_{name.upper()}": str(value) for name, value in values.items()}


def _config(app: ASGIApp | str, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    """Without uvicorn's own log: its access log has query strings, the rest is said here."""
    return uvicorn.Config(
        app,
        factory=factory,
        workers=workers,
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _refuse_outside(host: str) -> None:
    if host != "localhost" and not _is_loopback(host):
        raise Refused("only this machine is served: the host must be 127.0.0.1, ::1 or localhost")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not 0 <= port < 2**16:
        raise Malformed("a port is 0 to 65535")
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Unavailable(f"cannot listen on {host} port {port}: {error.strerror}") from error
        listener.set_inheritable(True)
        yield listener


class _Divided(socket.socket):
    """A port on which each process that is given this listens for itself.

    Of a socket that they share, whoever wakes first takes all connections that are waiting.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _listener_of_its_own, (self.family, self.getsockname())


def _divided(listener: socket.socket) -> socket.socket:
    """The port of a listener, which has made sure that nobody else has it."""
    family, address = listener.family, listener.getsockname()
    listener.close()
    return _listener_of_its_own(family, address)


def _listener_of_its_own(family: int, address: Any) -> _Divided:
    own = _Divided(family, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(address)
    return own


def _announce(listener: socket.socket) -> None:
    """Say so on stderr as soon as somebody answers: the socket takes connections from then on."""
    threading.Thread(target=_say_when_ready, args=(listener.getsockname(),), daemon=True).start()


def _say_when_ready(address: tuple[str, int]) -> None:
    host, port = address[:2]
    while not _connects(host, port):
        time.sleep(_LOOK_AGAIN_SECONDS)
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on http://{shown}:{port}", file=sys.stderr, flush=True)  # noqa: T201 # for whoever started it


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def _ending_at_once() -> Iterator[None]:
    """SIGTERM and SIGINT end the process with 0, also before uvicorn listens to them and when it passes them on."""
    before = {sig: signal.signal(sig, _end) for sig in _ENDINGS}
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


def _end(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(lambda event, **_: _encode(event)),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class LoopbackOnly:
    """Keeps web pages out: requests under a name of their own, and changes that a page of another host asks for."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope["method"], Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)


def _refusal(method: str, headers: Headers) -> Response | None:
    host = headers.get("host", "")
    if not _names_this_machine(host):
        return problem(421, "this server answers for 127.0.0.1, [::1] and localhost only")
    origins = [origin.partition("://")[2] for origin in headers.getlist("origin")]
    if method not in _SAFE_METHODS and any(origin != host for origin in origins):
        return problem(403, "a page of another host changes nothing here")
    return None


@lru_cache(maxsize=64)
def _names_this_machine(host: str) -> bool:
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return name == "localhost" or _is_loopback(name)
