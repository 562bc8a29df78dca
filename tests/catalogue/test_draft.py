"""A file in blocks: the same rows as one by one, and the same catalogue in whatever process the blocks are cleaned."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.amazontitles import lines
from shelftalk.catalogue import files
from shelftalk.catalogue.clean import (
    SEPARATORS,
    WIDE_SEPARATORS,
    _are_plain,
    clean,
    clean_all,
    comparable,
    comparables,
)
from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.draft import blocks
from shelftalk.catalogue.json_lines import JsonLines, rows_of_lines
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.catalogue.table import TableWriter
from shelftalk.cluster.processes import processes
from shelftalk.workspace import faults
from tests.catalogue.samples import rows, write_delimited, write_json, write_parquet

COLUMNS = Columns("title", ("content",), "uid")
FILES = ("products.parquet", "rejects.jsonl", "catalogue.json", "manifest.json")


def fields(found: Row | Unusable) -> tuple[object, ...]:
    return (found.reason, found.detail) if isinstance(found, Unusable) else tuple(found)


LINES = [b'{"title": "a"}', b"", b" ", b"x", b'{"title": "bbbbbbbbbbbbbbbbbbbbbbbbb"}', b"[]", b"y" * 30, b"y" * 31]


@given(st.lists(st.sampled_from(LINES)))
def test_lines_and_rows_do_not_depend_on_where_blocks_end(parts: list[bytes]) -> None:
    for content in (b"\n".join(parts), b"\n".join([*parts, b""])):
        one_by_one = list(enumerate(content.splitlines(keepends=True), 1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "BLOCK_BYTES", 7)
            patch.setattr(files, "LINES_BYTES", 5)
            patch.setattr(files, "MOST_BYTES", 30)
            opened = files.Opened(
                Path("a"), "a", "json", "utf-8", io.BufferedReader(io.BytesIO(content)), io.BytesIO(), 0
            )
            cut = list(files.line_blocks(io.BytesIO(content)))
            assert list(files.physical_lines(io.BytesIO(content))) == [
                (number, line if len(line.strip(b"\n")) <= 30 else None) for number, line in one_by_one
            ]
            assert [(number, fields(row)) for number, row in JsonLines(opened).rows(COLUMNS)] == [
                (number, fields(row))
                for first, line in one_by_one
                for number, row in rows_of_lines(first, line, COLUMNS)
            ]
        assert all(len(data) < 3 * 30 for _, data in cut)


@given(st.lists(st.one_of(st.text().map(clean).filter(bool), st.text("a é\n-", min_size=1))))
def test_texts_are_as_comparable_together_as_alone(texts: list[str]) -> None:
    folded = [WIDE_SEPARATORS.sub(" ", text.casefold()).encode().translate(SEPARATORS).split() for text in texts]
    together = [b" ".join(words) or text.encode() for words, text in zip(folded, texts, strict=True)]
    assert comparables(texts) == together == [comparable(text).encode() for text in texts]


@given(st.lists(st.one_of(st.text(), st.text("ab &<\n\x7f."), st.sampled_from(["an edition", "", " ", "two  words"]))))
def test_texts_are_cleaned_together_as_alone(texts: list[str]) -> None:
    assert clean_all(texts) == [clean(text) for text in texts]
    assert all(clean(text) == text for text, plain in zip(texts, _are_plain(texts), strict=True) if plain)


def test_other_kinds_are_cut_into_blocks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.catalogue.draft.ROWS_IN_BLOCK", 7)
    for source in (write_delimited(tmp_path / "a.csv", rows(40), ","), write_parquet(tmp_path / "a.parquet", rows(40))):
        with reading(source) as reader:
            cut = list(blocks(reader, COLUMNS))
        assert [len(list(block.rows())) for block in cut] == [7, 7, 7, 7, 7, 5]


def test_a_feed_in_one_line_is_sampled_and_reported_in_its_order(tmp_path: Path) -> None:
    texts = [f"<description>{'' if number % 7 == 3 else f'Text {number}'}</description>" for number in range(200)]
    items = "".join(f"<item><title>Thing {number}</title>{text}</item>" for number, text in enumerate(texts))
    source = tmp_path / "feed.xml"
    source.write_text(f"<rss><channel>{items}</channel></rss>")
    prepare(source, tmp_path / "catalogue", PrepareSettings(max_products=20))
    kept = pq.read_table(tmp_path / "catalogue" / "products.parquet")["title"].to_pylist()
    numbers = [int(title.removeprefix("Thing ")) for title in kept]
    assert len(numbers) == 20 and numbers == sorted(numbers) and numbers[-1] > 100, "the beginning is no sample"
    left_out = [json.loads(line) for line in (tmp_path / "catalogue" / "rejects.jsonl").read_text().splitlines()]
    assert [reject["detail"] for reject in left_out] == [f"Thing {one}" for one in range(200) if one not in numbers]
    assert {reject["line"] for reject in left_out} == {1}


def test_rows_and_tables_are_written_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    schema = pa.schema([("description", pa.string())])
    with TableWriter(tmp_path / "a.parquet", schema) as table:
        table.append(("first",))
        table.extend(pa.table({"description": ["second"]}, schema))
        table.append(("third",))
    assert pq.read_table(tmp_path / "a.parquet")["description"].to_pylist() == ["first", "second", "third"]


@pytest.mark.kill  # two processes begin
def test_the_catalogue_does_not_depend_on_who_cleans_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 50_000)
    source = tmp_path / "trn.json"
    source.write_text("".join(lines(3_000)) + "nonsense\n", encoding="utf-8")
    settings = PrepareSettings(max_products=1_000, near_duplicates="group")
    prepare(source, tmp_path / "one", settings)
    with processes(2) as mapped:
        prepare(source, tmp_path / "two", settings, mapped=mapped)
    for file in FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


PROGRAM = """
import sys
from pathlib import Path
from shelftalk.catalogue import files
from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.table import TableWriter
from shelftalk.cluster.processes import processes
from shelftalk.catalogue.settings import PrepareSettings
files.BLOCK_BYTES = 50_000
print("begin", flush=True)
with processes(2) as mapped:
    prepare(Path(sys.argv[1]), Path(sys.argv[2]), PrepareSettings(), mapped=mapped)
print("end", flush=True)
"""


def changed(folder: Path) -> int | None:
    return folder.stat().st_mtime_ns if folder.exists() else None


@pytest.mark.kill
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_kill_anywhere_leaves_the_old_catalogue_or_the_new(tmp_path: Path, kills: int) -> None:
    """The first kill falls when the new catalogue is begun, the others some time after that."""
    source, folder, staging = tmp_path / "trn.json", tmp_path / "catalogue", tmp_path / ".catalogue.staging"
    source.write_text("".join(lines(4_000)), encoding="utf-8")
    prepare(write_json(tmp_path / "old.json", rows(20)), folder, PrepareSettings())
    old = {file: (folder / file).read_bytes() for file in FILES}
    prepare(source, tmp_path / "new", PrepareSettings())  # with other blocks, so other row groups, but the same rows
    new_hash = json.loads((tmp_path / "new" / "catalogue.json").read_text())["data_hash"]
    moments = random.Random(7)
    for kill in range(kills):
        before = changed(staging)
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, source, folder], stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as child:
            assert child.stdout and child.stdout.readline() == "begin\n"
            while changed(staging) == before and child.poll() is None:
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 1) if kill else 0)
            os.kill(child.pid, signal.SIGKILL)
        assert faults(folder) == []
        now = {file: (folder / file).read_bytes() for file in FILES}
        assert now == old or json.loads(now["catalogue.json"])["data_hash"] == new_hash
    subprocess.run([sys.executable, "-c", PROGRAM, source, folder], check=True, capture_output=True, timeout=120)
    assert faults(folder) == [] and sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert json.loads((folder / "catalogue.json").read_text())["data_hash"] == new_hash
    assert not staging.exists()
