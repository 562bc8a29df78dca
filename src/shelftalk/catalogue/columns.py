"""Decide which columns of a file hold the title, the description and the id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shelftalk.catalogue.attributes import AttributeColumn, find_attribute_columns, named_attribute_columns
from shelftalk.catalogue.localized import find_language
from shelftalk.catalogue.settings import NO_ID, FileSettings, PrepareSettings
from shelftalk.errors import UnreadableInput

ATTRIBUTE_CHOICES = ("automatic", "all", "none")  # anything else lists columns

LONGEST_NAME = 60  # of a column, in characters
NAMES_SHOWN = 4  # of the usual ones in a message
QUOTED = re.compile(r'^\s|[,"\r\n]')

# In order of preference, as `_normalised` writes them; then in German, French, Spanish, Portuguese, Italian, Dutch,
# Swedish, Danish, Polish, Czech, Russian, Japanese and Chinese.
USUAL_NAMES = {
    "title": (
        *("title", "name", "product name", "product title", "item name", "item title", "productname", "itemname"),
        *("titel", "bezeichnung", "artikelbezeichnung", "artikelname", "produktname", "nom", "nom du produit", "titre"),
        *("título", "titulo", "nombre", "nombre del producto", "nome", "nome do produto", "titolo", "nome prodotto"),
        *("naam", "productnaam", "namn", "produktnamn", "navn", "produktnavn", "nazwa", "nazwa produktu", "tytuł"),
        *("název", "název produktu", "название", "наименование", "имя", "名前", "商品名", "名称", "商品名称"),
    ),
    "description": (
        *("content", "description", "body", "text", "product description"),
        *("body (html)", "body html", "summary", "item description"),
        *("beschreibung", "produktbeschreibung", "artikelbeschreibung", "langbeschreibung", "descripción"),
        *("descripcion", "description du produit", "descrição", "descricao", "descrizione", "descrizione prodotto"),
        *("omschrijving", "productomschrijving", "beskrivning", "beskrivelse", "opis", "opis produktu", "popis"),
        *("popis produktu", "описание", "説明", "商品説明", "描述", "商品描述"),
    ),
    "id": (
        *("uid", "id", "asin", "parent asin", "url handle", "sku", "product id", "handle", "asin1", "seller sku"),
        *("item id", "itemid", "contribution sku"),
    ),
}


PRODUCT_TYPES = frozenset(("simple", "variable", "variation", "grouped", "external"))  # of WooCommerce
FEWEST_COLUMNS = 8  # of an export of WooCommerce
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

Sample = Sequence[Mapping[str, Any]]  # rows of a table, by the names of their columns


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
    that texts are escaped as in WooCommerce exports. Rows with a value in `store_view` repeat a product in another
    language or for another shop. `attributes` are the columns of attributes, in the file's order. Of texts in several
    languages `language` is read, see `localized`; it is '' where texts are in one.
    """

    title: str
    description: tuple[str, ...] = ()
    uid: str | None = None
    variants: Variants | None = None
    escaped: bool = False
    attributes: tuple[AttributeColumn, ...] = ()
    store_view: str | None = None
    language: str = ""

    def names(self) -> list[str]:
        """Return every column to be read, without duplicates."""
        marking = (*self.variants.columns, self.variants.product) if self.variants else ()
        named = [name for one in self.attributes for name in (one.named_by, one.column)]
        wanted = (self.title, *self.description, self.uid, *marking, self.store_view, *named)
        return list(dict.fromkeys(name for name in wanted if name is not None))


class Format(NamedTuple):
    """Properties of a known export format, recognised by the columns in `marks`; all names in lower case.

    `description` are the columns of a description that is spread over several; empty where the usual names apply.
    """

    marks: tuple[str, ...]
    description: tuple[str, ...] = ()
    variants: Variants | None = None
    escaped: bool = False
    store_view: str | None = None
    optional: bool = False  # whether one of the columns of the description may be missing


FORMATS = (
    # Amazon-Berkeley Objects: texts in several languages; many products have bullet points only.
    Format(("item_id", "item_name", "bullet_point"), ("product_description", "bullet_point"), optional=True),
    # Amazon Reviews 2018, item metadata.
    Format(("asin", "title", "feature", "description"), ("description", "feature")),
    # Magento: products that are not visible are the variants of others; only the default store view is read.
    Format(
        ("sku", "store_view_code", "product_type", "name", "visibility"),
        variants=Variants(("visibility",), "not visible"),
        store_view="store_view_code",
    ),
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


def usual_columns(names: list[str], sample: Sample = ()) -> Columns:
    """Return the default columns of a file; '', () or None where there is none."""
    title, description, uid = (usual_column(role, names) for role in ("title", "description", "id"))
    known = _known_format(names, sample)
    texts = known.description or ((description,) if description is not None else ())
    return _with_attributes(_as_known(Columns(title or "", texts, uid), known), names, "automatic")


def automatic_attributes(
    names: list[str], title: str, description: tuple[str, ...], uid: str | None, sample: Sample = ()
) -> list[str]:
    """Return the columns of attributes that are chosen by default where these hold title, description and id."""
    chosen = _as_known(Columns(title, description, uid or usual_column("id", names)), _known_format(names, sample))
    return [one.column for one in _with_attributes(chosen, names, "automatic").attributes]


def list_attribute_columns(columns: Iterable[str]) -> str:
    """Return the setting `attributes` that lists these columns; "none" where there are none.

    A name is quoted as in CSV where it would be read otherwise: with a comma, for instance, or where it is "all".
    """
    return ",".join(map(_quoted, columns)) or "none"


def usual_column(role: str, names: list[str]) -> str | None:
    """Return the column with a usual name for a role, a key of `USUAL_NAMES`; None where there is none."""
    spelt = {_normalised(name): name for name in reversed(names)}
    return next((spelt[usual] for usual in USUAL_NAMES[role] if usual in spelt), None)


def _choose(
    source: Path,
    names: list[str],
    requested: Mapping[str, str | None],
    attributes: str,
    settings: FileSettings,
    sample: Sample,
) -> Columns:
    chosen = {role: name if name else usual_column(role, names) for role, name in requested.items()}
    if chosen["id"] == NO_ID and NO_ID not in names:
        chosen["id"] = None
    wrong = []
    for role, name in chosen.items():
        if name is None and role != "id":
            usual = ", ".join(USUAL_NAMES[role][:NAMES_SHOWN])
            wrong.append(f"no {role} column ({usual}, ...; name it with --{role}-field)")
        elif name is not None and name not in names:
            wrong.append(f"no column {name!r} (--{role}-field)")
    listed = attributes not in ATTRIBUTE_CHOICES
    named, missing = named_attribute_columns(names, attributes) if listed else ((), [])
    wrong += [f"no column {name!r} (--attributes)" for name in missing]
    if wrong:
        advice = next((f" {words}" for marks, words in ADVICE if set(marks) <= set(names)), "")
        if any(name.isdecimal() or len(name) > LONGEST_NAME for name in names):
            advice = " If its first line is a product, name the columns: --columns id,title,description."
        elif not all(names) or (len(names) == 1 and " " in names[0]):  # a title above a table
            advice = " If the names stand in a later line, give its number: --header-line 5."
        raise UnreadableInput(f"{source} has {' and '.join(wrong)}; its columns are: {_listed(names)}.{advice}")
    known = _known_format(names, sample)
    description: tuple[str, ...] = () if (one := chosen.get("description")) is None else (one,)
    if description and not requested["description"]:
        description = known.description or description
    found = _as_known(Columns(chosen["title"] or "", description, chosen["id"], attributes=named), known)
    if language := find_language(row.get(found.title) for row in sample):
        found = found._replace(language=settings.language or language)
    return found if listed else _with_attributes(found, names, attributes)


def _as_known(columns: Columns, known: Format) -> Columns:
    return columns._replace(variants=known.variants, escaped=known.escaped, store_view=known.store_view)


def _quoted(name: str) -> str:
    plain = name and not QUOTED.search(name) and name not in ATTRIBUTE_CHOICES
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _with_attributes(columns: Columns, names: list[str], wanted: str) -> Columns:
    return columns._replace(attributes=find_attribute_columns(names, wanted, columns.names()))


def _known_format(names: list[str], sample: Sample) -> Format:
    """Return the known format with these columns, its names as the file spells them; an empty one if there is none."""
    spelt = _by_lower_case(names)
    for known in FORMATS:
        if all(mark in spelt for mark in known.marks):
            variants = known.variants and known.variants._replace(
                columns=tuple(spelt[name] for name in known.variants.columns),
                product=known.variants.product and spelt[known.variants.product],
            )
            return known._replace(
                description=tuple(spelt[name] for name in known.description if name in spelt or not known.optional),
                variants=variants,
                store_view=known.store_view and spelt[known.store_view],
            )
    return _woocommerce(names, sample) or Format(())


def _woocommerce(names: list[str], sample: Sample) -> Format | None:
    """Return the format of a WooCommerce export in another language, whose types of products are in English.

    It is known by variable products, or by line breaks that are written as a backslash and an n. Its short description
    stands right before the description.
    """
    held = {name: [str(row.get(name) or "").strip() for row in sample] for name in names}
    types = {name: {value.partition(",")[0] for value in values if value} for name, values in held.items()}
    typed = next((name for name in names if types[name] and types[name] <= PRODUCT_TYPES), None)
    description = usual_column("description", names)
    if typed is None or description is None or len(names) < FEWEST_COLUMNS:
        return None
    if not types[typed] & {"variable", "variation"} and not any("\\n" in text for text in held[description]):
        return None
    before = names[names.index(description) - 1]
    is_text = before not in (typed, usual_column("title", names)) and any(" " in text for text in held[before])
    texts = (before, description) if is_text and names.index(description) else (description,)
    return Format((), texts, Variants((typed,), "variation"), escaped=True)


def _normalised(name: str) -> str:
    """Return a name in lower case, with spaces for other separators, and without the mark of a required column."""
    return " ".join(re.sub(r"[_-]", " ", name.lower()).strip("* ").split())


def _by_lower_case(names: list[str]) -> dict[str, str]:
    return {name.lower(): name for name in reversed(names)}


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:40] if name.isprintable() else ascii(name[:40]) for name in names[:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown
