"""The studio behind a reverse proxy with TLS and a path prefix, in a browser elsewhere; and what strangers get."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")

from playwright.sync_api import Page, expect

from shelftalk.translations.texts import texts
from tests.studio.browser import HOST, WORDS, Studio, Visitor, free_port, settle
from tests.studio.proxy import Proxy

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from shelftalk.workspace import Workspace

PREFIX = "/user/ana/studio"
CATALOGUE = "title,description\n" + "".join(f"Peg {number},Holds {number} coats.\n" for number in range(30))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(free_port(), tmp_path_factory.mktemp("proxy"), PREFIX) as started:
        yield started


@pytest.fixture(scope="module")
def public_studio(studio: Studio, proxy: Proxy, filled_workspace: Workspace) -> Iterator[Studio]:
    """A studio for the proxy's name, on the workspace of the other one, at all addresses as in a container."""
    root = filled_workspace.root
    name = f"shop.example.org:{proxy.port}{PREFIX}"
    started = Studio(root, root.with_name("home-public"), public_host=name, host="0.0.0.0")
    proxy.target = started.port
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def password(public_studio: Studio) -> str:
    said = re.findall(r"^Password, .*: (\S+)$", public_studio.output.read_text(), re.MULTILINE)
    assert [len(one) for one in said] == [32]
    return str(said[0])


@pytest.fixture(scope="module")
def visitor(browser: Browser, proxy: Proxy, public_studio: Studio) -> Iterator[Visitor]:
    """A visitor who knows the proxy only."""
    came = Visitor(browser, f"https://shop.example.org:{proxy.port}{PREFIX}")
    yield came
    came.leave()


def sign_in(page: Page, password: str) -> None:
    page.get_by_label(WORDS["sign_in.label"]).fill(password)
    page.keyboard.press("Enter")


def upload(page: Page, name: str) -> None:
    """Upload a file, and wait until its columns are shown: read from what has arrived."""
    page.get_by_text(WORDS["catalogue.add"]).first.click()
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": CATALOGUE.encode()}
    )
    expect(page.get_by_text("Holds 0 coats.").first).to_be_visible()


def test_a_browser_signs_in_works_and_uploads(visitor: Visitor, proxy: Proxy, password: str) -> None:
    page = visitor.open("compare?lang=en", wait=False, dark=True)
    expect(page.get_by_role("heading", level=1)).to_have_text(WORDS["sign_in.title"])
    expect(page.get_by_label(WORDS["sign_in.label"])).to_be_focused()
    sign_in(page, "a" * 32)
    expect(page.get_by_role("alert")).to_have_text(WORDS["sign_in.wrong"])
    sign_in(page, password)
    settle(page)  # its websocket is connected
    expect(page.get_by_role("heading", level=1)).to_have_text(WORDS["compare.title"])
    expect(page.get_by_text(WORDS["app.public"])).to_be_visible()
    cookies = {one["name"]: one for one in page.context.cookies()}
    session = next(one for name, one in cookies.items() if name.startswith("shelftalk_"))
    assert (session["path"], session["secure"], session["httpOnly"]) == (PREFIX, True, True)
    assert (cookies["_streamlit_xsrf"]["secure"], cookies["_streamlit_xsrf"]["sameSite"]) == (True, "Strict")
    upload(visitor.open("?lang=en"), "kept.csv")
    # Another kind of proxy: it removes the prefix, and passes on no name.
    proxy.keeps_prefix, proxy.keeps_host, proxy.forwards = False, False, ()
    upload(visitor.open("?lang=en"), "removed.csv")


def test_the_sign_in_page_is_accessible_in_both_colours(browser: Browser, visitor: Visitor) -> None:
    from axe_playwright_python.sync_playwright import Axe

    stranger = Visitor(browser, visitor.url)
    for dark, language in ((False, "en"), (True, "pt-BR")):
        page = stranger.open(f"?lang={language}", wait=False, dark=dark)
        expect(page.get_by_role("button")).to_have_text(texts(language)["sign_in.button"])
        assert Axe().run(page).response["violations"] == []
    stranger.leave()


def test_a_browser_under_another_name_reads_a_sentence(
    browser: Browser, studio: Studio, proxy: Proxy, public_studio: Studio
) -> None:
    for port, key in ((studio.port, "refused.name"), (public_studio.port, "refused.public_name")):
        stranger = Visitor(browser, f"http://other.example.org:{port}")
        expect(stranger.open(wait=False).get_by_text(WORDS[key])).to_be_visible()
        stranger.leave()
    # The local studio behind a proxy that passes on no name.
    proxy.target, proxy.keeps_host, proxy.forwards = studio.port, False, ()
    stranger = Visitor(browser, f"https://shop.example.org:{proxy.port}")
    expect(stranger.open(wait=False).get_by_text(WORDS["refused.page"])).to_be_visible()
    stranger.leave()


def request(studio: Studio, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, studio.port, timeout=30)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    result = answer.status, answer.read(400) if answer.status != 101 else b""
    connection.close()
    return result


# In a process of its own: a process has one runtime of Streamlit, and keeps it.
ROUTES = """
import json, streamlit
from shelftalk.studio.launch import APP
routes = streamlit.App(APP)._build_starlette_app().routes
print(json.dumps([[sorted(getattr(one, "methods", None) or ["GET"]), one.path] for one in routes]))
"""


def routes() -> list[tuple[str, str]]:
    """Return method and path of every route of Streamlit's router, with values for the variable parts of a path."""
    done = subprocess.run([sys.executable, "-c", ROUTES], check=True, capture_output=True, timeout=120)
    found = [(method, path) for methods, path in json.loads(done.stdout.splitlines()[-1]) for method in methods]
    assert {path for _, path in found} >= {
        "/_stcore/health",
        "/_stcore/metrics",
        "/_stcore/stream",
        "/_stcore/upload_file/{session_id}/{file_id}",
        "/media/{file_id:path}",
        "",  # the files of the pages' program
    }
    files = [("GET", "/favicon.png"), ("GET", "/static/js/x.js")]
    return [*((method, re.sub(r"\{[^}]*\}", "x", path) or "/") for method, path in found), *files]


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_every_route_is_refused_without_the_password_and_to_foreign_names(
    studio: Studio, public_studio: Studio
) -> None:
    foreign = {"Host": "evil.example"}
    for method, path in routes():
        for start in ("", PREFIX):
            assert request(public_studio, method, start + path)[0] == 401, (method, path)
            assert request(public_studio, method, start + path, foreign)[0] == 403, (method, path)
        assert request(studio, method, path, foreign)[0] == 403, (method, path)


def test_only_the_studio_with_a_password_listens_at_another_address(studio: Studio, public_studio: Studio) -> None:
    """127.0.0.2 is this machine too, and not the address that the studio takes by itself."""
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.2", studio.port, timeout=30).request("GET", "/")
    connection = http.client.HTTPConnection("127.0.0.2", public_studio.port, timeout=30)
    for host, status in ((HOST, 401), ("127.0.0.2", 403)):
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status, host
    connection.close()


def test_no_route_of_the_local_studio_can_be_framed_by_another_site(studio: Studio) -> None:
    connection = http.client.HTTPConnection(HOST, studio.port, timeout=30)
    for method, path in routes():
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("Content-Security-Policy") == "frame-ancestors 'self'", (method, path)
    connection.close()


def test_websocket_and_uploads_open_for_the_own_page_with_the_cookie_only(
    studio: Studio, proxy: Proxy, public_studio: Studio, password: str
) -> None:
    connection = http.client.HTTPConnection(HOST, public_studio.port, timeout=30)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"{PREFIX}/", f"password={password}", form)
    cookie = {"Cookie": connection.getresponse().getheader("Set-Cookie", "").partition(";")[0]}
    connection.close()
    own = {"Origin": f"https://shop.example.org:{proxy.port}"}
    for headers, status in (
        ({**own, **cookie}, 101),
        (own, 403),
        ({**own, "Cookie": cookie["Cookie"][:-1]}, 403),
        ({"Origin": "https://evil.example", **cookie}, 403),
        ({"Origin": "null", **cookie}, 403),
    ):
        path = f"{PREFIX}/_stcore/stream"
        assert request(public_studio, "GET", path, {**UPGRADE, **headers})[0] == status, headers
    status, reason = request(public_studio, "PUT", f"{PREFIX}/_stcore/upload_file/a/b", {**own, **cookie})
    assert (status, b"XSRF" in reason) == (403, True)  # the token of the page is needed too
    for origin, status in (("http://evil.example", 403), (f"http://{HOST}:{studio.port}", 101)):
        assert request(studio, "GET", "/_stcore/stream", {**UPGRADE, "Origin": origin})[0] == status


def test_the_password_is_on_the_terminal_once_and_nowhere_else(public_studio: Studio, password: str) -> None:
    assert public_studio.process is not None
    process = Path(f"/proc/{public_studio.process.pid}")
    assert password.encode() not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    files = [file for folder in (public_studio.home, public_studio.workspace) for file in folder.rglob("*")]
    assert [file for file in files if file.is_file() and password.encode() in file.read_bytes()] == []
    assert public_studio.output.read_text().count(password) == 1
