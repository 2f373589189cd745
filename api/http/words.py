"""The words of bodies, queries and paths: how each is written, read and documented."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID, uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from domain.adherence import DEFAULT_RADIUS, LARGEST_RADIUS
from domain.call_attempts import DIRECTIONS
from domain.call_reasons import CAMPAIGNS
from domain.errors import Malformed, TruyvetError
from domain.next_calls import OUTCOMES
from domain.opening_hours import LONGEST as LONGEST_OPENING_HOURS
from domain.opening_hours import PATTERN as OPENING_HOURS
from domain.people import normal_phone, parse_identity
from domain.quarantine_rules import QUARANTINE_RULES, VACCINATIONS
from domain.quarantines import KINDS as QUARANTINE_KINDS
from domain.quarantines import ORDER_NUMBER
from domain.rules import RULES
from domain.sites import KINDS as SITE_KINDS
from domain.times import Seconds, parse_date, parse_instant
from domain.venues import DEFAULT_STAY, LONGEST_DEFAULT_STAY, parse_kind
from domain.weeks import Week

T = TypeVar("T")

ID: Final = r"^[A-Za-z0-9._:-]{1,128}$"
UNIT: Final = "^(VN|[0-9]{2}|[0-9]{3}|[0-9]{5})$"
LAST_POSITION: Final = 10**18 - 1
LONGEST_MINIMUM: Final = 7 * 24 * 60
"""Minutes."""


class Body(BaseModel):
    """What comes in: unknown fields are refused, and text that looks like a number is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)


def _read(parse: Callable[[str], T]) -> BeforeValidator:
    """Text that the domain reads; its refusal becomes that of the field."""

    def read(value: Any) -> T:
        if not isinstance(value, str):
            raise PydanticCustomError("no_text", "it is written as text")
        try:
            return parse(value)
        except TruyvetError as error:
            raise PydanticCustomError("malformed", "{reason}", {"reason": str(error)}) from None

    return BeforeValidator(read)


def _checked(check: Callable[[str], object]) -> BeforeValidator:
    """Text that the domain can read, kept as it came."""

    def keep(text: str) -> str:
        check(text)
        return text

    return _read(keep)


def _schema(kind: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more})


class _NotNull:
    """None stands for left out, and cannot be said."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_not_null, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        told = handler(schema)
        said = [choice for choice in told.pop("anyOf") if choice != {"type": "null"}]
        return {**said[0], **told}


def _not_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("null", "leave it out or give a value")
    return value


Left = Annotated[T | None, _NotNull()]
"""May be left out, which changes nothing; null is refused. None stands for left out."""

# --- times


def _with_plus(text: str) -> str:
    """A ``+`` that was not written as %2B arrives as a space; before an offset it can be nothing else."""
    return re.sub(r" (\d\d:?\d\d)$", r"+\1", text)


def _in_query(text: str) -> Seconds:
    return parse_instant(_with_plus(text))


def _date(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise Malformed("write a date like 2021-08-30")
    return parse_date(text)


_INSTANT = _schema("string", format="date-time", examples=["2021-08-30T09:00:00+07:00"])
Instant = Annotated[Seconds, _read(parse_instant), _INSTANT]
QueryInstant = Annotated[Seconds, _read(_in_query), _INSTANT]
IsoWeek = Annotated[
    str,
    _checked(Week.numbered),
    _schema("string", pattern="^[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])$", examples=["2021-W45"]),
]
WeekEnding = Annotated[str, _checked(Week.ending), _schema("string", format="date", examples=["2021-11-12"])]
Day = Annotated[date, _read(_date), _schema("string", format="date", examples=["2021-08-30"])]

# --- names

_EXAMPLE_ID = "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PERSON = (
    r"^((phone:)?\+?[0-9 .()-]{8,20}|cccd:[0-9]{12}|ref:[A-Za-z0-9._:-]{1,128}"
    r"|id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"
)


def _person(text: str) -> None:
    if text.startswith("id:"):
        _uuid(text.removeprefix("id:"))
    else:
        parse_identity(text)


def _person_in_query(text: str) -> None:
    if not text.startswith(("id:", "ref:")):
        raise Malformed("a URL names a person by id: or ref: only; phone numbers and cccd do not belong in one")
    _person(text)


def _uuid(text: str) -> UUID:
    try:
        found = UUID(text)
    except ValueError:
        raise Malformed("an id is a UUID") from None
    if found == NOTHING:
        raise Malformed("an id is a random UUID")
    return found


NOTHING: Final = UUID(int=0)
_NOTHING_NAMED: Final = uuid4().hex

PersonName = Annotated[
    str, _checked(_person), _schema("string", pattern=_PERSON, examples=["phone:+84912345678", f"id:{_EXAMPLE_ID}"])
]
Phone = Annotated[
    str,
    _checked(normal_phone),
    _schema("string", pattern=r"^\+?[0-9 .()-]{8,20}$", examples=["+84912345678"], description="Vietnamese without +"),
]
QueryPerson = Annotated[
    str, _checked(_person_in_query), _schema("string", pattern=f"^(id:{_UUID}|ref:{ID[1:-1]})$", examples=["ref:ABC-1"])
]
Id = Annotated[str, StringConstraints(pattern=ID)]
NewUuid = Annotated[UUID, _read(_uuid), _schema("string", format="uuid", examples=[_EXAMPLE_ID])]


def _uuid_or_nothing(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return NOTHING


def _person_in_path(text: str) -> UUID:
    name = text.removeprefix("id:")
    if not re.fullmatch(_UUID, name):
        raise Malformed(
            "a URL names a person by the random id only, as answers give it; nothing personal belongs in one"
        )
    return UUID(name)


def _id_or_nothing(text: str) -> str:
    return text if re.fullmatch(ID, text) else _NOTHING_NAMED


PathUuid = Annotated[UUID, BeforeValidator(_uuid_or_nothing), _schema("string", format="uuid", examples=[_EXAMPLE_ID])]
"""An id that is none names nothing, and is answered like one that nobody has."""
PathId = Annotated[str, AfterValidator(_id_or_nothing), _schema("string", pattern=ID, examples=["pccovid:8841"])]


def _position_or_nothing(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else 0


PathPosition = Annotated[
    int, BeforeValidator(_position_or_nothing), _schema("integer", minimum=1, maximum=LAST_POSITION, examples=[17])
]

PathPerson = Annotated[
    UUID, _read(_person_in_path), _schema("string", pattern=f"^(id:)?{_UUID}$", examples=[_EXAMPLE_ID])
]
"""Refused when it is no id: a name that was looked for in vain must not look like nobody's empty list."""

# --- the rest

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=1000)]
"""Free text. The pattern refuses NUL and what is no Unicode."""
Scanned = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=2000)]
"""What a QR code says."""
ShortText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]
Commune = Annotated[
    str, Field(pattern="^([0-9]{3}|[0-9]{5})$", examples=["00001"], description="Official code, November 2021")
]
Kind = Annotated[str, _read(parse_kind), _schema("string", enum=list(DEFAULT_STAY))]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS 84")]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS 84")]
OpeningHours = Annotated[
    str,
    StringConstraints(pattern=OPENING_HOURS, max_length=LONGEST_OPENING_HOURS),
    Field(examples=["Mo-Fr 07:00-18:00; Sa 08:00-12:00"], description="As OpenStreetMap writes them, local time"),
]


def _one_of(names: Iterable[str]) -> Any:
    return Field(json_schema_extra={"enum": list(names)}, pattern=f"^({'|'.join(names)})$")


Campaign = Annotated[str, _one_of(CAMPAIGNS)]
Outcome = Annotated[str, _one_of(OUTCOMES)]
Direction = Annotated[str, _one_of(DIRECTIONS)]
QuarantineKind = Annotated[str, _one_of(QUARANTINE_KINDS)]
SiteKind = Annotated[str, _one_of(SITE_KINDS)]
QuarantineRuleSet = Annotated[str, _one_of(QUARANTINE_RULES)]
Vaccination = Annotated[str, _one_of(VACCINATIONS), Field(description="Kept only where the rules ask for it")]
Order = Annotated[str, StringConstraints(pattern=ORDER_NUMBER), Field(examples=["1234/QĐ-UBND"])]
Rules = Annotated[str, Field(json_schema_extra={"enum": list(RULES)}), StringConstraints(max_length=32)]


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 60.0 is 60."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""Behind the bounds: the document knows those of an integer only where nothing stands between."""
Radius = Annotated[
    int,
    Field(ge=1, le=LARGEST_RADIUS, description=f"Metres around the coordinates; {DEFAULT_RADIUS} when left out"),
    Whole,
]
DefaultStay = Annotated[int, Field(ge=1, le=LONGEST_DEFAULT_STAY, description="Minutes"), Whole]
Position = Annotated[int, Field(ge=0, le=LAST_POSITION), Whole]
AnswerPosition = Annotated[int, Field(description="What the answer is as of; in a list, that of its first event")]
Levels = Annotated[int, Field(ge=1, le=10), Whole]
MinMinutes = Annotated[int, Field(ge=0, le=LONGEST_MINIMUM, description="Minutes"), Whole]
Certainty = Annotated[str, Field(json_schema_extra={"enum": ["certain", "possible"]}, pattern="^(certain|possible)$")]


def _number(value: Any) -> Any:
    """In a query, digits only: no sign, no space, no point."""
    if isinstance(value, str) and not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise PydanticCustomError("no_number", "it is a whole number")
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise PydanticCustomError("no_flag", "it is true or false")
        return value == "true"
    return value


Digits = BeforeValidator(_number)
Flag = Annotated[bool, BeforeValidator(_flag)]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_AS_OF: Final = "A position of the log, or the instant at which something was recorded, to the microsecond"
AsOf = Annotated[
    str,
    StringConstraints(max_length=64),
    BeforeValidator(_as_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": LAST_POSITION},
                {"type": "string", "format": "date-time"},
            ],
            "description": _AS_OF,
        }
    ),
]
QueryAsOf = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_with_plus),
    _schema("string", anyOf=[{"pattern": "^[0-9]{1,18}$"}, {"format": "date-time"}], description=_AS_OF),
]
