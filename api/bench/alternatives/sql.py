"""The questions in SQL: F0 → F1 → F2 in one pass, certainty with it; overlaps at a venue."""

from typing import Final

from api.bench.questions import MIN_SECONDS

_NEVER: Final = 2**31 - 1
_LENGTH: Final = "least(x.stop, y.stop) - greatest(x.start, y.start)"
_COUNTS: Final = f"""
    y.person, min(greatest(x.start, y.start)) AS exposed_at, count(*) AS encounters,
    CAST(sum({_LENGTH}) AS bigint) AS seconds"""
_LONG: Final = f"y.person <> {{person}} AND {_LENGTH} >= {MIN_SECONDS}"


def levels(by_person: str, by_venue: str, meeting: str, of_f0: str = "true", of_f1: str = "true") -> str:
    """``by_person`` and ``by_venue`` are tables of the stays, ``meeting`` joins x and y; ``of_f0`` and ``of_f1``, which
    always hold, may help to look at less. ``{person}``, ``{start}``, ``{stop}`` and ``{until}`` are to be put in.

    ``surely`` is from when on an infector's stay counts if only observed stays exist.
    """
    return f"""
WITH x0 AS MATERIALIZED (
    SELECT venue, greatest(start, {{start}}) AS start, least(stop, {{stop}}) AS stop, observed
    FROM {by_person} WHERE person = {{person}} AND stop > {{start}} AND start < {{stop}}
), f1 AS MATERIALIZED (
    SELECT {_COUNTS}, min(greatest(x.start, y.start)) FILTER (WHERE x.observed AND y.observed) AS surely
    FROM x0 x JOIN {by_venue} y ON {meeting} WHERE {_LONG} AND {of_f0} GROUP BY y.person
), x1 AS MATERIALIZED (
    SELECT f1.person, s.venue, greatest(s.start, f1.exposed_at) AS start, least(s.stop, {{until}}) AS stop,
        CASE WHEN s.observed AND surely IS NOT NULL THEN greatest(s.start, surely) ELSE {_NEVER} END AS surely
    FROM f1 JOIN {by_person} s ON s.person = f1.person AND s.stop > f1.exposed_at AND s.start < {{until}}
), f2 AS (
    SELECT {_COUNTS},
        bool_or(y.observed AND CAST(least(x.stop, y.stop) AS bigint) - greatest(surely, y.start) >= {MIN_SECONDS})
            AS certain,
        array_agg(DISTINCT x.person) AS via
    FROM x1 x JOIN {by_venue} y ON {meeting}
    WHERE {_LONG} AND {of_f1} AND y.person NOT IN (SELECT person FROM f1) GROUP BY y.person
)
SELECT person, 1 AS level, exposed_at, encounters, seconds, surely IS NOT NULL AS certain, ARRAY[{{person}}] AS via
FROM f1
UNION ALL SELECT person, 2, exposed_at, encounters, seconds, certain, via FROM f2
"""  # noqa: S608 # put together of our own text


def pairs(by_venue: str, there: str, *, one_person: bool) -> str:
    """Who were at ``{venue}`` together in ``[{start}, {stop})``; ``there`` says when a stay is in it."""
    whose = "x.person = {person} AND y.person <> x.person" if one_person else "x.person < y.person"
    return f"""
WITH there AS MATERIALIZED (
    SELECT person, venue, greatest(start, {{start}}) AS start, least(stop, {{stop}}) AS stop, observed
    FROM {by_venue} WHERE venue = {{venue}} AND {there}
)
SELECT x.person AS one, y.person AS other, greatest(x.start, y.start) AS start, least(x.stop, y.stop) AS stop,
    x.observed AND y.observed AS certain
FROM there x JOIN there y ON y.start < x.stop AND y.stop > x.start WHERE {whose}
"""  # noqa: S608 # put together of our own text


def first_contacts(by_person: str, by_venue: str, meeting: str) -> str:
    """The encounters of all ``asked`` (number, person, start, stop) with others, by contact: the F1 of many cases."""
    return f"""
SELECT number, {_COUNTS}, bool_or(x.observed AND y.observed) AS certain
FROM (
    SELECT a.number, a.person, s.venue, greatest(s.start, a.start) AS start, least(s.stop, a.stop) AS stop, s.observed
    FROM asked a JOIN {by_person} s ON s.person = a.person AND s.stop > a.start AND s.start < a.stop
) x JOIN {by_venue} y ON {meeting}
WHERE y.person <> x.person AND {_LENGTH} >= {MIN_SECONDS} GROUP BY number, y.person
"""  # noqa: S608 # put together of our own text
