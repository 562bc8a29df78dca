"""A studio in a separate process, and a browser that visits it and records forbidden events."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, WebSocket, expect

from shelftalk.translations.texts import texts
from tools.make_images import SETTLED

SOURCE = Path(__file__).resolve().parents[2] / "src"
HOST = "127.0.0.1"
WORDS = texts("en")
SLOW = 90.0  # seconds that work in a separate process may take on a busy machine
ARGUMENTS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--disable-smooth-scrolling",
    f"--host-resolver-rules=MAP *.example.org {HOST}, MAP * ~NOTFOUND, EXCLUDE {HOST}",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
# What moves is drawn sixty times a second, by the processor.
NOTHING_MOVES = """() => document.addEventListener('DOMContentLoaded', () => {
    const style = document.createElement('style');
    style.textContent = '*, ::before, ::after { animation: none !important; transition: none !important; }';
    document.head.append(style);
})"""

expect.set_options(timeout=60_000)


class Studio:
    """`shelftalk studio` on a workspace, with `home` as home directory; its output goes to the file `output`."""

    def __init__(
        self,
        workspace: Path,
        home: Path,
        environment: Mapping[str, str] | None = None,
        public_host: str | None = None,
        host: str = HOST,
    ) -> None:
        self.public_host, self.host = public_host, host
        self.workspace, self.home, self.output = workspace, home, home.with_name(f"{home.name}.log")
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))},
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",  # the tiny model is not faster with a second thread
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the studio and wait until it responds."""
        self.home.mkdir(parents=True, exist_ok=True)
        arguments = ["studio", "--no-browser", "--port", str(self.port), "--workspace", str(self.workspace)]
        arguments += [] if self.public_host is None else ["--public-host", self.public_host, "--host", self.host]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shelftalk", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._responds, "the studio responds", 60)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the studio, or send another signal, and wait for its end."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def stop(self) -> None:
        """End the studio with SIGTERM."""
        self.kill(signal.SIGTERM)

    def processor_seconds(self) -> float:
        """Return what it has computed until now, in seconds of one core."""
        assert self.process is not None
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def _responds(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output.read_text(errors="replace")
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            return self.public_host is not None and error.code == 401
        except OSError:
            return False


class Visitor:
    """Opens tabs of a studio in one browser; `faults` lists their forbidden events.

    These are JavaScript dialogs, requests to any other host, and uncaught exceptions.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.faults: list[str] = []
        self._profile: BrowserContext | None = None
        self._open: list[Page] = []
        self._kept: list[Page] = []
        self._unused: list[Page] = []

    def open(self, path: str = "", wait: bool = True, keep: bool = False, dark: bool = False) -> Page:
        """Open a page of the studio in a tab, and wait until it is drawn.

        One that is drawn anew every second hardly `rests`, and is not waited for. One to `keep` stays for the next
        tests of its file.
        """
        page = self._unused.pop() if self._unused else self._new_tab()
        (self._kept if keep else self._open).append(page)
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        page.goto(f"{self.url}/{path}")
        if wait:
            settle(page)
        return page

    def close(self, kept: bool = False) -> None:
        """Leave the studio in every tab but those to keep, and in these too if `kept`.

        An open page is drawn and asks for news. Its tab is used again: in a new one all programs are compiled anew.
        """
        for pages in (self._open, *([self._kept] if kept else [])):
            for page in pages:
                if not page.is_closed():
                    page.goto("about:blank")
                    self._unused.append(page)
            pages.clear()

    def leave(self) -> None:
        """Close every tab, and the browser's profile with them."""
        if self._profile:
            self._profile.close()
        self._profile = None
        for pages in (self._open, self._kept, self._unused):
            pages.clear()

    def _new_tab(self) -> Page:
        if self._profile is None:
            self._profile = self.browser.new_context(
                locale="en-US", viewport={"width": 1280, "height": 1000}, ignore_https_errors=True
            )
            self._profile.add_init_script(f"({NOTHING_MOVES})()")
            self._profile.on("page", self._watch)
        return self._profile.new_page()

    def _watch(self, page: Page) -> None:
        page.on("dialog", self._note_dialog)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._note_address)
        page.on("websocket", self._note_address)

    def _note_dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_address(self, request: Request | WebSocket) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != urlsplit(self.url).hostname:
            self.faults.append(f"request: {request.url}")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str, seconds: float = SLOW) -> Any:
    """Call `condition` until its result is true, and return the result; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timeout after {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return result


def settle(page: Page) -> None:
    """Wait until the page is drawn: its heading exists, and Streamlit is idle."""
    page.get_by_role("heading", level=1).wait_for()
    page.evaluate("window.idleSince = undefined")
    page.wait_for_function(SETTLED, timeout=60_000)


def said(key: str) -> re.Pattern[str]:
    """Return a pattern that matches a text of the studio with any values for its placeholders."""
    pieces = re.split(r"\{\w+\}", WORDS[key])
    return re.compile(r".*".join(map(re.escape, pieces)), re.DOTALL)


def button(page: Page | Locator, key: str) -> Locator:
    """Find a button by its text, except Streamlit's own Stop, which appears while a page is drawn slowly."""
    ours = page.locator(":visible:not([data-testid=stStatusWidget] *)")
    return page.get_by_role("button", name=said(key)).and_(ours).first


def box(page: Page | Locator, label: str) -> Locator:
    """Find a select box by its label."""
    return page.get_by_role("combobox", name=label, exact=True)


def field(page: Page | Locator, key: str) -> Locator:
    """Find a text field by its label."""
    return page.get_by_role("textbox", name=WORDS[key], exact=True)


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a select box, or type a new one."""
    settle(page)  # a page that is still drawn may scroll, and scrolling closes the list of options
    box(page, label).click()
    box(page, label).fill(option)
    page.keyboard.press("Enter")
    settle(page)


def status(page: Page, name: str) -> Locator:
    """Find the line with the status of the watched run."""
    return page.get_by_text(f"· {WORDS[f'status.{name}']}")


def processes(*words: str) -> list[int]:
    """Return the ids of the processes whose command line contains all of the words."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            parts = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if all(word in parts for word in words):
            found.append(int(file.parent.name))
    return found
