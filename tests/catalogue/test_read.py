"""Reading rows from JSON Lines, CSV, TSV and Parquet files."""

from __future__ import annotations

import gzip
import json
import random
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.columns import Columns
from shelftalk.catalogue.json_lines import parse_object
from shelftalk.catalogue.read import reading
from shelftalk.catalogue.rows import Row, Unusable
from shelftalk.errors import UnreadableInput
from tests.catalogue.samples import json_lines, rows, write_lines, write_parquet

COLUMNS = Columns("title", ("content",), "uid")


def read(path: Path, columns: Columns = COLUMNS) -> list[tuple[int, Any]]:
    """Read all rows, with faults as their reasons."""
    with reading(path) as reader:
        return [(line, row.reason if isinstance(row, Unusable) else row) for line, row in reader.rows(columns)]


def columns(path: Path) -> list[str]:
    with reading(path) as reader:
        return reader.columns()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"title": "cut', "invalid_json"),
        (b"title,content", "invalid_json"),
        (b'{"title": "\xff"}', "invalid_utf8"),
        (b"[" * 10_000 + b"]" * 10_000, "invalid_json"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "invalid_json"),
        (b"[" * 200_000, "invalid_json"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "invalid_json"),
        (b'["title", "content"]', "not_an_object"),
        (b'"title"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"17", "not_an_object"),
        (b"\x00\x01", "invalid_json"),
    ],
)
def test_an_odd_line_of_json_is_a_fault_and_reading_goes_on(tmp_path: Path, line: bytes, reason: str) -> None:
    found = read(write_lines(tmp_path / "a.json", line, good=3))
    assert found[1] == (2, reason)
    assert [row[0] for row in found] == [1, 2, 3, 4]
    assert all(isinstance(row[1], Row) for index, row in enumerate(found) if index != 1)


def test_json_that_python_writes_but_orjson_refuses_is_read() -> None:
    value = parse_object(json.dumps({"title": "lone \ud83d", "price": float("nan")}).encode())
    assert value["title"] == "lone \ud83d"


def test_blank_lines_are_skipped_but_counted_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(
        b'\xef\xbb\xbf\r\n{"title": "a", "content": "b"}\r\n  \t\n\n{"title": "c", "content": null, "uid": 7}'
    )
    assert read(path) == [(2, Row("a", ("b",), None)), (5, Row("c", (None,), 7))]


def test_a_line_of_50_mb_is_a_fault_and_never_in_memory(tmp_path: Path) -> None:
    path, text = tmp_path / "a.json.gz", random.Random(0).randbytes(500_000).hex().encode()
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"title": "first", "content": "x"}\n{"title": "')
        for _ in range(50):
            file.write(text)
        file.write(b'", "content": "y"}\n{"title": "last", "content": "z"}\n')
    tracemalloc.start()
    found = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(1, Row("first", ("x",), None)), (2, "line_too_long"), (3, Row("last", ("z",), None))]
    assert peak < 45 << 20


def test_json_columns_are_those_of_all_the_first_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'nonsense\n[1]\n{"title": "a"}\n{"content": "b", "title": "c"}\n')
    assert columns(path) == ["title", "content"]
    path.write_bytes(b"nonsense\n[1]\n")
    assert columns(path) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_reads_quoted_delimiters_newlines_and_quotes(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / ("a.tsv" if delimiter == "\t" else "a.csv")
    text = 'uid,title,content\r\n1,"a, ""b""","two\r\nlines"\r\n\r\n2,c,5" wide\r\n'.replace(",", delimiter)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(path) == [(2, Row(f'a{delimiter} "b"', ("two\r\nlines",), "1")), (5, Row("c", ('5" wide',), "2"))]


def test_the_delimiter_follows_from_the_header_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'"title, short";content\na,b,c,d;e\n')
    assert columns(path) == ["title, short", "content"]
    assert read(path, Columns("title, short", ("content",), None)) == [(2, Row("a,b,c,d", ("e",), None))]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b'a,"b" c,d', Row('"b" c', ("d",), "a")),
        (b'a,"b c,d', "invalid_csv"),
        (b"a,b,c,d", "invalid_csv"),
        (b"a,b,c,,", Row("b", ("c",), "a")),
        (b"a,b", Row("b", (None,), "a")),
        (b"a,caf\xe9,c", "invalid_utf8"),
        (b"a,n\x00ul,c", Row("nul", ("c",), "a")),
    ],
)
def test_an_odd_csv_record_does_not_stop_the_file(tmp_path: Path, record: bytes, expected: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('uid,title,content\n1,"t,é",d\n'.encode() + record + b"\n2,u,e\n")
    assert read(path) == [(2, Row("t,é", ("d",), "1")), (3, expected), (4, Row("u", ("e",), "2"))]


def test_an_unclosed_quote_loses_one_line_not_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'uid,title,content\n1,"t,d\n2,u,e\n3,"v\nw",f\n4,x,g')
    # The open quote of line 2 ends at the quote in line 4, which is invalid there; lines 3 onwards are parsed again.
    assert read(path) == [
        (2, "invalid_csv"),
        (3, Row("u", ("e",), "2")),
        (4, Row("v\nw", ("f",), "3")),
        (6, Row("x", ("g",), "4")),
    ]
    path.write_bytes(b'uid,title,content\n1,t,"d\n2,u,e\n')
    assert read(path) == [(2, Row("t", ('"d',), "1")), (3, Row("u", ("e",), "2"))]  # no quote there is more than that
    path.write_bytes(b'uid,title,content\n0,"s,",c\n1,t,"d\n2,u,e\n')
    assert read(path)[1:] == [(3, "invalid_csv"), (4, Row("u", ("e",), "2"))]


@given(odd=st.binary(max_size=60))
def test_no_bytes_lose_the_rows_around_them(tmp_path_factory: pytest.TempPathFactory, odd: bytes) -> None:
    path = tmp_path_factory.mktemp("odd") / "a.csv"
    after = [str(number) for number in range(2, 4 if len(odd.splitlines()) < 3 else 70)]  # a third torn is refused
    good = [b"1,first,%s\n" % (b"d" * 200), *(f"{uid},row {uid},e\n".encode() for uid in after)]
    path.write_bytes(b"uid,title,content\n" + good[0] + odd + b"\n" + b"".join(good[1:]))
    found = [row.uid for _, row in read(path) if isinstance(row, Row)]
    goes_on = re.match(rb"[\s\0\"]*</?[a-z]", odd, re.IGNORECASE)  # markup in a short row is a text's that was torn
    assert (found[0] == "1" or goes_on) and found[-len(after) :] == after
    path = path.with_suffix(".json")
    lines = json_lines(rows(3)).splitlines(keepends=True)
    path.write_bytes(lines[0] + odd + b"\n" + b"".join(lines[1:]))
    found = [row.uid for _, row in read(path) if isinstance(row, Row)]
    assert found[0] == "0000000000" and found[-2:] == ["0000000001", "0000000002"]


def test_an_open_quote_in_a_large_file_is_given_up_after_16_mib(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    line = b"2,u," + b"e" * 60_000 + b"\n"
    path.write_bytes(b'uid,title,content\n0,"s,",c\n1,t,"d\n' + line * 300)
    found = read(path)
    assert found[1] == (3, "line_too_long")
    assert [number for number, _ in found] == list(range(2, 304))


def test_a_csv_line_of_over_16_mib_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"uid,title,content\n1,t," + b"d" * (17 << 20) + b"\n2,u,e\n")
    assert read(path) == [(2, "line_too_long"), (3, Row("u", ("e",), "2"))]


def test_a_csv_field_just_under_16_mib_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"uid,title,content\n1,t," + b"d" * ((16 << 20) - 100) + b"\n")
    assert len(read(path)[0][1].description[0]) == (16 << 20) - 100


def test_a_broken_csv_header_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'uid,"title,content\n1,a,b\n')
    with pytest.raises(UnreadableInput, match=r"The header line of .*a.csv cannot be read"):
        columns(path)


def test_reads_parquet_of_every_text_type_with_row_numbers(tmp_path: Path) -> None:
    values = ["a", None, "c"]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        table = pa.table(
            {
                "extra": [[1], [2], [3]],
                "content": pa.array(values, kind),
                "title": pa.array(values, kind),
                "uid": [1, 2, 3],
            }
        )
        pq.write_table(table, tmp_path / "a.parquet")
        assert read(tmp_path / "a.parquet") == [(n + 1, Row(v, (v,), n + 1)) for n, v in enumerate(values)]
    assert columns(tmp_path / "a.parquet") == ["extra", "content", "title", "uid"]


def test_parquet_text_that_is_not_utf8_is_a_fault_of_its_row(tmp_path: Path) -> None:
    texts = pa.array([b"good", b"bad \xff", None], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"title": texts, "content": pa.array(["x", "y", "z"])}), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet", Columns("title", ("content",), None))
    assert found == [(1, Row("good", ("x",), None)), (2, "invalid_utf8"), (3, Row(None, ("z",), None))]


@pytest.mark.parametrize("cut", [0.2, 0.9])
def test_a_truncated_parquet_is_one_error(tmp_path: Path, cut: float) -> None:
    path = write_parquet(tmp_path / "a.parquet", [{"title": str(n), "content": "x" * n} for n in range(200)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(UnreadableInput, match="corrupt Parquet file") as caught:
        columns(path)
    assert "\n" not in str(caught.value)


def test_the_position_grows_to_the_size(tmp_path: Path) -> None:
    for path in (
        write_lines(tmp_path / "a.json", good=5000),
        write_parquet(tmp_path / "a.parquet", [{"title": "t", "content": "c", "uid": n} for n in range(5000)]),
    ):
        with reading(path) as reader:
            positions = [reader.position() for _ in reader.rows(COLUMNS)]
        assert positions == sorted(positions)
        assert positions[-1] == path.stat().st_size
