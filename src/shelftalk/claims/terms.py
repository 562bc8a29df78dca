"""Find materials and colours, where the words are used in that sense."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from shelftalk.claims.found import Found, Key
from shelftalk.claims.gazetteer import FUNCTION_WORDS
from shelftalk.claims.words import (
    AMBIGUOUS_COLOURS,
    AMBIGUOUS_MATERIALS,
    COLOUR_NOUNS,
    COLOURS,
    FOODS,
    FOODS_BEFORE,
    IDIOMS,
    MASS_NOUNS,
    MATERIALS,
    SHADES,
    SPELLINGS,
    listed,
)

_TOKEN = re.compile(r"(?<![^\W_])(?:[A-Z]['’](?=[A-Z]))?[^\W\d_]+(?:['’](?:[^\W\d_A-Z]+|S(?![A-Za-z])))*(?![^\W_])")
_LINKS = (" ", "-")
_PREPOSITIONS = listed("of, in, from, is, are, or, with, natural, pure, solid, recycled, real, genuine")
_DETERMINERS = listed("the, a, an, this, that, your, my, our, his, her, on, of, any")
_PRONOUNS = listed("he, she, i, it, they, we, you, have, has, had, never, ever, just, who")
_COLOUR_BEFORE = listed("in, one, colour, color, coloured, available")
_AWARDS = listed("award, awards, medal, prize, winner")


class Token(NamedTuple):
    """A word of letters and its position; `lower` is its normalised form, see `normalise`."""

    start: int
    end: int
    word: str
    lower: str


def tokenize(text: str) -> list[Token]:
    """Return the words that consist of letters, not joined to digits; hyphens separate words, apostrophes do not."""
    return [Token(*match.span(), word := match.group(), normalise(word)) for match in _TOKEN.finditer(text)]


@lru_cache(maxsize=20_000)
def normalise(word: str) -> str:
    """Return a word in lower case and British spelling, without possessive; a material's adjective becomes its noun."""
    lower = word.lower().replace("’", "'")
    lower = lower.removesuffix("'s").removesuffix("'")
    return lower[:-1] if lower in _PLURALS else SPELLINGS.get(lower, lower)


def _by_first_word(phrases: frozenset[str]) -> dict[str, list[tuple[str, ...]]]:
    table: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for phrase in sorted(phrases, key=lambda one: -len(one)):
        words = tuple(phrase.replace("-", " ").split())
        table[words[0]].append(words)
    return dict(table)


_MATERIAL_TABLE = _by_first_word(MATERIALS)
_COLOUR_TABLE = _by_first_word(COLOURS | AMBIGUOUS_COLOURS)
_SHADE_TABLE = _by_first_word(SHADES)
_FIRST_WORDS = frozenset([*_MATERIAL_TABLE, *_COLOUR_TABLE, *_SHADE_TABLE])
_AMBIGUOUS = {tuple(one.split()) for one in AMBIGUOUS_MATERIALS}
_TITLE_PARTS = re.compile(r"[,;:()\[\]/|–—-]|\bwith\b|\bin\b")
_PLURALS = listed("leathers, cottons, silks, wools, metals, plastics")


def find_terms(text: str, tokens: list[Token], colours_of_title: frozenset[str]) -> Iterator[Found]:
    """Yield materials and colours in the order of their positions.

    Ambiguous words need evidence for this sense: a noun after them, a preposition, a neighbour of the same kind or,
    for colours, `colours_of_title`.
    """
    index, last = 0, -9
    while index < len(tokens):
        if tokens[index].lower not in _FIRST_WORDS:
            index += 1
            continue
        in_list = last >= 0 and index - last <= 2 and _continues_list(text, tokens, last, index)
        material = _material(text, tokens, index, in_list)
        colour = _colour(text, tokens, index, in_list, colours_of_title)
        size, kind = max(material, colour, key=lambda one: one[0])
        if not size:
            index += 1
            continue
        words = tokens[index : index + size]
        keys = frozenset[Key](("term", one.lower) for one in words)
        yield Found(words[0].start, words[-1].end, kind, keys)
        last = index + size - 1
        index += size


def _continues_list(text: str, tokens: list[Token], last: int, index: int) -> bool:
    """Return whether the term at `index` follows the previous term in a list."""
    gap = text[tokens[last].end : tokens[index].start]
    return gap.strip() in (",", "and", "or", "&", "/", ", and", ", or", "+") and len(gap) < 8


def _phrase(text: str, tokens: list[Token], index: int, table: dict[str, list[tuple[str, ...]]]) -> int:
    """Return the number of words of the table's longest phrase that matches at `index`, 0 for none."""
    for words in table.get(tokens[index].lower, ()):
        if len(words) == 1:
            return 1
        part = tokens[index : index + len(words)]
        if tuple(one.lower for one in part) == words and _linked(text, part):
            return len(words)
    return 0


def _linked(text: str, part: list[Token]) -> bool:
    return all(text[left.end : right.start] in _LINKS for left, right in pairwise(part))


def _next(text: str, tokens: list[Token], index: int) -> str:
    """Return the word right after `index`, in lower case; empty if anything but a space or hyphen is between."""
    if index + 1 < len(tokens) and text[tokens[index].end : tokens[index + 1].start] in _LINKS:
        return tokens[index + 1].word.lower()
    return ""


def _before(text: str, tokens: list[Token], index: int) -> str:
    if index and text[tokens[index - 1].end : tokens[index].start] in _LINKS:
        return tokens[index - 1].word.lower()
    return ""


def _material(text: str, tokens: list[Token], index: int, in_list: bool) -> tuple[int, str]:
    size = _phrase(text, tokens, index, _MATERIAL_TABLE)
    if not size:
        return 0, "material"
    words = tuple(one.lower for one in tokens[index : index + size])
    if _idiom(text, tokens, index, index + size - 1) or (words[-1] in COLOURS and size == 1):
        return 0, "material"
    if words in (("gold",), ("silver",)) and _before(text, tokens, index) not in _PREPOSITIONS | {"carat"}:
        return (0 if _colour_like(text, tokens, index) else size), "material"
    if words in _AMBIGUOUS and not in_list and not _used_as_material(text, tokens, index, index + size - 1):
        return 0, "material"
    return size, "material"


def _colour_like(text: str, tokens: list[Token], index: int) -> bool:
    """Return whether gold or silver is more likely a colour, because another colour is near."""
    near = tokens[max(0, index - 2) : index] + tokens[index + 1 : index + 3]
    return any(one.lower in COLOURS for one in near)


def _idiom(text: str, tokens: list[Token], first: int, last: int) -> bool:
    following = _next(text, tokens, last)
    around = {one.lower for one in tokens[max(0, first - 2) : first]}
    word = tokens[last].word.lower()
    if following in IDIOMS.get(tokens[last].lower, ()) or following in IDIOMS.get(word, ()):
        return True
    if word == "golden" and ("silence" in {one.lower for one in tokens[max(0, first - 5) : first]}):
        return True
    return (word == "steel" and "nerves" in around) or (word in ("silver", "gold", "bronze") and bool(around & _AWARDS))


def _used_as_material(text: str, tokens: list[Token], first: int, last: int) -> bool:
    """Return whether an ambiguous word is a material: a noun follows, or "made of" and the like precede."""
    before, following = _before(text, tokens, first), _next(text, tokens, last)
    if tokens[last].word.lower() == "felt" and before in _PRONOUNS:
        return False
    if following and (following not in FUNCTION_WORDS or following == "one"):
        return not following.endswith(("ed", "ing")) or following.startswith(("covered", "lined", "backed"))
    if tokens[last].lower in MASS_NOUNS:
        return bool(before) and before not in _DETERMINERS
    return before in _PREPOSITIONS and following != "of"


def _colour(
    text: str, tokens: list[Token], index: int, in_list: bool, colours_of_title: frozenset[str]
) -> tuple[int, str]:
    shade = _phrase(text, tokens, index, _SHADE_TABLE)
    if shade and index + shade < len(tokens) and _linked(text, tokens[index : index + shade + 1]):
        size = _phrase(text, tokens, index + shade, _COLOUR_TABLE)
        first, last = index + shade, index + shade + size - 1
        if (
            size
            and not _idiom(text, tokens, index, last)
            and _is_colour(text, tokens, first, last, in_list, colours_of_title)
        ):
            return shade + size, "colour"
    size = _phrase(text, tokens, index, _COLOUR_TABLE)
    if not size or _idiom(text, tokens, index, index + size - 1):
        return 0, "colour"
    sure = _is_colour(text, tokens, index, index + size - 1, in_list, colours_of_title)
    return (size if sure else 0), "colour"


def _is_colour(
    text: str, tokens: list[Token], first: int, last: int, in_list: bool, colours_of_title: frozenset[str]
) -> bool:
    phrase = " ".join(one.lower for one in tokens[first : last + 1])
    if _before(text, tokens, first) in FOODS_BEFORE.get(phrase, ()):
        return False
    return phrase in COLOURS or in_list or phrase in colours_of_title or _used_as_colour(text, tokens, first, last)


def _used_as_colour(text: str, tokens: list[Token], first: int, last: int) -> bool:
    """Return whether an ambiguous word is a colour: in cream, rust finish, chestnut suede."""
    before, following = _before(text, tokens, first), _next(text, tokens, last)
    if (
        _colour_follows(text, tokens, last)
        or following in COLOUR_NOUNS
        or following in COLOURS
        or following in MATERIALS
    ):
        return True
    if before in ("is", "are", "was") and not following:
        return True
    return before in _COLOUR_BEFORE and following not in ("oil", "juice", "sauce", "flavour", "milk", "water")


def _colour_follows(text: str, tokens: list[Token], last: int) -> bool:
    """Return whether an unambiguous colour is next in a list: mustard, blush pink."""
    for index in range(last + 1, min(last + 3, len(tokens))):
        if index == last + 1 and not _continues_list(text, tokens, last, index):
            return False
        if tokens[index].lower in COLOURS:
            return not _idiom(text, tokens, index, index)
        if tokens[index].lower not in SHADES:
            return False
    return False


def title_colours(title: str) -> frozenset[str]:
    """Return the ambiguous words that a title uses as colours: in a part of at most three words, or at a part's end."""
    found = set()
    for part in _TITLE_PARTS.split(title):
        words = [one.lower for one in tokenize(part) if len(one.word) > 1]
        for index, word in enumerate(words):
            food = word in FOODS or (index and words[index - 1] in FOODS_BEFORE.get(word, ()))
            if word in AMBIGUOUS_COLOURS and not food and (len(words) <= 3 or index == len(words) - 1):
                found.add(word)
    return frozenset(found)
