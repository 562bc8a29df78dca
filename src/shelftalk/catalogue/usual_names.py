"""Names that columns of title, description and id have in many files, and how a column is found by them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Sample = Sequence[Mapping[str, Any]]  # rows of a table, by the names of their columns

# In order of preference, as `normalised` writes them; then in German, French, Spanish, Portuguese, Italian, Dutch,
# Swedish, Danish, Polish, Czech, Russian, Japanese and Chinese.
USUAL_NAMES = {
    "title": (
        *("title", "name", "product name", "product title", "item name", "item title", "productname", "itemname"),
        *("titel", "bezeichnung", "artikelbezeichnung", "artikelname", "produktname", "produktbezeichnung"),
        *("produkttitel", "nom", "nom du produit", "titre", "désignation", "designation"),
        *("título", "titulo", "nombre", "nombre del producto", "nome", "nome do produto", "titolo", "nome prodotto"),
        *("naam", "productnaam", "namn", "produktnamn", "navn", "produktnavn", "nazwa", "nazwa produktu", "tytuł"),
        *("název", "název produktu", "название", "наименование", "имя", "名前", "商品名", "名称", "商品名称"),
    ),
    "description": (
        *("content", "description long", "long description", "longdescription", "description", "body", "text"),
        *("product description", "body (html)", "body html", "summary", "item description", "plaindescription", "desc"),
        "content:encoded",  # of WordPress, beside an empty description
        *("langbeschreibung", "beschreibung", "produktbeschreibung", "artikelbeschreibung", "descripción"),
        *("descripción del producto", "descripción larga", "description longue"),
        *("descriptif", "description du produit"),
        *("descrição longa", "descrição completa", "descrição detalhada", "descrição", "descrição do produto"),
        *("descrizione", "descrizione prodotto"),
        *("omschrijving", "productomschrijving", "beskrivning", "beskrivelse", "opis", "opis produktu", "popis"),
        *("popis produktu", "описание", "説明", "商品説明", "描述", "商品描述"),
        *("short description", "description short", "shortdescription", "kurzbeschreibung", "description courte"),
        *("descripción corta", "descrição curta", "breve descrizione", "korte omschrijving", "krótki opis"),
    ),
    "id": (
        *("uid", "id", "asin", "parent asin", "url handle", "sku", "product id", "handle", "asin1", "seller sku"),
        *("item id", "itemid", "contribution sku", "asin 1", "item sku", "custom label (sku)", "customlabel"),
        *("custom label", "handleid", "product internal id", "product sku", "ordernumber", "product number"),
        *("offer id", "supplier aid", "artikelnummer", "artikel nr.", "artikel nr", "art. nr.", "händler sku"),
        *("bestellnummer", "bestellnr.", "interne referentie", "artikelnummer leverancier", "référence", "reference #"),
        *("referencia", "referência", "código", "código (sku)", "codigo", "codice", "sku produktu"),
        *("numer katalogowy", "kód", "kód produktu", "artikelnr", "varenummer", "артикул", "品番", "商品编号"),
    ),
}
LANGUAGES = frozenset(
    (
        *("bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it", "ja", "ko", "lt", "lv"),
        *("nb", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk", "zh"),
    )
)
# "name(en-gb)" of OpenCart, "name-en_US" and "description-en_US-ecommerce" of Akeneo.
LANGUAGE = re.compile(
    r"^(?P<name>.*?\w)\s*(?:\(\s*(?P<inner>[a-z]{2})(?:[-_][a-z]{2})?\s*\)|[-_](?P<tag>[a-z]{2})(?:[-_][a-z]{2}(?:-\w+)?)?)$",
    re.IGNORECASE,
)
LONGEST_NAME = 60  # of a column, in characters
HARDLY = 0.1  # of the rows: so few have a value in a column that another is taken
MOSTLY = 0.5  # of the rows: so many have one in that other column


def usual_columns_of(role: str, names: Sequence[str]) -> list[str]:
    """Return the columns with usual names for a role, a key of `USUAL_NAMES`, in order of preference."""
    spelt = {unaccented(normalised(name)): name for name in reversed(names)}
    found = [spelt[plain] for usual in USUAL_NAMES[role] if (plain := unaccented(usual)) in spelt]
    return list(dict.fromkeys(found))


def fullest(candidates: Sequence[str], rows: Sample) -> str | None:
    """Return the first of the columns, or the next that most rows have, where hardly one has the first."""
    if not candidates:
        return None
    filled = {name: sum(map(_is_filled, (row.get(name) for row in rows))) for name in candidates}
    if not rows or filled[candidates[0]] > HARDLY * len(rows):
        return candidates[0]
    return next((name for name in candidates if filled[name] >= MOSTLY * len(rows)), candidates[0])


def in_one_language(names: Sequence[str], rows: Sample, roles: Sequence[str]) -> dict[str, str]:
    """Return the column of each role among columns that have a language in their names, all in one language.

    That is the language with the most values in the rows, or else the first one. A role may have no column in it.
    """
    found: dict[str, dict[str, str]] = {}
    filled: Counter[str] = Counter()
    for name in names:
        if len(name) > LONGEST_NAME or (parts := LANGUAGE.match(name)) is None:
            continue
        language = (parts["inner"] or parts["tag"]).lower()
        role = next((one for one in roles if usual_columns_of(one, [parts["name"]])), None)
        if role is None or language not in LANGUAGES or role in found.get(language, {}):
            continue
        found.setdefault(language, {})[role] = name
        filled[language] += 1 + sum(map(_is_filled, (row.get(name) for row in rows)))
    return found[filled.most_common(1)[0][0]] if found else {}


def unaccented(name: str) -> str:
    """Return a name without its accents, which many files leave out: "descrição" as "descricao"."""
    return "".join(one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one))


def normalised(name: str) -> str:
    """Return a name in lower case, with spaces for other separators, and without the mark of a required column."""
    return " ".join(re.sub(r"[_-]", " ", name.lower()).strip("* ").split())


def _is_filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)
