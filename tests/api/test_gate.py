"""Access control and body limits; every invalid request gets an error in the common format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from shelftalk.api.gate import METHODS
from shelftalk.api.limits import KEYS, Limits
from shelftalk.errors import InvalidSettings
from tests.api.served import KEY, RUN, WatchedEngine, connect, make_app, raw_request, running

AUTHORIZED = {"authorization": f"Bearer {KEY}"}
POSTS = ("/v1/completions", "/v1/chat/completions", "/v1/describe")
JSON = {"content-type": "application/json"}


def all_paths() -> list[str]:
    """Return every path of the application, also undocumented ones, and some that do not exist."""
    app = make_app()
    routed = {route.path for route in app.routes if isinstance(route, Route)} | set(app.openapi()["paths"])
    assert {"/openapi.json", "/health", "/metrics", *POSTS} <= routed
    return sorted({path.replace("{model}", RUN) for path in routed} | {"/docs", "/redoc", "/", "/nope", "/health/"})


def is_error(body: Any) -> bool:
    return set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}


@pytest.fixture(scope="module")
def keyed() -> Iterator[TestClient]:
    with TestClient(make_app(api_key=KEY), base_url="http://shop.example", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("path", all_paths())
def test_without_the_key_only_health_is_answered(keyed: TestClient, path: str) -> None:
    for method in [*sorted(METHODS), "TRACE", "PROPFIND"]:
        answer = keyed.request(method, path)
        if path == "/health":
            assert answer.status_code == (200 if method == "GET" else 405)
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert method == "HEAD" or answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", f"Bearer {KEY[:-1]}", f"Bearer {KEY}k", f"Basic {KEY}", KEY, f"Bearer {KEY.upper()}"],
)
def test_another_key_is_refused(keyed: TestClient, given: str) -> None:
    assert keyed.get("/v1/models", headers={"authorization": given}).status_code == 401


def test_a_key_with_invalid_characters_is_refused(keyed: TestClient) -> None:
    headers = [(b"authorization", b"Bearer \xff\xfe" + KEY.encode())]
    assert keyed.get("/v1/models", headers=headers).status_code == 401


def test_the_key_opens_every_route_under_any_host(keyed: TestClient) -> None:
    assert keyed.get("/v1/models", headers=AUTHORIZED).status_code == 200
    assert keyed.post("/v1/describe", json={"title": "Oak peg"}, headers=AUTHORIZED).status_code == 200
    document = keyed.get("/openapi.json", headers=AUTHORIZED).json()
    assert document["paths"]["/health"]["get"]["security"] == []
    assert document["paths"]["/v1/describe"]["post"]["security"] == [{"key": []}]


@pytest.mark.parametrize("key", ["", "short", "k" * 31, "ß" * 40, "k" * 40 + "\n", "k" * 20 + " " + "k" * 20])
def test_a_weak_key_is_not_taken(key: str) -> None:
    with pytest.raises(InvalidSettings, match="32 or more"):
        make_app(api_key=key)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:9", "127.1.2.3", "[::1]:8000", "[::1]"])
def test_without_a_key_this_machines_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "0.0.0.0",
        "",
        "[",
        "[::2]",
        "a@b:c",
    ],
)
def test_without_a_key_any_other_name_is_refused(client: TestClient, engine: WatchedEngine, host: str) -> None:
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/describe"), ("GET", "/nope"), ("OPTIONS", "/metrics")):
        answer = client.request(method, path, headers={"host": host})
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "host_not_allowed"
    assert client.get("/health", headers={"host": host}).status_code == 200
    assert engine.calls == []


def test_a_web_page_cannot_post_without_asking_and_is_not_allowed_when_it_asks(
    client: TestClient, engine: WatchedEngine
) -> None:
    body = json.dumps({"title": "Oak peg"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        headers = {"origin": "https://evil.example", **({} if kind is None else {"content-type": kind})}
        assert client.post("/v1/describe", content=body, headers=headers).status_code == 400
    asked = client.options(
        "/v1/describe", headers={"origin": "https://evil.example", "access-control-request-method": "POST"}
    )
    assert asked.status_code == 405
    assert not any(name.startswith("access-control") for name in asked.headers)
    assert engine.calls == []


def test_every_answer_has_the_safe_headers(client: TestClient) -> None:
    for answer in (client.get("/health"), client.get("/nope"), client.post("/v1/describe"), client.delete("/metrics")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_a_body_is_refused_at_its_limit_with_or_without_a_content_length() -> None:
    engine = WatchedEngine()
    with TestClient(make_app(engine, Limits(body_bytes=1000)), base_url="http://localhost") as client:
        fits = json.dumps({"title": "x" * 900}).encode()
        assert client.post("/v1/describe", content=fits, headers=JSON).status_code == 200
        called = len(engine.calls)
        for path in (*POSTS, "/nope", "/v1/models", "/health"):
            answer = client.post(path, content=b"x" * 1001, headers=JSON)
            assert answer.status_code == 413, path
            assert answer.json()["error"]["code"] == "body_too_large"
        for path in POSTS:
            answer = client.post(path, content=iter([b"x" * 600] * 2), headers=JSON)
            assert answer.status_code == 413, path
            assert is_error(answer.json())
        assert client.get("/v1/models").status_code == 200
        assert len(engine.calls) == called


def test_a_body_without_end_is_refused_while_it_is_read() -> None:
    """Send an endless chunked body over a real connection: the response is sent when the limit is reached."""
    with running(make_app()) as address, connect(address) as connection:
        head = "POST /v1/describe HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        for _ in range(Limits().body_bytes // 65536 + 1):
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


MALFORMED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"a":' * 40_000,
    b'{"title": NaN}',
    b'{"title": "x", "temperature": NaN}',
    b'{"title": "x", "temperature": Infinity}',
    b'{"title": "x", "seed": 1e999}',
    b'{"title": "x", "seed": ' + b"9" * 6000 + b"}",
    b'{"title": "\\ud800"}',
    b'{"\\udfff": 1, "title": "x"}',
    b'{"model": "\\ud800", "prompt": "x", "messages": [{"role": "user", "content": "x"}]}',
    b'{"title": "x", "references": {"a": [1, 2, {"\\ud800": "\\udfff"}]}}',
    b'{"title": "\\u0000"' + b" " * 1000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("path", POSTS)
def test_a_malformed_body_is_refused_in_the_common_format(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers=JSON)
    assert answer.status_code in (400, 404), answer.text
    assert is_error(json.loads(answer.content.decode("utf-8")))


def test_json_that_python_does_not_read_is_refused_as_what_it_is(client: TestClient) -> None:
    deep = b'{"model": "base", "prompt": "x", "metadata": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    long = b'{"model": "base", "prompt": "x", "seed": ' + b"9" * 5000 + b"}"
    for body, said in ((deep, "nested too deeply"), (long, "a number that is too long"), (b"\xff\xff", "not JSON")):
        answer = client.post("/v1/completions", content=body, headers=JSON)
        assert answer.status_code == 400
        assert said in answer.json()["error"]["message"]


def test_an_object_of_many_keys_costs_one_error(client: TestClient) -> None:
    many = dict.fromkeys(map(str, range(100_000)), 1)
    for path, body, name in (
        ("/v1/completions", many, "The body"),
        ("/v1/describe", {"title": "x", "attributes": many}, "attributes"),
        ("/v1/chat/completions", {"model": RUN, "messages": [{"role": "user", "content": "x", **many}]}, "messages.0"),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith(f"{name}: An object should have at most {KEYS} keys, got")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/json; charset=\xff\xfe")],
        [(b"content-type", b"\xff/\xfe")],
        [(b"content-type", b";;;===,,,")],
        [(b"content-type", b"application/json"), (b"accept-language", b"\xe2\x28\xa1")],
        [(b"content-type", b"application/json"), (b"cookie", b"\xff=\xfe; ;;=")],
        [(b"content-type", b"application/json"), (b"content-length", b"\xb2")],
        [(b"content-type", b"application/json"), (b"authorization", b"\xff" * 100)],
    ],
    ids=range(7),
)
def test_headers_in_invalid_encodings_do_no_harm(client: TestClient, headers: list[tuple[bytes, bytes]]) -> None:
    answer = client.post("/v1/describe", content=b'{"title": "Oak peg"}', headers=headers)
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or is_error(answer.json())


@pytest.mark.parametrize("path", ["/%ff%fe", "/v1/models/%ED%A0%80", "/v1//models", "/../etc/passwd", "/v1/models/%00"])
def test_malformed_paths_are_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert is_error(answer.json())


def test_a_method_that_a_route_does_not_allow_is_405(client: TestClient) -> None:
    answer = client.delete("/v1/describe")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert is_error(answer.json())


def test_a_defect_is_an_answer_without_details(fresh_client: TestClient) -> None:
    object.__setattr__(fresh_client.app.state.service, "created", "secret")  # type: ignore[attr-defined]
    answer = fresh_client.get("/v1/models")
    assert answer.status_code == 500
    assert is_error(answer.json())
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_not_http_is_refused_and_the_server_goes_on() -> None:
    with running(make_app()) as address:
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a\r\nx\xff: 1\r\n\r\n",
        ):
            with connect(address) as connection:
                connection.sendall(garbage)
                head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 400 ")
                assert is_error(json.loads(body))
        with connect(address) as connection:
            connection.sendall(raw_request("/v1/describe", b'{"title": "Oak peg"}'))
            assert connection.recv(12) == b"HTTP/1.1 200"
