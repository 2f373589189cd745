"""When a venue is open: a subset of OpenStreetMap's ``opening_hours``, such as ``Mo-Fr 07:00-18:00; Sa 08:00-12:00``.

https://wiki.openstreetmap.org/wiki/Key:opening_hours. Rules are separated by ``; ``; a later one replaces an earlier
one for its days. A rule names days (``Mo-Fr``, ``Sa,Su``, ``PH`` for public holidays; every day when left out) and then
times or ``off``. Times are local; what ends at or before its start ends on the next day. ``24/7`` is always.
"""

import re
from typing import Final

from domain.errors import Malformed

_DAY: Final = "(Mo|Tu|We|Th|Fr|Sa|Su)"
_DAYS: Final = f"({_DAY}(-{_DAY})?|PH)"
_TIME: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TIMES: Final = f"{_TIME}-({_TIME}|24:00)"
_RULE: Final = f"({_DAYS}(,{_DAYS})* )?({_TIMES}(,{_TIMES})*|off)"

PATTERN: Final = f"^(24/7|{_RULE}(; {_RULE})*)$"
LONGEST: Final = 200
"""Characters."""

_HOURS: Final = re.compile(PATTERN)


def parse_opening_hours(text: str) -> str:
    """The text itself. Raises Malformed."""
    if len(text) > LONGEST or not _HOURS.fullmatch(text):
        raise Malformed("opening hours are written like Mo-Fr 07:00-18:00; Sa 08:00-12:00,14:00-17:00; Su off, or 24/7")
    return text
