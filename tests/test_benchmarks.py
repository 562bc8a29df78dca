"""The benchmarks, tried on little data and the GPU's with a tiny model: they end, with the figures they promise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import index, near_duplicates, publishing, questions, spans
from benchmarks.training_gpu import CHARACTERS_A_TOKEN, CONTENT, EOS, SHARES, draw_examples
from tests.conftest import ROOT


def test_drawn_products_have_the_measured_lengths() -> None:
    long = list(draw_examples(4_000, 1_000, 1_000_000))
    lengths = np.array([len(one.ids) - one.prompt_length - 1 for one in long])  # without the end token
    shares = [(lengths * CHARACTERS_A_TOKEN <= content).mean() for content in CONTENT]
    np.testing.assert_allclose(shares[1:-1], SHARES[1:-1], atol=0.02)

    short = list(draw_examples(4_000, 1_000, 512))
    assert max(len(one.ids) for one in short) == 512
    assert all((one.ids[-1] == EOS) == one.complete for one in short)
    assert all(0 < one.prompt_length <= 256 and max(one.ids) < 1_000 for one in short)
    assert next(draw_examples(1, 1_000, 512)) == next(draw_examples(1, 1_000, 512))


def test_synthetic_descriptions_have_the_measured_lengths_and_repeat_each_other() -> None:
    texts = spans.draw_descriptions(4_000, np.random.default_rng(0))
    lengths = np.array([len(text) for text in texts])
    shares = [(lengths <= characters).mean() for characters in spans.CHARACTERS]
    np.testing.assert_allclose(shares[1:-1], spans.SHARES[1:-1], atol=0.03)
    assert 0.04 < 1 - len(set(texts)) / len(texts) < 0.08


def figures_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return figures


def check_spans(figures: dict[str, Any]) -> None:
    assert figures["products"] == 200
    assert min(figures[key] for key in ("megabytes_per_cpu_second", "query_ms_p99", "verbatim_share")) > 0


def check_near_duplicates(figures: dict[str, Any], count: int) -> None:
    assert figures["products"] == figures["boilerplate_products"] == count
    assert figures["recall"] >= 0.95
    assert figures["catalogue_recall"] >= 0.95
    assert figures["catalogue_copies_found"] == 1
    assert figures["catalogue_linked_under_0.6"] == 0


def check_index(figures: dict[str, Any], count: int) -> None:
    assert figures["products"] == count
    assert figures["recall_at_10"] > 0.99
    assert min(figures[key] for key in ("build_seconds", "peak_memory_gib", "disk_gib", "p99_3_ms")) > 0


@pytest.fixture
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make texts up of a tenth of the words, and ask a tenth of the questions."""
    monkeypatch.setattr(spans, "WORDS", 40_000)
    monkeypatch.setattr(spans, "QUERIES", spans.QUERIES // 10)


@pytest.mark.usefixtures("few_words")
def test_the_benchmark_of_spans_has_its_figures(tmp_path: Path) -> None:
    check_spans(spans.build(tmp_path, 200) | spans.query(tmp_path, 0))


@pytest.mark.usefixtures("few_words")
def test_the_benchmark_of_near_duplicates_ends_with_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(near_duplicates, "PROCESSES", 1)
    monkeypatch.setattr(near_duplicates, "MADE_UP", 2_000)
    monkeypatch.setattr(sys, "argv", ["near_duplicates", "--products", "1000", "--pairs", "300", "--json"])
    near_duplicates.main()
    check_near_duplicates(figures_of(capsys), 1000)


@pytest.mark.kill
def test_the_benchmark_of_the_index_finds_what_an_exact_search_finds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index, "QUERIES", 100)
    monkeypatch.setattr(index, "in_own_process", lambda function, folder, count: function(folder, count))
    monkeypatch.setattr(sys, "argv", ["index", "--count", "1500", "--json"])
    index.main()
    check_index(figures_of(capsys), 1500)


def test_the_benchmark_of_publish_has_its_figures(tmp_path: Path) -> None:
    for name in ("shopify", "plain.json"):
        source = tmp_path / publishing.FORMATS[name][1]
        publishing.write_input(source, 30)
        assert publishing.publish_one(name, source, 30)["written"] == 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "options", "check"),
    [
        ("spans", ["--products", "200"], check_spans),
        (
            "near_duplicates",
            ["--products", "3000", "--pairs", "300"],
            lambda figures: check_near_duplicates(figures, 3000),
        ),
        ("index", ["--count", "3000"], lambda figures: check_index(figures, 3000)),
    ],
)
def test_a_benchmark_as_a_person_starts_it(
    program: str, options: list[str], check: Callable[[dict[str, Any]], None]
) -> None:
    """The long form of the three above: more data, and each in the processes in which it measures."""
    command = [sys.executable, "-m", f"benchmarks.{program}", *options, "--json"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
    check(json.loads(output.splitlines()[-1]))


@pytest.mark.slow
def test_the_gpu_benchmark_ends_with_its_ratios() -> None:
    command = [sys.executable, "-m", "benchmarks.training_gpu", "--tiny", "--updates", "3", "--rounds", "1", "--json"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=800).stdout
    ratios = json.loads(output.splitlines()[-1])
    assert ratios["exact_over_usual"] > 0
    assert ratios["vocabulary_over_usual"] > 0
    for key in ("projected_minutes", "peak_memory_gib", "matmul_share"):
        assert {"usual", "exact", "vocabulary"} <= ratios[key].keys()
    if find_spec("trl"):
        assert ratios["exact_over_trl"] > 0
    else:
        assert ratios["skipped"]["trl"] == "TRL is not installed"
    assert ("nf4" in ratios["skipped"]) != ("nf4" in ratios["matmul_share"])


def test_every_question_is_about_a_product_of_its_catalogue_in_other_words() -> None:
    for shelf, name, languages in (
        (questions.bundled(), "demo", ("en", "pt")),
        (questions.portuguese(), "catalogo", ("pt",)),
    ):
        asked = questions.questions(name)
        assert {one["uid"] for one in asked} <= set(shelf.uids)
        assert len({one["uid"] for one in asked}) == len(asked)
        assert all(one[key].strip() and one[key] != one["title"] for one in asked for key in languages)


def test_recall_and_nearness_are_counted() -> None:
    shelf = questions.Shelf(["a", "b", "c"], ["", "", ""])
    cosines = np.array([[0.9, 0.1, 0.2], [0.5, 0.4, 0.6]])
    found = questions.ranks(cosines, shelf, ["a", "b"])
    assert found.tolist() == [0, 2]
    assert [questions.recall(found)[f"recall_at_{rank}"][0] for rank in questions.RANKS] == [0.5, 1.0, 1.0]
    near = questions.nearness(np.array([0.9, 0.3]), np.array([0.2, 0.1, 0.6]), 0.4)
    assert (near["nothing_near_there"][:2], near["nothing_near_other_fields"][:2]) == ([1, 2], [2, 3])
