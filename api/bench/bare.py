"""What one would write first: FastAPI, psycopg, one INSERT and one commit for each check-in; `door` runs against it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid4

from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

CONNINFO = "TRUYVET_BENCH_CONNINFO"

CREATE = """
CREATE TABLE IF NOT EXISTS check_ins (
    visit_id uuid PRIMARY KEY, venue text NOT NULL, person text NOT NULL, at timestamptz NOT NULL
)
"""
INSERT = "INSERT INTO check_ins (visit_id, venue, person, at) VALUES (%s, %s, %s, %s)"


class CheckIn(BaseModel):
    venue: str
    person: str
    at: datetime


class Recorded(BaseModel):
    visit_id: UUID


def application() -> FastAPI:
    pool = AsyncConnectionPool(os.environ[CONNINFO], min_size=4, max_size=20, open=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            async with pool.connection() as connection:
                await connection.execute(CREATE)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/check-ins", status_code=201)
    async def check_in(visit: CheckIn) -> Recorded:
        visit_id = uuid4()
        async with pool.connection() as connection:
            await connection.execute(INSERT, [visit_id, visit.venue, visit.person, visit.at])
        return Recorded(visit_id=visit_id)

    return app
