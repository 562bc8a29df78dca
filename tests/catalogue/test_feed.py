"""Product feeds in XML: RSS and Atom in the format of Google Merchant Center, malformed ones, and malicious ones."""

from __future__ import annotations

import gzip
import io
import json
import re
import tracemalloc
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.attributes import keep_attributes
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.columns import Columns, choose_columns
from shelftalk.catalogue.draft import clean_pairs
from shelftalk.catalogue.feed import Feed, Item, Malformed
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import MOST_BYTES, Row, Unusable
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import UnreadableInput

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
    """Read all rows, with faults as their reasons and details."""
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


REPEATED = """<item><g:id>1</g:id><title>Oak peg</title><title>another</title><g:description>Holds.</g:description>
<g:product_highlight> </g:product_highlight><g:product_highlight>Oiled</g:product_highlight>
<g:product_highlight>Folds &amp; hangs</g:product_highlight><g:material>oak <b>oiled</b></g:material>
<g:product_detail><g:section_name>Care</g:section_name><g:attribute_name>Wash</g:attribute_name>
<g:attribute_value>warm, <b>by hand</b></g:attribute_value></g:product_detail>
<g:product_detail>General:Weave:twill,General:Ratio:1:2</g:product_detail>
<specs><colour>red</colour><colour>blue</colour><price>3</price></specs></item>
"""


def test_repeated_and_nested_elements_are_attributes_and_the_first_title_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", HEAD, REPEATED, item(2), TAIL)
    with reading(path) as reader:
        chosen = choose_columns(path, reader.columns(), PrepareSettings())
    (_, first), (_, second) = read(path, chosen)
    assert (first.title, first.description, first.uid) == ("Oak peg", ("Holds.",), "1")
    assert keep_attributes(clean_pairs([first.attributes])[0])[0] == (
        ("product highlight", "Oiled, Folds & hangs"),
        ("material", "oak oiled"),
        ("Weave", "twill"),
        ("Ratio", "1:2"),
        ("Wash", "warm, by hand"),
        ("colour", "red, blue"),
    )
    assert second.attributes == ()


def test_of_an_element_that_is_repeated_without_end_a_thousand_are_kept() -> None:
    highlights = "<g:product_highlight>ab</g:product_highlight>" * 200_000
    nested = f"<g:product_detail>{'<g:name>ab</g:name>' * 200_000}</g:product_detail>"
    content = "".join((HEAD, f"<item><g:id>1</g:id>{highlights}{nested}</item>", TAIL)).encode()
    feed = Feed(io.BufferedReader(io.BytesIO(content)), Path("a.xml"), MOST_BYTES)
    [found] = feed.items()
    assert isinstance(found, Item)
    assert found.lists == {"product_highlight": ["ab"] * 999}


def test_rss_1_is_read_too(tmp_path: Path) -> None:
    head = (
        '<rdf:RDF xmlns:rdf="http://r.example/#" xmlns="http://purl.org/rss/1.0/"><channel><title>S</title></channel>\n'
    )
    items = (item(number, title).replace("<item>", '<item rdf:about="u">') for number, title in ((1, "A"), (2, "&")))
    path = write(tmp_path / "a.xml", head, *items, item(3, "C"), "</rdf:RDF>")
    assert [row for _, row in read(path)] == [
        peg(1, "A"),
        "invalid_xml: not well-formed (invalid token), line 9",
        peg(3, "C"),
    ]


def test_items_without_an_id_in_one_line_are_distinguished(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", "<rss>", "<item><title>A</title></item>" * 2, "</rss>")
    assert [(line, row.uid) for line, row in read(path)] == [(1, "item-1"), (1, "item-2")]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (item(2, "A & B"), "not well-formed (invalid token), line 14"),
        (item(2, "A < B"), "not well-formed (invalid token), line 14"),
        (item(2, "<b>A"), "mismatched tag, line 14"),
        (item(2).replace("</item>", ""), "<item> begins before </item>, line 17"),
        (item(2).replace("</title>", ""), "mismatched tag, line 16"),
        (item(2, "\x07"), "not well-formed (invalid token), line 14"),
        (item(2, '<b a="1" a="2"/>'), "duplicate attribute, line 14"),
    ],
)
def test_a_malformed_item_loses_no_other_item(tmp_path: Path, broken: str, why: str) -> None:
    path = write(tmp_path / "a.xml", HEAD, item(1), broken, item(3), item(4), TAIL)
    lines = len(broken.splitlines())
    assert read(path) == [(7, peg(1)), (12, f"invalid_xml: {why}"), (12 + lines, peg(3)), (17 + lines, peg(4))]


@pytest.mark.parametrize("cut", [b"<item>\n<g:id>2", b"</item>\n<item>\n<g:id>3", b"</channel>"])
def test_a_truncated_feed_gives_what_came_before_and_says_so(tmp_path: Path, cut: bytes) -> None:
    content = "".join((HEAD, item(1), item(2), item(3), TAIL)).encode()
    (tmp_path / "a.xml").write_bytes(content[: content.index(cut)])
    *before, (_, last) = read(tmp_path / "a.xml")
    assert before == [(7, peg(1)), (12, peg(2)), (17, peg(3))][: len(before)]
    assert last.startswith("invalid_xml: the file ends too early, line ")


def test_prepare_keeps_the_good_items_and_names_the_others(tmp_path: Path) -> None:
    good = [item(number, f"Peg {number}").replace("3 kg", f"{number} kg") for number in range(20)]
    path = write(tmp_path / "a.xml", HEAD, *good[:10], item(99, "A & B"), *good[10:], TAIL)
    summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
    assert (summary["read"], summary["kept"], summary["rejected"]) == (21, 20, {"invalid_xml": 1})
    assert [record["line"] for record in summary["raw"]] == [7, 12]
    assert summary["raw"][1]["text"] == good[1].strip()
    (line,) = (tmp_path / "catalogue" / "rejects.jsonl").read_text().splitlines()
    detail = "not well-formed (invalid token), line 59"
    assert json.loads(line) == {"file": "a.xml", "line": 57, "reason": "invalid_xml", "detail": detail}


def test_prepare_says_of_a_file_that_is_no_feed_what_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", "<rss><item><title>A</title></rss>")
    with pytest.raises(UnreadableInput, match="1 of 1 have invalid_xml, the first in line 1: mismatched tag, line 1"):
        prepare(path, tmp_path / "catalogue", PrepareSettings())


@pytest.mark.parametrize(
    "before", ["\n", "\r\n \n", "<br />\n<b>Warning</b>: in_array() expects an array in feed.php on line 81<br />\n"]
)
def test_what_stands_before_the_declaration_is_passed_over(tmp_path: Path, before: str) -> None:
    parts = (HEAD, item(1), item(2, "A&B"), item(3), item(4), TAIL)
    plain, found = (read(write(tmp_path / name, *given)) for name, given in (("a.xml", parts), ("b", (before, *parts))))
    lines = before.count("\n")
    assert [line for line, _ in found] == [line + lines for line, _ in plain]
    assert [row for _, row in found if isinstance(row, Row)] == [row for _, row in plain if isinstance(row, Row)]
    assert len(found) == 4


def test_a_fault_in_the_head_loses_no_item(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", HEAD.replace("A shop", "Pegs & more"), item(1), item(2, "A&B"), item(3), TAIL)
    assert [row for _, row in read(path)] == [
        "invalid_xml: not well-formed (invalid token), line 4",
        peg(1),
        "invalid_xml: not well-formed (invalid token), line 14",
        peg(3),
    ]


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("windows-1252", "cp1252"),
        ("ISO-8859-1", "latin-1"),
        ("utf-16", "utf-8"),
        ("utf-8", "utf-16"),
        ("windows-1252", "utf-8"),
        ("no-such-code", "cp1252"),
        ("utf-7", "utf-8"),
        ("US-ASCII", "ascii"),
    ],
)
def test_a_feed_is_read_in_the_encoding_it_declares_or_in_its_own(tmp_path: Path, declared: str, encoding: str) -> None:
    name = "Oak peg" if encoding == "ascii" else "Café"
    head = HEAD.replace("utf-8", declared)
    path = write(tmp_path / "a.xml", head, item(1, name), item(2, "A & B"), item(3, name), TAIL, encoding=encoding)
    assert [row.title for _, row in read(path) if isinstance(row, Row)] == [name, name]


def test_a_feed_in_an_encoding_of_two_bytes_is_read_as_declared(tmp_path: Path) -> None:
    head, titles = HEAD.replace("utf-8", "gbk"), ["铜制浇水壶", "橡木板"]
    parts = (head, item(1, titles[0]), item(2, "A & B"), item(3, titles[1]), TAIL)
    path = write(tmp_path / "a.xml", *parts, encoding="gbk")
    assert [row.title for _, row in read(path) if isinstance(row, Row)] == titles


def test_entities_of_html_are_known_and_others_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", HEAD, item(1, "Caf&eacute;&nbsp;&mdash; &unknown; &#233;"), TAIL)
    assert read(path) == [(7, peg(1, "Café\xa0— &unknown; é"))]


def test_items_behind_a_root_that_ends_too_early_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", HEAD, "</channel><channel></rss>\n", item(1), item(2), TAIL)
    assert [row for _, row in read(path) if isinstance(row, Row)] == [peg(1), peg(2)]


@pytest.mark.parametrize("root", ["<rss><channel></channel></rss>", "<products><product/></products>"])
def test_xml_without_items_is_reported(tmp_path: Path, root: str) -> None:
    path = write(tmp_path / "a.xml", root)
    with pytest.raises(
        UnreadableInput, match=r"a.xml has no products in its <(rss|products)>: no element repeats that holds others"
    ):
        columns(path)


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
HARM = {
    "billion laughs": f'<!DOCTYPE rss [<!ENTITY l0 "lol">{LAUGHS}]>\n<rss><item><title>&l9;</title></item></rss>',
    "quadratic blowup": f'<!DOCTYPE rss [<!ENTITY a "{"x" * 9999}">]>\n<rss><item><a>{"&a;" * 9999}</a></item></rss>',
    "a file's content": '<!DOCTYPE rss [<!ENTITY a SYSTEM "{secret}">]>\n<rss><item><title>&a;</title></item></rss>',
    "parameter entities": '<!DOCTYPE rss [<!ENTITY % a SYSTEM "{secret}"> %a;]>\n<rss><item><a>b</a></item></rss>',
    "default attributes": '<!DOCTYPE rss [<!ATTLIST b c CDATA "d">]>\n<rss><item><title><b/></title></item></rss>',
}


@pytest.mark.parametrize("harm", HARM)
def test_a_feed_that_declares_anything_is_refused(tmp_path: Path, harm: str) -> None:
    secret = write(tmp_path / "secret.txt", "hunter2")
    path = write(tmp_path / "a.xml", '<?xml version="1.0"?>\n', HARM[harm].replace("{secret}", secret.as_uri()))
    for reader in (columns, read):
        with pytest.raises(UnreadableInput, match=r"declares entities or elements of its own .*; export it again\.$"):
            reader(path)


def test_a_doctype_that_names_another_file_is_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.dtd", '<!ENTITY a "hunter2">')
    doctype = f'<!DOCTYPE rss SYSTEM "{secret.as_uri()}">\n'
    path = write(tmp_path / "a.xml", doctype, "<rss>\n", item(1, "&a;"), "</rss>")
    assert read(path) == [(3, peg(1, "&a;"))]


class Parts(io.RawIOBase):
    """A stream of many parts, with only one part in memory."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts, self._rest = iter(parts), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._parts, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


LARGE = {
    "an endless text": ("<rss><item><title>", "x" * 65536, "</title></item><item/></rss>", [None, {}]),
    "an endless comment": ("<rss><item><title><!--", "x" * 65536, "--></title></item><item/></rss>", ["bytes", {}]),
    "an endless attribute": ('<rss><item><title a="', "x" * 65536, '"/></item><item/></rss>', ["bytes", {}]),
    "text between items": ("<rss><item/>", "x\n" * 32768, "<item/></rss>", [{}, {}]),
    "an open CDATA section": ("<rss><item><title><![CDATA[", "x" * 65536, "</item><item/></rss>", [None, {}]),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_is_left_out_and_never_in_memory(name: str) -> None:
    head, part, tail, expected = LARGE[name]
    parts = chain([head.encode()], repeat(part.encode(), 48 * 16), [tail.encode()])  # 48 MiB
    tracemalloc.start()
    feed = Feed(io.BufferedReader(Parts(parts)), Path("a.xml"), MOST_BYTES)
    found = [one.why if isinstance(one, Malformed) else one.values for one in feed.items()]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ["bytes" if isinstance(one, str) and "1048576 bytes" in one else one for one in found] == expected
    assert peak < 40 << 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<rss>" + "<a>" * 200, "nested more than 100 deep"),
        ("<rss><item>" + "<a>" * 200, "nested more than 100 deep"),
        ("<rss>" + "".join(f"<a{n}/>" for n in range(20_000)), "more than 10,000 names"),
        ("<rss>" + "".join(f'<item b{n}=""/>' for n in range(20_000)), "more than 10,000 names"),
    ],
)
def test_a_feed_that_fills_the_parsers_memory_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UnreadableInput, match=message):
        read(write(tmp_path / "a.xml", content))


def items_of(content: bytes) -> list[Item | Malformed]:
    return list(Feed(io.BufferedReader(io.BytesIO(content)), Path("a.xml"), 2000).items())


FRAGMENTS = st.sampled_from(
    [
        *("<rss>", "</rss>", "<channel>", "</channel>", "<item>", "</item>", "<item", "<entry>", "</entry>", "<title>"),
        *(
            "</title>",
            "<g:id>",
            "</g:id>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<?",
            "?>",
            "&",
            "&amp;",
            "&nbsp;",
            "<",
            ">",
        ),
        *(
            '"',
            "a",
            "\n",
            "\r\n",
            "\r",
            " ",
            "\0",
            "é",
            "<!DOCTYPE a>",
            "<!DOCTYPE a [",
            "x" * 500,
            'b="c"',
            "/>",
            "</",
        ),
    ]
)


@given(st.lists(FRAGMENTS, max_size=40).map("".join), st.binary(max_size=3))
def test_any_text_at_all_is_items_and_faults_in_the_order_of_their_lines(text: str, odd: bytes) -> None:
    content = HEAD.encode() + text.encode() + odd + item(1).encode() + TAIL.encode()
    try:
        found = items_of(content)
    except UnreadableInput:
        assert b"<!DOCTYPE" in content
        return
    lines = [one.line for one in found]
    assert lines == sorted(lines)
    for one in found:
        if isinstance(one, Item):
            assert re.match(rb"<(item|entry)[\s/>]", content[one.begin :])
            assert content[: one.begin].count(b"\n") + 1 == one.line


@given(st.text(alphabet="<>&;\"'a é\n/!-[]", max_size=30), st.integers(1, 5))
def test_any_content_of_one_item_loses_at_most_that_item(text: str, size: int) -> None:
    content = "".join((HEAD, item(1), item(2, text), item(3), item(4), TAIL)).encode()
    for size_of_chunk in (size, 1 << 16):
        found = items_in_chunks(content, size_of_chunk)
        ids = [one.values["id"] for one in found if isinstance(one, Item) and one.values]
        opens = "<!--" in text or "<![CDATA[" in text
        assert opens or [one for one in ids if one != "2"] == ["1", "3", "4"]
        assert ("2" in ids) != any(isinstance(one, Malformed) for one in found) or opens


def items_in_chunks(content: bytes, size: int) -> list[Item | Malformed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shelftalk.catalogue.feed.CHUNK_BYTES", size)
        return items_of(content)


@given(
    st.integers(1, 400),
    st.sampled_from(["A &amp; é", "A & B", "<b>", "A</title></item>", "]]>"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_where_chunks_end_does_not_matter(size: int, odd: str, end: str) -> None:
    content = "".join((HEAD, item(1), item(2, odd), item(3), TAIL)).replace("\n", end).encode()
    assert items_in_chunks(content, size) == items_of(content)


PRODUCT = "<product><title>Peg {0}</title><description>Holds {0}.</description>{1}</product>\n"


@pytest.mark.parametrize(
    "attributes",
    [
        "<params><param name='Colour'>red</param><param name='Length' unit='cm'>12</param></params>",
        "<params><param name='Colour' value='red'/><param name='Length' value='12' unit='cm'/></params>",
        "<param name='Colour' value='red'/><param name='Length' unit='cm'>12</param>",
        "<params><param><name>Colour</name><value>red</value></param>"
        "<param><key>Length</key><value>12 cm</value></param>"
        "<param><name>Empty</name><value> </value></param></params>",
    ],
)
def test_attributes_in_an_element_have_their_own_names(tmp_path: Path, attributes: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<shop>" + "".join(PRODUCT.format(one, attributes) for one in range(12)) + "</shop>")
    prepare(path, tmp_path / "catalogue", PrepareSettings())
    found = {product.attributes for product in Catalogue.open(tmp_path / "catalogue").products()}
    assert found == {(("Colour", "red"), ("Length", "12 cm"))}


IN_ELEMENTS = "<{0}><language id='1'>{1} {2}</language><language id='2'>{3} {2}</language></{0}>"
BY_ATTRIBUTE = "<{0} xml:lang='en-GB'>{1} {2}</{0}><{0} xml:lang='de'>{3} {2}</{0}>"


@pytest.mark.parametrize(
    ("form", "language", "title", "text"),
    [
        (IN_ELEMENTS, None, "Peg 3", "It holds 3"),
        (IN_ELEMENTS, "2", "Haken 3", "Er trägt 3"),
        (BY_ATTRIBUTE, None, "Peg 3", "It holds 3"),
        (BY_ATTRIBUTE, "de", "Haken 3", "Er trägt 3"),
    ],
)
def test_of_texts_in_several_languages_one_is_read(
    tmp_path: Path, form: str, language: str | None, title: str, text: str
) -> None:
    items = ""
    for one in range(12):
        texts = form.format("title", "Peg", one, "Haken") + form.format("text", "It holds", one, "Er trägt")
        items += f"<product>{texts}</product>\n"
    (tmp_path / "a.xml").write_text(f"<shop>{items}</shop>", encoding="utf-8")
    prepare(tmp_path / "a.xml", tmp_path / "catalogue", PrepareSettings(language=language))
    product = Catalogue.open(tmp_path / "catalogue").products()[3]
    assert (product.title, product.description) == (title, text)


def test_a_language_that_each_text_has_alone_is_no_reason_to_leave_out_others(tmp_path: Path) -> None:
    items = "".join(
        f"<product><title lang='{'de' if one > 9 else 'en'}'>Peg {one}</title><text>Holds {one}.</text></product>"
        for one in range(12)
    )
    (tmp_path / "a.xml").write_text(f"<shop>{items}</shop>")
    assert prepare(tmp_path / "a.xml", tmp_path / "catalogue", PrepareSettings())["kept"] == 12


def test_an_empty_description_gives_way_to_the_content_of_wordpress(tmp_path: Path) -> None:
    one = "<item><title>Peg {0}</title><description></description><content:encoded>Holds {0}.</content:encoded></item>"
    items = "".join(one.format(number) for number in range(12))
    (tmp_path / "a.xml").write_text(f"<rss><channel>{items}</channel></rss>")
    summary = prepare(tmp_path / "a.xml", tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["columns"]["description"]) == (12, "content:encoded")
