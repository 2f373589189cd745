"""Personal QR codes of other systems, as far as they identify a visitor.

Decision 1405/QD-BTTTT of 11 September 2021: the one code of PC-Covid and the other apps.

    SoGiayTo|HoTen|NgaySinh|LoaiDinhDanh|QID|EXT
    ******000001|NGUYEN VAN A|1990-**-**|0|160000000000000001|<1<<0900000001

Document number (of an identity card of 12 or 9 digits, or a passport; its first six characters may be stars), name,
birth date (day and month may be stars), 0 declared by oneself or 1 by another, the id that the national QR platform
gave, and further values between ``<``: the QID of who declared, sex (0 unknown, 1 male, 2 female), health insurance
card, phone, signature.

The card with a chip (CCCD, circular 06/2021/TT-BCA):

    CCCD|CMND|name|DDMMYYYY|sex|address|DDMMYYYY of issue

Further fields of either are passed over, and so is what identifies nobody. What was scanned is personal: no refusal
repeats any of it.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from domain.errors import Malformed
from domain.people import parse_identity

_LONGEST: Final = 2_000
_LONGEST_NAME: Final = 200
_CCCD: Final = re.compile(r"\d{12}", re.ASCII)
_DOCUMENT: Final = re.compile(r"[A-Za-z0-9*]{0,20}", re.ASCII)
_PHONE: Final = re.compile(r"0\d{9}", re.ASCII)
_QID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-(\d\d|\*{1,2})-(\d\d|\*{1,2})", re.ASCII)
_DATE_OF_CARD: Final = re.compile(r"(\d\d)(\d\d)(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PersonalQr:
    """``identities`` from the strongest on, never empty; ``birth_date`` is ``1990-12-01``, or ``1990`` where day and
    month are not told. ``masked`` says that part of the document number is stars."""

    format: str
    identities: tuple[str, ...]
    name: str
    birth_date: str
    qid: str | None
    masked: bool

    @property
    def identity(self) -> str:
        return self.identities[0]


class Format(NamedTuple):
    """``is_it`` looks at the shape only; ``read`` raises Malformed."""

    name: str
    is_it: Callable[[Sequence[str]], bool]
    read: Callable[[Sequence[str]], PersonalQr]


def parse_personal_qr(text: str) -> PersonalQr:
    """Who is named by the text of a personal QR code. Raises Malformed without repeating any of it."""
    fields = [" ".join(field.split()) for field in text.split("|")] if len(text) <= _LONGEST else []
    for known in FORMATS:
        if known.is_it(fields):
            return known.read(fields)
    raise Malformed("that is no personal QR code of a format that is known here")


# --- decision 1405/QD-BTTTT


def _is_national(fields: Sequence[str]) -> bool:
    return len(fields) >= 5 and fields[3] in ("0", "1")


def _read_national(fields: Sequence[str]) -> PersonalQr:
    document, name, born, declared_by, qid = fields[:5]
    if not _DOCUMENT.fullmatch(document):
        raise Malformed("the document number of the personal QR code is none")
    if qid and not _QID.fullmatch(qid):
        raise Malformed("the QID of the personal QR code is none")
    identities = [f"cccd:{document}"] if _CCCD.fullmatch(document) else []
    identities += [f"ref:qid:{qid}"] if qid else []
    if declared_by == "0":  # who declares for another gives a phone of their own
        identities += _phone(fields[5] if len(fields) > 5 else "")
    if not identities:
        raise Malformed("the personal QR code identifies nobody: its document number is masked and it has no QID")
    told = _DATE.fullmatch(born)
    year, month, day = told.groups() if told else ("", "", "")
    return PersonalQr(
        NATIONAL, tuple(identities), _name(name), _birth_date(year, month, day), qid or None, "*" in document
    )


def _phone(further: str) -> list[str]:
    """Of the further values; some apps leave out the first, the QID of who declared."""
    values = further.split("<")
    if values[0] in ("0", "1", "2"):
        values.insert(0, "")
    if len(values) < 4 or not _PHONE.fullmatch(values[3]):
        return []
    try:
        return [str(parse_identity(f"phone:{values[3]}"))]
    except Malformed:
        return []


# --- the card with a chip


def _is_card(fields: Sequence[str]) -> bool:
    return len(fields) >= 6 and len(fields[3]) == 8 and fields[3].isdecimal()


def _read_card(fields: Sequence[str]) -> PersonalQr:
    number, _, name, born = fields[:4]
    if not _CCCD.fullmatch(number):
        raise Malformed("the number of the identity card is none")
    told = _DATE_OF_CARD.fullmatch(born)
    day, month, year = told.groups() if told else ("", "", "")
    return PersonalQr(CARD, (f"cccd:{number}",), _name(name), _birth_date(year, month, day), None, masked=False)


# --- both


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text)
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Malformed("the name in the personal QR code is none")
    return name


def _birth_date(year: str, month: str, day: str) -> str:
    """The year alone where stars or zeros stand for the rest."""
    is_whole = month.isdecimal() and day.isdecimal() and "00" not in (month, day)
    told = f"{year}-{month}-{day}" if is_whole else year
    try:
        date.fromisoformat(told if is_whole else f"{told}-01-01")
    except ValueError:
        raise Malformed("the birth date in the personal QR code is none") from None
    return told


NATIONAL: Final = "1405/QD-BTTTT"
CARD: Final = "CCCD"

FORMATS: Final = (Format(NATIONAL, _is_national, _read_national), Format(CARD, _is_card, _read_card))
"""The formats that are known: another is another line."""
