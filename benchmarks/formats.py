"""How long does `prepare` take for a million products in each format, and how much memory?

    python -m benchmarks.formats [--rows 1000000] [--formats table.csv,sheet.xlsx] [--json]

The products are made up: an id, a title of five words, a description of forty, a brand and a colour. Each format is
prepared once, in a process of its own, from start to end, imports included; memory is its peak, and that of the largest
process that it starts (a worker, or the reader of a sheet). The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WORDS = [
    f"{syllable}{ending}{number}" for syllable in ("ka", "lo", "mi", "ru") for ending in "nrst" for number in range(300)
]
NAMES = ("id", "title", "description", "brand", "colour")


def products(count: int) -> Iterator[tuple[str, ...]]:
    chance = random.Random(1)  # noqa: S311
    for number in range(count):
        title, text = " ".join(chance.choices(WORDS, k=5)), " ".join(chance.choices(WORDS, k=40))
        yield f"{number:07d}", f"{title} {number}", f"{text}, “sturdy” and café-tested.", *chance.choices(WORDS, k=2)


def objects(count: int) -> Iterator[str]:
    return (json.dumps(dict(zip(NAMES, one, strict=True)), ensure_ascii=False) for one in products(count))


def write(path: Path, count: int) -> None:
    """Write the products in the format that the file's name says."""
    if path.name == "lines.jsonl":
        write_text(path, (f"{one}\n" for one in objects(count)))
    elif path.name == "packed.jsonl.gz":
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as file:
            file.writelines(f"{one}\n" for one in objects(count))
    elif path.name == "list.json":
        write_text(path, (f"{',' if number else '['}{one}" for number, one in enumerate(objects(count))), "]")
    elif path.suffix == ".csv":
        western = path.name == "western.csv"
        with path.open("w", encoding="windows-1252" if western else "utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";" if western else ",")
            writer.writerow(NAMES)
            writer.writerows(products(count))
    elif path.name == "feed.xml":
        tags = "<item>{}</item>\n".format("".join(f"<{name}>{{}}</{name}>" for name in NAMES))
        items = (tags.format(*map(escape, one)) for one in products(count))
        write_text(path, "<rss><channel>\n", items, "</channel></rss>\n")
    elif path.suffix == ".parquet":
        write_parquet(path, count)
    elif path.suffix == ".xlsx":
        write_workbook(path, count)
    else:
        write_open_document(path, count)


def write_text(path: Path, *parts: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        for part in parts:
            file.writelines([part] if isinstance(part, str) else part)


def write_parquet(path: Path, count: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in NAMES])
    rows = products(count)
    with pq.ParquetWriter(path, schema) as writer:
        while part := list(islice(rows, 50_000)):
            writer.write_table(pa.table(dict(zip(NAMES, zip(*part, strict=True), strict=True)), schema))


def write_workbook(path: Path, count: int) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Products")
        sheet.write_row(0, 0, NAMES)
        for number, one in enumerate(products(count), 1):
            sheet.write_row(number, 0, one)


def write_open_document(path: Path, count: int) -> None:
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    row = f"<table:table-row>{cell * len(NAMES)}</table:table-row>\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        with archive.open("content.xml", "w", force_zip64=True) as content:
            begin = f'<office:document-content{spaces}><office:body><office:spreadsheet><table:table table:name="P">'
            content.write(begin.encode())
            content.write(row.format(*NAMES).encode())
            for one in products(count):
                content.write(row.format(*map(escape, one)).encode())
            content.write(b"</table:table></office:spreadsheet></office:body></office:document-content>")


FORMATS = (
    *("lines.jsonl", "packed.jsonl.gz", "list.json", "table.csv", "western.csv", "feed.xml", "table.parquet"),
    *("sheet.xlsx", "sheet.ods"),
)


def measure(path: Path) -> dict[str, Any]:
    """Prepare a file in a new process, and return its seconds and memory."""
    command = [sys.executable, "-m", "benchmarks.formats", "--one", str(path)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def prepare_one(path: Path) -> dict[str, Any]:
    """Prepare a file in this process."""
    import time

    started = time.monotonic()
    from shelftalk.catalogue.settings import PrepareSettings
    from shelftalk.pipeline import prepare_catalogue
    from shelftalk.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        summary = prepare_catalogue(Workspace(Path(folder)), path, "one", PrepareSettings())
    own, others = (resource.getrusage(who).ru_maxrss / 1e6 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"kept": summary["kept"], "seconds": time.monotonic() - started, "own_gb": own, "largest_child_gb": others}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(prepare_one(options.one)))
        return
    found = {}
    for name in options.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            write(path, options.rows)
            found[name] = {"mb": path.stat().st_size / 1e6, **measure(path)}
        if not options.json:
            one = found[name]
            print(
                f"{name:16} {one['mb']:7.0f} MB {one['kept']:9,} kept {one['seconds']:6.1f} s "
                f"{one['own_gb']:5.2f} GB, largest other process {one['largest_child_gb']:5.2f} GB",
                flush=True,
            )
    print(json.dumps({"rows": options.rows, "formats": found}))


if __name__ == "__main__":
    main()
