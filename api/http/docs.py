"""The OpenAPI document, and Swagger UI with no other host than this one."""

from importlib.resources import as_file, files
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from api.http.problems import SCHEMA

_ASSETS: Final = "/docs/assets"
_ONLY_US: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def document(app: FastAPI) -> None:
    """Serve the document at /openapi.json and its page at /docs."""
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # the way that FastAPI documents
    with as_file(files("fastapi_offline").joinpath("static")) as static:
        app.mount(_ASSETS, StaticFiles(directory=static))
    app.add_api_route("/docs", _page, include_in_schema=False)


async def _page() -> HTMLResponse:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="truyvet",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},  # it would send the document to another host
    )
    page.headers["Content-Security-Policy"] = _ONLY_US
    return page


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document["components"]["schemas"]["Problem"] = SCHEMA
        app.openapi_schema = document
    return app.openapi_schema
