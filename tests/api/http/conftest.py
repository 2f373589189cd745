"""The application over HTTP, in this process."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import Truyvet
from api.http import create_app
from tests.api.http.asking import Api, bearer


@pytest.fixture
def api(truyvet: Truyvet) -> Iterator[Api]:
    """As an admin, whose key is the first event of the log."""
    _, key = truyvet.access_keys.create("admin")
    app = create_app(truyvet)
    with TestClient(app, raise_server_exceptions=False, headers=bearer(key)) as client:
        yield Api(client, truyvet, key)
