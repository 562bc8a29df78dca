import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.errors import Damaged, NotFound
from shelftalk.records import Product
from shelftalk.retrieval import vectors

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_what_is_written_is_read(tmp_path_factory, rows, seed):
    path = tmp_path_factory.mktemp("vectors") / "vectors.parquet"
    products = [Product(*row) for row in rows]
    content = np.random.default_rng(seed).standard_normal((len(rows), 3)).astype(np.float32)
    vectors.write(path, products, content)
    assert vectors.read_products(path) == products
    np.testing.assert_array_equal(vectors.read_vectors(path), content)


def test_the_hash_is_that_of_the_file(tmp_path):
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    vectors.write(first, [Product("1", "a", "b")], np.ones((1, 4)))
    vectors.write(second, [Product("1", "a", "b")], np.ones((1, 4)))
    assert vectors.read_texts(first)[0] == vectors.read_texts(second)[0]
    vectors.write(second, [Product("1", "a", "c")], np.ones((1, 4)))
    assert vectors.read_texts(first)[0] != vectors.read_texts(second)[0]


def test_a_missing_file_is_not_found(tmp_path):
    path = tmp_path / "mine" / "index" / "vectors.parquet"
    with pytest.raises(NotFound, match=r"There is no index in .*; make it with: shelftalk index mine$"):
        vectors.read_texts(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all" * 100, b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_is_damaged(tmp_path, content):
    path = tmp_path / "mine" / "index" / "vectors.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"make it again with: shelftalk index mine$"):
        vectors.read_texts(path)


@pytest.mark.parametrize("place", range(5, 95, 10))
def test_a_rotten_byte_in_the_pages_is_noticed(tmp_path, place):
    path = tmp_path / "vectors.parquet"
    vectors.write(path, [Product("1", "a" * 9, "b")] * 50, np.random.default_rng(0).standard_normal((50, 384)))
    content = bytearray(path.read_bytes())
    content[len(content) * place // 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged):
        vectors.read_products(path), vectors.read_vectors(path)


def test_missing_columns_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"uid": ["1"], "vector": [[1.0]]}), tmp_path / "vectors.parquet")
    with pytest.raises(Damaged, match=r"title.*shelftalk index"):
        vectors.read_texts(tmp_path / "vectors.parquet")
    with pytest.raises(Damaged, match="the vectors are list<"):
        vectors.read_vectors(tmp_path / "vectors.parquet")
