"""Write the file that a shop's own importer takes: Shopify's and WooCommerce's CSV, and Google's supplemental feed.

Only the columns that find a product are written, and the description: what is not in the file stays in the shop.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any
from xml.sax.saxutils import escape

from shelftalk.catalogue.draft import joined
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.errors import UserError
from shelftalk.publishing.opened import Input
from shelftalk.publishing.plan import Plan, usable_rows
from shelftalk.publishing.texts import UNWRITABLE, in_one_line, paragraphs, with_line_feeds

OPTION = re.compile(r"option[123] (?:name|value|linked to)", re.IGNORECASE)
FIRST_VALUE = "option1 value"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
<channel>
<title>Descriptions</title>
<link>https://localhost/</link>
<description>Descriptions of products</description>
"""
TAIL = "</channel>\n</rss>\n"

WriteRow = Callable[[list[str]], Any]


def write_woocommerce(source: Input, plan: Plan, texts: IO[bytes], old: IO[bytes]) -> None:
    """Write the ids and descriptions, under the names that the input has in its language."""
    by_line = plan.by_line()
    wanted = [source.columns.uid or "", source.column]
    with source.table() as table, _rows(texts) as write, _rows(old) as write_old:
        places = [table.place_of(name) for name in wanted]
        write(wanted)
        write_old(wanted)
        for line, fields, _, _ in table.records():
            if line in by_line and not isinstance(fields, Unusable):
                uid, before = _cells(fields, places)
                write([uid, paragraphs(by_line[line])])
                write_old([uid, before])


def write_shopify(source: Input, plan: Plan, texts: IO[bytes], old: IO[bytes]) -> None:
    """Write handle, title and description of each product, and the options of all its variants.

    Raises:
        UserError: two of the products have one handle.
    """
    by_line = plan.by_line()
    spelt = {name.lower(): name for name in reversed(source.names)}
    handle = spelt.get("url handle") or spelt["handle"]
    options = [name for name in source.names if OPTION.fullmatch(name)]
    wanted = [handle, spelt["title"], source.column, *options]
    with source.table() as table, _rows(texts) as write, _rows(old) as write_old:
        places = [table.place_of(name) for name in wanted]
        first = next((place for place, name in enumerate(wanted) if name.lower() == FIRST_VALUE), None)
        write(wanted)
        write_old(wanted)
        written: set[str] = set()
        last = ""
        for line, fields, _, _ in table.records():
            if isinstance(fields, Unusable):
                continue
            cells = _cells(fields, places)
            last = cells[0] = cells[0] or last
            if line in by_line:
                if last in written:
                    raise UserError(f"{source.source} has two products with the handle {last!r}; correct one of them.")
                written.add(last)
                write([*cells[:2], paragraphs(by_line[line]), *cells[3:]])
                write_old(cells)
            elif last in written and first is not None and cells[first].strip():  # a variant
                for one in (write, write_old):
                    one([last, "", "", *cells[3:]])


def write_google_table(source: Input, plan: Plan, texts: IO[bytes], old: IO[bytes]) -> None:
    """Write a supplemental feed as tab-separated text."""
    with _rows(texts, "\t") as write, _rows(old, "\t") as write_old:
        write(["id", "description"])
        write_old(["id", "description"])
        for uid, text, before in _planned(source, plan):
            write([uid, in_one_line(text)])
            write_old([uid, before])


def write_google_feed(source: Input, plan: Plan, texts: IO[bytes], old: IO[bytes]) -> None:
    """Write a supplemental feed in XML (RSS 2.0)."""
    for file in (texts, old):
        file.write(HEAD.encode())
    for uid, text, before in _planned(source, plan):
        texts.write(_item(uid, with_line_feeds(text)))
        old.write(_item(uid, before))
    for file in (texts, old):
        file.write(TAIL.encode())


def _planned(source: Input, plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield (id, text, old text) of each row that is written."""
    with source.reader() as reader:
        for place, _, row in usable_rows(reader.rows(source.columns)):
            if (text := plan.texts.get(place)) is not None:
                yield place[1], text, _old_text(source, row)


def _old_text(source: Input, row: Row) -> str:
    try:
        return joined(source.text_of(row))
    except Unusable:
        return str(source.text_of(row))


def _item(uid: str, text: str) -> bytes:
    text = UNWRITABLE.sub("\ufffd", text)  # an old text may hold what XML cannot
    item = f"<item>\n<g:id>{escape(uid)}</g:id>\n<g:description>{escape(text)}</g:description>\n</item>\n"
    return item.encode()


def _cells(fields: list[str], places: list[int]) -> list[str]:
    return [fields[place] if place < len(fields) else "" for place in places]


@contextmanager
def _rows(file: IO[bytes], delimiter: str = ",") -> Iterator[WriteRow]:
    """Yield a function that appends a row to a table in UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    yield csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow
    text.flush()
    text.detach()
