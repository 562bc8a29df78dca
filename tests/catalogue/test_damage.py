"""Files of every format, damaged at random: each row is accounted for, or the file is refused in one line."""

from __future__ import annotations

import gzip
import json
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import ShelftalkError, UnreadableInput
from tests.catalogue.samples import json_lines, rows, write_delimited, write_parquet, write_zip
from tests.catalogue.test_spreadsheet import OLD, write_open_document, write_sheets

MOST_SECONDS = 5
MOST_BYTES = 1 << 30
GOOD = rows(40)
TABLE = [["uid", "title", "content"], *([one["uid"], one["title"], one["content"]] for one in GOOD)]
ITEM = "<item><title>{title}</title><description>{content}</description></item>\n"
FORMATS: dict[str, Callable[[Path], object]] = {
    "lines.jsonl": lambda path: path.write_bytes(json_lines(GOOD)),
    "list.json": lambda path: path.write_text(json.dumps(GOOD, indent=1)),
    "one_line.json": lambda path: path.write_text(json.dumps({"shop": "Tern", "products": GOOD})),
    "columns.json": lambda path: path.write_text(
        json.dumps({name: {str(number): one[name] for number, one in enumerate(GOOD)} for name in ("title", "content")})
    ),
    "table.csv": lambda path: write_delimited(path, GOOD, ","),
    "table.tsv": lambda path: write_delimited(path, GOOD, "\t"),
    "western.csv": lambda path: write_delimited(path, GOOD, ";", "windows-1252"),
    "wide.csv": lambda path: write_delimited(path, GOOD, ",", "utf-16"),
    "feed.xml": lambda path: path.write_text(
        f"<?xml version='1.0'?>\n<rss><channel>\n{''.join(ITEM.format(**one) for one in GOOD)}</channel></rss>\n"
    ),
    "table.parquet": lambda path: write_parquet(path, GOOD),
    "packed.jsonl.gz": lambda path: path.write_bytes(gzip.compress(json_lines(GOOD), mtime=0)),
    "packed.zip": lambda path: write_zip(path, {"a.jsonl": json_lines(GOOD)}),
    "sheet.xlsx": lambda path: write_sheets(path, {"Products": TABLE}),
    "sheet.ods": lambda path: write_open_document(path, TABLE),
    "sheet.xls": lambda path: path.write_bytes(OLD.read_bytes()),
}


ODD = (b"\0", b'"', b"'", b"{", b"]", b"<", b"&", b"\\", b"\r", b"\n", b"\xff", b"\xc3")
WHOLE = ("columns.json", "table.parquet", "packed.jsonl.gz", "packed.zip", "sheet.xlsx", "sheet.ods", "sheet.xls")
BY_LINES = ("lines.jsonl", "table.csv", "table.tsv", "western.csv", "feed.xml")  # a product in each line
ENCODINGS = {"western.csv": "windows-1252"}  # unless the damage is more than the text
FAULTS = ("invalid_csv", "invalid_json", "invalid_utf8", "invalid_xml", "line_too_long", "not_an_object")


def whole_lines(content: bytes, damaged: bytes) -> set[int]:
    """Return the numbers of the lines that hold a product as before, where the first line is the same, too."""
    lines, now = content.split(b"\n"), damaged.split(b"\n")
    products = {line for line in lines if b" no. " in line}
    return {number for number, line in enumerate(now, 1) if line in products} if now[0] == lines[0] else set()


def faulty_lines(catalogue: Path) -> set[int]:
    """Return the lines that were left out for what they are, not because they repeat others."""
    rejects = map(json.loads, (catalogue / "rejects.jsonl").read_text().splitlines())
    return {
        reject["line"]
        for reject in rejects
        if reject["reason"] in FAULTS and "the file ends too early" not in reject["detail"]
    }


def all_lines(catalogue: Path) -> set[int]:
    """Return the lines of the products and of the rows that were left out."""
    rejects = map(json.loads, (catalogue / "rejects.jsonl").read_text().splitlines())
    kept = pq.read_table(catalogue / "products.parquet")["line"].to_pylist()
    return {reject["line"] for reject in rejects} | set(kept)


def largest() -> int:
    """Return the most bytes of memory that this process, or one that it waited for, has had."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return the content with one to eight changes: bytes replaced, removed, repeated, inserted or moved, or an end."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        begin = chance.randrange(len(found) + 1)
        end = min(begin + chance.choice((1, 1, 2, 8, 100, 4_000)), len(found))
        part = bytes(found[begin:end])
        change = chance.randrange(6)
        if change == 0:
            found[begin:end] = chance.randbytes(len(part))
        elif change == 1:
            del found[begin:end]
        elif change == 2:
            found[begin:begin] = part * chance.choice((1, 2, 50))
        elif change == 3:
            found[begin:begin] = chance.choice(ODD)
        elif change == 4:
            place = chance.randrange(len(found) + 1)
            del found[begin:end]
            found[place:place] = part
        elif chance.random() < 0.2:
            del found[begin:]
    return bytes(found)


@pytest.mark.parametrize("count", [7, pytest.param(140, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_loses_no_row_in_silence(tmp_path: Path, name: str, count: int) -> None:
    path = tmp_path / name
    FORMATS[name](path)
    content = path.read_bytes()
    assert prepare(path, tmp_path / "good", PrepareSettings())["read"] == (12 if name == "sheet.xls" else 40)
    refused, before = 0, largest()
    for seed in range(count):
        path.write_bytes(damaged(content, random.Random(f"{name} {seed}")))
        started = time.monotonic()
        try:
            summary = prepare(path, tmp_path / "catalogue", PrepareSettings())
        except ShelftalkError as error:
            assert "\n" not in str(error) and len(str(error)) < 2_000, f"seed {seed}"
            refused += 1
        else:
            assert summary["kept"] + sum(summary["rejected"].values()) == summary["read"], f"seed {seed}"
            if name in BY_LINES and summary["source"]["encoding"] == ENCODINGS.get(name, "utf-8"):
                whole, catalogue = whole_lines(content, path.read_bytes()), tmp_path / "catalogue"
                assert whole & faulty_lines(catalogue) == set() == whole - all_lines(catalogue), f"seed {seed}"
        assert time.monotonic() - started < MOST_SECONDS, f"seed {seed}"
    assert refused < count or name in WHOLE, "all files were refused: nothing was tested"
    assert largest() - before < MOST_BYTES


DEEP = b"[" * 10_000 + b"]" * 10_000
ACCENTS = "<item><title>Café {0}</title><description>Très bon café {0}</description></item>"
LYING = "<?xml version='1.0' encoding='{}'?><rss><channel>{}</channel></rss>"


def lying(declared: str, encoding: str) -> bytes:
    return LYING.format(declared, "".join(map(ACCENTS.format, range(40)))).encode(encoding)


def table(row: Callable[[int], bytes]) -> bytes:
    return b"title,content\n" + b"".join(b"Peg %d,%s\n" % (one, row(one)) for one in range(40))


# How many products of a file are kept, and how many rows left out for which reason.
HOSTILE: dict[str, tuple[bytes, int, dict[str, int]]] = {
    "deep.json": (b"[%s,{'a':%s}]" % (json_lines(GOOD).replace(b"\n", b",")[:-1], DEEP), 40, {"invalid_json": 1}),
    "deep.jsonl": (json_lines(GOOD) + b'{"title":"deep","content":%s}\n' % DEEP, 40, {"invalid_json": 1}),
    "overlong.csv": (
        table(lambda one: b"holds caf\xc3\xa9 \xc3\xa9t\xc3\xa9 %d%s" % (one, b"" if one % 4 else b" \xc0\xaf")),
        30,
        {"invalid_utf8": 10},
    ),
    "utf7.csv": (table(lambda one: b"+ADw-script+AD4- holds %d" % one), 40, {}),
    "utf-16.xml": (lying("utf-16", "utf-8"), 40, {}),
    "utf-8.xml": (lying("utf-8", "windows-1252"), 40, {}),
    "koi8-r.xml": (lying("koi8-r", "utf-8"), 40, {}),
    "nonsense.xml": (lying("nonsense", "utf-8"), 40, {}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_its_own_rows(tmp_path: Path, name: str) -> None:
    content, kept, rejected = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    summary = prepare(tmp_path / name, tmp_path / "catalogue", PrepareSettings())
    assert (summary["kept"], summary["rejected"]) == (kept, rejected)
    products = Catalogue.open(tmp_path / "catalogue").products()
    if name.endswith(".xml"):
        assert products[7].title == "Café 7"
    if name == "utf7.csv":
        assert products[0].description == "+ADw-script+AD4- holds 0"  # as it is: nothing decodes it


def test_lines_that_are_all_damaged_are_named_as_that(tmp_path: Path) -> None:
    damage = table(lambda one: b"holds caf\xc3\xa9 \xc3\xa9t\xc3\xa9 \xc0\xaf %d" % one)
    (tmp_path / "a.csv").write_bytes(damage)
    with pytest.raises(UnreadableInput, match="40 of 40 have invalid_utf8, the first in line 2"):
        prepare(tmp_path / "a.csv", tmp_path / "catalogue", PrepareSettings())
