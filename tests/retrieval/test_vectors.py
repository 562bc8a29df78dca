from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.errors import Damaged, NotFound
from shelftalk.records import Product
from shelftalk.retrieval import vectors
from tests.retrieval.words import numbered

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def write(path: Path, products: Sequence[Product], content: np.ndarray) -> None:
    vectors.write(path, vectors.digest(products), content, products)


def content(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)


def texts(path: Path) -> list[Product]:
    return [Product(*row.values()) for table in vectors.read_texts(path) for row in table.to_pylist()]


@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_what_is_written_is_read(tmp_path_factory, rows, seed):
    path = tmp_path_factory.mktemp("vectors") / "vectors.parquet"
    products = [Product(*row) for row in rows]
    write(path, products, content(len(rows), seed))
    assert texts(path) == products
    assert vectors.shape(path) == (len(rows), 3)
    np.testing.assert_array_equal(np.concatenate(list(vectors.read_vectors(path))), content(len(rows), seed))
    np.testing.assert_array_equal(vectors.read_digests(path), vectors.digest(products))


@given(one=st.tuples(TEXT, TEXT, TEXT), other=st.tuples(TEXT, TEXT, TEXT))
def test_products_that_differ_have_other_digests(one, other):
    first, second = vectors.digest([Product(*one), Product(*other)])
    assert (first == second) == (one == other)


def test_texts_with_other_boundaries_have_other_digests():
    products = [Product("1", "ab", "c"), Product("1", "a", "bc"), Product("1a", "b", "c"), Product("11", "", "abc")]
    assert len(set(vectors.digest(products).tolist())) == 4


def test_a_digest_that_ends_in_zeros_is_kept(tmp_path):
    digests = np.array([b"a" * 15 + b"\0", b"\0" * 16, b"a" * 16], vectors.DIGEST)
    vectors.write(tmp_path / "shard.parquet", digests, content(3))
    assert vectors.read_digests(tmp_path / "shard.parquet").tobytes() == digests.tobytes()


def test_row_groups_are_read_one_by_one_and_rows_taken_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "ROW_GROUP", 10)
    path = tmp_path / "vectors.parquet"
    write(path, numbered(35), content(35))
    assert [len(block) for block in vectors.read_vectors(path)] == [10, 10, 10, 5]
    assert [len(table) for table in vectors.read_texts(path)] == [10, 10, 10, 5]
    assert texts(path) == numbered(35)
    rows = np.array([34, 0, 9, 10, 9, 20, 0])
    np.testing.assert_array_equal(vectors.take_vectors(path, rows), content(35)[rows])


def test_a_shard_has_no_texts(tmp_path):
    vectors.write(tmp_path / "shard.parquet", vectors.digest(numbered(5)), content(5))
    np.testing.assert_array_equal(vectors.read_digests(tmp_path / "shard.parquet"), vectors.digest(numbered(5)))
    with pytest.raises(Damaged, match="holds no uid, title, description"):
        texts(tmp_path / "shard.parquet")


def test_equal_content_makes_equal_bytes_and_other_content_another_fingerprint(tmp_path):
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write(first, numbered(9), content(9))
    write(second, numbered(9), content(9))
    assert first.read_bytes() == second.read_bytes()
    assert vectors.fingerprint(first) == vectors.fingerprint(second)
    write(second, [*numbered(8), Product("1", "a", "c")], content(9))
    assert vectors.fingerprint(first) != vectors.fingerprint(second)
    write(second, numbered(9), content(9, seed=1))
    assert vectors.fingerprint(first) != vectors.fingerprint(second)


def test_a_missing_file_is_not_found(tmp_path):
    path = tmp_path / "mine" / "index" / "vectors.parquet"
    with pytest.raises(NotFound, match=r"There is no index in .*; make it with: shelftalk index mine$"):
        vectors.fingerprint(path)


@pytest.mark.parametrize("bytes_", [b"", b"PAR1", b"no parquet at all" * 100, b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_is_damaged(tmp_path, bytes_):
    path = tmp_path / "mine" / "index" / "vectors.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes_)
    with pytest.raises(Damaged, match=r"make it again with: shelftalk index mine$"):
        vectors.fingerprint(path)


@pytest.mark.parametrize("percent", range(5, 95, 10))
def test_a_corrupt_byte_in_the_pages_is_detected(tmp_path, percent):
    path = tmp_path / "vectors.parquet"
    write(path, [Product("1", "a" * 9, "b")] * 50, np.random.default_rng(0).standard_normal((50, 384)))
    corrupt = bytearray(path.read_bytes())
    corrupt[len(corrupt) * percent // 100] ^= 1
    path.write_bytes(corrupt)
    with pytest.raises(Damaged):
        vectors.read_digests(path), list(vectors.read_vectors(path)), texts(path)


def test_missing_columns_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "vectors.parquet"
    pq.write_table(pa.table({"uid": ["1"], "vector": [[1.0]]}), path)
    with pytest.raises(Damaged, match=r"title.*shelftalk index"):
        texts(path)
    with pytest.raises(Damaged, match="the vectors are list<"):
        list(vectors.read_vectors(path))
    with pytest.raises(Damaged, match="its footer names no SHA-256"):
        vectors.fingerprint(path)


def test_vectors_that_are_not_finite_are_damage(tmp_path: Path) -> None:
    file, products = tmp_path / "vectors.parquet", [Product("1", "Peg", "Oak."), Product("2", "Hook", "Ash.")]
    made = np.ones((2, 4), np.float32)
    made[1, 2] = np.nan
    vectors.write(file, vectors.digest(products), made, products)
    with pytest.raises(Damaged, match="a vector is not finite"):
        list(vectors.read_vectors(file))
