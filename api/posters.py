"""The QR code of a venue as it is printed: a PNG, an SVG, and a poster of one A4 page."""

import io
from collections.abc import Sequence
from typing import Final

import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from application.qr_codes import PrintedCode
from domain.times import LOCAL, Seconds, to_datetime
from domain.venues import Minutes, Venue
from infrastructure.communes import units

LANGUAGES: Final = ("vi", "en")

_PIXELS_A_MODULE: Final = 34
_PIXELS_AN_INCH: Final = 300  # so that the code is printed about 15 cm wide
_BORDER_MODULES: Final = 4

_TEMPLATES: Final = Environment(
    loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def png(url: str) -> bytes:
    image = io.BytesIO()
    _drawn(url).save(image, kind="png", scale=_PIXELS_A_MODULE, border=_BORDER_MODULES, dpi=_PIXELS_AN_INCH)
    return image.getvalue()


def svg(url: str) -> bytes:
    image = io.BytesIO()
    _drawn(url).save(image, kind="svg", border=_BORDER_MODULES, light="#fff", omitsize=True)
    return image.getvalue()


def poster(venue: Venue, code: PrintedCode, url: str, languages: Sequence[str] = LANGUAGES) -> str:
    """HTML for printing, in these languages; the first is the larger."""
    address = ", ".join(_address(venue))
    return _TEMPLATES.get_template("poster.html").render(
        languages=languages,
        venue=venue,
        address=address,
        name_points=_points(venue.name, {30: 32, 60: 24, 110: 18}, 14),
        address_points=_points(address, {90: 13}, 10),
        code=Markup(_drawn(url).svg_inline(border=_BORDER_MODULES, omitsize=True)),  # noqa: S704 # drawn here
        stay={"vi": _lasting(venue.default_stay_minutes, "giờ", "phút"),
              "en": _lasting(venue.default_stay_minutes, "h", "min")},
        serial=code.serial,
        issued=_local(code.issued.issued_at, "%d/%m/%Y"),
        ends=None if code.issued.ends_at is None else _local(code.issued.ends_at, "%H:%M %d/%m/%Y"),
    )  # fmt: skip


def _drawn(url: str) -> segno.QRCode:
    """A quarter of it may be dirty or torn."""
    return segno.make(url, error="q", micro=False)


def _address(venue: Venue) -> list[str]:
    """From the street to the province."""
    parts = [venue.place.address] if venue.place.address else []
    unit = units().get(venue.place.commune or "")
    while unit is not None:
        parts.append(unit.name)
        unit = units().get(unit.parent or "")
    return parts


def _points(text: str, sizes: dict[int, int], smallest: int) -> int:
    """The size of the type for a text of that length."""
    return next((points for longest, points in sizes.items() if len(text) <= longest), smallest)


def _lasting(minutes: Minutes, hours: str, rest: str) -> str:
    whole, left = divmod(minutes, 60)
    return " ".join(f"{number} {unit}" for number, unit in ((whole, hours), (left, rest)) if number)


def _local(instant: Seconds, written: str) -> str:
    return to_datetime(instant).astimezone(LOCAL).strftime(written)
