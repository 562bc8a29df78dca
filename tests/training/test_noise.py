"""The random numbers of a pass depend on its seed alone, and do to values what dropout and NEFTune say."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import nn

from shelftalk.models import tiny
from shelftalk.models.adapters import add_adapter
from shelftalk.training.noise import SeededDropout, add_embedding_noise, seeded_noise, use_seeded_dropout
from tests.conftest import TINY_SETTINGS


def test_a_seed_gives_the_same_numbers_in_any_thread_and_another_gives_others() -> None:
    dropout, found = SeededDropout(0.5), {}

    def draw(name: str, *numbers: int) -> None:
        with seeded_noise(*numbers):
            found[name] = dropout(torch.ones(64))

    state = torch.random.get_rng_state()
    threads = [threading.Thread(target=draw, args=(str(number), 1, 2, number)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        draw("again", 1, 2, number)
        assert torch.equal(found["again"], found[str(number)])
    assert not torch.equal(found["0"], found["1"])
    assert torch.equal(state, torch.random.get_rng_state())


def test_outside_of_a_pass_the_generator_of_the_process_counts() -> None:
    dropout = SeededDropout(0.5)
    torch.manual_seed(3)
    first = dropout(torch.ones(64))
    assert not torch.equal(dropout(torch.ones(64)), first)
    torch.manual_seed(3)
    assert torch.equal(dropout(torch.ones(64)), first)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 8, 8)])
def test_any_shape_gets_its_numbers(shape: tuple[int, ...]) -> None:
    assert SeededDropout(0.0)(torch.ones(shape)).eq(1).all()
    with seeded_noise(1):
        assert SeededDropout(0.9)(torch.ones(shape)).shape == shape


def test_dropout_keeps_the_mean_and_does_nothing_outside_of_training() -> None:
    dropout, values = SeededDropout(0.2), torch.full((10_000,), 3.0, requires_grad=True)
    with seeded_noise(1):
        dropped = dropout(values)
    share = 51 / 256  # a fifth, rounded
    assert sorted(dropped.unique().tolist()) == [0.0, pytest.approx(3 / (1 - share))]
    assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.02)
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    assert torch.equal(gradient != 0, dropped != 0)
    assert torch.equal(dropout.eval()(values), values)


def test_every_dropout_of_an_adapter_is_replaced() -> None:
    model = add_adapter(tiny.make()[0], TINY_SETTINGS)
    dropouts = [one for name, one in model.named_modules() if "lora_dropout" in name and isinstance(one, nn.Dropout)]
    use_seeded_dropout(model)
    assert dropouts
    assert not any(isinstance(one, nn.Dropout) for name, one in model.named_modules() if "lora_dropout" in name)
    assert [one.dropped for one in model.modules() if isinstance(one, SeededDropout)] == [26] * len(dropouts)


def test_noise_on_embeddings_is_within_its_bound_and_ends_when_it_is_removed() -> None:
    model: Any = tiny.make()[0].train()
    embeddings, ids = model.get_input_embeddings(), torch.arange(20)[None]
    plain = embeddings(ids)
    handle = add_embedding_noise(model, 5.0)
    with seeded_noise(1):
        difference = embeddings(ids) - plain
    most = 5.0 / (20 * plain.shape[-1]) ** 0.5
    assert 0.9 * most < float(difference.abs().max()) <= 1.01 * most
    model.eval()
    assert torch.equal(embeddings(ids), plain)
    model.train()
    handle.remove()
    assert torch.equal(embeddings(ids), plain)
