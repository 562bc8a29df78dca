"""Exports of known shops and data sets, recognised by their columns: small files in exactly the same formats."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue import rows
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.columns import Columns, choose_columns
from shelftalk.catalogue.draft import described, joined
from shelftalk.catalogue.formats import Variants
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.preview import preview
from shelftalk.catalogue.rows import Row, Unusable, row_of
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput
from shelftalk.generation.titles import find_columns, read_titles
from tests.catalogue.exports import ATTRIBUTES, COUNT, EXPORTS, SHOPIFY, details, title, write_table
from tests.catalogue.samples import write_gzip


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("gzipped", [False, True])
def test_every_product_of_an_export_is_prepared_and_nothing_else(tmp_path: Path, name: str, gzipped: bool) -> None:
    source, _, uid, description, variants = _export(name, tmp_path, gzipped)
    summary = prepare(source, tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"]) == (COUNT + variants, COUNT)
    assert summary["rejected"] == ({"variant": variants} if variants else {})
    products = pq.read_table(tmp_path / "catalogue" / "products.parquet").to_pydict()
    assert products["title"] == [title(number) for number in range(COUNT)]
    assert products["uid"] == [uid(number) for number in range(COUNT)]
    assert products["description"] == [description(number) for number in range(COUNT)]
    assert products["line"] == sorted(set(products["line"]))


@pytest.mark.parametrize("name", EXPORTS)
def test_every_attribute_of_an_export_is_read_and_nothing_else(tmp_path: Path, name: str) -> None:
    source, *_ = _export(name, tmp_path)
    summary = prepare(source, tmp_path / "catalogue", PrepareSettings())
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert [one.attributes for one in products] == [ATTRIBUTES[name](number) for number in range(COUNT)]
    assert summary["attributes_cut"] == {}
    counts = Counter(name for one in products for name, _ in one.attributes)
    assert summary["attributes"] == counts and len(counts) > 0


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "shopify, newer names", "merchant tsv", "amazon"])
def test_all_columns_give_no_price_stock_or_code(tmp_path: Path, name: str) -> None:
    source, *_ = _export(name, tmp_path)
    prepare(source, tmp_path / "catalogue", PrepareSettings(attributes="all"))
    products = Catalogue.open(tmp_path / "catalogue").products()
    usual = {key for one in range(COUNT) for key, _ in ATTRIBUTES[name](one)}
    assert {key for one in products for key, _ in one.attributes} - usual <= {"condition"}


def _variants(folder: Path, count: int) -> Path:
    """Write products with `count` variants each, two of them between rows that cannot be read or belong elsewhere."""
    lines = ["Handle,Title,Body (HTML),Option1 Name,Option1 Value,Option2 Name,Option2 Value"]
    for number in range(12):
        lines.append(f"peg-{number},Peg {number},Beech {number}.,Size,0,Wood,oak")
        lines += [f"peg-{number},,,,{one},,oak" for one in range(1, count)]
        lines += ["other,,,,99,,yew", f"peg-{number},,,,a,b,c,d,e", f"peg-{number},,,Size,last,,ash"]
    source = folder / "products_export.csv"
    source.write_text("\n".join(lines))
    return source


def test_options_of_variants_are_joined_and_their_rows_stay_rejects_in_order(tmp_path: Path) -> None:
    summary = prepare(_variants(tmp_path, 3), tmp_path / "catalogue", PrepareSettings())
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert {one.attributes for one in products} == {(("Size", "0, 1, 2, last"), ("Wood", "oak, ash"))}
    assert summary["rejected"] == {"invalid_csv": 12, "variant": 48}
    rejects = [json.loads(line) for line in (tmp_path / "catalogue" / "rejects.jsonl").read_text().splitlines()]
    assert [one["line"] for one in rejects] == [line for line in range(2, 74) if line % 6 != 2]
    none = prepare(tmp_path / "products_export.csv", tmp_path / "none", PrepareSettings(attributes="none"))
    assert none["rejected"] == summary["rejected"]
    assert (tmp_path / "none" / "rejects.jsonl").read_bytes() == (tmp_path / "catalogue" / "rejects.jsonl").read_bytes()


def test_no_more_than_some_variants_are_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_VARIANTS", 4)
    summary = prepare(_variants(tmp_path, 9), tmp_path / "catalogue", PrepareSettings())
    assert summary["rejected"] == {"invalid_csv": 12, "variant": 12 * 10}
    products = Catalogue.open(tmp_path / "catalogue").products()
    assert {one.attributes for one in products} == {(("Size", "0, 1, 2, 3, 4"), ("Wood", "oak"))}


def test_the_values_of_thousands_of_variants_are_cut_and_counted(tmp_path: Path) -> None:
    summary = prepare(_variants(tmp_path, 3000), tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["attributes_cut"]) == (12, {"long_values": 12})
    [(size, _)] = {one.attributes for one in Catalogue.open(tmp_path / "catalogue").products()}
    assert size[1].startswith("0, 1, 2, 3,") and len(size[1]) <= 200


@pytest.mark.parametrize("name", EXPORTS)
def test_a_preview_shows_the_columns_and_the_first_records(tmp_path: Path, name: str) -> None:
    source, *_ = _export(name, tmp_path)
    seen = preview(source, 2)
    chosen = choose_columns(source, seen.columns, PrepareSettings())
    assert (seen.title, seen.description, seen.uid) == (chosen.title, chosen.description, chosen.uid)
    assert seen.attributes == tuple(one.column for one in chosen.attributes) != ()
    lines = source.read_bytes().decode("utf-8-sig").splitlines()
    for line, text in seen.records:
        assert text.splitlines()[0].strip() == lines[line - 1].strip()
    assert len(seen.records) == (2 if seen.kind in ("json", "xml") else 3)
    assert title(1).split(" & ")[1] in seen.records[-1][1] or "shopify" in name  # whose second row is a variant


@pytest.mark.parametrize("name", EXPORTS)
def test_titles_are_read_from_an_export_without_its_variants(tmp_path: Path, name: str) -> None:
    source, _, uid, _, variants = _export(name, tmp_path)
    found = list(read_titles(source, find_columns(source)))
    assert [(row.uid, row.request) for row in found if not row.fault] == [(uid(n), title(n)) for n in range(COUNT)]
    assert [row.fault for row in found if row.fault] == ["variant"] * variants


def test_a_named_description_is_taken_alone(tmp_path: Path) -> None:
    source, *_ = _export("woocommerce", tmp_path)
    summary = prepare(source, tmp_path / "catalogue", PrepareSettings(description_field="Short description"))
    assert summary["columns"].items() >= {"title": "Name", "description": "Short description", "id": "ID"}.items()
    assert summary["rejected"] == {"missing_description": COUNT // 4, "variant": COUNT // 3}
    summary = prepare(source, tmp_path / "catalogue", PrepareSettings())
    assert summary["columns"]["description"] == ["Short description", "Description"]


def test_amazon_metadata_is_read_from_parquet_too(tmp_path: Path) -> None:
    source, _, uid, description, _ = _export("amazon", tmp_path)
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    rows = [{**row, "details": details(number)} for number, row in enumerate(rows)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "full.parquet")
    prepare(tmp_path / "full.parquet", tmp_path / "catalogue", PrepareSettings())
    products = pq.read_table(tmp_path / "catalogue" / "products.parquet").to_pydict()
    assert products["uid"] == [uid(number) for number in range(COUNT)]
    assert products["description"] == [description(number) for number in range(COUNT)]
    assert list(map(tuple, products["attributes"])) == [ATTRIBUTES["amazon"](number) for number in range(COUNT)]


def test_a_variant_is_named_in_the_rejects(tmp_path: Path) -> None:
    source, *_ = _export("shopify", tmp_path)
    prepare(source, tmp_path / "catalogue", PrepareSettings())
    first = json.loads((tmp_path / "catalogue" / "rejects.jsonl").read_text().splitlines()[0])
    assert first == {"file": "products_export.csv", "line": 6, "reason": "variant", "detail": "no-0"}


def test_a_shopify_product_without_a_title_is_no_variant(tmp_path: Path) -> None:
    row = {"Handle": "no-99", "Body (HTML)": "<p>Forgotten.</p>"}
    source = write_table(tmp_path / "a.csv", SHOPIFY, [row])
    with pytest.raises(UnreadableInput, match="1 of 1 have missing_title"):
        prepare(source, tmp_path / "catalogue", PrepareSettings())


def _export(name: str, folder: Path, gzipped: bool = False) -> Any:
    """Write an export; return its path and the other values of its entry in `EXPORTS`."""
    write, file, *rest = EXPORTS[name]
    path = write(folder / file)
    if gzipped:
        path = write_gzip(folder / f"{file}.gz", path.read_bytes())
    return path, file, *rest


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("<p>Oak.</p>",), "Oak."),
        ((["Oak.", "Ash."],), "Oak. Ash."),
        ((["Oak."], ["Holds 3 kg", "Made in Wales"]), "Oak. Holds 3 kg Made in Wales"),
        (([], ["Holds 3 kg"]), "Holds 3 kg"),
        (("Oak.", None), "Oak."),
        ((float("nan"), "Oak."), "Oak."),
        (("Oak.", "Oak."), "Oak."),
        (("<b>Oak</b>.", "Oak. It holds 3 kg."), "Oak. It holds 3 kg."),
        (("<b", "x=1>Oak."), "Oak."),
        (([], None), ""),
    ],
)
def test_a_description_is_joined_from_its_columns_and_repeats_nothing(values: tuple[Any, ...], expected: str) -> None:
    assert described([clean(joined(value)) for value in values]) == expected


def test_a_column_that_is_no_text_is_a_fault() -> None:
    with pytest.raises(Unusable, match="description_not_text"):
        joined({"a": 1})


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (r"<p>One</p>\n<p>two</p>\n", "<p>One</p>\n<p>two</p>\n"),
        (r"C:\\new", r"C:\new"),
        ("'-5 to +40 degrees", "-5 to +40 degrees"),
        ("'Tis the season", "'Tis the season"),
        (7, 7),
    ],
)
def test_texts_are_taken_as_woocommerce_means_them(cell: Any, expected: Any) -> None:
    columns = Columns("Name", ("Description",), escaped=True)
    assert row_of({"Name": cell, "Description": cell}, columns) == Row(expected, (expected,), None)
    assert row_of({"Name": cell, "Description": cell}, columns._replace(escaped=False)) == Row(cell, (cell,), None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["title", "body", "id", "type"]), JSON_VALUES))
def test_whatever_an_object_holds_it_is_a_row_or_a_variant(value: dict[str, Any]) -> None:
    for mark in ("", "variation"):
        columns = Columns("title", ("body",), "id", Variants(("title", "type"), mark))
        try:
            row = row_of(value, columns)
        except Unusable as fault:
            assert fault.reason == "variant"
            assert not value.get("title") if not mark else mark in f"{value.get('title')} {value.get('type')}".lower()
        else:
            assert row == Row(value.get("title"), (value.get("body"),), value.get("id"))
