"""Who may ask the studio: under which name, from which page, and with which password."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

import pytest
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from shelftalk.errors import InvalidSettings
from shelftalk.studio.gate import FORM_BYTES, Gate
from shelftalk.studio.sign_in import Address, SignIn, new_password, parse_address
from shelftalk.translations.texts import texts

PASSWORD = "a" * 31 + "é"
PUBLIC = "https://shop.example.org"
PORT = 8501
PAGE = {"accept": "text/html,*/*;q=0.8"}
WORDS = {name: texts(name) for name in ("en", "pt-BR")}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path that was asked for, a cookie and a cache's header, as Streamlit does."""
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        if socket.url.path == "/wait":
            async for text in socket.iter_text():
                await socket.send_text(text)
            return
        await socket.send_text(socket.url.path)
        await socket.close()
        return
    response = PlainTextResponse(f"reached {Request(scope).url.path}")
    MutableHeaders(raw=response.raw_headers).update(
        {"set-cookie": "_streamlit_xsrf=2|a; Path=/; SameSite=Strict", "cache-control": "public, immutable"}
    )
    await response(scope, receive, send)


def local(host: str = f"localhost:{PORT}") -> TestClient:
    return TestClient(Gate(echo, PORT), base_url=f"http://{host}", follow_redirects=False)


def public(address: str = "shop.example.org", base_url: str = PUBLIC, **headers: str) -> TestClient:
    gate = Gate(echo, PORT, SignIn(parse_address(address), PASSWORD))
    return TestClient(gate, base_url=base_url, follow_redirects=False, headers=headers)


def enter(client: TestClient, path: str = "/", password: str = PASSWORD, **headers: str) -> Any:
    return client.post(path, data={"password": password}, headers={**PAGE, **headers})


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "LOCALHOST", "localhost.:80"])
def test_the_local_studio_answers_to_local_names(host: str) -> None:
    assert local(host).get("/").text == "reached /"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "",
        "[",
        "a:b:c",
        "localhost:port",
        "evil.example, localhost",
        "192.0.2.7:8501",
        "<script>alert(1)</script>",
    ],
)
def test_a_foreign_name_gets_a_sentence_that_repeats_nothing_of_it(host: str) -> None:
    for headers in ({"host": host}, {"x-forwarded-host": host}):
        answer = local().get(f"/?x={quote(host)}", headers={**PAGE, **headers})
        assert answer.status_code == 403
        assert "shelftalk studio --public-host NAME" in answer.text
        assert "evil" not in answer.text and "<script" not in answer.text and "192.0.2.7" not in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_every_host_header_counts() -> None:
    hosts = [("host", "localhost"), ("host", "evil.example")]
    assert local().get("/", headers=hosts).status_code == 403


def test_a_sentence_is_in_the_language_of_the_browser_and_of_the_address() -> None:
    foreign = {**PAGE, "host": "evil.example"}
    for headers, path, language in (
        ({"accept-language": "pt-PT,pt;q=0.9,en;q=0.8"}, "/", "pt-BR"),
        ({"accept-language": "en-GB,pt;q=0.9"}, "/", "en"),
        ({"accept-language": "en"}, "/?lang=pt-BR", "pt-BR"),
        ({"accept-language": "*"}, "/?lang=%22%3E", "en"),
    ):
        answer = local().get(path, headers={**foreign, **headers})
        assert WORDS[language]["refused.name"] in answer.text
        assert f'<html lang="{language}">' in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null", "https://[", "file://"])
def test_a_foreign_page_neither_reads_nor_opens_the_websocket(origin: str) -> None:
    assert local().get("/_stcore/health", headers={"origin": origin}).status_code == 403
    assert refused(local(), "/_stcore/stream", {"origin": origin})
    assert not refused(local(), "/_stcore/stream", {"origin": f"http://localhost:{PORT}"})


def refused(client: TestClient, path: str, headers: dict[str, str]) -> bool:
    try:
        url = client.base_url.copy_with(scheme="wss" if client.base_url.scheme == "https" else "ws", path=path)
        with client.websocket_connect(str(url), headers=headers) as socket:
            assert socket.receive_text() == path
    except (WebSocketDisconnect, WebSocketDenialResponse):
        return True
    return False


def test_a_page_behind_a_proxy_that_hides_its_name_says_so_in_place_of_its_program() -> None:
    hidden = {"referer": "https://shop.example.org/compare", "accept": "*/*"}
    answer = local().get("/static/js/index.js", headers=hidden)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert "document.body.textContent" in answer.text and "--public-host" in answer.text
    assert local().get("/_stcore/health", headers=hidden).status_code == 403
    assert local().get("/", headers={**PAGE, "referer": "https://elsewhere.example/"}).text == "reached /"  # a link


def test_without_the_password_nothing_is_answered() -> None:
    client = public()
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for path in ("/", "/_stcore/health", "/static/js/index.js", "/media/a.png", "/_stcore/upload_file/a/b"):
            answer = client.request(method, path, headers={"cookie": f"shelftalk_{PORT}=guess; other=1"})
            assert answer.status_code == 401, (method, path)
            assert "reached" not in answer.text and "set-cookie" not in answer.headers
    assert refused(client, "/_stcore/stream", {"origin": PUBLIC})


@pytest.mark.parametrize("wrong", ["", "a" * 32, PASSWORD[:-1], PASSWORD + "a", "A" + PASSWORD[1:], "x" * FORM_BYTES])
def test_a_wrong_password_is_refused(wrong: str) -> None:
    answer = enter(public(), password=wrong)
    assert answer.status_code == 403
    assert WORDS["en"]["sign_in.wrong"] in answer.text and 'role="alert"' in answer.text
    assert 'aria-invalid="true"' in answer.text and "aria-invalid" not in public().get("/", headers=PAGE).text
    assert "set-cookie" not in answer.headers
    assert not wrong or wrong not in answer.text


def test_the_password_opens_every_route_and_the_websocket() -> None:
    client = public()
    answer = enter(client, "/compare?lang=pt-BR", password=f" {PASSWORD}\n")
    assert (answer.status_code, answer.headers["location"]) == (303, "?lang=pt-BR")
    cookie = answer.headers["set-cookie"]
    token = re.match(rf"shelftalk_{PORT}=([\w-]{{43}}); ", cookie)
    assert token and token[1] not in PASSWORD
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
    assert client.get("/_stcore/health").text == "reached /_stcore/health"
    assert client.put("/_stcore/upload_file/a/b", headers={"origin": PUBLIC}).status_code == 200
    sent = {"cookie": f"shelftalk_{PORT}=older; shelftalk_{PORT}={token[1]}", "origin": PUBLIC}
    assert not refused(client, "/_stcore/stream", sent)
    for origin in ("https://evil.example", "https://shop.example.org:9", "http://shop.example.org", "null"):
        assert refused(client, "/_stcore/stream", {**sent, "origin": origin}), origin
        assert client.put("/_stcore/upload_file/a/b", headers={"origin": origin}).status_code == 403
    assert enter(client).status_code == 303  # a second form, in another tab


def test_a_foreign_form_cannot_sign_in() -> None:
    answer = enter(public(), origin="https://evil.example")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "shop.example.org.evil.example", "xshop.example.org"])
def test_the_public_studio_refuses_other_names_even_with_the_password(host: str) -> None:
    client = public()
    enter(client)
    for headers in ({"host": host}, {"x-forwarded-host": host}):
        answer = client.get("/", headers={**PAGE, **headers})
        assert answer.status_code == 403
        assert WORDS["en"]["refused.public_name"] in answer.text


def test_a_proxy_may_replace_host_and_origin_by_local_names_as_codespaces_does() -> None:
    client = public("ana-8501.app.github.dev", base_url=f"https://localhost:{PORT}")
    enter(client)
    for origin in (f"http://localhost:{PORT}", f"https://localhost:{PORT}", "https://ana-8501.app.github.dev"):
        sent = {"origin": origin, "x-forwarded-host": "ana-8501.app.github.dev"}
        assert client.put("/_stcore/upload_file/a/b", headers=sent).status_code == 200, origin
    assert client.get("/", headers={"origin": "http://localhost:3000"}).status_code == 403
    sentence = local().get("/", headers={**PAGE, "x-forwarded-host": "ana-8501.app.github.dev"})
    assert WORDS["en"]["refused.name"] in sentence.text


def test_over_plain_http_the_cookie_is_kept_too() -> None:
    client = public(base_url="http://shop.example.org")
    assert "Secure" not in enter(client, origin="http://shop.example.org").headers["set-cookie"]
    assert client.get("/").text == "reached /"


def test_the_published_port_of_a_container_may_be_another_one() -> None:
    """As the Dockerfile's command and docs/install.md say: the browser sees the machine's port, the studio its own."""
    client = public("127.0.0.1:9000", "http://127.0.0.1:9000")
    assert client.get("/", headers=PAGE).status_code == 401
    assert enter(client, origin="http://127.0.0.1:9000").status_code == 303
    assert client.get("/").text == "reached /"
    assert client.put("/_stcore/upload_file/a/b", headers={"origin": "http://127.0.0.1:9000"}).status_code == 200
    assert client.put("/_stcore/upload_file/a/b", headers={"origin": "http://10.0.0.1:9000"}).status_code == 403


def test_no_other_site_can_frame_the_studio_with_or_without_a_password() -> None:
    client = public()
    enter(client)
    for answer in (local().get("/"), local().put("/_stcore/upload_file/a/b"), client.get("/")):
        assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert local().get("/").headers["cache-control"] == "public, immutable"


def test_cookies_of_streamlit_are_secure_behind_tls_and_nothing_is_kept_by_shared_caches() -> None:
    client = public()
    enter(client)
    answer = client.get("/")
    assert answer.headers["set-cookie"] == "_streamlit_xsrf=2|a; Path=/; SameSite=Strict; Secure"
    assert answer.headers["cache-control"] == "private, immutable"


def test_a_proxy_may_keep_the_prefix_or_remove_it() -> None:
    client = public("shop.example.org/studio")
    assert "Path=/studio;" in enter(client, "/studio/").headers["set-cookie"]
    for path in ("/studio/_stcore/health", "/_stcore/health"):
        sent = {"cookie": f"shelftalk_{PORT}={client.cookies[f'shelftalk_{PORT}']}"}
        assert client.get(path, headers=sent).text == "reached /studio/_stcore/health"
    redirect = client.get("/studio?lang=en")
    assert (redirect.status_code, redirect.headers["location"]) == (307, "/studio/?lang=en")
    assert client.get("/studios", headers=sent).text == "reached /studio/studios"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "//evil.example/%2e%2e?next=//evil.example"])
def test_signing_in_leads_to_no_other_host(path: str) -> None:
    location = enter(public(), f"{PUBLIC}{path}").headers["location"]
    assert location.startswith("?")


def test_the_right_password_signs_in_whatever_strangers_send() -> None:
    client = public()
    for _ in range(100):
        assert enter(client, password="wrong").status_code == 403
        assert client.post("/wp-login.php", data={"log": "admin", "pwd": "admin"}).status_code == 403
    assert enter(client).status_code == 303


def test_a_websocket_is_closed_when_its_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.studio.sign_in.SESSION_SECONDS", 1.0)
    for busy in (False, True):
        client = public()
        enter(client)
        with client.websocket_connect("wss://shop.example.org/wait", headers={"origin": PUBLIC}) as socket:
            end = time.monotonic() + 20
            with pytest.raises(WebSocketDisconnect) as closed:
                while time.monotonic() < end:
                    if busy:
                        socket.send_text("more")
                    assert socket.receive_text() == "more"
        assert closed.value.code == 1008
        assert refused(client, "/_stcore/stream", {"origin": PUBLIC})


def test_a_session_ends_after_half_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("shelftalk.studio.sign_in.time.monotonic", lambda: now[0])
    door = SignIn(Address("a", "a", ""), PASSWORD)
    token = door.open(PASSWORD)
    assert token is not None and door.seconds_left(token) == 12 * 3600
    assert door.seconds_left("") == door.seconds_left(token[:-1]) == 0
    assert door.open("") is None
    now[0] = 12 * 3600
    assert door.seconds_left(token) == 0


def test_passwords_are_32_characters_and_never_the_same() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {32}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("shop.example.org", Address("shop.example.org", "shop.example.org", "")),
        ("https://Shop.Example.org/", Address("shop.example.org", "shop.example.org", "")),
        ("http://shop.example.org:80/studio/", Address("shop.example.org", "shop.example.org", "/studio")),
        ("shop.example.org:8443/a/b_c", Address("shop.example.org", "shop.example.org:8443", "/a/b_c")),
        ("192.0.2.7:08501", Address("192.0.2.7", "192.0.2.7:8501", "")),
        ("loja-são.example", Address("xn--loja-so-2wa.example", "xn--loja-so-2wa.example", "")),
        ("name-8501.app.github.dev", Address("name-8501.app.github.dev", "name-8501.app.github.dev", "")),
    ],
)
def test_an_address_is_read_as_the_address_bar_shows_it(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "0.0.0.0",
        "*.example.org",
        "a b",
        "user@shop.example.org",
        "shop.example.org:0",
        "shop.example.org:99999",
        "shop.example.org:x",
        "shop.example.org?x",
        "shop.example.org/#x",
        "shop.example.org/../x",
        "a..b",
        "[::1]",
        "ftp://shop.example.org",
        "shop.example.org/é",
        "x" * 64,
        "a." * 200,
        "shop.example.org,evil.example",
        "-",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="give what the browser shows"):
        parse_address(text)
