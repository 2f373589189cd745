"""Polars with two threads: the stays twice, by venue and by person; what one person or venue has is a slice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from api.bench.alternatives import THREADS
from api.bench.questions import MIN_SECONDS, Asked, AskedAt, Found, Met, found, met
from api.bench.stays import StayColumns

os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))  # it is read when polars comes in

import numpy as np
import polars as pl
from polars import col

_START = pl.max_horizontal("start", "start_there").alias("begin")
_STOP = pl.min_horizontal("stop", "stop_there").alias("end")
_COUNTS = (
    col("begin").min().alias("exposed_at"),
    pl.len().alias("encounters"),
    (col("end") - col("begin")).cast(pl.Int64).sum().alias("seconds"),
)
_VIA = col("person").unique().alias("via")
_MEETING = (col("start") < col("stop_there"), col("stop") > col("start_there"))
_NEVER = 2**31 - 1


class Polars:
    name = "polars"

    def __init__(self, stays: StayColumns) -> None:
        self.by_venue = pl.DataFrame(stays._asdict()).with_columns(col("venue").set_sorted())
        self.by_person = self.by_venue.sort("person", "start")

    def trace(self, asked: Asked) -> tuple[pl.DataFrame, pl.DataFrame]:
        """F1 and F2; person is the infector's, person_there the contact's."""
        own = _slice(self.by_person, "person", asked.person).lazy()
        x0 = own.filter(col("stop") > asked.start, col("start") < asked.end).with_columns(
            col("start").clip(lower_bound=asked.start), col("stop").clip(upper_bound=asked.end)
        )
        sure = col("observed") & col("observed_there")
        first = self._meetings(x0, asked, asked.end).group_by("person_there")
        surely = col("begin").filter(sure).min().alias("surely")
        f1 = first.agg(*_COUNTS, sure.any().alias("certain"), _VIA, surely).collect()
        x1 = self._stays_from_exposure(f1, asked.until)
        still = self._meetings(x1, asked, asked.until).join(f1.lazy(), on="person_there", how="anti")
        long = pl.min_horizontal("stop", "stop_there").cast(pl.Int64) - pl.max_horizontal("surely", "start_there")
        second = still.group_by("person_there")
        f2 = second.agg(
            *_COUNTS,
            (col("observed_there") & (long >= MIN_SECONDS)).any().alias("certain"),
            _VIA,
        )
        return f1, f2.collect()

    def found(self, answer: tuple[pl.DataFrame, pl.DataFrame]) -> Found:
        names = ("exposed_at", "encounters", "seconds", "certain", "via")
        every = pl.concat([
            level.select("person_there", pl.lit(number).alias("level"), *names)
            for number, level in enumerate(answer, start=1)
        ])  # fmt: skip
        pairs = every.select("person_there", "via").explode("via").to_numpy().astype(np.uint64)
        columns = [every[name].to_numpy() for name in ("person_there", "level", *names[:-1])]
        return found(columns, pairs[:, 0] << np.uint64(32) | pairs[:, 1])

    def overlaps(self, asked: AskedAt) -> pl.DataFrame:
        there = (
            _slice(self.by_venue, "venue", asked.venue)
            .filter(col("start") < asked.end, col("stop") > asked.start)
            .with_columns(col("start").clip(lower_bound=asked.start), col("stop").clip(upper_bound=asked.end))
        )
        if asked.person is not None:
            mine = there.filter(col("person") == asked.person)
            both = mine.lazy().join(there.filter(col("person") != asked.person).lazy(), how="cross", suffix="_there")
            both = both.filter(*_MEETING)
        else:
            both = there.lazy().join_where(
                there.lazy(), col("person") < col("person_there"), *_MEETING, suffix="_there"
            )
        certain = (col("observed") & col("observed_there")).alias("certain")
        return both.select(col("person"), col("person_there"), _START, _STOP, certain).collect()

    def met(self, answer: pl.DataFrame) -> Met:
        return met([column.to_numpy() for column in answer.iter_columns()])

    def _meetings(self, mine: pl.LazyFrame, asked: Asked, until: int) -> pl.LazyFrame:
        there = self.by_venue.lazy().filter(col("start") < until, col("stop") > asked.start)
        return (
            mine.join(there, on="venue", suffix="_there")
            .filter(col("person_there") != asked.person)
            .with_columns(_START, _STOP)
            .filter(col("end") - col("begin") >= MIN_SECONDS)
        )

    def _stays_from_exposure(self, f1: pl.DataFrame, until: int) -> pl.LazyFrame:
        exposed = f1.lazy().select(col("person_there").alias("person"), "exposed_at", "surely")
        surely = pl.when(col("observed") & col("surely").is_not_null()).then(pl.max_horizontal("start", "surely"))
        return (
            self.by_person.lazy()
            .join(exposed, on="person")
            .filter(col("stop") > col("exposed_at"), col("start") < until)
            .with_columns(
                surely.otherwise(_NEVER).alias("surely"),
                pl.max_horizontal("start", "exposed_at").alias("start"),
                col("stop").clip(upper_bound=until),
            )
        )


def _slice(frame: pl.DataFrame, column: str, value: int) -> pl.DataFrame:
    """Where a sorted column has that value."""
    low, high = (frame[column].search_sorted(value, side) for side in ("left", "right"))
    return frame.slice(low, high - low)


@contextmanager
def opened(stays: StayColumns) -> Iterator[list[Polars]]:
    yield [Polars(stays)]
