"""The QR codes of venues: issued, ended, drawn, printed, read."""

import base64
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi import Body as InBody
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field

from api import posters
from api.app import Truyvet
from api.http.access import Who
from api.http.given import App, Writing
from api.http.lists import JSON, List, LogPosition, Page, Rows, accepted, columns_of, list_responses
from api.http.problems import problems
from api.http.words import Answer, AnswerPosition, Body, Digits, Instant, PathId, Scanned
from application.qr_codes import PrintedCode
from application.venues import unknown_venue
from domain.qr_codes import LARGEST_SERIAL
from domain.times import to_text
from domain.venues import Venue

router = APIRouter(prefix="/v1", tags=["QR codes"])

PNG, SVG = "image/png", "image/svg+xml"
_FORMATS: Final = {"json": JSON, "png": PNG, "svg": SVG}
_ONLY_ITSELF: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

Serial = Annotated[int, Field(ge=1, le=LARGEST_SERIAL), Digits, Path(examples=[3])]


class NewCode(Body):
    end_others_at: Instant | None = Field(
        None, description="The codes before it count until then; left out, until they are ended"
    )


class CodeEnd(Body):
    at: Instant | None = Field(None, description="May lie ahead; now when left out")


class CodeAnswer(Answer):
    """`payload` is the text of the code, `url` the whole that is drawn."""

    venue_id: UUID
    serial: int
    signing_key: str
    issued_at: str
    ends_at: str | None
    payload: str
    url: str


class PlacedCode(CodeAnswer):
    position: AnswerPosition


class Reading(Body):
    text: Scanned = Field(description="What was scanned: the payload, or a URL that ends with it")
    at: Instant | None = Field(None, description="When it was scanned; now when left out")


class Read(Answer):
    venue_id: UUID
    code: str | None
    name: str


class SigningKey(Answer):
    """`public_key` is the base64 of its 32 bytes, `signing_key` the first four of their SHA-256, hexadecimal."""

    signing_key: str
    public_key: str
    algorithm: str
    signs_new_codes: bool


_EXAMPLE: Final[dict[str, Any]] = {
    "venue_id": "7c1de5d0-4ddb-4cf1-9d3c-0a6b4b0a4f7e", "serial": 3, "signing_key": "9f86d081",
    "issued_at": "2021-08-30T02:00:00Z", "ends_at": None, "payload": "1T6DNBAL4DXS5ATO3JTYZ2PAKNNFQUT3…",
    "url": "HTTPS://TRUYVET.EXAMPLE/Q/1T6DNBAL4DXS5ATO3JTYZ2PAKNNFQUT3…",
}  # fmt: skip
_COLUMNS: Final = columns_of(CodeAnswer)
_KEY_EXAMPLE: Final[dict[str, Any]] = {
    "signing_key": "9f86d081", "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "algorithm": "Ed25519",
    "signs_new_codes": True,
}  # fmt: skip


@router.post("/venues/{venue_id}/qr-codes", status_code=201, responses=problems(400, 404, 409, 413, 415))
def issue(
    venue_id: PathId,
    truyvet: App,
    once: Writing,
    wanted: Annotated[NewCode, InBody()] = NewCode(),  # noqa: B008 # frozen
) -> PlacedCode:
    """Issue a further code. Those before it go on counting until they are ended."""
    recorded = once.record(lambda by: truyvet.qr_codes.issue(venue_id, wanted.end_others_at, by), UUID)
    venue = _as_of(truyvet, recorded.id, recorded.position)
    return _placed(truyvet, venue, venue.next_serial - 1, recorded.position)


@router.post("/venues/{venue_id}/qr-codes/{serial}/end", responses=problems(400, 404, 409, 413, 415))
def end(
    venue_id: PathId,
    serial: Serial,
    truyvet: App,
    once: Writing,
    wanted: Annotated[CodeEnd, InBody()] = CodeEnd(),  # noqa: B008 # frozen
) -> PlacedCode:
    """Let a code count only until then. One that has ended stays so; its scans from before still count."""
    recorded = once.record(lambda by: truyvet.qr_codes.end(venue_id, serial, wanted.at, by), UUID)
    return _placed(truyvet, _as_of(truyvet, recorded.id, recorded.position), serial, recorded.position)


@router.get("/venues/{venue_id}/qr-codes", response_model=Page[CodeAnswer],
            responses=problems(404, 504) | list_responses(_EXAMPLE, _COLUMNS))  # fmt: skip
def codes(venue_id: PathId, truyvet: App, position: LogPosition, listing: List) -> Response:
    """Every code that was ever issued to the venue, the oldest first."""
    position = position if listing.cursor is None else min(listing.cursor.position, position)
    venue = _as_of(truyvet, truyvet.venues.get(venue_id).id, position)
    shown = [_answer(truyvet, venue, serial) for serial in venue.qr_codes]
    return listing.answer(position, Rows(shown, lambda code: code.serial, _dumped, _COLUMNS))


@router.get("/venues/{venue_id}/qr-code", response_model=PlacedCode,
            responses=problems(404) | {200: {"content": {kind: {} for kind in (PNG, SVG)}}})  # fmt: skip
def code(
    venue_id: PathId,
    request: Request,
    truyvet: App,
    wanted: Annotated[
        Literal["json", "png", "svg"] | None, Query(alias="format", description="What Accept says when left out")
    ] = None,
) -> Response:
    """The newest code that counts now: drawn, for printing about 15 cm wide, or told."""
    current = truyvet.qr_codes.current(venue_id)
    kind = accepted(request, tuple(_FORMATS.values())) if wanted is None else _FORMATS[wanted]
    headers = {"Vary": "Accept"}
    if kind == PNG:
        return Response(posters.png(_url(truyvet, current)), media_type=PNG, headers=headers)
    if kind == SVG:
        return Response(posters.svg(_url(truyvet, current)), media_type=SVG, headers=headers)
    venue = truyvet.venues.get(venue_id)
    answer = _placed(truyvet, venue, current.serial, truyvet.log.position_of(venue.id, venue.version))
    return JSONResponse(answer.model_dump(mode="json"), headers=headers)


@router.get("/venues/{venue_id}/poster", response_class=HTMLResponse, responses=problems(404))
def poster(
    venue_id: PathId,
    truyvet: App,
    lang: Annotated[Literal["vi", "en", "both"], Query(description="Vietnamese, English or both")] = "both",
) -> Response:
    """A page of A4 with the newest code that counts now, to be printed and hung up."""
    current = truyvet.qr_codes.current(venue_id)
    languages = posters.LANGUAGES if lang == "both" else (lang,)
    page = posters.poster(truyvet.venues.get(venue_id), current, _url(truyvet, current), languages)
    return HTMLResponse(page, headers={"Content-Security-Policy": _ONLY_ITSELF})


@router.post("/qr-codes/reading", responses=problems(400, 404, 413, 415))
def read(scanned: Reading, truyvet: App, who: Who) -> Read:
    """Whose code it is; nothing is recorded. A foreign, altered, forged or ended code has a problem type of its own."""
    venue_id = truyvet.qr_codes.read(scanned.text, scanned.at)
    who.reach(venue_id)
    venue = truyvet.venues.get(str(venue_id))
    return Read(venue_id=venue.id, code=venue.code, name=venue.name)


@router.get("/qr-codes/signing-keys", response_model=Page[SigningKey],
            responses=problems(504) | list_responses(_KEY_EXAMPLE, columns_of(SigningKey)))  # fmt: skip
def signing_keys(truyvet: App, position: LogPosition, listing: List) -> Response:
    """The public keys, oldest first: with them an app knows a true code without a connection.

    A payload is the letter `1` and the base32 of 90 bytes: signing key (4), venue (16), serial (2), signature (64),
    checksum (4). Signed is the letter and the first 22 bytes; the checksum is the CRC-32 of all before it.
    """
    signer = truyvet.qr_codes.signer
    shown = [
        SigningKey(
            signing_key=key_id.hex(), public_key=base64.b64encode(public).decode(), algorithm="Ed25519",
            signs_new_codes=key_id == signer.newest,
        )
        for key_id, public in signer.public_keys.items()
    ]  # fmt: skip
    return listing.answer(position, Rows(shown, lambda key: key.signing_key, _dumped, columns_of(SigningKey)))


def _as_of(truyvet: Truyvet, venue_id: UUID, position: int) -> Venue:
    venue = truyvet.log.load(Venue, venue_id, position)
    if venue is None:
        raise unknown_venue()
    return venue


def _placed(truyvet: Truyvet, venue: Venue, serial: int, position: int) -> PlacedCode:
    return PlacedCode(**dict(_answer(truyvet, venue, serial)), position=position)


def _answer(truyvet: Truyvet, venue: Venue, serial: int) -> CodeAnswer:
    printed = truyvet.qr_codes.printed(venue, serial)
    _, issued, text = printed
    return CodeAnswer(
        venue_id=venue.id, serial=serial, signing_key=issued.signing_key, issued_at=to_text(issued.issued_at),
        ends_at=None if issued.ends_at is None else to_text(issued.ends_at), payload=text,
        url=_url(truyvet, printed),
    )  # fmt: skip


def _url(truyvet: Truyvet, printed: PrintedCode) -> str:
    """In capitals, of which a code holds twice as many."""
    return f"{truyvet.settings.code_url}{printed.text}".upper()


def _dumped(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json")
