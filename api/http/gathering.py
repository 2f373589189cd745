"""Requests that wait for the same thing do it together: while one batch is being worked on, the next one gathers.

Nothing waits for a batch to fill, so that a single request is as quick as before.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from api.http.problems import OUTAGES

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST: Final = 250
"""In one batch, so that nobody waits long for the others' sake."""


class Gathering(Generic[Asked, Answer]):
    """Calls ``work`` in a thread, once for all that have gathered; its answers are in the order of what was asked."""

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answer]]) -> None:
        self._work = work
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer(batch)
        finally:
            self._running = None

    async def _answer(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await run_in_threadpool(self._work, [asked for asked, _ in batch])
        except Exception as error:  # whatever it is, those who wait must hear of it
            await self._failed(batch, error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():  # nobody waits any more when the client has gone
                future.set_result(answer)

    async def _failed(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]], error: Exception) -> None:
        """An outage is everybody's; what else may be the fault of one, and is no reason to fail the others."""
        if len(batch) > 1 and not isinstance(error, OUTAGES):
            for one in batch:
                await self._answer([one])
            return
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
