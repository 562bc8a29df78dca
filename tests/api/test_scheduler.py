"""Parallel and waiting requests are limited, and work is cancelled when its client disconnects."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from shelftalk.api.limits import Limits
from shelftalk.errors import InvalidSettings
from shelftalk.generation.engine import Engine
from shelftalk.records import Description
from tests.api.served import ENDLESS, RUN, WatchedEngine, connect, make_app, raw_request, running, until

PAUSE = 0.02  # between words; a thousand of them, the longest text, take twenty seconds
ENDLESS_BODIES = {
    "/v1/completions": {"model": RUN, "prompt": ENDLESS, "max_tokens": 1000},
    "/v1/chat/completions": {"model": "base", "messages": [{"role": "user", "content": ENDLESS}], "max_tokens": 1000},
    "/v1/describe": {"title": ENDLESS, "max_new_tokens": 1000},
}
WAYS = [(path, stream) for path in ENDLESS_BODIES for stream in (False, True) if not (stream and "describe" in path)]


class BusyServer:
    """A real server with one slot and a queue of two, and its current state."""

    def __init__(self, address: str, engine: WatchedEngine, app: Any) -> None:
        self.address, self.engine, self.app = address, engine, app

    def send(self, path: str = "/v1/describe", stream: bool = False) -> socket.socket:
        connection = connect(self.address)
        body = {**ENDLESS_BODIES[path], **({"stream": True} if stream else {})}
        connection.sendall(raw_request(path, json.dumps(body).encode()))
        return connection

    @property
    def waiting(self) -> int:
        return int(self.app.state.service.scheduler.waiting)


@pytest.fixture
def busy() -> Iterator[BusyServer]:
    engine = WatchedEngine(PAUSE)
    app = make_app(engine, Limits(slots=1, queue=2))
    with running(app) as address:
        yield BusyServer(address, engine, app)


@pytest.mark.parametrize(("path", "stream"), WAYS)
def test_computing_ends_soon_after_a_client_hangs_up(busy: BusyServer, path: str, stream: bool) -> None:
    """Soon: before the text is written to its end."""
    with busy.send(path, stream) as connection:
        until(lambda: busy.engine.computing == 1)
        if stream:
            assert connection.recv(12) == b"HTTP/1.1 200"
    until(lambda: busy.engine.computing == 0)
    assert busy.engine.completed == 0
    with busy.send():
        until(lambda: busy.engine.computing == 1)  # the slot is free again


def test_a_request_whose_client_disconnects_while_waiting_is_never_computed(busy: BusyServer) -> None:
    with busy.send() as computing:
        until(lambda: busy.engine.computing == 1)
        with busy.send("/v1/completions", stream=True), busy.send():
            until(lambda: busy.waiting == 2)
        until(lambda: busy.waiting == 0)
        computing.close()
        until(lambda: busy.engine.computing == 0)
    assert (len(busy.engine.calls), busy.engine.completed) == (1, 0)


def test_a_full_queue_is_429_and_room_is_made_again(busy: BusyServer) -> None:
    with busy.send(), busy.send(), busy.send():
        until(lambda: busy.engine.computing == 1 and busy.waiting == 2)
        for path, stream in WAYS:
            with busy.send(path, stream) as refused:
                answer = http.client.HTTPResponse(refused)
                answer.begin()
                assert answer.status == 429
                assert int(answer.headers["retry-after"]) > 0
                assert json.loads(answer.read())["error"]["code"] == "queue_full"
        with connect(busy.address) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert b"shelftalk_queue_depth 2.0" in b"".join(iter(lambda: connection.recv(65536), b""))
    until(lambda: busy.engine.computing == 0 and busy.waiting == 0)
    assert busy.engine.completed == 0
    with busy.send():
        until(lambda: busy.engine.computing == 1)


def test_no_more_compute_at_once_than_there_are_slots() -> None:
    engine = WatchedEngine(PAUSE)
    most = 0
    with running(make_app(engine, Limits(slots=2, queue=20))) as address:
        body = json.dumps({"title": "Oak peg", "max_new_tokens": 3}).encode()
        connections = [connect(address) for _ in range(10)]
        for connection in connections:
            connection.sendall(raw_request("/v1/describe", body))
        while len(engine.calls) < 20:
            most = max(most, engine.computing)
        assert [connection.recv(12) for connection in connections] == [b"HTTP/1.1 200"] * 10
        for connection in connections:
            connection.close()
    assert most == 2


class Failing(WatchedEngine):
    """Generates `words` words and raises `error`."""

    def __init__(self, error: Exception, words: int) -> None:
        super().__init__()
        self.error, self.words = error, words

    def complete(self, prompt: str, **options: Any) -> Description:
        for _ in range(self.words):
            options["on_text"]("word ")
        raise self.error


@contextmanager
def client_of(engine: Engine) -> Iterator[TestClient]:
    with TestClient(make_app(engine), base_url="http://localhost", raise_server_exceptions=False) as client:  # type: ignore[arg-type]
        yield client


@pytest.mark.parametrize("path", ENDLESS_BODIES)
@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_failure_is_503_without_the_reason(path: str, stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    body = {**ENDLESS_BODIES[path], **({"stream": True} if stream and "describe" not in path else {})}
    with client_of(Failing(RuntimeError("secret"), words=0)) as client:
        for _ in range(5):  # more often than there are slots
            answer = client.post(path, json=body)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "engine_failed"
            assert "secret" not in answer.text
    assert "secret" in caplog.text


def test_an_engine_failure_during_a_stream_ends_it_with_the_error() -> None:
    with client_of(Failing(RuntimeError("secret"), words=3)) as client:
        answer = client.post("/v1/completions", json={"model": RUN, "prompt": "x", "stream": True})
    assert answer.status_code == 200
    *_, last, end = answer.text.split("\n\n")
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "engine_failed"
    assert end == ""
    assert "secret" not in answer.text


def test_settings_that_an_engine_refuses_are_the_clients_mistake() -> None:
    with client_of(Failing(InvalidSettings("The prompt has 9000 tokens, at most 8192 fit."), words=0)) as client:
        answer = client.post("/v1/describe", json={"title": "x"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The prompt has 9000 tokens, at most 8192 fit."


def test_the_end_of_the_server_ends_what_computes_and_what_waits(busy: BusyServer) -> None:
    streaming, waiting = busy.send("/v1/completions", stream=True), busy.send()
    until(lambda: busy.engine.computing == 1 and busy.waiting == 1)
    assert streaming.recv(12) == b"HTTP/1.1 200"
    threading.Thread(target=busy.app.state.service.scheduler.close).start()
    until(lambda: busy.engine.computing == 0)
    refused = http.client.HTTPResponse(waiting)
    refused.begin()
    assert (refused.status, json.loads(refused.read())["error"]["code"]) == (503, "shutting_down")
    with busy.send() as late:
        assert late.recv(12) == b"HTTP/1.1 503"
    text = b""
    while b"shutting_down" not in text:
        text += streaming.recv(65536)
    streaming.close()
    waiting.close()
    assert (len(busy.engine.calls), busy.engine.completed) == (1, 0)
