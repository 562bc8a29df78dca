"""Exports of shops and data sets in exactly their formats, with made-up products.

Each writer makes `COUNT` products and the other rows of such files: variants, further images. The expected results are
in `EXPORTS`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

THINGS = ("Kettle", "Trowel", "Lantern", "Mitten", "Ledger", "Saddle", "Whistle")
WOODS = ("Oak", "Ash", "Elm", "Yew")
COUNT = 24


def header(line: str) -> list[str]:
    return line.split(",")


def title(number: int) -> str:
    return f"{WOODS[number % 4]} & {THINGS[number % 7]} No. {number}"


def prose(number: int) -> str:
    return f"A “sturdy” {THINGS[number % 7].lower()}, {number + 3} cm; café-tested."


def points(number: int) -> list[str]:
    return [f"Weighs {number + 40} g", f"Made of {WOODS[number % 4].lower()}"]


def handle(number: int) -> str:
    return f"no-{number}"


def amazon_reviews_2023(path: Path) -> Path:
    """meta_*.jsonl: lists of paragraphs and of bullet points; for every third product one of them is empty."""
    rows = [
        {
            "main_category": "Tools & Home Improvement",
            "title": title(number),
            "average_rating": 4.5,
            "rating_number": number,
            "features": [] if number % 3 == 1 else points(number),
            "description": [] if number % 3 == 2 else prose(number).split("; "),
            "price": None if number % 2 else 9.99,
            "images": [{"thumb": "https://a.example/t.jpg", "large": "https://a.example/l.jpg", "variant": "MAIN"}],
            "videos": [],
            "store": "Tern & Tide",
            "categories": ["Tools & Home Improvement", "Hand Tools"],
            "details": {"Package Dimensions": "2 x 3 x 4 inches; 5 Ounces", "description": "not this one"},
            "parent_asin": f"B{number:09d}",
            "bought_together": None,
        }
        for number in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def amazon_text(number: int) -> str:
    paragraph = " ".join(prose(number).split("; "))
    return " ".join(([] if number % 3 == 2 else [paragraph]) + ([] if number % 3 == 1 else points(number)))


SHOPIFY = header(
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,"
    "Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,"
    "Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,"
    "SEO Title,SEO Description,Variant Image,Variant Weight Unit,Variant Tax Code,Cost per item,Status"
)
SHOPIFY_NEWER = header(
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,"
    "Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,Inventory tracker,"
    "Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,"
    "Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,"
    "Gift card,SEO title,SEO description"
)


def html(number: int) -> str:
    return f"<p>{escape(prose(number))}</p>\n<ul>\n<li>{'</li><li>'.join(points(number))}</li>\n</ul>"


def shopify(path: Path) -> Path:
    """products_export.csv: a product's first row, one for a second size, and often one for an image."""
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        shared = {"Handle": handle(number), "Option1 Name": "Size"}
        rows.append(
            {**shared, "Title": title(number), "Body (HTML)": html(number), "Vendor": "Tern & Tide", "Status": "active"}
            | {
                "Published": "true",
                "Option1 Value": "S",
                "Variant SKU": f"{number}-S",
                "Image Src": "https://a.example/1",
            }
        )
        rows.append({"Handle": handle(number), "Option1 Value": "L", "Variant SKU": f"{number}-L"})
        if number % 2:
            rows.append({"Handle": handle(number), "Image Src": "https://a.example/2", "Image Position": "2"})
    return write_table(path, SHOPIFY, rows)


def shopify_newer(path: Path) -> Path:
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        rows.append(
            {"Title": title(number), "URL handle": handle(number), "Description": html(number), "SKU": f"{number}-S"}
            | {"Option1 name": "Size", "Option1 value": "S", "Status": "Active", "Vendor": "Tern & Tide"}
        )
        rows.append({"URL handle": handle(number), "SKU": f"{number}-L", "Option1 value": "L"})
        if number % 2:
            rows.append({"URL handle": handle(number), "Product image URL": "https://a.example/2"})
    return write_table(path, SHOPIFY_NEWER, rows)


WOOCOMMERCE = header(
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,"
    "Date sale price starts,Date sale price ends,Tax status,Tax class,In stock?,Stock,Low stock amount,"
    "Backorders allowed?,Sold individually?,Weight (kg),Length (cm),Width (cm),Height (cm),"
    "Allow customer reviews?,Purchase note,Sale price,Regular price,Categories,Tags,Shipping class,Images,"
    "Download limit,Download expiry days,Parent,Grouped products,Upsells,Cross-sells,External URL,Button text,"
    "Position,Attribute 1 name,Attribute 1 value(s),Attribute 1 visible,Attribute 1 global"
)


def woocommerce(path: Path) -> Path:
    """wc-product-export.csv: simple and variable products, the variations of these, line breaks written as \\n."""
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        kind = ("simple", "variable", "simple, downloadable, virtual")[number % 3]
        rows.append(
            {"ID": 100 + number, "Type": kind, "SKU": f"woo-{number}", "Name": title(number), "Published": 1}
            | {
                "Short description": "" if number % 4 == 3 else f"<em>{prose(number)}</em>",
                "Description": html(number).replace("\n", "\\n"),
            }
        )
        if kind == "variable":
            variation = {"ID": 900 + number, "Type": ("variation", "variation, virtual")[number % 2]}
            rows.append(
                {**variation, "Name": f"{title(number)} - L", "Parent": f"woo-{number}", "Description": "Large."}
            )
    path = write_table(path, WOOCOMMERCE, rows)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # WooCommerce begins with a byte order mark
    return path


MERCHANT = header(
    "id,title,description,link,image link,availability,price,condition,brand,google product category,gtin,"
    "item group id,color,size"
)


def merchant_tsv(path: Path) -> Path:
    rows = [
        {"id": handle(number), "title": title(number), "description": prose(number), "link": "https://a.example/"}
        | {"price": "9.99 EUR", "availability": "in_stock", "condition": "new", "brand": "Tern & Tide"}
        for number in range(COUNT)
    ]
    return write_table(path, MERCHANT, rows, "\t")


def merchant_rss(path: Path) -> Path:
    items = "".join(
        f"""    <item>
      <g:id>{handle(number)}</g:id>
      <g:title>{escape(title(number))}</g:title>
      <g:description>{"<![CDATA[" + html(number) + "]]>" if number % 2 else escape(html(number))}</g:description>
      <g:link>https://a.example/{number}?a=1&amp;b=2</g:link>
      <g:image_link>https://a.example/{number}.jpg</g:image_link>
      <g:availability>in_stock</g:availability>
      <g:price>9.99 EUR</g:price>
      <g:shipping><g:country>DE</g:country><g:price>4.95 EUR</g:price></g:shipping>
    </item>
"""
        for number in range(COUNT)
    )
    head = '<?xml version="1.0"?>\n<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0">\n  <channel>\n'
    about = (
        "    <title>Tern &amp; Tide</title>\n    <link>https://a.example/</link>\n    <description>All</description>\n"
    )
    path.write_text(f"{head}{about}{items}  </channel>\n</rss>\n", encoding="utf-8")
    return path


def merchant_atom(path: Path) -> Path:
    entries = "".join(
        f"""  <entry>
    <title>{escape(title(number))}</title>
    <link href="https://a.example/{number}"/>
    <summary>{escape(html(number))}</summary>
    <updated>2026-11-01T12:00:00Z</updated>
    <g:id>{handle(number)}</g:id>
    <g:price>9.99 EUR</g:price>
  </entry>
"""
        for number in range(COUNT)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
    space = 'xmlns:g="http://base.google.com/ns/1.0">\n  <title>Tern &amp; Tide</title>\n'
    path.write_text(f"{head}{space}{entries}</feed>\n", encoding="utf-8")
    return path


def write_table(path: Path, names: list[str], rows: Iterable[dict[str, Any]], delimiter: str = ",") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())
    return path


def both(number: int) -> str:
    """Return the text of `html`."""
    return " ".join((prose(number), *points(number)))


# For each: the writer, the file's name, a product's expected id and description, and the number of rows with variants.
Export = tuple[Callable[[Path], Path], str, Callable[[int], str], Callable[[int], str], int]
EXPORTS: dict[str, Export] = {
    "amazon": (amazon_reviews_2023, "meta_Tools.jsonl", lambda number: f"B{number:09d}", amazon_text, 0),
    "shopify": (shopify, "products_export.csv", handle, both, COUNT + COUNT // 2),
    "shopify, newer names": (shopify_newer, "products_export.csv", handle, both, COUNT + COUNT // 2),
    "woocommerce": (woocommerce, "wc-product-export.csv", lambda number: str(100 + number), both, COUNT // 3),
    "merchant tsv": (merchant_tsv, "feed.tsv", handle, prose, 0),
    "merchant txt": (merchant_tsv, "feed.txt", handle, prose, 0),
    "merchant rss": (merchant_rss, "feed.xml", handle, both, 0),
    "merchant atom": (merchant_atom, "feed.xml", handle, both, 0),
}
