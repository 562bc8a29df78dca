"""Rows of variants in the exports of shops: left out under that reason, and their options joined."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.formats import FORMATS
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings

PRODUCTS = 12
P, T, D = "{n}", "Peg {n}", "Beech, {n} cm."
# For each: the names of the columns, the rows of a product, how many of them are variants, and the joined options.
Shop = tuple[str, Sequence[Sequence[str]], dict[str, str]]
SHOPS: dict[str, Shop] = {
    "ebay": (
        "*Action,CustomLabel,*Title,*Description,Relationship,RelationshipDetails",
        [("Add", P, T, D, "", "Size=S;M"), ("", f"{P}-S", "", "", "Variation", "Size=S")],
        {},
    ),
    "squarespace": (
        "Product ID [Non Editable],Variant ID [Non Editable],Title,Description,SKU,Option Name 1,Option Value 1",
        [(P, "v", T, D, P, "Size", "S"), ("", "w", "", "", f"{P}-M", "", "M")],
        {"Size": "S, M"},
    ),
    "wix": (
        "handleId,fieldType,name,description,sku",
        [(P, "Product", T, D, P), (P, "Variant", "", "", f"{P}-S")],
        {},
    ),
    "ecwid": (
        "type,product_internal_id,product_name,product_description,product_option_value",
        [
            ("product", P, T, D, ""),
            ("product_option", P, "", "", "S"),
            ("product_variation", P, "", "", ""),
        ],
        {},
    ),
    "shopware 6": (
        "id,parent_id,product_number,name,description",
        [(P, "", P, T, D), (f"{P}-S", P, f"{P}-S", "", "")],
        {},
    ),
    "bigcommerce": (
        "Item,ID,Name,Type,Inventory Tracking,Description",
        [("Product", P, T, "physical", "", D), ("Variant", f"9{P}", "", "", "", ""), ("Image", "", "", "", "", "")],
        {},
    ),
    "bigcommerce, older": (
        "Item Type,Product ID,Product Name,Product Type,Product Description",
        [("Product", P, T, "P", D), ("  SKU", f"9{P}", "[S]Size=S", "", ""), ("  Rule", "", "[S]Size=S", "", "")],
        {},
    ),
    "nuvemshop": (
        "Identificador URL,Nome,Descrição,SKU,Nome da variação 1,Valor da variação 1",
        [(P, T, D, P, "Tamanho", "P"), (P, "", "", f"{P}-M", "", "M")],
        {"Tamanho": "P, M"},
    ),
    "jtl": (
        "Artikelnummer,Artikelname,Beschreibung,Identifizierungsspalte Vaterartikel",
        [(P, T, D, ""), (f"{P}-S", f"{T} S", "", P)],
        {},
    ),
    "amazon, flat file": (
        "feed_product_type,item_sku,item_name,product_description,parent_child,parent_sku",
        [("peg", P, T, D, "Parent", ""), ("peg", f"{P}-S", f"{T} S", D, "Child", P)],
        {},
    ),
    "matrixify": (
        "Handle,Title,Body HTML,Top Row,Option1 Name,Option1 Value",
        [(P, T, D, "TRUE", "Size", "S"), (P, T, D, "", "Size", "M")],
        {"Size": "S, M"},
    ),
    "lightspeed": (
        "id,handle,name,description,variant_option_one_name,variant_option_one_value",
        [(f"a{P}", P, T, D, "Size", "S"), (f"b{P}", P, T, D, "Size", "M")],
        {"Size": "S, M"},
    ),
    "unknown": (
        "Ref,name,description,Option 1 name,Option 1 value",
        [(P, T, D, "Size", "S"), (P, "", "", "", "M")],
        {"Size": "S, M"},
    ),
}


def write(path: Path, columns: str, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.split(","))
        for number in range(PRODUCTS):
            writer.writerows([[cell.format(n=number) for cell in row] for row in rows])
    return path


@pytest.mark.parametrize("name", SHOPS)
def test_variants_are_left_out_and_their_options_joined(name: str, tmp_path: Path) -> None:
    columns, rows, options = SHOPS[name]
    summary = prepare(write(tmp_path / "shop.csv", columns, rows), tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"]) == (PRODUCTS, {"variant": PRODUCTS * (len(rows) - 1)})
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert sorted(one.title for one in products) == sorted(f"Peg {number}" for number in range(PRODUCTS))
    assert {one.attributes for one in products} == {tuple(options.items())}


def test_a_product_of_lightspeed_without_a_handle_is_no_variant(tmp_path: Path) -> None:
    columns, _, _ = SHOPS["lightspeed"]
    source = write(tmp_path / "shop.csv", columns, [(f"a{P}", "", T, D, "", ""), (f"b{P}", "", f"Old {T}", D, "", "")])
    assert prepare(source, tmp_path / "catalogue", PrepareSettings())["rejected"] == {}


def test_a_variant_and_a_row_without_a_title_are_named_by_their_ids(tmp_path: Path) -> None:
    columns, rows, _ = SHOPS["shopware 6"]
    source = write(tmp_path / "shop.csv", columns, [*rows, ("x-{n}", "", "7", "", D)])
    prepare(source, tmp_path / "catalogue", PrepareSettings())
    lines = (tmp_path / "catalogue" / "rejects.jsonl").read_text().splitlines()
    rejects = [(one["reason"], one["detail"]) for one in map(json.loads, lines)]
    assert rejects[:2] == [("variant", "0-S"), ("missing_title", "x-0: Beech, 0 cm.")]


def test_a_row_without_title_and_id_is_named_by_its_description(tmp_path: Path) -> None:
    source = write(tmp_path / "shop.csv", "name,description", [(T, D), ("", D)])
    prepare(source, tmp_path / "catalogue", PrepareSettings())
    first = json.loads((tmp_path / "catalogue" / "rejects.jsonl").read_text().splitlines()[0])
    assert (first["reason"], first["detail"]) == ("missing_title", "Beech, 0 cm.")


def test_columns_of_known_formats_are_written_in_lower_case() -> None:
    for known in FORMATS:
        names = [*known.marks, *known.description, *(known.variants.columns if known.variants else ())]
        assert [name.lower() for name in names] == names
