"""Record a video of the studio in seven scenes, with captions: data, before, training, after, evidence, report, scale.

    make video                     English; uses the workspace of `make demo`
    make video LANGUAGE=pt-BR      Brazilian Portuguese

Needs Chromium, Playwright and PyAV (`make test` installs them). Writes build/video/shelftalk-LANGUAGE.webm and the
captions as text beside it (.vtt). A training named `video` runs for some updates and is deleted afterwards.
"""

from __future__ import annotations

import argparse
import base64
import io
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from shelftalk.pipeline import BUNDLED
from shelftalk.presets import parse_toml
from shelftalk.studio.launch import find_port
from shelftalk.translations.texts import texts
from shelftalk.workspace import Workspace
from tools.make_images import DRAWS, LANGUAGES, arguments, ask, chromium, settle, wait_for

CAPTIONS = Path(__file__).with_name("video_captions.toml")
FOLDER = Path(__file__).parents[1] / "build" / "video"
WIDTH, HEIGHT = 1280, 800
RUN = "video"
SECONDS, SECONDS_A_WORD = 4.0, 0.36  # to look at the page, and to read its caption: 170 words a minute
SCROLL_SECONDS = 1.5
LONGEST_FRAME = 1.0  # seconds; a still picture is repeated, so that a player can jump into it
MILLISECOND = Fraction(1, 1000)
PRESET = "demo"  # too short for a compilation, which would leave the curve empty for half a minute
WATCHED = 20  # seconds for which the training runs before its page is shown
# A bar at the foot of the page; it takes no clicks. Texts are set as text.
SHOW_CAPTION = """([title, caption]) => {
    let bar = document.getElementById('video-caption');
    if (!bar) {
        bar = document.createElement('div');
        bar.id = 'video-caption';
        bar.style.cssText = 'position:fixed;left:0;right:0;bottom:0;z-index:2147483647;pointer-events:none;'
            + 'padding:16px 40px 18px;background:rgba(20,16,14,.93);color:#fff;font:400 23px/1.4 sans-serif;'
            + 'text-align:center;';
        bar.append(document.createElement('b'), document.createElement('br'), document.createElement('span'));
        bar.querySelector('b').style.cssText = 'font-size:16px;letter-spacing:.04em;color:#f3c9a5;';
        document.documentElement.append(bar);
    }
    bar.querySelector('b').textContent = title;
    bar.querySelector('span').textContent = caption;
}"""
SCROLL = """([top, seconds]) => new Promise(done => {
    const main = document.querySelector('[data-testid=stMain]');
    const from = main.scrollTop, start = performance.now();
    const to = Math.max(0, Math.min(top, main.scrollHeight - main.clientHeight));
    const move = now => {
        const share = Math.min(1, (now - start) / (1000 * seconds + 1));
        main.scrollTop = from + (to - from) * (1 - Math.cos(Math.PI * share)) / 2;
        share < 1 ? requestAnimationFrame(move) : done();
    };
    requestAnimationFrame(move);
})"""
TOP_OF = """element => element.getBoundingClientRect().top
    + document.querySelector('[data-testid=stMain]').scrollTop - 90"""


class Scene(NamedTuple):
    """One scene: its name, its title and its captions in one language."""

    name: str
    title: str
    captions: list[str]


class Cue(NamedTuple):
    """A caption as it was shown, in seconds from the beginning of the video."""

    start: float
    end: float
    text: str


def scenes(language: str) -> list[Scene]:
    """Return the scenes in order, with their texts in `language`."""
    table = parse_toml(CAPTIONS.read_text(encoding="utf-8"), CAPTIONS.name)
    return [Scene(name, one["title"][language], one[language]) for name, one in table.items()]


def main() -> None:
    """Record the video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"), help="a workspace with a finished run")
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    parser.add_argument("--run", default="demo", help="the finished run to show")
    parser.add_argument("--pace", type=float, default=1.0, help="2: everything stays twice as long")
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder to write to")
    options = parser.parse_args()
    make_video(options.workspace, options.run, options.language, options.pace, options.to)


def make_video(workspace: Path, run: str, language: str, pace: float, folder: Path) -> Path:
    """Start the studio on `workspace`, record the scenes, and return the path of the video in `folder`.

    Raises:
        SystemExit: the workspace has a run of the name that the video gives to its own, which is deleted at the end.
    """
    if RUN in Workspace(workspace).runs():
        raise SystemExit(
            f"{workspace} has a run {RUN!r}, as the video's own is called; delete it with: "
            f"shelftalk runs delete {RUN}, or give another --workspace."
        )
    command = [sys.executable, "-m", "shelftalk"]
    place = ["--workspace", str(workspace)]
    port = find_port(None)
    studio = subprocess.Popen([*command, "studio", "--no-browser", "--port", str(port), *place])
    try:
        wait_for(f"http://127.0.0.1:{port}")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale=LANGUAGES[language]
            )
            film = Film(context.new_page(), pace)
            with film.recorded():
                Talk(film, f"http://127.0.0.1:{port}", texts(language), run).give(scenes(language))
            context.close()
            browser.close()
    finally:
        studio.terminate()
        studio.wait()
        if RUN in Workspace(workspace).runs():
            delete_run(place)
    folder.mkdir(parents=True, exist_ok=True)
    film.write(folder / f"shelftalk-{language}.webm")
    write_captions(film.cues, folder / f"shelftalk-{language}.vtt")
    return folder / f"shelftalk-{language}.webm"


def delete_run(place: Sequence[str]) -> None:
    """Stop and delete the run that the video started, if it did."""
    for command in (["stop", RUN], ["delete", RUN, "--yes"]):
        subprocess.run([sys.executable, "-m", "shelftalk", "runs", *command, *place], capture_output=True)


class Film:
    """What a page shows, from the first to the last picture that the browser draws of it, with captions."""

    def __init__(self, page: Page, pace: float) -> None:
        self.page, self.pace = page, pace
        self.frames: list[tuple[float, bytes]] = []  # seconds, JPEG
        self.cues: list[Cue] = []
        self._caption = ("", "")
        self._cut = 0.0  # seconds that were left out until now
        page.on("load", lambda page: self._draw_caption())

    @contextmanager
    def recorded(self) -> Any:
        """Record while the block runs."""
        self._started = time.monotonic()
        session = self.page.context.new_cdp_session(self.page)

        def keep(event: dict[str, Any]) -> None:
            session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})
            if not self._paused:
                self.frames.append((self.now(), base64.b64decode(event["data"])))

        self._paused = False
        session.on("Page.screencastFrame", keep)
        session.send("Page.startScreencast", {"format": "jpeg", "quality": 90, "maxWidth": WIDTH, "maxHeight": HEIGHT})
        yield
        session.send("Page.stopScreencast")
        self.end = self.now()

    def now(self) -> float:
        """Return the time of the video, in seconds."""
        return time.monotonic() - self._started - self._cut

    @contextmanager
    def waiting(self) -> Any:
        """Leave out what the page shows while the block waits for it."""
        began = time.monotonic()
        self._paused = True
        try:
            yield
        finally:
            self._paused = False
            self._cut += time.monotonic() - began

    def announce(self, title: str) -> None:
        """Show the title of a scene, without a caption."""
        self._caption = (title, "")
        if self.frames:
            self._draw_caption()

    def say(self, title: str, caption: str) -> None:
        """Show a caption for as long as it takes to read it."""
        self._caption = (title, caption)
        self._draw_caption()
        start = self.now()
        self.page.wait_for_timeout(1000 * self.pace * (SECONDS + SECONDS_A_WORD * len(caption.split())))
        self.cues.append(Cue(start, self.now(), caption))

    def scroll(self, to: str | float) -> None:
        """Scroll slowly to a height in pixels, or to the heading `to`."""
        top = to
        if isinstance(to, str):
            top = self.page.get_by_role("heading", name=to).first.evaluate(TOP_OF)
        self.page.evaluate(SCROLL, [top, SCROLL_SECONDS * self.pace])

    def _draw_caption(self) -> None:
        self.page.evaluate(SHOW_CAPTION, list(self._caption))

    def write(self, file: Path) -> None:
        """Write the pictures as a WebM file (VP9), each shown until the next one."""
        times = [start for start, _ in self.frames[1:]] + [self.end]
        with av.open(str(file), "w") as container:
            stream = container.add_stream("libvpx-vp9", rate=25, options={"cpu-used": "8", "deadline": "realtime"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.codec_context.time_base = MILLISECOND
            stream.bit_rate = 1_500_000
            last = -1
            for (start, picture), until in zip(self.frames, times, strict=True):
                image = Image.open(io.BytesIO(picture)).convert("RGB").resize((WIDTH, HEIGHT))
                while start < until:
                    at = max(last + 1, round(1000 * start))
                    frame = av.VideoFrame.from_image(image)
                    frame.pts, frame.time_base = at, MILLISECOND
                    container.mux(stream.encode(frame))
                    last, start = at, start + LONGEST_FRAME
            container.mux(stream.encode())


class Talk:
    """The seven scenes, in the studio at `address`, with `words` of its language."""

    def __init__(self, film: Film, address: str, words: dict[str, str], run: str) -> None:
        self.film, self.page, self.address, self.words, self.run = film, film.page, address, words, run

    def give(self, all_scenes: Sequence[Scene]) -> None:
        """Show every scene."""
        for number, scene in enumerate(all_scenes, 1):
            title = f"{number}  {scene.title}"
            self.film.announce(title)
            show: Callable[[Callable[[int], None]], None] = getattr(self, f"show_{scene.name}")
            show(lambda which, title=title, captions=scene.captions: self.film.say(title, captions[which]))  # type: ignore[misc]

    def show_data(self, say: Callable[[int], None]) -> None:
        self._open("catalogue")
        say(0)
        self.page.get_by_role("tab", name=self.words["catalogue.left_out"]).click()
        with self.film.waiting():
            settle(self.page)
        self.film.scroll(450)
        say(1)

    def show_before(self, say: Callable[[int], None]) -> None:
        self._open("compare")
        self._choose("runs.choose", self.run)
        with self.film.waiting():
            ask(self.page, self.words, DRAWS if self.run == BUNDLED else 1)  # the bundled products have attributes
        say(0)
        self.film.scroll(self._card("compare.before"))
        say(1)

    def show_training(self, say: Callable[[int], None]) -> None:
        self._open("fine_tune")
        say(0)
        with self.film.waiting():
            self.page.locator(f".st-key-preset-{PRESET} button").click()
            settle(self.page)
        self.page.get_by_label(self.words["fine_tune.name"], exact=True).fill(RUN)
        self.page.get_by_role("button", name=self.words["fine_tune.start"]).click()
        with self.film.waiting():
            self.page.get_by_role("heading", name=self.words["watch.title"]).wait_for(timeout=120_000)
            self.page.wait_for_timeout(1000 * WATCHED * self.film.pace)
        self.film.scroll(0)
        say(1)
        say(2)

    def show_after(self, say: Callable[[int], None]) -> None:
        self._open("compare")
        self.film.scroll(self._card("compare.after"))
        say(0)
        self.film.scroll(self.words["compare.references"])
        say(1)

    def show_evidence(self, say: Callable[[int], None]) -> None:
        self.film.scroll(self.words["evidence.title"])
        say(0)
        self.film.scroll(5000)
        say(1)

    def show_report(self, say: Callable[[int], None]) -> None:
        self._open("report")
        self.film.scroll(450)
        say(0)
        self.film.scroll(1100)
        say(1)

    def show_scale(self, say: Callable[[int], None]) -> None:
        self._open("runs")
        say(0)
        self.film.scroll(500)
        say(1)

    def _open(self, page: str) -> None:
        """Open a page by its link, as a visitor does: the session keeps its answers."""
        title = self.words[f"{page}.title"]
        with self.film.waiting():
            if not self.page.url.startswith(self.address):
                self.page.goto(self.address)
            self.page.get_by_role("link", name=title).click(timeout=60_000)
            self.page.get_by_role("heading", level=1, name=title).wait_for()
            settle(self.page)
            self.film.scroll(0)

    def _card(self, key: str) -> float:
        card = self.page.get_by_text(self.words[key], exact=True).first
        return float(card.evaluate(TOP_OF))

    def _choose(self, key: str, option: str) -> None:
        box = self.page.get_by_role("combobox", name=self.words[key], exact=False).first
        box.click()
        box.fill(option)
        self.page.get_by_role("option", name=option, exact=True).click()
        settle(self.page)


def write_captions(cues: Sequence[Cue], file: Path) -> None:
    """Write captions as WebVTT."""
    lines = ["WEBVTT", ""]
    for start, end, text in cues:
        lines += [f"{clock(start)} --> {clock(end)}", text, ""]
    file.write_text("\n".join(lines), encoding="utf-8")


def clock(seconds: float) -> str:
    """Return a time as hours, minutes, seconds and thousandths."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02d}:{minutes:02d}:{rest:06.3f}"


if __name__ == "__main__":
    main()
