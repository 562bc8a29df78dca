"""Collect the fields of one item of a feed: the text of each element, lists of attributes, and texts in languages.

An element of the item is a field. Elements in it are attributes where they have names and values of their own,
<param name="Colour">red</param>, <param name="Colour" value="red"/> or <param><name>Colour</name><value>red</value>
</param>, translations where they have a language, and parts of its text anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shelftalk.catalogue.attributes import PAIR_NAMES, PAIR_VALUES
from shelftalk.catalogue.localized import TAG, VALUE

MOST_LISTED = 1_000  # texts of an item that are kept for `lists`
LANGUAGES = ("lang", "xml:lang", "language", "locale")  # attributes that name one
LANGUAGE_ELEMENTS = ("language", "lang")  # which name it as their id, as PrestaShop writes
FIELD, INNER, PART = 2, 3, 4  # depths: the item itself has 1


class Fields:
    """The fields of an item that is open; `values` has the text of each by name, the first that is not blank.

    `localized` has the texts of those with a language, for `localized.in_language`. `is_open` tells whether one is
    open.
    """

    def __init__(self, own: Mapping[str, str], plain: Callable[[str], str]) -> None:
        """`own` are the attributes of the item itself; `plain` returns a name of an element as that of a column."""
        self.values: dict[str, str] = {}
        self.localized: dict[str, list[dict[str, str]]] = {}
        self.is_open = False
        self._own = {key: value for key, value in own.items() if ":" not in key and value.strip()}
        self._plain = plain
        self._lists: dict[str, list[Any]] = {}
        self._listed = 0

    def begin(self, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        """Begin an element at a depth in the item."""
        if depth == FIELD:
            self.is_open, self._name, self._attributes = True, name, attributes
            self._text: list[str] = []
            self._within: dict[str, list[Any]] = {}  # the texts of the elements in it
            self._pairs: list[dict[str, str]] = []
            self._translations: list[dict[str, str]] = []
            self._is_text = False  # whether it has text besides its elements
            return
        if depth == INNER:
            self._inner, self._inner_attributes = name, attributes
            self._parts: dict[str, str] = {}
            self._inner_begin = len(self._text)
        elif depth == PART:
            self._part_begin = len(self._text)
        self._text.append(" ")

    def add(self, depth: int, text: str) -> None:
        """Add text in an element at a depth."""
        self._text.append(text)
        self._is_text = self._is_text or (depth == FIELD and not text.isspace())

    def end(self, depth: int, name: str) -> None:
        """End an element at a depth."""
        if depth == FIELD:
            self.is_open = False
            self._store("".join(self._text))
            return
        if depth == INNER:
            self._end_inner("".join(self._text[self._inner_begin :]))
        elif depth == PART:
            self._parts[name] = "".join(self._text[self._part_begin :]).strip()
        self._text.append(" ")

    def with_own(self) -> dict[str, str]:
        """Return the values, and the item's own attributes where no element has a text."""
        return {**{key: value for key, value in self._own.items() if not self.values.get(key)}, **self.values}

    def lists(self) -> dict[str, list[Any]]:
        """Return each element of which there are several, and each that consists of elements, as objects."""
        return {name: found for name, found in self._lists.items() if len(found) > 1 or not isinstance(found[0], str)}

    def _end_inner(self, text: str) -> None:
        attributes = self._inner_attributes
        language = _language(attributes)
        if not language and self._inner in LANGUAGE_ELEMENTS:
            language = attributes.get("id", "")
        if language:
            self._translations.append({TAG: language, VALUE: text})
        elif "name" in attributes:
            self._pairs.append(_pair(attributes, text))
        elif not self._parts.keys().isdisjoint(PAIR_NAMES) and not self._parts.keys().isdisjoint(PAIR_VALUES):
            self._pairs.append(self._parts)
        else:
            self._keep(self._within, self._plain(self._inner), text)

    def _store(self, text: str) -> None:
        name, attributes = self._plain(self._name), self._attributes
        translations = self._translations
        if not translations and not self._within and (language := _language(attributes)):
            translations = [{TAG: language, VALUE: text}]
        elif translations:
            text = translations[0][VALUE]
        if not self.values.get(name):
            self.values[name] = "" if text.isspace() else text
        if translations:
            self.localized.setdefault(name, []).extend(one for one in translations if one[VALUE].strip())
        elif self._pairs:
            self._extend(name, self._pairs)
        elif self._within and not self._is_text:
            self._lists.setdefault(name, []).append(
                {key: texts if len(texts) > 1 else texts[0] for key, texts in self._within.items()}
            )
        elif attributes.get("name"):
            self._extend(name, [_pair(attributes, text)])
        else:
            self._keep(self._lists, name, text)

    def _extend(self, name: str, pairs: list[dict[str, str]]) -> None:
        pairs = [one for one in pairs if any(one.get(key, "").strip() for key in PAIR_VALUES)]
        pairs = pairs[: MOST_LISTED - self._listed]
        self._listed += len(pairs)
        if pairs:
            self._lists.setdefault(name, []).extend(pairs)

    def _keep(self, lists: dict[str, list[Any]], name: str, text: str) -> None:
        if self._listed < MOST_LISTED and text and not text.isspace():
            self._listed += 1
            lists.setdefault(name, []).append(text)


def _language(attributes: Mapping[str, str]) -> str:
    return next((attributes[name] for name in LANGUAGES if attributes.get(name)), "")


def _pair(attributes: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the attribute of an element with a name, and with its value as text or as `value`."""
    value = text if text.strip() else attributes.get("value", "")
    return {"name": attributes["name"], "value": f"{value.strip()} {attributes.get('unit', '')}".strip()}
