"""The counted cuts of a maximum length are those that training with it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged
from shelftalk.models.tokens import encode_example, load_tokenizer
from shelftalk.prompts import ENGLISH
from shelftalk.training import lengths
from shelftalk.training.lengths import (
    CUT_SHARE,
    LONGEST,
    STEP,
    count_cut,
    count_lengths,
    describe_lengths,
    propose_length,
)
from shelftalk.workspace import Workspace

Lengths = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 3000)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("lengths") / "workspace")
    pipeline.prepare_catalogue(workspace, demo_file(), "demo", PrepareSettings())
    return workspace


def test_counted_cuts_are_those_that_training_makes(place: Workspace, tiny_model: tuple[Any, Any]) -> None:
    catalogue = Catalogue.open(place.catalogue("demo"))
    found = describe_lengths(place, catalogue, "tiny")
    assert found is not None
    products = catalogue.products()
    assert found["products"] == len(products)
    rows = {}
    for max_tokens in (*map(int, found["cut"]), found["max_tokens"], 10**6):
        rows[max_tokens] = [
            encode_example(tiny_model[1], ENGLISH, ENGLISH.training_request(one), one.description, max_tokens)
            for one in products
        ]
    cut = {max_tokens: sum(not row.complete for row in encoded) for max_tokens, encoded in rows.items()}
    for one, count in found["cut"].items():
        # Where a prompt is longer than half of the row, it loses whole attributes, which may leave more room.
        shortened = any(row.prompt_length > int(one) // 2 for row in rows[10**6])
        assert count >= cut[int(one)] if shortened else count == cut[int(one)]
    assert len(set(found["cut"].values())) > 2  # otherwise the catalogue does not distinguish these lengths
    assert cut[found["max_tokens"]] <= CUT_SHARE * len(products)
    whole = sorted(len(row.ids) for row in rows[10**6])
    histogram = found["histogram"]
    assert sum(histogram["rows"]) == len(products)
    assert histogram["rows"][0] == sum(length <= 64 for length in whole)
    assert all(histogram["cut"][int(one) // 64 - 1] == count for one, count in found["cut"].items())
    assert found["row"]["max"] == whole[-1]
    assert found["row"]["50"] == pytest.approx(whole[len(whole) // 2], abs=2)


@given(Lengths)
def test_the_proposed_length_is_the_smallest_that_cuts_little(pairs: list[tuple[int, int]]) -> None:
    prompts, completions = np.array(pairs).T
    proposed = propose_length(prompts, completions)
    allowed = CUT_SHARE * len(pairs)
    assert proposed % STEP == 0
    assert proposed == LONGEST or count_cut(prompts, completions, proposed) <= allowed
    assert proposed == STEP or count_cut(prompts, completions, proposed - STEP) > allowed


@given(Lengths)
def test_every_row_is_in_its_bin_and_every_cut_is_counted(pairs: list[tuple[int, int]]) -> None:
    prompts, completions = np.array(pairs).T
    found = count_lengths(prompts, completions)
    maxima = range(64, 2049, 64)
    assert found["step"] == 64
    assert len(found["rows"]) == len(found["cut"]) == len(maxima) == 32
    for maximum, count in zip(maxima, found["rows"], strict=True):
        end = 10**9 if maximum == 2048 else maximum
        assert count == sum(maximum - 64 < sum(pair) <= end for pair in pairs)
    assert found["cut"] == [count_cut(prompts, completions, maximum) for maximum in maxima]


@pytest.mark.parametrize(("length", "place"), [(1, 0), (64, 0), (65, 1), (2048, 31), (2049, 31), (100_000, 31)])
def test_a_bin_ends_with_its_maximum(length: int, place: int) -> None:
    rows = count_lengths(np.array([0]), np.array([length]))["rows"]
    assert [number for number, count in enumerate(rows) if count] == [place]


def test_a_long_catalogue_is_sampled_alike_each_time(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "SAMPLE", 50)
    catalogue = Catalogue.open(place.catalogue("demo"))
    found = describe_lengths(place, catalogue, "tiny")
    assert found is not None
    assert found["products"] == 50
    assert found == describe_lengths(place, catalogue, "tiny")


def test_a_model_that_was_not_downloaded_is_not_fetched_for_this(place: Workspace) -> None:
    assert describe_lengths(place, Catalogue.open(place.catalogue("demo")), "nobody/has-this-model") is None


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=str(tmp_path)):
        load_tokenizer(tmp_path)
