"""Test the cut head: the tokens that it keeps, and that its loss estimates that of the whole head."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from shelftalk.models import tiny
from shelftalk.models.tokens import Example
from shelftalk.training import vocabulary
from shelftalk.training.attention import PACKED
from shelftalk.training.loss import FrozenHeadLoss, head_taken_off
from shelftalk.training.vocabulary import CutHead, cut_head


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "KEPT", 40)
    monkeypatch.setattr(vocabulary, "SAMPLED", 32)


def make_head(size: int = 400, width: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    head = torch.randn(size, width, generator=generator)
    hidden = torch.randn(5, width, generator=generator)
    return head, hidden, (hidden @ head.T).softmax(1).mean(0)


def test_with_nothing_cut_it_is_the_whole_head(small: None) -> None:
    head, hidden, expected = make_head()
    whole = CutHead(head, torch.arange(len(head)), expected)
    targets = torch.tensor([3, 99, 0, 399, 7])
    found = FrozenHeadLoss.apply(hidden, *whole.parts(targets))  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, functional.cross_entropy(hidden @ head.T, targets, reduction="none"))


def test_the_cut_tokens_are_accounted_for(small: None) -> None:
    head, hidden, expected = make_head()
    kept = expected.topk(40).indices.sort().values
    cut = CutHead(head, kept, expected)
    targets = kept[torch.tensor([0, 5, 10, 20, 39])]
    whole = functional.cross_entropy(hidden @ head.T, targets, reduction="none")
    ignored = functional.cross_entropy(hidden @ head[kept].T, cut.row_of[targets], reduction="none")
    estimates = torch.empty(400, len(targets))
    for update in range(400):
        cut.begin_update(1, update)
        estimates[update] = FrozenHeadLoss.apply(hidden, *cut.parts(targets))  # type: ignore[no-untyped-call]
    normaliser = (whole - estimates).exp().reciprocal().mean(0)  # mean estimate of the sum over all, over the sum
    torch.testing.assert_close(normaliser, torch.ones(5), rtol=0.03, atol=0.03)
    assert (whole - estimates.mean(0)).abs().max() < 0.1 * (whole - ignored).abs().max()


def test_the_draw_depends_on_seed_and_update_alone(small: None) -> None:
    head, _, expected = make_head()
    cut = CutHead(head, torch.arange(40), expected)

    def draw(seed: int, update: int) -> torch.Tensor:
        cut.begin_update(seed, update)
        return cut.parts(torch.tensor([1]))[0].clone()

    first = draw(42, 7)
    assert not torch.equal(first, draw(42, 8))
    assert not torch.equal(first, draw(43, 7))
    torch.manual_seed(99)
    assert torch.equal(first, draw(42, 7))


def test_it_keeps_what_descriptions_contain_and_what_the_model_expects(small: None) -> None:
    model, _ = tiny.make()
    model.set_attn_implementation(PACKED)
    used = {5, 200, 201, 1}
    examples = [Example([2, 100, 5, 200, 201, 1], 2, complete=True)]
    with head_taken_off(model) as head:
        assert head is not None
        cut = cut_head(model, head, examples)
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([examples[0].ids[:-1]])).logits[0, 1:]
    assert used <= set(cut.kept.tolist())
    likely = (hidden @ head.T).softmax(1).mean(0).topk(30).indices.tolist()
    assert set(likely) <= set(cut.kept.tolist())
    assert len(cut.kept) == 40
    assert len(cut.cut) == len(head) - 40


def test_every_used_token_is_kept_also_where_they_are_many(small: None) -> None:
    model, _ = tiny.make()
    model.set_attn_implementation(PACKED)
    examples = [Example([2, *range(100, 160), 1], 2, complete=True)]
    with head_taken_off(model) as head:
        assert head is not None
        cut = cut_head(model, head, examples)
    assert set(range(101, 160)) <= set(cut.kept.tolist())
