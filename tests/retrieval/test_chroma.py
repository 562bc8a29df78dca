import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from shelftalk.errors import Damaged
from shelftalk.retrieval import chroma, vectors
from tests.retrieval.words import numbered


def unit(count: int, seed: int = 0) -> np.ndarray:
    content = np.random.default_rng(seed).standard_normal((count, 32)).astype(np.float32)
    return np.asarray(content / np.linalg.norm(content, axis=1, keepdims=True))


def write(path: Path, content: np.ndarray) -> Path:
    vectors.write(path, vectors.digest(numbered(len(content))), content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chroma")
    chroma.build(folder, [unit(250)], 250)
    return folder


def test_the_three_nearest_are_those_of_a_full_comparison(folder):
    store, questions = chroma.Store.open(folder), unit(100, seed=1)
    cosines = questions @ unit(250).T
    for found, row in zip(store.nearest(questions, 3), cosines, strict=True):
        assert [near for near, _ in found] == np.argsort(-row)[:3].tolist()
        np.testing.assert_allclose([cosine for _, cosine in found], np.sort(row)[:-4:-1], atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_vectors_are_served(tmp_path, count):
    chroma.build(tmp_path, [unit(count)], count)
    store = chroma.Store.open(tmp_path)
    assert chroma.fault(store, write(tmp_path / "vectors.parquet", unit(count))) == ""
    assert len(store.nearest(unit(1), 99)[0]) == count


def test_more_vectors_than_a_batch_holds_are_served(tmp_path):
    content = unit(6000)
    chroma.build(tmp_path, [content[:50], content[50:]], 6000)
    assert chroma.fault(chroma.Store.open(tmp_path), write(tmp_path / "vectors.parquet", content)) == ""


def test_the_same_vector_many_times_is_served(tmp_path):
    content = np.repeat(unit(1), 200, axis=0)
    chroma.build(tmp_path, [content], 200)
    assert chroma.fault(chroma.Store.open(tmp_path), write(tmp_path / "vectors.parquet", content)) == ""


def test_the_graph_is_stored_so_that_opening_need_not_build_it(folder):
    (graph,) = folder.glob("*/data_level0.bin")
    assert graph.stat().st_size > 250 * 32 * 4


def test_a_store_outlives_its_folder(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    store = chroma.Store.open(copy)
    shutil.rmtree(copy)
    assert [answer[0][0] for answer in store.nearest(unit(250), 1)] == list(range(250))


def test_a_dropped_store_leaves_no_temporary_folder(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = chroma.Store.open(folder)
    assert list(tmp_path.iterdir())
    del store
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_does_not_open_and_leaves_no_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with pytest.raises(Damaged, match="delete it, it will be built again"):
        chroma.Store.open(tmp_path)
    assert not list((tmp_path / "temporary").iterdir())


def test_the_check_passes_what_was_built_and_refuses_other_vectors(folder, tmp_path):
    path = write(tmp_path / "vectors.parquet", unit(250))
    assert chroma.fault(chroma.Store.open(folder), path) == ""
    write(path, unit(250, seed=1))
    with pytest.raises(Damaged, match="only 0% of the vectors find themselves"):
        chroma.verify(folder, path)


def test_the_check_counts(folder, tmp_path):
    path = write(tmp_path / "vectors.parquet", unit(251))
    assert chroma.fault(chroma.Store.open(folder), path) == "it holds 250 vectors instead of 251"


def test_the_check_notices_three_rows_in_a_hundred_that_find_others(folder, tmp_path):
    content = unit(250)
    content[:8] = unit(8, seed=1)
    path = write(tmp_path / "vectors.parquet", content)
    assert chroma.fault(chroma.Store.open(folder), path) == "only 97% of the vectors find themselves"


@pytest.mark.parametrize("name", ["data_level0.bin", "header.bin", "index_metadata.pickle"])
def test_the_check_reports_any_garbage_in_one_line(folder, tmp_path, name):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (file,) = copy.glob(f"*/{name}")
    file.write_bytes(np.random.default_rng(0).bytes(max(100, file.stat().st_size)))
    write(tmp_path / "vectors.parquet", unit(250))
    with pytest.raises(
        Damaged, match=r"^The new Chroma folder .* fails its check \(.*\); run the same command again\.$"
    ):
        chroma.verify(copy, tmp_path / "vectors.parquet")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no safe path")
def test_the_check_takes_no_module_from_the_working_directory(folder, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken from the working directory')")
    write(tmp_path / "vectors.parquet", unit(250))
    monkeypatch.chdir(tmp_path)
    chroma.verify(folder, tmp_path / "vectors.parquet")


def test_settings_in_the_working_directory_are_not_read(folder, tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("CHROMA_API_IMPL=chromadb.api.segment.SegmentAPI\nANONYMIZED_TELEMETRY=True\n")
    monkeypatch.chdir(tmp_path)
    store = chroma.Store.open(folder)
    settings = store._collection._client._system.settings
    assert settings.chroma_api_impl == "chromadb.api.rust.RustBindingsAPI"
    assert settings.anonymized_telemetry is False
    assert store.count == 250
