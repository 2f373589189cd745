"""`verify`: is the log whole, and do the views equal a replay?

All tables are read on one snapshot, so that writers go on meanwhile and nothing that they do looks like damage. What is
found is said in plain sentences that name a position or a stream, never what an event holds.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any, Final

import numpy as np
from psycopg import Connection
from psycopg.rows import DictRow, scalar_row, tuple_row

from application.access_keys import guard_stream
from application.calls import call_stream
from application.declarations import declaration_stream
from application.exposures import exposures_stream
from application.quarantines import quarantine_stream
from application.visit_keys import visit_stream, visit_streams
from domain.calls import Call
from domain.declarations import Declaration
from domain.errors import TruyvetError
from domain.exposures import Exposures
from domain.guards import Guard
from domain.quarantines import Quarantine
from domain.visits import Visit
from infrastructure.follower import GraphFollower
from infrastructure.graph import VisitGraph
from infrastructure.graph.arrays import first_of_runs
from infrastructure.graph.blocks import Block, whole_streams
from infrastructure.graph.ids import halves
from infrastructure.graph.plain import PlainCheckIns
from infrastructure.key_table import KeyTable
from infrastructure.keys import KEYED, keys_of_check_ins, keys_of_events
from infrastructure.log import EventLog
from infrastructure.mapper import EventMapper
from infrastructure.reading import UNREADABLE, Placed, Undecodable, decoded, undecodable
from infrastructure.rebuilding import snapshot
from infrastructure.registers import Registers
from infrastructure.registers.projection import BATCH
from infrastructure.replaying import ahead, get_ready, replayed
from infrastructure.vault import SealedVault

ORDER: Final = """
-- Where positions leave a gap, or time runs backwards.
SELECT position, previous, position <> previous + 1 AS leaves_gap
FROM (
    SELECT notification_id AS position, recorded_at,
        lag(notification_id, 1, 0::bigint) OVER in_order AS previous, lag(recorded_at) OVER in_order AS earlier
    FROM events WINDOW in_order AS (ORDER BY notification_id)
) AS neighbours
WHERE position <> previous + 1 OR recorded_at < earlier ORDER BY position
"""

HEAD: Final = """
-- Where the log says that it ends, and where it does.
SELECT log_head.position AS said, coalesce(last.position, 0) AS found,
    log_head.recorded_at IS DISTINCT FROM coalesce(last.recorded_at, '-infinity') AS differs_in_time
FROM log_head LEFT JOIN (
    SELECT notification_id AS position, recorded_at FROM events ORDER BY notification_id DESC LIMIT 1
) AS last ON true
"""

BY_STREAM: Final = """
-- Every event, stream by stream.
COPY (
    SELECT notification_id, originator_version, topic, originator_id, state FROM events
    ORDER BY originator_id, originator_version
) TO STDOUT (FORMAT BINARY)
"""

SHADOW: Final = """
-- An empty table of the same name and shape for the replay, found before the real one until the transaction ends.
CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES) ON COMMIT DROP
"""

DIFFERENCE: Final = """
-- Positions of the rows that only the real table or only the replay has.
SELECT DISTINCT position
FROM ((TABLE {real} EXCEPT TABLE {table}) UNION ALL (TABLE {table} EXCEPT TABLE {real})) AS differing ORDER BY position
"""

FULL_NAME: Final = """
-- The name of a table together with its schema.
SELECT format('%%I.%%I', nspname, relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = %s::regclass
"""

_BATCH = 10_000  # events whose keys are computed together
_AT_ONCE = 1 << 24  # bytes of a block

_REPEATED: Final = ("visit_id", "quarantine_id", "case", "person", "venue", "since")
"""What the later events of a stream repeat of its first one, but for the people of exposures, who are the contacts."""


def verify(log: EventLog, vault: SealedVault, registers: Registers, graph: GraphFollower) -> Iterator[str]:
    """What is wrong, sentence by sentence; nothing when all is whole."""
    get_ready(log)
    with log.database.connect() as connection, snapshot(connection):
        yield from _order(connection)
        yield from _head(connection)
        keys = KeyTable(connection)
        yield from _streams(connection, log.mapper, vault, keys)
        keys.settle()
        yield from keys.differences()
        yield from _registers(connection, registers)
    yield from _graph(log, graph)


def _order(connection: Connection[DictRow]) -> Iterator[str]:
    with connection.cursor(row_factory=tuple_row) as rows:
        for position, previous, leaves_gap in rows.execute(ORDER.encode()):
            if leaves_gap:
                yield _gap(previous + 1, position - 1)
            else:
                yield f"the event at position {position} was recorded before that at position {previous}"


def _gap(first: int, last: int) -> str:
    if first == last:
        return f"the event at position {first} is missing"
    return f"the events at positions {first} to {last} are missing"


def _head(connection: Connection[DictRow]) -> Iterator[str]:
    with connection.cursor(row_factory=tuple_row) as rows:
        for said, found, differs_in_time in rows.execute(HEAD.encode()):
            if said != found:
                yield f"the head of the log is at position {said}, its last event at position {found}"
            elif differs_in_time:
                yield f"the head of the log has another time than its last event, at position {found}"


def _streams(connection: Connection[DictRow], mapper: EventMapper, vault: SealedVault, keys: KeyTable) -> Iterator[str]:
    """Every event is read and applied, and its keys are computed; most are check-ins, which need less to be sure."""
    for block in ahead(_by_stream(connection)):
        plain = _plain_streams(block)
        keys.add(keys_of_check_ins(block, plain))
        keyed: list[Placed] = []
        for _, stream in groupby(_others(block, plain), key=attrgetter("stream")):
            events = list(stream)
            yield from _stream(mapper, events)
            keyed += [event for event in events if event.topic in KEYED]
        for start in range(0, len(keyed), _BATCH):
            yield from _add_keys(vault, keys, keyed[start : start + _BATCH])


def _by_stream(connection: Connection[DictRow]) -> Iterator[Block]:
    """All events, no stream in more than one block."""
    with connection.cursor() as cursor, cursor.copy(BY_STREAM.encode()) as copy:
        yield from map(Block.of, whole_streams(copy, _AT_ONCE))


def _plain_streams(block: Block) -> PlainCheckIns:
    """The visits of which there is but a plain check-in, in the stream that is named after it: they can be applied."""
    ids = halves(block.pieces(block.places.stream, 16).tobytes())
    begins = np.append(first_of_runs(ids[:, 0]) | first_of_runs(ids[:, 1]), True)
    alone = begins[:-1] & begins[1:] & (block.places.version == 1)
    found = block.check_ins.take(alone[block.check_ins.row])
    named = halves(b"".join(visit_streams(block.visit_ids(found))))
    return found.take((named == ids[found.row]).all(axis=1))


def _others(block: Block, plain: PlainCheckIns) -> list[Placed]:
    others = np.ones(len(block), bool)
    others[plain.row] = False
    return block.events(np.flatnonzero(others))


def _add_keys(vault: SealedVault, keys: KeyTable, events: list[Placed]) -> Iterator[str]:
    """One by one where one cannot be read."""
    try:
        keys.add(keys_of_events(vault, events))
    except Undecodable as error:
        if len(events) == 1:
            yield str(error)
        for event in events if len(events) > 1 else ():
            yield from _add_keys(vault, keys, [event])


def _stream(mapper: EventMapper, events: list[Placed]) -> Iterator[str]:
    problem = _misplaced(events)
    if problem is not None:
        yield problem
        return
    try:
        _apply(mapper, events)
    except Undecodable as error:
        yield str(error)


def _misplaced(events: list[Placed]) -> str | None:
    for version, event in enumerate(events, start=1):
        if event.version != version:
            return f"stream {event.stream} has no version {version}; the event at position {event.position} follows"
    for earlier, later in pairwise(events):
        if earlier.position > later.position:
            return (
                f"stream {later.stream} is out of order: version {later.version} is at position {later.position}, "
                f"version {earlier.version} at {earlier.position}"
            )
    return None


def _apply(mapper: EventMapper, events: list[Placed]) -> None:
    """Raises Undecodable for an event that cannot be read, applied, or that belongs to another stream."""
    aggregate: Any = None
    repeated: dict[str, Any] = {}
    kind = events[0].topic.partition(".")[0] + "."
    for event in events:
        content = decoded(mapper, event)
        try:
            aggregate = content.mutate(aggregate)
        except UNREADABLE as error:
            raise undecodable(event.position, event.topic, error) from error
        if event is events[0]:
            repeated = {name: value for name, value in vars(content).items() if name in _REPEATED}
            if isinstance(aggregate, Exposures):
                del repeated["person"]
        told = vars(content)
        repeats = all(told.get(name, value) == value for name, value in repeated.items())
        if not event.topic.startswith(kind) or not repeats or not _is_named_after(aggregate, event):
            raise Undecodable(event.position, event.topic, "it belongs to another stream")


def _is_named_after(aggregate: Any, event: Placed) -> bool:
    """Streams of visits, quarantines and declarations follow from their ids, others from what they are about."""
    match aggregate:
        case Visit():
            return visit_stream(aggregate.visit_id) == event.stream
        case Quarantine():
            return quarantine_stream(aggregate.quarantine_id) == event.stream
        case Guard():
            return guard_stream(aggregate.key) == event.stream
        case Declaration():
            return declaration_stream(aggregate.declaration_id) == event.stream
        case Exposures():
            return exposures_stream(aggregate.case) == event.stream
        case Call():
            return call_stream(aggregate.person) == event.stream
        case _:
            return True


def _registers(connection: Connection[DictRow], registers: Registers) -> Iterator[str]:
    """Replays into tables of the same names, which hide the real ones for the rest of the transaction."""
    projection = registers.projection
    position, head = projection.place(connection)
    if position > head:
        yield f"the registers are at position {position}, the log ends at {head}"
        return
    tables = {register.table: _shadow(connection, register.table) for register in projection.registers}
    for after in range(0, position, BATCH):
        failure = projection.take_in(connection, after, min(after + BATCH, position))
        if failure is not None:
            yield f"the registers cannot be replayed: {failure}"
            return
    with connection.cursor(row_factory=tuple_row) as rows:
        for table, real in tables.items():
            for (differing,) in rows.execute(DIFFERENCE.format(table=table, real=real).encode()):
                yield f"the register of {table} differs from a replay in the row of position {differing}"


def _shadow(connection: Connection[DictRow], table: str) -> str:
    """The full name of the real table, which its own name does not reach from now on."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        real = cursor.execute(FULL_NAME.encode(), [table]).fetchone()
    connection.execute(SHADOW.format(table=table).encode())
    return str(real)


def _graph(log: EventLog, graph: GraphFollower) -> Iterator[str]:
    """As it is now: it may move on while this looks at it."""
    now = VisitGraph(graph.columns.log_id, graph.columns.snapshot)
    try:
        again = replayed(log, now.log_id, now.position)
    except TruyvetError as error:
        yield f"the visit graph cannot be replayed: {str(error).partition(': ')[0]}"
        return
    if again.checksum() != now.checksum():
        yield f"the visit graph differs from a replay up to position {now.position}"
