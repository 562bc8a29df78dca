import ctypes
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from shelftalk.errors import Busy, Damaged, NotFound, TooFewProducts
from shelftalk.records import Product, no_progress
from shelftalk.retrieval import chroma, index, vectors
from shelftalk.retrieval.index import build_index, open_index
from shelftalk.workspace import lock, sha256
from tests.retrieval.words import WordEmbedder, in_company, numbered

PROJECT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds until what another process should have done fails its test


def verify_here(folder: Path, vectors_file: Path) -> None:
    if found := chroma.fault(chroma.Store.open(folder), vectors_file):
        raise Damaged(found)


@pytest.fixture(autouse=True)
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify new folders in this process: those of `built` and of other processes are verified as they always are."""
    monkeypatch.setattr(chroma, "verify", verify_here)


def snapshot(folder: Path) -> dict[Path, tuple[str, int]]:
    return {file: (sha256(file), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


def assert_serves(folder: Path, products: list[Product]) -> None:
    texts, store = open_index(folder)
    assert texts["uid"].to_pylist() == [product.uid for product in products]
    questions = WordEmbedder().embed([f"{product.title}\n{product.description}" for product in products])
    assert [answer[0][0] for answer in store.nearest(questions, 1)] == list(range(len(products)))
    assert len(list(folder.glob("*chroma-*"))) == 1
    assert not (folder / "embedded").exists()
    before = snapshot(folder)
    open_index(folder)
    assert snapshot(folder) == before  # what was mended stays mended


def test_building_reports_and_leaves_only_what_it_says(built):
    digest = vectors.fingerprint(built / "vectors.parquet")
    assert sorted(entry.name for entry in built.iterdir()) == [f"chroma-{digest[:12]}", "index.json", "vectors.parquet"]
    assert json.loads((built / "index.json").read_text()) == {
        "format": 1,
        "vectors_sha256": digest,
        "chromadb": chroma.VERSION,
        "products": 300,
    }
    assert_serves(built, numbered(300))


def test_no_product_is_too_few(tmp_path):
    with pytest.raises(TooFewProducts, match="at least one product, got none"):
        build_index([], tmp_path / "index", WordEmbedder().embed)
    assert not list(tmp_path.iterdir())


def test_opening_and_asking_write_nothing(folder):
    before = snapshot(folder)
    first, second = open_index(folder)[1], open_index(folder)[1]
    first.nearest(np.ones((1, 64), np.float32), 3)
    second.nearest(np.ones((1, 64), np.float32), 3)
    del first, second
    assert snapshot(folder) == before


def graph_file(folder: Path, name: str) -> Path:
    (file,) = folder.glob(f"chroma-*/*/{name}")
    return file


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def scramble(file: Path) -> None:
    file.write_bytes(random.Random(0).randbytes(file.stat().st_size))


def delete_graph(folder: Path) -> None:
    graph_file(folder, "data_level0.bin").unlink()


def scramble_texts(folder: Path) -> None:
    scramble(next(folder.glob("chroma-*/texts.arrow")))


def scramble_graph(folder: Path) -> None:
    scramble(graph_file(folder, "data_level0.bin"))


def scramble_links(folder: Path) -> None:
    scramble(graph_file(folder, "link_lists.bin"))


def truncate_database(folder: Path) -> None:
    truncate(next(folder.glob("chroma-*/chroma.sqlite3")))


def delete_manifest(folder: Path) -> None:
    next(folder.glob("chroma-*/manifest.json")).unlink()


def delete_store(folder: Path) -> None:
    shutil.rmtree(next(folder.glob("chroma-*")))


def delete_pointer(folder: Path) -> None:
    (folder / "index.json").unlink()


def misshape_pointer(folder: Path) -> None:
    (folder / "index.json").write_text("[]")


def age_pointer(folder: Path) -> None:
    pointer = (folder / "index.json").read_text()
    (folder / "index.json").write_text(pointer.replace(chroma.VERSION, "0.4.2"))


ALL_DAMAGES = [
    delete_graph,
    scramble_graph,
    scramble_links,
    scramble_texts,
    truncate_database,
    delete_manifest,
    delete_store,
    delete_pointer,
    misshape_pointer,
    age_pointer,
]


@pytest.mark.parametrize("damage", ALL_DAMAGES)
def test_a_damaged_store_is_never_opened(folder, monkeypatch, damage):
    monkeypatch.setattr(index, "LOCK_TIMEOUT", 0)
    with lock(folder, "building the index"):
        assert open_index(folder)[1].count == 300
        damage(folder)
        with pytest.raises(Busy):  # it wants to build
            open_index(folder)


@pytest.mark.parametrize("damage", [delete_graph, scramble_graph, scramble_texts, truncate_database, delete_pointer])
def test_a_damaged_store_is_built_again(folder, damage):
    damage(folder)
    assert_serves(folder, numbered(300))


def test_changed_vectors_are_served_and_the_old_folder_goes(folder):
    products = numbered(310)[10:]
    texts = [f"{product.title}\n{product.description}" for product in products]
    vectors.write(folder / "vectors.parquet", vectors.digest(products), WordEmbedder().embed(texts), products)
    assert_serves(folder, products)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_rotten_vectors_are_noticed_when_they_are_needed_and_their_cure_works(folder, place):
    content = bytearray((folder / "vectors.parquet").read_bytes())
    content[int(len(content) * place)] ^= 1
    (folder / "vectors.parquet").write_bytes(content)
    assert open_index(folder)[1].count == 300  # the derived folder is whole
    delete_store(folder)
    with pytest.raises(Damaged, match=r"shelftalk index mine$"):
        open_index(folder)
    embedder = WordEmbedder()
    build_index(numbered(300), folder, embedder.embed)
    assert len(embedder.embedded) == 300
    assert_serves(folder, numbered(300))


def test_rotten_vectors_of_a_whole_index_are_embedded_again(folder):
    content = bytearray((folder / "vectors.parquet").read_bytes())
    content[-2000] ^= 1
    (folder / "vectors.parquet").write_bytes(content)
    embedder = WordEmbedder()
    build_index(numbered(300), folder, embedder.embed)
    assert len(embedder.embedded) == 300
    assert_serves(folder, numbered(300))


def test_rotten_texts_are_written_again_and_nothing_is_embedded(folder):
    content = bytearray((folder / "vectors.parquet").read_bytes())
    column = pq.read_metadata(folder / "vectors.parquet").row_group(0).column(3)
    assert column.path_in_schema == "description"
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    (folder / "vectors.parquet").write_bytes(content)
    delete_store(folder)
    with pytest.raises(Damaged, match=r"shelftalk index mine$"):
        open_index(folder)
    embedder = WordEmbedder()
    build_index(numbered(300), folder, embedder.embed)
    assert embedder.embedded == []
    assert_serves(folder, numbered(300))


def test_no_index_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"shelftalk index mine$"):
        open_index(tmp_path / "mine" / "index")
    assert not list(tmp_path.iterdir())


def test_only_new_and_changed_products_are_embedded(folder):
    products = [*numbered(302)[2:], Product("0000000001", "title1 alpha1", "another text")]
    embedder, calls = WordEmbedder(), []
    report = build_index(products, folder, embedder.embed, lambda done, total: calls.append((done, total)))
    assert embedder.embedded == [
        "title300 alpha300\ntext300 beta300",
        "title301 alpha301\ntext301 beta301",
        "title1 alpha1\nanother text",
    ]
    assert report["products"] == 301
    assert calls == [(298, 301), (301, 301)]
    assert_serves(folder, products)


@pytest.mark.parametrize("count", [300, 310])
def test_known_vectors_are_read_once(folder, monkeypatch, count):
    known, read, reads = (folder / "vectors.parquet").stat().st_ino, vectors.read_vectors, []

    def noted(path: Path) -> Iterator[np.ndarray]:
        reads.append(path.stat().st_ino)
        return read(path)

    monkeypatch.setattr(vectors, "read_vectors", noted)
    build_index(numbered(count), folder, WordEmbedder().embed)
    assert reads.count(known) == 1
    assert_serves(folder, numbered(count))


def test_an_unchanged_index_is_left_as_it_is(folder):
    before = snapshot(folder)
    embedder, calls = WordEmbedder(), []
    build_index(numbered(300), folder, embedder.embed, lambda *call: calls.append(call))
    assert embedder.embedded == []
    assert calls == [(300, 300)]
    assert snapshot(folder) == before


def test_an_interrupted_embedding_is_taken_up(tmp_path, monkeypatch):
    class Interrupted(WordEmbedder):
        def embed(self, texts, progress=no_progress):
            if len(self.embedded) == 20:
                raise KeyboardInterrupt
            return super().embed(texts, progress)

    monkeypatch.setattr(index, "SHARD", 10)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            build_index(numbered(45), tmp_path / "index", Interrupted().embed)
    embedder, calls = WordEmbedder(), []
    build_index(numbered(45), tmp_path / "index", embedder.embed, lambda *call: calls.append(call))
    assert len(embedder.embedded) == 5
    assert calls == [(40, 45), (45, 45)]
    assert_serves(tmp_path / "index", numbered(45))


def test_a_builder_keeps_others_out_but_not_readers(folder, monkeypatch):
    monkeypatch.setattr(index, "LOCK_TIMEOUT", 0.2)
    with lock(folder, "building the index"):
        with pytest.raises(Busy, match=f"process {os.getpid()}"):
            build_index(numbered(10), folder, WordEmbedder().embed)
        assert open_index(folder)[1].count == 300
        (folder / "index.json").unlink()
        with pytest.raises(Busy):
            open_index(folder)


def start(code: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True, **options)


def renounce_writing_everywhere() -> None:
    """Make root obey the permissions of files in the program that this process turns into; needed by nobody else."""
    drop_from_bounding_set, write_everywhere = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
    ctypes.CDLL(None).prctl(drop_from_bounding_set, write_everywhere, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux capabilities")
def test_a_read_only_index_opens(folder):
    code = """
import os, sys
from pathlib import Path
from typing import Any
from shelftalk.retrieval.search import Index
from tests.retrieval.words import WordEmbedder
assert not any(os.access(entry, os.W_OK) for entry in [Path(sys.argv[1]), *Path(sys.argv[1]).rglob("*")])
print(Index.open(Path(sys.argv[1]), WordEmbedder()).search("title7 alpha7")[0].uid)
"""
    entries = [folder.parent, folder, *folder.rglob("*")]
    for entry in entries:
        entry.chmod(entry.stat().st_mode & ~0o222)
    try:
        process = start(code, folder, preexec_fn=renounce_writing_everywhere)
        assert process.communicate(timeout=PATIENCE) == ("0000000007\n", "")
    finally:
        for entry in entries:
            entry.chmod(entry.stat().st_mode | 0o200)


@pytest.mark.kill
def test_two_processes_that_mend_at_once_both_get_a_sound_index(folder):
    code = """
import sys
from pathlib import Path
from typing import Any
from shelftalk.retrieval.search import Index
from tests.retrieval.words import WordEmbedder
print(Index.open(Path(sys.argv[1]), WordEmbedder()).search("title7 alpha7")[0].uid)
"""
    shutil.rmtree(next(folder.glob("chroma-*")))
    for process in [start(code, folder), start(code, folder)]:
        assert process.communicate(timeout=PATIENCE) == ("0000000007\n", "")
    assert_serves(folder, numbered(300))


def test_a_product_that_stands_twice_is_embedded_once(tmp_path):
    products = [*numbered(5), *numbered(5)]
    embedder, calls = WordEmbedder(), []
    build_index(products, tmp_path / "index", embedder.embed, lambda *call: calls.append(call))
    assert len(embedder.embedded) == 5
    assert calls == [(5, 10), (10, 10)]
    stored = np.concatenate(list(vectors.read_vectors(tmp_path / "index" / "vectors.parquet")))
    np.testing.assert_array_equal(stored[5:], stored[:5])
    assert open_index(tmp_path / "index")[0]["uid"].to_pylist() == [product.uid for product in products]


def test_products_in_another_order_keep_their_vectors(folder):
    products = random.Random(0).sample(numbered(300), 200)
    embedder = WordEmbedder()
    build_index(products, folder, embedder.embed)
    assert embedder.embedded == []
    assert_serves(folder, products)


def elsewhere(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Apply a function in two other processes."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        yield from processes.map(function, items)


@pytest.mark.exact
def test_wherever_shards_are_embedded_the_file_is_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "SHARD", 20)
    build_index(numbered(90), tmp_path / "here", in_company)
    build_index(numbered(90), tmp_path / "elsewhere", in_company, mapped=elsewhere)
    monkeypatch.setattr(index, "SHARD", 30)
    build_index(numbered(90), tmp_path / "other", in_company)
    here, there, other = (sha256(tmp_path / name / "vectors.parquet") for name in ("here", "elsewhere", "other"))
    assert here == there != other


def test_a_rotten_shard_is_embedded_again_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "SHARD", 10)
    build_index(numbered(60), tmp_path / "whole", in_company)
    digests = vectors.digest(numbered(60))
    for start in range(0, 40, 10):
        rows = slice(start, start + 10)
        content = in_company([f"{one.title}\n{one.description}" for one in numbered(60)[rows]])
        vectors.write(tmp_path / f"cut/embedded/{start}.parquet", digests[rows], content)
    truncate(tmp_path / "cut/embedded/20.parquet")
    embedder = WordEmbedder()

    def embed(texts: Sequence[str]) -> np.ndarray:
        embedder.embed(texts)
        return in_company(texts)

    build_index(numbered(60), tmp_path / "cut", embed)
    assert len(embedder.embedded) == 30  # the rotten one, and two that were never made
    assert sha256(tmp_path / "cut/vectors.parquet") == sha256(tmp_path / "whole/vectors.parquet")


BUILD = """
import sys, time
from pathlib import Path
from shelftalk.retrieval import index
from tests.retrieval.words import in_company, numbered
index.SHARD = 50
def embed(texts):
    with open(sys.argv[1] + ".log", "a") as log:
        log.writelines(text.splitlines()[0] + "\\n" for text in texts)
    time.sleep(0.05)
    return in_company(texts)
print("begun", flush=True)
index.build_index(numbered(600), Path(sys.argv[1]), embed)
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The SHA-256 of vectors.parquet of a build that nobody killed."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "index"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "SHARD", 50)
        patch.setattr(chroma, "verify", verify_here)
        build_index(numbered(600), folder, in_company)
    return sha256(folder / vectors.FILE)


def saved_titles(folder: Path) -> set[str]:
    titles = {digest: one.title for digest, one in zip(vectors.digest(numbered(600)), numbered(600), strict=True)}
    files = [folder / vectors.FILE, *folder.glob("embedded/*.parquet")]
    return {titles[digest] for file in files if file.exists() for digest in vectors.read_digests(file)}


def start_build(folder: Path) -> subprocess.Popen[str]:
    builder = start(BUILD, folder)
    assert builder.stdout and builder.stdout.readline() == "begun\n"
    return builder


def assert_goes_on(folder: Path, wait: Callable[[subprocess.Popen[str]], None] | None) -> None:
    """Build in another process, which is killed after `wait` where there is one; nothing saved is embedded again."""
    saved, log = saved_titles(folder), folder.with_name("index.log")
    log.unlink(missing_ok=True)
    builder = start_build(folder)
    if wait:
        wait(builder)
        builder.kill()
    assert builder.communicate() == ("", "")
    assert builder.returncode in ((0, -signal.SIGKILL) if wait else (0,))
    assert not saved & set(log.read_text().splitlines() if log.exists() else [])


def assert_as_if_uninterrupted(folder: Path, expected: str) -> None:
    assert sha256(folder / vectors.FILE) == expected
    assert sorted(entry.name[:7] for entry in folder.iterdir()) == ["chroma-", "index.j", "vectors"]
    found = open_index(folder)[1].nearest(in_company([f"{one.title}\n{one.description}" for one in numbered(50)]), 1)
    assert [answer[0][0] for answer in found] == list(range(50))


@pytest.mark.kill
def test_a_build_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, uninterrupted):
    """Once in each phase: twice while it embeds, while it writes the derived folder, and while that is verified.

    The long form kills forty times at random moments.
    """
    folder = tmp_path / "mine" / "index"

    def after(happened: Callable[[], bool]) -> Callable[[subprocess.Popen[str]], None]:
        def wait(builder: subprocess.Popen[str]) -> None:
            deadline = time.monotonic() + PATIENCE
            while not happened() and builder.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            assert builder.poll() is None, builder.communicate()

        return wait

    assert_goes_on(folder, after(lambda: len(list(folder.glob("embedded/*.parquet"))) == 1))
    assert_goes_on(folder, after(lambda: len(list(folder.glob("embedded/*.parquet"))) >= 5))
    assert 250 <= len(saved_titles(folder)) < 600
    assert_goes_on(folder, after(lambda: bool(list(folder.glob(".chroma-*")))))
    assert_goes_on(folder, after(lambda: bool(list(folder.glob(".chroma-*/*/data_level0.bin")))))
    assert len(saved_titles(folder)) == 600
    assert not (folder / "index.json").exists()
    assert_goes_on(folder, None)
    assert_as_if_uninterrupted(folder, uninterrupted)


def sleep_beside(seconds, _):
    time.sleep(seconds)


@pytest.mark.slow
@pytest.mark.kill
def test_a_build_that_is_killed_forty_times_ends_as_if_it_had_not_been(tmp_path, uninterrupted):
    folder, kills = tmp_path / "mine" / "index", 40
    builder, started = start_build(tmp_path / "timed" / "index"), time.monotonic()
    assert builder.communicate() == ("", "")
    seconds = time.monotonic() - started
    for kill in range(1, kills + 1):  # early ones first, or all would be embedded
        moment = random.uniform(0, seconds * kill / kills)
        assert_goes_on(folder, partial(sleep_beside, moment))
    assert_goes_on(folder, None)
    assert_as_if_uninterrupted(folder, uninterrupted)
