"""Decide which columns of a file hold the title, the description and the id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from shelftalk.catalogue.attributes import AttributeColumn, find_attribute_columns, named_attribute_columns
from shelftalk.errors import UnreadableInput
from shelftalk.settings import PrepareSettings

ATTRIBUTE_CHOICES = ("automatic", "all", "none")  # anything else lists columns

QUOTED = re.compile(r'^\s|[,"\r\n]')

# In order of preference; case is ignored.
USUAL_NAMES = {
    "title": ("title", "name", "product_name", "product_title"),
    "description": (
        *("content", "description", "body", "text", "product_description"),
        *("body (html)", "body_html", "summary"),
    ),
    "id": ("uid", "id", "asin", "parent_asin", "url handle", "sku", "product_id", "handle"),
}


class Variants(NamedTuple):
    """How a file marks rows that are variants of a product in another row.

    The joined values of `columns` contain `mark`, in lower case; where `mark` is '', they are blank. Variants that have
    options of their own follow their product, and `product` is the column whose value they share with it.
    """

    columns: tuple[str, ...]
    mark: str
    product: str | None = None


class Columns(NamedTuple):
    """The names of the columns as the file spells them.

    `description` are the columns that make up the description, in the order in which they are joined; empty where only
    titles are needed. `uid` is None where the file has no ids, `variants` where every row is a product. `escaped` means
    that texts are escaped as in WooCommerce exports. `attributes` are the columns of attributes, in the file's order.
    """

    title: str
    description: tuple[str, ...] = ()
    uid: str | None = None
    variants: Variants | None = None
    escaped: bool = False
    attributes: tuple[AttributeColumn, ...] = ()

    def names(self) -> list[str]:
        """Return every column to be read, without duplicates."""
        marking = (*self.variants.columns, self.variants.product) if self.variants else ()
        named = [name for one in self.attributes for name in (one.named_by, one.column)]
        wanted = (self.title, *self.description, self.uid, *marking, *named)
        return list(dict.fromkeys(name for name in wanted if name is not None))


class Format(NamedTuple):
    """Properties of a known export format, recognised by the columns in `marks`; all names in lower case.

    `description` are the columns of a description that is spread over several; empty where the usual names apply.
    """

    marks: tuple[str, ...]
    description: tuple[str, ...] = ()
    variants: Variants | None = None
    escaped: bool = False


FORMATS = (
    # Amazon Reviews 2023, item metadata: prose and bullet points; either is often empty.
    Format(("parent_asin", "title", "features", "description"), ("description", "features")),
    # Shopify: the rows after the first row of a product contain its other variants and images.
    Format(("handle", "title", "body (html)"), variants=Variants(("title", "body (html)"), "", "handle")),
    Format(("url handle", "title", "description"), variants=Variants(("title", "description"), "", "url handle")),
    # WooCommerce: a type is "simple", "variable", "variation", also "variation, downloadable, virtual".
    Format(
        ("type", "name", "short description", "description"),
        ("short description", "description"),
        Variants(("type",), "variation"),
        escaped=True,
    ),
)


def choose_columns(source: Path, names: list[str], settings: PrepareSettings) -> Columns:
    """Choose the columns that the settings name, or else those of a known format, or else those with a usual name.

    Raises:
        UnreadableInput: a named column does not exist, or none has a usual name; the message lists the columns of the
            file and the options to give, for all errors at once.
    """
    requested = {"title": settings.title_field, "description": settings.description_field, "id": settings.id_field}
    return _choose(source, names, requested, settings.attributes)


def choose_title_columns(
    source: Path, names: list[str], title_field: str | None, id_field: str | None, attributes: str = "none"
) -> Columns:
    """Choose the columns of title, id and attributes only: those that are named, or else those with a usual name.

    Raises:
        UnreadableInput: see `choose_columns`.
    """
    return _choose(source, names, {"title": title_field, "id": id_field}, attributes)


def usual_columns(names: list[str]) -> Columns:
    """Return the default columns of a file; '', () or None where there is none."""
    title, description, uid = (usual_column(role, names) for role in ("title", "description", "id"))
    known = _known_format(names)
    texts = known.description or ((description,) if description is not None else ())
    return _with_attributes(Columns(title or "", texts, uid, known.variants, known.escaped), names, "automatic")


def automatic_attributes(names: list[str], title: str, description: tuple[str, ...], uid: str | None) -> list[str]:
    """Return the columns of attributes that are chosen by default where these hold title, description and id."""
    chosen = Columns(title, description, uid or usual_column("id", names), _known_format(names).variants)
    return [one.column for one in _with_attributes(chosen, names, "automatic").attributes]


def list_attribute_columns(columns: Iterable[str]) -> str:
    """Return the setting `attributes` that lists these columns; "none" where there are none.

    A name is quoted as in CSV where it would be read otherwise: with a comma, for instance, or where it is "all".
    """
    return ",".join(map(_quoted, columns)) or "none"


def usual_column(role: str, names: list[str]) -> str | None:
    """Return the column with a usual name for a role, a key of `USUAL_NAMES`; None where there is none."""
    spelt = _by_lower_case(names)
    return next((spelt[usual] for usual in USUAL_NAMES[role] if usual in spelt), None)


def _choose(source: Path, names: list[str], requested: Mapping[str, str | None], attributes: str) -> Columns:
    chosen = {role: name if name else usual_column(role, names) for role, name in requested.items()}
    wrong = []
    for role, name in chosen.items():
        if name is None and role != "id":
            wrong.append(f"no {role} column ({', '.join(USUAL_NAMES[role])}; name it with --{role}-field)")
        elif name is not None and name not in names:
            wrong.append(f"no column {name!r} (--{role}-field)")
    listed = attributes not in ATTRIBUTE_CHOICES
    named, missing = named_attribute_columns(names, attributes) if listed else ((), [])
    wrong += [f"no column {name!r} (--attributes)" for name in missing]
    if wrong:
        raise UnreadableInput(f"{source} has {' and '.join(wrong)}; its columns are: {_listed(names)}.")
    known = _known_format(names)
    description: tuple[str, ...] = () if (one := chosen.get("description")) is None else (one,)
    if description and not requested["description"]:
        description = known.description or description
    found = Columns(chosen["title"] or "", description, chosen["id"], known.variants, known.escaped, named)
    return found if listed else _with_attributes(found, names, attributes)


def _quoted(name: str) -> str:
    plain = name and not QUOTED.search(name) and name not in ATTRIBUTE_CHOICES
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _with_attributes(columns: Columns, names: list[str], wanted: str) -> Columns:
    return columns._replace(attributes=find_attribute_columns(names, wanted, columns.names()))


def _known_format(names: list[str]) -> Format:
    """Return the known format with these columns, its names as the file spells them; an empty one if there is none."""
    spelt = _by_lower_case(names)
    for known in FORMATS:
        if all(mark in spelt for mark in known.marks):
            variants = known.variants and known.variants._replace(
                columns=tuple(spelt[name] for name in known.variants.columns),
                product=known.variants.product and spelt[known.variants.product],
            )
            return known._replace(description=tuple(spelt[name] for name in known.description), variants=variants)
    return Format(())


def _by_lower_case(names: list[str]) -> dict[str, str]:
    return {name.lower(): name for name in reversed(names)}


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:40] if name.isprintable() else ascii(name[:40]) for name in names[:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown
