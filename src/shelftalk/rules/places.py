"""Find the lines of the keys of a valid TOML file, and of the texts in their values, to name them in messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<text>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    |\#[^\n]*|(?P<end>\n)|(?P<sign>[\[\]{}=,.])|(?P<bare>[^\s"'\#\[\]{}=,.]+)""",
    re.VERBOSE | re.DOTALL,
)
Key = tuple[str, ...]


class Lines(NamedTuple):
    """The lines of a file, from 1: of each key and table by its names, and of each text in a key's value."""

    keys: dict[Key, int]
    texts: dict[Key, dict[str, int]]

    def of(self, key: Key) -> int:
        """Return the line of a key, or of the innermost table around it that the file names."""
        return next((self.keys[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self.keys), 1)

    def of_text(self, key: Key, text: str) -> int:
        """Return the line of a text in a key's value; of the key where the text is written with escapes."""
        return self.texts.get(key, {}).get(text) or self.of(key)


def find_lines(text: str) -> Lines:
    """Return the lines of the keys of a TOML file that has been parsed without an error."""
    lines = Lines({}, {})
    table: Key = ()
    for line, tokens in _statements(text):
        signs = [one["sign"] for one in tokens]
        if signs[0] == "[":
            table = _names(tokens)
            lines.keys.setdefault(table, line)
        else:
            equals = signs.index("=") if "=" in signs else len(signs)
            key = (*table, *_names(tokens[:equals]))
            lines.keys.setdefault(key, line)
            lines.texts[key] = _text_lines(text, line, tokens[equals:])
    return lines


def _text_lines(text: str, line: int, tokens: list[re.Match[str]]) -> dict[str, int]:
    """Return the lines of the texts in a value; `line` is that of its first token. Of equal texts the last counts."""
    lines, seen = {}, tokens[0].start() if tokens else 0
    for one in tokens:
        line, seen = line + text.count("\n", seen, one.start()), one.start()
        if one["text"]:
            lines[one["text"][1:-1]] = line
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[re.Match[str]]]]:
    """Yield the first line and the tokens of each key with its value, and of each name of a table."""
    line, depth, seen = 1, 0, 0
    tokens: list[re.Match[str]] = []
    for one in _TOKEN.finditer(text):
        if one["end"] and depth == 0 and tokens:
            yield line, tokens
            tokens = []
        elif one["end"] is None and not one.group().startswith("#"):
            if not tokens:
                line, seen = line + text.count("\n", seen, one.start()), one.start()
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(one["sign"] or "", 0)
            tokens.append(one)
    if tokens:
        yield line, tokens


def _names(tokens: list[re.Match[str]]) -> Key:
    """Return the names of a key; escapes in quoted names stay as they are written."""
    return tuple(one["bare"] or one["text"][1:-1] for one in tokens if one["bare"] or one["text"])
