"""The frozen head's loss against plain cross-entropy, and rows against their neighbours."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from shelftalk.models.tokens import Example
from shelftalk.training import loss as loss_module
from shelftalk.training.batches import collate
from shelftalk.training.loss import FrozenHeadLoss, has_plain_head, token_losses


@pytest.mark.parametrize(("rows", "width", "vocabulary"), [(1, 4, 7), (9, 16, 300), (30, 8, 1000)])
def test_loss_and_gradient_equal_plain_cross_entropy(
    rows: int, width: int, vocabulary: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_module, "TILE", 128)
    monkeypatch.setattr(loss_module, "ROWS", 8)
    generator = torch.Generator().manual_seed(rows)
    head = torch.randn(vocabulary, width, generator=generator)
    targets = torch.randint(0, vocabulary, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator)
    ours = torch.randn(rows, width, generator=generator).requires_grad_()
    plain = ours.detach().clone().requires_grad_()

    expected = functional.cross_entropy(plain @ head.T, targets, reduction="none")
    (expected * weights).sum().backward()  # type: ignore[no-untyped-call]
    found = FrozenHeadLoss.apply(ours, head, targets)  # type: ignore[no-untyped-call]
    (found * weights).sum().backward()

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-4, atol=1e-5)


def test_extreme_logits_do_not_overflow() -> None:
    head = torch.tensor([[1000.0], [-1000.0], [0.0]])
    hidden = torch.tensor([[3.0]], requires_grad=True)
    found = FrozenHeadLoss.apply(hidden, head, torch.tensor([1]))  # type: ignore[no-untyped-call]
    assert found.item() == pytest.approx(6000.0)
    found.sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.item() == pytest.approx(2000.0)


def test_a_rows_losses_do_not_depend_on_its_neighbours(tiny_model) -> None:
    model, _ = tiny_model
    short = Example([2, 10, 11, 12, 13, 1], 2, complete=True)
    long = Example([2, *range(20, 60), 1], 3, complete=True)
    alone = [token_losses(model, *collate([one]).values()) for one in (short, long)]
    together = token_losses(model, *collate([short, long]).values())
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-5)


def test_it_equals_the_models_own_loss(tiny_model) -> None:
    model, _ = tiny_model
    ids = torch.tensor([[2, 10, 11, 12, 13, 1]])
    own = model(input_ids=ids, labels=torch.tensor([[-100, -100, 11, 12, 13, 1]])).loss
    ours = token_losses(model, *collate([Example(ids[0].tolist(), 2, complete=True)]).values())
    assert len(ours) == 4
    assert ours.mean().item() == pytest.approx(own.item(), rel=1e-5)


def test_a_head_with_a_soft_cap_takes_the_plain_way() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        final_logit_softcapping=0.05,
        initializer_range=1.0,
    )
    model = Gemma2ForCausalLM(config).eval()
    assert not has_plain_head(model)
    ids = torch.tensor([[2, 10, 11, 12, 1]])
    own = model(input_ids=ids, labels=torch.tensor([[-100, -100, 11, 12, 1]])).loss
    ours = token_losses(model, *collate([Example(ids[0].tolist(), 2, complete=True)]).values())
    assert ours.mean().item() == pytest.approx(own.item(), rel=1e-5)
