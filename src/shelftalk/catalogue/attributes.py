"""Decide which columns of a file hold attributes, and read a product's attributes from them.

An attribute is a name and a value: "material", "oiled beech". A cell gives one attribute, named after its column or by
another cell of the row, or several: an object, a list of objects with names and values, such JSON (or such a hash of
Ruby) in a text, or pairs in a text as Google, Magento, BigCommerce and PrestaShop write them.

Never an attribute, whatever the file: prices, stock, tax, dates, links, pictures, ids and codes, markup, and the title
or the description again.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

from shelftalk.catalogue.attribute_names import (
    ARTICLES,
    CODED_NAMES,
    EXCLUDED_NAMES,
    EXCLUDED_PHRASES,
    EXCLUDED_WORDS,
    NAME_WORDS,
    PROGRAM_WORDS,
    PROPERTIES_IN_LISTS,
    USUAL_NAMES,
    VALUE_WORDS,
)
from shelftalk.catalogue.clean import TAG, clean
from shelftalk.catalogue.usual_names import unaccented
from shelftalk.records import Attributes

MOST_ATTRIBUTES = 40  # of a product
NAME_CHARACTERS = 60
VALUE_CHARACTERS = 200
RAW_CHARACTERS = 20_000  # of a text that are looked at
MOST_PAIRS = 1_000  # of a cell that are looked at

UNIT = re.compile(r"^(?P<name>.*\S)\s*\((?P<unit>kg|g|lbs?|oz|cm|mm|m|in|ft|yd|l|ml)\)$", re.IGNORECASE)
SPECIFIC = re.compile(r"^\*?(?:C:)?\s*")  # eBay's mark of a required column, and of an item's specifics
METAFIELD = re.compile(r"^(?P<name>.*\S)\s*\((?:product|variant)\.metafields\.[^()]*\)$")
BRACED = re.compile(r"^product_attribute_\{(?P<name>[^{}]+)\}$", re.IGNORECASE)  # of Ecwid
LISTED = re.compile(r"\s*\(x,y,z[.,…]*\)$", re.IGNORECASE)  # of PrestaShop: "Tags (x,y,z...)"
POSITIONED = re.compile(r"\([^():]+:[^():]+:[^():]+\)$")  # of PrestaShop: "Feature(Name:Value:Position)"
COUNTED = re.compile(r"^(?P<name>.*[^\W\d_])[ _]?\d{1,2}$")  # "bullet_point1"
CODES = re.compile(r"\w+(?:[;|,/>\s]+\w+)*")
CODE = re.compile(r"\d+|(?=[a-f]*\d)[0-9a-f]{6,}")
# The number joins the columns of a name and its value: "Attribute 1 name", "Attribute 1 value(s)", "Option1 Value".
# Also "Nom de l'attribut 1" and "Valeur(s) de l'attribut 1" of WooCommerce, "NOME VARIANTE 1" and "VALORI VARIANTE 1"
# of Etsy.
# Of Wix: "productOptionName1" and "productOptionDescription1", "additionalInfoTitle1" and "additionalInfoDescription1".
WIX_WORDS = frozenset(("option", "info"))
WIX_NAMES, WIX_VALUES = frozenset(("title", "name")), frozenset(("description", "choices"))
COMPOUND = re.compile(r"(?<=[^\W\d_])(name|wert)(?![^\W\d_])")  # "Merkmalname 1" and "Merkmalwert 1" of JTL
NUMBER = re.compile(r"\d+|(?<![a-z])(?:one|two|three|four|five)(?![a-z])", re.IGNORECASE)
NUMBERED_COLUMN = re.compile(r"^(?:attribut[eo]?|option)[ _]?\d+[ _]", re.IGNORECASE)  # also "Attribute 1 visible"
GOOGLE_CATEGORY = "google product category"  # a text or a number, which is a code
PRESTASHOP_DETAIL = "feature (name:value)"
# How attributes are written in one text: what stands between them, and between name and value, and the parts before.
DETAILS = {
    "product_detail": (",", ":", 1),  # of Google, as the next
    "product detail": (",", ":", 1),
    "additional_attributes": (",", "=", 0),  # of Magento
    "custom fields": (";", "=", 0),  # of BigCommerce
    PRESTASHOP_DETAIL: (",", ":", 0),
}
LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
LONG_NUMBER = re.compile(r"\d{8,}")
NO_VALUES = frozenset(
    ("", "-", "--", "n/a", "na", "nan", "none", "null", "unknown", "default title", "see description")
)
RUBY_ARROW = re.compile(r'(?<=")\s*=>\s*(?P<nothing>nil\b)?')
# Keys of an object that is one attribute.
PAIR_NAMES = ("name", "attribute_name", "key", "label", "PARAM_NAME")
PAIR_VALUES = ("value", "attribute_value", "values", "options", "VAL")


class AttributeColumn(NamedTuple):
    """A column that holds attributes.

    The attribute's name stands in the column `named_by`, or it is `name`. A number gets the `unit` behind it.
    """

    column: str
    name: str
    named_by: str | None = None
    unit: str = ""


def spellings(names: Sequence[str]) -> dict[str, str]:
    """Return each name by its lower case (casefold); of names that differ in case only, the first."""
    return {name.casefold(): name for name in reversed(names)}


def find_attribute_columns(
    names: Sequence[str], wanted: str, other: Iterable[str], sample: Sequence[Mapping[str, Any]] = ()
) -> tuple[AttributeColumn, ...]:
    """Return the columns of attributes, in the file's order.

    `wanted` is "automatic" (pairs of columns for name and value, metafields, and columns with usual names), "all" (each
    column that may hold attributes) or "none"; `other` are the columns of title, description and id, which hold none.
    A column of types or categories has none either where the rows of the sample hold only a program's words or codes.
    """
    if wanted == "none":
        return ()
    pairs = _pairs(names)
    taken = {*other, *pairs.values()}
    found = []
    for column in dict.fromkeys(names):
        if column in taken:
            continue
        if column in pairs:
            found.append(AttributeColumn(column, "", pairs[column]))
        elif (
            (one := _column(column))
            and (wanted == "all" or _is_always_one(column) or usual(one.name))
            and not _holds_codes(one, sample)
        ):
            found.append(one)
    return tuple(found)


def named_attribute_columns(names: Sequence[str], wanted: str) -> tuple[tuple[AttributeColumn, ...], list[str]]:
    """Return the columns that `wanted` lists, separated by commas, in its order, and those that do not exist.

    Case is ignored where the file has no column with that spelling. A name with a comma is quoted as in CSV.
    """
    spelt = {name.lower(): name for name in reversed(names)}
    pairs = _pairs(names)
    found, missing = [], []
    try:
        listed = next(csv.reader([wanted], skipinitialspace=True))
    except csv.Error:  # such as a line break
        return (), [wanted]
    for name in listed:
        column = name if name in names else spelt.get(name.strip().lower())
        if column is None:
            missing.append(name.strip())
        elif column in pairs:
            found.append(AttributeColumn(column, "", pairs[column]))
        else:
            found.append(_named(column))
    return tuple(dict.fromkeys(found)), missing


def possible_attribute_columns(names: Sequence[str], other: Iterable[str]) -> list[str]:
    """Return the columns that can be listed as columns of attributes.

    These are all but `other`, the columns of title, description and id, and those that only name another's attribute.
    """
    taken = {*other, *_pairs(names).values()}
    return [name for name in dict.fromkeys(names) if name not in taken]


def read_attributes(row: dict[str, Any], columns: Iterable[AttributeColumn]) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a row's attributes as they stand in its cells, in the columns' order."""
    for one in columns:
        name = one.name if one.named_by is None else row.get(one.named_by)
        if isinstance(name, str) and (value := row.get(one.column)) is not None:
            yield from (pair for pair in _attributes(name, value, one.unit) if pair[1])


def keep_attributes(pairs: Iterable[tuple[str, str]], *repeated: str) -> tuple[Attributes, Counter[str]]:
    """Return a product's attributes from cleaned names and values, and the number of those cut or left out.

    What is no attribute is left out, see the module; so is a value that is one of the texts `repeated`.
    """
    return join_attributes(
        (name, value)
        for name, value in pairs
        if _is_value(value) and value not in repeated and _holds_a_property(name, value, listed=True)
    )


def clean_attributes(pairs: Iterable[tuple[str, str]]) -> tuple[Attributes, Counter[str]]:
    """Return attributes that somebody typed, cleaned as for training; see `join_attributes`."""
    return join_attributes((clean(name), clean(value)) for name, value in pairs)


def join_attributes(pairs: Iterable[tuple[str, str]]) -> tuple[Attributes, Counter[str]]:
    """Return attributes from cleaned names and values, within the limits, and the number of those cut or left out.

    Equal names are joined: "red", "blue" becomes "red, blue". What has no name or no value is left out. The counter's
    keys are `too_many`, `long_names` and `long_values`.
    """
    found: dict[str, tuple[str, dict[str, str]]] = {}
    cut: Counter[str] = Counter()
    for spelt, value in pairs:
        name = spelt.replace("_", " ").replace(":", " ").strip()
        if not name or not value:
            continue
        if len(name) > NAME_CHARACTERS:
            name = _beginning(name, NAME_CHARACTERS)
            cut["long_names"] += 1
        key = name.casefold()
        if key not in found and len(found) == MOST_ATTRIBUTES:
            cut["too_many"] += 1
            continue
        found.setdefault(key, (name, {}))[1].setdefault(value.casefold(), value)
    kept = []
    for name, values in found.values():
        value = ", ".join(values.values())
        if len(value) > VALUE_CHARACTERS:
            value = _beginning(value, VALUE_CHARACTERS)
            cut["long_values"] += 1
        kept.append((name, value))
    return tuple(kept), cut


def usual(name: str) -> bool:
    """Return whether a column of this name holds attributes in many files."""
    return _normalised(name) in USUAL_NAMES


def _pairs(names: Sequence[str]) -> dict[str, str]:
    """Return for each column of values the column that names them."""
    numbered = [(name, _words(name), NUMBER.findall(name)) for name in names if NUMBER.search(name)]
    naming = {
        **{(words - WIX_NAMES, *found): name for name, words, found in numbered if _are_of_wix(words, WIX_NAMES)},
        **{(words - NAME_WORDS, *found): name for name, words, found in numbered if words & NAME_WORDS},
    }
    pairs = {}
    for name, words, found in numbered:
        held = WIX_VALUES if _are_of_wix(words, WIX_VALUES) else VALUE_WORDS
        if words & held and (key := (words - held, *found)) in naming:
            pairs[name] = naming[key]
    return pairs


def _are_of_wix(words: frozenset[str], wanted: frozenset[str]) -> bool:
    return bool(words & wanted and words & WIX_WORDS)


def _words(name: str) -> frozenset[str]:
    """Return the words of a column's name without its number, articles and the ends of plurals in brackets."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", re.sub(r"\([^()]*\)", "", unaccented(name))).lower()
    words = re.findall(r"[^\W\d_]+", COMPOUND.sub(r" \1", spaced))
    return frozenset(word for word in words if len(word) > 1) - ARTICLES


def _column(column: str) -> AttributeColumn | None:
    """Return a column as one of attributes; None where its name says that it holds something else."""
    if NUMBERED_COLUMN.match(column):
        return None
    named = _named(column)
    return named if _holds_a_property(named.name) else None


def _named(column: str) -> AttributeColumn:
    if found := METAFIELD.match(column):
        return AttributeColumn(column, found["name"])
    if found := UNIT.match(column):
        return AttributeColumn(column, found["name"], unit=found["unit"])
    if found := BRACED.match(column):
        return AttributeColumn(column, found["name"])
    if POSITIONED.search(column):
        return AttributeColumn(column, PRESTASHOP_DETAIL)
    name = LISTED.sub("", SPECIFIC.sub("", column))
    counted = COUNTED.match(name)
    return AttributeColumn(column, counted["name"] if counted and usual(counted["name"]) else name)


def _is_always_one(column: str) -> bool:
    """Return whether a column holds attributes whatever its name is."""
    return any(form.search(column) for form in (METAFIELD, BRACED, POSITIONED))


def _holds_codes(one: AttributeColumn, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a column that is named like a category or a type has only a program's words, or only codes."""
    if _normalised(one.name) not in CODED_NAMES:
        return False
    held = (row.get(one.column) for row in sample)
    values = {unaccented(str(value)).strip().lower() for value in held if isinstance(value, (str, int))} - {""}
    return bool(values) and (values <= PROGRAM_WORDS or all(map(_is_codes, values)))


def _is_codes(value: str) -> bool:
    return CODES.fullmatch(value) is not None and all(map(CODE.fullmatch, re.findall(r"\w+", value)))


def _attributes(name: str, value: Any, unit: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value[:1] in ("{", "[") and isinstance(parsed := _parsed(value), (dict, list)):
        value = parsed
    if isinstance(value, dict):
        if (pair := _pair(value)) is not None:
            yield pair
            return
        for key, held in islice(value.items(), MOST_PAIRS):
            yield str(key), _joined(held)
            yield from filter(None, map(_pair, held[:MOST_PAIRS] if isinstance(held, list) else ()))
    elif isinstance(value, (list, tuple)):
        yield from _written(name, _joined(value))
        for one in value[:MOST_PAIRS]:
            if isinstance(one, dict):
                yield from [(name, one["name"])] if _is_term(one) else _attributes(name, one)
    else:
        text = _text(value)
        yield from _written(name, f"{text} {unit}" if unit and text[-1:].isdigit() else text)


def _written(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield the attribute of a text, or those that are written in it where the name is a key of `DETAILS`."""
    form = DETAILS.get(name.lower())
    if form is None:
        yield name, text
        return
    between, inside, before = form
    details: list[tuple[str, str]] = []
    for part in text.split(between):
        detail = part.split(inside, before + 1)[before:]
        if len(detail) == 2:
            details.append((detail[0], detail[1]))
        elif details:  # a comma in the value
            details[-1] = (details[-1][0], f"{details[-1][1]}{between}{part}")
    if name.lower() == PRESTASHOP_DETAIL:
        details = [(key, value.partition(":")[0]) for key, value in details]
    yield from details or [(name, text)]


def _joined(value: Any) -> str:
    """Return a value as text; of a list the values, of a list in it too, and nothing of anything deeper."""
    if not isinstance(value, (list, tuple)):
        return _text(value)
    inner = (held for one in value[:MOST_PAIRS] for held in (one[:MOST_PAIRS] if isinstance(one, list) else (one,)))
    return ", ".join(filter(None, map(_text, islice(inner, MOST_PAIRS))))


def _text(value: Any) -> str:
    """Return a text, a number or a truth value as text; '' for anything else, and for a text with blocks of HTML."""
    if isinstance(value, str):
        value = value[:RAW_CHARACTERS]
        return "" if "<" in value and any(tag["block"] for tag in TAG.finditer(value)) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}" if isfinite(value) else ""
    return str(value) if isinstance(value, int) else ""


def _pair(value: Any) -> tuple[str, str] | None:
    """Return the name and the value of an object that is one attribute; None for anything else."""
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in PAIR_NAMES if isinstance(value.get(key), str)), None)
    held = next((value[key] for key in PAIR_VALUES if key in value), None)
    return None if name is None or held is None else (name, _joined(held))


def _is_term(value: dict[str, Any]) -> bool:
    """Return whether an object is a category or a tag, as WooCommerce writes them: with an id, a name and a slug."""
    return "slug" in value and isinstance(value.get("name"), str) and not any(key in value for key in PAIR_VALUES)


def _parsed(text: str) -> Any:
    """Return the value of a text in JSON or of a hash as Ruby writes it, {"key"=>nil}; None for any other text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if '"=>' not in text:
            return None
    try:
        return json.loads(RUBY_ARROW.sub(lambda arrow: ": null" if arrow["nothing"] else ": ", text))
    except (ValueError, RecursionError):
        return None


def _holds_a_property(name: str, value: str = "", *, listed: bool = False) -> bool:
    """Return whether a column's name, or a name `listed` among a product's attributes, is that of a property."""
    normalised = _normalised(name)
    if normalised == GOOGLE_CATEGORY:
        return not value.isdigit()
    words = {word.rstrip("0123456789") for word in normalised.split()}
    allowed = PROPERTIES_IN_LISTS if listed else frozenset()
    return (
        bool(words)
        and normalised not in EXCLUDED_NAMES - allowed
        and not words & EXCLUDED_WORDS - allowed
        and not any(phrase in normalised for phrase in EXCLUDED_PHRASES)
    )


def _is_value(value: str) -> bool:
    return not (value.casefold() in NO_VALUES or LINK.match(value) or LONG_NUMBER.fullmatch(value))


def _normalised(name: str) -> str:
    """Return a name in lower case and without accents, with single spaces between its words."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", unaccented(name)).lower()))


def _beginning(text: str, length: int) -> str:
    """Return at most `length` characters, whole words where the text has spaces."""
    head = text[: length + 1]
    return (head[: head.rindex(" ")] if " " in head.strip() else head[:length]).rstrip(" ,;")
