"""Exports of shops and data sets in exactly their formats, with made-up products.

Each writer makes `COUNT` products and the other rows of such files: variants, further images. The expected results are
in `EXPORTS` and `ATTRIBUTES`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from shelftalk.records import Attributes

THINGS = ("Kettle", "Trowel", "Lantern", "Mitten", "Ledger", "Saddle", "Whistle")
WOODS = ("Oak", "Ash", "Elm", "Yew")
COUNT = 30


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
            "details": details(number) if number % 2 else json.dumps(details(number)),
            "parent_asin": f"B{number:09d}",
            "bought_together": None,
        }
        for number in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def details(number: int) -> dict[str, Any]:
    return {
        "Package Dimensions": "2 x 3 x 4 inches; 5 Ounces",
        "Material": WOODS[number % 4],
        "Item model number": f"TT-{number}",
        "Part Number": f"P-{number}",
        "UPC": f"{number:012d}",
        "ASIN": f"B{number:09d}",
        "Date First Available": "May 3, 2019",
        "Best Sellers Rank": {"Hand Tools": number + 1},
        "Is Discontinued By Manufacturer": "No",
        "description": "not this one",
    }


def amazon_2023_attributes(number: int) -> Attributes:
    return (
        ("main category", "Tools & Home Improvement"),
        ("store", "Tern & Tide"),
        ("categories", "Tools & Home Improvement, Hand Tools"),
        ("Package Dimensions", "2 x 3 x 4 inches; 5 Ounces"),
        ("Material", WOODS[number % 4]),
    )


def amazon_reviews_2018(path: Path) -> Path:
    """meta_*.json: markup in "tech1" and "fit", and names of "details" with spaces, line breaks and a colon."""
    rows = [
        {
            "category": ["Tools & Home Improvement", "Hand Tools"],
            "tech1": "<table><tr><th>Part Number</th><td>7</td></tr></table>",
            "tech2": "",
            "description": [prose(number)],
            "fit": "<div>Fits all.</div>" if number % 2 else "",
            "title": title(number),
            "also_buy": ["B000000001"],
            "also_view": [],
            "image": ["https://a.example/1.jpg"],
            "brand": "Tern & Tide",
            "feature": points(number),
            "rank": [f">#{number + 1} in Hand Tools"],
            "main_cat": "Tools & Home Improvement",
            "similar_item": "",
            "date": "May 3, 2016",
            "price": "$9.99",
            "asin": f"B{number:09d}",
            "details": {"\n    Item Weight: \n    ": f"{number + 40} g", "Shipping Weight:": "1 kg", "UPC:": "001"},
        }
        for number in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def amazon_2018_attributes(number: int) -> Attributes:
    return (
        ("category", "Tools & Home Improvement, Hand Tools"),
        ("brand", "Tern & Tide"),
        ("Item Weight", f"{number + 40} g"),
    )


def nested(path: Path) -> Path:
    """JSON Lines of a shop's own database: objects and lists of each kind, and Ruby's way to write them."""
    held = '{"product_specification"=>[{"key"=>"Wood", "value"=>"%s"}, {"value"=>"x"}, {"key"=>"Lid", "value"=>nil}]}'
    rows = [
        {
            "id": handle(number),
            "title": title(number),
            "description": prose(number),
            "material": [WOODS[number % 4], "steel"],
            "attributes": [{"name": "Finish", "value": "oiled"}, {"name": "Care", "value": ["wipe", "dry"]}],
            "specs": {"height": number, "foldable": number % 2 == 0, "price": 3, "deeper": {"stock": {"x": 1}}},
            "product_specifications": held % WOODS[number % 4],
            "stock": 7,
            "rating": {"average": 4.5},
        }
        for number in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def nested_attributes(number: int) -> Attributes:
    return (
        ("material", f"{WOODS[number % 4]}, steel"),
        ("Finish", "oiled"),
        ("Care", "wipe, dry"),
        ("height", str(number)),
        ("foldable", "no" if number % 2 else "yes"),
        ("Wood", WOODS[number % 4]),
    )


def amazon_text(number: int) -> str:
    paragraph = " ".join(prose(number).split("; "))
    return " ".join(([] if number % 3 == 2 else [paragraph]) + ([] if number % 3 == 1 else points(number)))


SHOPIFY = header(
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,"
    "Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,"
    "Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,"
    "SEO Title,SEO Description,Google Shopping / Gender,Fabric (product.metafields.custom.fabric),"
    "Related products (product.metafields.shopify--discovery--product_recommendation.related_products),"
    "Variant Image,Variant Weight Unit,Variant Tax Code,Cost per item,Status"
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
        named, single = ("Title", "Default Title") if number % 3 == 2 else ("Size", "S")
        rows.append(
            {"Handle": handle(number), "Title": title(number), "Body (HTML)": html(number), "Vendor": "Tern & Tide"}
            | {"Product Category": "Hardware > Tools", "Type": THINGS[number % 7], "Tags": "beach, sale"}
            | {"Option1 Name": named, "Option1 Value": single, "Option2 Name": "Colour", "Option2 Value": "Sand"}
            | {
                "Published": "true",
                "Variant SKU": f"{number}-S",
                "Image Src": "https://a.example/1",
                "Gift Card": "false",
            }
            | {"Fabric (product.metafields.custom.fabric)": "waxed linen", "Google Shopping / Gender": "unisex"}
            | {"Status": "active"}
        )
        further = single if number % 3 == 2 else "L"
        rows.append(
            {"Handle": handle(number), "Option1 Value": further, "Option2 Value": "Slate", "Variant SKU": f"{number}-L"}
        )
        if number % 2:
            rows.append({"Handle": handle(number), "Image Src": "https://a.example/2", "Image Position": "2"})
    return write_table(path, SHOPIFY, rows)


def shopify_attributes(number: int) -> Attributes:
    return (
        ("Vendor", "Tern & Tide"),
        ("Product Category", "Hardware > Tools"),
        ("Type", THINGS[number % 7]),
        ("Tags", "beach, sale"),
        *((("Size", "S, L"),) if number % 3 != 2 else ()),
        ("Colour", "Sand, Slate"),
        ("Fabric", "waxed linen"),
    )


def shopify_newer(path: Path) -> Path:
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        rows.append(
            {"Title": title(number), "URL handle": handle(number), "Description": html(number), "SKU": f"{number}-S"}
            | {"Option1 name": "Size", "Option1 value": "S", "Status": "Active", "Vendor": "Tern & Tide"}
            | {"Option1 Linked To": "product.metafields.shopify.size", "Weight unit for display": "g"}
        )
        rows.append({"URL handle": handle(number), "SKU": f"{number}-L", "Option1 value": "L"})
        if number % 2:
            rows.append({"URL handle": handle(number), "Product image URL": "https://a.example/2"})
    return write_table(path, SHOPIFY_NEWER, rows)


def shopify_newer_attributes(number: int) -> Attributes:
    return ("Vendor", "Tern & Tide"), ("Size", "S, L")


WOOCOMMERCE = header(
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,"
    "Date sale price starts,Date sale price ends,Tax status,Tax class,In stock?,Stock,Low stock amount,"
    "Backorders allowed?,Sold individually?,Weight (kg),Length (cm),Width (cm),Height (cm),"
    "Allow customer reviews?,Purchase note,Sale price,Regular price,Categories,Tags,Shipping class,Images,"
    "Download limit,Download expiry days,Parent,Grouped products,Upsells,Cross-sells,External URL,Button text,"
    "Position,Attribute 1 name,Attribute 1 value(s),Attribute 1 visible,Attribute 1 global,"
    "Attribute 2 name,Attribute 2 value(s),Attribute 2 visible,Attribute 2 global,Attribute 2 default"
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
                "Categories": "Clothing &gt; Hoodies, Sale",
                "Tags": "beach, wool",
                "Weight (kg)": "0.5",
                "Length (cm)": str(number + 3),
                "In stock?": 1,
                "Attribute 1 name": "Colour",
                "Attribute 1 value(s)": "Sand, Slate\\, dark",
                "Attribute 1 visible": 1,
                "Attribute 1 global": 1,
            }
            | (
                {"Attribute 2 name": "Warm to", "Attribute 2 value(s)": "'-5 C", "Attribute 2 default": "x"}
                if number % 2
                else {}
            )
        )
        if kind == "variable":
            variation = {"ID": 900 + number, "Type": ("variation", "variation, virtual")[number % 2]}
            rows.append(
                {**variation, "Name": f"{title(number)} - L", "Parent": f"woo-{number}", "Description": "Large."}
            )
    path = write_table(path, WOOCOMMERCE, rows)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # WooCommerce begins with a byte order mark
    return path


def woocommerce_attributes(number: int) -> Attributes:
    return (
        ("Weight", "0.5 kg"),
        ("Length", f"{number + 3} cm"),
        ("Categories", "Clothing > Hoodies, Sale"),
        ("Tags", "beach, wool"),
        ("Colour", "Sand, Slate, dark"),
        *((("Warm to", "-5 C"),) if number % 2 else ()),
    )


MERCHANT = header(
    "id,title,description,link,image link,availability,price,condition,brand,google product category,gtin,"
    "item group id,color,size,size_type,age group,gender,product_type,product_highlight,product_detail"
)


def merchant_tsv(path: Path) -> Path:
    rows = [
        {"id": handle(number), "title": title(number), "description": prose(number), "link": "https://a.example/"}
        | {"price": "9.99 EUR", "availability": "in_stock", "condition": "new", "brand": "Tern & Tide"}
        | {"google product category": "2271" if number % 2 else "Apparel > Dresses", "gtin": f"{number:013d}"}
        | {"color": "Sand/Slate", "size": "M", "size_type": "regular", "age group": "adult", "gender": "unisex"}
        | {"product_type": "Home > Hooks", "product_highlight": "Holds 3 kg", "item group id": handle(number)}
        | {"product_detail": f"General:Wood:{WOODS[number % 4]},General:Care:wipe, dry"}
        for number in range(COUNT)
    ]
    return write_table(path, MERCHANT, rows, "\t")


def merchant_tsv_attributes(number: int) -> Attributes:
    return (
        ("brand", "Tern & Tide"),
        *(() if number % 2 else (("google product category", "Apparel > Dresses"),)),
        ("color", "Sand/Slate"),
        ("size", "M"),
        ("size type", "regular"),
        ("age group", "adult"),
        ("gender", "unisex"),
        ("product type", "Home > Hooks"),
        ("product highlight", "Holds 3 kg"),
        ("Wood", WOODS[number % 4]),
        ("Care", "wipe, dry"),
    )


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
      <g:brand>Tern &amp; Tide</g:brand>
      <g:google_product_category>{"2271" if number % 2 else "Apparel &gt; Dresses"}</g:google_product_category>
      <g:product_type>Home &gt; Hooks</g:product_type>
      <g:material>{WOODS[number % 4]}</g:material>
      <g:pattern> </g:pattern>
      <g:product_highlight>Holds 3 kg</g:product_highlight>
      <g:product_highlight>Folds flat</g:product_highlight>
      <g:product_detail>
        <g:section_name>General</g:section_name>
        <g:attribute_name>Care</g:attribute_name>
        <g:attribute_value>wipe &amp; dry</g:attribute_value>
      </g:product_detail>
      <g:product_detail>
        <g:attribute_name>Wall fixing</g:attribute_name>
        <g:attribute_value>two screws</g:attribute_value>
      </g:product_detail>
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


def merchant_rss_attributes(number: int) -> Attributes:
    return (
        ("brand", "Tern & Tide"),
        *(() if number % 2 else (("google product category", "Apparel > Dresses"),)),
        ("product type", "Home > Hooks"),
        ("material", WOODS[number % 4]),
        ("product highlight", "Holds 3 kg, Folds flat"),
        ("Care", "wipe & dry"),
        ("Wall fixing", "two screws"),
    )


def merchant_atom(path: Path) -> Path:
    entries = "".join(
        f"""  <entry>
    <title>{escape(title(number))}</title>
    <link href="https://a.example/{number}"/>
    <summary>{escape(html(number))}</summary>
    <updated>2026-11-01T12:00:00Z</updated>
    <g:id>{handle(number)}</g:id>
    <g:price>9.99 EUR</g:price>
    <g:color>Sand</g:color>
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
    "amazon 2018": (amazon_reviews_2018, "meta_Tools.json", lambda number: f"B{number:09d}", both, 0),
    "nested": (nested, "products.jsonl", handle, prose, 0),
    "shopify": (shopify, "products_export.csv", handle, both, COUNT + COUNT // 2),
    "shopify, newer names": (shopify_newer, "products_export.csv", handle, both, COUNT + COUNT // 2),
    "woocommerce": (woocommerce, "wc-product-export.csv", lambda number: str(100 + number), both, COUNT // 3),
    "merchant tsv": (merchant_tsv, "feed.tsv", handle, prose, 0),
    "merchant txt": (merchant_tsv, "feed.txt", handle, prose, 0),
    "merchant rss": (merchant_rss, "feed.xml", handle, both, 0),
    "merchant atom": (merchant_atom, "feed.xml", handle, both, 0),
}

ATTRIBUTES: dict[str, Callable[[int], Attributes]] = {
    "amazon": amazon_2023_attributes,
    "amazon 2018": amazon_2018_attributes,
    "nested": nested_attributes,
    "shopify": shopify_attributes,
    "shopify, newer names": shopify_newer_attributes,
    "woocommerce": woocommerce_attributes,
    "merchant tsv": merchant_tsv_attributes,
    "merchant txt": merchant_tsv_attributes,
    "merchant rss": merchant_rss_attributes,
    "merchant atom": lambda number: (("color", "Sand"),),
}
