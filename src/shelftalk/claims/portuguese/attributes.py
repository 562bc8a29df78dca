"""Read a product's attributes for the check of Portuguese claims; their names may be Portuguese or English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from shelftalk.claims.found import Found, Key
from shelftalk.claims.portuguese.inflection import stem
from shelftalk.claims.portuguese.search import search, stated
from shelftalk.claims.portuguese.units import NUMBERS
from shelftalk.claims.words import listed
from shelftalk.records import Attributes

_WORD = re.compile(r"[^\W_]+")


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words, numbers included."""
    return tuple(stem(one[0]) for one in _WORD.finditer(text))


def _stemmed(text: str) -> frozenset[str]:
    return frozenset(stem(one) for one in listed(text))


# Words that name the same, in both languages; the first stands for all.
_SAME = [
    [stem(word) for word in one.split()]
    for one in (
        "peças pieces unidades units quantidade quantity pares pairs itens items",
        "lugares pessoas seats assentos people",
        "gavetas drawers",
        "bolsos pockets compartimentos compartments",
        "portas doors",
        "prateleiras shelves",
        "cordas strings",
        "rodas wheels",
        "páginas pages folhas sheets",
        "botões buttons",
        "velocidades speeds",
        "pilhas batteries",
        "receitas recipes",
        "cores colours colors",
        "altura height alto high tall",
        "largura width largo wide",
        "comprimento length comprido long",
        "profundidade depth fundo deep",
        "espessura thickness espesso thick",
        "diâmetro diameter",
        "peso weight pesa pesando pesam weighs",
        "capacidade capacity volume comporta comportam cabem holds reservatório",
        "potência power",
        "tensão voltage voltagem",
        "suporta aguenta carga load suportam",
        "bateria autonomia duração battery queima",
    )
]
_CANONICAL = {word: group[0] for group in _SAME for word in group}
MATERIAL_NAMES = _stemmed(
    "material, materiais, materials, composição, composition, tecido, fabric, metal, madeira, wood"
)
COLOUR_NAMES = _stemmed("cor, cores, colour, color, colours, colors")
SIZE_NAMES = _stemmed("medidas, dimensões, tamanho, formato, size, dimensions, measurements")
COUNT_NAMES = _stemmed("peças, unidades, quantidade, itens, pieces, quantity, pack, conteúdo")
AGE_NAMES = _stemmed("idade, idades, faixa, age, ages")
GROUPS = _stemmed(
    "altura, largura, comprimento, profundidade, espessura, diâmetro, peso, capacidade, potência, tensão, suporta"
)
_FUNCTION_WORDS = listed(
    "a, o, as, os, de, da, do, das, dos, em, no, na, com, e, ou, para, por, um, uma, até, cada, por"
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: the keys that it states, and `sorts`, the kinds and dimensions of the claims in its value.

    `names` are the meanings of its name's words, `nouns` those of name and value without numbers and function words;
    `group` is what its measure measures, if the name says so.
    """

    name: str
    keys: frozenset[Key]
    sorts: frozenset[tuple[str, ...]]
    names: frozenset[str]
    nouns: frozenset[str]
    group: str | None


def meaning(word: str) -> str:
    """Return a stem, or the one that stands for all words of its meaning (height: altura)."""
    return _CANONICAL.get(word, word)


def meanings(text: str) -> tuple[str, ...]:
    """Return the meanings of a text's words without function words and numbers."""
    words = (one[0].lower() for one in _WORD.finditer(text))
    return tuple(meaning(stem(one)) for one in words if one not in _FUNCTION_WORDS and not _number(one))


def _number(word: str) -> bool:
    return word in NUMBERS or word[0].isdigit()


@lru_cache(maxsize=1024)
def read_attributes(attributes: Attributes) -> tuple[Attribute, ...]:
    """Return the attributes with what they state."""
    return tuple(_read(name, value) for name, value in attributes)


def _read(name: str, value: str) -> Attribute:
    source = f"{name}: {value}.\n{value} {name}"
    found = search(source, bare=True)
    names = frozenset(meanings(name))
    keys, sorts = set(stated(source)), {sort(key) for one in found for key in one.needs}
    words = value.lower().split()
    if len(words) == 1 and words[0] in NUMBERS:
        keys.add(("count", str(NUMBERS[words[0]])))
        sorts.add(("count",))
    sorts |= {(one.kind,) for one in found if one.kind in ("material", "colour")}
    if names & {meaning(one) for one in MATERIAL_NAMES}:
        sorts.add(("material",))
    if names & {meaning(one) for one in COLOUR_NAMES}:
        sorts.add(("colour",))
    group = next((one for one in meanings(name) if one in {meaning(each) for each in GROUPS}), None)
    return Attribute(name, frozenset(keys), frozenset(sorts), names, names | set(meanings(value)), group)


def sort(key: Key) -> tuple[str, ...]:
    """Return what two keys must share to be values of the same thing: a kind, and for measures the dimension."""
    return ("measure", key[1].removeprefix("imperial ")) if key[0] == "measure" else (key[0],)


def sorts_of(found: Found) -> set[tuple[str, ...]]:
    """Return what an attribute's value must be to state or contradict a claim."""
    return {(found.kind,)} if found.kind in ("material", "colour") else {sort(key) for key in found.needs}


def is_named(attribute: Attribute, names: Iterable[str]) -> bool:
    """Return whether an attribute's name has one of these words."""
    return not attribute.names.isdisjoint({meaning(one) for one in names})
