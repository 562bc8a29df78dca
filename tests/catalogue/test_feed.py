"""Product feeds in XML: RSS and Atom as Google Merchant Center takes them, broken ones, and ones made to do harm."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row, Unusable

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n<channel>\n'
    "<title>A shop</title>\n<link>http://shop.example/</link>\n<description>All of it</description>\n"
)
TAIL = "</channel>\n</rss>\n"
COLUMNS = Columns("title", ("description",), "id")


def item(number: int, title: str = "Oak peg") -> str:
    """Return an item of five lines."""
    lines = (
        "<item>",
        f"<g:id>{number}</g:id>",
        f"<title>{title}</title>",
        "<g:description>Holds 3 kg.</g:description>",
    )
    return "\n".join((*lines, "</item>\n"))


def write(path: Path, *parts: str, encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(parts).encode(encoding))
    return path


def read(path: Path, columns: Columns = COLUMNS) -> list[tuple[int, Any]]:
    """Read all rows, faults as their reasons and details."""
    with reading(path) as reader:
        return [
            (line, f"{row.reason}: {row.detail}" if isinstance(row, Unusable) else row)
            for line, row in reader.rows(columns)
        ]


def columns(path: Path) -> list[str]:
    with reading(path) as reader:
        return reader.columns()


def peg(number: int, title: str = "Oak peg") -> Row:
    return Row(title, ("Holds 3 kg.",), str(number))


@pytest.mark.parametrize("name", ["feed.xml", "feed.rss", "feed", "feed.xml.gz"])
def test_rss_is_read_item_by_item_under_its_lines(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, HEAD, item(1), item(2, "A &amp; B &lt;b&gt;"), TAIL)
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert columns(path) == ["id", "title", "description"]
    assert read(path) == [(7, peg(1)), (12, peg(2, "A & B <b>"))]


ATOM = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:google="http://base.google.com/ns/1.0" xmlns:media="http://m.example/">
<title>A shop</title>
<entry>
  <title type="text">Oak peg</title>
  <link href="http://shop.example/1"/>
  <summary><![CDATA[<p>Holds 3 kg & more.</p>]]></summary>
  <media:title>a picture</media:title>
  <google:id>7</google:id>
  <google:shipping><google:country>BR</google:country><google:price>3 BRL</google:price></google:shipping>
</entry>
<entry><google:id>8</google:id><content type="xhtml"><div>two<br/>words</div></content><title> </title>
<google:title>T</google:title></entry>
</feed>
"""


def test_atom_is_read_and_googles_names_lose_their_prefix_whatever_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.atom", ATOM)
    assert columns(path) == ["title", "link", "summary", "media:title", "id", "shipping", "content"]
    assert read(path, Columns("title", ("summary", "content"), "id")) == [
        (4, Row("Oak peg", ("<p>Holds 3 kg & more.</p>", None), "7")),
        (12, Row("T", (None, " two  words "), "8")),
    ]


def test_items_without_an_id_in_one_line_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", "<rss>", "<item><title>A</title></item>" * 2, "</rss>")
    assert [(line, row.uid) for line, row in read(path)] == [(1, "item-1"), (1, "item-2")]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (item(2, "A & B"), "line 14: not well-formed (invalid token)"),
        (item(2, "A < B"), "line 14: not well-formed (invalid token)"),
        (item(2, "<b>A"), "line 14: mismatched tag"),
        (item(2).replace("</item>", ""), "line 17: <item> begins before </item>"),
        (item(2).replace("</title>", ""), "line 16: mismatched tag"),
        (item(2, "\x07"), "line 14: not well-formed (invalid token)"),
        (item(2, '<b a="1" a="2"/>'), "line 14: duplicate attribute"),
    ],
)
def test_an_item_that_is_no_xml_costs_no_other(tmp_path: Path, broken: str, why: str) -> None:
    path = write(tmp_path / "a.xml", HEAD, item(1), broken, item(3), item(4), TAIL)
    lines = len(broken.splitlines())
    assert read(path) == [(7, peg(1)), (12, f"invalid_xml: {why}"), (12 + lines, peg(3)), (17 + lines, peg(4))]
