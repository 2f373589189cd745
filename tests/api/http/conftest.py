"""The application over HTTP, in this process."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import Truyvet
from api.http import create_app
from tests.api.http.asking import Api


@pytest.fixture
def api(truyvet: Truyvet) -> Iterator[Api]:
    with TestClient(create_app(truyvet), raise_server_exceptions=False) as client:
        yield Api(client, truyvet)
