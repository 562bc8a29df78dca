"""Other embedders than the one that comes with shelftalk: a folder, the Hub, and a package."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from shelftalk.errors import Damaged, InvalidSettings, MissingPackage, NotFound, Unreachable
from shelftalk.models import multilingual_e5
from shelftalk.models.embedders import (
    MINILM,
    EmbedderId,
    FoundEmbedder,
    find_embedder,
    find_same,
    is_near,
    open_for_products,
    open_for_questions,
)
from shelftalk.workspace import Workspace

PLAIN = ["query", "passage", ":", "a", "an", "the", "oak", "ash", "peg", "kite", "red", "long", "of", "is", "what"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *PLAIN]
TEXTS = ["What is an oak peg?", "", "red kite " * 40, "ação à toa", "the ash peg is long\nof oak"]


def save_bert(folder: Path, seed: int = 0) -> None:
    """Write a small BERT with random weights and its tokenizer of whole words."""
    folder.mkdir(parents=True, exist_ok=True)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=48,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(word, WORDS.index(word)) for word in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "model_max_length": 48})
    )


def save_sentence_model(
    folder: Path, seed: int = 0, pooling: str = "mean_tokens", dense: bool = False, prompts: bool = False, **more: Any
) -> Path:
    """Write a small sentence-transformers model with random weights."""
    save_bert(folder, seed)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Dense", "Dense")] if dense else [])]
    modules += [("3_Normalize", "Normalize")]
    files: dict[str, Any] = {
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": 24, "do_lower_case": True},
        "1_Pooling/config.json": {"word_embedding_dimension": 32, f"pooling_mode_{pooling}": True},
        **more,
    }
    if prompts:
        files["config_sentence_transformers.json"] = {"prompts": {"query": "query: ", "document": "passage: "}}
    if dense:
        kind = {"in_features": 32, "out_features": 8, "bias": True}
        files["2_Dense/config.json"] = {**kind, "activation_function": "torch.nn.modules.activation.Tanh"}
        (folder / "2_Dense").mkdir()
        rng = torch.Generator().manual_seed(seed)
        weights = {"linear.weight": torch.randn(8, 32, generator=rng), "linear.bias": torch.randn(8, generator=rng)}
        save_file(weights, folder / "2_Dense" / "model.safetensors")
    for name, held in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(held))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.mark.parametrize(("pooling", "dense"), [("mean_tokens", False), ("cls_token", True)])
def test_a_folder_embeds_as_sentence_transformers_does(
    workspace: Workspace, tmp_path: Path, pooling: str, dense: bool
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = save_sentence_model(tmp_path / "model", pooling=pooling, dense=dense, prompts=True)
    found = find_embedder(str(folder), workspace)
    theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    products, questions = open_for_products(found).embed(TEXTS), open_for_questions(found).embed(TEXTS)
    np.testing.assert_allclose(products, theirs.encode_document(TEXTS, normalize_embeddings=True), atol=1e-5)
    np.testing.assert_allclose(questions, theirs.encode_query(TEXTS, normalize_embeddings=True), atol=1e-5)
    assert products.dtype == np.float32
    assert products.shape == (len(TEXTS), 8 if dense else 32)
    assert np.abs(products - questions).max() > 1e-4  # the prompts differ
    assert open_for_products(found).embed([]).shape == (0, 8 if dense else 32)


def test_a_vector_does_not_depend_on_the_other_texts(workspace: Workspace, tmp_path: Path) -> None:
    embedder = open_for_products(find_embedder(str(save_sentence_model(tmp_path / "model")), workspace))
    together = embedder.embed(TEXTS)
    assert b"".join(embedder.embed([text]).tobytes() for text in TEXTS) == together.tobytes()


def test_a_text_is_cut_where_the_positions_end_whatever_the_folder_says(workspace: Workspace, tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 1000}')
    embedder = open_for_products(find_embedder(str(folder), workspace))
    assert np.array_equal(embedder.embed(["red kite " * 400]), embedder.embed(["red kite " * 23]))  # 46 tokens and ends


def test_a_folder_is_known_by_its_weights_and_by_what_shapes_its_vectors(workspace: Workspace, tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    found = find_embedder(str(folder), workspace)
    assert find_same(found.identity, workspace) == found
    changes: list[Callable[[], object]] = [
        lambda: save_bert(folder, seed=1),
        lambda: (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}'),
        lambda: (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}'),
    ]
    known = {found.identity.revision}
    for change in changes:
        change()
        with pytest.raises(InvalidSettings, match="has changed since the index was made; index the run again"):
            find_same(found.identity, workspace)
        known.add(find_embedder(str(folder), workspace).identity.revision)
    assert len(known) == 4


def test_an_embedder_that_is_gone_is_said_in_one_line(workspace: Workspace) -> None:
    with pytest.raises(InvalidSettings, match="made with another embedder than this machine has: There is no embedder"):
        find_same(EmbedderId("/nowhere/model", "sample:0"), workspace)


def test_without_a_network_the_error_says_what_needs_none(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match=r"LaBSE is not on this disk .* or use all-MiniLM-L6-v2, which needs none\.$"):
        find_embedder("sentence-transformers/LaBSE", workspace)


def test_another_machine_of_a_cluster_loads_the_commit_from_its_own_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that was found is in the cache of the machine that sent it."""
    own, asked = save_sentence_model(tmp_path / "own"), []

    def download(name: str, revision: str, instead: str) -> tuple[Path, str]:
        asked.append((name, revision))
        return own, revision

    monkeypatch.setattr("shelftalk.models.hub.download", download)
    identity = EmbedderId("some/model", "commit")
    found = open_for_products(FoundEmbedder(identity, tmp_path / "of the other machine"))
    assert asked == [tuple(identity)]
    here = open_for_products(FoundEmbedder(identity, own))
    assert asked == [tuple(identity)]
    assert np.array_equal(found.embed(TEXTS), here.embed(TEXTS))


@pytest.mark.parametrize("name", ["", "MiniLM", "a/b/c", "../x", "/nowhere"])
def test_an_unknown_name_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(NotFound, match=r"There is no embedder|no sentence-transformers model"):
        find_embedder(name, workspace)


def module(path: str, kind: str = "Transformer") -> list[dict[str, str]]:
    return [{"path": path, "type": f"sentence_transformers.models.{kind}"}]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"modules.json": module("", "StaticEmbedding")}, "has a module 'StaticEmbedding', which is not supported"),
        ({"modules.json": module("../../etc")}, "the path '../../etc' leaves the folder"),
        ({"modules.json": module("/etc")}, "leaves the folder"),
        ({"modules.json": {"a": 1}}, "cannot be read"),
        ({"modules.json": [[]]}, "cannot be read"),
        ({"modules.json": module("0_Transformer")}, "no tokenizer.json"),
        ({"sentence_bert_config.json": {"max_seq_length": "many"}}, "cannot be read"),
        ({"1_Pooling/config.json": {"pooling_mode_lasttoken": True}}, "pooling in .* is lasttoken"),
        ({"1_Pooling/config.json": {}}, "is unknown"),
        (
            {"1_Pooling/config.json": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}},
            "not supported",
        ),
        ({"1_Pooling/config.json": {"pooling_mode_mean_tokens": True, "include_prompt": False}}, "not supported"),
    ],
)
def test_what_is_not_computed_is_refused_before_anything_is_loaded(
    workspace: Workspace, tmp_path: Path, files: dict[str, Any], says: str
) -> None:
    folder = save_sentence_model(tmp_path / "model", **files)
    with pytest.raises((InvalidSettings, NotFound, Damaged), match=says):
        find_embedder(str(folder), workspace)


def test_a_folder_without_sentence_transformers_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    save_bert(tmp_path / "model")
    with pytest.raises(NotFound, match=r"modules\.json is needed"):
        find_embedder(str(tmp_path / "model"), workspace)


def test_damaged_and_foreign_weights_are_one_line(workspace: Workspace, tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    found = find_embedder(str(folder), workspace)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(Damaged, match=r"it has no weights encoder\.layer\.2"):
        open_for_products(found)
    (folder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoModel": "own.Model"}}))
    (folder / "own.py").write_text("raise SystemExit('remote code was run')")
    with pytest.raises(Damaged, match="cannot be loaded") as error:
        open_for_products(found)
    assert "\n" not in str(error.value)


def test_nearness_is_unknown_for_an_embedder_that_was_not_measured() -> None:
    assert is_near(0.99, MINILM.name) is True
    assert is_near(0.01, MINILM.name) is False
    assert is_near(0.99, "sentence-transformers/LaBSE") is None


def packed_file(width: int = 32, inner: int = 64, layers: int = 1) -> tuple[bytes, dict[str, np.ndarray]]:
    """Return a small model in the format of the package, and its weights."""
    rng = np.random.default_rng(3)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581query:", "\u2581passage:", "\u2581peg", "\u2581oak"]
    texts = [piece.encode() for piece in pieces]
    sizes: dict[str, tuple[int, bool]] = {
        "emb.word": (len(pieces) * width, True),
        "emb.pos": (16 * width, False),
        "emb.type": (2 * width, False),
        "emb.ln.w": (width, False),
        "emb.ln.b": (width, False),
    }
    for key in ("q", "k", "v", "ao", "fi", "fo", "aln", "oln"):
        matrix = width * (inner if key in ("fi", "fo") else width)
        norm = key in ("aln", "oln")
        sizes[f"l0.{key}.w"] = (width if norm else matrix, not norm)
        sizes[f"l0.{key}.b"] = (inner if key == "fi" else width, False)
    weights, parts = {}, {}
    for name, (count, packed) in sizes.items():
        if packed:
            scales = rng.uniform(0.01, 0.1, count // 32).astype("<f2")
            halves = rng.integers(0, 16, (count // 32, 32), dtype=np.uint8)
            blocks = np.zeros(count // 32, multilingual_e5.BLOCK)
            blocks["scale"], blocks["pairs"] = scales, halves[:, :16] | halves[:, 16:] << 4
            parts[name] = blocks.tobytes()
            weights[name] = ((halves.astype(np.float32) - 8) * scales.astype(np.float32)[:, None]).ravel()
        else:
            weights[name] = rng.normal(size=count).astype("<f4")
            parts[name] = weights[name].tobytes()
    ends = np.cumsum([0, *map(len, texts)]).astype("<u4").tobytes()
    scores = np.array([0, 0, 0, 0, -1, -1, -2, -3], "<f4").tobytes()
    blob = b"".join(texts)
    head = multilingual_e5.HEADER.pack(
        b"E5S1", 1, width, layers, 2, inner, len(pieces), 16, 2, 1e-12, 32, len(pieces), 0, 2, 1, 3, len(blob)
    )
    data = head + ends + scores + blob + struct.pack("<i I", 0, 0) + struct.pack("<i", len(parts))
    start = len(data) + sum(2 + len(name) + 21 for name in parts)
    for name, part in parts.items():
        count, packed = sizes[name]
        data += struct.pack("<H", len(name)) + name.encode() + struct.pack("<B I Q Q", packed, count, start, len(part))
        start += len(part)
    return data + b"".join(parts.values()), weights


def test_a_packed_model_is_written_as_a_folder_of_the_same_weights(workspace: Workspace, tmp_path: Path) -> None:
    data, weights = packed_file()
    (tmp_path / "e5").mkdir()
    multilingual_e5.write_folder(multilingual_e5.unpack(data), tmp_path / "e5")
    found = find_embedder(str(tmp_path / "e5"), workspace)
    questions, products = open_for_questions(found), open_for_products(found)
    assert np.abs(questions.embed(["peg oak"]) - products.embed(["peg oak"])).max() > 1e-4  # query: and passage:
    model = BertModel.from_pretrained(tmp_path / "e5")
    assert model.embeddings.word_embeddings.weight.detach().numpy().ravel().tolist() == weights["emb.word"].tolist()
    inner = model.encoder.layer[0].intermediate.dense
    assert inner.weight.detach().numpy().ravel().tolist() == weights["l0.fi.w"].tolist()
    tokenizer = Tokenizer.from_file(str(tmp_path / "e5" / "tokenizer.json"))
    assert tokenizer.encode("query: peg  oak").tokens == ["<s>", "\u2581query:", "\u2581peg", "\u2581oak", "</s>"]


def test_the_multilingual_embedder_without_its_package_says_what_to_install(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multilingual_e5, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"pip install 'shelftalk\[multilingual\]'"):
        find_embedder(multilingual_e5.NAME, workspace)


@pytest.mark.skipif(find_spec(multilingual_e5.PACKAGE) is None, reason="needs the extra multilingual")
def test_the_multilingual_embedder_finds_in_another_language(workspace: Workspace) -> None:
    found = find_embedder(multilingual_e5.NAME, workspace)
    products = open_for_products(found).embed(["Cordless roller blind in white", "Hand-cranked toy garage", "Dog coat"])
    questions = open_for_questions(found).embed(["Persiana branca sem cordinha", "Capa de chuva para cachorro"])
    assert (questions @ products.T).argmax(axis=1).tolist() == [0, 2]
    assert find_same(found.identity, workspace) == found
