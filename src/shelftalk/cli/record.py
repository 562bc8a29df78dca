"""Record what a command of shelftalk shows in a terminal, with its waits shortened, as a file that asciinema plays."""

from __future__ import annotations

import codecs
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from shelftalk.errors import InvalidSettings
from shelftalk.workspace import write_bytes

SUFFIX = ".cast"
COLUMNS, ROWS = 110, 32
LONGEST_WAIT = 1.0  # seconds without output in the recording
LONGEST_REDRAW = 4.0  # seconds in which one line is drawn again and again, as a progress bar is
REDRAW = "\r\x1b[2K"  # how rich begins to draw a line again: to its first column, and erase it
STILL = 4.0  # seconds that the last screen stays


class Event(NamedTuple):
    """What was written to the terminal, and when, in seconds from the start."""

    time: float
    text: str


def check_recording(file: Path) -> None:
    """Check that `file` can be recorded to on this machine, before a command runs for minutes.

    Raises:
        InvalidSettings: it does not end in `SUFFIX`, is a folder, its folder is missing or cannot be written to, or
            there are no pseudo-terminals.
    """
    if file.suffix != SUFFIX:
        raise InvalidSettings(f"--record {file} must end in {SUFFIX}, the format of asciinema.")
    if file.is_dir() or not file.parent.is_dir():
        raise InvalidSettings(f"--record {file}: {'it is a folder' if file.is_dir() else 'its folder does not exist'}.")
    if not os.access(file.parent, os.W_OK):
        raise InvalidSettings(f"--record {file}: its folder cannot be written to; choose another.")
    if sys.platform == "win32":
        raise InvalidSettings("--record needs a pseudo-terminal, which Windows does not have; run it under WSL.")


def record_command(arguments: Sequence[str], file: Path) -> int:
    """Run `shelftalk` with `arguments` in a terminal of its own, show what it writes, and record that to `file`.

    `file` is in asciicast format, version 2 (https://docs.asciinema.org/manual/asciicast/v2/): one JSON value a line.
    It is written at once after the command ended by itself, with whatever exit code.

    Returns:
        The exit code of the command; 130 if it was interrupted, and then nothing is written.

    Raises:
        InvalidSettings: see `check_recording`.
        NotWritable: the disk is full at the end.
    """
    check_recording(file)
    terminal, process = _start([sys.executable, "-m", "shelftalk", *arguments])
    try:
        events = list(_shown(terminal))
    except BaseException as error:  # also where nothing more can be shown: it must not go on unseen
        process.send_signal(signal.SIGINT)
        for _ in _read(terminal):  # what it still writes, which nobody else takes: it would wait for ever
            pass
        process.wait()
        if isinstance(error, KeyboardInterrupt):
            return 130
        raise
    finally:
        os.close(terminal)
    title = f"shelftalk {arguments[0]}"
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title, "env": {"TERM": "xterm-256color"}}
    shown = shorten(events)
    end = [Event(shown[-1].time + STILL, "")] if shown else []
    lines = [header, *([round(time, 3), "o", text] for time, text in [*shown, *end])]
    write_bytes(file, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    return process.wait()


def _start(command: Sequence[str]) -> tuple[int, subprocess.Popen[bytes]]:
    """Start `command` in a pseudo-terminal; return that and the process."""
    import fcntl  # these three are not on Windows
    import pty
    import struct
    import termios

    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")},
        "TERM": "xterm-256color",
        "PYTHONSAFEPATH": "1",  # -m would import from the current folder
    }
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=inside, stderr=inside, env=environment, start_new_session=True
        )
    except OSError:
        os.close(terminal)
        raise
    finally:
        os.close(inside)
    return terminal, process


def _shown(terminal: int) -> Iterator[Event]:
    """Yield what is written to a terminal, from now on, and show it."""
    started, decode = time.monotonic(), codecs.getincrementaldecoder("utf-8")("replace").decode
    for data in _read(terminal):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        yield Event(time.monotonic() - started, decode(data))


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that the other side was closed
            return
        if not data:
            return
        yield data


def shorten(events: Sequence[Event]) -> list[Event]:
    """Return `events` with no wait above `LONGEST_WAIT`, and no line redrawn for longer than `LONGEST_REDRAW`.

    Of the redraws of a line that took longer some are left out, evenly, so that the others keep their pace; the first
    and the last are kept. Nothing else is left out.
    """
    shown: list[Event] = []
    clock = before = 0.0
    for group in _groups(events):
        starts = [before, *(event.time for event in group[:-1])]
        waits = [min(event.time - start, LONGEST_WAIT) for start, event in zip(starts, group, strict=True)]
        every = max(1, round(sum(waits[1:]) / LONGEST_REDRAW)) if len(group) > 1 else 1
        for number, (event, wait) in enumerate(zip(group, waits, strict=True)):
            if number % every == 0 or number == len(group) - 1:
                clock += wait
                shown.append(Event(clock, event.text))
        before = group[-1].time
    return shown


def _groups(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events one by one, but those that only redraw the same line together."""
    group: list[Event] = []
    for event in events:
        redraws = event.text.startswith(REDRAW) and "\n" not in event.text
        if group and not redraws:
            yield group
            group = []
        if redraws:
            group.append(event)
        else:
            yield [event]
    if group:
        yield group
