"""Find carriage returns that end the lines of a table, and read them as line feeds.

Old programs for the Macintosh end each row so, and write the line breaks within a cell as line feeds; and files that
were joined end their lines in several ways.
"""

from __future__ import annotations

import io
import re
from typing import Any

QUOTED_FIELD = re.compile(rb'(?:(?<=[,;\t|\r\n])|\A)"(?:[^"]|"")*"(?=[,;\t|\r\n]|\Z)')
LONE_RETURN = re.compile(rb"\r(?!\n)")
LONE_FEED = re.compile(rb"(?<!\r)\n")
DELIMITERS = (b",", b";", b"\t", b"|")
MANY = 10  # times as many carriage returns as line feeds
FEWEST = 3  # lines between carriage returns; of one or two the text may be damaged
FIRST_LINES = 20  # one of which has the names of the columns


def returns_end_lines(head: bytes) -> bool:
    """Return whether carriage returns alone end lines of a table that begins with `head`.

    Those in quoted fields are text. Where line feeds end lines, too, most of what stands between two carriage returns
    must be one line with as many fields as the fullest of the first lines; otherwise they are parts of a text.
    """
    if not LONE_RETURN.search(head):
        return False
    plain = QUOTED_FIELD.sub(b"", head)
    returns, feeds = len(LONE_RETURN.findall(plain)), plain.count(b"\n")
    if not feeds or returns >= MANY * feeds:
        return returns > 0
    return _mostly_rows(LONE_RETURN.split(plain)[1:-1], plain, FEWEST)


def feeds_are_text(head: bytes) -> bool:
    """Return whether line feeds are text in a table whose lines end in carriage returns, as in cells of Excel for Mac.

    They are where most of the lines behind them have other numbers of fields than the fullest of the first lines.
    """
    plain = QUOTED_FIELD.sub(b"", head)
    behind = [re.split(rb"\r|\n", part, maxsplit=1)[0] for part in LONE_FEED.split(plain)[1:]]
    return bool(behind) and not _mostly_rows(behind, plain, 1)


def _mostly_rows(parts: list[bytes], plain: bytes, fewest: int) -> bool:
    """Return whether most parts, and at least `fewest`, are one line with as many fields as the fullest first line."""
    lines = re.split(rb"\r\n|\r|\n", plain)[:FIRST_LINES]
    for delimiter in DELIMITERS:
        most = max(line.count(delimiter) for line in lines)
        alike = sum(part.count(delimiter) == most and b"\n" not in part for part in parts)
        if most and alike >= fewest and 2 * alike > len(parts):
            return True
    return False


class WithLineFeeds(io.RawIOBase):
    """A raw stream that reads another one with a line feed for each carriage return that none follows.

    With `feeds_are_text` it has a space for each other line feed.
    """

    def __init__(self, inner: io.BufferedReader[Any], feeds_are_text: bool = False) -> None:
        self._inner, self._feeds_are_text = inner, feeds_are_text
        self._last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer))
        size, last = len(data), data[-1:]
        if self._feeds_are_text:
            data = LONE_FEED.sub(b" ", self._last + data)[len(self._last) :]
        followed = last == b"\r" and self._inner.peek(1)[:1] == b"\n"
        data = LONE_RETURN.sub(b"\n", data[:-1]) + b"\r" if followed else LONE_RETURN.sub(b"\n", data)
        self._last = last
        buffer[:size] = data
        return size
