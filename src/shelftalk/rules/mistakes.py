"""Read the values of a file of house rules, and find every mistake in them, with its line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field
from typing import Any, NamedTuple

from shelftalk.errors import InvalidSettings
from shelftalk.presets import parse_toml
from shelftalk.rules.places import Key, Lines, find_lines
from shelftalk.rules.words import folded_words

MOST_WORDS = 1000  # of a list
MOST_CHARACTERS = 200  # of a word or phrase
MOST_BYTES = 262_144  # of a file
MOST_DOTS = 200  # of a line: the time and memory of parsing "a.a.a = 1" grow with the square of its dots
MOST_NUMBER = 100_000  # of words or characters of a text
SPELLINGS = ("British", "American")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Mistake(NamedTuple):
    """A mistake in a file: its line, from 1, and what is wrong, as a sentence."""

    line: int
    said: str


def parse_values(data: bytes, name: str) -> tuple[dict[str, Any], Lines]:
    """Return the values in the TOML file `name`, and the lines where they stand.

    Raises:
        InvalidSettings: the file is too large, or is not TOML; the message has the line.
    """
    if len(data) > MOST_BYTES:
        raise InvalidSettings(f"{name} has more than {MOST_BYTES:,} bytes; a file of house rules must be smaller.")
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    for line, written in enumerate(text.split("\n"), start=1):
        if written.count(".") > MOST_DOTS:
            raise InvalidSettings(
                f"{name}, line {line} has more than {MOST_DOTS} dots; write a list over several lines."
            )
    try:
        values = parse_toml(text, name)
    except (RecursionError, ValueError) as error:
        raise InvalidSettings(
            f"{name} is not a TOML file of rules: brackets too deep, or a number too long."
        ) from error
    return values, find_lines(text)


class _Reader:
    """Takes the values of a file, field by field, and collects the mistakes."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.mistakes: list[Mistake] = []

    def say(self, key: Key, said: str, text: Any = None) -> None:
        line = self.lines.of_text(key, text) if isinstance(text, str) else self.lines.of(key)
        self.mistakes.append(Mistake(line, f"{'.'.join(key)} {said}"))

    def read(self, key: Key, kind: str, value: Any) -> Any:
        """Return a value as the field of its kind holds it, or None if it is a mistake, which is noted."""
        if kind == "pairs":
            return self._pairs(key, value)
        if kind == "words":
            return self._words(key, value)
        if kind == "number":
            if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_NUMBER:
                return value
            self.say(key, f"must be a whole number from 1 to {MOST_NUMBER:,}, got {_short(value)}.")
        elif kind == "spelling":
            if value in SPELLINGS:
                return value
            self.say(key, f"must be {' or '.join(SPELLINGS)}, got {_short(value)}.")
        elif isinstance(value, bool):
            return value
        else:
            self.say(key, f"must be true or false, got {_short(value)}.")
        return None

    def _words(self, key: Key, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.say(key, f'must be a list such as ["one", "two words"], got {_short(value)}.')
            return ()
        if len(value) > MOST_WORDS:
            self.say(key, f"has {len(value):,} entries, and at most {MOST_WORDS:,} are allowed.")
            return ()
        return tuple(dict.fromkeys(one for one in value if self._is_word(key, one)))

    def _pairs(self, key: Key, value: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            self.say(key, f'must be a table of lines such as cheap = "affordable", got {_short(value)}.')
            return ()
        if len(value) > MOST_WORDS:
            self.say(key, f"has {len(value):,} entries, and at most {MOST_WORDS:,} are allowed.")
            return ()
        checked = [(pair, [self._is_word((*key, pair[0]), one) for one in pair]) for pair in value.items()]
        return tuple(pair for pair, right in checked if all(right))

    def _is_word(self, key: Key, word: Any) -> bool:
        if not isinstance(word, str):
            said = f"must hold texts in quotes, got {_short(word)}."
        elif not folded_words(word.removesuffix("*")):
            said = f"has an empty word, {_short(word)}."
        elif len(word) > MOST_CHARACTERS:
            said = f"has a word of {len(word):,} characters, and at most {MOST_CHARACTERS} are allowed: {_short(word)}"
        elif key[0] == "content" and set("{}") & set(PLACEHOLDER.sub("", word)):
            said = f"has a brace without the other one, or one in another: {_short(word)}."
        else:
            return True
        self.say(key, said, word)
        return False


def read_values(
    values: Mapping[str, Any], lines: Lines, known: Sequence[Field[Any]]
) -> tuple[dict[str, Any], list[Mistake]]:
    """Return the values of the known fields that a file has, and the mistakes in it."""
    reader = _Reader(lines)
    fields = {key_of(one): one for one in known}
    found = {}
    tables = {one[:end] for one in fields for end in range(1, len(one))}
    for key, value in _leaves(values, (), fields, tables):
        if key in fields:
            read = reader.read(key, fields[key].metadata["kind"], value)
            if read is not None:
                found[fields[key].name] = read
        else:
            reader.say(key, _unknown(key, list(fields)))
    return found, reader.mistakes


def key_of(one: Field[Any]) -> Key:
    """Return the names of the tables and the key of a field in a file."""
    table = tuple(one.metadata["table"].split("."))
    return table if one.metadata["kind"] == "pairs" else (*table, one.name)


def _leaves(
    values: Mapping[str, Any], above: Key, fields: Mapping[Key, Any], tables: set[Key]
) -> Iterator[tuple[Key, Any]]:
    """Yield each key with its value; a table that is not known is one key."""
    for name, value in values.items():
        key = (*above, name)
        if key in tables and isinstance(value, dict):
            yield from _leaves(value, key, fields, tables)
        else:
            yield key, value


def _unknown(key: Key, known: Sequence[Key]) -> str:
    tables = {one[:-1] for one in known}
    if key in tables:
        return "must be a table."
    names = [".".join(one) for one in known]
    by_name = {one[-1]: ".".join(one) for one in known}
    near = difflib.get_close_matches(".".join(key)[:100], [*names, *(".".join(one) for one in tables)], n=1)
    near = near or [by_name[one] for one in difflib.get_close_matches(key[-1][:100], by_name, n=1)]
    return f"is no rule; did you mean {near[0]}?" if near else f"is no rule; known are {', '.join(names)}."


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= 60 else f"{written[:57]}..."
