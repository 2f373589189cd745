"""The call list as files for diallers and offices, in one archive with its manifest. docs/diallers.md."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from api.exports import DiallerFormat, Split, Wanted, export_due, form_of, zip_archive
from api.http.call_list import instant, only
from api.http.given import App
from api.http.lists import POSITION_HEADER, AsOf, RegisterAsOf
from api.http.problems import problems
from api.http.reports import UnitCode
from domain.call_list import Filter

router = APIRouter(prefix="/v1/call-list", tags=["calls"])

ZIP: Final = "application/zip"
_BLOCK: Final = 1 << 16
_ARCHIVE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The files, and `manifest.json`, which says what is in each",
        "headers": {POSITION_HEADER: {"schema": {"type": "integer"}, "description": "What the list is as of"}},
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Archive(StreamingResponse):
    media_type = ZIP


@router.get("/export", response_class=Archive, responses=problems(403, 404, 504) | _ARCHIVE)
def export(
    truyvet: App,
    position: RegisterAsOf,
    only: Annotated[Filter, Depends(only)],
    format: Annotated[DiallerFormat, Query(description="What the dialler takes")] = DiallerFormat.generic,  # noqa: A002 # the parameter's name
    split: Annotated[Split, Query(description="By commune of residence, a file for each")] = Split.none,
    unit: UnitCode | None = None,
    as_of: AsOf = None,
) -> Archive:
    """What is due and nobody holds, the most urgent first; who has no phone, in a file apart. Whole, or refused."""
    wanted = Wanted(
        form=form_of(format, truyvet.settings),
        split=split,
        at=instant(truyvet, as_of, position),
        only=only,
        filters={"campaign": only.campaign, "level": only.level, "unit": unit},
        as_of=None if as_of is None else position,
    )
    file = TemporaryFile()  # noqa: SIM115 # closed when it was sent
    try:
        with zip_archive(file) as sink:
            manifest = export_due(truyvet, wanted, sink)
    except BaseException:
        file.close()
        raise
    return _sent(file, manifest["position"])


def _sent(file: IO[bytes], position: int) -> Archive:
    headers = {
        "Content-Length": str(file.tell()),
        "Content-Disposition": f'attachment; filename="call-list-{position}.zip"',
        POSITION_HEADER: str(position),
    }
    file.seek(0)
    return Archive(_blocks(file), headers=headers, background=BackgroundTask(file.close))


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
