"""What is published is what a shop's importer takes, and what `prepare` reads back: export, publish, prepare."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelftalk.catalogue.clean import clean
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.generation.titles import find_columns
from shelftalk.publishing.publish import publish
from shelftalk.publishing.settings import PublishSettings
from shelftalk.workspace import sha256
from tests.catalogue.exports import COUNT, EXPORTS, handle, html, prose, title
from tests.publishing.accepted import accept, new_text

SHOPS = {
    "shopify": ("shopify", "products_import.csv"),
    "shopify, newer names": ("shopify", "products_import.csv"),
    "woocommerce": ("woocommerce", "products_import.csv"),
    "merchant tsv": ("google", "descriptions.tsv"),
    "merchant txt": ("google", "descriptions.xml"),
    "merchant rss": ("google", "descriptions.xml"),
    "merchant atom": ("google", "descriptions.tsv"),
}


def export(name: str, folder: Path) -> Path:
    write, file, *_ = EXPORTS[name]
    return write(folder / file)


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, strict=True))


def prepared(source: Path, folder: Path, **settings: Any) -> dict[str, str]:
    """Return the descriptions that are prepared from a file, by id."""
    prepare(source, folder, PrepareSettings(**settings))
    products = pq.read_table(folder / "products.parquet").to_pydict()
    return dict(zip(products["uid"], products["description"], strict=True))


@pytest.mark.parametrize("name", SHOPS)
def test_an_export_is_published_in_the_format_of_its_shop_and_prepared_again(tmp_path: Path, name: str) -> None:
    source = export(name, tmp_path)
    format, file = SHOPS[name]
    target = tmp_path / file
    found = publish(source, target, accept(source), expected_sha256=sha256(source), overwrite=True)
    assert (found["format"], found["written"], found["kept"], found["left_out"]) == (format, COUNT, 0, {})

    restore = target.with_name(f"{target.stem}.restore{target.suffix}")
    assert (found["target"], found["restore"]) == (str(target), str(restore))
    uid = EXPORTS[name][2]
    fields = {"title_field": "id" if format == "google" else "ID"} if format != "shopify" else {}
    texts = prepared(target, tmp_path / "new", **fields)
    assert texts == {uid(number): clean(new_text(number)) for number in range(COUNT)}
    old = prepared(restore, tmp_path / "old", **fields)
    # Without the other columns of WooCommerce the escapes of its exporter are not known.
    held = {uid(number): clean(html(number).replace("\n", "\\n")) for number in range(COUNT)}
    assert old == (held if name == "woocommerce" else {uid(n): EXPORTS[name][3](n) for n in range(COUNT)})


@pytest.mark.parametrize("name", SHOPS)
def test_columns_that_generate_recorded_give_the_same_file(tmp_path: Path, name: str) -> None:
    source = export(name, tmp_path)
    columns = find_columns(source)
    named = PublishSettings(title_field=columns.title, id_field=columns.uid, encoding="utf-8")
    one, other = (tmp_path / f"{number}-{SHOPS[name][1]}" for number in range(2))
    assert publish(source, one, accept(source), overwrite=True)["written"] == COUNT
    assert publish(source, other, accept(source), named, overwrite=True)["written"] == COUNT
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", EXPORTS)
def test_only_empty_descriptions_are_filled(tmp_path: Path, name: str) -> None:
    source = export(name, tmp_path)
    target = tmp_path / ("out.xml" if source.suffix == ".xml" else f"out{source.suffix}")
    found = publish(source, target, accept(source), dry_run=True)
    assert (found["written"], found["kept"]) == ((10, 20) if name == "amazon" else (0, COUNT))
    assert not target.exists()


def test_shopify_gets_every_variant_of_a_product_and_nothing_else(tmp_path: Path) -> None:
    source = export("shopify", tmp_path)
    target = tmp_path / "import.csv"
    publish(source, target, accept(source, every=2), overwrite=True)
    rows = table(target)
    options = [f"Option{number} {part}" for number in (1, 2, 3) for part in ("Name", "Value")]
    assert list(rows[0]) == ["Handle", "Title", "Body (HTML)", *options]
    wanted = [
        {name: row[name] for name in ("Handle", "Title", *options)}
        for row in table(source)
        if int(row["Handle"].split("-")[1]) % 2 == 0 and row["Option1 Value"]
    ]
    assert [{name: one for name, one in row.items() if name != "Body (HTML)"} for row in rows] == wanted
    first = 'First, of number 0: 3 &lt; 5 &amp; “sturdy”.<br>A second line, café; "quoted".'
    assert rows[0]["Body (HTML)"] == f"<p>{first}</p><p>A new 'paragraph'.</p>"
    assert rows[1]["Body (HTML)"] == ""
    old = {row["Handle"]: row["Body (HTML)"] for row in table(tmp_path / "import.restore.csv") if row["Title"]}
    assert old == {handle(number): html(number) for number in range(0, COUNT, 2)}


def test_woocommerce_gets_ids_and_descriptions_under_the_names_of_its_language(tmp_path: Path) -> None:
    source = export("woocommerce", tmp_path)
    german = source.read_text(encoding="utf-8-sig").replace(
        "Short description,Description,", "Kurzbeschreibung,Beschreibung,"
    )
    source.write_text(german.replace("Published", "Veröffentlicht"), encoding="utf-8-sig")
    target = tmp_path / "import.csv"
    assert publish(source, target, accept(source), overwrite=True)["format"] == "woocommerce"
    assert [list(row) for row in table(target)] == [["ID", "Beschreibung"]] * COUNT
    # The old texts keep the escapes of the exporter, which the importer undoes.
    old = [row["Beschreibung"] for row in table(tmp_path / "import.restore.csv")]
    assert old == [html(number).replace("\n", "\\n") for number in range(COUNT)]


def test_google_gets_plain_texts_as_a_table_or_in_xml(tmp_path: Path) -> None:
    source = export("merchant rss", tmp_path)
    publish(source, tmp_path / "feed2.xml", accept(source, every=COUNT), overwrite=True)
    assert (tmp_path / "feed2.xml").read_text(encoding="utf-8") == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n'
        "<channel>\n<title>Descriptions</title>\n<link>https://localhost/</link>\n"
        "<description>Descriptions of products</description>\n"
        "<item>\n<g:id>no-0</g:id>\n<g:description>First, of number 0: 3 &lt; 5 &amp; “sturdy”.\n"
        "A second line, café; \"quoted\".\n\nA new 'paragraph'.</g:description>\n</item>\n</channel>\n</rss>\n"
    )
    publish(source, tmp_path / "feed.tsv", accept(source, every=COUNT), overwrite=True)
    assert table(tmp_path / "feed.tsv", "\t") == [{"id": "no-0", "description": clean(new_text(0))}]


PLAIN = ("amazon", "amazon 2018", "nested", "shopify", "shopify, newer names", "woocommerce", "merchant tsv")


@pytest.mark.parametrize("name", PLAIN)
def test_the_plain_input_is_filled_and_nothing_else_changes(tmp_path: Path, name: str) -> None:
    source = export(name, tmp_path)
    target = tmp_path / f"filled{source.suffix}"
    accepted = accept(source, every=3)
    settings = PublishSettings(format="plain")
    found = publish(source, target, accepted, settings, sha256(source), overwrite=True)
    assert found["written"] == len(accepted) == 10
    uid = EXPORTS[name][2]
    before, after = (prepared(one, tmp_path / one.stem) for one in (source, target))
    assert [one for one in before if before[one] != after[one]] == [uid(number) for number in range(0, COUNT, 3)]
    for number in range(0, COUNT, 3):
        assert clean(new_text(number)) in after[uid(number)]

    lines, changed = source.read_bytes().splitlines(), target.read_bytes().splitlines()
    if "shopify" not in name:  # whose cells hold ends of lines
        assert len(set(lines) - set(changed)) == 10
    if source.suffix == ".jsonl" or name == "amazon 2018":
        column = "description"
        for old, new in zip(map(json.loads, lines), map(json.loads, changed), strict=True):
            assert list(old) == list(new)
            assert {**old, column: 0} == {**new, column: 0}
    else:
        delimiter = "\t" if name == "merchant tsv" else ","
        column = "Body (HTML)" if name == "shopify" else "description" if delimiter == "\t" else "Description"
        for old, new in zip(table(source, delimiter), table(target, delimiter), strict=True):
            assert {**old, column: ""} == {**new, column: ""}
    restore = target.with_name(f"filled.restore{source.suffix}")
    again = prepared(restore, tmp_path / "restored")
    assert again == {uid(number): before[uid(number)] for number in range(0, COUNT, 3)}


def test_parquet_keeps_its_schema_and_its_other_columns(tmp_path: Path) -> None:
    rows = [
        {"id": handle(n), "title": title(n), "description": prose(n) if n % 2 else "", "n": n} for n in range(COUNT)
    ]
    source = tmp_path / "a.parquet"
    schema = pa.schema(
        [("id", pa.string()), ("n", pa.int8()), ("title", pa.string()), ("description", pa.large_string())]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema.with_metadata({"by": "us"})), source)
    found = publish(source, tmp_path / "b.parquet", accept(source))
    assert (found["written"], found["kept"], found["encoding"]) == (15, 15, "")
    table, old = pq.read_table(tmp_path / "b.parquet"), pq.read_table(tmp_path / "b.restore.parquet")
    assert table.schema.equals(schema.with_metadata({"by": "us"}), check_metadata=True)
    expected = [{**row, "description": row["description"] or new_text(n)} for n, row in enumerate(rows)]
    assert table.to_pylist() == [{name: row[name] for name in schema.names} for row in expected]
    assert old.to_pylist() == [{name: row[name] for name in schema.names} for row in rows if not row["description"]]


@pytest.mark.parametrize("form", ["list", "under a key", "indented", "inside"])
def test_json_in_any_form_has_one_value_set(tmp_path: Path, form: str) -> None:
    rows: list[Any] = [
        {"id": handle(n), "price": 1.50, "title": title(n), "description": "", "big": 10**30} for n in range(9)
    ]
    rows[4]["related"] = [{"id": handle(2), "title": title(2), "description": ""}]
    held = {"products": rows, "count": 9} if form == "under a key" else rows
    if form == "inside":
        held = {"items": [{"product": row} for row in rows]}
    source = tmp_path / "a.json"
    source.write_text(json.dumps(held, indent=2 if form == "indented" else None).replace("1.5,", "1.50,"))
    found = publish(source, tmp_path / "b.json", accept(source, every=2))
    assert (found["format"], found["written"]) == ("plain", 5)
    for number in range(0, 9, 2):
        (rows[number])["description"] = new_text(number)
    assert json.loads((tmp_path / "b.json").read_text()) == json.loads(json.dumps(held))
    assert (tmp_path / "b.json").read_text().count("1.50,") == 9
    assert len(json.loads((tmp_path / "b.restore.json").read_text())) == 5
