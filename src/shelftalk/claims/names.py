"""Find names: sequences of words that are capitalised as names, not because of their position in the sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from shelftalk.claims.found import Found, Key
from shelftalk.claims.gazetteer import (
    FUNCTION_WORDS,
    KNOWN_NAMES,
    LEADING_WORDS,
    NOT_NAMES,
    ROMAN_NUMERALS,
    TITLES,
    WEEKDAYS,
)
from shelftalk.claims.terms import Token
from shelftalk.claims.units import NUMBERS, UNITS
from shelftalk.claims.words import COLOURS, MATERIALS, SHADES, listed

_SENTENCE_END = re.compile(
    r"[.!?:;…]['\"”’)]*\s*$|[\n•*|]\s*[-–•*\"“]?\s*$|^\s*[-–•*\"“'‘(\[]*\s*$|(?:^|[\s(—–-])[\"']$|[“‘]$|—\s?$"
)
_ABBREVIATED = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|St|Mt|Prof|No|vs)|\b[A-Z])\.\s?$")
_BREAKS = frozenset('.!?:;\n•|–—"“”()[]')
_INCHES = re.compile(r"(?<=[0-9])[\"”]")
_AFTER_QUOTE = re.compile(r"[\"'”’]\s*[-–—]+\s*$|[\"'”’]\s+$")
_CONNECTORS = listed("of, the, de, da, di, du, del, la, le, van, von, der, den")
_JOINS = (" ", "-", "\u00a0", " & ", ". ", ".")
_APPEARANCE = MATERIALS | COLOURS | SHADES
_BEFORE_NAMES = listed("in, from, near, called, named")
_TAIL = re.compile(r" (?P<tail>[0-9]{1,4}(?:\.[0-9]{1,2})?|(?=[A-Za-z-]{0,8}[0-9])[A-Z0-9][A-Za-z0-9-]{1,12})(?![\w%])")


@cache
def common_words() -> frozenset[str]:
    """Return the words that are not names, capitalised or not.

    common_words.txt holds the lower-case words of the demo catalogue, and the usual words of a web shop.
    """
    text = files("shelftalk.claims").joinpath("common_words.txt").read_text(encoding="utf-8")
    return (
        frozenset(text.split()) | FUNCTION_WORDS | MATERIALS | COLOURS | SHADES | frozenset(NUMBERS) | frozenset(UNITS)
    )


def find_names(text: str, tokens: list[Token], title_words: frozenset[str]) -> Iterator[Found]:
    """Yield names in the order of their positions.

    A capital at the start of a sentence counts only with other evidence: a capitalised word next to it, the same word
    capitalised inside a sentence or (unless it is common) in the title, a possessive, or a list of known names.
    """
    starts = [not one.word.islower() and _starts_sentence(text, one) for one in tokens]
    in_capitals = _segments(text, tokens)
    seen = {
        one.lower
        for one, start, capitals in zip(tokens, starts, in_capitals, strict=True)
        if one.word[0].isupper() and not start and not capitals and _may_name(one) and not is_common(one)
    } | {word for word in title_words if word not in common_words() and word not in NOT_NAMES and len(word) > 1}
    index = 0
    while index < len(tokens):
        end = _run(text, tokens, index) if _may_name(tokens[index]) or _opens(text, tokens, index) else index
        if end == index:
            index += 1
            continue
        first, last = _trim(tokens, index, end, starts)
        if first < last and _in_code(text, tokens[last - 1]):
            last -= 1
        if first < last and _is_name(tokens, first, last, starts, in_capitals, seen):
            yield from _named(text, tokens, first, last)
        index = end


def _in_code(text: str, token: Token) -> bool:
    """Return whether a word is part of a model number: KX-170B."""
    return text[token.end : token.end + 1] in ("-", "/") and text[token.end + 1 : token.end + 2].isdigit()


def _starts_sentence(text: str, token: Token) -> bool:
    before = text[max(0, token.start - 8) : token.start]
    if token.start <= 8 and not before.strip(" \n\t-–•*\"“'‘(["):
        return True
    cut = "" if token.start <= 8 else "x"  # so that ^ matches only at the start of the text
    return _SENTENCE_END.search(cut + before) is not None and not _ABBREVIATED.search(before)


def _segments(text: str, tokens: list[Token]) -> list[bool]:
    """Return for each word whether it is in a segment where nearly every word is capitalised."""
    flags = [False] * len(tokens)
    first = 0
    for index, token in enumerate(tokens):
        last = index + 1 == len(tokens)
        gap = "." if last else _INCHES.sub("", text[token.end : tokens[index + 1].start])
        if gap != " " and (last or not _BREAKS.isdisjoint(gap) or " - " in gap):
            part = [one for one in tokens[first : index + 1] if len(one.word) > 2 and one.lower not in _CONNECTORS]
            capitals = sum(not one.word.islower() for one in part)
            all_upper = all(one.word.isupper() for one in tokens[first : index + 1])
            after_quote = _AFTER_QUOTE.search(text[max(0, tokens[first].start - 4) : tokens[first].start])
            if capitals >= max(2, 0.8 * len(part)) and (all_upper or _ordinary(part)) and not after_quote:
                flags[first : index + 1] = [True] * (index + 1 - first)
            first = index + 1
    return flags


def _ordinary(part: list[Token]) -> bool:
    """Return whether half of the words of a capitalised segment are common, or all of them if it is short."""
    known = sum(is_common(one) for one in part)
    return known == len(part) if len(part) < 4 else known * 2 >= len(part)


def is_common(token: Token) -> bool:
    """Return whether a word is common; plurals count too, unless the word is all capitals."""
    return _is_common(token.lower, token.word.isupper())


@lru_cache(maxsize=20_000)
def _is_common(lower: str, capitals: bool) -> bool:
    words = common_words()
    if capitals:
        return lower in words
    return (
        lower in words
        or (lower.endswith("s") and lower[:-1] in words)
        or lower.removesuffix("es") in words
        or (lower.endswith("ly") and len(lower) > 6)
    )


def _may_name(token: Token) -> bool:
    if token.word.islower():
        return False
    if not token.word[0].isupper():
        return len(token.word) > 2 and token.word[1].isupper()  # iPhone, but not two words without a space between them
    return len(token.word) > 1 and NOT_NAMES.isdisjoint((token.word.lower().replace("’", "'"), token.lower))


def _opens(text: str, tokens: list[Token], index: int) -> bool:
    """Return whether a word that is no name alone can begin one: an initial, or the weekday of a newspaper's name."""
    token = tokens[index]
    if token.lower in WEEKDAYS:
        return (
            token.word[0].isupper()
            and text[token.end : token.end + 1] == " "
            and text[token.end + 1 : token.end + 2].isupper()
        )
    return (
        len(token.word) == 1
        and token.word.isupper()
        and token.word != "I"
        and text[token.end : token.end + 1] in (".", " ")
    )


def _run(text: str, tokens: list[Token], index: int) -> int:
    """Return the index after the sequence of name words that begins at `index`, including connectors such as "of"."""
    end = index + 1
    while end < len(tokens) and end - index < 12:
        step = end
        while (
            step < len(tokens)
            and step - end < 2
            and tokens[step].word in _CONNECTORS
            and _gap(text, tokens, step) == " "
        ):
            step += 1
        if step >= len(tokens) or not _joins(text, tokens, step):
            return end
        if not (_may_name(tokens[step]) or _continues(tokens[step])):
            return end
        end = step + 1
    return end


def _continues(token: Token) -> bool:
    """Return whether a word can continue a name but not begin it: an initial or a Roman numeral."""
    return token.word.isupper() and (len(token.word) == 1 or token.lower in ROMAN_NUMERALS)


def _gap(text: str, tokens: list[Token], index: int) -> str:
    return text[tokens[index - 1].end : tokens[index].start]


def _joins(text: str, tokens: list[Token], index: int) -> bool:
    gap, before = _gap(text, tokens, index), tokens[index - 1]
    if gap in (". ", "."):
        if tokens[index].lower in FUNCTION_WORDS and len(tokens[index].word) > 1:
            return False
        return (
            len(before.word) == 1 and (len(tokens[index].word) == 1 or not is_common(tokens[index]))
        ) or before.lower in TITLES
    return gap in _JOINS


def _trim(tokens: list[Token], first: int, last: int, starts: list[bool]) -> tuple[int, int]:
    """Drop leading words that are capitalised only because of their position, and function words."""
    while (
        first < last and starts[first] and (tokens[first].lower in FUNCTION_WORDS or _only_common(tokens, first, last))
    ):
        first += 1
    while first < last and (
        tokens[first].word in _CONNECTORS or tokens[first].lower in FUNCTION_WORDS - {"the", "a", "an", "may"}
    ):
        first += 1
    return first, last


def _only_common(tokens: list[Token], first: int, last: int) -> bool:
    """Return whether a sentence begins with a common word that a separate name follows: Artist May Sullivan."""
    if last - first < 2 or tokens[first + 1].start - tokens[first].end != 1 or tokens[first].lower in LEADING_WORDS:
        return False
    if tokens[first + 1].lower in ("the", "a", "an") and tokens[first + 1].word[0].isupper():
        return is_common(tokens[first])
    if tokens[first + 1].word in _CONNECTORS:
        return is_common(tokens[first]) and not any(is_common(one) for one in tokens[first + 2 : last])
    return is_common(tokens[first]) and not is_common(tokens[first + 1]) and tokens[first].lower not in TITLES


def _is_name(
    tokens: list[Token],
    first: int,
    last: int,
    starts: list[bool],
    in_capitals: list[bool],
    seen: set[str],
) -> bool:
    run = [one for one in tokens[first:last] if one.lower not in FUNCTION_WORDS or one.lower == "may"]
    if all(len(one.word) == 1 for one in run):
        return "".join(one.lower for one in run) in ("us", "usa", "uk")
    strong = any(
        one.lower in KNOWN_NAMES or _inner_capital(one) or (one.lower in seen and not is_common(one)) for one in run
    )
    if in_capitals[first]:
        return strong and not all(one.word.isupper() for one in run)
    if strong:
        return True
    uncommon = [one for one in run if not is_common(one)]
    if starts[first] and last - first == 1:
        word = tokens[first].word
        return bool(uncommon) and (word.endswith(("'s", "’s")) or (len(word) > 1 and word.isupper()))
    if len(run) == 1:
        return bool(uncommon) or (
            first > 0 and tokens[first - 1].word in _BEFORE_NAMES and run[0].lower not in _APPEARANCE | {"may"}
        )
    emphasis = any(one.word.isupper() and len(one.word) > 1 for one in run)
    return bool(uncommon) or not (emphasis or all(one.lower in _APPEARANCE for one in run))


def _inner_capital(token: Token) -> bool:
    word = token.word if token.word[0].isupper() else token.word[1:]
    if word is not token.word:
        return word[0].isupper()
    return not word.isupper() and any(one.isupper() for one in word[1:]) and "'" not in word and "’" not in word


def _named(text: str, tokens: list[Token], first: int, last: int) -> Iterator[Found]:
    """Yield a name with the number after it (Bluetooth 5.3), and without it in case the number is a count."""
    start, end = tokens[first].start, tokens[last - 1].end
    words = [one.lower for one in tokens[first:last] if one.lower not in FUNCTION_WORDS or one.lower == "may"]
    if all(len(one) == 1 for one in words):
        words = ["".join(words)]  # U.S.A.
    keys = frozenset[Key](("word", one) for one in words)
    if tail := _TAIL.match(text, end):
        yield Found(start, tail.end(), "name", keys | {("word", tail["tail"].lower())})
    yield Found(start, end - 2 if text[end - 2 : end] in ("'s", "’s") else end, "name", keys)
