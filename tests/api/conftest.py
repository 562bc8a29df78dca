from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.served import WatchedEngine, make_app


def client_of(engine: WatchedEngine) -> TestClient:
    """Return a client of an application without a key; a failure of the server is an answer, as it would be outside."""
    return TestClient(make_app(engine), base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="package")
def shared() -> Iterator[tuple[WatchedEngine, TestClient]]:
    engine = WatchedEngine()
    with client_of(engine) as client:
        yield engine, client


@pytest.fixture
def engine(shared: tuple[WatchedEngine, TestClient]) -> WatchedEngine:
    """The engine of `client`, which has not been called."""
    shared[0].calls.clear()
    return shared[0]


@pytest.fixture
def client(shared: tuple[WatchedEngine, TestClient], engine: WatchedEngine) -> TestClient:
    """A client of one application for many tests."""
    return shared[1]


@pytest.fixture
def fresh_client() -> Iterator[TestClient]:
    """A client of an application that nobody has asked yet, and that may be spoilt."""
    with client_of(WatchedEngine()) as client:
        yield client
