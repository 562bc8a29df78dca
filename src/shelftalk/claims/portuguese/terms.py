"""Find Portuguese materials and colours, where the words are used in that sense."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from shelftalk.claims.found import Found
from shelftalk.claims.portuguese.inflection import without_accents
from shelftalk.claims.portuguese.words import (
    AMBIGUOUS_COLOUR_FORMS,
    AMBIGUOUS_MATERIAL_FORMS,
    COLOUR_FORMS,
    IDIOMS,
    KIND_FORMS,
    MATERIAL_FORMS,
    PHRASES,
    SHADE_FORMS,
    WOOD_FORMS,
)
from shelftalk.claims.words import listed

_TOKEN = re.compile(r"(?<![^\W_])[^\W\d_]+(?![^\W_])")
_LINKS = (" ", "-", "\u00a0")
_LISTING = (",", "e", "ou", "&", "/", ", e", "+", "com")
_MATERIAL_BEFORE = listed(
    "de, em, no, na, do, da, puro, pura, legítimo, legítima, imitação, maciço, mesmo, mesma, com, e, ou"
)
_COLOUR_BEFORE = listed("cor, cores, tom, tons, de, na, no, em, é, são")
_MADE = listed(
    "feito, feita, feitos, feitas, cor, cores, tom, tons, pintado, pintada, pintados, pintadas, tingido, tingida"
)
_PLATED = listed("banhado, banhada, banhados, banhadas, folheado, folheada, folheados, folheadas")
_TASTES = listed("sabor, aroma, perfume, fragrância, essência, óleo, chá, suco, tipo, cheiro, geleia, notas")
_FOODS = listed("creme, mel, café, chocolate, vinho, cremes, vinhos, cafés")  # creme de barbear
# Words that are no nouns, so that a word behind them is not their colour.
_NO_NOUNS = listed(
    """
    a, o, as, os, um, uma, de, da, do, das, dos, em, na, no, nas, nos, com, sem, para, por, e, ou, que, é, são, se, seu,
    sua, ao, à, mais, muito, não, como, ideal, este, esta, cada, todo, toda, já, ainda, também, só, tem, leva
    """
)
_WOOD_ADJECTIVES = listed("maciça, maciço, nobre, natural, tratada, pura, reflorestada, certificada, clara, escura")
_PHRASE_TABLE: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
for _name, _words in sorted(PHRASES.items(), key=lambda one: -len(one[0])):
    for _form in {_name, without_accents(_name)}:
        _parts = tuple(_form.replace("-", " ").split())
        _PHRASE_TABLE.setdefault(_parts[0], []).append((_parts, _words))


class Token(NamedTuple):
    """A word of letters and its position; `lower` is in lower case."""

    start: int
    end: int
    lower: str


def tokenize(text: str) -> list[Token]:
    """Return the words that consist of letters; hyphens separate words."""
    return [Token(*match.span(), match.group().lower()) for match in _TOKEN.finditer(text)]


def find_terms(text: str, tokens: list[Token]) -> Iterator[Found]:
    """Yield materials and colours in the order of their positions.

    Ambiguous words need evidence for this sense: a preposition, a noun or a term of the same kind before them.
    """
    index, last = 0, -9
    while index < len(tokens):
        word = tokens[index].lower
        if word not in MATERIAL_FORMS and word not in COLOUR_FORMS and word not in _PHRASE_TABLE:
            index += 1
            continue
        in_list = last >= 0 and index - last <= 2 and _continues_list(text, tokens, last, index)
        found = (
            _phrase(text, tokens, index)
            or _material(text, tokens, index, in_list)
            or _colour(text, tokens, index, in_list)
        )
        if found is None:
            index += 1
            continue
        size, kind, words = found
        yield Found(tokens[index].start, tokens[index + size - 1].end, kind, frozenset(("term", one) for one in words))
        last = index + size - 1
        index += size


def terms_of(word: str) -> tuple[str, ...]:
    """Return the words that stand for a material, colour, kind or shade in all languages; none for another word."""
    return (
        *MATERIAL_FORMS.get(word, ()),
        *COLOUR_FORMS.get(word, ()),
        *KIND_FORMS.get(word, ()),
        *SHADE_FORMS.get(word, ()),
    )


def _continues_list(text: str, tokens: list[Token], last: int, index: int) -> bool:
    gap = text[tokens[last].end : tokens[index].start]
    return gap.strip() in _LISTING and len(gap) < 8


def _linked(text: str, tokens: list[Token], index: int) -> bool:
    """Return whether only a space or a hyphen separates a token from the one before."""
    return 0 < index < len(tokens) and text[tokens[index - 1].end : tokens[index].start] in _LINKS


def _before(text: str, tokens: list[Token], index: int, steps: int = 1) -> str:
    """Return the word `steps` before `index`, if only spaces or hyphens are between."""
    if index - steps < 0 or not all(_linked(text, tokens, at) for at in range(index - steps + 1, index + 1)):
        return ""
    return tokens[index - steps].lower


def _next(text: str, tokens: list[Token], index: int) -> str:
    return tokens[index + 1].lower if _linked(text, tokens, index + 1) else ""


def _phrase(text: str, tokens: list[Token], index: int) -> tuple[int, str, tuple[str, ...]] | None:
    for parts, words in _PHRASE_TABLE.get(tokens[index].lower, ()):
        chosen = tokens[index : index + len(parts)]
        linked = all(_linked(text, tokens, index + at) for at in range(1, len(parts)))
        if tuple(one.lower for one in chosen) == parts and linked:
            return len(parts), "colour" if words[0] in ("pink", "white") else "material", words
    return None


def _idiom(text: str, tokens: list[Token], index: int, after: int) -> bool:
    around = IDIOMS.get(tokens[index].lower, frozenset())
    following = _next(text, tokens, after)
    two = f"{following} {_next(text, tokens, after + 1)}"
    return following in around or two in around or f"<{_before(text, tokens, index)}" in around


def _material(text: str, tokens: list[Token], index: int, in_list: bool) -> tuple[int, str, tuple[str, ...]] | None:
    word = tokens[index].lower
    if word not in MATERIAL_FORMS or _idiom(text, tokens, index, index):
        return None
    if word in AMBIGUOUS_MATERIAL_FORMS and not in_list:
        before = _before(text, tokens, index)
        colour = word in COLOUR_FORMS and (before in _COLOUR_BEFORE - {"de", "em"} or not before)
        plated = before == "a" and _before(text, tokens, index, 2) in _PLATED
        if colour or not (plated or before in _MATERIAL_BEFORE or before in MATERIAL_FORMS):
            return None
    words, size = [*MATERIAL_FORMS[word]], 1
    if word in ("madeira", "madeiras", "compensado", "liga", "lâmina") and (wood := _wood(text, tokens, index)):
        return wood[0], "material", (*words, *wood[1])
    while (kind := tokens[index + size].lower if _linked(text, tokens, index + size) else "") in KIND_FORMS:
        words += KIND_FORMS[kind]
        size += 1
        if kind == "cromo" or size > 3:
            break
    if _next(text, tokens, index + size - 1) == "cromo" and _before_is(tokens, index + size + 1, "vanádio", "vanadio"):
        return size + 2, "material", (*words, "chrome", "vanadium")
    return size, "material", tuple(words)


def _before_is(tokens: list[Token], index: int, *words: str) -> bool:
    return index < len(tokens) and tokens[index].lower in words


def _wood(text: str, tokens: list[Token], index: int) -> tuple[int, tuple[str, ...]] | None:
    """Return the words of "madeira (maciça) de mogno" or "madeira mogno", and what they add."""
    at = index + 1
    if _linked(text, tokens, at) and tokens[at].lower in _WOOD_ADJECTIVES:
        at += 1
    if _linked(text, tokens, at) and tokens[at].lower == "de":
        at += 1
    if _linked(text, tokens, at) and tokens[at].lower in WOOD_FORMS:
        return at - index + 1, MATERIAL_FORMS[tokens[at].lower]
    if _before(text, tokens, at) == "de" and _linked(text, tokens, at) and tokens[at].lower.startswith("demoli"):
        return at - index + 1, ()
    return None


def _colour(text: str, tokens: list[Token], index: int, in_list: bool) -> tuple[int, str, tuple[str, ...]] | None:
    word = tokens[index].lower
    if word not in COLOUR_FORMS:
        return None
    words, size = [*COLOUR_FORMS[word]], 1
    while size < 3 and _linked(text, tokens, index + size) and tokens[index + size].lower in SHADE_FORMS:
        words += SHADE_FORMS[tokens[index + size].lower]
        size += 1
    if _idiom(text, tokens, index, index + size - 1):
        return None
    sure = word not in AMBIGUOUS_COLOUR_FORMS or in_list or size > 1
    return (size, "colour", tuple(words)) if sure or _used_as_colour(text, tokens, index) else None


def _used_as_colour(text: str, tokens: list[Token], index: int) -> bool:
    """Return whether an ambiguous word is a colour: "na cor vinho", "couro caramelo", "vestido rosa"."""
    before = _before(text, tokens, index)
    if before in ("cor", "cores", "tom", "tons", "é", "são"):
        return True
    if before in ("de", "em", "na", "no"):
        return _before(text, tokens, index, 2) in _MADE
    following = _next(text, tokens, index)
    if following == "de" and tokens[index].lower in _FOODS:
        return False
    if following in ("e", "ou") and index + 2 < len(tokens) and tokens[index + 2].lower in COLOUR_FORMS:
        return bool(before) and before not in _NO_NOUNS
    return bool(before) and before not in _NO_NOUNS and before not in _TASTES
