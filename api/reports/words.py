"""What the reports say, in Vietnamese and in English, and how each writes numbers and dates."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from domain.times import LOCAL
from domain.units import COUNTRY, Unit
from infrastructure.communes import units


class Language(StrEnum):
    vi = "vi"
    en = "en"


class Said(NamedTuple):
    vi: str
    en: str


TEXTS: Final[Mapping[str, Said]] = {
    "title": Said("Báo cáo tuần: điểm quét mã QR", "Weekly report: QR points"),
    "week": Said("Tuần từ {first} đến hết {last}", "Week from {first} to {last}"),
    "country": Said("Cả nước", "The whole country"),
    "total": Said("Tổng", "Total"),
    "behind": Said("chậm", "behind"),
    # columns
    "name": Said("Đơn vị", "Unit"),
    "points": Said("Điểm", "Points"),
    "points_new": Said("Mới", "New"),
    "points_active": Said("Hoạt động", "Active"),
    "active_share": Said("Tỷ lệ", "Share"),
    "points_active_change": Said("Tăng giảm", "Change"),
    "points_silent": Said("Không quét", "Silent"),
    "scans": Said("Lượt quét", "Scans"),
    "scans_change": Said("Tăng giảm", "Change"),
    "scans_total": Said("Tổng lượt", "All scans"),
    "weekend_share": Said("Cuối tuần", "Weekend"),
    "check_out_rate": Said("Quét ra", "Check-out"),
    "rank": Said("Hạng", "Rank"),
    "rank_change": Said("Lên xuống", "Change"),
    # of a calling campaign
    "campaign_title": Said("Kết quả tổng đài", "Figures of the call centre"),
    "period": Said("Từ {first} đến hết {last}", "From {first} to {last}"),
    "not_known": Said("Chưa rõ nơi ở", "Residence not known"),
    "contacts": Said("Gọi F1, F2", "To contacts"),
    "returnees": Said("Gọi người về", "To returnees"),
    "inbound": Said("Gọi đến", "In"),
    "people": Said("Số người", "People called"),
    "attempts_per_person": Said("Cuộc/người", "Calls a person"),
    "reach_rate": Said("Liên lạc được", "Reached"),
    "passed_on": Said("Chuyển CDC", "Passed on"),
    "first_call_median_seconds": Said("Trung vị", "Median"),
    "first_call_p90_seconds": Said("P90", "p90"),
    "campaign_note": Said(
        "Trung vị và P90: từ lúc xác nhận ca bệnh đến cuộc gọi đầu tiên cho mỗi người tiếp xúc (giờ:phút:giây).",
        "Median and p90: from the confirmation of a case to the first call to each of its contacts (h:mm:ss).",
    ),
    # of quarantine sites
    "sites_title": Said("Khu cách ly và camera giám sát", "Quarantine sites and their cameras"),
    "sites": Said("Khu cách ly", "Sites"),
    "sites_connected": Said("Đã kết nối", "Connected"),
    "cameras_registered": Said("Camera", "Cameras"),
    "cameras_connected": Said("Camera kết nối", "Connected cameras"),
    "capacity": Said("Sức chứa", "Capacity"),
    # the sums above the table
    "of_points": Said("điểm đã đăng ký", "registered points"),
    "of_new": Said("{new} điểm mới", "{new} of them new"),
    "of_active": Said("điểm hoạt động", "active points"),
    "of_active_share": Said(
        "{share} số điểm, {change} so với tuần trước", "{share} of the points, {change} on last week"
    ),
    "of_scans": Said("lượt quét trong tuần", "scans in the week"),
    "of_change": Said("{change} so với tuần trước", "{change} on last week"),
    "of_total": Said("tổng số lượt quét", "scans in total"),
    "of_end": Said("đến hết {last}", "to the end of {last}"),
    "of_check_out": Said("có quét khi ra", "scanned out"),
    "of_weekend": Said("{share} vào cuối tuần", "{share} at the weekend"),
    # notes
    "notes": Said("Cách tính", "How it is counted"),
    "note_points": Said(
        "Điểm: địa điểm đã đăng ký và chưa đóng khi hết tuần, kể cả đang tạm ngừng, tính cho nơi đặt điểm lúc đó. Mới:"
        " đăng ký trong tuần. Hoạt động: có ít nhất một lượt quét trong tuần; còn lại là không quét.",
        "Point: a place that is registered and not closed at the end of the week, also while suspended, counted where"
        " it lies then. New: registered in the week. Active: with at least one scan in the week. Silent: the others.",
    ),
    "note_scans": Said(
        "Lượt quét: lượt quét vào được công nhận, sau khi đính chính và không tính lượt đã thu hồi. Quét ra: tỷ lệ lượt"
        " quét trong tuần có giờ ra. Cuối tuần: thứ Bảy và Chủ nhật. Ngày theo giờ Việt Nam.",
        "Scan: a check-in that counts, as corrected, without those retracted. Check-out: the share of the week's scans"
        " with a known time out. Weekend: Saturday and Sunday. Days are those of Viet Nam.",
    ),
    "note_change": Said(
        "Tăng giảm: so với báo cáo tuần trước, tính lại trên cùng dữ liệu. Hạng: theo lượt quét trong tuần, bằng nhau"
        " thì đồng hạng; ▲ là lên hạng. Tỷ lệ luôn tính lại từ số lượng.",
        "Change: against the report of the week before, made from the same data. Rank: by scans of the week, equal ones"
        " share it; ▲ climbed. Shares are always recomputed from the counts.",
    ),
    "note_behind": Said(
        "Chậm: không có điểm hoạt động, hoặc tỷ lệ điểm hoạt động dưới một nửa tỷ lệ chung.",
        "Behind: no active point, or a share of active points below half of that of the whole.",
    ),
    "note_outside": Said(
        "Số điểm trong hệ thống chưa ghi xã, phường, thị trấn nên không tính cho đơn vị nào: {outside}.",
        "Points of the system that have no commune and count for no unit: {outside}.",
    ),
    "position": Said(
        "Lập từ nhật ký sự kiện đến vị trí {position}, ghi lúc {recorded_at}. Lập lại y nguyên bất cứ lúc nào:",
        "Made from the log up to position {position}, recorded at {recorded_at}. To make it again, identically, at any"
        " time:",
    ),
    "position_empty": Said("Nhật ký sự kiện còn trống.", "The log is empty. To make it again:"),
    "position_short": Said("vị trí {position} của nhật ký sự kiện", "position {position} of the log"),
}  # fmt: skip


def said(name: str, lang: Language, **values: str) -> str:
    return str(getattr(TEXTS[name], lang)).format(**values)


def place(unit: Unit, lang: Language) -> str:
    """With the units that it lies in."""
    if unit == COUNTRY:
        return said("country", lang)
    above = units().get(unit.parent or "")
    return unit.name if above is None else f"{unit.name}, {place(above, lang)}"


def number(value: int, lang: Language) -> str:
    """1.150 in Vietnamese, 1,150 in English."""
    return _written(f"{value:,}", lang)


def signed(value: int, lang: Language) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number(abs(value), lang)}"


def percent(share: float | None, lang: Language) -> str:
    return "–" if share is None else _written(f"{share:.2%}", lang)


def quotient(value: float | None, lang: Language) -> str:
    return "–" if value is None else _written(f"{value:.2f}", lang)


def duration(seconds: int | None) -> str:
    """1:05:00 for an hour and five minutes."""
    return "–" if seconds is None else f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def climbed(places: int | None) -> str:
    return "" if places is None else f"▲{places}" if places > 0 else f"▼{-places}" if places < 0 else "="


def day(of: date, lang: Language) -> str:
    return of.strftime("%d/%m/%Y") if lang == Language.vi else f"{of.day} {of:%B %Y}"


def local(instant: datetime, lang: Language) -> str:
    there = instant.astimezone(LOCAL)
    return f"{there:%H:%M:%S} {day(there.date(), lang)}"


def _written(text: str, lang: Language) -> str:
    return text.translate(str.maketrans(",.", ".,")) if lang == Language.vi else text
