"""The process that runs `postgres`: started by the first who needs it, gone when nobody does.

It knows that others are attached by the lock they share, and takes that lock for itself before it ends: whoever comes
in that moment waits until it is gone, and starts the next owner.
"""

import fcntl
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from infrastructure.postgres.binaries import PostgresUnavailable
from infrastructure.postgres.family import adopt_orphans, end_orphans
from infrastructure.postgres.places import Address, Home, locked
from infrastructure.postgres.reach import within_reach
from infrastructure.postgres.request import READY, Answer, Request
from infrastructure.postgres.server import Server

_LOOK_AROUND = 0.2  # seconds between two looks whether anybody is attached


class AskedToEnd(Exception):
    """SIGTERM or SIGINT has come."""


class Signals:
    """Waiting that a signal cuts short: one for the end of a child, and those that ask us to end."""

    def __init__(self) -> None:
        self._asked = False
        self._awake, alarm = os.pipe()
        for end in (self._awake, alarm):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def pause(self, seconds: float) -> None:
        """Sleep until a signal comes, or for `seconds`. Raises AskedToEnd."""
        select.select([self._awake], [], [], 0 if self._asked else seconds)
        with suppress(BlockingIOError):
            os.read(self._awake, 512)
        if self._asked:
            raise AskedToEnd

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def main() -> None:
    """Serve until nobody is attached any more, or SIGTERM or SIGINT comes."""
    request = Request.parse(sys.argv[1])
    os.set_inheritable(request.owner_lock, False)
    answer = _detach()
    try:
        _own(request, answer)
    except AskedToEnd:
        pass
    except PostgresUnavailable as refusal:
        answer.give(refusal.reason)
    except OSError as error:
        answer.give(f"The local server cannot be set up: {error}")
        raise  # into the log


def _detach() -> Answer:
    if os.fork():
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    answer = Answer(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answer


def _own(request: Request, answer: Answer) -> None:
    signals = Signals()
    adopt_orphans()
    home = Home(Path(request.home))
    home.withdraw()  # what an owner that was killed left there
    server = _server(home, request, signals)
    try:
        server.make()
        _serve(server, home, request.grace, signals, answer)
    finally:
        home.withdraw()
        server.stop()
        with suppress(OSError):
            server.sockets.rmdir()


def _server(home: Home, request: Request, signals: Signals) -> Server:
    account = home.account()
    ground = home.ground(account)
    binaries = within_reach(Path(request.binaries), account, ground)
    return Server(binaries, ground, home.sockets(account), account, home.log, request.settings, signals.pause)


def _serve(server: Server, home: Home, grace: float, signals: Signals, answer: Answer) -> None:
    clients = home.open_lock("clients")
    needed = True
    while needed:
        server.start()
        home.publish(Address(str(server.sockets), server.account.name))
        answer.give(READY)
        needed = _died_in_use(server, clients, grace, signals)
        home.withdraw()
        if needed:
            end_orphans()


def _died_in_use(server: Server, clients: int, grace: float, signals: Signals) -> bool:
    """Waits until `postgres` has died with somebody attached, or until nobody has been attached for `grace` seconds.

    In the second case the clients' lock stays with us until we end.
    """
    seen = time.monotonic()
    while server.is_running:
        if not locked(clients, fcntl.LOCK_EX):
            seen = time.monotonic()
        elif time.monotonic() - seen >= grace:
            return False
        else:
            fcntl.flock(clients, fcntl.LOCK_UN)
        signals.pause(_LOOK_AROUND)
    return not locked(clients, fcntl.LOCK_EX)


if __name__ == "__main__":
    main()
