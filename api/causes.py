"""What caused a change, in words: the event, whether it came late, and when it was recorded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from api.reports.words import Language, Said
from application.log import Recording
from domain.cases import Case
from domain.quarantines import Quarantine
from domain.times import LOCAL, Seconds, from_datetime, parse_instant
from domain.venues import Venue
from domain.visits import Visit

LATE: Final[Seconds] = 15 * 60
"""What is recorded so much later than it happened came late."""

_EVENTS: Final[Mapping[str, Said]] = {
    Case.Confirmed.TOPIC: Said("xác nhận ca bệnh", "case confirmed"),
    Case.Amended.TOPIC: Said("sửa thông tin ca bệnh", "case amended"),
    Case.Isolated.TOPIC: Said("cách ly ca bệnh", "case isolated"),
    Case.Withdrawn.TOPIC: Said("huỷ ca bệnh", "case withdrawn"),
    Case.Reopened.TOPIC: Said("mở lại ca bệnh", "case reopened"),
    Visit.CheckedIn.TOPIC: Said("lượt vào", "check-in"),
    Visit.CheckedOut.TOPIC: Said("lượt ra", "check-out"),
    Visit.Corrected.TOPIC: Said("sửa lượt ghé", "visit corrected"),
    Visit.Retracted.TOPIC: Said("huỷ lượt ghé", "visit retracted"),
    Quarantine.Assigned.TOPIC: Said("quyết định cách ly", "quarantine"),
    Quarantine.Extended.TOPIC: Said("đổi thời hạn cách ly", "end of a quarantine changed"),
    Quarantine.Released.TOPIC: Said("kết thúc cách ly", "release from quarantine"),
    Quarantine.Withdrawn.TOPIC: Said("huỷ quyết định cách ly", "quarantine withdrawn"),
    Venue.DefaultStayChanged.TOPIC: Said(
        "đổi thời gian lưu lại mặc định của địa điểm", "default stay of a venue changed"
    ),
}

_MAY_BE_LATE: Final = frozenset({
    Visit.CheckedIn.TOPIC, Visit.CheckedOut.TOPIC, Quarantine.Assigned.TOPIC, Quarantine.Released.TOPIC,
    Case.Isolated.TOPIC,
})  # fmt: skip


def in_words(cause: Recording, language: Language = Language.en) -> str:
    """Like ``late check-out (2021-08-30 17:00) recorded on 2021-09-02 09:12``; local times."""
    happened = parse_instant(cause.state["happened_at"])
    recorded = from_datetime(cause.recorded_at)
    known = _EVENTS.get(cause.topic)
    what = cause.topic if known is None else getattr(known, language)
    is_late = cause.topic in _MAY_BE_LATE and recorded - happened > LATE
    if language is Language.vi:
        late, on = (" muộn" if is_late else ""), "ghi nhận lúc"
        return (
            f"{what}{late} ({_local(happened)}) {on} {_local(recorded)}"
            if is_late
            else f"{what} {on} {_local(recorded)}"
        )
    if is_late:
        return f"late {what} ({_local(happened)}) recorded on {_local(recorded)}"
    return f"{what} recorded on {_local(recorded)}"


def _local(instant: Seconds) -> str:
    return datetime.fromtimestamp(instant, LOCAL).strftime("%Y-%m-%d %H:%M")
