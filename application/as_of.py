"""*As of*: a position of the log, or the instant at which something was recorded, to the microsecond."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from application.log import Log
from domain.errors import Malformed, Refused
from domain.times import Seconds, parse_instant

_POSITION: Final = re.compile(r"\d{1,18}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def position_as_of(log: Log, text: str) -> int:
    """The position that ``text`` means: itself, or the last one recorded at or before that instant.

    Raises Malformed, and Refused for a position beyond the end of the log.
    """
    if not _POSITION.fullmatch(text):
        return log.position_at(_microseconds(text))
    position, head = int(text), log.head()
    if position > head:
        raise Refused(f"the log ends at position {head}")
    return position


def instant_as_of(text: str) -> Seconds | None:
    """The instant that ``text`` means; None for a position. Raises Malformed."""
    return None if _POSITION.fullmatch(text) else parse_instant(text.upper())


def _microseconds(text: str) -> int:
    try:
        parse_instant(text)
    except Malformed:
        raise Malformed("as_of is a position of the log or a time like 2021-08-30T09:00:00.000001+07:00") from None
    return (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(microseconds=1)
