"""The OpenAPI document, and Swagger UI with no other host than this one."""

from importlib.resources import as_file, files
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from api.http.access import RIGHTS
from api.http.problems import SCHEMA, documented

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


def _say_who_may(route: str, operation: dict[str, Any]) -> None:
    """Every route but health needs a key, and has the answers to one that is none or not enough."""
    if route not in RIGHTS:
        return
    roles = ", ".join(sorted(RIGHTS[route].roles))
    operation["description"] = f"{operation.get('description', '')}\n\nRoles: {roles}.".strip()
    operation["security"] = [{"access key": []}]
    operation["responses"] = dict(
        sorted((operation["responses"] | {str(status): documented(status) for status in (401, 403)}).items())
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is never null: a URL or a header has no way to say so."""
    choices: list[dict[str, Any]] = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {name: value for name, value in schema.items() if name != "anyOf"} | choices[0]


_written: Final[dict[str, Any]] = {}
"""Once for the process, as it takes half a second: every application here has the same routes."""


def _openapi(app: FastAPI) -> dict[str, Any]:
    if not _written:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document["components"]["schemas"]["Problem"] = SCHEMA
        document["components"]["securitySchemes"] = {"access key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _say_who_may(f"{method.upper()} {path}", operation)
                for parameter in operation.get("parameters", []):
                    parameter["schema"] = _without_null(parameter["schema"])
        _written.update(document)
    return _written
