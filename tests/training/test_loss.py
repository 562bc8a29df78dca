"""Compare the frozen head's loss with plain cross-entropy, and check that rows are independent."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from shelftalk.models.tokens import Example
from shelftalk.training import loss as loss_module
from shelftalk.training.batches import collate
from shelftalk.training.loss import FrozenHeadLoss, has_plain_head, head_taken_off, token_losses

pytestmark = pytest.mark.exact


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(("rows", "width", "vocabulary"), [(1, 4, 7), (9, 16, 300), (50, 8, 1000)])
def test_loss_and_gradient_equal_plain_cross_entropy(
    rows: int, width: int, vocabulary: int, shifted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_module, "BLOCKS", {"cpu": (16, 128)})
    generator = torch.Generator().manual_seed(rows)
    head = torch.randn(vocabulary, width, generator=generator)
    targets = torch.randint(0, vocabulary, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator)
    ours = torch.randn(rows, width, generator=generator).requires_grad_()
    plain = ours.detach().clone().requires_grad_()

    offsets = torch.randn(vocabulary, generator=generator) if shifted else None

    logits = plain @ head.T if offsets is None else plain @ head.T + offsets
    expected = functional.cross_entropy(logits, targets, reduction="none")
    (expected * weights).sum().backward()  # type: ignore[no-untyped-call]
    found = FrozenHeadLoss.apply(ours, head, targets, offsets)  # type: ignore[no-untyped-call]
    (found * weights).sum().backward()

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-4, atol=1e-5)


def test_a_later_call_leaves_earlier_gradients_alone() -> None:
    head = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    hidden = [torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)).requires_grad_() for seed in (2, 3)]
    targets = torch.tensor([1, 2, 3])
    losses = [FrozenHeadLoss.apply(one, head, targets) for one in hidden]  # type: ignore[no-untyped-call]
    losses[0].sum().backward()
    plain = hidden[0].detach().requires_grad_()
    functional.cross_entropy(plain @ head.T, targets, reduction="sum").backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(hidden[0].grad, plain.grad)


def test_no_labelled_token_is_no_loss() -> None:
    hidden = torch.zeros(0, 4, requires_grad=True)
    found = FrozenHeadLoss.apply(hidden, torch.ones(9, 4), torch.zeros(0, dtype=torch.long))  # type: ignore[no-untyped-call]
    assert found.shape == (0,)


def test_extreme_logits_do_not_overflow() -> None:
    head = torch.tensor([[1000.0], [-1000.0], [0.0]])
    hidden = torch.tensor([[3.0]], requires_grad=True)
    found = FrozenHeadLoss.apply(hidden, head, torch.tensor([1]))  # type: ignore[no-untyped-call]
    assert found.item() == pytest.approx(6000.0)
    found.sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.item() == pytest.approx(2000.0)


def test_it_equals_the_models_own_loss(tiny_model) -> None:
    model, _ = tiny_model
    ids = torch.tensor([[2, 10, 11, 12, 13, 1]])
    own = model(input_ids=ids, labels=torch.tensor([[-100, -100, 11, 12, 13, 1]])).loss
    with head_taken_off(model) as head:
        ours = token_losses(model, head, collate([Example(ids[0].tolist(), 2, complete=True)]))
    assert len(ours) == 4
    assert model(input_ids=ids).logits.shape[-1] == model.config.vocab_size  # the head is restored
    assert ours.mean().item() == pytest.approx(own.item(), rel=1e-5)


def test_a_head_with_a_soft_cap_uses_plain_cross_entropy() -> None:
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
    with head_taken_off(model) as head:
        ours = token_losses(model, head, collate([Example(ids[0].tolist(), 2, complete=True)]))
    assert ours.mean().item() == pytest.approx(own.item(), rel=1e-5)
