"""Decide which columns of a file hold the title, the description and the id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from shelftalk.catalogue.attributes import AttributeColumn, find_attribute_columns, named_attribute_columns
from shelftalk.catalogue.formats import Variants, known_format, variants_by_shape
from shelftalk.catalogue.localized import find_language
from shelftalk.catalogue.settings import NO_ID, FileSettings, PrepareSettings
from shelftalk.catalogue.usual_names import Sample, fullest, in_one_language, usual_columns_of
from shelftalk.errors import UnreadableInput

ATTRIBUTE_CHOICES = ("automatic", "all", "none")  # anything else lists columns

LONGEST_NAME = 60  # of a column, in characters
NAMES_SHOWN = {
    "title": "title, name, product name, product title",
    "description": "content, description, body, text",
}  # of the usual ones, in a message
NAMES_LISTED = 30  # of the file's own columns
TEXTS = ("title", "description")
ROLES = (*TEXTS, "id")
QUOTED = re.compile(r'^\s|[,"\r\n]')

# What to do with rows for training a chat, by their keys.
ADVICE = (
    (
        ("instruction", "output"),
        "These are rows of instructions: give --title-field input (or instruction) and --description-field output.",
    ),
    (
        ("messages",),
        "These are chats: make rows with jq -c '{title: .messages[-2].content, content: .messages[-1].content}' FILE.",
    ),
    (
        ("conversations",),
        "These are chats: make rows of their .conversations with jq, each with a title and a content.",
    ),
)


class Columns(NamedTuple):
    """The names of the columns as the file spells them.

    `description` are the columns that make up the description, in the order in which they are joined; empty where only
    titles are needed. `uid` is None where the file has no ids, `variants` where every row is a product. `escaped` means
    that texts are escaped as in WooCommerce exports. Rows with a value in `store_view` repeat a product in another
    language or for another shop. `attributes` are the columns of attributes, in the file's order. Of texts in several
    languages `language` is read, see `localized`; it is '' where texts are in one. With `carry` every row keeps all its
    values: see `rows.Row`.
    """

    title: str
    description: tuple[str, ...] = ()
    uid: str | None = None
    variants: Variants | None = None
    escaped: bool = False
    attributes: tuple[AttributeColumn, ...] = ()
    store_view: str | None = None
    language: str = ""
    carry: bool = False

    def names(self) -> list[str]:
        """Return every column to be read, without duplicates."""
        marking = (*self.variants.columns, self.variants.product) if self.variants else ()
        named = [name for one in self.attributes for name in (one.named_by, one.column)]
        wanted = (self.title, *self.description, self.uid, *marking, self.store_view, *named)
        return list(dict.fromkeys(name for name in wanted if name is not None))


def choose_columns(source: Path, names: list[str], settings: PrepareSettings, sample: Sample = ()) -> Columns:
    """Choose the columns that the settings name, or else those of a known format, or else those with a usual name.

    `sample` has the first rows of a table.

    Raises:
        UnreadableInput: a named column does not exist, or none has a usual name; the message lists the columns of the
            file and the options to give, for all errors at once.
    """
    requested = {"title": settings.title_field, "description": settings.description_field, "id": settings.id_field}
    return _choose(source, names, requested, settings.attributes, settings, sample)


def choose_title_columns(
    source: Path, names: list[str], settings: FileSettings, attributes: str = "none", sample: Sample = ()
) -> Columns:
    """Choose the columns of title, id and attributes only: those that are named, or else those with a usual name.

    Raises:
        UnreadableInput: see `choose_columns`.
    """
    requested = {"title": settings.title_field, "id": settings.id_field}
    return _choose(source, names, requested, attributes, settings, sample)


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return the names of all columns in order, each that comes again with a number: "size", "size (2)"."""
    found: dict[str, None] = {}
    numbers: dict[str, int] = {}  # the last one of each name: a file may have thousands of columns without a name
    for name in names:
        label = name
        while label in found:
            numbers[name] = numbers.get(name, 1) + 1
            label = f"{name} ({numbers[name]})"
        found[label] = None
    return list(found)


def description_columns(columns: Columns, names: list[str], sample: Sample = ()) -> tuple[str, ...]:
    """Return the columns of descriptions beside those of title and attributes; () where none has a usual name."""
    found = _detected(names, {"title": columns.title, "description": None, "id": None}, sample)
    attributes = {one.column for one in columns.attributes}
    return tuple(name for name in found.description if name not in attributes)


def usual_columns(names: list[str], sample: Sample = ()) -> Columns:
    """Return the default columns of a file; '', () or None where there is none."""
    found = _detected(names, dict.fromkeys(ROLES), sample)
    return _with_attributes(found, names, "automatic", sample)


def automatic_attributes(
    names: list[str], title: str, description: tuple[str, ...], uid: str | None, sample: Sample = ()
) -> list[str]:
    """Return the columns of attributes that are chosen by default where these hold title, description and id."""
    requested = {"title": title, "description": None, "id": uid}
    chosen = _detected(names, requested, sample)._replace(description=description)
    return [one.column for one in _with_attributes(chosen, names, "automatic", sample).attributes]


def untaken_attributes(names: list[str], columns: Columns, sample: Sample) -> tuple[str, ...]:
    """Return the columns with values that could hold attributes too, and have no usual name."""
    wanted = find_attribute_columns(names, "all", columns.names(), sample)
    return tuple(one.column for one in wanted if any(row.get(one.column) not in (None, "") for row in sample))


def list_attribute_columns(columns: Iterable[str]) -> str:
    """Return the setting `attributes` that lists these columns; "none" where there are none.

    A name is quoted as in CSV where it would be read otherwise: with a comma, for instance, or where it is "all".
    """
    return ",".join(map(_quoted, columns)) or "none"


def usual_column(role: str, names: list[str]) -> str | None:
    """Return the first column with a usual name for a role, title, description or id; None where there is none."""
    found = usual_columns_of(role, names) or list(in_one_language(names, (), (role,)).values())
    return found[0] if found else None


def _choose(
    source: Path,
    names: list[str],
    requested: Mapping[str, str | None],
    attributes: str,
    settings: FileSettings,
    sample: Sample,
) -> Columns:
    found = _detected(names, requested, sample)
    wrong = []
    for role, name in requested.items():
        if name and name not in names and (role, name) != ("id", NO_ID):
            wrong.append(f"no column {name!r} (--{role}-field)")
        elif (role == "title" and not found.title) or (role == "description" and not found.description):
            wrong.append(f"no {role} column ({NAMES_SHOWN[role]}, ...; name it with --{role}-field)")
    listed = attributes not in ATTRIBUTE_CHOICES
    named, missing = named_attribute_columns(names, attributes) if listed else ((), [])
    wrong += [f"no column {name!r} (--attributes)" for name in missing]
    if wrong:
        raise UnreadableInput(
            f"{source} has {' and '.join(wrong)}; its columns are: {_listed(names, sample)}.{_advice(names)}"
        )
    if language := find_language(row.get(found.title) for row in sample):
        found = found._replace(language=settings.language or language)
    return found._replace(attributes=named) if listed else _with_attributes(found, names, attributes, sample)


def _detected(names: list[str], requested: Mapping[str, str | None], sample: Sample) -> Columns:
    """Return the columns that are requested, and for each other role the detected one; '', () or None if none.

    A column of one role is never detected for another. Roles that are not keys of `requested` are left out.
    """
    title, description, uid = (requested.get(role) or None for role in ROLES)
    known = known_format(names, sample)
    free = [name for name in names if name not in (title, description)]
    localized = in_one_language(free, sample, TEXTS)
    if title is None:
        title = next(iter(usual_columns_of("title", free)), None) or localized.get("title")
        title = title or (known.title if known.title in free else None)
    texts = (description,) if description else tuple(name for name in known.description if name != title)
    if not texts:
        products = [row for row in sample if row.get(title or "") not in (None, "")]
        candidates = [name for name in usual_columns_of("description", free) if name != title]
        one = fullest(candidates, products) or localized.get("description")
        texts = () if one is None else (one,)
    if uid is None:
        uid = next(iter(usual_columns_of("id", names)), None)
    elif uid == NO_ID and NO_ID not in names:
        uid = None
    variants = known.variants or (variants_by_shape(names, sample, (title, *texts)) if title else None)
    texts = texts if "description" in requested else ()
    return Columns(title or "", texts, uid, variants, known.escaped, store_view=known.store_view)


def _advice(names: list[str]) -> str:
    """Return what to do about a file without the columns, as a sentence behind others; '' where nothing is known."""
    if any(name.isdecimal() or len(name) > LONGEST_NAME for name in names):
        return " If its first line is a product, name the columns: --columns id,title,description."
    if not all(names) or (len(names) == 1 and " " in names[0]):  # a title above a table
        return " If the names stand in a later line, give its number: --header-line 5."
    return next((f" {words}" for marks, words in ADVICE if set(marks) <= set(names)), "")


def _quoted(name: str) -> str:
    plain = name and not QUOTED.search(name) and name not in ATTRIBUTE_CHOICES
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _with_attributes(columns: Columns, names: list[str], wanted: str, sample: Sample) -> Columns:
    return columns._replace(attributes=find_attribute_columns(names, wanted, columns.names(), sample))


def _listed(names: list[str], sample: Sample) -> str:
    """Return the names of the columns as a text, of many those that hold texts with spaces before others."""
    first = sorted(names, key=lambda name: not _holds_texts(name, sample))[:NAMES_LISTED]
    listed = sorted(first, key=names.index)
    shown = ", ".join(name[:40] if name.isprintable() else ascii(name[:40]) for name in listed)
    return f"{shown} and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else shown


def _holds_texts(name: str, sample: Sample) -> bool:
    return any(isinstance(value := row.get(name), str) and " " in value.strip() for row in sample)
