"""Export formats of shops and data sets that are known by their columns."""

from __future__ import annotations

import re
from typing import NamedTuple

from shelftalk.catalogue.usual_names import Sample, usual_columns_of

PRODUCT_TYPES = frozenset(("simple", "variable", "variation", "grouped", "external"))  # of WooCommerce
FEWEST_COLUMNS = 8  # of an export of WooCommerce
# In the names of short descriptions, in the languages of `USUAL_NAMES`.
SHORT = re.compile("short|kurz|court|cort|curt|brev|kort|krótk|skrócon|krátk|stručn|кратк|短|简短", re.IGNORECASE)
FILLED = "(filled)"  # see `Variants`
REPEATED = "(repeated)"


class Variants(NamedTuple):
    """How a file marks rows that are variants of a product in another row.

    The joined values of `columns` contain `mark`, in lower case; where `mark` is '', they are blank, where it is
    FILLED, they are not, and where it is REPEATED, they are those of the product. Variants that have options of their
    own follow their product, and `product` is the column whose value they share with it, or leave blank.
    """

    columns: tuple[str, ...]
    mark: str
    product: str | None = None


class Format(NamedTuple):
    """Properties of a known export format, recognised by the columns in `marks`; all names in lower case.

    `description` are the columns of a description that is spread over several; empty where the usual names apply.
    A format with a `title` is only that of files in which no column has a usual name of titles.
    """

    marks: tuple[str, ...]
    description: tuple[str, ...] = ()
    variants: Variants | None = None
    escaped: bool = False
    store_view: str | None = None
    optional: bool = False  # whether some of the columns of the description may be missing
    title: str | None = None


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
    # Matrixify, for Shopify: each row repeats title and description.
    Format(("handle", "title", "body html", "top row"), variants=Variants(("top row",), "", "handle")),
    # WooCommerce: a type is "simple", "variable", "variation", also "variation, downloadable, virtual".
    Format(
        ("type", "name", "short description", "description"),
        ("short description", "description"),
        Variants(("type",), "variation"),
        escaped=True,
    ),
    # eBay, File Exchange and Seller Hub.
    Format(("relationship", "relationshipdetails"), variants=Variants(("relationship",), "variation")),
    Format(("relationship", "relationship details"), variants=Variants(("relationship",), "variation")),
    # Amazon's templates before 2025: a row with the SKU of its parent is a child.
    Format(("feed_product_type", "item_sku", "item_name", "parent_sku"), variants=Variants(("parent_sku",), FILLED)),
    # Squarespace: variants have no id of a product.
    Format(
        ("product id [non editable]", "variant id [non editable]", "title", "description"),
        variants=Variants(("title", "description"), "", "product id [non editable]"),
    ),
    # Wix; a product's row has all options.
    Format(("handleid", "fieldtype", "name"), variants=Variants(("fieldtype",), "variant")),
    Format(("handle", "fieldtype", "name"), variants=Variants(("fieldtype",), "variant")),
    # Ecwid: a type is "product", "product_option" or "product_variation".
    Format(("type", "product_internal_id", "product_name"), variants=Variants(("type",), "product_")),
    # Shopware 6.
    Format(("parent_id", "product_number", "name"), variants=Variants(("parent_id",), FILLED)),
    # BigCommerce: rows of variants, pictures and rules have no type; an older export calls variants "[S]Size=S".
    Format(("item", "name", "type", "inventory tracking", "description"), variants=Variants(("name", "type"), "")),
    Format(
        ("item type", "product name", "product type", "product description"),
        variants=Variants(("product type", "product description"), ""),
    ),
    # Nuvemshop and Tiendanube.
    Format(
        ("identificador url", "nome", "descrição"), variants=Variants(("nome", "descrição"), "", "identificador url")
    ),
    Format(
        ("identificador de url", "nombre", "descripción"),
        variants=Variants(("nombre", "descripción"), "", "identificador de url"),
    ),
    # JTL-Wawi.
    Format(
        ("identifizierungsspalte vaterartikel", "artikelname"),
        variants=Variants(("identifizierungsspalte vaterartikel",), FILLED),
    ),
    # Lightspeed Retail (X-Series): the rows of one product have one handle.
    Format(
        ("handle", "name", "description", "variant_option_one_name"),
        variants=Variants(("handle",), REPEATED, "handle"),
    ),
    # Bling and Tiny, where "Descrição" is the name.
    *(
        Format(("descrição", mark), ("descrição curta", "descrição complementar"), optional=True, title="descrição")
        for mark in ("descrição complementar", "descrição curta")
    ),
    # BMEcat as a table.
    Format(("description_short", "description_long"), ("description_long",), title="description_short"),
)


def known_format(names: list[str], sample: Sample) -> Format:
    """Return the known format with these columns, its names as the file spells them; an empty one if there is none."""
    spelt = {name.lower(): name for name in reversed(names)}
    is_titled = bool(usual_columns_of("title", names))
    for known in FORMATS:
        if all(mark in spelt for mark in known.marks) and not (known.title and is_titled):
            variants = known.variants and known.variants._replace(
                columns=tuple(spelt[name] for name in known.variants.columns),
                product=known.variants.product and spelt[known.variants.product],
            )
            return known._replace(
                description=tuple(spelt[name] for name in known.description if name in spelt or not known.optional),
                variants=variants,
                store_view=known.store_view and spelt[known.store_view],
                title=known.title and spelt[known.title],
            )
    return _woocommerce(names, sample) or Format(())


def _woocommerce(names: list[str], sample: Sample) -> Format | None:
    """Return the format of a WooCommerce export in another language, whose types of products are in English.

    It is known by variable products, by line breaks that are written as a backslash and an n, or by the name of the
    short description, which stands right before the description.
    """
    held = {name: [str(row.get(name) or "").strip() for row in sample] for name in names}
    types = {name: {value.partition(",")[0] for value in values if value} for name, values in held.items()}
    typed = next((name for name in names if types[name] and types[name] <= PRODUCT_TYPES), None)
    title, description = (next(iter(usual_columns_of(role, names)), None) for role in ("title", "description"))
    if typed is None or description is None or len(names) < FEWEST_COLUMNS:
        return None
    before = names[names.index(description) - 1] if names.index(description) else typed
    is_text = before not in (typed, title) and any(" " in text for text in held[before])
    is_variable = bool(types[typed] & {"variable", "variation"})
    is_short = is_text and SHORT.search(before) is not None
    if not is_short and not is_variable and not any("\\n" in text for text in held[description]):
        return None
    return Format(
        (), (before, description) if is_text else (description,), Variants((typed,), "variation"), escaped=True
    )


def variants_by_shape(names: list[str], sample: Sample, texts: tuple[str, ...]) -> Variants | None:
    """Return how rows without any of the `texts` are marked as variants; None where none repeats the row above it.

    Such a row has the id or the handle of the row above, and rows with texts all have other ones.
    """
    is_blank = [not any(str(row.get(name) or "").strip() for name in texts) for row in sample]
    if not texts or all(is_blank) or not any(is_blank) or is_blank[0]:
        return None
    for name in names:
        values = [str(row.get(name) or "").strip() for row in sample]
        own = [value for value, blank in zip(values, is_blank, strict=True) if not blank]
        repeats = (value == values[at - 1] != "" for at, value in enumerate(values) if is_blank[at])
        if len(own) > 1 and len(set(own)) == len(own) and all(repeats):
            return Variants(texts, "", name)
    return None
