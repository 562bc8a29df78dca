from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.served import WatchedEngine, make_app


@pytest.fixture
def engine() -> WatchedEngine:
    return WatchedEngine()


@pytest.fixture
def client(engine: WatchedEngine) -> Iterator[TestClient]:
    """A client of an application without a key; an exception in the server becomes a response, as over a network."""
    with TestClient(make_app(engine), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client
