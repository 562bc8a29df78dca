import socket
import sys

import numpy as np
import pytest
from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

from shelftalk.errors import InvalidSettings
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


def test_equals_come_in_the_order_of_the_catalogue(shelf):
    found = shelf.search("Red Nylon Kite, 70 cm\nA kite with 30 m of line.", k=2)
    assert [(reference.uid, reference.similarity) for reference in found] == [("0000000005", 1.0), ("0000000006", 1.0)]


def test_more_references_than_products_are_all_products(shelf):
    assert {reference.uid for reference in shelf.search("kite", k=1000)} == shelf.uids()
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
