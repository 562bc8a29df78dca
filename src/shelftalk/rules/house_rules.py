"""The house rules of a shop: what every description must keep, as data in a TOML file.

A field of `HouseRules` is a key of the file, in the table that its metadata names; `instead` is a table itself. Its
help sentence is the comment in the file and, in English, the help in the studio.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from shelftalk.errors import InvalidSettings
from shelftalk.rules.mistakes import MOST_BYTES, Mistake, parse_values, read_values
from shelftalk.rules.places import Key, Lines
from shelftalk.rules.words import Phrases, split_words
from shelftalk.workspace import write_bytes

MISTAKES_SHOWN = 50
LINE_LENGTH = 100  # of a list in a file; a longer one has a line for each word


def rule(table: str, kind: str, default: Any, help: str) -> Any:
    """Declare one rule: its table in the file, the kind of its value, and its help sentence.

    The kinds are "words" (a list), "pairs" (a table), "number", "allowed" (a rule where it is false), "required" (a
    rule where it is true) and "spelling". The default is no rule.
    """
    return field(default=default, metadata={"table": table, "kind": kind, "help": help})


@dataclass(frozen=True)
class HouseRules:
    """The rules that every description of a shop must keep; each default is no rule."""

    never: tuple[str, ...] = rule(
        "words", "words", (), "Words and phrases that no text has, in any case; * at the end is the rest of a word."
    )
    always: tuple[str, ...] = rule("words", "words", (), "Words and phrases that every text has.")
    instead: tuple[tuple[str, str], ...] = rule(
        "words.instead", "pairs", (), "Words that no text has, each with what to write for it."
    )
    fewest_words: int | None = rule("length", "number", None, "The fewest words of a text.")
    most_words: int | None = rule("length", "number", None, "The most words of a text.")
    most_characters: int | None = rule("length", "number", None, "The most characters of a text, with spaces.")
    exclamation_marks: bool = rule("style", "allowed", True, "false: no text has an exclamation mark.")
    capitals: bool = rule("style", "allowed", True, "false: no text has two words in capitals in a row.")
    emoji: bool = rule("style", "allowed", True, "false: no text has emoji.")
    first_person: bool = rule("style", "allowed", True, "false: no text says I, we, our and the like.")
    superlatives: bool = rule(
        "style", "allowed", True, "false: no text says best, finest or the like, unless title or attributes do."
    )
    spelling: str = rule("style", "spelling", "", "The spelling of English words, British or American.")
    brand: bool = rule("content", "required", False, "true: a text names the brand, where its product has one.")
    begins_with: tuple[str, ...] = rule(
        "content", "words", (), "A text begins with one of these; {title} and {name of an attribute} are filled in."
    )
    ends_with: tuple[str, ...] = rule("content", "words", (), "A text ends with one of these, filled in likewise.")

    def forbidden(self) -> dict[str, str]:
        """Return the words and phrases that no text has, with what to write for each, or ''."""
        return {**dict.fromkeys(self.never, ""), **dict(self.instead)}


NO_RULES = HouseRules()


def rule_fields() -> tuple[Field[Any], ...]:
    """Return the fields of the house rules in the order of a file."""
    return fields(HouseRules)


def read_rules(path: Path) -> HouseRules:
    """Read the rules in a file; where there is no file, there are no rules.

    Raises:
        InvalidSettings: the file cannot be read, or has mistakes, and the message lists all of them with their lines.
    """
    if not path.is_file():
        return NO_RULES
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidSettings(f"{path} cannot be read ({error.strerror}); make it readable.") from error
    return parse_rules(data, path.name)


def parse_rules(data: bytes, name: str) -> HouseRules:
    """Return the rules in the content of the file `name`.

    Raises:
        InvalidSettings: see `read_rules`.
    """
    rules, mistakes = _parse(data, name)
    if mistakes:
        said = " ".join(f"Line {one.line}: {one.said}" for one in sorted(mistakes)[:MISTAKES_SHOWN])
        raise InvalidSettings(f"{name} has {_count(mistakes)}. {said}")
    return rules


def write_rules(path: Path, rules: HouseRules) -> None:
    """Write rules to a file, atomically, with a comment for each key; those without a rule are commented out.

    Reading the file gives the same rules, and writing these the same bytes.

    Raises:
        InvalidSettings: the rules have mistakes; nothing is written.
        NotWritable: see `workspace.writing`.
    """
    data = rules_text(rules).encode(errors="replace")
    mistakes = _parse(data, path.name)[1]
    if mistakes:
        raise InvalidSettings(f"The rules have {_count(mistakes)}. {' '.join(one.said for one in mistakes)}")
    write_bytes(path, data)


def _parse(data: bytes, name: str) -> tuple[HouseRules, list[Mistake]]:
    """Return the rules in the content of a file without those that are mistakes, and the mistakes."""
    values, lines = parse_values(data, name)
    found, mistakes = read_values(values, lines, rule_fields())
    rules = HouseRules(**found)
    return rules, [*mistakes, *_contradictions(rules, lines)]


def _count(mistakes: list[Mistake]) -> str:
    return "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"


def _contradictions(rules: HouseRules, lines: Lines) -> list[Mistake]:
    """Return the rules that no text can keep together."""
    found: list[tuple[Key, str, str]] = []
    fewest, most, characters = rules.fewest_words, rules.most_words, rules.most_characters
    if fewest and most and fewest > most:
        found.append((("length", "fewest_words"), "", f"is {fewest}, more than most_words, {most}."))
    if fewest and characters and 2 * fewest - 1 > characters:
        found.append((("length", "fewest_words"), "", f"is {fewest}, which do not fit into {characters} characters."))
    asked: list[tuple[Key, str]] = [(("words", "always"), one) for one in rules.always]
    asked += [(("content", "begins_with"), one) for one in rules.begins_with]
    asked += [(("content", "ends_with"), one) for one in rules.ends_with]
    asked += [(("words", "instead", word), cure) for word, cure in rules.instead]
    forbidden = Phrases(rules.forbidden())
    for key, text in asked:
        for one in forbidden.find(split_words(text)):
            found.append((key, text, f"asks for {text!r}, and {one.phrase!r} is among the words never to use."))
    return [Mistake(lines.of_text(key, text), f"{'.'.join(key)} {said}") for key, text, said in found]


def rules_text(rules: HouseRules) -> str:
    """Return rules as the text of a file."""
    lines = ["# House rules: what every description keeps. A key that is left out is no rule."]
    table = ""
    for one in rule_fields():
        if one.metadata["table"] != table:
            table = one.metadata["table"]
            lines += ["", f"[{table}]"]
        lines.append(f"# {one.metadata['help']}")
        lines += key_lines(one, getattr(rules, one.name))
    return "\n".join(lines) + "\n"


_EXAMPLES = {
    "words": '["one", "two words"]',
    "number": "100",
    "allowed": "false",
    "required": "true",
    "spelling": '"British"',
}


def key_lines(one: Field[Any], value: Any) -> list[str]:
    """Return the lines of a file for one key and its value: an example in a comment if the value is no rule."""
    kind = one.metadata["kind"]
    if kind == "pairs":
        return [f"{_quoted(word)} = {_quoted(cure)}" for word, cure in value] or ['# cheap = "affordable"']
    if value == one.default:
        return [f"# {one.name} = {_EXAMPLES[kind]}"]
    if isinstance(value, bool):
        return [f"{one.name} = {str(value).lower()}"]
    if isinstance(value, tuple):
        return [f"{one.name} = {_listed(value)}"]
    return [f"{one.name} = {value if isinstance(value, int) else _quoted(value)}"]


def _listed(words: Iterable[str]) -> str:
    quoted = [_quoted(word) for word in words]
    joined = ", ".join(quoted)
    return f"[{joined}]" if len(joined) <= LINE_LENGTH else "".join(("[\n", *(f"    {one},\n" for one in quoted), "]"))


def _quoted(text: str) -> str:
    """Return a text as a basic string of TOML, which escapes as JSON does, and DEL, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
