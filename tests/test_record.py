"""A recording of a command shows all that it printed, in bearable time, and plays to its end in asciinema."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shelftalk.cli.main import run
from shelftalk.cli.record import LONGEST_REDRAW, LONGEST_WAIT, REDRAW, STILL, Event, record_command, shorten
from shelftalk.errors import InvalidSettings
from shelftalk.pipeline import BUNDLED
from shelftalk.runs.run import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
ASCIINEMA = shutil.which("asciinema", path=str(Path(sys.executable).parent)) or "asciinema"


def lines_of(file: Path) -> tuple[dict[str, object], list[list[object]]]:
    first, *events = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return first, events


def played(file: Path) -> str:
    """Return what asciinema writes to its terminal when it plays `file` to its end."""
    command = [ASCIINEMA, "play", "--speed", "10000", str(file)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    return done.stdout.decode().replace("\r\n", "\n")


def test_a_wait_is_shortened_and_a_pause_to_read_is_not() -> None:
    shown = shorten([Event(0.5, "a\n"), Event(1.0, "b\n"), Event(61.0, "c\n")])
    assert [event.text for event in shown] == ["a\n", "b\n", "c\n"]
    assert [event.time for event in shown] == pytest.approx([0.5, 1.0, 1.0 + LONGEST_WAIT])


def test_a_line_that_is_redrawn_for_minutes_takes_seconds_and_nothing_else_is_left_out() -> None:
    bar = [Event(number / 10, f"{REDRAW}{number} of 3000") for number in range(3000)]
    shown = shorten([Event(0, "begin\n"), *bar, Event(300, f"{REDRAW}done\n"), Event(300.1, "end\n")])
    texts = [event.text for event in shown]
    assert texts[:2] == ["begin\n", bar[0].text]
    assert texts[-3:] == [bar[-1].text, f"{REDRAW}done\n", "end\n"]
    assert LONGEST_REDRAW * 0.8 < shown[-1].time < LONGEST_REDRAW * 1.3
    assert 30 < len(texts) < 50  # some ten a second are kept: it moves
    assert [event.time for event in shown] == sorted(event.time for event in shown)


def test_a_short_redraw_is_kept_whole() -> None:
    bar = [Event(number / 10, f"{REDRAW}{number}") for number in range(20)]
    assert shorten(bar) == bar


@pytest.mark.kill
def test_a_recording_plays_to_its_end(tiny_run: Run, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace")
    file = tmp_path / "index.cast"
    shutil.rmtree(tmp_path / "workspace" / "runs" / tiny_run.name / "index", ignore_errors=True)
    assert record_command(["index", tiny_run.name, "--workspace", str(tmp_path / "workspace")], file) == 0
    shown = capfdbinary.readouterr().out.decode().replace("\r\n", "\n")
    header, events = lines_of(file)
    assert (header["version"], header["title"]) == (2, "shelftalk index")
    times = [float(str(time)) for time, _, _ in events]
    assert times == sorted(times)
    assert times[-1] - times[-2] == pytest.approx(STILL)  # the last screen can be read
    text = played(file)
    last = [line for line in shown.splitlines() if line.strip()][-1]
    assert "\x1b[2K" in shown and text.rstrip().endswith(last.rstrip())  # a progress bar, and the end


def test_a_demo_that_fails_is_recorded_with_its_exit_code(tiny_run: Run, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(
        tiny_run.workspace.catalogue(str(tiny_run.description["catalogue"])), workspace / "catalogues" / BUNDLED
    )
    file = tmp_path / "demo.cast"
    assert run(["demo", "--workspace", str(workspace), "--record", str(file)]) == 2
    _, events = lines_of(file)
    assert "is not this version's bundled one" in "".join(str(text) for _, _, text in events)


@pytest.mark.parametrize(
    ("name", "words"), [("demo.gif", "must end in .cast"), ("no/demo.cast", "its folder does not exist")]
)
def test_what_cannot_be_recorded_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    workspace = tmp_path / "workspace"
    assert run(["demo", "--workspace", str(workspace), "--record", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err
    assert not workspace.exists()


# In the place of a command: it writes until it is interrupted, and then more than a terminal holds.
LONG_COMMAND = """
import os, time
if "RECORDED" in os.environ:
    try:
        os.write(1, b"begun")
        while True:
            os.write(1, b".")
            time.sleep(0.02)
    except KeyboardInterrupt:
        os.write(1, b"x" * 1_000_000)
        open("interrupted", "w").close()
        os._exit(130)
"""
RECORD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so do its children
from pathlib import Path
from shelftalk.cli.record import record_command
os.environ["RECORDED"] = "1"
sys.exit(record_command(["demo"], Path("demo.cast")))
"""


@pytest.mark.kill
@pytest.mark.parametrize("reader_ends", [False, True])
def test_an_interrupted_recording_ends_its_command_and_writes_nothing(tmp_path: Path, reader_ends: bool) -> None:
    (tmp_path / "sitecustomize.py").write_text(LONG_COMMAND)
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORD],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )
    assert recorder.stdout and recorder.stdout.read(5) == b"begun"
    if reader_ends:
        recorder.stdout.close()
    else:
        recorder.send_signal(signal.SIGINT)
    code = recorder.wait(timeout=60)
    assert (tmp_path / "interrupted").exists()
    assert (code == 130) is not reader_ends and code != 0
    assert not (tmp_path / "demo.cast").exists()
    if recorder.stdout:
        recorder.stdout.close()


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_runs() -> None:
    folder = Path("/proc/sys")
    if os.access(folder, os.W_OK) or not folder.is_dir():
        pytest.skip("every folder can be written to here")
    with pytest.raises(InvalidSettings, match="its folder cannot be written to"):
        record_command(["demo"], folder / "demo.cast")
