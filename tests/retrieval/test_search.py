import socket
import sys

import numpy as np
import pytest
from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

from shelftalk.errors import InvalidSettings
from shelftalk.models.embedders import LEAST_NEAR, MINILM
from shelftalk.records import Product
from shelftalk.retrieval import chroma
from shelftalk.retrieval.index import build_index
from shelftalk.retrieval.search import Index
from tests.retrieval.words import WordEmbedder, numbered

SHELF = [
    Product("0000000001", "Mog's Kittens", "Mog the cat has kittens & a nap."),
    Product("0000000002", "Café «Crème brûlée» Torch", "Lights at once; naïve cooks beware."),
    Product("0000000003", "日本語の本 🪴", "漢字 と かな\nin two lines"),
    Product("0000000004", "كتاب الطبخ", 'a cookbook "from right to left"'),
    Product("0000000005", "Red Nylon Kite, 70 cm", "A kite with 30 m of line."),
    Product("0000000006", "Red Nylon Kite, 70 cm", "A kite with 30 m of line."),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "shelf" / "index"
    build_index(SHELF, folder, WordEmbedder().embed)
    return Index.open(folder, WordEmbedder())


def test_references_are_whole_and_nearest_first(shelf):
    found = shelf.search("Mog's Kittens")
    assert (found[0].uid, found[0].title, found[0].description) == ("0000000001", SHELF[0].title, SHELF[0].description)
    assert len(found) == 3
    assert 1 > found[0].similarity > found[1].similarity >= found[2].similarity >= -1


@pytest.mark.parametrize("product", SHELF[:4], ids=lambda product: product.uid)
def test_a_product_finds_itself_whatever_its_script(shelf, product):
    (found,) = shelf.search(f"{product.title}\n{product.description}", k=1)
    assert (found.uid, found.title, found.description) == (product.uid, product.title, product.description)
    assert found.similarity == 1.0


def test_of_equal_products_the_first_of_the_catalogue_stands_for_all(shelf):
    found = shelf.search("Red Nylon Kite, 70 cm\nA kite with 30 m of line.", k=2)
    assert [(reference.uid, reference.similarity, reference.alike) for reference in found][:1] == [
        ("0000000005", 1.0, 1)
    ]
    assert found[1].uid not in ("0000000005", "0000000006")
    assert found[1].alike == 0


def test_more_references_than_products_are_all_products(shelf):
    found = shelf.search("kite", k=1000)
    assert {reference.uid for reference in found} == shelf.uids() - {"0000000006"}
    assert sum(1 + reference.alike for reference in found) == len(shelf.uids())
    assert shelf.nearest_uids("kite", 1000) == shelf.uids()
    assert shelf.uids() == {product.uid for product in SHELF}


def test_several_texts_find_what_each_finds_alone(shelf):
    texts = ["Mog's Kittens", "kite", "", "kite", "日本語の本"]
    assert shelf.search_all(texts, k=2) == [shelf.search(text, k=2) for text in texts]
    assert shelf.search_all([]) == []


@pytest.mark.parametrize("k", [0, -1])
def test_less_than_one_reference_is_refused(shelf, k):
    with pytest.raises(InvalidSettings, match=f"at least 1, got {k}"):
        shelf.search("kite", k=k)


def test_an_empty_question_has_an_answer(shelf):
    assert len(shelf.search("")) == 3


def test_the_answers_are_those_of_a_full_comparison(built):
    index, embedder, products = Index.open(built, WordEmbedder()), WordEmbedder(), numbered(300)
    everything = embedder.embed([f"{product.title}\n{product.description}" for product in products])
    for row in range(100):
        question = f"title{row} beta{row + 1} text{row + 2} between {row} products"
        cosines = everything @ embedder.embed([question])[0]
        found = index.search(question)
        assert [int(reference.uid) for reference in found] == np.argsort(-cosines)[:3].tolist()
        np.testing.assert_allclose([reference.similarity for reference in found], np.sort(cosines)[:-4:-1], atol=1e-4)


def sizes(count: int) -> list[Product]:
    """Products of one kind in many sizes, and three others."""
    text = "A coat peg of solid oak, turned by hand and oiled twice, with a brass screw for any wall. It is {} cm long."
    kinds = [
        Product(f"peg{row:04d}", f"Oak coat peg with brass screw, {row} cm", text.format(row)) for row in range(count)
    ]
    return [*kinds, *numbered(3)]


def test_one_of_many_variants_is_shown_with_the_number_of_the_others(tmp_path):
    build_index(sizes(150), tmp_path / "index", WordEmbedder().embed)
    index = Index.open(tmp_path / "index", WordEmbedder())
    found = index.search("Oak coat peg with brass screw, 7 cm", k=3)
    assert len(found) == 3
    assert found[0].uid.startswith("peg")
    assert found[0].alike == 149  # more than are fetched at first
    assert [reference.alike for reference in found[1:]] == [0, 0]
    assert index.search("Oak coat peg with brass screw, 7 cm", k=3) == found
    again = tmp_path / "again"
    build_index(sizes(150), again, WordEmbedder().embed)
    assert Index.open(again, WordEmbedder()).search("Oak coat peg with brass screw, 7 cm", k=3) == found


def test_nearness_is_said_only_of_a_measured_embedder(tmp_path):
    build_index(SHELF, tmp_path / "index", WordEmbedder().embed)
    titles = [product.title for product in SHELF] + ["something else"]
    unknown = Index.open(tmp_path / "index", WordEmbedder(), "sentence-transformers/LaBSE")
    assert {one.near for found in unknown.search_all(titles) for one in found} == {None}
    known = Index.open(tmp_path / "index", WordEmbedder(), MINILM.name)
    found = [one for found in known.search_all(titles) for one in found]
    assert [one.near for one in found] == [one.similarity >= LEAST_NEAR[MINILM.name] for one in found]
    assert {one.near for one in found} == {True, False}


def test_no_socket_is_opened_and_no_embedding_function_made(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError(f"called with {arguments} {options}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "__init__", refuse)
    folder = tmp_path / "index"
    build_index(SHELF, folder, WordEmbedder().embed)
    assert len(Index.open(folder, WordEmbedder()).search("kite")) == 3
    # The check of a new folder runs in a child process; here it runs in this process, where the patches apply.
    monkeypatch.setattr(sys, "argv", ["", str(next(folder.glob("chroma-*"))), str(folder / "vectors.parquet")])
    with pytest.raises(SystemExit) as end:
        chroma.main()
    assert end.value.code == 0


def test_the_real_embedder_finds_by_meaning(tmp_path):
    from shelftalk.models.embedder import Embedder

    embedder = Embedder.load()
    build_index(SHELF, tmp_path / "index", embedder.embed)
    index = Index.open(tmp_path / "index", embedder)
    assert index.search("What is Mog's Kittens?")[0].uid == "0000000001"
    assert index.search("something for the children on a windy day")[0].uid == "0000000005"
    assert index.search("a flame for caramelising sugar")[0].uid == "0000000002"
